"""uacfast and Kamailio one behind the other, in both orders; each replaces and restores on its own."""

import pytest

from kit.call import Call
from kit.configuration import Configuration, Replace, Route
from kit.message import name_addr_of
from kit.ports import free_port

FIRST, SECOND = "sip:first@hop.example", "sip:second-hop-with-a-longer-name@hop.example"
ALICE, BOB, CAROL = "sip:alice@example.com", "sip:bob@example.com", "sip:carol@gotham.org"
ORDERS = {"kamailio-first": ("kamailio", None), "kamailio-last": (None, "kamailio")}


@pytest.fixture(params=ORDERS)
def call(request, start, caller, callee):
    """A call through two proxies; From replaced by both, To by the second."""
    last_port = free_port()
    programs = ORDERS[request.param]
    configurations = (
        Configuration(
            listen=(f"udp:127.0.0.1:{free_port()}",),
            routes=(Route("on", replace_from=Replace(uri=FIRST), relay=(f"sip:127.0.0.1:{last_port}",)),),
            uac={"restore_passwd": "one"},
        ),
        Configuration(
            listen=(f"udp:127.0.0.1:{last_port}",),
            routes=(Route("out", replace_from=Replace(uri=SECOND), replace_to=Replace(uri=CAROL)),),
            uac={"restore_passwd": "two"},
        ),
    )
    started = [
        start(configuration, program) if program else start(configuration)
        for configuration, program in zip(configurations, programs, strict=True)
    ]
    return Call(caller, callee, started[0].address)


def test_a_whole_dialog(call, caller):
    final, acknowledgement = call.establish()
    assert final.get("From") == call.sent_invite.get("From")
    assert name_addr_of(final.get("To")) == call.sent_invite.get("To")
    assert len(call.caller.routes) == len(call.callee.routes) == 2
    assert call.received_invite.from_uri == acknowledgement.from_uri == SECOND
    assert call.received_invite.to_uri == acknowledgement.to_uri == CAROL
    for who, shown in (("caller", (SECOND, CAROL)), ("callee", (BOB, ALICE))):
        for method in ("INVITE", "UPDATE", "PRACK", "INFO"):
            exchange = call.exchange(who, method)
            assert (exchange.arrived.from_uri, exchange.arrived.to_uri) == shown
            assert exchange.reply.get("From") == exchange.sent.get("From")
            assert exchange.reply.get("To") == exchange.sent.get("To")
            assert not exchange.arrived.has("Route")
    call.hang_up("callee")


def test_a_route_set_on_one_line(call):
    call.establish()
    for who in ("caller", "callee"):
        routes = [", ".join(getattr(call, who).routes)]
        assert not call.exchange(who, "INFO", routes=routes).arrived.has("Route")
    call.hang_up()


def test_a_rejection(call, caller, callee):
    call.invite()
    call.arrive()
    call.answer(486, "Busy Here")
    final = caller.receive_reply(486)
    assert final.get("From") == call.sent_invite.get("From")
    assert callee.receive_request("ACK").from_uri == SECOND


def test_a_cancel(call, caller, callee):
    invite = call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    text = caller.request(
        "CANCEL", call.request_uri, via=invite.all("Via")[0], from_='"Alice A" <sip:alice@example.com>',
        from_tag=call.from_tag, to=invite.get("To"), call_id=call.call_id, cseq=invite.cseq[0], contact=False,
    )  # fmt: skip
    caller.send(text, call.caller.next_hop)
    caller.receive_reply(200, "CANCEL")
    cancel = callee.receive_request("CANCEL")
    assert (cancel.from_uri, cancel.to_uri) == (SECOND, CAROL)
    callee.reply(cancel, 200, "OK")
    call.answer(487, "Request Terminated")
    assert caller.receive_reply(487).get("From") == call.sent_invite.get("From")
