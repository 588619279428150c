"""The whole engine in memory, octets in to octets out, for each kind of message of a basic call.

Figures include the Python call that hands a datagram in and the list that collects what is sent, about 0.5 µs for each
datagram that goes out; the event loop and the kernel are not in them.
"""
from itertools import count

import pytest

from bench.messages import INVITE
from uacfast.assembly import AssembledEngine
from uacfast.config import parse

SIZE = 200
CALLER, CALLEE = ("127.0.0.1", 40001), ("127.0.0.1", 40002)
CONFIGURATION = """
[[listen]]
uri = "udp:127.0.0.1:5060"
[[route]]
method = ["INVITE"]
record_route = true
replace_from = { uri = "sip:anon@edge.example" }
relay = ["sip:127.0.0.1:40002"]
"""
numbers = count(1)


def lines_of(message):
    return message.partition(b"\r\n\r\n")[0].split(b"\r\n")


def value_of(message, name):
    return next(line.split(b": ", 1)[1] for line in lines_of(message) if line.startswith(name + b": "))


def new_invite():
    """The benchmark's INVITE as another call."""
    number = b"%d" % next(numbers)
    return (INVITE.replace(b";branch=z9hG4bK", b";branch=z9hG4bK" + number)
            .replace(b"Call-ID: ", b"Call-ID: " + number))


def answer(request, status):
    """What a callee answers."""
    kept = [line for line in lines_of(request)[1:]
            if line.split(b":")[0] in (b"Via", b"Record-Route", b"From", b"Call-ID", b"CSeq")]
    to = value_of(request, b"To")
    to = to if b";tag=" in to else to + b";tag=callee"
    return b"\r\n".join([b"SIP/2.0 " + status, *kept, b"To: " + to, b"Contact: <sip:trunk@127.0.0.1:40002>",
                         b"Content-Length: 0", b"", b""])


def within_dialog(forwarded, invite, method, number):
    """ACK or BYE of the caller, by the route set."""
    return b"\r\n".join([
        method + b" sip:trunk@127.0.0.1:40002 SIP/2.0",
        b"Via: SIP/2.0/UDP 127.0.0.1:40001;branch=z9hG4bK" + method + b"%d;rport" % next(numbers),
        b"Max-Forwards: 70", b"Route: " + value_of(forwarded, b"Record-Route"), b"From: " + value_of(invite, b"From"),
        b"To: " + value_of(invite, b"To") + b";tag=callee", b"Call-ID: " + value_of(invite, b"Call-ID"),
        b"CSeq: " + number + b" " + method, b"Content-Length: 0", b"", b""])


class Bench:
    """An engine, and calls brought to any stage."""

    def __init__(self):
        self.engine = AssembledEngine(parse(CONFIGURATION), capture=True, now=1_000_000)
        self.engine.add_socket(-1, ("127.0.0.1", 5060), 0)

    def feed(self, messages, source):
        receive = self.engine.receive
        for message in messages:
            receive(message, source)

    def sent_to(self, address):
        return [octets for octets, destination, _ in self.engine.take_sent() if destination == address]

    def invited(self):
        """(INVITEs, what reached the callee), after all that went before has been forgotten."""
        self.engine.advance(40_000)
        self.engine.take_sent()
        invites = [new_invite() for _ in range(SIZE)]
        self.feed(invites, CALLER)
        return invites, self.sent_to(CALLEE)


@pytest.fixture
def bench():
    return Bench()


def test_relay_invite(bench, per_message):
    def batch():
        bench.engine.advance(40_000)
        bench.engine.take_sent()
        return [new_invite() for _ in range(SIZE)]

    per_message(lambda messages: bench.feed(messages, CALLER), batch, SIZE, guide_ns=6000)
    assert len(bench.sent_to(CALLEE)) == SIZE


@pytest.mark.parametrize("status", [b"100 Trying", b"180 Ringing", b"200 OK"])
def test_relay_reply(bench, per_message, status):
    per_message(lambda messages: bench.feed(messages, CALLEE),
                lambda: [answer(request, status) for request in bench.invited()[1]], SIZE, guide_ns=3000)
    assert len(bench.sent_to(CALLER)) == (0 if status.startswith(b"100") else SIZE)


@pytest.mark.parametrize(("method", "number"), [(b"ACK", b"1"), (b"BYE", b"2")])
def test_relay_within_dialog(bench, per_message, method, number):
    def batch():
        invites, forwarded = bench.invited()
        bench.feed([answer(request, b"200 OK") for request in forwarded], CALLEE)
        bench.engine.take_sent()
        return [within_dialog(out, invite, method, number) for invite, out in zip(invites, forwarded, strict=True)]

    per_message(lambda messages: bench.feed(messages, CALLER), batch, SIZE)
    assert len(bench.sent_to(CALLEE)) == SIZE
