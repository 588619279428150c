"""The measurements: one steady run, the highest steady rate, memory per call, a soak, several workers."""
import os
import statistics
import time
from dataclasses import dataclass, replace

from .load import Load, LoadOptions, problems
from .processes import IdleSpinners, cpu_us, dropped_datagrams, process_ids, pss_kb, stolen_us
from .systems import RunningSystem, StartOptions

CLOSE_BEFORE_END = 0.15        # s; the window closes while calls still start, so no idle tail is measured
STEADY_RETRANSMISSIONS = 0.001
STEADY_POST_DIAL_MS = 100.0


@dataclass(frozen=True)
class Plan:
    """What is common to all runs of one invocation. `warm` None: each system's own linger time."""
    rate: float
    seconds: float
    start: StartOptions
    warm: float | None = None
    scenario: str = "basic"
    ring_ms: float = 20
    hold_ms: float = 20
    cpus: tuple = (None, None)
    retries: int = 1
    keep_awake: bool = False       # no CPU that is used goes idle meanwhile
    other_percent_max: float = 8.0
    stolen_percent_max: float = 2.0

    def warm_up(self, system):
        return system.linger if self.warm is None else self.warm

    def awake(self):
        """The CPUs that must not go idle."""
        if not self.keep_awake:
            return set()
        return set().union(*(cpus or os.sched_getaffinity(0) for cpus in self.cpus))


def sleep_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


@dataclass(frozen=True)
class Reading:
    """Counters at one moment; `other` is the CPU time of all processes that are no part of the measurement."""
    at: float
    system_us: float
    load_us: float
    other_us: float
    stolen_us: float

    @classmethod
    def take(cls, running, load, spinners):
        system, generator = running.pids(), load.child.tree()
        known = {*system, *generator, *spinners.pids(), os.getpid()}
        system_us, load_us = cpu_us(system), cpu_us(generator)
        return cls(time.monotonic(), system_us, load_us, cpu_us([p for p in process_ids() if p not in known]),
                   stolen_us())


def load_options(plan, system, calls, **changes):
    return replace(LoadOptions(plan.rate, calls, plan.scenario, plan.ring_ms, plan.hold_ms), **changes)


def measure(system, plan):
    """One run: start, warm up, measure a steady window, stop. Returns the record (a dict of plain values)."""
    warm = plan.warm_up(system)
    calls = round(plan.rate * (warm + plan.seconds))
    record = {"system": system.name, "scenario": plan.scenario, "rate": plan.rate, "calls": calls, "warm_s": warm,
              "workers": plan.start.workers}
    with IdleSpinners(plan.awake()) as spinners, RunningSystem(system, plan.start, plan.cpus[0]) as running:
        record["pss_idle_kb"] = pss_kb(running.pids())
        options = load_options(plan, system, calls, measure_from=warm)
        with Load(running.ports, options, running.folder.name, plan.cpus[1], plan.start.build) as load:
            sleep_until(load.started + warm)
            first = Reading.take(running, load, spinners)
            dropped = dropped_datagrams()
            sleep_until(load.started + calls / plan.rate - CLOSE_BEFORE_END)
            last = Reading.take(running, load, spinners)
            record["pss_loaded_kb"] = pss_kb(running.pids())
            result = load.result()
        record["dropped_datagrams"] = dropped_datagrams() - dropped
    seconds = last.at - first.at
    percent = 100 / 1e6 / seconds
    record |= result | {
        "window_s": round(seconds, 3),
        "cpu_us_per_call": round((last.system_us - first.system_us) / (plan.rate * seconds), 2),
        "cpu_percent": round((last.system_us - first.system_us) * percent, 1),
        "load_percent": round((last.load_us - first.load_us) * percent, 1),
        "other_percent": round(max(0.0, last.other_us - first.other_us) * percent, 1),
        "stolen_percent": round((last.stolen_us - first.stolen_us) * percent, 1),
        "problems": problems(result, system, plan.scenario),
    }
    # The figures per call suppose that calls started at the rate asked for and ended when they should.
    record["kept_pace"] = (result["created"] == calls and result["seconds"] <
                           calls / plan.rate * 1.02 + (plan.ring_ms + plan.hold_ms) / 1000 + 0.3)
    record["quiet"] = (record["other_percent"] <= plan.other_percent_max and
                       record["stolen_percent"] <= plan.stolen_percent_max)
    return record


def measure_quietly(system, plan, measure_once=measure):
    """measure(), repeated up to plan.retries times while something else used the machine; the quietest is kept."""
    best = None
    for _ in range(1 + plan.retries):
        record = measure_once(system, plan)
        if best is None or record["other_percent"] + record["stolen_percent"] < \
                best["other_percent"] + best["stolen_percent"]:
            best = record
        if best["quiet"]:
            break
    return best


def rate(systems, plan, runs, say):
    """A B A B ...: `runs` rounds over all systems. Returns the records in order."""
    records = []
    for _ in range(runs):
        for system in systems:
            records.append(measure_quietly(system, plan))
            say(records[-1])
    return records


