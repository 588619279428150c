"""Replies, forking and the choice of the best: engine.md section 9; RFC 3261 section 16.7."""

import pytest

from kit.configuration import Configuration, Route
from kit.endpoint import is_reply, is_request, token
from kit.message import Message
from kit.ports import free_port

TM = {"retr_timer1": 50, "retr_timer2": 200, "fr_timer": 700, "fr_inv_timer": 3000}


class Fork:
    """One INVITE from a caller at the hands of two callees."""

    def __init__(self, proxy, caller, first, second):
        self.proxy, self.caller, self.callees = proxy, caller, (first, second)
        self.details = {"from_tag": token("f"), "call_id": token("c"), "branch": token("z9hG4bK")}
        self.invites: dict[int, Message] = {}

    def invite(self) -> None:
        self.caller.send(self.caller.request("INVITE", "sip:bob@example.com", **self.details), self.proxy.address)

    def arrive(self, which: int) -> Message:
        self.invites[which] = self.callees[which].receive_request("INVITE")
        return self.invites[which]

    def answer(self, which: int, status: int, reason: str = "Reason", headers: tuple[str, ...] = ()) -> None:
        contact = (f"Contact: <{self.callees[which].uri('there')}>",)
        self.callees[which].reply(
            self.invites[which], status, reason, to_tag=f"t{which}", headers=contact + headers
        )

    def cancelled(self, which: int) -> Message:
        """The callee gets CANCEL, answers it and ends its INVITE with 487, for which it gets ACK."""
        cancel = self.callees[which].receive_request("CANCEL")
        self.callees[which].reply(cancel, 200, "OK")
        self.answer(which, 487, "Request Terminated")
        self.acknowledged(which)
        return cancel

    def acknowledged(self, which: int) -> Message:
        ack = self.callees[which].receive_request("ACK")
        assert ack.branch == self.invites[which].branch
        return ack

    def acknowledge(self, final: Message) -> None:
        """The caller's ACK for a rejection, so that its copies stop."""
        self.caller.send(
            self.caller.request("ACK", "sip:bob@example.com", to_tag=final.to_tag, contact=False, **self.details),
            self.proxy.address,
        )


@pytest.fixture
def fork(start, endpoint, caller):
    first, second = endpoint(), endpoint()
    route = Route("fork", relay=(first.uri(), second.uri()), fork=True)
    return Fork(_own(start, route), caller, first, second)


@pytest.fixture
def serial(start, endpoint, caller):
    first, second = endpoint(), endpoint()
    route = Route("serial", relay=(first.uri(), second.uri()))
    return Fork(_own(start, route), caller, first, second)


def _own(start, route: Route):
    return start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,), tm=TM))


def both(fork) -> None:
    fork.invite()
    fork.arrive(0)
    fork.arrive(1)


def test_branches_differ_only_in_the_last_field(fork):
    both(fork)
    branches = [fork.invites[which].branch for which in (0, 1)]
    assert branches[0].rpartition(".")[0] == branches[1].rpartition(".")[0]
    assert [branch.rpartition(".")[2] for branch in branches] == ["0", "1"]
    fork.answer(0, 486)
    fork.answer(1, 486)
    fork.acknowledge(fork.caller.receive_reply(486))


def test_provisionals_of_every_branch_are_forwarded(fork):
    """F2."""
    both(fork)
    for which in (0, 1):
        fork.answer(which, 180)
        assert fork.caller.receive_reply(180).to_tag == f"t{which}"
    fork.answer(0, 486)
    fork.caller.expect_nothing(0.1)
    fork.answer(1, 486)
    fork.acknowledge(fork.caller.receive_reply(486))


def test_the_first_200_wins_and_the_other_branch_is_cancelled(fork):
    """F3: CANCEL to the ringing one; its 487 is acknowledged and not forwarded."""
    both(fork)
    fork.answer(0, 180)
    fork.caller.receive_reply(180)
    fork.answer(1, 200)
    assert fork.caller.receive_reply(200).to_tag == "t1"
    cancel = fork.cancelled(0)
    assert cancel.branch == fork.invites[0].branch
    fork.caller.expect_nothing(0.15)


def test_two_200_are_both_forwarded(fork):
    both(fork)
    fork.answer(0, 180)
    fork.answer(1, 180)
    fork.answer(0, 200)
    fork.answer(1, 200)
    assert {fork.caller.receive_reply(200).to_tag for _ in (0, 1)} == {"t0", "t1"}


def test_486_and_404_give_404(fork):
    both(fork)
    fork.answer(0, 486)
    fork.acknowledged(0)
    fork.caller.expect_nothing(0.1, is_reply(486))
    fork.answer(1, 404)
    fork.acknowledged(1)
    fork.acknowledge(fork.caller.receive_reply(404))


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        pytest.param(486, 603, 603, id="6xx-wins"),
        pytest.param(404, 302, 302, id="3xx-before-4xx"),
        pytest.param(500, 486, 486, id="4xx-before-5xx"),
        pytest.param(404, 415, 415, id="415-helps"),
        pytest.param(403, 484, 484, id="484-helps"),
        pytest.param(480, 403, 403, id="lower-number"),
        pytest.param(503, 486, 486, id="503-last"),
    ],
)
def test_the_best_final(fork, first, second, best):
    """F5."""
    both(fork)
    fork.answer(0, first)
    fork.answer(1, second)
    final = fork.caller.receive_reply()
    assert final.status == best
    fork.acknowledge(final)
    fork.acknowledged(0)
    fork.acknowledged(1)


