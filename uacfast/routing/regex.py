"""Regular expressions of the routes, compiled ahead to automata that C runs over a message's octets.

Python's `re` parses the expression; Thompson's construction makes a program of it, and the sets of places in that
program that a text can have led to become the states of the automaton. An expression only says whether it is found in
the text, so groups capture nothing and lazy repeats are the same as greedy ones. What no automaton can do (lookaround,
references back) and what would grow past its bounds is refused when the configuration is read.
"""

from __future__ import annotations

import re
from array import array
from re import _constants as sre
from re import _parser as sre_parser

import msgspec

STATES_MAX = 2000
"""States of one automaton, as in csrc/dfa.h."""
PROGRAM_MAX = 4000
"""Steps of the program that an expression may unfold to: bounds the work of compiling it."""
DEAD, MATCHED = 0, 1

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "L": re.LOCALE}
_UNSUPPORTED = {
    sre.ASSERT: "lookaround, (?=…) or (?<=…)",
    sre.ASSERT_NOT: "negative lookaround, (?!…) or (?<!…)",
    sre.GROUPREF: "a reference back to a group, \\1 or (?P=name)",
    sre.GROUPREF_EXISTS: "a condition on a group, (?(1)…)",
    sre.ATOMIC_GROUP: "an atomic group, (?>…)",
    sre.POSSESSIVE_REPEAT: "a possessive repeat, *+ ++ ?+ or {m,n}+",
}

_ALL = (1 << 256) - 1
_NEWLINE = 1 << 10


def _octets(octets) -> int:
    """A set of octets as 256 bits of an integer."""
    return sum(1 << octet for octet in set(octets))


