"""binrpc, the packets of kamcmd: requests read, replies and faults written, and the other way round for clients.

A packet is a header (magic, type, length, cookie) and a flat sequence of records; the first octet of a record holds
type and size. Numbers are big-endian and as short as they can be. The values are those of uacfast.control.dispatcher.
"""
from typing import Any, NamedTuple

from uacfast.control.dispatcher import Members, Number
from uacfast.fault import Fault

REQUEST, REPLY, FAULT = 0, 1, 3
PACKET_OCTETS_MAX = 131_072         # what the stock client can take, header included
ARGUMENTS_MAX = 256
FAULT_TEXT_OCTETS_MAX = 255
DEPTH_MAX = 16                      # structs within structs, of what a client reads

_MAGIC_VERSION = 0xA1
_INT, _STRING, _DOUBLE, _STRUCT, _ARRAY, _NAME, _BYTES = range(7)
_STRUCT_START, _STRUCT_END, _ARRAY_START, _ARRAY_END = 0x03, 0x83, 0x04, 0x84
_REFUSED_TYPES = {_STRUCT: "structure", _ARRAY: "array", _BYTES: "bytes array", _NAME: "any"}
_NULL_STRING = "<null string>"
_INT64_MAX = 2**63 - 1


class CorruptedPacket(Exception):
    """Octets that are no packet; `cookie` is what could be read of it, else 0, `message` what the fault says."""

    def __init__(self, message: str, cookie: int = 0):
        super().__init__(message)
        self.message = message
        self.cookie = cookie


class Header(NamedTuple):
    """The beginning of a packet: its own octets, those of the body, the type and the cookie."""
    octets: int
    body_octets: int
    type: int
    cookie: int


class Request(NamedTuple):
    """A request as the server reads it."""
    method: str
    arguments: list[Any]


# === Writing ===