def is_steady(record):
    """Less than 0.1 % failed or retransmitted, no receive buffer overflowed after the warm-up, p99 of the post-dial
    delay below 100 ms, pace kept."""
    delay = record["delay_ms"]["setup" if record["scenario"] == "options" else "post_dial"]
    return (record["kept_pace"] and not record["dropped_datagrams"]
            and record["ok"] >= record["calls"] * (1 - STEADY_RETRANSMISSIONS)
            and record["steady_retransmissions"] < record["steady_calls"] * STEADY_RETRANSMISSIONS
            and delay is not None and delay["p99"] < STEADY_POST_DIAL_MS)


def find_max(system, plan, max_rate, precision, say, measure_once=measure):
    """The highest rate that is steady: up by half each time, then bisected until within `precision` (a share).
    Returns a record with the rate (0: not even the first), the first rate that was not steady and all runs."""
    steady, failing, tried, offered, best = 0, None, [], plan.rate, None
    while failing is None or failing - steady > max(50, steady * precision):
        record = measure_once(system, replace(plan, rate=offered))
        record["steady"] = is_steady(record)
        say(record)
        tried.append(record)
        if record["steady"]:
            steady, best = offered, record
        else:
            failing = offered
        if failing is None:
            if offered >= max_rate:
                break
            offered = min(max_rate, round(offered * 1.5))
        else:
            offered = round((steady + failing) / 2)
    return {"system": system.name, "scenario": plan.scenario, "workers": plan.start.workers, "max_rate": steady,
            "first_failing": failing, "at_max": best, "runs": tried}


def memory(system, plan, calls):
    """KB per ringing call, per call just answered and per established call whose INVITE transaction has ended."""
    with RunningSystem(system, plan.start, plan.cpus[0]) as running:
        def load(count, steps):
            options = load_options(plan, system, count, steps=steps)
            return Load(running.ports, options, running.folder.name, plan.cpus[1], plan.start.build)

        with load(round(min(plan.rate, 500)), False) as first:   # code and tables are touched once before counting
            first.result()
        idle = pss_kb(running.pids())
        patience = calls / plan.rate + 60
        with load(calls, True) as held:
            steps = {"ringing": held.line(patience)["calls"]}
            ringing = pss_kb(running.pids())
            held.next_step()
            steps["established"] = held.line(patience)["calls"]
            answered = pss_kb(running.pids())
            time.sleep(plan.warm_up(system))
            established = pss_kb(running.pids())
            held.next_step()
            result = held.result()
        time.sleep(plan.warm_up(system))
        after = pss_kb(running.pids())
    return {"system": system.name, "calls": calls, "pss_idle_kb": idle, "pss_ringing_kb": ringing,
            "pss_answered_kb": answered, "pss_established_kb": established, "pss_after_kb": after, "steps": steps,
            "kb_per_ringing_call": round((ringing - idle) / calls, 2),
            "kb_per_answered_call": round((answered - idle) / calls, 2),
            "kb_per_established_call": round((established - idle) / calls, 2),
            "problems": problems(result, system)} | result


def flatness(samples):
    """How flat a series of (calls so far, PSS KB) is: mean of the first and last quarter, growth between them in
    percent, and the slope of the least-squares line in octets per call."""
    quarter = max(1, len(samples) // 4)
    first = statistics.fmean(kb for _, kb in samples[:quarter])
    last = statistics.fmean(kb for _, kb in samples[-quarter:])
    slope = 0.0
    if len({calls for calls, _ in samples}) > 1:
        slope = statistics.linear_regression(*zip(*samples, strict=True)).slope * 1024
    return {"first_quarter_kb": round(first), "last_quarter_kb": round(last),
            "growth_percent": round(100 * (last / first - 1), 2), "octets_per_call": round(slope, 3)}


def soak(system, plan, calls, say_progress):
    """Resident memory while `calls` calls pass: sampled each second after the warm-up."""
    warm, samples = plan.warm_up(system), []
    with RunningSystem(system, plan.start, plan.cpus[0]) as running:
        idle = pss_kb(running.pids())
        options = load_options(plan, system, calls)
        with Load(running.ports, options, running.folder.name, plan.cpus[1], plan.start.build) as load:
            end = load.started + calls / plan.rate
            sleep_until(min(load.started + warm, end - 2))
            while (now := time.monotonic()) < end and load.child.is_running():
                samples.append((round((now - load.started) * plan.rate), pss_kb(running.pids())))
                say_progress(*samples[-1])
                sleep_until(min(now + 1.0, end))
            result = load.result()
        time.sleep(warm)
        after = pss_kb(running.pids())
    return {"system": system.name, "calls": calls, "rate": plan.rate, "pss_idle_kb": idle,
            "pss_peak_kb": max(kb for _, kb in samples), "pss_after_kb": after, "samples": samples,
            "problems": problems(result, system, plan.scenario)} | flatness(samples) | result


def with_workers(plan, count, **changes):
    """The same plan with `count` worker processes."""
    return replace(plan, start=replace(plan.start, workers=count), **changes)


def workers(system, plan, count, runs, say):
    """One worker and `count` workers alternately at the same rate: are all calls right, and what does a call cost."""
    records = []
    for _ in range(runs):
        for number in (1, count):
            records.append(measure_quietly(system, with_workers(plan, number)))
            say(records[-1])
    return records
