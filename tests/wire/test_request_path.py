"""The request path of the proxy: engine.md sections 1.3 and 8; what is not edited stays to the octet."""

import re

import pytest

from kit.configuration import Route
from kit.endpoint import token
from kit.message import Message


def relayed(proxy, caller, callee, text: str) -> Message:
    """The request as it arrives at the callee; the transaction is answered."""
    caller.send(text, proxy.address)
    arrived = callee.receive(lambda m: m.is_request)
    callee.reply(arrived, 200, "OK", to_tag="t1")
    caller.receive_reply(200)
    return arrived


def test_the_relayed_request_is_the_received_one_plus_via_and_max_forwards(proxy, caller, callee):
    text = caller.request("MESSAGE", callee.uri("bob"), body="a body\r\n\0\xff")
    arrived = relayed(proxy, caller, callee, text)
    own_via = arrived.lines[1]
    assert own_via.startswith("Via: SIP/2.0/UDP")
    expected = text.replace(";rport;", f";received=127.0.0.1;rport={caller.port};").replace(
        "Max-Forwards: 70", "Max-Forwards: 69"
    )
    start_line, rest = expected.split("\r\n", 1)
    assert arrived.text == f"{start_line}\r\n{own_via}\r\n{rest}"


def test_tortuous_spelling_is_relayed_to_the_octet(proxy, caller, callee):
    """M2, M3, M5, W1, section 20.5."""
    head = (
        f"MESSAGE {callee.uri('bob')} SIP/2.0\r\n"
        f"v:SIP/2.0/UDP {caller.sent_by};branch={token('z9hG4bK')}\r\n"
        "Max-Forwards: 0068\r\n"
        "TO :\t Bob\r\n\t  <sip:bob@example.com>\r\n"
        'f:   "J Rosenberg \\\\\\"" <sip:alice@example.com> ; tag = 98asjd8\r\n'
        f"i: {token()}\r\n"
        "CSeq: 0007   MESSAGE\r\n"
        "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
        "X-Empty:\r\n"
        "Subject: \xc3\x9cber \xe2\x98\x83\r\n"
        "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n"
        "l: 3\r\n\r\nabc"
    )
    arrived = relayed(proxy, caller, callee, head)
    start_line, rest = head.split("\r\n", 1)
    decremented = rest.replace("Max-Forwards: 0068", "Max-Forwards:   67")
    assert arrived.text == f"{start_line}\r\n{arrived.lines[1]}\r\n{decremented}"


@pytest.mark.parametrize(
    ("received", "sent"), [("1", "0"), ("10", " 9"), ("255", "254"), ("070", " 69"), (" 70 ", " 69 ")]
)
def test_max_forwards_is_decremented_in_place(proxy, caller, callee, received, sent):
    """Section 20.5: the old width is kept by padding on the left."""
    text = caller.request("MESSAGE", callee.uri("bob"), max_forwards=received)
    assert relayed(proxy, caller, callee, text).raw_value("Max-Forwards") == f" {sent}"


def test_a_missing_max_forwards_is_inserted(proxy, caller, callee):
    """W2: the reference puts it above Record-Route and Via."""
    text = caller.request("MESSAGE", callee.uri("bob"), max_forwards=None)
    assert relayed(proxy, caller, callee, text).lines[1] == "Max-Forwards: 70"


@pytest.mark.parametrize(
    "method", ["OPTIONS", "INFO", "SUBSCRIBE", "PUBLISH", "REGISTER", "NEWMETHOD", "RE%47ISTER", "x"]
)
def test_every_method_is_relayed(proxy, caller, callee, method):
    """M10."""
    text = caller.request(method, callee.uri("bob"))
    assert relayed(proxy, caller, callee, text).method == method


def test_the_reply_is_the_callees_without_our_via(proxy, caller, callee):
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    arrived = callee.receive_request("MESSAGE")
    sent = callee.reply(
        arrived, 404, "N\xc3\xa4h", to_tag="t1", headers=("X-Odd  :  kept ", "s: folded\r\n\there"), body="text"
    ).decode("latin-1")
    own_via = f"Via:{arrived.raw_value('Via')}\r\n"
    assert caller.receive_reply(404).text == sent.replace(own_via, "", 1)


def test_long_bodies_survive(proxy, caller, callee):
    """M14: 60 KB relayed to the octet."""
    body = "".join(chr(number % 256) for number in range(60_000))
    assert relayed(proxy, caller, callee, caller.request("MESSAGE", callee.uri("bob"), body=body)).body == body.encode(
        "latin-1"
    )


def test_the_order_of_inserted_lines(proxy, caller, callee):
    """W2: Record-Route, own Via, then the received header part."""
    invite = caller.request("INVITE", callee.uri("bob"))
    caller.send(invite, proxy.address)
    arrived = callee.receive_request("INVITE")
    assert [name for name, _ in arrived.headers[:3]] == ["Record-Route", "Via", "Via"]
    callee.reply(arrived, 486, "Busy Here", to_tag="t1")
    caller.receive_reply(486)


