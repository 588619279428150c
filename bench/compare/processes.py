"""Processes of a benchmark: started pinned, measured from /proc with their whole tree, and never left behind."""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class BenchmarkError(Exception):
    """Something the person at the terminal has to act on; the text says what."""


class Child:
    """One process and its descendants. Its output goes to files in `folder`.

    `cpus`: set of CPU numbers to run on, None: all. `environment` is added to ours."""

    def __init__(self, name, command, folder, cpus=None, environment=None, stdin=subprocess.DEVNULL,
                 stdout=None):
        self.name, self.folder = name, Path(folder)
        self.error_path = self.folder / f"{name}.stderr"
        parent = os.getpid()

        def prepare():
            if cpus:
                os.sched_setaffinity(0, cpus)
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)   # a benchmark killed with SIGKILL leaves nothing running
            if os.getppid() != parent:
                os._exit(1)

        with open(self.error_path, "wb") as error_file:
            self.process = subprocess.Popen(command, stdin=stdin, stdout=stdout or error_file, stderr=error_file,
                                            cwd=folder, env={**os.environ, **(environment or {})},
                                            start_new_session=True, preexec_fn=prepare)
        self.pid = self.process.pid

    def tree(self):
        return process_tree(self.pid)

    def errors(self):
        """Last 2,000 characters of standard error."""
        return self.error_path.read_text(errors="replace")[-2000:]

    def is_running(self):
        return self.process.poll() is None

    def stop(self, grace=5.0):
        """SIGTERM, after `grace` seconds SIGKILL, for the whole tree. Safe to call twice."""
        pids = self.tree() if self.is_running() else []
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_running():
                break
            self.process.send_signal(number)
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                continue
        for pid in pids:
            if pid != self.pid and in_session(pid, self.pid):   # descendants that outlived their parent
                os.kill(pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()


class IdleSpinners:
    """Context manager: keeps CPUs from going idle, with work that gives way to all other (SCHED_IDLE).

    What a program costs includes what it costs to begin again on a CPU that had gone to sleep, which under a
    hypervisor is far more than on bare metal; with spinners that part is gone. `cpus`: set of CPU numbers."""
    SCRIPT = "import os\nos.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"

    def __init__(self, cpus):
        self.folder = tempfile.TemporaryDirectory(prefix="uacfast-bench-")
        self.children = [Child(f"spinner-{cpu}", [sys.executable, "-c", self.SCRIPT], self.folder.name, {cpu})
                         for cpu in sorted(cpus)]

    def pids(self):
        return [child.pid for child in self.children]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for child in self.children:
            child.stop()
        self.folder.cleanup()


def in_session(pid, session):
    """Is `pid` alive and still of this session? Guards against a pid that was used again."""
    try:
        return os.getsid(pid) == session
    except ProcessLookupError:
        return False


def stat_fields(pid):
    """Fields of /proc/PID/stat after the command name: [0] is the state, [1] the parent."""
    text = Path(f"/proc/{pid}/stat").read_bytes()
    return text[text.rindex(b")") + 2:].split()


def process_ids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def process_tree(root):
    """`root` and all its descendants."""
    children = {}
    for pid in process_ids():
        try:
            children.setdefault(int(stat_fields(pid)[1]), []).append(pid)
        except (OSError, IndexError):
            continue   # ended meanwhile
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_us(pids):
    """CPU time of all threads of these processes in microseconds, exact to the nanosecond (schedstat)."""
    total = 0
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
        except OSError:
            continue
    return total / 1000


def pss_kb(pids):
    """Proportional set size in KB: shared memory counts once over the whole tree."""
    total = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total


def stolen_us():
    """Time the hypervisor gave to other guests, all CPUs, microseconds."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) * 1e6 / TICKS_PER_SECOND


def dropped_datagrams():
    """Datagrams lost to full receive buffers since boot, all sockets of this network namespace."""
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:4] == "Udp:")
    return int(values[names.index("RcvbufErrors")])


def udp_port_is_open(port):
    suffix = f":{port:04X}"
    return any(line.split()[1].endswith(suffix) for line in Path("/proc/net/udp").read_text().splitlines()[1:])


def free_udp_ports(count):
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until(condition, seconds, what, child=None):
    """Waits for condition() to be true; BenchmarkError after `seconds` or when `child` ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        if child is not None and not child.is_running():
            raise BenchmarkError(f"{what}: {child.name} ended with status {child.process.returncode}: "
                                 f"{child.errors().strip() or 'it printed nothing'}")
        if time.monotonic() > deadline:
            said = f"; {child.name} says: {child.errors().strip()}" if child is not None and child.errors() else ""
            raise BenchmarkError(f"{what}: not within {seconds:g} s{said}")
        time.sleep(0.02)


def pinning(mode):
    """(CPUs of the system under test, CPUs of the load) for `same`, `split` or `none`."""
    available = sorted(os.sched_getaffinity(0))
    if mode == "none":
        return None, None
    if mode == "same":
        return {available[-1]}, {available[-1]}
    if len(available) < 2:
        raise BenchmarkError("--pin split needs two CPUs and only one may be used here: take --pin same")
    return {available[0]}, {available[-1]}
