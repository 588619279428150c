"""Registrations from a database: how long until all accounts are online, what one costs, what it holds."""
import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from .accounts import make_mysql, make_sqlite
from .processes import (
    BenchmarkError,
    Child,
    cpu_us,
    dropped_datagrams,
    free_udp_ports,
    pss_kb,
    udp_port_is_open,
    wait_until,
)
from .systems import RunningSystem

SETTLED = 3.0          # s after the start of a system without accounts: what it costs just to be there
LINGER = 7.0           # s after the last reply until finished client transactions are gone (RFC 3261 Timer K and more)


def cost_of_being_there(system, start):
    """CPU us and PSS KB of a system that has loaded nothing."""
    with RunningSystem(system, start) as running:
        time.sleep(SETTLED)
        return cpu_us(running.pids()), pss_kb(running.pids())


def measure(system, plan, accounts, folder, mysql="", patience=120.0):
    """One run: the registrar first, then the system with its table, in SQLite unless `mysql` is the URL of a database.
    Returns the record."""
    folder = Path(folder)
    port = free_udp_ports(1)[0]

    def table(name, count):
        return make_mysql(mysql, count, port) if mysql else make_sqlite(folder / f"{name}-{port}.sqlite", count, port)

    empty = replace(plan.start, scenario="registrations", database=table("empty", 0))
    base_us, base_kb = cost_of_being_there(system, empty)
    full = replace(empty, database=table("full", accounts))
    command = [str(plan.start.build / "registrar"), "--port", str(port), "--accounts", str(accounts),
               "--seconds", str(patience)]
    dropped = dropped_datagrams()
    with Child("registrar", command, folder, plan.cpus[1], stdout=subprocess.PIPE) as registrar:
        wait_until(lambda: udp_port_is_open(port), 5, "the registrar did not start", registrar)
        with RunningSystem(system, full, plan.cpus[0]) as running:
            started = time.monotonic()
            peak_kb = 0
            while registrar.is_running():
                peak_kb = max(peak_kb, pss_kb(running.pids()))
                time.sleep(0.05)
            done_us = cpu_us(running.pids())
            seconds = time.monotonic() - started
            time.sleep(LINGER)
            idle_kb, before = pss_kb(running.pids()), cpu_us(running.pids())
            time.sleep(2.0)
            idle_us_per_second = (cpu_us(running.pids()) - before) / 2
        output = registrar.process.stdout.read()
    if not output.strip():
        raise BenchmarkError(f"the registrar said nothing: {registrar.errors().strip()}")
    result = json.loads(output)
    registered = max(result["registered"], 1)
    return {"system": system.name, "accounts": accounts, "workers": plan.start.workers, **result,
            "cpu_us_per_registration": round((done_us - base_us) / registered, 2),
            "seconds_to_end": round(seconds, 2),
            "retransmitted": result["repeated"], "dropped_datagrams": dropped_datagrams() - dropped,
            "octets_per_record_in_flight": round((peak_kb - base_kb) * 1024 / accounts),
            "octets_per_idle_record": round((idle_kb - base_kb) * 1024 / accounts),
            "pss_peak_kb": peak_kb, "idle_cpu_us_per_second": round(idle_us_per_second, 1),
            "problems": [] if result["registered"] == accounts else
            [f"{accounts - result['registered']} of {accounts} accounts are not registered"]}


def run_line(record):
    """One run on one line."""
    return (f"{record['system']:20s} {record['accounts']:>9,} accounts: online in {record['span_s']:.3f} s, "
            f"{record['cpu_us_per_registration']:.1f} us each, {record['registers']:,} REGISTERs, "
            f"{record['repeated']:,} repeated, {record['octets_per_record_in_flight']:,} octets in flight, "
            f"{record['octets_per_idle_record']:,} idle, idle {record['idle_cpu_us_per_second']:.0f} us/s"
            + (f"  [{'; '.join(record['problems'])}]" if record["problems"] else ""))