def test_relay_keeps_the_request_uri(shared_proxy, caller, callee, endpoint):
    """An explicit next hop does not touch the Request-URI (step g)."""
    text = caller.request("MESSAGE", "sip:bob;day=tuesday@nowhere.invalid:5070;transport=udp;x=y")
    proxy = shared_proxy(routes=(Route("fixed", relay=(callee.uri(),)),))
    arrived = relayed(proxy, caller, callee, text)
    assert arrived.request_uri == "sip:bob;day=tuesday@nowhere.invalid:5070;transport=udp;x=y"


def test_a_tel_request_uri_is_relayed_when_the_next_hop_is_fixed(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=(Route("fixed", relay=(callee.uri(),)),))
    arrived = relayed(proxy, caller, callee, caller.request("MESSAGE", "tel:+14155550100;phone-context=example.com"))
    assert arrived.request_uri == "tel:+14155550100;phone-context=example.com"


def test_a_route_rewrites_the_request_uri(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=(Route("rewrite", ruri="sip:$rU@carrier.example", relay=(callee.uri(),)),))
    arrived = relayed(proxy, caller, callee, caller.request("MESSAGE", "sip:4711@edge.example"))
    assert arrived.request_uri == "sip:4711@carrier.example"


def test_routes_are_tried_in_order_by_method_and_user(shared_proxy, caller, callee):
    proxy = shared_proxy(
        routes=(
            Route("digits", user="^[+]?[0-9]+$", method=("INVITE", "MESSAGE"), reply=(480, "Digits")),
            Route("message", method=("MESSAGE",), reply=(488, "Message")),
            Route("elsewhere", source=("192.0.2.0/24",), reply=(403, "Not You")),
            Route("rest", source=("127.0.0.0/8",), reply=(603, "Rest")),
        )
    )
    for method, user, status in (
        ("MESSAGE", "+4711", 480), ("MESSAGE", "bob", 488), ("OPTIONS", "4711", 603), ("OPTIONS", "bob", 603)
    ):  # fmt: skip
        caller.send(caller.request(method, callee.uri(user)), proxy.address)
        assert caller.receive_reply().status == status


def test_the_host_of_a_uri_begins_after_the_last_at(proxy, caller, callee):
    """M7."""
    uri = f"sip:user;par=u%40example.net@{callee.sent_by}"
    assert relayed(proxy, caller, callee, caller.request("MESSAGE", uri)).request_uri == uri


def test_headers_of_a_request_uri_are_not_acted_on(proxy, caller, callee, endpoint):
    victim = endpoint()
    text = caller.request("MESSAGE", f"{callee.uri('bob')}?Route=%3Csip:{victim.sent_by};lr%3E")
    caller.send(text, proxy.address)
    victim.expect_nothing(0.15)


def test_own_credentials_of_other_realms_pass(proxy, caller, callee):
    """R3."""
    credentials = 'Proxy-Authorization: Digest username="a", realm="elsewhere", nonce="n", uri="sip:x", response="r"'
    arrived = relayed(proxy, caller, callee, caller.request("MESSAGE", callee.uri("bob"), headers=(credentials,)))
    assert credentials in arrived.lines


def test_a_script_value_cannot_inject_lines(shared_proxy, caller, callee):
    """Z7 and W3: an escaped line end in the user part stays escaped."""
    proxy = shared_proxy(routes=(Route("rewrite", ruri="sip:$rU@carrier.example", relay=(callee.uri(),)),))
    text = caller.request("MESSAGE", "sip:bob%0d%0aX-Evil:%201@edge.example")
    arrived = relayed(proxy, caller, callee, text)
    assert not any(re.match("X-Evil", line) for line in arrived.lines)


def test_an_unresolvable_next_hop_is_an_answer_not_silence(proxy, caller):
    caller.send(caller.request("MESSAGE", "sip:bob@nowhere.invalid"), proxy.address)
    assert caller.receive_reply(timeout=15.0).status >= 400


@pytest.mark.own
@pytest.mark.parametrize("uri", ["sips:bob@{peer}", "sip:bob@{peer};transport=tcp", "sip:bob@{peer};transport=tls"])
def test_what_asks_for_another_transport_never_leaves_over_udp(proxy, caller, callee, uri):
    """T14, and no silent downgrade."""
    caller.send(caller.request("MESSAGE", uri.format(peer=callee.sent_by)), proxy.address)
    assert caller.receive_reply().status >= 400
    callee.expect_nothing(0.05)


@pytest.mark.own
def test_a_preloaded_own_route_is_removed(proxy, caller, callee):
    """RR7."""
    text = caller.request("MESSAGE", callee.uri("bob"), routes=(f"<sip:{proxy.sent_by};lr>",))
    assert not relayed(proxy, caller, callee, text).has("Route")


@pytest.mark.own
def test_a_preloaded_foreign_route_is_no_way_through(proxy, caller, callee, endpoint):
    """RR7 and Z3: refused with 403 or ignored."""
    victim = endpoint()
    routes = (f"<sip:{proxy.sent_by};lr>", f"<sip:{victim.sent_by};lr>")
    caller.send(caller.request("MESSAGE", callee.uri("bob"), routes=routes), proxy.address)
    victim.expect_nothing(0.2)
