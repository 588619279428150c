"""The comparison's own logic: the search for the limit, ratios, flatness, tables, and processes left behind."""
import json
import os
import sys
from dataclasses import replace

import pytest

from bench.compare import __main__ as command
from bench.compare import report, runs
from bench.compare.processes import (
    BenchmarkError,
    Child,
    IdleSpinners,
    cpu_us,
    free_udp_ports,
    in_session,
    pss_kb,
    wait_until,
)
from bench.compare.systems import SYSTEMS, Kamailio, RunningSystem, StartOptions, System
from bench.compare.verify import verify

RECORD = {"system": "relay", "scenario": "basic", "rate": 100, "calls": 1000, "ok": 1000, "failed": 0, "workers": 1,
          "retransmissions": 0, "callee_retransmissions": 0, "steady_calls": 500, "steady_retransmissions": 0,
          "dropped_datagrams": 0, "kept_pace": True, "quiet": True, "other_percent": 0.0, "stolen_percent": 0.0,
          "cpu_us_per_call": 50.0, "cpu_percent": 5.0, "pss_loaded_kb": 2048, "problems": [],
          "delay_ms": {"post_dial": {"p50": 0.1, "p99": 0.5}, "setup": None}}
PLAN = runs.Plan(rate=1000, seconds=1, start=StartOptions())


@pytest.mark.parametrize(("change", "steady"), [
    ({}, True),
    ({"steady_retransmissions": 1}, False),
    ({"ok": 998}, False),
    ({"kept_pace": False}, False),
    ({"dropped_datagrams": 1}, False),
    ({"delay_ms": {"post_dial": {"p50": 1, "p99": 100.0}}}, False),
    ({"delay_ms": {"post_dial": None}}, False),
])
def test_what_counts_as_steady(change, steady):
    assert runs.is_steady(RECORD | change) is steady


@pytest.mark.parametrize("limit", [999, 1000, 1234, 4500, 13500, 60000])
def test_the_search_finds_the_limit(limit):
    def measure_once(system, plan):
        return RECORD | {"rate": plan.rate, "kept_pace": plan.rate <= limit}

    found = runs.find_max(SYSTEMS["relay"], PLAN, 60000, 0.05, lambda record: None, measure_once)
    if limit < 1000:
        assert found["max_rate"] <= limit and found["first_failing"] > limit
    else:
        assert limit * 0.9 <= found["max_rate"] <= limit
    assert len(found["runs"]) <= 20


def test_the_search_gives_up_when_nothing_is_steady():
    def measure_once(system, plan):
        return RECORD | {"kept_pace": False}

    found = runs.find_max(SYSTEMS["relay"], PLAN, 60000, 0.05, lambda record: None, measure_once)
    assert found["max_rate"] == 0 and found["at_max"] is None
    assert command.failures("find-max", [found]) == ["relay: not even the first rate was steady; begin lower with "
                                                     "--rate"]


def test_a_disturbed_run_is_repeated_and_the_quietest_kept():
    disturbances = iter([50.0, 20.0, 30.0, 1.0])

    def measure_once(system, plan):
        other = next(disturbances)
        return RECORD | {"other_percent": other, "quiet": other <= plan.other_percent_max}

    assert runs.measure_quietly(SYSTEMS["relay"], replace(PLAN, retries=2), measure_once)["other_percent"] == 20.0
    assert list(disturbances) == [1.0]


def test_spinners_give_way_to_all_other_work_and_end():
    cpus = {max(os.sched_getaffinity(0))}
    with IdleSpinners(cpus) as spinners:
        pid, = spinners.pids()
        wait_until(lambda: os.sched_getscheduler(pid) == os.SCHED_IDLE, 10, "the spinner")
        assert os.sched_getaffinity(pid) == cpus
    assert not os.path.exists(f"/proc/{pid}")
    assert replace(PLAN, cpus=(cpus, cpus)).awake() == set()
    assert replace(PLAN, cpus=(cpus, cpus), keep_awake=True).awake() == cpus
    assert replace(PLAN, keep_awake=True).awake() == os.sched_getaffinity(0)


def test_flatness_of_flat_and_growing_memory():
    assert runs.flatness([(n * 1000, 5000) for n in range(20)]) == {
        "first_quarter_kb": 5000, "last_quarter_kb": 5000, "growth_percent": 0.0, "octets_per_call": 0.0}
    growing = runs.flatness([(n * 1000, 5000 + n * 100) for n in range(20)])
    assert growing["octets_per_call"] == pytest.approx(0.1 * 1024)
    assert growing["growth_percent"] == pytest.approx(100 * 1500 / 5200, abs=0.01)