_DIGIT = _octets(b"0123456789")
_SPACE = _octets(b" \t\n\r\f\v")
_WORD = _DIGIT | _octets(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: _DIGIT,
    sre.CATEGORY_NOT_DIGIT: _ALL & ~_DIGIT,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_NOT_SPACE: _ALL & ~_SPACE,
    sre.CATEGORY_WORD: _WORD,
    sre.CATEGORY_NOT_WORD: _ALL & ~_WORD,
}
_UPPER = _octets(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _without_case(octets: int) -> int:
    """Every letter in both cases; upper and lower case lie 32 apart in ASCII."""
    upper = (octets | octets >> 32) & _UPPER
    return octets | upper | upper << 32


class Automaton(msgspec.Struct, frozen=True):
    """The tables of a `dfa` (csrc/dfa.h)."""

    states: int
    classes: int
    start: int
    class_of: bytes
    next: bytes
    """[states * classes] 16-bit numbers in the machine's order"""
    accepts_at_end: bytes


def compile_regex(pattern: str | bytes, ignore_case: bool = False) -> Automaton:
    """The automaton that tells whether `pattern` (Python's syntax) is found anywhere in a text of octets.

    A str stands for its UTF-8 octets; `.` and a negated class take one octet; \\d \\w \\s and case are those of ASCII.
    `$` is the end of the text only, since a header's text has no newline behind it. The flags i, s, x and a may be set
    in the pattern. Raises ValueError, a sentence for the author of the pattern, when it is not valid, has a construct
    that an automaton cannot do, or is too large.
    """
    program = _Program(pattern)
    try:
        parsed = _parsed(pattern)
        program.add(parsed, parsed.state.flags | (re.IGNORECASE if ignore_case else 0))
    except RecursionError:
        raise ValueError(f"The regular expression {pattern!r} nests too deep; use fewer groups.") from None
    return _tables(*_determinise(program))


def _parsed(pattern: str | bytes):
    try:
        return sre_parser.parse(pattern, re.ASCII if isinstance(pattern, str) else 0)
    except OverflowError:
        raise ValueError(f"The regular expression {pattern!r} repeats too often; use smaller counts.") from None
    except (re.error, ValueError) as error:   # the latter where flags exclude each other
        raise ValueError(f"The regular expression {pattern!r} is not valid: {error}.") from None


class _Program:
    """The expression as numbered steps. After a consuming step the text goes on at the next number.

    Step `n` consumes an octet of the set consumes[n], or leads on without one to each (step, assertion) of jumps[n].
    """

    def __init__(self, pattern):
        self.pattern = pattern
        self.consumes: list[int] = []
        self.jumps: list[list[tuple[int, object]]] = []
        self.assertions: set[object] = set()

    def refused(self, what: str) -> ValueError:
        return ValueError(f"The regular expression {self.pattern!r} uses {what}, which routes do not support; "
                          "write it without, or decide in the script.")

    def step(self, consumes: int = 0) -> int:
        if len(self.consumes) >= PROGRAM_MAX:
            raise ValueError(f"The regular expression {self.pattern!r} unfolds to more than {PROGRAM_MAX} steps; "
                             "use smaller repeat counts.")
        self.consumes.append(consumes)
        self.jumps.append([])
        return len(self.consumes) - 1

    def jump(self, source: int, target: int, assertion=None) -> None:
        self.jumps[source].append((target, assertion))

    @property
    def end(self) -> int:
        return len(self.consumes)

    def add(self, sequence, flags: int) -> None:
        for letter in "mL":
            if flags & _FLAGS[letter]:
                raise self.refused(f"the flag (?{letter})")
        for operation, argument in sequence:
            self.add_one(operation, argument, flags)

    def add_one(self, operation, argument, flags: int) -> None:
        if operation in _UNSUPPORTED:
            raise self.refused(_UNSUPPORTED[operation])
        match operation:
            case sre.LITERAL:
                for octet in self.encoded(argument):
                    self.step(self.folded(1 << octet, flags))
            case sre.NOT_LITERAL:
                self.step(self.octet_class([(sre.NEGATE, None), (sre.LITERAL, argument)], flags))
            case sre.IN:
                self.add_class(argument, flags)
            case sre.ANY:
                self.step(_ALL if flags & re.DOTALL else _ALL & ~_NEWLINE)
            case sre.BRANCH:
                self.add_branch(argument[1], flags)
            case sre.SUBPATTERN:
                _, added, removed, body = argument
                self.add(body, (flags | added) & ~removed)
            case sre.MAX_REPEAT | sre.MIN_REPEAT:
                self.add_repeat(*argument, flags)
            case sre.AT:
                self.assertions.add(argument)
                step = self.step()
                self.jump(step, step + 1, argument)
            case _:
                raise self.refused(f"the construct {operation}")

    def add_branch(self, choices, flags: int) -> None:
        ends = []
        for choice in choices[:-1]:
            split = self.step()
            self.jump(split, split + 1)
            self.add(choice, flags)
            ends.append(self.step())
            self.jump(split, self.end)
        self.add(choices[-1], flags)
        for end in ends:
            self.jump(end, self.end)

    def add_class(self, items, flags: int) -> None:
        """A class; the characters that are several octets become choices beside it."""
        long = [item for item in items if item[0] is sre.LITERAL and len(self.encoded(item[1])) > 1]
        if not long or items[0][0] is sre.NEGATE:
            self.step(self.octet_class(items, flags))
            return
        short = [item for item in items if item not in long]
        self.add_branch([[item] for item in long] + ([[(sre.IN, short)]] if short else []), flags)

    def add_repeat(self, least: int, most: int, body, flags: int) -> None:
        for _ in range(least):
            before = self.end
            self.add(body, flags)
            if self.end == before:
                break   # an empty body: further copies are no different
        if most is sre.MAXREPEAT:
            split = self.step()
            self.jump(split, split + 1)
            self.add(body, flags)
            self.jump(self.step(), split)
            self.jump(split, self.end)
            return
        splits = []
        for _ in range(most - least):
            splits.append(self.step())
            self.jump(splits[-1], self.end)
            self.add(body, flags)
        for split in splits:
            self.jump(split, self.end)

    def encoded(self, character: int) -> bytes:
        return chr(character).encode("utf-8", "surrogatepass") if isinstance(self.pattern, str) else bytes([character])

    @staticmethod
    def folded(octets: int, flags: int) -> int:
        return _without_case(octets) if flags & re.IGNORECASE else octets

    def octet_class(self, items, flags: int) -> int:
        octets, negated = 0, False
        for kind, value in items:
            match kind:
                case sre.NEGATE:
                    negated = True
                case sre.LITERAL:
                    octets |= 1 << self.class_octet(value)
                case sre.RANGE:
                    first, last = (self.class_octet(end) for end in value)
                    octets |= (1 << last + 1) - (1 << first)
                case sre.CATEGORY:
                    octets |= _CATEGORIES[value]
        octets = self.folded(octets, flags)
        return _ALL & ~octets if negated else octets

    def class_octet(self, character: int) -> int:
        if isinstance(self.pattern, str) and character > 127:
            raise self.refused(f"the character {chr(character)!r} in a range or negated class of octets")
        return character


class _Place(msgspec.Struct, frozen=True):
    """What is known between two octets of the text."""

    at_start: bool
    after_word: bool
    at_end: bool
    before_word: bool

    def holds(self, assertion) -> bool:
        match assertion:
            case sre.AT_BEGINNING | sre.AT_BEGINNING_STRING:
                return self.at_start
            case sre.AT_END | sre.AT_END_STRING:
                return self.at_end
            case sre.AT_BOUNDARY:
                return self.after_word != self.before_word
            case _:   # \B; like Python's before 3.14 it is not found in an empty text
                return self.after_word == self.before_word and not (self.at_start and self.at_end)


def _determinise(program: _Program):
    """(class_of, rows, accepts): the start is state 0, rows[state][class] is None where the text has matched."""
    found = 1 << program.end
    at_beginning = bool(program.assertions & {sre.AT_BEGINNING, sre.AT_BEGINNING_STRING, sre.AT_NON_BOUNDARY})
    by_word = bool(program.assertions & {sre.AT_BOUNDARY, sre.AT_NON_BOUNDARY})
    class_of, samples = _octet_classes({*filter(None, program.consumes), *([_WORD] if by_word else [])})
    words = [bool(by_word and _WORD >> sample & 1) for sample in samples]
    takers = [0] * len(samples)
    for step, consumes in enumerate(program.consumes):
        for number, sample in enumerate(samples):
            takers[number] |= (consumes >> sample & 1) << step

    follow = _Followers(program)
    first = (1, at_beginning, False)
    numbers = {first: 0}
    waiting = [first]
    rows, accepts = [], []
    for steps, at_start, after_word in waiting:   # grows while it is walked
        accepts.append(bool(follow.all(steps, _Place(at_start, after_word, True, False)) & found))
        reached = {word: follow.all(steps, _Place(at_start, after_word, False, word)) for word in set(words)}
        row = []
        for taker, word in zip(takers, words, strict=True):
            if reached[word] & found:
                row.append(None)
                continue
            # | 1: the expression may begin at every octet
            state = ((reached[word] & taker) << 1 | 1, False, word)
            if state not in numbers:
                if len(numbers) >= STATES_MAX - 2:
                    raise ValueError(f"The regular expression {program.pattern!r} needs more than {STATES_MAX} states; "
                                     "use smaller repeat counts, or anchor it with ^.")
                numbers[state] = len(numbers)
                waiting.append(state)
            row.append(numbers[state])
        rows.append(row)
    return class_of, rows, accepts


class _Followers:
    """The steps that a step leads to without an octet, itself included, as bits; kept per place."""

    def __init__(self, program: _Program):
        self.jumps = program.jumps + [[]]
        self.known: dict[_Place, dict[int, int]] = {}

    def all(self, steps: int, place: _Place) -> int:
        known = self.known.setdefault(place, {})
        reached = 0
        while steps:
            lowest = steps & -steps
            steps ^= lowest
            if reached & lowest:
                continue   # with a step its followers are in already
            step = lowest.bit_length() - 1
            if step not in known:
                known[step] = self.one(step, place)
            reached |= known[step]
        return reached

    def one(self, step: int, place: _Place) -> int:
        reached, waiting = 1 << step, [step]
        while waiting:
            for target, assertion in self.jumps[waiting.pop()]:
                if not reached >> target & 1 and (assertion is None or place.holds(assertion)):
                    reached |= 1 << target
                    waiting.append(target)
        return reached


def _octet_classes(sets: set[int]) -> tuple[list[int], list[int]]:
    """(the class of each octet, one octet of each class): a class holds the octets that no set tells apart."""
    numbers: dict[tuple, int] = {}
    class_of, samples = [], []
    for octet in range(256):
        membership = tuple(octets >> octet & 1 for octets in sets)
        if membership not in numbers:
            numbers[membership] = len(numbers)
            samples.append(octet)
        class_of.append(numbers[membership])
    return class_of, samples


def _tables(class_of: list[int], rows: list[list[int | None]], accepts: list[bool]) -> Automaton:
    """Folds the states whose outcome is settled into DEAD and MATCHED and numbers the others from 2."""
    sources: list[list[int]] = [[] for _ in rows]
    for state, row in enumerate(rows):
        for target in set(row):
            if target is not None:
                sources[target].append(state)
    may_match = _reaching(sources, (s for s, row in enumerate(rows) if accepts[s] or None in row))
    may_fail = _reaching(sources, (s for s in range(len(rows)) if not accepts[s]))

    open_states = [s for s in range(len(rows)) if s in may_match and s in may_fail]
    number = {s: n for n, s in enumerate(open_states, start=2)}
    number |= {s: DEAD for s in range(len(rows)) if s not in may_match}
    number |= {s: MATCHED for s in range(len(rows)) if s not in may_fail}
    number[None] = MATCHED

    table = [[DEAD] * len(rows[0]), [MATCHED] * len(rows[0])]
    table += [[number[target] for target in rows[s]] for s in open_states]
    columns = list(zip(*table, strict=True))
    merged = {column: n for n, column in enumerate(dict.fromkeys(columns))}
    cells = array("H", [cell for row in zip(*merged, strict=True) for cell in row])
    return Automaton(
        states=len(table),
        classes=len(merged),
        start=number[0],
        class_of=bytes(merged[columns[c]] for c in class_of),
        next=cells.tobytes(),
        accepts_at_end=bytes([0, 1, *(accepts[s] for s in open_states)]),
    )


def _reaching(sources: list[list[int]], goals) -> set[int]:
    reached = set(goals)
    waiting = list(reached)
    while waiting:
        for source in sources[waiting.pop()]:
            if source not in reached:
                reached.add(source)
                waiting.append(source)
    return reached