def test_a_6xx_cancels_the_others_and_waits_for_them(fork):
    """F4 and section 20.5: the CANCEL carries the cause."""
    both(fork)
    fork.answer(0, 180)
    fork.caller.receive_reply(180)
    fork.answer(1, 603)
    fork.caller.expect_nothing(0.1)
    cancel = fork.cancelled(0)
    assert "603" in cancel.get("Reason")
    fork.acknowledge(fork.caller.receive_reply(603))


def test_401_and_407_are_sent_up_as_one_with_both_challenges(fork):
    """F6."""
    both(fork)
    fork.answer(0, 401, headers=('WWW-Authenticate: Digest realm="one", nonce="1"',))
    fork.answer(1, 407, headers=('Proxy-Authenticate: Digest realm="two", nonce="2"',))
    final = fork.caller.receive_reply()
    assert final.status in (401, 407)
    assert final.all("WWW-Authenticate") == ['Digest realm="one", nonce="1"']
    assert final.all("Proxy-Authenticate") == ['Digest realm="two", nonce="2"']
    fork.acknowledge(final)


def test_a_silent_branch_holds_the_final_until_its_timer(fork):
    both(fork)
    fork.answer(1, 404)
    fork.caller.expect_nothing(0.4)
    fork.acknowledge(fork.caller.receive_reply(404, timeout=2.0))


def test_all_branches_silent_end_with_408(fork):
    both(fork)
    fork.acknowledge(fork.caller.receive_reply(408, timeout=3.0))


def test_a_cancel_reaches_every_ringing_branch(fork):
    both(fork)
    for which in (0, 1):
        fork.answer(which, 180)
        fork.caller.receive_reply(180)
    fork.caller.send(
        fork.caller.request("CANCEL", "sip:bob@example.com", contact=False, **fork.details), fork.proxy.address
    )
    assert fork.caller.receive_reply(method="CANCEL").status == 200
    fork.cancelled(0)
    fork.cancelled(1)
    fork.acknowledge(fork.caller.receive_reply(487))


def test_a_forked_message_takes_the_first_2xx(fork):
    """F11."""
    caller = fork.caller
    caller.send(caller.request("MESSAGE", "sip:bob@example.com"), fork.proxy.address)
    requests = [callee.receive_request("MESSAGE") for callee in fork.callees]
    fork.callees[1].reply(requests[1], 200, "OK", to_tag="t1")
    assert caller.receive_reply(200).to_tag == "t1"
    fork.callees[0].reply(requests[0], 404, "Not Found", to_tag="t0")
    caller.expect_nothing(0.1)
    fork.callees[0].expect_nothing(0.0, is_request("CANCEL"))


def test_a_single_503_goes_up_as_500(proxy, caller, callee):
    """Section 20.5: without its Retry-After."""
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    callee.reply(callee.receive_request("MESSAGE"), 503, "Busy", to_tag="t1", headers=("Retry-After: 20",))
    final = caller.receive_reply()
    assert final.status == 500
    assert not final.has("Retry-After")


def test_302_passes_with_its_contact(proxy, caller, callee):
    """F7."""
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    callee.reply(
        callee.receive_request("MESSAGE"), 302, "Moved", to_tag="t1", headers=("Contact: <sip:bob@elsewhere.example>",)
    )
    assert caller.receive_reply(302).get("Contact") == "<sip:bob@elsewhere.example>"


def test_serial_second_after_a_rejection(serial):
    """F9."""
    serial.invite()
    serial.arrive(0)
    serial.answer(0, 486)
    serial.acknowledged(0)
    second = serial.arrive(1)
    assert second.branch != serial.invites[0].branch
    serial.caller.expect_nothing(0.0)
    serial.answer(1, 180)
    serial.caller.receive_reply(180)
    serial.answer(1, 200)
    assert serial.caller.receive_reply(200).to_tag == "t1"


def test_serial_second_after_silence(serial):
    serial.invite()
    serial.arrive(0)
    serial.arrive(1)
    serial.answer(1, 200)
    assert serial.caller.receive_reply(200).to_tag == "t1"


def test_serial_ends_at_6xx(serial):
    serial.invite()
    serial.arrive(0)
    serial.answer(0, 603)
    serial.acknowledge(serial.caller.receive_reply(603))
    serial.callees[1].expect_nothing(0.15)


def test_serial_ends_at_a_cancel(serial):
    serial.invite()
    serial.arrive(0)
    serial.answer(0, 180)
    serial.caller.receive_reply(180)
    serial.caller.send(
        serial.caller.request("CANCEL", "sip:bob@example.com", contact=False, **serial.details), serial.proxy.address
    )
    serial.caller.receive_reply(200, "CANCEL")
    serial.cancelled(0)
    serial.acknowledge(serial.caller.receive_reply(487))
    serial.callees[1].expect_nothing(0.15)


def test_serial_all_refuse(serial):
    serial.invite()
    serial.arrive(0)
    serial.answer(0, 404)
    serial.arrive(1)
    serial.answer(1, 486)
    final = serial.caller.receive_reply()
    assert final.status in (404, 486)
    serial.acknowledge(final)
    serial.caller.expect_nothing(0.15)


def test_serial_message_second_after_503(serial):
    caller = serial.caller
    caller.send(caller.request("MESSAGE", "sip:bob@example.com"), serial.proxy.address)
    serial.callees[0].reply(serial.callees[0].receive_request("MESSAGE"), 503, "Busy", to_tag="t0")
    serial.callees[1].reply(serial.callees[1].receive_request("MESSAGE"), 200, "OK", to_tag="t1")
    assert caller.receive_reply(200).to_tag == "t1"
