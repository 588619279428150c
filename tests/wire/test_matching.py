"""Matching of requests and replies to transactions: engine.md section 7; RFC 3261 sections 17.1.3 and 17.2.3."""

import random

import pytest

from kit.endpoint import is_request, reply_to, token
from kit.message import Message


def test_a_branch_that_is_only_the_cookie_makes_a_transaction_per_call_id(proxy, caller, callee):
    """X2."""
    for _ in range(2):
        caller.send(caller.request("MESSAGE", callee.uri("bob"), branch="z9hG4bK"), proxy.address)
    first, second = callee.receive_request("MESSAGE"), callee.receive_request("MESSAGE")
    assert first.call_id != second.call_id
    assert first.branch != second.branch
    for request in (second, first):
        callee.reply(request, 200, "OK", to_tag="t1")
        assert caller.receive_reply(200).call_id == request.call_id


@pytest.mark.parametrize("branch", ["z9hG4bK", "abcdef", None])
def test_copies_from_an_rfc_2543_client_are_absorbed(proxy, caller, callee, branch):
    via = f"SIP/2.0/UDP {caller.sent_by}" + (f";branch={branch}" if branch else "")
    text = caller.request("INVITE", callee.uri("bob"), via=via)
    for _ in range(3):
        caller.send(text, proxy.address)
    invite = callee.receive_request("INVITE")
    callee.reply(invite, 486, "Busy Here", to_tag="t1")
    final = caller.receive_reply(486)
    sent = Message.parse(text.encode())
    ack = caller.request(
        "ACK", callee.uri("bob"), via=via, from_tag=sent.from_tag, to_tag=final.to_tag, call_id=sent.call_id,
        contact=False,
    )  # fmt: skip
    caller.send(ack, proxy.address)
    callee.receive_request("ACK")
    callee.expect_nothing(0.15, is_request("INVITE"))


def test_an_rfc_2543_cancel_finds_its_invite(proxy, caller, callee):
    via = f"SIP/2.0/UDP {caller.sent_by}"
    details = {"via": via, "from_tag": "f1", "call_id": token("c")}
    caller.send(caller.request("INVITE", callee.uri("bob"), **details), proxy.address)
    invite = callee.receive_request("INVITE")
    callee.reply(invite, 180, "Ringing", to_tag="t1")
    caller.receive_reply(180)
    caller.send(caller.request("CANCEL", callee.uri("bob"), contact=False, **details), proxy.address)
    assert caller.receive_reply(method="CANCEL").status == 200
    callee.reply(callee.receive_request("CANCEL"), 200, "OK")
    callee.reply(invite, 487, "Request Terminated", to_tag="t1")
    caller.receive_reply(487)


def test_the_same_branch_from_another_sent_by_is_another_transaction(proxy, endpoint, callee):
    """X1."""
    branch = token("z9hG4bK")
    senders = endpoint(), endpoint()
    for sender in senders:
        sender.send(sender.request("MESSAGE", callee.uri("bob"), branch=branch), proxy.address)
    arrived = [callee.receive_request("MESSAGE") for _ in senders]
    for request in arrived:
        callee.reply(request, 200, "OK", to_tag="t1")
    for sender in senders:
        sender.receive_reply(200)
        sender.expect_nothing(0.05)


def test_the_same_branch_with_another_method_is_another_transaction(proxy, caller, callee):
    branch = token("z9hG4bK")
    for method in ("MESSAGE", "INFO"):
        caller.send(caller.request(method, callee.uri("bob"), branch=branch), proxy.address)
    for method in ("INFO", "MESSAGE"):
        callee.reply(callee.receive_request(method), 200, "OK", to_tag="t1")
        assert caller.receive_reply(200).method == method


