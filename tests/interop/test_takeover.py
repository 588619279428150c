"""A dialog set up through one proxy is continued through the other on the same address: uac-semantics 1.15."""

import itertools

import pytest

from kit.call import Call
from kit.configuration import Configuration, Replace, Route
from kit.ports import free_port

ANONYMOUS, CAROL = "sip:anonymous@anonymous.invalid", "sip:carol@gotham.org;user=phone"
ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"
ROUTES = (
    Route("from", user="^from$", replace_from=Replace(uri=ANONYMOUS)),
    Route("to", user="^to$", replace_to=Replace(uri=CAROL)),
    Route("display", user="^display$", replace_from=Replace(display="Anonymous", uri=ANONYMOUS)),
    Route("both", replace_from=Replace(uri=ANONYMOUS), replace_to=Replace(uri=CAROL)),
)
# None stands for the program under test.
ORDERS = {"from-kamailio": ("kamailio", None), "to-kamailio": (None, "kamailio")}
METHODS = ("INVITE", "UPDATE", "INFO")


def launch(start, configuration, program):
    return start(configuration, program) if program else start(configuration)


def views(call: Call) -> list[tuple[str, ...]]:
    """From and To lines, as they arrive and as the answer comes back, of each method in both directions."""
    seen = []
    for who, method in itertools.product(("caller", "callee"), METHODS):
        exchange = call.exchange(who, method)
        messages = [exchange.arrived, exchange.reply]
        messages += [exchange.acknowledgement] if exchange.acknowledgement else []
        seen.append((who, method, *(line for m in messages for line in (m.raw_value("From"), m.raw_value("To")))))
        assert exchange.reply.raw_value("From") == exchange.sent.raw_value("From")
        assert exchange.reply.raw_value("To") == exchange.sent.raw_value("To")
    return seen


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("password", ["", "secret", "a password with spaces & ; = symbols longer than the uri itself"])
def test_a_dialog_survives_the_change_of_program(start, caller, callee, order, password):
    """Every in-dialog message is restored to the same octets before and after."""
    configuration = Configuration(
        listen=(f"udp:127.0.0.1:{free_port()}",),
        routes=ROUTES,
        rr={"append_fromtag": True},
        uac={"restore_mode": "auto", "restore_passwd": password, "restore_display": False},
    )
    first_program, second_program = ORDERS[order]
    first = launch(start, configuration, first_program)
    calls = [Call(caller, callee, first.address, user=user) for user in ("from", "to", "display", "both", "from", "to")]
    before = {}
    for call in calls:
        call.establish()
        before[call.call_id] = views(call)
    first.stop()
    second = launch(start, configuration, second_program)
    assert second.address == first.address
    for number, call in enumerate(calls):
        assert views(call) == before[call.call_id]
        who = "caller" if number < 4 else "callee"
        bye = call.hang_up(who)
        assert bye.reply.get("From") == bye.sent.get("From")
        from_replaced, to_replaced = call.user != "to", call.user in ("to", "both")
        expected = (
            (ANONYMOUS if from_replaced else ALICE, CAROL if to_replaced else BOB) if who == "caller" else (BOB, ALICE)
        )
        assert (bye.arrived.from_uri, bye.arrived.to_uri) == expected


@pytest.mark.parametrize("order", ORDERS)
def test_a_ringing_call_survives_as_far_as_its_in_dialog_part(start, caller, callee, order):
    """The 200 finds no transaction; the caller's ACK and BYE go by the Record-Route of the 180."""
    configuration = Configuration(
        listen=(f"udp:127.0.0.1:{free_port()}",), routes=ROUTES, uac={"restore_passwd": "secret"}
    )
    first_program, second_program = ORDERS[order]
    first = launch(start, configuration, first_program)
    call = Call(caller, callee, first.address, user="both")
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    call.learn(caller.receive_reply(180))
    if first_program is None:
        # A ringing call would hold a draining program back.
        first.kill()
        first.process = None
    else:
        first.stop()
    launch(start, configuration, second_program)
    _, acknowledgement = call.acknowledge()
    assert (acknowledgement.from_uri, acknowledgement.to_uri) == (ANONYMOUS, CAROL)
    bye = call.hang_up("callee")
    assert (bye.arrived.from_uri, bye.arrived.to_uri) == (BOB, ALICE)
