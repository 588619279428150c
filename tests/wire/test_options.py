"""Options that change what goes out: [tm], [rr], [server] and [limits]."""

import pytest

from kit.call import Call
from kit.configuration import Configuration, Route
from kit.endpoint import is_reply, is_request, token
from kit.ports import free_port

QUICK = {"retr_timer1": 50, "retr_timer2": 200, "fr_timer": 500}


def test_enable_full_lr(shared_proxy, caller, callee):
    proxy = shared_proxy(rr={"enable_full_lr": True})
    call = Call(caller, callee, proxy.address)
    call.establish()
    assert call.caller.routes == [f"<sip:{proxy.sent_by};lr=on;ftag={call.from_tag}>"]
    call.hang_up("callee")


def test_without_append_fromtag(shared_proxy, caller, callee):
    proxy = shared_proxy(rr={"append_fromtag": False}, uac={"restore_mode": "none"})
    call = Call(caller, callee, proxy.address)
    call.establish()
    assert call.caller.routes == [f"<sip:{proxy.sent_by};lr>"]
    call.hang_up("callee")


def test_without_auto_inv_100(shared_proxy, caller, callee):
    proxy = shared_proxy(tm={"auto_inv_100": False})
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    caller.expect_nothing(0.1, is_reply(100))
    call.answer(486, "Busy Here")
    caller.receive_reply(486)


def test_auto_inv_100_reason(shared_proxy, caller, callee):
    proxy = shared_proxy(tm={"auto_inv_100_reason": "Moment"})
    call = Call(caller, callee, proxy.address)
    call.invite()
    assert caller.receive_reply(100).reason == "Moment"
    call.arrive()
    call.answer(486, "Busy Here")


@pytest.mark.own
def test_relay_100(shared_proxy, caller, callee):
    proxy = shared_proxy(tm={"relay_100": True})
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(100, "From Bob")
    caller.receive(lambda m: m.status == 100 and m.reason == "From Bob")
    call.answer(486, "Busy Here")
    caller.receive_reply(486)


@pytest.mark.own
def test_without_noninv_timeout_408_a_message_ends_in_silence(shared_proxy, caller, callee):
    """RFC 4320."""
    proxy = shared_proxy(tm=QUICK | {"noninv_timeout_408": False})
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    callee.receive_request("MESSAGE")
    caller.expect_nothing(0.9)
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    assert caller.receive_reply().status == 408


def stray_reply(proxy, caller, record_route: str = "") -> str:
    return (
        "SIP/2.0 200 OK\r\n"
        f"Via: SIP/2.0/UDP {proxy.sent_by};branch=z9hG4bK0.0123456789abcdef0123456789abcdef.0\r\n"
        f"Via: SIP/2.0/UDP {caller.sent_by};branch=z9hG4bKnext\r\n{record_route}"
        "From: <sip:alice@example.com>;tag=f1\r\nTo: <sip:bob@example.com>;tag=t1\r\n"
        f"Call-ID: {token()}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.own
@pytest.mark.parametrize(
    ("mode", "with_record_route", "forwarded"),
    [
        ("record_route", False, False),
        ("record_route", True, True),
        ("forward", False, True),
        ("drop", True, False),
    ],
)
def test_stray_replies(shared_proxy, caller, callee, mode, with_record_route, forwarded):
    """X6."""
    proxy = shared_proxy(tm={"stray_replies": mode})
    record_route = f"Record-Route: <sip:{proxy.sent_by};lr;ftag=f1>\r\n" if with_record_route else ""
    callee.send(stray_reply(proxy, caller, record_route), proxy.address)
    if forwarded:
        assert len(caller.receive_reply(200).vias) == 1
    else:
        caller.expect_nothing()


@pytest.mark.own
def test_disable_6xx_block_goes_on_after_a_6xx(start, caller, callee, endpoint):
    second = endpoint()
    route = Route("serial", relay=(callee.uri(), second.uri()))
    configuration = Configuration(
        listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,), tm={"disable_6xx_block": True}
    )
    proxy = start(configuration)
    caller.send(caller.request("MESSAGE", "sip:bob@example.com"), proxy.address)
    callee.reply(callee.receive_request("MESSAGE"), 603, "Decline", to_tag="t1")
    second.reply(second.receive_request("MESSAGE"), 200, "OK", to_tag="t2")
    assert caller.receive_reply().status == 200