def test_a_merged_request_is_processed(proxy, caller, callee):
    """X3: same Call-ID, CSeq and From tag with another branch came by another way and is no copy."""
    details = {"call_id": token("c"), "from_tag": token("f")}
    for _ in range(2):
        caller.send(caller.request("MESSAGE", callee.uri("bob"), **details), proxy.address)
    first, second = callee.receive_request("MESSAGE"), callee.receive_request("MESSAGE")
    assert first.branch != second.branch
    for request in (first, second):
        callee.reply(request, 200, "OK", to_tag="t1")
        caller.receive_reply(200)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda reply: reply.replace(b"CSeq: 1 MESSAGE", b"CSeq: 1 INFO"), id="cseq-method"),
        pytest.param(lambda reply: reply.replace(b".0\r\n", b".1\r\n", 1), id="branch-number"),
        pytest.param(lambda reply: reply.replace(b".0\r\n", b".ffffffff\r\n", 1), id="branch-number-range"),
        pytest.param(lambda reply: reply.replace(b"z9hG4bK", b"z9hG4bKffffffffffff", 1), id="slot-range"),
    ],
)
@pytest.mark.own
def test_a_reply_that_does_not_match_is_dropped(proxy, caller, callee, spoil):
    """X4 and X6."""
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    request = callee.receive_request("MESSAGE")
    right = reply_to(request, 200, "OK", to_tag="t1")
    wrong = spoil(right)
    assert wrong != right
    callee.send(wrong, proxy.address)
    caller.expect_nothing()
    callee.send(right, proxy.address)
    caller.receive_reply(200)


@pytest.mark.own
@pytest.mark.parametrize(
    "branch",
    ["0", "", "z", "z9hG4bK", "z9hG4bK.", "z9hG4bK..", "z9hG4bK1.2.3", "z9hG4bK" + "f" * 8000, "z9hG4bKffffffff.0.0",
     "z9hG4bK0.00000000000000000000000000000000.0", "z9hG4bK-1.-1.-1", "z9hG4bK0.0.cs1"],
)  # fmt: skip
def test_a_stray_reply_is_dropped_whatever_its_branch(proxy, caller, callee, branch):
    """X6; and branch=0 ended a process of the reference once (section 20.7)."""
    reply = (
        "SIP/2.0 200 OK\r\n"
        f"Via: SIP/2.0/UDP {proxy.sent_by};branch={branch}\r\n"
        f"Via: SIP/2.0/UDP {caller.sent_by};branch=z9hG4bKnext\r\n"
        "From: <sip:alice@example.com>;tag=f1\r\nTo: <sip:bob@example.com>;tag=t1\r\n"
        f"Call-ID: {token()}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    callee.send(reply, proxy.address)
    caller.expect_nothing()
    proxy.ping()


@pytest.mark.own
def test_a_reply_whose_topmost_via_is_foreign_is_dropped(proxy, caller, callee):
    reply = (
        "SIP/2.0 200 OK\r\n"
        "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKforeign\r\n"
        f"Via: SIP/2.0/UDP {caller.sent_by};branch=z9hG4bKnext\r\n"
        "From: <sip:alice@example.com>;tag=f1\r\nTo: <sip:bob@example.com>;tag=t1\r\n"
        f"Call-ID: {token()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    callee.send(reply, proxy.address)
    caller.expect_nothing()
    proxy.ping()


@pytest.mark.own
def test_a_reply_with_no_other_via_ends_here(proxy, caller, callee):
    """F1."""
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    request = callee.receive_request("MESSAGE")
    own_only = reply_to(request, 200, "OK").split(b"\r\n")
    del own_only[2]
    callee.send(b"\r\n".join(own_only), proxy.address)
    caller.expect_nothing(0.15, lambda m: m.status == 200 and not m.has("Via"))
    proxy.ping()


def test_replies_of_many_interleaved_transactions_find_their_way(proxy, caller, callee):
    """No cross-talk: each call with its own marker, answered in another order."""
    count = 200
    for number in range(count):
        caller.send(caller.request("MESSAGE", callee.uri("bob"), call_id=f"mark{number}-{token()}"), proxy.address)
        if number % 50 == 49:
            callee._poll(0.05)
    arrived = [callee.receive_request("MESSAGE") for _ in range(count)]
    random.Random(1).shuffle(arrived)
    for request in arrived:
        callee.reply(request, 200, "OK", body=request.call_id)
    for _ in range(count):
        reply = caller.receive_reply(200)
        assert reply.body.decode() == reply.call_id
