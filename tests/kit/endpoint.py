"""A scriptable UDP SIP endpoint: exact octets out, exact octets in, every wait bounded."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import select
import socket
import time
from collections.abc import Callable

from kit.message import Message

Predicate = Callable[[Message], bool]

# Long enough for a loaded machine; a passing test never waits for it.
PATIENCE = 5.0
# The shortest wait in which a wrongly sent datagram would have come over loopback on a loaded machine.
SILENCE = 0.2


def token(prefix: str = "") -> str:
    """A fresh random token for tags, Call-IDs and branches."""
    return prefix + secrets.token_hex(6)


def is_request(method: str) -> Predicate:
    return lambda message: message.is_request and message.method == method


def is_reply(status: int | None = None, method: str | None = None) -> Predicate:
    return lambda message: (
        not message.is_request and status in (None, message.status) and method in (None, message.method)
    )


# Ports are taken in turn from a range of this test process, because a late retransmission to the closed endpoint of an
# earlier test must not arrive at a new one.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)
_PORTS = itertools.cycle(range(33000 + _WORKER % 4 * 6500, 33000 + _WORKER % 4 * 6500 + 6500))


def _bind(unbound: socket.socket, host: str, port: int) -> None:
    if port:
        unbound.bind((host, port))
        return
    while True:
        try:
            unbound.bind((host, next(_PORTS)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return


def _encoded(data: bytes | str | Message) -> bytes:
    if isinstance(data, Message):
        return data.raw
    return data.encode("latin-1") if isinstance(data, str) else data


def reply_to(
    request: Message,
    status: int,
    reason: str,
    *,
    to_tag: str | None = None,
    headers: tuple[str, ...] = (),
    body: str = "",
) -> bytes:
    """A reply as a UAS builds it: Vias, From, To, Call-ID, CSeq and Record-Routes copied as received."""
    lines = [f"SIP/2.0 {status} {reason}"]
    lines += [f"Via:{v}" for n, v in request.headers if n.strip().lower() in ("via", "v")]
    if 100 < status < 300:
        lines += [f"Record-Route: {value}" for value in request.all("Record-Route")]
    to = request.raw_value("To")
    if to_tag and not request.to_tag:
        to += f";tag={to_tag}"
    lines += [
        f"From:{request.raw_value('From')}",
        f"To:{to}",
        f"Call-ID:{request.raw_value('Call-ID')}",
        f"CSeq:{request.raw_value('CSeq')}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


class Endpoint:
    """One bound UDP socket. Messages that a `receive` does not want wait for a later one."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        _bind(self.socket, host, port)
        self.socket.setblocking(False)
        self.host = host
        self.port: int = self.socket.getsockname()[1]
        self.pending: list[Message] = []
        self.history: list[Message] = []

    @property
    def sent_by(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def uri(self, user: str = "") -> str:
        return f"sip:{user}@{self.sent_by}" if user else f"sip:{self.sent_by}"

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes | str | Message, to: tuple[str, int]) -> None:
        """Send these octets as one datagram."""
        self.socket.sendto(_encoded(data), to)

    def _poll(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds and take in what has arrived; False when nothing has."""
        readable, _, _ = select.select([self.socket], [], [], max(0.0, timeout))
        if not readable:
            return False
        while True:
            try:
                raw, source = self.socket.recvfrom(65536)
            except BlockingIOError:
                return True
            message = Message.read(raw, source[:2], time.monotonic())
            self.pending.append(message)
            self.history.append(message)

    def _take(self, predicate: Predicate | None) -> Message | None:
        for index, message in enumerate(self.pending):
            if predicate is None or predicate(message):
                return self.pending.pop(index)
        return None

    def receive(self, predicate: Predicate | None = None, timeout: float = PATIENCE) -> Message:
        """The first message that satisfies the predicate; AssertionError when none comes in time."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._take(predicate)
            if message is not None:
                return message
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._poll(remaining):
                others = "\n---\n".join(m.text for m in self.pending) or "nothing else came"
                raise AssertionError(f"no such message within {timeout} s at port {self.port}; waiting:\n{others}")

    def receive_request(self, method: str, timeout: float = PATIENCE) -> Message:
        return self.receive(is_request(method), timeout)

    def receive_reply(self, status: int | None = None, method: str | None = None, timeout: float = PATIENCE) -> Message:
        """The next reply with this status (any when None), 100 Trying left aside unless asked for."""
        wanted = is_reply(status, method)
        return self.receive(lambda m: wanted(m) and (status == 100 or m.status != 100), timeout)

    def expect_nothing(self, duration: float = SILENCE, predicate: Predicate | None = None) -> None:
        """AssertionError when a message that satisfies the predicate is waiting or comes within `duration` seconds.

        Without a predicate that is any message but a 100 Trying.
        """
        predicate = predicate or (lambda message: message.status != 100)
        deadline = time.monotonic() + duration
        while True:
            message = self._take(predicate)
            if message is not None:
                raise AssertionError(f"unexpected message at port {self.port}:\n{message.text}")
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            self._poll(remaining)

    def collect(self, duration: float, predicate: Predicate | None = None) -> list[Message]:
        """Every matching message that is waiting or comes within `duration` seconds."""
        deadline = time.monotonic() + duration
        while (remaining := deadline - time.monotonic()) > 0:
            self._poll(remaining)
        taken = [m for m in self.pending if predicate is None or predicate(m)]
        self.pending = [m for m in self.pending if m not in taken]
        return taken

    def forget(self) -> None:
        """Drop everything that has arrived so far."""
        self._poll(0)
        self.pending.clear()

    def reply(self, request: Message, status: int, reason: str, **details) -> bytes:
        """Send a reply back to where the request came from; returns its octets."""
        data = reply_to(request, status, reason, **details)
        self.send(data, request.source)
        return data

    def request(
        self,
        method: str,
        uri: str,
        *,
        from_: str = "<sip:alice@example.com>",
        from_tag: str | None = None,
        to: str = "<sip:bob@example.com>",
        to_tag: str | None = None,
        call_id: str | None = None,
        cseq: int = 1,
        branch: str | None = None,
        via: str | None = None,
        max_forwards: int | str | None = 70,
        routes: tuple[str, ...] | list[str] = (),
        headers: tuple[str, ...] = (),
        contact: bool = True,
        body: str = "",
    ) -> str:
        """Text of a request of this endpoint. `via` is a whole Via value; `max_forwards=None` leaves the line out."""
        via = via or f"SIP/2.0/UDP {self.sent_by};rport;branch={branch or token('z9hG4bK')}"
        lines = [f"{method} {uri} SIP/2.0", f"Via: {via}"]
        if max_forwards is not None:
            lines.append(f"Max-Forwards: {max_forwards}")
        lines += [f"Route: {route}" for route in routes]
        lines += [
            f"From: {from_};tag={from_tag or token('f')}",
            f"To: {to}" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call_id or token('c') + '@endpoint'}",
            f"CSeq: {cseq} {method}",
        ]
        if contact:
            lines.append(f"Contact: <{self.uri('here')}>")
        lines += [*headers, f"Content-Length: {len(body)}"]
        return "\r\n".join(lines) + "\r\n\r\n" + body
