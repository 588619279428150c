"""Record-Route and Route: engine.md sections 12 and 20.3; RFC 3261 sections 16.4, 16.6 and 16.12."""

import re

import pytest

from kit.call import Call
from kit.configuration import Configuration, Route
from kit.endpoint import token
from kit.ports import free_port


@pytest.fixture
def call(proxy, caller, callee):
    return Call(caller, callee, proxy.address)


def test_the_inserted_value(call, proxy):
    """RR1: `<sip:HOST:PORT;lr;ftag=TAG>`, lr without value."""
    call.invite()
    invite = call.arrive()
    assert invite.headers[0][0] == "Record-Route"
    assert invite.all("Record-Route") == [f"<sip:{proxy.sent_by};lr;ftag={call.from_tag}>"]
    call.answer(486, "Busy Here")


def test_received_record_routes_stay_below(proxy, caller, callee):
    up = "<sip:up1.example;lr>, <sip:up2.example;lr;x=\"a,b\">"
    call = Call(caller, callee, proxy.address, headers=(f"Record-Route:  {up}",))
    call.invite()
    lines = call.arrive().all("Record-Route")
    assert lines == [f"<sip:{proxy.sent_by};lr;ftag={call.from_tag}>", up]
    call.answer(486, "Busy Here")


def test_without_record_route_the_dialog_goes_past_us(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=(Route("past", record_route=False),))
    call = Call(caller, callee, proxy.address)
    call.invite()
    assert not call.arrive().has("Record-Route")
    call.answer(486, "Busy Here")


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "REGISTER", "INFO"])
def test_requests_that_form_no_dialog_are_not_record_routed(shared_proxy, caller, callee, method):
    """Section 8, step d: whatever the route says."""
    proxy = shared_proxy(routes=(Route("all", record_route=True),))
    caller.send(caller.request(method, callee.uri("bob")), proxy.address)
    arrived = callee.receive_request(method)
    assert not arrived.has("Record-Route")
    callee.reply(arrived, 200, "OK", to_tag="t1")
    caller.receive_reply(200)


def test_the_reply_carries_it_back_unchanged(call, proxy, caller):
    """RR11."""
    call.invite()
    invite = call.arrive()
    call.answer(180, "Ringing")
    assert caller.receive_reply(180).values("Record-Route") == invite.values("Record-Route")
    call.answer(486, "Busy Here")
    caller.receive_reply(486)


@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda route: route, id="as-sent"),
        pytest.param(lambda route: route.replace(";lr;", ";lr=on;"), id="lr=on"),
        pytest.param(lambda route: route.replace(";lr;", ";unknown=1;lr;flag;"), id="unknown-parameters"),
        pytest.param(lambda route: f'"Proxy, one" {route}', id="display-name"),
        pytest.param(lambda route: f"{route};header=parameter", id="header-parameter"),
        pytest.param(lambda route: re.sub("^<sip:", "<SIP:", route), id="scheme-case"),
    ],
)
def test_our_route_is_removed_however_it_is_spelled(call, who, spelling):
    """RR3."""
    call.establish()
    arrived = call.exchange(who, "INFO", routes=[spelling(getattr(call, who).routes[0])]).arrived
    assert not arrived.has("Route")
    call.hang_up()


def test_third_party_routes_below_ours_stay_and_are_followed(call, endpoint, caller):
    """RR3 and RR5's loose case: the next Route is the next hop, unknown parameters kept."""
    call.establish()
    middle = endpoint()
    below = f"<sip:x@{middle.sent_by};lr;custom=a%20b;flag>"
    last = '"Last, hop" <sip:last.example;lr>;p="q;r"'
    call.send_in_dialog("caller", "INFO", routes=[*call.caller.routes, below, last])
    arrived = middle.receive_request("INFO")
    assert arrived.request_uri == call.caller.target
    assert arrived.all("Route") == [below, last]
    middle.reply(arrived, 200, "OK")
    caller.receive_reply(200, "INFO")
    call.hang_up()


def test_routes_on_one_line_equal_routes_on_three(call, endpoint, caller):
    """Field report 6: both forms in every test."""
    call.establish()
    middle = endpoint()
    routes = [*call.caller.routes, f"<sip:{middle.sent_by};lr>", "<sip:last.example;lr>"]
    for form in (routes, [",".join(routes)], [" , ".join(routes[:2]), routes[2]], [",\r\n ".join(routes)]):
        call.send_in_dialog("caller", "INFO", routes=form)
        arrived = middle.receive_request("INFO")
        assert arrived.values("Route") == routes[1:]
        middle.reply(arrived, 200, "OK")
        caller.receive_reply(200, "INFO")
    call.hang_up()


