"""Via, received, rport and branch: engine.md sections 3 (T1-T3), 4 and 20.1; RFC 3581."""

import re

import pytest

from kit.call import Call
from kit.endpoint import token
from kit.message import parameters_of


def test_the_octets_of_a_received_via(proxy, caller, callee):
    """Section 20.1: received before rport in what is relayed, at the end of the line in our own answers."""
    branch = token("z9hG4bK")
    via = f"SIP/2.0/UDP {caller.sent_by};rport;branch={branch}"
    relayed = f"SIP/2.0/UDP {caller.sent_by};received=127.0.0.1;rport={caller.port};branch={branch}"
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    arrived = callee.receive_request("OPTIONS")
    assert arrived.all("Via")[1] == relayed
    callee.reply(arrived, 200, "OK")
    assert caller.receive_reply(200).all("Via") == [relayed], "a relayed reply carries the Via that was relayed"
    via = via.replace(branch, branch + "2")
    caller.send(caller.request("OPTIONS", f"sip:{proxy.sent_by}", via=via), proxy.address)
    answered = f"SIP/2.0/UDP {caller.sent_by};rport={caller.port};branch={branch}2;received=127.0.0.1"
    assert caller.receive_reply(200).all("Via") == [answered]


def test_a_via_that_needs_nothing_stays_as_it_is(proxy, caller, callee):
    via = f"SIP/2.0/UDP {caller.sent_by};branch={token('z9hG4bK')}"
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    arrived = callee.receive_request("OPTIONS")
    assert arrived.all("Via")[1] == via
    via += "2"
    caller.send(caller.request("OPTIONS", f"sip:{proxy.sent_by}", via=via), proxy.address)
    assert caller.receive_reply(200).all("Via") == [via]


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/UDP {own};branch={branch};rport",
        "SIP/2.0/UDP {own};ttl=1;rport;branch={branch};maddr=127.0.0.1",
        pytest.param(
            'SIP/2.0/UDP  {own} ;  branch={branch} ; rport ; other="a;b"', marks=pytest.mark.own, id="white-space"
        ),
    ],
)
def test_only_received_and_the_rport_value_are_added(proxy, caller, callee, via):
    via = via.format(own=caller.sent_by, branch=token("z9hG4bK"))
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    relayed = callee.receive_request("OPTIONS").all("Via")[1]
    assert relayed.count("received=127.0.0.1") == 1
    assert relayed.count(f"rport={caller.port}") == 1
    # The place of `received` among the parameters is free.
    without_value = relayed.replace(f"rport={caller.port}", "rport")
    assert via in (without_value.replace(";received=127.0.0.1", ""), without_value.replace("received=127.0.0.1;", ""))


def test_received_is_added_when_sent_by_differs_from_the_source(proxy, caller, callee):
    """T3. Without rport the reply goes to the source address and the sent-by port."""
    via = f"SIP/2.0/UDP 10.9.9.9:{caller.port};branch={token('z9hG4bK')}"
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    arrived = callee.receive_request("OPTIONS")
    relayed = arrived.all("Via")[1]
    assert relayed.count(";received=127.0.0.1") == 1
    assert relayed.replace(";received=127.0.0.1", "") == via
    callee.reply(arrived, 200, "OK")
    caller.receive_reply(200)


def test_rport_routes_the_reply_to_the_source_port(proxy, caller, callee):
    """T2: sent-by 10.9.9.9:5060;rport is answered at the source."""
    via = f"SIP/2.0/UDP 10.9.9.9:5060;rport;branch={token('z9hG4bK')}"
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
    parameters = parameters_of(caller.receive_reply(200).vias[0])
    assert (parameters["received"], parameters["rport"]) == ("127.0.0.1", str(caller.port))


def test_without_rport_the_reply_goes_to_the_sent_by_port(proxy, caller, callee, endpoint):
    other = endpoint()
    via = f"SIP/2.0/UDP 127.0.0.1:{other.port};branch={token('z9hG4bK')}"
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
    other.receive_reply(200)
    caller.expect_nothing(0.05)


def test_a_host_name_as_sent_by_gets_received(proxy, caller, callee):
    via = f"SIP/2.0/UDP phone.example.com:{caller.port};rport;branch={token('z9hG4bK')}"
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    arrived = callee.receive_request("OPTIONS")
    assert parameters_of(arrived.vias[1])["received"] == "127.0.0.1"
    callee.reply(arrived, 200, "OK")
    caller.receive_reply(200)


