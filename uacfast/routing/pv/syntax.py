"""The syntax of pseudo-variables (kemi-python.md §4): text in, a small tree out. Names mean nothing here."""
import re
from collections.abc import Callable
from dataclasses import dataclass

LENGTH_MAX = 8192       # characters of one text
DEPTH_MAX = 16          # variables within variables

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_NUMBER = re.compile(r"-?[0-9]{1,9}\Z")
_STEP = re.compile(r"[a-z]+(?:\.[a-z0-9]+)+")


@dataclass(frozen=True, slots=True)
class Step:
    """One transformation: `s.substr` and its parameters, each a text or a variable."""
    name: str
    parameters: tuple["str | Variable", ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$(name(inner)[index]{step}{step})`; `inner` is None without parentheses."""
    source: str
    name: str
    inner: "tuple[str | Variable, ...] | None" = None
    index: "int | str | Variable | None" = None
    steps: tuple[Step, ...] = ()


def parse_variable(text: str, known: Callable[[str], bool]) -> Variable:
    """The variable that the whole of `text` is. ValueError, a sentence, when it is none."""
    reader = _Reader(text, known)
    if not text.startswith("$"):
        raise ValueError(f"{text!r} is no variable: it does not begin with a dollar sign.")
    variable = reader.variable(exact=True)
    if reader.at != len(text):
        raise ValueError(f"{text!r} is more than one variable; a mixed text cannot stand here.")
    return variable


def parse_text(text: str, known: Callable[[str], bool]) -> tuple[str | Variable, ...]:
    """The pieces of a text with variables in it. `$$`, and a `$` before no name and no bracket, is a dollar sign.

    ValueError, a sentence, for a variable that cannot be read.
    """
    return _Reader(text, known).text(inside=False)


class _Reader:
    """A place in a text."""

    def __init__(self, whole: str, known: Callable[[str], bool]) -> None:
        if len(whole) > LENGTH_MAX:
            raise ValueError(f"A text with variables can have {LENGTH_MAX} characters, not {len(whole)}.")
        self.whole = whole
        self.known = known
        self.at = 0
        self.depth = 0

    def error(self, problem: str) -> ValueError:
        return ValueError(f"{self.whole!r}, character {self.at + 1}: {problem}")

    def peek(self) -> str:
        return self.whole[self.at:self.at + 1]

    def skip_white(self) -> None:
        while self.peek() in (" ", "\t"):
            self.at += 1

    def variable(self, exact: bool) -> Variable:
        """From the dollar sign on. Without `exact` a name in a text ends where the longest known one does: `$rU_x`."""
        begin = self.at
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self.error(f"variables can stand within each other {DEPTH_MAX} deep.")
        self.at += 1
        if self.peek() == "$":
            self.at += 1
            variable = Variable("$$", "$")
        elif self.peek() == "(":
            self.at += 1
            name = self.name()
            inner = self.inner() if self.peek() == "(" else None
            index = self.index() if self.peek() == "[" else None
            steps = self.steps()
            self.skip_white()
            if self.peek() != ")":
                raise self.error("the variable is not closed by a bracket.")
            self.at += 1
            variable = Variable(self.whole[begin:self.at], name, inner, index, steps)
        else:
            name = self.name()
            if not exact and not self.known(name):
                name = self.shortened(name)
            inner = self.inner() if self.peek() == "(" else None
            variable = Variable(self.whole[begin:self.at], name, inner)
        self.depth -= 1
        return variable

    def name(self) -> str:
        match = _NAME.match(self.whole, self.at)
        if match is None:
            raise self.error("the name of a variable is missing.")
        self.at = match.end()
        return match[0]

    def shortened(self, name: str) -> str:
        for length in range(len(name) - 1, 0, -1):
            if self.known(name[:length]):
                self.at -= len(name) - length
                return name[:length]
        return name

    def inner(self) -> tuple[str | Variable, ...]:
        self.at += 1
        pieces = self.text(inside=True)
        self.at += 1
        return pieces

    def text(self, inside: bool) -> tuple[str | Variable, ...]:
        """Texts and variables, to the end or, `inside`, to the bracket that closes."""
        pieces: list[str | Variable] = []
        literal = ""
        brackets = 0
        while True:
            character = self.peek()
            if character == "":
                if inside:
                    raise self.error("the bracket after the name is not closed.")
                break
            if character == ")" and inside:
                if brackets == 0:
                    break
                brackets -= 1
            if character == "(":
                brackets += 1
            if character == "$":
                following = self.whole[self.at + 1:self.at + 2]
                if following == "$":
                    literal += "$"
                    self.at += 2
                    continue
                if following == "(" or following.isascii() and (following.isalpha() or following == "_"):
                    if literal:
                        pieces.append(literal)
                        literal = ""
                    pieces.append(self.variable(exact=False))
                    continue
            literal += character
            self.at += 1
        if literal:
            pieces.append(literal)
        return tuple(pieces)

    def index(self) -> int | str | Variable:
        self.at += 1
        if self.peek() == "$":
            index: int | str | Variable = self.variable(exact=True)
            if self.peek() != "]":
                raise self.error("an index ends with a square bracket.")
        else:
            end = self.whole.find("]", self.at)
            text = self.whole[self.at:end].strip() if end >= 0 else ""
            if text != "*" and not _NUMBER.match(text):
                raise self.error("an index is a number, * or a variable, in square brackets.")
            index = text if text == "*" else int(text)
            self.at = end
        self.at += 1
        return index

    def steps(self) -> tuple[Step, ...]:
        steps = []
        while self.peek() == "{":
            self.at += 1
            match = _STEP.match(self.whole, self.at)
            if match is None:
                raise self.error("a transformation such as {s.len} is expected.")
            self.at = match.end()
            parameters = self.expression() if match[0].startswith("re.") else self.parameters()
            if self.peek() != "}":
                raise self.error(f"the transformation {match[0]} is not closed by a brace.")
            self.at += 1
            steps.append(Step(match[0], parameters))
        return tuple(steps)

    def parameters(self) -> tuple[str | Variable, ...]:
        parameters: list[str | Variable] = []
        while self.peek() == ",":
            self.at += 1
            following = self.whole[self.at + 1:self.at + 2]
            if self.peek() == "$" and (following == "(" or following.isalpha() or following == "_"):
                parameters.append(self.variable(exact=True))
                self.skip_white()
            elif self.whole.startswith(",}", self.at):
                self.at += 1
                parameters.append(",")      # {s.select,1,,}: the comma is the separator
            else:
                begin = self.at
                while self.peek() not in (",", "}", ""):
                    self.at += 1
                parameters.append(self.whole[begin:self.at])
        return tuple(parameters)

    def expression(self) -> tuple[str, ...]:
        """`,/expression/replacement/flags`: what is between the delimiters may hold commas and braces."""
        if self.peek() != ",":
            raise self.error("an expression such as /a/b/g is expected.")
        self.at += 1
        begin, delimiter, found = self.at, self.peek(), 0
        if delimiter in ("", "}", "\\"):
            raise self.error("an expression such as /a/b/g is expected.")
        while found < 3:
            character = self.peek()
            if character == "":
                raise self.error("the expression needs its delimiter three times.")
            if character == "\\":
                self.at += 1
            elif character == delimiter:
                found += 1
            self.at += 1
        while self.peek() not in ("}", ""):
            self.at += 1
        return (self.whole[begin:self.at],)