def test_ratios_compare_runs_of_the_same_round():
    records = [RECORD | {"system": name, "cpu_us_per_call": cost} for name, cost in
               (("a", 100.0), ("b", 200.0), ("a", 90.0), ("b", 100.0), ("a", 110.0), ("b", 100.0))]
    assert report.ratios(records, "b")["a"] == (0.9, 0.5, 1.1)
    assert "| a | 100.0 (90.0–110.0) | 0.90 (0.50–1.10) | 3,000 | 0 | 0 | 0.10 / 0.50 | 2.0 |" in \
        report.rate_table(records, "b").splitlines()


def test_ports_are_different_and_systems_are_known():
    assert len(set(free_udp_ports(10))) == 10
    with pytest.raises(SystemExit):
        command.parser().parse_args(["rate", "--systems", "asterisk"])


def test_memory_refuses_what_would_time_out(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare", "memory", "100000", "--rate", "1000", "--systems", "relay"])
    with pytest.raises(SystemExit, match="use --rate 2000"):
        command.main()


def test_missing_kamailio_is_a_sentence(monkeypatch):
    monkeypatch.setattr(Kamailio, "program", staticmethod(lambda: None))
    with pytest.raises(BenchmarkError, match="apt-get install kamailio"):
        SYSTEMS["kamailio-tlsf"].check(StartOptions())


class Broken(System):
    """Says why and ends before it listens."""

    def command(self, ports, folder, options):
        return [sys.executable, "-c", "import sys; sys.exit('no licence to relay')"], {}


def test_a_system_that_does_not_start_says_why(start_options):
    with pytest.raises(BenchmarkError, match="ended with status 1: no licence to relay"), \
            RunningSystem(Broken("broken"), start_options):
        pass


def test_a_child_is_stopped_with_its_descendants(tmp_path):
    script = ("import os, signal, sys, time\n"
              "pid = os.fork()\n"
              "if not pid: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
              "if pid: open('pid', 'w').write(str(pid)); os.rename('pid', 'child')\n"
              "time.sleep(600)\n")
    with Child("forker", [sys.executable, "-c", script], tmp_path) as child:
        wait_until((tmp_path / "child").exists, 10, "the fork", child)
        forked = int((tmp_path / "child").read_text())
        assert set(child.tree()) == {child.pid, forked}
        assert cpu_us(child.tree()) > 0 and pss_kb(child.tree()) > 0
    wait_until(lambda: not in_session(forked, child.pid) or is_zombie(forked), 10, "the end of the descendant")
    assert not child.is_running()


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] == b"Z"
    except FileNotFoundError:
        return True


def test_rate_run_through_the_relay(start_options, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "build", lambda: None)
    monkeypatch.setattr(command, "plan_of", lambda options: runs.Plan(100, 0.5, start_options, 0.0, retries=0))
    monkeypatch.setattr(sys, "argv", ["compare", "rate", "--systems", "relay,relay-pause", "--runs", "1", "--markdown",
                                      "--json", str(tmp_path / "out.json")])
    command.main()
    written = json.loads((tmp_path / "out.json").read_text())
    assert [record["system"] for record in written["records"]] == ["relay", "relay-pause"]
    assert all(record["ok"] == 50 and record["cpu_us_per_call"] > 0 for record in written["records"])
    assert "| relay-pause |" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["out.json"]


def test_memory_and_soak_through_the_relay(start_options):
    plan = runs.Plan(200, 1, start_options, 0.1, retries=0)
    held = runs.memory(SYSTEMS["relay"], plan, 50)
    assert held["steps"] == {"ringing": 50, "established": 50} and held["problems"] == []
    assert abs(held["kb_per_ringing_call"]) < 10
    soaked = runs.soak(SYSTEMS["relay"], plan, 500, lambda calls, kb: None)
    assert soaked["ok"] == 500 and soaked["samples"] and soaked["pss_peak_kb"] > 0


def test_verify_finds_no_difference_behind_the_relay(start_options):
    record = verify(SYSTEMS["relay"], start_options)
    assert record == {"system": "relay", "compared": 29, "problems": []}


class Meddler(System):
    """A relay in Python that changes octets which no proxy may touch."""
    replaces = answers = False

    def command(self, ports, folder, options):
        script = ("import socket\n"
                  "relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                  f"relay.bind(('127.0.0.1', {ports.proxy}))\n"
                  "while True:\n"
                  "    octets, source = relay.recvfrom(65536)\n"
                  f"    port = {ports.caller} if source[1] == {ports.callee} else {ports.callee}\n"
                  "    relay.sendto(octets.replace(b'X-Kept:  as', b'X-Kept: as'), ('127.0.0.1', port))\n")
        return [sys.executable, "-c", script], {}


def test_verify_sees_one_changed_octet(start_options):
    record = verify(Meddler("meddler"), start_options)
    assert record["compared"] == 29
    assert len(record["problems"]) == 14 and all("X-Kept" in problem for problem in record["problems"])
