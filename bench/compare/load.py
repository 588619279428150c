"""The load generator as a child: started, followed, its JSON result read."""
import contextlib
import json
import os
import select
import subprocess
import time
from dataclasses import dataclass

from .processes import BenchmarkError, Child
from .systems import BENCH, REPLACED_FROM


@dataclass(frozen=True)
class LoadOptions:
    """rate in calls per second; times in ms and s. `measure_from`: delays and steady counts begin here (s)."""
    rate: float
    calls: int
    scenario: str = "basic"
    ring_ms: float = 20
    hold_ms: float = 20
    measure_from: float = 0
    give_up: float = 32
    steps: bool = False


def build(folder=BENCH / "build"):
    """Compiles generator and relay where they are missing or old."""
    try:
        done = subprocess.run(["make", "-s", "-C", str(BENCH / "load"), f"BUILD={folder}"], capture_output=True,
                              text=True)
    except FileNotFoundError:
        raise BenchmarkError("the load generator is C and needs make and a C compiler: `apt-get install make gcc`") \
            from None
    if done.returncode:
        raise BenchmarkError(f"the load generator does not compile (apt-get install gcc libc6-dev?): {done.stderr}")


class Load:
    """Context manager: one run of the generator against a running system."""

    def __init__(self, ports, options, folder, cpus=None, build_folder=BENCH / "build"):
        self.options = options
        command = [str(build_folder / "sip_load"), "--scenario", options.scenario, "--caller-port", str(ports.caller),
                   "--proxy-port", str(ports.proxy), "--callee-port", str(ports.callee), "--rate", str(options.rate),
                   "--calls", str(options.calls), "--ring-ms", str(options.ring_ms), "--hold-ms", str(options.hold_ms),
                   "--measure-from-s", str(options.measure_from), "--give-up-s", str(options.give_up),
                   "--replaced-from", REPLACED_FROM] + (["--steps"] if options.steps else [])
        self.child = Child("sip_load", command, folder, cpus, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.started = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.child.stop()

    def line(self, seconds):
        """The next JSON object that the generator prints; BenchmarkError when none comes within `seconds`."""
        deadline, text = time.monotonic() + seconds, b""
        descriptor = self.child.process.stdout.fileno()
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(descriptor, 65536) if ready else b""
            if not piece:
                state = "ended" if ready else f"said nothing for {seconds:.0f} s"
                raise BenchmarkError(f"the load generator {state}: {self.child.errors().strip()}")
            text += piece
        return json.loads(text.splitlines()[-1])

    def next_step(self):
        with contextlib.suppress(BrokenPipeError):
            self.child.process.stdin.write(b"\n")
            self.child.process.stdin.flush()

    def result(self):
        """Waits for the end of the load."""
        options = self.options
        patience = options.calls / options.rate * 1.5 + (options.ring_ms + options.hold_ms) / 1000
        return self.line(patience + 3 * options.give_up + 10)


def problems(result, system, scenario="basic"):
    """Sentences about what went wrong with the calls themselves; empty when every call was right."""
    found = []
    if result["failed"]:
        refusal = f", last refused with {result['last_refusal']}" if result["last_refusal"] else ""
        found.append(f"{result['failed']} calls failed{refusal}")
    if system.replaces and scenario != "options":
        if result["shown"]:
            found.append(f"{result['shown']} requests reached the callee with the caller's own From")
        if result["hidden"] < 2 * result["ok"]:
            found.append(f"only {result['hidden']} requests with the replaced From reached the callee")
    if scenario == "auth" and result["authenticated"] < result["ok"]:
        found.append(f"only {result['authenticated']} requests reached the callee with right credentials")
    if result["unrestored"]:
        found.append(f"{result['unrestored']} replies reached the caller with a From that is not its own")
    if result["unexpected"]:
        found.append(f"{result['unexpected']} messages that belong to no call")
    return found
