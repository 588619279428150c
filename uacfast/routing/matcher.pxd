from uacfast.leaves.dfa cimport dfa


cdef class Regex:
    cdef dfa automaton
    cdef bytes next, accepts_at_end   # what the automaton points into
    cdef readonly object pattern

    cdef bint matches(self, const char *at, size_t length) noexcept nogil
