"""Replacing From and To on the initial request: uac-semantics sections 1.8-1.10 and 2."""

import pytest

from kit.call import Call
from kit.configuration import Replace, Route
from kit.endpoint import is_reply
from kit.message import name_addr_of

NEW = "sip:new@replaced.example"
PARAMETERS = "sip:r@y.example;user=phone"

OWN = pytest.mark.own

# Received name-addr, replacement, name-addr sent on (sections 1.10, newest column and [R]).
FORMS = {
    "uri-only": ('"A" <sip:a@x.example>', Replace(uri=NEW), f'"A" <{NEW}>'),
    "uri-only-bare": ("sip:a@x.example", Replace(uri=NEW), NEW),
    "display-and-uri": ('"A" <sip:a@x.example>', Replace(display='"B"', uri=NEW), f'"B" <{NEW}>'),
    "display-token": ("<sip:a@x.example>", Replace(display="B", uri=NEW), f"B <{NEW}>"),
    "display-only": ("<sip:a@x.example>", Replace(display="B"), "B <sip:a@x.example>"),
    "display-only-on-bare": ("sip:a@x.example", Replace(display="B"), "B <sip:a@x.example>"),
    "received-spaces-kept": ("Alice  <sip:a@x.example>", Replace(display='"B"', uri=NEW), f'"B"  <{NEW}>'),
    "no-space": ('"A"<sip:a@x.example>', Replace(display="B", uri=NEW), f"B<{NEW}>"),
    "space-in-brackets": ("<sip:a@x.example >", Replace(uri=NEW), f"<{NEW} >"),
    "parameters-in-brackets": ("<sip:a@x.example>", Replace(uri=PARAMETERS), f"<{PARAMETERS}>"),
}
OWN_FORMS = {
    "display-removed": ('"A" <sip:a@x.example>', Replace(display="", uri=NEW), f"<{NEW}>"),
    "only-display-removed": ('"A" <sip:a@x.example>', Replace(display="", uri=""), "<sip:a@x.example>"),
    "parameters-on-bare": ("sip:a@x.example", Replace(uri=PARAMETERS), f"<{PARAMETERS}>"),
    "display-and-parameters-on-bare": ("sip:a@x.example", Replace(display="B", uri=PARAMETERS), f"B <{PARAMETERS}>"),
}
ALL_FORMS = FORMS | OWN_FORMS
CASES = [
    pytest.param(header, name, id=f"{header}-{name}", marks=[OWN] if name in OWN_FORMS else [])
    for header in ("From", "To")
    for name in ALL_FORMS
]


def routes(header: str) -> tuple[Route, ...]:
    key = "replace_from" if header == "From" else "replace_to"
    return tuple(Route(name, user=f"^{name}$", **{key: ALL_FORMS[name][1]}) for name in ALL_FORMS)


@pytest.mark.parametrize(("header", "name"), CASES)
def test_the_forms_of_the_arguments(shared_proxy, caller, callee, header, name):
    proxy = shared_proxy(routes=routes(header))
    received, replace, sent_on = ALL_FORMS[name]
    call = Call(caller, callee, proxy.address, user=name, **{"from_" if header == "From" else "to": received})
    call.invite()
    invite = call.arrive()
    assert invite.raw_value(header) == f" {sent_on}" + (f";tag={call.from_tag}" if header == "From" else "")
    other = "To" if header == "From" else "From"
    assert invite.raw_value(other) == call.sent_invite.raw_value(other)
    call.answer(486, "Busy Here")
    rejection = caller.receive_reply(486)
    # Only a replaced URI installs the restoration of replies (section 1.8).
    assert name_addr_of(rejection.get(header)).strip() == (received if replace.uri else sent_on)


