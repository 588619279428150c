"""Restoring From and To within the dialog: uac-semantics sections 1.1-1.13 and 2; engine.md section 15."""

import json
from pathlib import Path

import pytest

from kit.call import Call
from kit.configuration import Replace, Route
from kit.message import display_of, name_addr_of, uri_of, uri_parameters

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "rr-param-vectors.json").read_text())["vectors"]


def vector_routes(password: str) -> tuple[Route, ...]:
    """One route per vector of this password, chosen by the user part of the Request-URI."""
    return tuple(
        Route(
            vector["id"],
            user=f"^{vector['id']}$",
            **{"replace_from" if vector["header"] == "From" else "replace_to": Replace(uri=vector["replacement_uri"])},
        )
        for vector in VECTORS
        if vector["password"] == password
    )


def opposite(header: str) -> str:
    return "To" if header == "From" else "From"


def assert_restored_both_ways(call: Call, header: str, original: str, replacement: str, who: str, method: str) -> None:
    """One in-dialog transaction: the far side sees its own view, the near side its own octets in the reply."""
    exchange = call.exchange(who, method)
    arrived, reply = exchange.arrived, exchange.reply
    near_header, far_uri = (header, replacement) if who == "caller" else (opposite(header), original)
    assert uri_of(arrived.get(near_header)) == far_uri
    assert uri_of(arrived.get(opposite(near_header))) == uri_of(exchange.sent.get(opposite(near_header)))
    assert reply.raw_value("From") == exchange.sent.raw_value("From")
    assert reply.raw_value("To") == exchange.sent.raw_value("To")
    if exchange.acknowledgement is not None:
        assert uri_of(exchange.acknowledgement.get(near_header)) == far_uri


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vectors_end_to_end(shared_proxy, caller, callee, vector):
    """The parameter to the octet, then a whole dialog with every method in both directions."""
    proxy = shared_proxy(routes=vector_routes(vector["password"]), uac={"restore_passwd": vector["password"]})
    header, original, replacement = vector["header"], vector["original_uri"], vector["replacement_uri"]
    call = Call(
        caller, callee, proxy.address, user=vector["id"], **{"from_" if header == "From" else "to": f"<{original}>"}
    )
    call.invite()
    invite = call.arrive()
    assert uri_of(invite.get(header)) == replacement
    assert invite.all("Record-Route") == [
        f"<sip:{proxy.sent_by};lr;ftag={call.from_tag};{vector['param']}={vector['value']}>"
    ]
    for status in (180, 200):
        call.answer(status, "Reason")
        reply = caller.receive_reply(status)
        assert reply.get("From") == call.sent_invite.get("From")
        assert name_addr_of(reply.get("To")) == call.sent_invite.get("To")
    call.learn(reply)
    assert uri_of(call.acknowledge()[1].get(header)) == vector["in_dialog_downstream_uri"]
    for who in ("caller", "callee"):
        for method in ("INVITE", "UPDATE", "PRACK", "INFO"):
            assert_restored_both_ways(call, header, original, replacement, who, method)
    who = "callee" if int(vector["id"][3:]) % 2 else "caller"
    assert_restored_both_ways(call, header, original, replacement, who, "BYE")


ANONYMOUS, CAROL = "sip:anon@anonymous.invalid", "sip:carol@gotham.org"
ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"
SECRET = {"restore_passwd": "secret"}
BOTH = (Route("both", replace_from=Replace(uri=ANONYMOUS), replace_to=Replace(uri=CAROL)),)
VSF, VST = "c2VjcmV2dWhGU25jfHF+cXUpPmNgBAQYGgE-", "c2VjcmR6Y0pqSmN2d2FnMSh0bAI-"


@pytest.fixture
def call(shared_proxy, caller, callee):
    """The established dialog of section 1.9 with password `secret`."""
    proxy = shared_proxy(routes=BOTH, uac=SECRET)
    call = Call(caller, callee, proxy.address)
    call.establish()
    return call


