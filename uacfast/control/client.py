"""Our own client: one command over HTTP, the JSON datagram socket or binrpc, and its result for humans.

Arguments are typed as kamcmd does it: a whole decimal number is an int, any other number a float, all else a text; `s:`
before it makes it a text.
"""
import http.client
import itertools
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from uacfast.control import binrpc
from uacfast.control.dispatcher import Members
from uacfast.fault import Fault

PATIENCE_SECONDS = 30.0
REPLY_OCTETS_MAX = 256 << 20
_DATAGRAM_OCTETS = 65_536
_WIDTH_UNBOUNDED = 1 << 20
_COLUMNS_MAX = 12           # a table with more is shown record by record


class NoAnswer(Exception):
    """The server cannot be reached or does not answer as one; the text is a sentence."""


class Target(NamedTuple):
    """Where a server is. `kind`: http, json (datagram socket), or a binrpc kind: unixs, unixd, tcp, udp."""
    kind: str
    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}" if self.path else f"{self.kind}://{self.host}:{self.port}"


def http_target(url: str) -> Target:
    """From `http://host:port`. ValueError: it is none."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f'"{url}" is not http://host:port')
    return Target("http", host=parts.hostname, port=parts.port or 80)


def targets_of(control: Any) -> list[Target]:
    """The ways in that a [control] section opens, the most capable first."""
    found = []
    if control.http_address is not None:
        host, port = control.http_address
        found.append(Target("http", host={"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port=port))
    binrpc_targets = [Target(address.kind, address.path, address.host, address.port)
                      for address in control.binrpc_addresses]
    found += [target for target in binrpc_targets if target.kind in ("unixs", "tcp")]
    if control.unix:
        found.append(Target("json", control.unix))
    return found + [target for target in binrpc_targets if target.kind not in ("unixs", "tcp")]


def typed(text: str) -> int | float | str:
    """An argument as kamcmd would send it; an empty one is the int 0."""
    if text.startswith("s:"):
        return text[2:]
    plain = text.strip(" ") == text and "_" not in text
    try:
        if plain:
            return int(text or "0")
    except ValueError:
        pass
    try:
        if plain:
            number = float.fromhex(text) if text.lower().lstrip("+-").startswith("0x") else float(text)
            if number - number == 0:        # "nan" and "inf" are names here
                return number
    except (ValueError, OverflowError):
        pass
    return text


def call(target: Target, method: str, arguments: list[Any], patience: float = PATIENCE_SECONDS) -> Any:
    """The result of a command. Raises its Fault; NoAnswer."""
    try:
        if target.kind == "http":
            return _result_of(http_request(target, "POST", "/rpc", _document(method, arguments), patience))
        if target.kind == "json":
            with _datagram_socket(socket.AF_UNIX, patience) as client:
                client.connect(target.path)
                client.send(_document(method, arguments))
                return _result_of(client.recv(_DATAGRAM_OCTETS))
        return _call_binrpc(target, method, arguments, patience)
    except TimeoutError:
        raise NoAnswer(f"{target} has not answered within {patience:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NoAnswer(f"{target} cannot be asked: {reason}; does the server run, and may this user ask it?") from None


def http_request(target: Target, method: str, path: str, body: bytes | None = None,
                 patience: float = PATIENCE_SECONDS) -> bytes:
    """The body of a response, whatever its status. OSError, http.client.HTTPException."""
    connection = http.client.HTTPConnection(target.host, target.port, timeout=patience)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        return connection.getresponse().read(REPLY_OCTETS_MAX)
    finally:
        connection.close()


def _document(method: str, arguments: list[Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": arguments, "id": 1}).encode()


def _result_of(octets: bytes) -> Any:
    try:
        answer = json.loads(octets)
    except ValueError:
        raise NoAnswer("the answer is not JSON: is this the control port?") from None
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        error = answer["error"]
        raise Fault(error.get("code", 0), str(error.get("message", "")))
    if not isinstance(answer, dict) or "result" not in answer:
        raise NoAnswer("the answer is no JSON-RPC: is this the control port?")
    return answer["result"]


class _datagram_socket:
    """A client's datagram socket; a unix one needs a path to be answered at, which goes away with it."""

    def __init__(self, family: int, patience: float):
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.settimeout(patience)
        self._folder = tempfile.mkdtemp(prefix="uacfast-") if family == socket.AF_UNIX else ""
        if self._folder:
            # The server writes there, and it may be another user.
            os.chmod(self._folder, 0o711)
            self._path = os.path.join(self._folder, secrets.token_hex(8))
            self._socket.bind(self._path)
            os.chmod(self._path, 0o666)

    def __enter__(self) -> socket.socket:
        return self._socket

    def __exit__(self, *_error: Any) -> None:
        self._socket.close()
        if self._folder:
            os.unlink(self._path)
            os.rmdir(self._folder)


