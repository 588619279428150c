"""A tiny SIP reader for tests, independent of the parser under test.

Everything is Latin-1 text, one character per octet, so that octets can be compared exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type",
    "f": "from", "s": "subject", "k": "supported", "t": "to", "v": "via", "o": "event", "r": "refer-to",
    "b": "referred-by", "x": "session-expires", "a": "accept-contact", "u": "allow-events",
    "j": "reject-contact", "d": "request-disposition", "y": "identity",
}  # fmt: skip


def canonical(name: str) -> str:
    """Lower-case long form of a header name."""
    lowered = name.strip().lower()
    return COMPACT.get(lowered, lowered)


def split_list(value: str) -> list[str]:
    """Split a header value at the commas outside quotes and angle brackets."""
    parts, depth, quoted, escaped, start = [], 0, False, False, 0
    for position, character in enumerate(value):
        if quoted:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character == "<":
            depth += 1
        elif character == ">":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(value[start:position].strip())
            start = position + 1
    parts.append(value[start:].strip())
    return parts


def uri_of(value: str) -> str:
    """URI of a From, To, Contact, Route or Record-Route value."""
    without_quotes = re.sub(r'"(?:[^"\\]|\\.)*"', "", value)
    if "<" in without_quotes:
        return without_quotes[without_quotes.index("<") + 1 : without_quotes.index(">")]
    return without_quotes.split(";")[0].strip()


def display_of(value: str) -> str:
    """Display name before the `<`, as written and stripped; empty when there is none."""
    quoted = re.match(r'\s*"(?:[^"\\]|\\.)*"', value)
    if quoted:
        return quoted.group().strip()
    return value.split("<")[0].strip() if "<" in value else ""


def name_addr_of(value: str) -> str:
    """Everything of a From or To value up to its header parameters."""
    quoted = re.match(r'\s*"(?:[^"\\]|\\.)*"', value)
    start = quoted.end() if quoted else 0
    end = value.index(">", start) + 1 if "<" in value[start:] else (value + ";").index(";", start)
    return value[:end]


def parameters_of(text: str) -> dict[str, str | None]:
    """Parameters after the first `;` (outside brackets when there are any); a flag parameter maps to None."""
    without_quotes = re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: m.group().replace(";", "\0"), text)
    if "<" in without_quotes:
        without_quotes = without_quotes[without_quotes.rindex(">") + 1 :]
    found: dict[str, str | None] = {}
    for piece in without_quotes.split(";")[1:]:
        name, equals, value = piece.replace("\0", ";").partition("=")
        found[name.strip()] = value.strip() if equals else None
    return found


def uri_parameters(uri: str) -> dict[str, str | None]:
    """Parameters of a bare URI, looked for after the host part."""
    return parameters_of("x;" + uri.split("@")[-1].partition(";")[2]) if ";" in uri.split("@")[-1] else {}


@dataclass
class Message:
    """One datagram, read."""

    raw: bytes
    start_line: str
    headers: list[tuple[str, str]]
    body: bytes
    source: tuple[str, int] = ("", 0)
    received_at: float = 0.0
    lines: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, raw: bytes, source: tuple[str, int] = ("", 0), received_at: float = 0.0) -> Message:
        """Read one datagram; raises ValueError when it has no empty line or a line has no colon."""
        head, separator, body = raw.partition(b"\r\n\r\n")
        if not separator:
            raise ValueError(f"no empty line in {raw!r}")
        lines = head.decode("latin-1").split("\r\n")
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            if line[:1] in (" ", "\t") and headers:
                name, value = headers[-1]
                headers[-1] = (name, value + "\r\n" + line)
                continue
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"a header line without a colon: {line!r}")
            headers.append((name, value))
        return cls(raw, lines[0], headers, body, source, received_at, lines)

    @classmethod
    def read(cls, raw: bytes, source: tuple[str, int], received_at: float) -> Message:
        """Like parse, but a datagram that is no message becomes one without headers."""
        try:
            return cls.parse(raw, source, received_at)
        except ValueError:
            return cls(raw, raw.decode("latin-1").split("\r\n")[0], [], b"", source, received_at)

    def all(self, name: str) -> list[str]:
        """Values of every line of this header, unfolded and stripped."""
        wanted = canonical(name)
        return [re.sub(r"\r\n[ \t]+", " ", v).strip() for n, v in self.headers if canonical(n) == wanted]

    def raw_value(self, name: str) -> str:
        """Value of the first line exactly as it came, the white space after the colon included."""
        wanted = canonical(name)
        return next(v for n, v in self.headers if canonical(n) == wanted)

    def get(self, name: str) -> str:
        """Value of the first line; raises KeyError when there is none."""
        values = self.all(name)
        if not values:
            raise KeyError(f"no {name} in\n{self.text}")
        return values[0]

    def has(self, name: str) -> bool:
        return bool(self.all(name))

    def values(self, name: str) -> list[str]:
        """Values of a list header over all its lines, split at commas."""
        return [part for line in self.all(name) for part in split_list(line)]

    @property
    def text(self) -> str:
        return self.raw.decode("latin-1")

    @property
    def is_request(self) -> bool:
        return not self.start_line.upper().startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """Method of a request, method of the CSeq of a reply."""
        if self.is_request:
            return self.start_line.split(" ", 1)[0]
        return self.get("CSeq").split()[-1] if self.has("CSeq") else ""

    @property
    def request_uri(self) -> str:
        return self.start_line.split(" ")[1]

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start_line.split(" ")[1])

    @property
    def reason(self) -> str:
        return self.start_line.split(" ", 2)[2]

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.get("CSeq").split()
        return int(number), method

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def vias(self) -> list[str]:
        return self.values("Via")

    @property
    def branch(self) -> str:
        return parameters_of(self.vias[0])["branch"] or ""

    @property
    def from_uri(self) -> str:
        return uri_of(self.get("From"))

    @property
    def to_uri(self) -> str:
        return uri_of(self.get("To"))

    @property
    def from_tag(self) -> str | None:
        return parameters_of(self.get("From")).get("tag")

    @property
    def to_tag(self) -> str | None:
        return parameters_of(self.get("To")).get("tag")

    def __str__(self) -> str:
        return self.text
