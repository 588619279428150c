"""`python -m bench.smoke`: does every benchmark still run? Each micro benchmark once, 50 calls through the bare relay.

For continuous integration; takes seconds and measures nothing. Exit status 0 or, with a sentence, 1.
"""
import subprocess
import sys

from .compare import runs
from .compare.load import build
from .compare.processes import BenchmarkError
from .compare.report import rate_table, run_line
from .compare.systems import PROJECT, SYSTEMS, StartOptions


def calls_through_relay():
    build()
    # Both relays, one second of 25 calls each, no pinning: the machine may be busy with anything.
    plan = runs.Plan(rate=25, seconds=1.0, start=StartOptions(), warm=0.0, retries=0)
    records = runs.rate([SYSTEMS["relay"], SYSTEMS["relay-pause"]], plan, 1, lambda record: print(run_line(record)))
    print(rate_table(records, "relay"))
    wrong = [problem for record in records for problem in record["problems"]]
    if wrong:
        raise BenchmarkError(f"calls through the relay went wrong: {'; '.join(wrong)}")


def main():
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-disable", "-p", "no:cacheprovider", "bench"]
    if subprocess.run(command, cwd=PROJECT).returncode:
        sys.exit("bench.smoke: a micro benchmark does not run; its report is above")
    try:
        calls_through_relay()
    except BenchmarkError as error:
        sys.exit(f"bench.smoke: {error}")


if __name__ == "__main__":
    main()
