"""ACK: engine.md section 11; RFC 3261 sections 13.2.2.4, 17.1.1.3 and 17.2.1."""

import pytest

from kit.call import Call
from kit.endpoint import is_reply, is_request


@pytest.fixture
def call(proxy, caller, callee):
    return Call(caller, callee, proxy.address)


def test_the_ack_to_a_2xx_is_routed_end_to_end(call, caller, callee):
    """A3: fresh branch, decremented Max-Forwards, own Route removed, no answer."""
    call.invite()
    invite = call.arrive()
    call.answer()
    call.learn(caller.receive_reply(200))
    sent, arrived = call.acknowledge()
    assert arrived.request_uri == callee.uri("there")
    assert arrived.branch not in (invite.branch, sent.branch)
    assert arrived.get("Max-Forwards") == "69"
    assert not arrived.has("Route")
    assert not arrived.has("Record-Route")
    assert arrived.cseq == (invite.cseq[0], "ACK")
    assert (arrived.from_tag, arrived.to_tag) == (call.from_tag, call.to_tag)
    caller.expect_nothing(0.1)
    call.hang_up()


def test_an_ack_with_a_body(call, caller, callee):
    call.invite()
    call.arrive()
    call.answer()
    call.learn(caller.receive_reply(200))
    call.send_in_dialog("caller", "ACK", cseq=call.caller.cseq, body="v=0\r\n")
    assert callee.receive_request("ACK").body == b"v=0\r\n"
    call.hang_up()


def test_an_ack_to_a_2xx_that_reuses_the_branch_of_the_invite(call, caller, callee):
    """A4."""
    invite = call.invite()
    call.arrive()
    call.answer()
    call.learn(caller.receive_reply(200))
    call.send_in_dialog("caller", "ACK", cseq=call.caller.cseq, via=invite.all("Via")[0])
    callee.receive_request("ACK")
    call.hang_up()


def test_the_ack_to_a_rejection_is_made_per_hop(call, caller, callee):
    """A1 and section 20.5: built from the INVITE that was sent; To from the reply."""
    call.headers = ("X-Not-In-Ack: 1", "Require: foo", "Content-Type: text/plain")
    call.invite(body="body")
    invite = call.arrive()
    call.answer(486, "Busy Here")
    ack = callee.receive_request("ACK")
    assert ack.request_uri == invite.request_uri
    assert ack.vias == [invite.vias[0]]
    for name in ("From", "Call-ID"):
        assert ack.raw_value(name) == invite.raw_value(name)
    assert ack.to_tag == call.to_tag
    assert ack.cseq == (invite.cseq[0], "ACK")
    assert ack.has("Max-Forwards")
    assert not ack.has("X-Not-In-Ack")
    assert not ack.has("Record-Route")
    assert (ack.body, ack.get("Content-Length")) == (b"", "0")
    caller.receive_reply(486)


def test_the_ack_to_a_rejection_keeps_the_route_set(call, caller, callee):
    """A1: same Route as the INVITE sent, here a proxy of the callee's side below ours."""
    call.establish()
    routes = [*call.caller.routes, f"<{callee.uri()};lr;keep=this>"]
    call.send_in_dialog("caller", "INVITE", routes=routes)
    arrived = callee.receive_request("INVITE")
    assert arrived.values("Route") == routes[1:]
    callee.reply(arrived, 488, "Not Acceptable Here")
    assert callee.receive_request("ACK").values("Route") == routes[1:]
    caller.receive_reply(488)
    call.hang_up()


def test_the_callers_ack_to_a_rejection_is_absorbed(call, caller, callee):
    """A2."""
    invite = call.invite()
    call.arrive()
    call.answer(486, "Busy Here")
    final = caller.receive_reply(486)
    callee.receive_request("ACK")
    text = caller.request(
        "ACK", call.request_uri, via=invite.all("Via")[0], from_tag=call.from_tag, to=final.get("To"),
        call_id=call.call_id, cseq=invite.cseq[0], contact=False,
    )  # fmt: skip
    caller.send(text, call.caller.next_hop)
    caller.expect_nothing(0.7, is_reply(486))
    callee.expect_nothing(0.0, is_request("ACK"))


def test_a_stray_ack_is_dropped(proxy, caller, callee):
    caller.send(caller.request("ACK", callee.uri("bob"), to_tag="t1"), proxy.address)
    caller.expect_nothing(0.15)
    callee.expect_nothing(0.0)
    proxy.ping()


def test_a_call_outlives_many_in_dialog_requests(call):
    call.establish()
    for who in ("caller", "callee"):
        for method in ("INFO", "UPDATE", "PRACK", "INVITE", "REFER", "NOTIFY", "MESSAGE", "OPTIONS"):
            call.exchange(who, method)
    call.hang_up("callee")