def test_the_stored_values(call, proxy):
    route = call.caller.routes[0]
    assert route.endswith(f";lr;ftag={call.from_tag};vsf={VSF};vst={VST}>")


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "PRACK", "INFO", "REFER", "NOTIFY", "OPTIONS"])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_what_each_leg_shows(call, who, method):
    """Section 1.9."""
    exchange = call.exchange(who, method)
    shown = (exchange.arrived.from_uri, exchange.arrived.to_uri)
    assert shown == ((ANONYMOUS, CAROL) if who == "caller" else (BOB, ALICE))
    assert exchange.reply.get("From") == exchange.sent.get("From")
    assert exchange.reply.get("To") == exchange.sent.get("To")
    assert (exchange.arrived.from_tag, exchange.arrived.to_tag) == (exchange.sent.from_tag, exchange.sent.to_tag)


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_a_rejected_re_invite_is_restored_and_its_ack_shows_the_far_view(call, who):
    near, far = getattr(call, who), call.callee if who == "caller" else call.caller
    sent = call.send_in_dialog(who, "INVITE")
    arrived = far.endpoint.receive_request("INVITE")
    far.endpoint.reply(arrived, 491, "Request Pending")
    reply = near.endpoint.receive_reply(491)
    assert (reply.get("From"), reply.get("To")) == (sent.get("From"), sent.get("To"))
    ack = far.endpoint.receive_request("ACK")
    assert (ack.get("From"), ack.get("To")) == (arrived.get("From"), arrived.get("To"))


def test_a_re_invite_that_is_record_routed_carries_the_stored_text(call):
    """Section 1.7: the received parameter text is copied verbatim."""
    for who in ("caller", "callee"):
        for value in call.exchange(who, "INVITE").arrived.values("Record-Route"):
            parameters = uri_parameters(uri_of(value))
            assert (parameters["vsf"], parameters["vst"], parameters["ftag"]) == (VSF, VST, call.from_tag)
    call.hang_up()


UNCHANGED = object()


def route_change(change):
    return lambda call: {"routes": [change(call.caller.routes[0], call)]}


def from_change(uri: str):
    return lambda call: {"from_": f"<{uri}>"}