def _call_binrpc(target: Target, method: str, arguments: list[Any], patience: float) -> Any:
    cookie = secrets.randbits(31)
    packet = binrpc.request_packet(cookie, method, arguments)
    family = socket.AF_UNIX if target.path else socket.getaddrinfo(target.host, target.port)[0][0]
    address = target.path or (target.host, target.port)
    try:
        if target.kind in ("unixd", "udp"):
            with _datagram_socket(family, patience) as client:
                client.connect(address)
                client.send(packet)
                data = client.recv(_DATAGRAM_OCTETS)
        else:
            with socket.socket(family, socket.SOCK_STREAM) as client:
                client.settimeout(patience)
                client.connect(address)
                client.sendall(packet)
                data = _read_packet(client)
        header = binrpc.read_header(data)
        if header is None or header.cookie != cookie or len(data) < header.octets + header.body_octets:
            raise NoAnswer("the answer is not complete")
        values = binrpc.read_reply(header, data[header.octets:])
    except binrpc.CorruptedPacket as corrupted:
        raise NoAnswer(f"the answer is no binrpc: {corrupted.message}") from None
    values = [_named(value) for value in values]
    return values[0] if len(values) == 1 else values or {}


def _read_packet(client: socket.socket) -> bytes:
    data = b""
    while True:
        header = binrpc.read_header(data)
        if header is not None and len(data) >= header.octets + header.body_octets:
            return data
        if header is not None and header.body_octets > REPLY_OCTETS_MAX:
            raise NoAnswer("the answer is too big")
        received = client.recv(_DATAGRAM_OCTETS)
        if not received:
            return data
        data += received


def _named(value: Any) -> Any:
    """Members as a dict, or as a list of one-member dicts where names repeat, as JSON has them."""
    if isinstance(value, Members):
        members = [(name, _named(inner)) for name, inner in value]
        return dict(members) if len(dict(members)) == len(members) else [{name: inner} for name, inner in members]
    return [_named(inner) for inner in value] if isinstance(value, list) else value


# === For humans ===

def show(result: Any, console: Console) -> None:
    """Prints a result: records as a table where it fits, structs by member, texts as they are."""
    if isinstance(result, list) and result and all(isinstance(row, dict) for row in result):
        _show_records(result, console)
    elif isinstance(result, dict):
        _show_lines(_lines(result), console)
    elif isinstance(result, list):
        _show_lines(itertools.chain.from_iterable(_lines(value) for value in result), console)
    else:
        _show_lines([printable(result)], console)


def _show_records(rows: list[dict[str, Any]], console: Console) -> None:
    columns = list(rows[0])
    flat = all(list(row) == columns and not any(isinstance(value, dict | list) for value in row.values())
               for row in rows)
    if flat and len(columns) <= _COLUMNS_MAX:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            numbers = all(isinstance(row[column], int | float) for row in rows)
            table.add_column(Text(printable(column)), justify="right" if numbers else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(printable(value)) for value in row.values()))
        unbounded = console.options.update(max_width=_WIDTH_UNBOUNDED)
        if console.measure(table, options=unbounded).maximum <= console.width:
            console.print(table)
            return
    for index, row in enumerate(rows):
        if index:
            console.print()
        _show_lines(_lines(row), console)


def _lines(value: Any, depth: int = 0) -> Iterable[str]:
    indent = "  " * depth
    if isinstance(value, dict):
        width = max((len(str(name)) for name, inner in value.items() if not isinstance(inner, dict | list)), default=0)
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                yield f"{indent}{printable(name)}"
                yield from _lines(inner, depth + 1)
            else:
                yield f"{indent}{printable(name):<{width}}  {printable(inner)}"
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner, depth)
    else:
        yield f"{indent}{printable(value)}"


def _show_lines(lines: Iterable[str], console: Console) -> None:
    for line in lines:
        console.print(Text(line.rstrip()), soft_wrap=True)


def printable(value: Any) -> str:
    """A value on one line; what could steer the terminal is shown by its number."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(value))