def test_header_parameters_stay(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=(Route("both", replace_from=Replace(uri=NEW), replace_to=Replace(uri=NEW)),))
    text = caller.request("MESSAGE", callee.uri("bob"), from_="<sip:a@x.example>;x=1", to="<sip:b@x.example> ; y=2;z")
    caller.send(text, proxy.address)
    arrived = callee.receive_request("MESSAGE")
    assert arrived.raw_value("From").startswith(f" <{NEW}>;x=1;tag=")
    assert arrived.raw_value("To") == f" <{NEW}> ; y=2;z"
    callee.reply(arrived, 200, "OK", to_tag="t1")
    reply = caller.receive_reply(200)
    assert reply.raw_value("From").startswith(" <sip:a@x.example>;x=1;tag=")
    assert reply.raw_value("To") == " <sip:b@x.example> ; y=2;z;tag=t1"


def test_compact_and_folded_headers_are_replaced_and_restored(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=(Route("both", replace_from=Replace(uri=NEW), replace_to=Replace(uri=NEW)),))
    text = (
        caller.request("MESSAGE", callee.uri("bob"), from_='"Al, \\"x\\" <b>"\r\n <sip:a@x.example>', from_tag="f1")
        .replace("\r\nFrom:", "\r\nf :")
        .replace("\r\nTo:", "\r\nt:\t")
    )
    caller.send(text, proxy.address)
    arrived = callee.receive_request("MESSAGE")
    assert f'f : "Al, \\"x\\" <b>"\r\n <{NEW}>;tag=f1\r\n' in arrived.text
    assert f"t:\t <{NEW}>\r\n" in arrived.text
    callee.reply(arrived, 200, "OK", to_tag="t1")
    assert caller.receive_reply(200).raw_value("From") == ' "Al, \\"x\\" <b>"\r\n <sip:a@x.example>;tag=f1'


BOTH = (Route("both", replace_from=Replace(display="Anonymous", uri="sip:anon@anonymous.invalid"),
              replace_to=Replace(uri="sip:carol@gotham.org")),)  # fmt: skip


@pytest.fixture
def call(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=BOTH, tm={"retr_timer1": 100, "fr_timer": 900, "fr_inv_timer": 5000})
    return Call(caller, callee, proxy.address)


def assert_caller_view(call, reply) -> None:
    """From and To to the octet as the caller wrote them, the callee's or our tag aside."""
    assert reply.get("From") == call.sent_invite.get("From")
    assert name_addr_of(reply.get("To")) == call.sent_invite.get("To")


def assert_callee_view(message) -> None:
    assert message.get("From").startswith("Anonymous <sip:anon@anonymous.invalid>;tag=")
    assert name_addr_of(message.get("To")) == "Bob <sip:carol@gotham.org>"


@pytest.mark.parametrize("status", [180, 183, 200, 302, 404, 486, 603])
def test_every_reply_is_restored(call, caller, callee, status):
    """Section 1.8 and U3."""
    call.invite()
    assert_callee_view(call.arrive())
    call.answer(status, "Reason")
    reply = caller.receive_reply(status)
    assert_caller_view(call, reply)
    assert reply.to_tag == call.to_tag
    if status < 200:
        call.answer(486, "Busy Here")
        assert_caller_view(call, caller.receive_reply(486))
    if status >= 300:
        assert_callee_view(callee.receive_request("ACK"))


def test_100_shows_the_original(call, caller):
    call.invite()
    trying = caller.receive_reply(100)
    assert trying.get("From") == call.sent_invite.get("From")
    assert trying.get("To") == call.sent_invite.get("To")
    call.arrive()
    call.answer(486, "Busy Here")


def test_408_shows_the_original(call, caller):
    call.invite()
    call.arrive()
    assert_caller_view(call, caller.receive_reply(408))


def test_repeated_replies_show_the_original(call, caller):
    """U7."""
    sent = call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    first = caller.receive_reply(180)
    caller.send(sent, call.caller.next_hop)
    repeated = caller.receive_reply(180)
    assert_caller_view(call, repeated)
    assert repeated.raw == first.raw
    call.answer(486, "Busy Here")
    assert_caller_view(call, caller.receive_reply(486))
    assert_caller_view(call, caller.receive_reply(486))


