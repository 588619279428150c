"""Calls over a network that loses, doubles and reorders datagrams: every call ends well, nothing is done twice."""

import time

import pytest

from kit.call import Call
from kit.configuration import Configuration, Replace, Route
from kit.endpoint import Endpoint
from kit.lossy import LossyHop
from kit.message import Message
from kit.ports import free_port

QUICK = {"retr_timer1": 50, "retr_timer2": 200, "fr_timer": 5000}
PATIENCE = 10.0


def until(near: Endpoint, send, wanted, far: Endpoint, react) -> Message:
    """Repeat `send` every 100 ms until `wanted` arrives at `near`; `react` handles what arrives at `far`."""
    deadline, next_send = time.monotonic() + PATIENCE, 0.0
    while time.monotonic() < deadline:
        if time.monotonic() >= next_send:
            send()
            next_send = time.monotonic() + 0.1
        for message in near.collect(0.01):
            if wanted(message):
                return message
        for message in far.collect(0.005):
            react(message)
    raise AssertionError("no answer over the lossy hop")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_calls_over_a_bad_network(start, caller, callee, seed):
    with LossyHop(callee.socket.getsockname(), seed=seed, loss=0.2, duplicate=0.15, delayed=0.3, delay=0.08) as hop:
        route = Route("far", replace_from=Replace(uri="sip:anon@anonymous.invalid"),
                      relay=(f"sip:127.0.0.1:{hop.address[1]}",))  # fmt: skip
        proxy = start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,), tm=QUICK))
        for number in range(8):
            call = Call(caller, callee, proxy.address, request_uri="sip:bob@example.com")
            branches = set()

            def answer(message, call=call, branches=branches):
                if message.is_request and message.call_id == call.call_id and message.method != "ACK":
                    branches.add((message.method, message.branch))
                    call.received_invite = message
                    callee.reply(message, 200, "OK", to_tag=call.to_tag,
                                 headers=(f"Contact: <sip:there@127.0.0.1:{hop.address[1]}>",))  # fmt: skip

            sent = call.invite()
            final = until(
                caller,
                lambda sent=sent: caller.send(sent, proxy.address),
                lambda m, call=call: m.status == 200 and m.call_id == call.call_id and m.method == "INVITE",
                callee,
                answer,
            )
            assert final.get("From") == sent.get("From")
            call.learn(final)
            bye = call.in_dialog("caller", "BYE")
            until(
                caller,
                lambda bye=bye: caller.send(bye, proxy.address),
                lambda m, call=call: m.status == 200 and m.call_id == call.call_id and m.method == "BYE",
                callee,
                answer,
            )
            assert len(branches) == 2, f"call {number}: copies went on as new transactions: {branches}"
        assert hop.lost > 0, "the hop lost nothing"