# Row of section 1.12: change of the request, From and To sent on (UNCHANGED: as sent).
CATALOGUE = {
    "normal": (lambda call: {}, ANONYMOUS, CAROL),
    "from-shortened": (from_change("sip:al@example.com"), UNCHANGED, CAROL),
    "from-longer-than-the-payload": (from_change("sip:alice-in-wonderland@example.com"), UNCHANGED, CAROL),
    "from-tag-changed": (lambda call: {"from_tag": "another"}, UNCHANGED, UNCHANGED),
    "no-ftag": (route_change(lambda route, call: route.replace(f";ftag={call.from_tag}", "")), ANONYMOUS, CAROL),
    "vsf-removed": (route_change(lambda route, call: route.replace(f";vsf={VSF}", "")), UNCHANGED, CAROL),
    "vsf-empty": (route_change(lambda route, call: route.replace(VSF, "")), UNCHANGED, CAROL),
    "vsf-flag": (route_change(lambda route, call: route.replace(f"={VSF}", "")), UNCHANGED, CAROL),
    "vsf-upper-case": (route_change(lambda route, call: route.replace("vsf", "VSF")), UNCHANGED, CAROL),
    "vsf-equals-padding": (route_change(lambda route, call: route.replace("GgE-", "GgE=")), UNCHANGED, CAROL),
    "vsf-truncated": (route_change(lambda route, call: route.replace(VSF, VSF[:20])), UNCHANGED, CAROL),
    "vsf-all-dashes": (route_change(lambda route, call: route.replace(VSF, "-" * len(VSF))), UNCHANGED, CAROL),
    "vsf-quoted": (route_change(lambda route, call: route.replace(VSF, f'"{VSF}"')), ANONYMOUS, CAROL),
    "vsf-single-quoted": (route_change(lambda route, call: route.replace(VSF, f"'{VSF}'")), ANONYMOUS, CAROL),
    "vsf-padding-stripped": (route_change(lambda route, call: route.replace(VSF, VSF[:-1])), ANONYMOUS, CAROL),
    "vsf-twice": (route_change(lambda route, call: route.replace(";vst=", ";vsf=AAAA;vst=")), ANONYMOUS, CAROL),
    "vst-foreign-octets": (route_change(lambda route, call: route.replace(VST, "!!!!")), ANONYMOUS, UNCHANGED),
    "both-removed": (
        route_change(lambda route, call: route.replace(f";vsf={VSF};vst={VST}", "")), UNCHANGED, UNCHANGED
    ),
    "parameters-re-ordered": (
        route_change(lambda route, call: f"{route.partition(';')[0]};vst={VST};vsf={VSF};ftag={call.from_tag};lr>"),
        ANONYMOUS, CAROL,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", CATALOGUE)
def test_failure_catalogue_downstream(call, callee, caller, row):
    change, from_uri, to_uri = CATALOGUE[row]
    sent = call.send_in_dialog("caller", "INFO", **change(call))
    arrived = callee.receive_request("INFO")
    for header, expected in (("From", from_uri), ("To", to_uri)):
        if expected is UNCHANGED:
            assert arrived.raw_value(header) == sent.raw_value(header)
        else:
            assert uri_of(arrived.get(header)) == expected
    callee.reply(arrived, 200, "OK")
    reply = caller.receive_reply(200, "INFO")
    assert (reply.get("From"), reply.get("To")) == (sent.get("From"), sent.get("To"))


@pytest.mark.own
@pytest.mark.parametrize("uri", ["sip:bobby@example.com", "sip:alice@exbmple.com", "tel:alice@example.com"])
def test_a_changed_from_of_the_same_length_never_gives_garbage(call, callee, uri):
    """Section 1.12 [R]: a result that is not a URI leaves the header as it was.

    A changed URI may decode to another valid URI by chance; octets that no URI holds must not go out.
    """
    sent = call.send_in_dialog("caller", "INFO", from_=f"<{uri}>")
    arrived = callee.receive_request("INFO")
    if uri == "sip:bobby@example.com":
        assert arrived.raw_value("From") == sent.raw_value("From")
    assert not set(arrived.from_uri) & set('\\^`{}|<>" ')
    assert arrived.from_uri.split(":")[0] in ("sip", "sips", "tel")


def test_no_ftag_upstream_is_taken_as_downstream(call, caller, callee):
    routes = [call.callee.routes[0].replace(f";ftag={call.from_tag}", "")]
    sent = call.send_in_dialog("callee", "INFO", routes=routes)
    arrived = caller.receive_request("INFO")
    assert (arrived.get("From"), arrived.get("To")) == (sent.get("From"), sent.get("To"))


@pytest.mark.own
def test_a_route_from_another_password_is_left_alone(call, shared_proxy, callee):
    """Step 8 of section 1.5: not printable, so not restored."""
    other = shared_proxy(routes=BOTH, uac={"restore_passwd": "other"})
    routes = [call.caller.routes[0].replace(str(call.caller.next_hop[1]), str(other.address[1]))]
    call.caller.next_hop = other.address
    sent = call.send_in_dialog("caller", "INFO", routes=routes)
    arrived = callee.receive_request("INFO")
    assert (arrived.get("From"), arrived.get("To")) == (sent.get("From"), sent.get("To"))


def test_parameter_names_can_be_chosen(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=BOTH, uac={"rr_from_store_param": "xf", "rr_to_store_param": "xt"} | SECRET)
    call = Call(caller, callee, proxy.address)
    call.establish()
    assert call.caller.routes[0].endswith(f";xf={VSF};xt={VST}>")
    arrived = call.exchange("callee", "BYE").arrived
    assert (arrived.from_uri, arrived.to_uri) == (BOB, ALICE)


def test_double_record_route_carries_the_parameters_twice(shared_proxy, endpoint):
    """Section 1.2: both values carry ftag, vsf and vst; section 1.6: restored once, both ways."""
    proxy = shared_proxy(listen=("udp:127.0.0.1:PORT", "udp:[::1]:PORT"), routes=BOTH, uac=SECRET)
    near, far = endpoint("::1"), endpoint("127.0.0.1")
    call = Call(near, far, ("::1", proxy.address[1]))
    call.establish()
    assert len(call.caller.routes) == 2
    for route in call.caller.routes:
        assert f";r2=on;lr;ftag={call.from_tag};vsf={VSF};vst={VST}>" in route
    arrived = call.exchange("caller", "INVITE").arrived
    assert (arrived.from_uri, arrived.to_uri) == (ANONYMOUS, CAROL)
    arrived = call.exchange("callee", "BYE").arrived
    assert (arrived.from_uri, arrived.to_uri) == (BOB, ALICE)


def test_octets_above_127_are_restored_in_replies_only(shared_proxy, caller, callee):
    """Section 1.5, step 8."""
    proxy = shared_proxy(routes=BOTH)
    original = "sip:al\xc3\xadce@example.com"
    call = Call(caller, callee, proxy.address, from_=f"<{original}>")
    call.invite()
    assert call.arrive().from_uri == ANONYMOUS
    call.answer()
    final = caller.receive_reply(200)
    assert final.from_uri == original
    call.learn(final)
    call.acknowledge()
    assert call.exchange("callee", "BYE").arrived.to_uri == ANONYMOUS


# Restore modes, section 2.


def test_mode_none_stores_and_restores_nothing(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=BOTH, uac={"restore_mode": "none"})
    call = Call(caller, callee, proxy.address)
    final, _ = call.establish()
    assert (final.from_uri, final.to_uri) == (ANONYMOUS, CAROL)
    assert "vsf" not in call.caller.routes[0]
    # The caller goes on with its own view of the dialog.
    call.caller.remote = call.caller.remote.replace(CAROL, BOB)
    arrived = call.exchange("caller", "INFO").arrived
    assert (arrived.from_uri, arrived.to_uri) == (ALICE, BOB)


def test_mode_manual_stores_and_restores_replies_only(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=BOTH, uac={"restore_mode": "manual"} | SECRET)
    call = Call(caller, callee, proxy.address)
    final, _ = call.establish()
    assert (final.from_uri, final.to_uri) == (ALICE, BOB)
    assert f";vsf={VSF};vst={VST}>" in call.caller.routes[0]
    arrived = call.exchange("caller", "INFO").arrived
    assert (arrived.from_uri, arrived.to_uri) == (ALICE, BOB)


def test_avps_for_the_original_names_change_nothing_for_routes(shared_proxy, caller, callee):
    uac = {"restore_from_avp": "$avp(from)", "restore_to_avp": "$avp(to)"}
    route = Route("all", replace_from=Replace(uri="sip:anon@edge.example"))
    call = Call(caller, callee, shared_proxy(routes=(route,), uac=uac).address)
    final, _ack = call.establish()
    assert final.raw_value("From") == call.sent_invite.raw_value("From")
    assert_restored_both_ways(call, "From", "sip:alice@example.com", "sip:anon@edge.example", "callee", "INVITE")
    call.hang_up()


def test_mode_names_have_no_case(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=BOTH, uac={"restore_mode": "AUTO"} | SECRET)
    call = Call(caller, callee, proxy.address)
    call.establish()
    assert call.exchange("caller", "BYE").arrived.from_uri == ANONYMOUS


# The display name follows the URI: engine.md U4.

DISPLAY = {
    "replaced": Replace(display="Anonymous", uri=ANONYMOUS),
    "removed": Replace(display="", uri=ANONYMOUS),
    "untouched": Replace(uri=ANONYMOUS),
}
DISPLAY_ROUTES = tuple(Route(name, user=f"^{name}$", replace_from=DISPLAY[name]) for name in DISPLAY)


@pytest.mark.own
@pytest.mark.parametrize("kind", ["replaced", "removed"])
def test_in_dialog_requests_do_not_leak_the_display_name(shared_proxy, caller, callee, kind):
    proxy = shared_proxy(routes=DISPLAY_ROUTES)
    call = Call(caller, callee, proxy.address, user=kind)
    _, acknowledgement = call.establish()
    seen = [acknowledgement]
    for method in ("INVITE", "INFO", "BYE"):
        exchange = call.exchange("caller", method)
        seen += [exchange.arrived] + ([exchange.acknowledgement] if exchange.acknowledgement else [])
        assert exchange.reply.get("From") == exchange.sent.get("From")
    for message in seen:
        assert "Alice" not in message.text, message.text
        assert message.from_uri == ANONYMOUS


@pytest.mark.own
def test_the_caller_is_not_shown_the_replacement_display_name(shared_proxy, caller, callee):
    """U4: the callee's copy of "Anonymous" does not come back."""
    proxy = shared_proxy(routes=DISPLAY_ROUTES)
    call = Call(caller, callee, proxy.address, user="replaced")
    call.establish()
    exchange = call.exchange("callee", "BYE")
    assert exchange.arrived.to_uri == ALICE
    assert "Anonymous" not in exchange.arrived.get("To")
    assert exchange.reply.get("To") == exchange.sent.get("To")


def test_a_display_name_that_was_not_replaced_stays(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=DISPLAY_ROUTES)
    call = Call(caller, callee, proxy.address, user="untouched")
    _, acknowledgement = call.establish()
    assert display_of(acknowledgement.get("From")) == '"Alice A"'
    assert display_of(call.exchange("callee", "INFO").arrived.get("To")) == '"Alice A"'
    assert display_of(call.exchange("caller", "BYE").arrived.get("From")) == '"Alice A"'


@pytest.mark.parametrize("kind", ["replaced", "removed"])
def test_with_restore_display_off_the_octets_are_the_references(shared_proxy, caller, callee, kind):
    """Section 20.6: the URI is restored, the display name of the in-dialog request stays as sent."""
    proxy = shared_proxy(routes=DISPLAY_ROUTES, uac={"restore_display": False})
    call = Call(caller, callee, proxy.address, user=kind)
    _, acknowledgement = call.establish()
    assert name_addr_of(acknowledgement.get("From")) == f'"Alice A" <{ANONYMOUS}>'
    exchange = call.exchange("callee", "BYE")
    expected = f"Anonymous <{ALICE}>" if kind == "replaced" else f"<{ALICE}>"
    assert name_addr_of(exchange.arrived.get("To")).strip() == expected


# Sealed parameters.


@pytest.mark.own
def test_a_sealed_parameter_restores_and_shows_tampering(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=BOTH, uac=SECRET | {"restore_seal": "a sealing key"})
    call = Call(caller, callee, proxy.address)
    call.establish()
    route = call.caller.routes[0]
    vsf = uri_parameters(uri_of(route))["vsf"]
    assert VSF not in route or len(vsf) > len(VSF) or len(uri_parameters(uri_of(route))) > 4, "nothing was sealed"
    for who in ("caller", "callee"):
        arrived = call.exchange(who, "INFO").arrived
        assert (arrived.from_uri, arrived.to_uri) == ((ANONYMOUS, CAROL) if who == "caller" else (BOB, ALICE))
    # One changed character in the middle of the value: the header stays as sent.
    changed = vsf[:12] + ("A" if vsf[12] != "A" else "B") + vsf[13:]
    sent = call.send_in_dialog("caller", "INFO", routes=[route.replace(vsf, changed)])
    assert callee.receive_request("INFO").get("From") == sent.get("From")
