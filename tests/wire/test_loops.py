"""Loops and spirals: engine.md section 4 (V5), RFC 3261 section 16.3 step 4 and RFC 5393."""

import pytest

from kit.configuration import Configuration, Route
from kit.endpoint import is_request
from kit.message import parameters_of
from kit.ports import free_port


@pytest.fixture
def spiral(start):
    """Users `loop` come back unchanged, users `again` come back once as another user, `breed` comes back twice."""
    port = free_port()
    own = f"sip:127.0.0.1:{port}"

    def launch(callee):
        return start(
            Configuration(
                listen=(f"udp:127.0.0.1:{port}",),
                routes=(
                    Route("loop", user="^loop$", relay=(own,)),
                    Route("breed", user="^breed$", relay=(own, own), fork=True),
                    Route("again", user="^again$", ruri=callee.uri("done"), relay=(own,)),
                    Route("rest"),
                ),
            )
        )

    return launch


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_an_unchanged_loop_ends(spiral, caller, callee, method):
    proxy = spiral(callee)
    caller.send(caller.request(method, callee.uri("loop")), proxy.address)
    assert caller.receive_reply().status in (482, 483)
    proxy.ping()


@pytest.mark.own
def test_an_unchanged_loop_is_seen_in_the_first_round(spiral, caller, callee):
    """V5: the own Via with an equal loop field; Max-Forwards is not what ends it."""
    proxy = spiral(callee)
    caller.send(caller.request("MESSAGE", callee.uri("loop"), max_forwards=5), proxy.address)
    assert caller.receive_reply().status == 482


@pytest.mark.own
def test_a_forking_loop_stays_linear(spiral, caller, callee):
    """RFC 5393: without loop detection this would be 2^70 requests."""
    proxy = spiral(callee)
    caller.send(caller.request("INVITE", callee.uri("breed")), proxy.address)
    assert caller.receive_reply().status in (482, 483, 440)
    proxy.ping()


def test_a_spiral_goes_through_twice_and_reaches_the_callee_once(spiral, caller, callee):
    proxy = spiral(callee)
    caller.send(caller.request("INVITE", callee.uri("again")), proxy.address)
    invite = callee.receive_request("INVITE")
    own = [via for via in invite.vias if proxy.sent_by in via]
    assert len(own) == 2
    assert len({parameters_of(via)["branch"] for via in own}) == 2
    assert invite.get("Max-Forwards") == "68"
    callee.reply(invite, 486, "Busy Here", to_tag="t1")
    assert caller.receive_reply(486).vias[0].count(caller.sent_by)
    callee.receive_request("ACK")
    callee.expect_nothing(0.1, is_request("INVITE"))
