"""The whole engine in memory with a virtual clock: datagrams in, datagrams out, no socket.

All addresses are 127.0.0.1: the proxy has port 5060, the caller 40001, callees 40002 and up. Times are milliseconds.
"""
from __future__ import annotations

from itertools import count

from kit.message import Message, parameters_of, uri_parameters
from uacfast.assembly import AssembledEngine
from uacfast.config import parse

CALLER = ("127.0.0.1", 40001)
CALLEE = ("127.0.0.1", 40002)
CALLEE_B = ("127.0.0.1", 40003)
CALLEE_C = ("127.0.0.1", 40004)
PROXY = ("127.0.0.1", 5060)
RELAY = 'relay = ["sip:127.0.0.1:40002"]\n'
FORK = 'relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003"]\nfork = true\n'
SERIAL = 'relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003"]\n'

_numbers = count(1)


def route(lines: str = RELAY, **tables: str) -> str:
    """A configuration with one route of these lines; `tables` are further tables: tm="fr_timer = 2000"."""
    listen = tables.pop("listen", '[[listen]]\nuri = "udp:127.0.0.1:5060"\n')
    return "".join(f"[{name}]\n{body}\n" for name, body in tables.items()) + listen + "[[route]]\n" + lines


def request(method: str = "INVITE", *, uri: str = "sip:bob@example.com", source: tuple[str, int] = CALLER,
            branch: str | None = None, call_id: str | None = None, cseq: int = 1,
            from_: str = "Alice <sip:alice@example.com>;tag=ft1", to: str = "Bob <sip:bob@example.com>",
            headers: str = "", max_forwards: str = "70", body: bytes = b"", host: str = "") -> bytes:
    """A request; `headers` are whole lines with their CRLF. Branch and Call-ID are new unless given."""
    number = next(_numbers)
    return (f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host or f'{source[0]}:{source[1]}'};branch={branch or f'z9hG4bKc{number}'}\r\n"
            f"Max-Forwards: {max_forwards}\r\n"
            f"From: {from_}\r\nTo: {to}\r\nCall-ID: {call_id or f'call{number}@caller'}\r\nCSeq: {cseq} {method}\r\n"
            f"{headers}Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body


def reply(message: Message, status: int, reason: str = "Reason", *, tag: str = "tt1", headers: str = "",
          body: bytes = b"") -> bytes:
    """What a callee answers to a request that reached it: Via, From, To, Call-ID, CSeq and Record-Route as received."""
    lines = [f"SIP/2.0 {status} {reason}"]
    for name in ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq"):
        for value in message.all(name):
            if name == "To" and status > 100 and message.to_tag is None:
                value += f";tag={tag}"
            lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + f"\r\n{headers}Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body


