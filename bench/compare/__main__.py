"""Command line of the comparison: see `python -m bench.compare --help` and docs/performance.md."""
import argparse
import copy
import json
import shlex
import signal
import sys
import tempfile

from . import __doc__ as PURPOSE
from . import registrations, report, runs
from .load import build
from .processes import BenchmarkError, pinning
from .systems import SYSTEMS, StartOptions
from .verify import verify

BASELINE = "kamailio-tlsf"


def positive(text):
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def systems(text):
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in SYSTEMS:
            raise argparse.ArgumentTypeError(f"{name} is not known; there are {', '.join(SYSTEMS)}")
    return [SYSTEMS[name] for name in names]


def parser():
    common = argparse.ArgumentParser(add_help=False)
    add = common.add_argument
    add("--systems", type=systems, metavar="A,B", help=f"of {', '.join(SYSTEMS)}")
    add("--pin", choices=["same", "split", "none"],
        help="same: system and load on one CPU (steadiest); split: a CPU each; none: as the scheduler likes")
    add("--warm", type=float, metavar="S", help="seconds of load before anything counts; default: until the system "
        "releases its finished transactions (uacfast 34, Kamailio 5.6, relay 1)")
    add("--runs", type=count, help="rounds over all systems")
    add("--ring-ms", type=float, default=20, help="180 to 200")
    add("--hold-ms", type=float, default=20, help="ACK to BYE")
    add("--keep-awake", action="store_true", help="keep the CPUs from going idle, which costs each wake-up less "
        "(rate, find-max, workers)")
    add("--retries", type=int, default=1, help="repeat a run this often while others use the machine")
    add("--json", metavar="FILE", help="write all records there")
    add("--markdown", action="store_true", help="print tables as in docs/performance.md")
    add("--uacfast-command", metavar="COMMAND", help="instead of `python -m uacfast run {config}`")
    add("--uacfast-config", metavar="FILE", help="TOML template instead of bench/uacfast/edge.toml")
    add("--kamailio-memory", type=count, default=2048, metavar="MB", help="Kamailio's shared memory")
    command = argparse.ArgumentParser(prog="python -m bench.compare", description=PURPOSE,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = command.add_subparsers(dest="command", required=True)

    def subcommand(name, text, names, pin, rate, rounds):
        sub = commands.add_parser(name, help=text, description=text, parents=[copy.deepcopy(common)])
        sub.add_argument("--rate", type=positive, default=rate, help="calls per second (default %(default)g)")
        sub.set_defaults(systems=systems(names), pin=pin, runs=rounds)
        return sub

    rate = subcommand("rate", "CPU per call at one rate, systems alternating",
                      "uacfast,kamailio-tlsf,relay,relay-pause", "same", 1000, 3)
    find_max = subcommand("find-max", "the highest steady rate of each system", "uacfast,kamailio-tlsf,relay", "split",
                          1000, 1)
    for sub, seconds in ((rate, 8), (find_max, 15)):
        sub.add_argument("--seconds", type=positive, default=seconds, help="measured window (default %(default)g)")
        sub.add_argument("--scenario", choices=["basic", "auth", "cancel", "options"], default="basic")
    find_max.add_argument("--max-rate", type=positive, default=60000)
    find_max.add_argument("--precision", type=positive, default=0.05, help="stop the search within this share")
    memory = subcommand("memory", "KB per ringing and per established call", "uacfast,kamailio-tlsf", "split", 1000, 1)
    memory.add_argument("calls", type=count)
    soak = subcommand("soak", "resident memory over many calls", "uacfast", "split", 4000, 1)
    soak.add_argument("calls", type=count)
    subcommand("verify", "a handful of calls, every octet compared", "uacfast,kamailio-tlsf,relay", "none", 10, 1)
    accounts = subcommand("registrations", "accounts of a table brought online", "uacfast,kamailio-tlsf", "split", 1, 3)
    accounts.add_argument("accounts", type=count)
    accounts.add_argument("--mysql", metavar="URL", default="",
                          help="mysql://user:password@host/database in place of SQLite")
    workers = subcommand("workers", "correctness and cost with several workers", "uacfast", "none", 2000, 1)
    workers.add_argument("count", type=count)
    workers.add_argument("--seconds", type=positive, default=8)
    workers.add_argument("--find-max", action="store_true", help="also the highest steady rate with 1 and with N")
    return command


def plan_of(options):
    scenario = getattr(options, "scenario", "basic")
    start = StartOptions(scenario=scenario, uacfast_command=options.uacfast_command,
                         uacfast_config=options.uacfast_config, kamailio_memory_mb=options.kamailio_memory)
    return runs.Plan(options.rate, getattr(options, "seconds", 1.0), start, options.warm, scenario, options.ring_ms,
                     options.hold_ms, pinning(options.pin), options.retries, options.keep_awake)


def say(record):
    print(report.run_line(record), file=sys.stderr, flush=True)


def say_progress(calls, kb):
    print(f"{calls:>12,} calls {kb:>10,} KB", file=sys.stderr, flush=True)


def run_rate(options, plan):
    records = runs.rate(options.systems, plan, options.runs, say)
    return records, report.rate_table(records, baseline_of(options))


def run_find_max(options, plan):
    records = [runs.find_max(system, plan, options.max_rate, options.precision, say)
               for _ in range(options.runs) for system in options.systems]
    return records, report.find_max_table(records, baseline_of(options))


def run_memory(options, plan):
    if options.calls / plan.rate > 60:
        raise BenchmarkError(f"{options.calls} calls at {plan.rate:g}/s take longer than a minute to set up and "
                             f"ringing calls time out after two: use --rate {options.calls / 50:.0f}")
    records = [runs.memory(system, plan, options.calls) for _ in range(options.runs) for system in options.systems]
    return records, report.memory_table(records)


def run_soak(options, plan):
    records = [runs.soak(system, plan, options.calls, say_progress)
               for _ in range(options.runs) for system in options.systems]
    return records, report.soak_table(records)


def run_verify(options, plan):
    records = [verify(system, plan.start) for system in options.systems]
    return records, report.verify_table(records)


def run_registrations(options, plan):
    records = []
    with tempfile.TemporaryDirectory(prefix="bench-accounts-") as folder:
        for _ in range(options.runs):
            for system in options.systems:
                records.append(registrations.measure(system, plan, options.accounts, folder, options.mysql))
                print(registrations.run_line(records[-1]), file=sys.stderr, flush=True)
    return records, report.registrations_table(records, baseline_of(options))


def run_workers(options, plan):
    records, tables = [], []
    for system in options.systems:
        found = runs.workers(system, plan, options.count, options.runs, say)
        records += found
        tables.append(report.rate_table(found, system.name))
        if options.find_max:
            highest = [runs.find_max(system, runs.with_workers(plan, number, seconds=15.0), 60000, 0.05, say)
                       for number in (1, options.count)]
            records += highest
            tables.append(report.find_max_table(highest, system.name))
    return records, "\n\n".join(tables)


COMMANDS = {"rate": run_rate, "find-max": run_find_max, "memory": run_memory, "soak": run_soak, "verify": run_verify,
            "registrations": run_registrations, "workers": run_workers}


def baseline_of(options):
    names = [system.name for system in options.systems]
    return BASELINE if BASELINE in names else names[-1]


def failures(command, records):
    """Sentences about records that are wrong; of a search, which goes past the limit on purpose, only its result."""
    found = []
    for record in records:
        if command == "find-max" or "max_rate" in record:
            if not record["max_rate"]:
                found.append(f"{record['system']}: not even the first rate was steady; begin lower with --rate")
            record = record["at_max"] or {"problems": []}
        found += [f"{record['system']}: {problem}" for problem in record["problems"]]
    return found


def main():
    options = parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))   # so that every `with` stops its child
    try:
        plan = plan_of(options)
        for system in options.systems:
            system.check(plan.start)
        build()
        records, text = COMMANDS[options.command](options, plan)
    except BenchmarkError as error:
        sys.exit(f"bench.compare: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    command = "python -m bench.compare " + shlex.join(sys.argv[1:])
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"command": command, "machine": report.machine(), "records": records}, file, indent=1)
    print(f"`{command}`\n\n{report.machine()}\n" if options.markdown else report.machine())
    print(text)
    wrong = failures(options.command, records)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
