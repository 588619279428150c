"""Server transactions: engine.md section 5 (T5a-T5e); RFC 3261 section 17.2, RFC 6026 section 7.1."""

import pytest

from kit.call import Call
from kit.endpoint import is_reply, is_request, token

# T1 = 50 ms and T2 = 200 ms.
QUICK = {"tm": {"retr_timer1": 50, "retr_timer2": 200, "fr_timer": 3000, "wt_timer": 1000}}


def test_trying_is_sent_at_once_and_never_forwarded(proxy, caller, callee):
    call = Call(caller, callee, proxy.address)
    call.invite()
    trying = caller.receive_reply(100, timeout=0.5)
    assert trying.to_tag is None
    call.arrive()
    call.answer(100, "Trying to find Bob")
    caller.expect_nothing(0.15)


def test_t5a_copies_of_an_invite_are_forwarded_once(proxy, caller, callee):
    call = Call(caller, callee, proxy.address)
    sent = call.invite()
    for _ in range(2):
        caller.send(sent, proxy.address)
    call.arrive()
    call.answer(486, "Busy Here")
    caller.receive_reply(486)
    callee.expect_nothing(predicate=is_request("INVITE"))


def test_t5b_a_copy_after_180_gets_the_180_again(proxy, caller, callee):
    call = Call(caller, callee, proxy.address)
    sent = call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    first = caller.receive_reply(180)
    caller.send(sent, proxy.address)
    assert caller.receive_reply(180).raw == first.raw
    callee.expect_nothing(0.1)
    call.answer(486, "Busy Here")
    caller.receive_reply(486)


@pytest.mark.own
def test_t5c_a_rejection_is_repeated_until_the_ack(shared_proxy, caller, callee):
    proxy = shared_proxy(**QUICK)
    call = Call(caller, callee, proxy.address)
    sent = call.invite(branch=token("z9hG4bK"))
    call.arrive()
    call.answer(486, "Busy Here")
    copies = [caller.receive_reply(486) for _ in range(5)]
    assert len({copy.raw for copy in copies}) == 1
    gaps = [b.received_at - a.received_at for a, b in zip(copies, copies[1:], strict=False)]
    # 50, 100, 200, 200 ms: never early, and the growth ends at T2. The slack is for a loaded machine.
    for gap, expected in zip(gaps, (0.05, 0.1, 0.2, 0.2), strict=True):
        assert expected * 0.8 <= gap <= expected + 0.15, gaps
    via = sent.all("Via")[0]
    ack = caller.request(
        "ACK", call.request_uri, from_tag=call.from_tag, to_tag=call.to_tag, call_id=call.call_id,
        cseq=sent.cseq[0], via=via, contact=False,
    )  # fmt: skip
    caller.send(ack, proxy.address)
    caller.forget()
    caller.expect_nothing(0.45)
    # The callee has got its own, hop-by-hop ACK and not the caller's.
    callee.receive_request("ACK")
    callee.expect_nothing(0.05)


def test_a_copy_in_completed_gets_the_final_reply_again(proxy, caller, callee):
    call = Call(caller, callee, proxy.address)
    sent = call.invite()
    call.arrive()
    call.answer(404, "Not Found")
    first = caller.receive_reply(404)
    caller.send(sent, proxy.address)
    assert caller.receive_reply(404, timeout=0.4).raw == first.raw
    callee.expect_nothing(0.1, is_request("INVITE"))


@pytest.mark.own
def test_t5d_a_copy_after_200_is_absorbed(proxy, caller, callee):
    """RFC 6026: nothing sent by the proxy on its own in Accepted."""
    call = Call(caller, callee, proxy.address)
    sent = call.invite()
    call.arrive()
    call.answer()
    call.learn(caller.receive_reply(200))
    caller.forget()
    caller.send(sent, proxy.address)
    caller.expect_nothing(0.2, is_reply())
    callee.expect_nothing(0.0)
    call.acknowledge()
    call.hang_up()


def test_every_copy_of_a_2xx_is_forwarded(proxy, caller, callee):
    """RFC 6026, A5."""
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer()
    first = caller.receive_reply(200)
    for _ in range(3):
        call.answer()
        assert caller.receive_reply(200).raw == first.raw
    call.learn(first)
    call.acknowledge()
    call.acknowledge()
    call.hang_up()


def test_t5e_a_copy_of_a_message_after_200_gets_the_same_200(proxy, caller, callee):
    sent = caller.request("MESSAGE", callee.uri("bob"), body="hello")
    caller.send(sent, proxy.address)
    callee.reply(callee.receive_request("MESSAGE"), 200, "OK", to_tag="t1")
    first = caller.receive_reply(200)
    caller.send(sent, proxy.address)
    assert caller.receive_reply(200).raw == first.raw
    callee.expect_nothing(0.1)


def test_a_copy_of_a_non_invite_before_any_reply_is_absorbed(proxy, caller, callee):
    sent = caller.request("MESSAGE", callee.uri("bob"))
    caller.send(sent, proxy.address)
    arrived = callee.receive_request("MESSAGE")
    caller.send(sent, proxy.address)
    caller.expect_nothing(0.15)
    callee.reply(arrived, 200, "OK")
    caller.receive_reply(200)


def test_a_copy_of_a_non_invite_gets_the_last_provisional(proxy, caller, callee):
    sent = caller.request("MESSAGE", callee.uri("bob"))
    caller.send(sent, proxy.address)
    arrived = callee.receive_request("MESSAGE")
    callee.reply(arrived, 182, "Queued", to_tag="t1")
    first = caller.receive_reply(182)
    caller.send(sent, proxy.address)
    assert caller.receive_reply(182).raw == first.raw
    callee.reply(arrived, 200, "OK", to_tag="t1")
    caller.receive_reply(200)


def test_a_second_final_to_a_non_invite_is_not_forwarded(proxy, caller, callee):
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    arrived = callee.receive_request("MESSAGE")
    callee.reply(arrived, 200, "OK", to_tag="t1")
    caller.receive_reply(200)
    callee.reply(arrived, 404, "Not Found", to_tag="t1")
    caller.expect_nothing()


def test_a_provisional_after_the_final_is_not_forwarded(proxy, caller, callee):
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(486, "Busy Here")
    caller.receive_reply(486)
    call.answer(180, "Ringing")
    caller.expect_nothing(0.15, is_reply(180))


def test_replies_keep_their_order(proxy, caller, callee):
    """180, 183 and 200 sent back to back arrive in that order (section 20.5)."""
    for _ in range(20):
        call = Call(caller, callee, proxy.address)
        call.invite()
        call.arrive()
        for status, reason in ((180, "Ringing"), (183, "Session Progress"), (200, "OK")):
            call.answer(status, reason)
        got = [caller.receive_reply(method="INVITE").status for _ in range(3)]
        assert got == [180, 183, 200]
