"""Compiled regular expressions that a route tries on a message's octets without making Python objects."""
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcpy

from uacfast.leaves.dfa cimport dfa_is_valid, dfa_matches

from uacfast.routing.regex import compile_regex


cdef class Regex:
    """`pattern` as uacfast.routing.regex.compile_regex() takes it; raises the same ValueError."""

    def __cinit__(self, pattern, bint ignore_case=False):
        tables = compile_regex(pattern, ignore_case)
        cdef bytes class_of = tables.class_of
        self.pattern = pattern
        self.next = tables.next
        self.accepts_at_end = tables.accepts_at_end
        self.automaton.states = tables.states
        self.automaton.classes = tables.classes
        self.automaton.start = tables.start
        if (len(class_of) != 256 or len(self.accepts_at_end) != tables.states
                or len(self.next) != tables.states * tables.classes * sizeof(uint16_t)):
            raise RuntimeError(f"The tables of the regular expression {pattern!r} do not fit together.")
        memcpy(self.automaton.class_of, <const char *>class_of, 256)
        self.automaton.next = <const uint16_t *><const char *>self.next
        self.automaton.accepts_at_end = <const uint8_t *><const char *>self.accepts_at_end
        if not dfa_is_valid(&self.automaton):
            raise RuntimeError(f"The tables of the regular expression {pattern!r} are out of bounds.")

    cdef bint matches(self, const char *at, size_t length) noexcept nogil:
        """Whether the expression is found in the `length` octets at `at` (which may be NULL when there are none)."""
        return dfa_matches(&self.automaton, at, length) != 0

    def search(self, bytes text not None):
        """Whether the expression is found anywhere in `text`, as bool(re.search(pattern, text))."""
        return self.matches(<const char *>text, len(text))

    @property
    def states(self):
        """How many states the automaton has, the dead and the matched one included."""
        return self.automaton.states

    def __repr__(self):
        return f"Regex({self.pattern!r})"
