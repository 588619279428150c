"""How the errors of a configuration file are told."""
import json
from typing import Any

import msgspec

Path = tuple[str | int, ...]

_LONGEST_VALUE = 80


class Problem(msgspec.Struct, frozen=True):
    """One error.

    line: of the key, or of its table when the key is missing; 0 when the error is about the whole file.
    key: the full path, e.g. `route[2].replace_from.uri`, list positions from 0; "" for the whole file.
    value: as given, shortened; `***` for a secret; "" when there is none to show.
    expected: a phrase that reads after a colon, e.g. "expected an integer from 1 to 64".
    route: the name of the route it is in, if it has one.
    """

    line: int
    key: str
    value: str
    expected: str
    route: str = ""

    def text(self, path: str) -> str:
        """The error as one line, for the file `path`."""
        place = f"{path}:{self.line}: " if self.line else f"{path}: "
        if self.key:
            place += self.key
            place += f" (route {show(self.route)})" if self.route else ""
            place += f" = {self.value}" if self.value else ""
            place += ": "
        return place + self.expected


class ConfigError(Exception):
    """A configuration file that cannot be used: `problems` holds every error, in the order of lines."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        return "\n".join(problem.text(self.path) for problem in self.problems)


def _printable(text: str) -> str:
    """A terminal must not act on what a file holds: everything unprintable is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def show(value: Any) -> str:
    """A TOML value on one line, not longer than a line should be. Tables are not shown: they may hold secrets."""
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list):
        return "[…]" if value else "[]"
    if isinstance(value, str):
        text = _printable(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, int) and abs(value) > 10**_LONGEST_VALUE:
        return "a number of more than 80 digits"         # str() refuses numbers of more than 4300 digits
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE - 1] + "…"


def _key(part: str) -> str:
    bare = part.isascii() and part.replace("-", "").replace("_", "").isalnum()
    return part if bare else _printable(json.dumps(part, ensure_ascii=False))


def dotted(path: Path) -> str:
    """A path as the operator writes it: `route[2].replace_from.uri`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_key(part)}" if text else _key(part)
    return text if len(text) <= 3 * _LONGEST_VALUE else text[:3 * _LONGEST_VALUE - 1] + "…"