def test_cancel_shows_the_callee_the_replacement_and_the_caller_the_original(call, caller, callee):
    """U6 and section 1.9."""
    invite = call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    caller.send(
        caller.request("CANCEL", call.request_uri, via=invite.all("Via")[0], from_='"Alice A" <sip:alice@example.com>',
                       from_tag=call.from_tag, to="Bob <sip:bob@example.com>", call_id=call.call_id,
                       cseq=invite.cseq[0], contact=False),
        call.caller.next_hop,
    )  # fmt: skip
    assert_caller_view(call, caller.receive_reply(200, "CANCEL"))
    cancel = callee.receive_request("CANCEL")
    assert_callee_view(cancel)
    callee.reply(cancel, 200, "OK")
    call.answer(487, "Request Terminated")
    assert_caller_view(call, caller.receive_reply(487))
    assert_callee_view(callee.receive_request("ACK"))


def test_two_interleaved_calls_do_not_mix(shared_proxy, caller, callee, endpoint):
    """Field report 5: nothing of one message leaks into the next."""
    proxy = shared_proxy(routes=(Route("some", user="^replaced$", replace_from=Replace(uri=NEW)), Route("rest")))
    calls = [
        Call(caller, callee, proxy.address, from_=f"<sip:caller{n}@example.com>", user="replaced" if n % 2 else "plain")
        for n in range(10)
    ]
    for call in calls:
        call.invite()
    by_id = {call.call_id: call for call in calls}
    for _ in calls:
        invite = callee.receive_request("INVITE")
        number = calls.index(by_id[invite.call_id])
        assert invite.from_uri == (NEW if number % 2 else f"sip:caller{number}@example.com")
        assert ("vsf=" in invite.get("Record-Route")) == bool(number % 2)
        callee.reply(invite, 486, "Busy Here", to_tag="t1")
    for _ in calls:
        reply = caller.receive(is_reply(486))
        assert reply.from_uri == f"sip:caller{calls.index(by_id[reply.call_id])}@example.com"


@pytest.mark.parametrize("length", [1024, 1025, 1500])
@pytest.mark.own
def test_a_uri_beyond_the_limit_is_not_replaced(shared_proxy, caller, callee, length):
    """Section 1.3 [R]: past 1024 octets the header stays as it is; never half a replacement."""
    proxy = shared_proxy(routes=(Route("long", replace_from=Replace(uri=NEW)),), limits={})
    uri = "sip:" + "a" * (length - len("sip:@example.com")) + "@example.com"
    call = Call(caller, callee, proxy.address, from_=f"<{uri}>")
    call.invite()
    if length > 1024:
        invites = callee.collect(0.3, lambda m: m.method == "INVITE")
        replies = caller.collect(0.05, lambda m: m.status >= 200)
        assert replies or (invites and invites[0].from_uri == uri and "vsf=" not in invites[0].get("Record-Route"))
        return
    assert call.arrive().from_uri == NEW
    call.answer(486, "Busy Here")
    assert caller.receive_reply(486).from_uri == uri


def test_pseudo_variables_in_the_replacement(shared_proxy, caller, callee):
    route = Route("variables", replace_from=Replace(uri="sip:$fU@trunk.example"),
                  replace_to=Replace(uri="sip:$rU@carrier.example"))  # fmt: skip
    proxy = shared_proxy(routes=(route,))
    call = Call(caller, callee, proxy.address, user="4711")
    call.invite()
    invite = call.arrive()
    assert (invite.from_uri, invite.to_uri) == ("sip:alice@trunk.example", "sip:4711@carrier.example")
    call.answer(486, "Busy Here")
    assert_caller_view(call, caller.receive_reply(486))
