"""Limits: engine.md M14 and section 19 (Z1, Z10). What is over a limit is refused, and the next message is served."""

import time

import pytest

from kit.endpoint import is_reply, is_request, token


@pytest.fixture(autouse=True)
def _serves_on(proxy):
    yield
    proxy.ping()


def spoiled(text: str, extra: str) -> str:
    return text.replace("Content-Length", extra + "Content-Length")


def refused(proxy, caller, callee, text: str) -> None:
    """Not relayed; answered with an error or dropped, in no time."""
    caller.send(text, proxy.address)
    replies = caller.collect(0.2)
    assert all(reply.status >= 400 for reply in replies)
    callee.expect_nothing(0.0)


def relayed(proxy, caller, callee, text: str) -> None:
    caller.send(text, proxy.address)
    arrived = callee.receive_request("MESSAGE")
    callee.reply(arrived, 200, "OK", to_tag="t1")
    caller.receive_reply(200)


OVER = {
    "header-lines": lambda text: spoiled(text, "X: 1\r\n" * 260),
    "ten-thousand-header-lines": lambda text: spoiled(text, "X:1\r\n" * 10_000),
    "header-part": lambda text: spoiled(text, ("X: " + "x" * 8000 + "\r\n") * 5),
    "line": lambda text: spoiled(text, "X: " + "x" * 9000 + "\r\n"),
    "vias": lambda text: spoiled(text, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n" * 75),
    "vias-in-one-line": lambda text: spoiled(text, "Via: " + ",".join(["SIP/2.0/UDP h;branch=z9hG4bKx"] * 75) + "\r\n"),
    "routes": lambda text: spoiled(text, "Route: <sip:192.0.2.1;lr>\r\n" * 35),
    "uri": lambda text: text.replace("MESSAGE sip:", "MESSAGE sip:" + "a" * 1100, 1),
    "from-uri": lambda text: text.replace("sip:alice", "sip:" + "a" * 1100, 1),
    "long-method": lambda text: "M" * 9000 + text,
}  # fmt: skip


@pytest.mark.own
@pytest.mark.parametrize("kind", OVER)
def test_over_the_limit_is_refused(proxy, caller, callee, kind):
    text = OVER[kind](caller.request("MESSAGE", callee.uri("bob")))
    if kind == "from-uri":
        # Only the stages that need the URI refuse it; replacing From is tested elsewhere.
        caller.send(text, proxy.address)
        caller.collect(0.1)
        return
    refused(proxy, caller, callee, text)


UNDER = {
    "header-lines": lambda text: spoiled(text, "X: 1\r\n" * 240),
    "header-part": lambda text: spoiled(text, ("X: " + "x" * 7900 + "\r\n") * 3),
    "line": lambda text: spoiled(text, "X: " + "x" * 8000 + "\r\n"),
    "vias": lambda text: spoiled(text, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n" * 60),
    "folded-100-deep": lambda text: spoiled(text, "X: 1" + "\r\n 2" * 100 + "\r\n"),
    "long-token": lambda text: spoiled(text, "x" * 4000 + ": 1\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNDER)
def test_under_the_limit_is_relayed(proxy, caller, callee, kind):
    relayed(proxy, caller, callee, UNDER[kind](caller.request("MESSAGE", callee.uri("bob"))))


@pytest.mark.own
def test_limits_can_be_set(shared_proxy, caller, callee):
    proxy = shared_proxy(
        limits={"headers": 20, "line": 200, "vias": 3, "routes": 2, "uri": 100, "header_part": 900, "message": 1000}
    )
    good = caller.request("MESSAGE", callee.uri("bob"))
    relayed(proxy, caller, callee, good)
    for extra in ("X: 1\r\n" * 20, "X: " + "x" * 250 + "\r\n", "Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n" * 3,
                  "Route: <sip:h;lr>\r\n" * 3, ("X: " + "x" * 190 + "\r\n") * 5):  # fmt: skip
        refused(proxy, caller, callee, spoiled(caller.request("MESSAGE", callee.uri("bob")), extra))
    refused(proxy, caller, callee, caller.request("MESSAGE", callee.uri("b" * 120)))
    proxy.ping()


def test_a_flood_of_broken_messages_does_not_stop_service(proxy, caller, callee):
    for number in range(300):
        caller.send(b"\xff" * (number * 7 % 1400), proxy.address)
        caller.send(f"INVITE {'sip:' * (number % 50)} SIP/2.0\r\nVia: {number}\r\n\r\n", proxy.address)
    # The socket buffer may overflow, so the good request is repeated as every client does.
    text = caller.request("MESSAGE", callee.uri("bob"))
    started = time.monotonic()
    while not callee.collect(0.1, is_request("MESSAGE")):
        assert time.monotonic() - started < 5.0, "not served after the flood"
        caller.send(text, proxy.address)


def test_two_thousand_transactions_at_once(proxy, caller, callee):
    """All of them open before the first is answered. What the socket buffers lose is sent again, as clients do."""
    open_requests = {}
    for _ in range(40):
        batch = {}
        for _ in range(50):
            call_id = token("many")
            batch[call_id] = caller.request("MESSAGE", callee.uri("bob"), call_id=call_id)
        deadline = time.monotonic() + 5.0
        while batch:
            assert time.monotonic() < deadline, f"{len(batch)} requests were not relayed"
            for text in batch.values():
                caller.send(text, proxy.address)
            for request in callee.collect(0.02, is_request("MESSAGE")):
                open_requests[request.call_id] = request
                batch.pop(request.call_id, None)
    assert len(open_requests) == 2000
    unanswered = dict(open_requests)
    deadline = time.monotonic() + 10.0
    while unanswered:
        assert time.monotonic() < deadline, f"{len(unanswered)} replies did not come"
        for request in list(unanswered.values())[:50]:
            callee.reply(request, 200, "OK", to_tag="t1")
        for reply in caller.collect(0.02, is_reply(200)):
            unanswered.pop(reply.call_id, None)
