"""CANCEL: engine.md section 10; RFC 3261 sections 9 and 16.10."""

import pytest

from kit.call import Call
from kit.endpoint import is_request, token


class Cancellable(Call):
    """A call that knows how to be cancelled by its caller."""

    def cancel(self, headers: tuple[str, ...] = ()) -> None:
        invite = self.sent_invite
        text = self.caller.endpoint.request(
            "CANCEL", self.request_uri, via=invite.all("Via")[0], from_=invite.get("From").rpartition(";tag=")[0],
            from_tag=self.from_tag, to=invite.get("To"), call_id=self.call_id, cseq=invite.cseq[0], contact=False,
            headers=headers,
        )  # fmt: skip
        self.caller.endpoint.send(text, self.caller.next_hop)

    def acknowledge_rejection(self, final) -> None:
        invite = self.sent_invite
        text = self.caller.endpoint.request(
            "ACK", self.request_uri, via=invite.all("Via")[0], from_=invite.get("From").rpartition(";tag=")[0],
            from_tag=self.from_tag, to=final.get("To"), call_id=self.call_id, cseq=invite.cseq[0], contact=False,
        )  # fmt: skip
        self.caller.endpoint.send(text, self.caller.next_hop)


@pytest.fixture
def call(proxy, caller, callee):
    return Cancellable(caller, callee, proxy.address)


def test_cancel_while_ringing(call, caller, callee):
    """C1, C2, C3, C5."""
    call.invite()
    invite = call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    call.cancel(headers=("Reason: SIP;cause=487",))
    answer = caller.receive_reply(method="CANCEL")
    assert answer.status == 200
    assert answer.to_tag
    cancel = callee.receive_request("CANCEL")
    assert cancel.request_uri == invite.request_uri
    assert cancel.vias == [invite.vias[0]]
    for name in ("From", "To", "Call-ID"):
        assert cancel.get(name) == invite.get(name)
    assert cancel.cseq == (invite.cseq[0], "CANCEL")
    assert cancel.get("Content-Length") == "0"
    assert cancel.has("Max-Forwards")
    assert not cancel.has("Record-Route")
    callee.reply(cancel, 200, "OK")
    call.answer(487, "Request Terminated")
    ack = callee.receive_request("ACK")
    assert ack.branch == invite.branch
    final = caller.receive_reply(487)
    assert final.to_tag == call.to_tag
    call.acknowledge_rejection(final)


def test_cancel_before_a_provisional_is_held_back(call, caller, callee):
    """C2 and C9: sent with the first provisional, which is not passed up."""
    call.invite()
    call.arrive()
    call.cancel()
    caller.receive_reply(200, "CANCEL")
    callee.expect_nothing(0.15, is_request("CANCEL"))
    call.answer(180, "Ringing")
    cancel = callee.receive_request("CANCEL")
    callee.reply(cancel, 200, "OK")
    caller.expect_nothing(0.1, lambda m: m.status == 180)
    call.answer(487, "Request Terminated")
    call.acknowledge_rejection(caller.receive_reply(487))


def test_a_provisional_after_the_cancel_is_not_forwarded(call, caller, callee):
    """C9."""
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    call.cancel()
    caller.receive_reply(200, "CANCEL")
    callee.reply(callee.receive_request("CANCEL"), 200, "OK")
    call.answer(183, "Session Progress")
    caller.expect_nothing(0.1)
    call.answer(487, "Request Terminated")
    call.acknowledge_rejection(caller.receive_reply(487))


def test_a_200_that_crosses_the_cancel_is_forwarded(call, caller, callee):
    """C6."""
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    call.cancel()
    caller.receive_reply(200, "CANCEL")
    callee.reply(callee.receive_request("CANCEL"), 200, "OK")
    call.answer()
    call.learn(caller.receive_reply(200, "INVITE"))
    call.acknowledge()
    call.hang_up()


def test_the_cancel_is_repeated_until_answered(shared_proxy, caller, callee):
    """C4."""
    proxy = shared_proxy(tm={"retr_timer1": 50, "retr_timer2": 200, "fr_timer": 3000})
    call = Cancellable(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    call.cancel()
    first = callee.receive_request("CANCEL")
    assert callee.receive_request("CANCEL").raw == first.raw
    callee.reply(callee.receive_request("CANCEL"), 200, "OK")
    callee.forget()
    callee.expect_nothing(0.3)
    call.answer(487, "Request Terminated")
    call.acknowledge_rejection(caller.receive_reply(487))


def test_a_cancelled_invite_that_nobody_answered_ends_with_487(shared_proxy, caller, callee):
    """Section 20.5: 200 to the CANCEL at once; at fr_timer 487 with the same To-tag."""
    proxy = shared_proxy(tm={"retr_timer1": 50, "retr_timer2": 200, "fr_timer": 800})
    call = Cancellable(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.cancel()
    answer = caller.receive_reply(200, "CANCEL")
    final = caller.receive_reply(487, timeout=3.0)
    assert final.to_tag == answer.to_tag
    call.acknowledge_rejection(final)


def test_a_cancel_without_transaction_is_answered_481(proxy, caller, callee):
    """C7."""
    caller.send(caller.request("CANCEL", callee.uri("bob"), contact=False), proxy.address)
    assert caller.receive_reply().status == 481
    callee.expect_nothing(0.1)


def test_a_cancel_after_the_final_has_no_effect(call, caller, callee):
    """C8."""
    call.invite()
    call.arrive()
    call.answer()
    call.learn(caller.receive_reply(200))
    call.acknowledge()
    call.cancel()
    assert caller.receive_reply(method="CANCEL").status in (200, 481)
    callee.expect_nothing(0.15)
    call.hang_up()


def test_a_cancel_for_a_non_invite_has_no_effect(proxy, caller, callee):
    """C8."""
    branch = token("z9hG4bK")
    details = {"branch": branch, "from_tag": "f1", "call_id": token("c")}
    caller.send(caller.request("MESSAGE", callee.uri("bob"), **details), proxy.address)
    arrived = callee.receive_request("MESSAGE")
    caller.send(caller.request("CANCEL", callee.uri("bob"), contact=False, **details), proxy.address)
    assert caller.receive_reply(method="CANCEL").status in (200, 481)
    callee.expect_nothing(0.15)
    callee.reply(arrived, 200, "OK", to_tag="t1")
    caller.receive_reply(200, "MESSAGE")


def test_a_copy_of_the_cancel_gets_its_200_again(call, caller, callee):
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    call.cancel()
    caller.receive_reply(200, "CANCEL")
    callee.reply(callee.receive_request("CANCEL"), 200, "OK")
    call.cancel()
    caller.receive_reply(200, "CANCEL")
    callee.expect_nothing(0.1, is_request("CANCEL"))
    call.answer(487, "Request Terminated")
    call.acknowledge_rejection(caller.receive_reply(487))