@pytest.mark.own
def test_an_alias_is_ours(shared_proxy, caller, callee):
    """Own-address detection for a node that takes over another's Route host (uac-semantics 1.15)."""
    proxy = shared_proxy(server={"alias": ["edge.example:5999", "plain.example"]})
    call = Call(caller, callee, proxy.address)
    call.establish()
    for host in ("edge.example:5999", "EDGE.example:5999", "plain.example"):
        routes = [call.caller.routes[0].replace(proxy.sent_by, host)]
        assert not call.exchange("caller", "INFO", routes=routes).arrived.has("Route")
    call.hang_up()
    caller.send(caller.request("OPTIONS", "sip:edge.example:5999"), proxy.address)
    assert caller.receive_reply().status == 200


@pytest.mark.own
@pytest.mark.parametrize("header", ["My Edge/1.0", ""])
def test_server_header(shared_proxy, caller, header):
    proxy = shared_proxy(server={"server_header": header})
    caller.send(caller.request("OPTIONS", f"sip:{proxy.sent_by}"), proxy.address)
    assert caller.receive_reply(200).all("Server") == ([header] if header else [])


@pytest.mark.own
def test_past_max_transactions_new_calls_get_503_and_running_ones_go_on(shared_proxy, caller, callee):
    """Section 18, O2."""
    proxy = shared_proxy(server={"max_transactions": 4}, tm={"wt_timer": 100})
    calls = [Call(caller, callee, proxy.address) for _ in range(3)]
    for call in calls:
        call.invite()
        call.received_invite = callee.receive(lambda m, c=call: m.method == "INVITE" and m.call_id == c.call_id)
        call._callee_learns(call.received_invite)
        call.answer(180, "Ringing")
        caller.receive_reply(180)
    refused = []
    for _ in range(6):
        probe = Call(caller, callee, proxy.address)
        probe.invite()
        refused += [m for m in caller.collect(0.1, lambda m, p=probe: m.call_id == p.call_id and m.status >= 200)]
    assert refused
    assert {reply.status for reply in refused} == {503}
    assert 5 <= int(refused[0].get("Retry-After")) <= 30
    for call in calls:
        call.answer()
        call.learn(caller.receive(lambda m, c=call: m.status == 200 and m.call_id == c.call_id))
        call.acknowledge()


@pytest.mark.own
def test_the_inserted_max_forwards_can_be_set(shared_proxy, caller, callee):
    proxy = shared_proxy(limits={"max_forwards": 15})
    caller.send(caller.request("MESSAGE", callee.uri("bob"), max_forwards=None), proxy.address)
    assert callee.receive_request("MESSAGE").get("Max-Forwards") == "15"


@pytest.mark.own
@pytest.mark.parametrize("accepted", [True, False])
def test_accept_bare_lf(shared_proxy, caller, callee, accepted):
    """M1: only when the option says so, and the same every time."""
    proxy = shared_proxy(limits={"accept_bare_lf": accepted})
    for _ in range(2):
        caller.send(caller.request("MESSAGE", callee.uri("bob")).replace("\r\n", "\n"), proxy.address)
        if accepted:
            assert callee.receive(lambda m: b"MESSAGE" in m.raw)
        else:
            callee.expect_nothing(0.15)


@pytest.mark.parametrize("method", ["SUBSCRIBE", "REFER", "NOTIFY"])
def test_other_dialog_forming_requests_are_record_routed(proxy, caller, callee, method):
    """Section 8, step d."""
    caller.send(caller.request(method, callee.uri("bob"), headers=("Event: presence",)), proxy.address)
    arrived = callee.receive(is_request(method))
    assert len(arrived.values("Record-Route")) == 1
    callee.reply(arrived, 202, "Accepted", to_tag="t1")
    assert len(caller.receive_reply(202).values("Record-Route")) == 1