def _minimal(value: int) -> bytes:
    """The fewest octets that hold an unsigned number; none for 0."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _text(value: str, kind: int) -> bytes:
    octets = value.encode("utf-8", "surrogateescape").replace(b"\0", b"") + b"\0"
    if len(octets) < 8:
        return bytes((len(octets) << 4 | kind,)) + octets
    length = _minimal(len(octets))
    return bytes(((len(length) | 8) << 4 | kind,)) + length + octets


def _int(value: int) -> bytes:
    octets = _minimal(value & 0xFFFFFFFF)
    return bytes((len(octets) << 4 | _INT,)) + octets


def _double(value: float) -> bytes:
    thousandths = value * 1000
    if isinstance(value, float):
        # What does not fit is sent as the C cast does it: the smallest number.
        thousandths = int(thousandths) if abs(thousandths) < 2.0**63 else -2**63
    octets = _minimal(max(min(thousandths, _INT64_MAX), -2**63) & 0xFFFFFFFFFFFFFFFF)
    return bytes((len(octets) << 4 | _DOUBLE,)) + octets


def _put(out: bytearray, value: Any) -> None:
    """One value within a struct or by itself."""
    if value is None:
        value = _NULL_STRING
    if isinstance(value, str):
        out += _text(value, _STRING)
    elif isinstance(value, Number):
        out += _double(value)
    elif isinstance(value, int):
        out += _int(value) if -2**31 <= value < 2**31 else _double(value)
    elif isinstance(value, float):
        out += _double(value)
    else:
        _put_struct(out, value)


def _put_struct(out: bytearray, value: Any) -> None:
    """Kamailio sends lists as structs whose members have no names: the client refuses an array within a struct."""
    out.append(_STRUCT_START)
    if isinstance(value, dict | Members):
        for name, member in value.items() if isinstance(value, dict) else value:
            out += _text(name, _NAME)
            _put(out, member)
    elif isinstance(value, list | tuple):
        # A list of one-member structs is one struct with these members (dlg.list variables, ul.dump).
        named = all(isinstance(member, dict) and len(member) == 1 for member in value)
        for member in value:
            if named:
                (name, content), = member.items()
                out += _text(name, _NAME)
                _put(out, content)
            else:
                _put(out, member)
    else:
        raise TypeError(f"binrpc cannot carry {type(value).__name__}")
    out.append(_STRUCT_END)


def body_of(result: Any) -> bytes:
    """The body of a reply: nothing, one value, or of a list one after another."""
    out = bytearray()
    if isinstance(result, list) and not isinstance(result, Members):
        for value in result:
            _put(out, value)
            if len(out) > PACKET_OCTETS_MAX:
                break
    elif result is not None:
        _put(out, result)
    return bytes(out)


def packet(kind: int, cookie: int, body: bytes) -> bytes:
    """A whole packet. `kind`: REQUEST, REPLY or FAULT."""
    length = _minimal(len(body)) or b"\0"
    name = _minimal(cookie) or b"\0"
    return bytes((_MAGIC_VERSION, kind << 4 | len(length) - 1 << 2 | len(name) - 1)) + length + name + body


def fault_packet(cookie: int, code: int, message: str) -> bytes:
    """The packet of a fault; its text is cut where Kamailio cuts it."""
    text = message.encode("utf-8", "surrogateescape")[:FAULT_TEXT_OCTETS_MAX].decode("utf-8", "ignore")
    return packet(FAULT, cookie, _int(code) + _text(text, _STRING))


def reply_packet(cookie: int, result: Any) -> bytes:
    """The packet of a result, or of a fault when the stock client could not read it."""
    whole = packet(REPLY, cookie, body_of(result))
    if len(whole) > PACKET_OCTETS_MAX:
        return fault_packet(cookie, 500, f"reply too big: more than {PACKET_OCTETS_MAX} octets; ask for less, or over "
                                         "JSON-RPC")
    return whole


def request_packet(cookie: int, method: str, arguments: list[Any]) -> bytes:
    """The packet of a request; the arguments are str, int or float."""
    return packet(REQUEST, cookie, body_of([method, *arguments]))


# === Reading ===

def read_header(data: bytes | bytearray) -> Header | None:
    """The header at the beginning of `data`, None while it is not complete. CorruptedPacket: it is none."""
    if data and data[0] != _MAGIC_VERSION:
        raise CorruptedPacket("bad request: corrupted packet")
    if len(data) < 2:
        return None
    kind, length_octets, cookie_octets = data[1] >> 4, (data[1] >> 2 & 3) + 1, (data[1] & 3) + 1
    if kind not in (REQUEST, REPLY, FAULT):
        raise CorruptedPacket("bad request: corrupted packet")
    end = 2 + length_octets + cookie_octets
    if len(data) < end:
        return None
    return Header(octets=end, body_octets=int.from_bytes(data[2:2 + length_octets], "big"), type=kind,
                  cookie=int.from_bytes(data[2 + length_octets:end], "big"))


class _Reader:
    """Record after record of one body."""

    def __init__(self, body: bytes):
        self.body = body
        self.at = 0

    @property
    def at_end(self) -> bool:
        return self.at >= len(self.body)

    def _take(self, count: int) -> bytes:
        if self.at + count > len(self.body):
            raise ValueError("more data needed")
        self.at += count
        return self.body[self.at - count:self.at]

    def record(self) -> tuple[int, Any]:
        """(type, value) of the next one; a struct or array gives True for its start, False for its end. ValueError:
        why there is none."""
        if self.at_end:
            raise ValueError("end of packet encountered")
        first = self._take(1)[0]
        kind, size, long = first & 15, first >> 4 & 7, first >> 7
        if kind == _DOUBLE:
            # The size is a plain number here, up to 8.
            octets = self._take(first >> 4)
            return kind, _signed(octets, 8) / 1000
        if kind in (_STRUCT, _ARRAY):
            return kind, not long
        if long:
            size = int.from_bytes(self._take(size), "big")
        if kind == _INT:
            if size > 4:
                raise ValueError("bug -- internal error")
            return kind, _signed(self._take(size), 4)
        octets = self._take(size)
        if kind == _BYTES:
            return kind, octets
        if kind not in (_STRING, _NAME):
            raise ValueError("record doesn't match type")
        if not octets or octets[-1]:
            raise ValueError("bug -- internal error")
        return kind, octets[:-1].decode("utf-8", "surrogateescape")


def _signed(octets: bytes, width: int) -> int:
    if len(octets) > width:
        raise ValueError("bug -- internal error")
    value = int.from_bytes(octets, "big")
    return value - (1 << 8 * width) if value >> 8 * width - 1 else value


def read_request(header: Header, body: bytes) -> Request:
    """The method and its arguments. CorruptedPacket: no request at all, the connection is to be closed; Fault: an
    argument that no command takes."""
    if header.type != REQUEST:
        raise CorruptedPacket("bad request: corrupted packet", header.cookie)
    reader = _Reader(body)
    try:
        kind, method = reader.record()
        if kind != _STRING:
            raise ValueError("record doesn't match type")
    except ValueError as error:
        raise CorruptedPacket(f"bad request method: {error}", header.cookie) from None
    arguments: list[Any] = []
    while not reader.at_end:
        number = len(arguments)
        if number == ARGUMENTS_MAX:
            raise Fault(400, f"more than {ARGUMENTS_MAX} arguments")
        try:
            kind, value = reader.record()
        except ValueError as error:
            raise Fault(400, f"error at parameter {number}: expected any type but {error}") from None
        if kind in _REFUSED_TYPES:
            raise Fault(400, f"error at parameter {number}: expected {_REFUSED_TYPES[kind]} type but record doesn't "
                             "match type")
        arguments.append(value)
    return Request(method, arguments)


def read_reply(header: Header, body: bytes) -> list[Any]:
    """The values of a reply, for a client; structs are Members, or lists where they have no names. Raises the Fault of
    a fault packet; CorruptedPacket."""
    reader = _Reader(body)
    values: list[Any] = []
    try:
        while not reader.at_end:
            values.append(_value(reader, *reader.record(), 0))
    except ValueError as error:
        raise CorruptedPacket(f"the reply cannot be read: {error}", header.cookie) from None
    if header.type == FAULT:
        if len(values) != 2 or type(values[0]) is not int or not isinstance(values[1], str):
            raise CorruptedPacket("the fault cannot be read", header.cookie)
        raise Fault(values[0], values[1])
    return values


def _value(reader: _Reader, kind: int, value: Any, depth: int) -> Any:
    if kind not in (_STRUCT, _ARRAY):
        if kind == _NAME:
            raise ValueError("a name outside of a struct")
        return value
    if not value or depth == DEPTH_MAX:
        raise ValueError("an end without a start" if not value else "too many structs within structs")
    named, plain = Members(), []
    while True:
        inner, content = reader.record()
        if inner == kind and content is False:
            if named and plain:
                raise ValueError("members with and without names")
            return plain if plain else named
        if inner == _NAME:
            named.append((content, _value(reader, *reader.record(), depth + 1)))
        else:
            plain.append(_value(reader, inner, content, depth + 1))