def test_a_strict_next_hop(call, endpoint, caller):
    """RR5: Request-URI to the end of Route, the next Route into the Request-URI."""
    call.establish()
    strict = endpoint()
    target = call.caller.target
    call.send_in_dialog(
        "caller", "INFO", routes=[*call.caller.routes, f"<{strict.uri('strict')}>", "<sip:last.example;lr>"]
    )
    arrived = strict.receive_request("INFO")
    assert arrived.request_uri == strict.uri("strict")
    assert arrived.values("Route") == ["<sip:last.example;lr>", f"<{target}>"]
    strict.reply(arrived, 200, "OK")
    caller.receive_reply(200, "INFO")
    call.hang_up()


def test_a_strict_sender(call, callee):
    """RR4: our Record-Route value stands in the Request-URI and the target is the last Route."""
    call.establish()
    own = call.caller.routes[0].strip("<>")
    target = call.caller.target
    arrived = call.exchange("caller", "INFO", uri=own, routes=[f"<{target}>"]).arrived
    assert arrived.request_uri == target
    assert not arrived.has("Route")
    call.hang_up()


def test_an_address_family_change_makes_two_values(shared_proxy, endpoint):
    """RR2: outgoing interface on top, both with r2=on; removed in one go on both ways back."""
    proxy = shared_proxy(listen=("udp:127.0.0.1:PORT", "udp:[::1]:PORT"))
    near, far = endpoint("::1"), endpoint("127.0.0.1")
    port = proxy.address[1]
    call = Call(near, far, ("::1", port))
    call.invite()
    invite = call.arrive()
    assert invite.values("Record-Route") == [
        f"<sip:127.0.0.1:{port};r2=on;lr;ftag={call.from_tag}>",
        f"<sip:[::1]:{port};r2=on;lr;ftag={call.from_tag}>",
    ]
    assert invite.vias[0].startswith(f"SIP/2.0/UDP 127.0.0.1:{port};")
    call.answer()
    call.learn(near.receive_reply(200))
    assert not call.acknowledge()[1].has("Route")
    for who in ("caller", "callee"):
        arrived = call.exchange(who, "INFO").arrived
        assert not arrived.has("Route")
        assert arrived.source == (("127.0.0.1", port) if who == "caller" else ("::1", port))
        both = ",".join(getattr(call, who).routes)
        assert not call.exchange(who, "INFO", routes=[both]).arrived.has("Route")
        call.exchange(who, "INVITE")
    call.hang_up("callee")


def test_a_call_between_two_of_our_addresses(shared_proxy, endpoint):
    """Whether or not the socket changes, the route set leads both ways."""
    proxy = shared_proxy(listen=("udp:127.0.0.1:PORT", "udp:127.0.0.2:PORT"))
    near, far = endpoint("127.0.0.2"), endpoint("127.0.0.1")
    call = Call(near, far, proxy.addresses[1])
    call.establish()
    for who in ("caller", "callee"):
        assert not call.exchange(who, "INFO").arrived.has("Route")
    call.hang_up("callee")


@pytest.mark.own
def test_the_advertised_address_is_what_others_see(start, endpoint):
    port = free_port()
    advertised = f'\n[[listen]]\nuri = "udp:127.0.0.2:{port}"\nadvertise = "192.0.2.7:5099"\n'
    start(Configuration(listen=(f"udp:127.0.0.1:{port}",), extra=advertised))
    near, far = endpoint(), endpoint()
    call = Call(near, far, ("127.0.0.2", port))
    call.invite()
    invite = call.arrive()
    values = invite.values("Record-Route")
    assert any(value.startswith("<sip:192.0.2.7:5099;") for value in values), values
    call.answer()
    call.learn(near.receive_reply(200))
    assert not call.acknowledge()[1].has("Route")
    call.hang_up()


def test_an_in_dialog_request_without_route_to_us_is_answered_404_or_481(proxy, caller):
    """RR8."""
    caller.send(caller.request("BYE", f"sip:x@{proxy.sent_by}", to_tag=token()), proxy.address)
    assert caller.receive_reply().status in (404, 481)
    caller.send(caller.request("ACK", f"sip:x@{proxy.sent_by}", to_tag=token()), proxy.address)
    caller.expect_nothing(0.15)


def test_a_re_invite_keeps_the_direction_in_its_record_route(call):
    """RR10 and uac-semantics 1.7: when an in-dialog request is record-routed, ftag names the caller both ways."""
    call.establish()
    for who in ("caller", "callee"):
        for value in call.exchange(who, "INVITE").arrived.values("Record-Route"):
            assert f"ftag={call.from_tag}>" in value
    call.hang_up()


@pytest.mark.parametrize("route", ["<sip:;lr>", "<>", "<sip:[::1;lr>", "junk", ""])
def test_a_broken_route_harms_nobody(proxy, caller, callee, route):
    caller.send(caller.request("INFO", callee.uri("bob"), to_tag="t1", routes=(route,)), proxy.address)
    assert all(reply.status >= 400 for reply in caller.collect(0.15))
    proxy.ping()
