"""On which line each key of a TOML document stands.

tomllib gives values without positions. This scanner runs after tomllib has accepted the text, so it follows the
structure of a document that is known to be valid and judges nothing.
"""
import re
import tomllib
from bisect import bisect_right

from .problems import Path

# Unrolled loops and no possessive repeats: those of Python 3.11.2, which Debian 12 has, match too little.
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?")
_BLANK_LINES = re.compile(r"[ \t\n]*(?:#[^\n]*[ \t\n]*)*")
_KEY_PART = re.compile(r"""(?P<bare>[A-Za-z0-9_-]+)|(?P<literal>'[^'\n]*')"""
                       r"""|(?P<basic>"[^"\\\n]*(?:\\.[^"\\\n]*)*")""")
_STRING = re.compile(r'''"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""(?:""|")?|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'''
                     r"""|'''[^']*(?:'(?!'')[^']*)*'''(?:''|')?|'[^'\n]*'""", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.newlines = [match.start() for match in re.finditer("\n", text)]
        self.elements: dict[Path, int] = {}          # arrays of tables written as [[name]]: elements so far

    def document(self) -> None:
        table: Path = ()
        self.skip(_BLANK_LINES)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.assignment(table)
            self.skip(_BLANK_LINES)

    def skip(self, pattern: re.Pattern[str]) -> None:
        self.at = pattern.match(self.text, self.at).end()

    def line(self) -> int:
        return bisect_right(self.newlines, self.at) + 1

    def key(self) -> list[str]:
        """A dotted key; stands behind it and the blanks that follow."""
        parts = []
        while True:
            self.skip(_BLANK)
            match = _KEY_PART.match(self.text, self.at)
            self.at = match.end()
            if match["bare"] is not None:
                parts.append(match["bare"])
            else:
                parts.append(tomllib.loads("key = " + match[0])["key"])      # undoes the escapes
            self.skip(_BLANK)
            if self.text[self.at:self.at + 1] != ".":
                return parts
            self.at += 1

    def header(self) -> Path:
        line = self.line()
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        parts = self.key()
        self.at += 2 if array else 1
        path: Path = ()
        for part in parts[:-1]:
            path = self.current(path + (part,), line)
        if not array:
            path = self.current(path + (parts[-1],), line)
            self.lines[path] = line
            return path
        path += (parts[-1],)
        self.lines.setdefault(path, line)
        count = self.elements.get(path, 0)
        self.elements[path] = count + 1
        path += (count,)
        self.lines[path] = line
        return path

    def current(self, path: Path, line: int) -> Path:
        """The table that a header means by `path`: of an array of tables, the element begun last."""
        if path in self.elements:
            return path + (self.elements[path] - 1,)
        self.lines.setdefault(path, line)
        return path

    def assignment(self, table: Path) -> None:
        self.skip(_BLANK)
        line = self.line()
        path = table
        for part in self.key():
            path += (part,)
            self.lines.setdefault(path, line)
        self.at += 1                                 # the equals sign
        self.skip(_BLANK)
        self.value(path)

    def value(self, path: Path) -> None:
        start = self.text[self.at]
        if start == "[":
            self.array(path)
        elif start == "{":
            self.inline_table(path)
        else:
            self.skip(_STRING if start in "\"'" else _SCALAR)

    def array(self, path: Path) -> None:
        self.at += 1
        count = 0
        while True:
            self.skip(_BLANK_LINES)
            if self.text[self.at] == "]":
                self.at += 1
                return
            self.lines[path + (count,)] = self.line()
            self.value(path + (count,))
            count += 1
            self.skip(_BLANK_LINES)
            if self.text[self.at] == ",":
                self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self.skip(_BLANK)
            if self.text[self.at] == "}":
                self.at += 1
                return
            self.assignment(path)
            self.skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1


def locate(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and list element of a TOML document that tomllib accepts.

    A path is a tuple of keys and list positions: `("route", 2, "relay", 0)`. A table that only a longer header or a
    dotted key creates stands where that first happens. RecursionError: values nested too deeply.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines
