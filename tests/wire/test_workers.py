"""Two workers on one address: a transaction's messages meet in one place (engine.md T15, design decision 1)."""

import os
import signal

import pytest

from kit.call import Call
from kit.configuration import Configuration, Replace, Route
from kit.endpoint import is_request, token
from kit.ports import free_port
from kit.programs import group_members, wait_until

pytestmark = pytest.mark.own

ROUTES = (Route("all", replace_from=Replace(uri="sip:anon@anonymous.invalid")),)


def command_line(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


@pytest.fixture
def two(start):
    return start(
        Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=ROUTES, server={"workers": 2})
    )


def test_every_call_is_carried_right(two, endpoint):
    """Each call from a port of its own, so that the kernel spreads them over the sockets."""
    callee = endpoint()
    for number in range(30):
        caller = endpoint()
        call = Call(caller, callee, two.address)
        call.establish()
        exchange = call.exchange("callee" if number % 2 else "caller", "INVITE")
        assert exchange.reply.get("From") == exchange.sent.get("From")
        call.hang_up("caller" if number % 2 else "callee")


def test_copies_from_changing_ports_are_one_transaction(two, endpoint, callee):
    """T15: retransmissions that reach another worker's socket give one forwarded INVITE."""
    senders = [endpoint() for _ in range(6)]
    via = f"SIP/2.0/UDP {senders[0].sent_by};branch={token('z9hG4bK')}"
    text = senders[0].request("INVITE", callee.uri("bob"), via=via)
    for sender in senders:
        sender.send(text, two.address)
    invite = callee.receive_request("INVITE")
    callee.reply(invite, 486, "Busy Here", to_tag="t1")
    senders[0].receive_reply(486)
    callee.expect_nothing(0.2, is_request("INVITE"))


def test_a_dead_worker_is_replaced_and_the_others_go_on(two, endpoint, callee):
    members = group_members(two.process.pid)
    children = [member for member in members if member != two.process.pid]
    assert len(children) >= 2, "two workers have a process each"
    os.kill(max(children), signal.SIGKILL)
    wait_until(lambda: len(group_members(two.process.pid)) == len(members), 3.0, "the worker's replacement")
    two.ping()
    for _ in range(10):
        call = Call(endpoint(), callee, two.address)
        call.establish()
        call.hang_up()


@pytest.mark.parametrize(("batch_pause", "policy"), [(500, os.SCHED_BATCH), (0, os.SCHED_OTHER)])
def test_a_worker_that_pauses_waits_for_its_turn(start, batch_pause, policy):
    server = {"workers": 2, "batch_pause": batch_pause}
    program = start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=ROUTES, server=server))
    workers = [member for member in group_members(program.process.pid) if b"uacfast.worker" in command_line(member)]
    assert len(workers) == 2
    assert {os.sched_getscheduler(worker) for worker in workers} == {policy}
