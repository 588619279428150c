"""The load generator: calls complete, are counted, and what goes wrong on the way is seen."""
import socket
import threading
import time

import pytest

from bench.compare.load import Load, LoadOptions, problems
from bench.compare.processes import BenchmarkError, free_udp_ports
from bench.compare.systems import REPLACED_FROM, SYSTEMS, Ports, RunningSystem

ORIGINAL = b"@pbx.customer.example>"


class Hop:
    """A relay in Python that may change or drop datagrams: change(octets, to_callee) returns octets or None."""

    def __init__(self, change=lambda octets, to_callee: octets):
        self.change = change
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.ports = Ports(self.socket.getsockname()[1], *free_udp_ports(2))
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.relay)

    def relay(self):
        while not self.stopped.is_set():
            try:
                octets, source = self.socket.recvfrom(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
            to_callee = source[1] != self.ports.callee
            changed = self.change(octets, to_callee)
            if changed is not None:
                self.socket.sendto(changed, ("127.0.0.1", self.ports.callee if to_callee else self.ports.caller))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stopped.set()
        self.thread.join()
        self.socket.close()


@pytest.fixture
def run_load(start_options, tmp_path):
    def run(ports, **options):
        options = LoadOptions(**{"rate": 200, "calls": 20} | options)
        with Load(ports, options, tmp_path, build_folder=start_options.build) as load:
            return load.result()
    return run


@pytest.mark.parametrize("scenario", ["basic", "cancel", "options"])
@pytest.mark.parametrize("relay", ["relay", "relay-pause"])
def test_calls_complete_through_the_bare_relay(start_options, run_load, relay, scenario):
    with RunningSystem(SYSTEMS[relay], start_options) as running:
        result = run_load(running.ports, scenario=scenario)
    assert (result["ok"], result["failed"], result["created"]) == (20, 0, 20)
    assert problems(result, SYSTEMS[relay], scenario) == []
    assert result["hidden"] == 0   # the relay replaces nothing
    # Replies at the caller: 100, 180, 200, 200 or 100, 180, 200, 487 or the one 200.
    assert result["restored"] == (20 if scenario == "options" else 80)


def test_delays_are_measured_where_they_arise(run_load):
    with Hop() as hop:
        result = run_load(hop.ports, ring_ms=50, hold_ms=50)
    assert result["delay_ms"]["post_dial"]["count"] == 20
    assert result["delay_ms"]["setup"]["p50"] < 50, "the ring time is no part of the set-up delay"
    assert result["seconds"] >= 0.194, "the last of 20 calls begins after 95 ms, rings 50 ms and is held 50 ms"


def test_the_warm_up_is_left_out(run_load):
    with Hop() as hop:
        result = run_load(hop.ports, calls=40, measure_from=0.1)
    assert result["ok"] == 40
    assert 0 < result["steady_calls"] == result["delay_ms"]["post_dial"]["count"] < 40


def test_replaced_and_restored_from_is_counted(run_load):
    def replace(octets, to_callee):
        replaced = b"<" + REPLACED_FROM.encode() + b">"
        if to_callee:
            start = octets.index(b"<sip:+49891234")
            numbers[octets.partition(b"Call-ID: ")[2].partition(b"\r\n")[0]] = \
                original = octets[start:octets.index(b">", start) + 1]
            return octets.replace(original, replaced)
        return octets.replace(replaced, numbers[octets.partition(b"Call-ID: ")[2].partition(b"\r\n")[0]])

    numbers = {}
    with Hop(replace) as hop:
        result = run_load(hop.ports)
    assert (result["ok"], result["shown"], result["unrestored"]) == (20, 0, 0)
    assert 58 <= result["hidden"] <= 60   # INVITE, ACK, BYE
    assert problems(result, SYSTEMS["kamailio"]) == []


def test_a_from_that_is_not_restored_is_a_problem(run_load):
    def spoil(octets, to_callee):
        return octets if to_callee else octets.replace(ORIGINAL, b"@pbx.customer.examp1e>")

    with Hop(spoil) as hop:
        result = run_load(hop.ports)
    assert result["unrestored"] == 80
    found = problems(result, SYSTEMS["kamailio"])
    assert any("not its own" in each for each in found) and any("the caller's own From" in each for each in found)


@pytest.mark.parametrize(("what", "caller_side"), [(b"INVITE ", True), (b"BYE ", True), (b"SIP/2.0 200", False)])
def test_lost_datagrams_are_sent_again_and_counted(run_load, what, caller_side):
    seen = set()

    def lose_first(octets, to_callee):
        if octets.startswith(what) and to_callee == caller_side:
            call_id = octets.partition(b"Call-ID: ")[2].partition(b"\r\n")[0]
            if call_id not in seen:
                seen.add(call_id)
                return None
        return octets

    with Hop(lose_first) as hop:
        result = run_load(hop.ports, calls=5)
    assert (result["ok"], result["failed"]) == (5, 0)
    assert result["retransmissions"] + result["callee_retransmissions"] == 5
    assert result["steady_retransmissions"] == 5


def test_a_refused_call_fails_with_its_status(run_load):
    def refuse(octets, to_callee):
        if to_callee:
            return octets
        return octets.replace(b"SIP/2.0 200 OK", b"SIP/2.0 486 No") if b"CSeq: 1 INVITE" in octets else octets

    with Hop(refuse) as hop:
        result = run_load(hop.ports, calls=3, give_up=1)
    assert (result["ok"], result["failed"], result["last_refusal"]) == (0, 3, 486)
    assert problems(result, SYSTEMS["relay"]) == ["3 calls failed, last refused with 486"]


def test_without_a_proxy_calls_fail_after_retransmission(run_load):
    result = run_load(Ports(*free_udp_ports(3)), calls=3, give_up=2)
    assert (result["ok"], result["failed"]) == (0, 3)
    assert result["retransmissions"] == 3   # after 0.5 s; at 1.5 s the next wait would pass the limit


def test_steps_hold_all_calls_ringing_and_established(start_options, tmp_path):
    options = LoadOptions(rate=500, calls=30, steps=True)
    with RunningSystem(SYSTEMS["relay"], start_options) as running, \
            Load(running.ports, options, tmp_path, build_folder=start_options.build) as load:
        assert load.line(10) == {"step": "ringing", "calls": 30}
        load.next_step()
        assert load.line(10) == {"step": "established", "calls": 30}
        load.next_step()
        assert load.result()["ok"] == 30


def test_a_port_in_use_is_a_sentence(start_options, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        ports = Ports(*free_udp_ports(2), taken.getsockname()[1])
        with Load(ports, LoadOptions(rate=1, calls=1), tmp_path, build_folder=start_options.build) as load, \
                pytest.raises(BenchmarkError, match=f"cannot use UDP port {ports.callee}"):
            load.line(10)


def test_leaving_the_context_ends_the_load(start_options, tmp_path):
    options = LoadOptions(rate=1, calls=1000)
    with Load(Ports(*free_udp_ports(3)), options, tmp_path, build_folder=start_options.build) as load:
        begun = time.monotonic()
    assert not load.child.is_running() and time.monotonic() - begun < 5