class MemoryProxy:
    """An assembled engine without sockets. What it sends waits in `sent` until it is taken, to whom it may be."""

    def __init__(
        self, config: str | None = None, *, resolver: object = None, key: bytes = b"k" * 16, now: int = 1_000_000
    ):
        self.config = parse(config or route())
        self.engine = AssembledEngine(self.config, capture=True, now=now, siphash_key=key, resolver=resolver)
        for index, listen in enumerate(self.config.listen):
            self.engine.add_socket(-1, listen.address, index)
        self.now = 0
        self.sent: list[Message] = []

    def close(self) -> None:
        self.engine.close()

    def receive(self, data: bytes, source: tuple[str, int] = CALLER, socket: int = 0) -> None:
        self.engine.receive(data, source, socket)
        self.collect()

    def collect(self) -> None:
        """Take over what the engine has sent; source is the destination, received_at the virtual time."""
        for octets, destination, socket in self.engine.take_sent():
            message = Message.read(octets, destination, self.now)
            message.socket = socket
            self.sent.append(message)

    def advance(self, milliseconds: int) -> None:
        """Let time pass, in steps of the timer resolution, so that what is sent carries its time."""
        end = self.now + milliseconds
        while self.now < end:
            step = min(10, end - self.now)
            self.engine.advance(step)
            self.now += step
            self.collect()

    def take(self, destination: tuple[str, int] | None = None) -> list[Message]:
        """What was sent there (None: anywhere) since it was last taken."""
        taken = [message for message in self.sent if destination in (None, message.source)]
        self.sent = [message for message in self.sent if message not in taken]
        return taken

    def one(self, destination: tuple[str, int]) -> Message:
        """The only message that was sent there."""
        taken = self.take(destination)
        assert len(taken) == 1, f"expected one message to {destination}, got {[m.start_line for m in taken]}"
        return taken[0]

    def statuses(self, destination: tuple[str, int] = CALLER) -> list[int]:
        """Status codes of the replies sent there; requests among them count as 0."""
        return [message.status for message in self.take(destination)]

    def methods(self, destination: tuple[str, int] = CALLEE) -> list[str]:
        """Methods of what was sent there."""
        return [message.method for message in self.take(destination)]

    def counter(self, name: str) -> int:
        return self.engine.statistics()[name]

    def start(self, data: bytes | None = None, *, callee: tuple[str, int] = CALLEE) -> Message:
        """Send an initial request (an INVITE) and return it as the callee got it; the 100 is taken."""
        self.receive(data or request())
        relayed = self.one(callee)
        self.take(CALLER)
        return relayed

    def answer(self, message: Message, status: int, **more: object) -> None:
        """The callee that got `message` answers it."""
        self.receive(reply(message, status, **more), message.source)

    def assert_empty(self, after: int = 300_000) -> None:
        """After enough time nothing is left in memory."""
        self.advance_fast(after)
        statistics = self.engine.statistics()
        assert (statistics["transactions"], statistics["active_transactions"], statistics["transaction_octets"]) == (
            0,
            0,
            0,
        )

    def advance_fast(self, milliseconds: int) -> None:
        """Let much time pass at once; what is sent meanwhile is collected with the last time."""
        self.engine.advance(milliseconds)
        self.now += milliseconds
        self.collect()


class Dialog:
    """A call through the proxy, set up to its 2xx; makes in-dialog requests of both sides with the right route sets."""

    def __init__(self, proxy: MemoryProxy, invite: bytes | None = None, callee_headers: str = ""):
        self.proxy = proxy
        self.sent = Message.parse(invite or request())
        self.received = proxy.start(self.sent.raw)
        proxy.answer(self.received, 180)
        self.ringing = proxy.one(CALLER)
        proxy.answer(self.received, 200, headers=f"Contact: <sip:bob@{CALLEE[0]}:{CALLEE[1]}>\r\n" + callee_headers)
        self.ok = proxy.one(CALLER)
        self.cseq = 1

    def downstream(self, method: str, *, routes: str | None = None, from_: str | None = None, to: str | None = None,
                   headers: str = "") -> bytes:
        """A request of the caller, with From and To as the caller knows them."""
        self.cseq += method not in ("ACK", "CANCEL")
        lines = routes if routes is not None else "".join(
            f"Route: {value}\r\n" for value in reversed(self.ok.all("Record-Route")))
        return request(method, uri=f"sip:bob@{CALLEE[0]}:{CALLEE[1]}", call_id=self.sent.call_id,
                       cseq=1 if method == "ACK" else self.cseq, from_=from_ or self.sent.get("From"),
                       to=to or self.ok.get("To"), headers=lines + headers)

    def upstream(self, method: str, *, routes: str | None = None, from_: str | None = None, to: str | None = None,
                 headers: str = "") -> bytes:
        """A request of the callee, with From and To as the callee knows them."""
        lines = routes if routes is not None else "".join(
            f"Route: {value}\r\n" for value in self.received.all("Record-Route"))
        tag = parameters_of(self.ok.get("To"))["tag"]
        return request(
            method,
            uri=f"sip:alice@{CALLER[0]}:{CALLER[1]}",
            source=CALLEE,
            call_id=self.sent.call_id,
            cseq=77,
            from_=from_ or f"{self.received.get('To')};tag={tag}",
            to=to or self.received.get("From"),
            headers=lines + headers,
        )

    def stored(self, name: str) -> str | None:
        """A parameter of the Record-Route value that the callee got."""
        return uri_parameters(self.received.get("Record-Route").strip("<>")).get(name)
