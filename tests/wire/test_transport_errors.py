"""Transport errors reach the transaction at once: engine.md section 3, T9."""

import pytest

from kit.configuration import Configuration, Route
from kit.endpoint import Endpoint
from kit.ports import free_port

pytestmark = pytest.mark.own


@pytest.fixture
def closed_port() -> int:
    """A port that answers with ICMP port unreachable."""
    return free_port()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_closed_port_is_answered_at_once(proxy, caller, closed_port, method):
    caller.send(caller.request(method, f"sip:bob@127.0.0.1:{closed_port}"), proxy.address)
    answer = caller.receive_reply(timeout=2.0)
    assert 500 <= answer.status < 600
    assert answer.to_tag
    proxy.ping()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_closed_port_fails_over_at_once(start, caller, callee, closed_port, method):
    route = Route("serial", relay=(f"sip:127.0.0.1:{closed_port}", callee.uri()))
    proxy = start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,)))
    caller.send(caller.request(method, "sip:bob@example.com"), proxy.address)
    arrived = callee.receive_request(method, timeout=2.0)
    callee.reply(arrived, 200, "OK", to_tag="t1")
    assert caller.receive_reply(200).to_tag == "t1"


def test_a_fork_goes_on_without_the_closed_port(start, caller, callee, closed_port):
    route = Route("fork", relay=(f"sip:127.0.0.1:{closed_port}", callee.uri()), fork=True)
    proxy = start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,)))
    caller.send(caller.request("INVITE", "sip:bob@example.com"), proxy.address)
    invite = callee.receive_request("INVITE")
    callee.reply(invite, 404, "Not Found", to_tag="t1")
    assert caller.receive_reply(timeout=2.0).status == 404, "a real reply ranks above our own of another class"


def test_a_closed_callee_does_not_disturb_other_calls(proxy, caller, callee, closed_port):
    """The error queue of a shared socket holds errors of others; none may be taken for ours."""
    for number in range(20):
        caller.send(caller.request("MESSAGE", f"sip:bob@127.0.0.1:{closed_port}"), proxy.address)
        caller.send(caller.request("MESSAGE", callee.uri("bob"), call_id=f"good{number}"), proxy.address)
    for _ in range(20):
        callee.reply(callee.receive_request("MESSAGE"), 200, "OK", to_tag="t1")
    replies = [caller.receive_reply() for _ in range(40)]
    assert sum(reply.status == 200 for reply in replies) == 20
    assert sum(500 <= reply.status < 600 for reply in replies) == 20


def test_a_caller_that_has_gone_harms_nobody(proxy, callee):
    gone = Endpoint()
    gone.send(gone.request("INVITE", callee.uri("bob")), proxy.address)
    invite = callee.receive_request("INVITE")
    gone.close()
    for status in (180, 183, 486):
        callee.reply(invite, status, "Reason", to_tag="t1")
    callee.receive_request("ACK")
    proxy.ping()


@pytest.mark.parametrize("target", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1:0"])
def test_addresses_that_are_no_peer_are_refused(proxy, caller, target):
    """Z4: broadcast, multicast, 0.0.0.0 and port 0."""
    caller.send(caller.request("MESSAGE", f"sip:bob@{target}"), proxy.address)
    assert caller.receive_reply(timeout=3.0).status >= 400
    proxy.ping()