def test_a_forged_received_does_not_route_the_reply_elsewhere(proxy, caller, callee, endpoint):
    """Z3: `received` in the topmost Via is ours to write, the sender's value is not believed."""
    victim = endpoint("127.0.0.2", port=caller.port)
    via = f"SIP/2.0/UDP 127.0.0.1:{caller.port};rport;received=127.0.0.2;branch={token('z9hG4bK')}"
    caller.send(caller.request("OPTIONS", callee.uri("bob"), via=via), proxy.address)
    callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
    caller.receive_reply(200)
    victim.expect_nothing(0.05)


def test_a_reply_leaves_the_address_that_the_request_was_sent_to(shared_proxy, caller, callee):
    """T1."""
    proxy = shared_proxy(listen=("udp:127.0.0.1:PORT", "udp:127.0.0.2:PORT"))
    for address in proxy.addresses:
        caller.send(caller.request("OPTIONS", callee.uri("bob")), address)
        callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
        assert caller.receive_reply(200).source == address
        caller.send(caller.request("INVITE", callee.uri("bob"), max_forwards=0), address)
        assert caller.receive_reply(483).source == address


def test_the_own_via(proxy, caller, callee):
    """V1 and V3: slot, digest and branch number between dots, port written, no rport asked for."""
    caller.send(caller.request("OPTIONS", callee.uri("bob")), proxy.address)
    arrived = callee.receive_request("OPTIONS")
    assert re.fullmatch(
        rf"SIP/2\.0/UDP {re.escape(proxy.sent_by)};branch=z9hG4bK[0-9a-f]{{1,8}}\.[0-9a-f]{{24,32}}\.0", arrived.vias[0]
    ), arrived.vias[0]
    assert arrived.headers[0][0] == "Via"


def test_the_spelling_and_layout_of_received_vias_stay(proxy, caller, callee):
    """Two values in one compact line stay so; the second value is not touched."""
    first = f"SIP/2.0/UDP {caller.sent_by};rport;branch={token('z9hG4bK')}"
    second = "SIP / 2.0 / UDP 10.0.0.1:5060 ; branch=z9hG4bKdeeper ; received=10.0.0.9"
    text = caller.request("OPTIONS", callee.uri("bob"), via=first).replace(f"Via: {first}", f"v:  {first} ,{second}")
    caller.send(text, proxy.address)
    arrived = callee.receive_request("OPTIONS")
    edited = first.replace(";rport", f";received=127.0.0.1;rport={caller.port}")
    assert arrived.lines[2] == f"v:  {edited} ,{second}"
    callee.reply(arrived, 200, "OK")
    reply = caller.receive_reply(200)
    assert reply.vias == [edited, second]


def test_branches_differ_between_requests_and_repeat_never(proxy, caller, callee):
    seen = set()
    for _ in range(50):
        caller.send(caller.request("OPTIONS", callee.uri("bob")), proxy.address)
        arrived = callee.receive_request("OPTIONS")
        seen.add(arrived.branch)
        callee.reply(arrived, 200, "OK")
        caller.receive_reply(200)
    assert len(seen) == 50


def test_invite_and_its_ack_share_the_slot_field(proxy, caller, callee):
    """Section 20.2: same first field, fresh digest for the ACK to a 2xx, index 0."""
    call = Call(caller, callee, proxy.address)
    _, acknowledgement = call.establish()
    invite_branch, ack_branch = call.received_invite.branch, acknowledgement.branch
    assert invite_branch != ack_branch
    assert ack_branch.endswith(".0")
    call.hang_up()


def test_ipv6(shared_proxy, endpoint):
    """M8: sent-by with brackets, received and the reply over IPv6."""
    proxy = shared_proxy(listen=("udp:[::1]:PORT",))
    near, far = endpoint("::1"), endpoint("::1")
    near.send(near.request("OPTIONS", far.uri("bob")), proxy.address)
    arrived = far.receive_request("OPTIONS")
    assert arrived.vias[0].startswith(f"SIP/2.0/UDP {proxy.sent_by};branch=z9hG4bK")
    parameters = parameters_of(arrived.vias[1])
    assert (parameters["received"], parameters["rport"]) == ("::1", str(near.port))
    far.reply(arrived, 200, "OK")
    near.receive_reply(200)
