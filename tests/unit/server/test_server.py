"""The program's processes with a stand-in engine: start, death of a worker, reload, drain, stop."""
import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import uvloop

from uacfast import config
from uacfast.server import Server

HERE = Path(__file__).parent
PATIENCE = 20.0     # seconds until a test gives up; nothing waits for a fixed time


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def new_client(patience=PATIENCE):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(patience)
    return client


class Program:
    """A running program, its log and a client."""

    def __init__(self, folder, workers, **server_keys):
        self.port = free_port()
        self.workers = workers
        self.path = folder / "uacfast.toml"
        self.write(**server_keys)
        self.lines = []
        self.process = None

    def write(self, workers=None, port=None, extra="", **server_keys):
        keys = "".join(f"{key} = {value!r}\n".replace("'", '"') for key, value in server_keys.items())
        self.path.write_text(f"[server]\nworkers = {workers or self.workers}\n{keys}\n"
                             f'[[listen]]\nuri = "udp:127.0.0.1:{port or self.port}"\n{extra}')

    def start(self, *arguments, **environment):
        self.process = subprocess.Popen([sys.executable, str(HERE / "run_server.py"), str(self.path), *arguments],
                                        stderr=subprocess.PIPE, text=True, env=os.environ | environment,
                                        start_new_session=True)
        threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True).start()
        return self

    def ready(self):
        self.logged(r"^uacfast ready ")
        return self

    def logged(self, pattern):
        """Waits for a line of the log and returns its match."""
        expression = re.compile(pattern)
        return self.until(lambda: next(filter(None, map(expression.search, list(self.lines))), None), pattern)

    def count(self, pattern):
        return sum(bool(re.search(pattern, line)) for line in list(self.lines))

    def until(self, condition, what="condition"):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.005)
        raise AssertionError(f"no {what} after {PATIENCE} s; the log:\n{''.join(self.lines)}")

    def ask(self, words, patience=PATIENCE):
        """One datagram and its answer, None when none comes. Each from a port of its own: the kernel chooses the
        worker that reads it by the port."""
        with new_client(patience) as client:
            return self.ask_from(client, words)

    def ask_from(self, client, words):
        client.sendto(words.encode(), ("127.0.0.1", self.port))
        try:
            return client.recv(4096).decode()
        except TimeoutError:
            return None

    def who(self, worker):
        """What a worker says of itself, as a dictionary; asked again until a worker that lives reads the question."""
        answer = self.until(lambda: self.ask(f"to {worker} who", 0.25), f"answer of worker {worker}")
        return dict(part.split("=") for part in answer.split())

    def pid_of(self, worker):
        return int(self.who(worker)["pid"])

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self):
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def program(tmp_path):
    made = []

    def make(workers, **server_keys):
        made.append(Program(tmp_path, workers, **server_keys))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_one_ready_line_and_every_worker_answers(program, workers):
    running = program(workers).start().ready()
    assert [line for line in running.lines if "ready" in line] == [
        f"uacfast ready udp:127.0.0.1:{running.port} workers={workers} pid={running.process.pid}\n"]
    answers = [running.who(worker) for worker in range(workers)]
    assert [answer["worker"] for answer in answers] == [str(worker) for worker in range(workers)]
    assert len({answer["key"] for answer in answers}) == 1
    pids = {int(answer["pid"]) for answer in answers}
    assert len(pids) == workers
    assert (running.process.pid in pids) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_several_addresses_of_both_families(program, workers):
    running = program(workers)
    running.write(extra=f'[[listen]]\nuri = "udp:[::1]:{running.port}"\n'
                        f'[[listen]]\nuri = "udp:127.0.0.2:{running.port}"\n')
    running.start().ready()
    shown = f"udp:127.0.0.1:{running.port} udp:[::1]:{running.port} udp:127.0.0.2:{running.port}"
    assert running.count(f"^uacfast ready {re.escape(shown)} workers=") == 1
    for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2")):
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.sendto(f"to {workers - 1} who".encode(), (address, running.port))
            answer, source = client.recvfrom(4096)
            assert answer.startswith(b"worker=%d " % (workers - 1))
            assert source[:2] == (address, running.port), "answered from the socket that was asked"


@pytest.fixture
def log_as_before():
    """Takes back what a server in this process does to the log."""
    root, own = logging.getLogger(), logging.getLogger("uacfast")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


@pytest.mark.parametrize("workers", [1, 2])
def test_statistics_of_every_worker(tmp_path, log_as_before, workers):
    path = tmp_path / "uacfast.toml"
    path.write_text(f'[server]\nworkers = {workers}\n[[listen]]\nuri = "udp:127.0.0.1:{free_port()}"\n')

    async def scenario():
        server = Server(str(path), config.load(str(path)), engine="stand_in_engine:Engine")
        running = asyncio.create_task(server.run())
        async with asyncio.timeout(PATIENCE):
            while None in (counters := await server.statistics()):
                await asyncio.sleep(0.005)
            signal.raise_signal(signal.SIGTERM)
            assert await running == 0
        return counters
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        counters = runner.run(scenario())
    assert [one["worker"] for one in counters] == list(range(workers))
    assert all(("handover_pushed" in one) == (workers > 1) for one in counters)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_clock_ticks(program, workers):
    running = program(workers).start().ready()
    first, start = int(running.ask("to 0 ticks")), time.monotonic()
    running.until(lambda: int(running.ask("to 0 ticks")) >= first + 20)
    # Timers are not to run fast; how slow they may be depends on the machine's load.
    assert time.monotonic() - start > 0.15


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_dead_worker_is_replaced_within_a_second_and_the_others_go_on(program, number):
    running = program(2).start().ready()
    victim, other = running.pid_of(1), running.pid_of(0)
    client = client_of(running, 0)
    client.settimeout(0.5)
    killed = time.monotonic()
    os.kill(victim, number)
    replaced = None
    unanswered = 0
    while replaced is None and time.monotonic() < killed + PATIENCE:
        unanswered += running.ask_from(client, "who") is None
        if running.count("worker is ready again"):
            replaced = time.monotonic() - killed
    client.close()
    assert unanswered == 0, "the other worker was disturbed"
    assert replaced is not None and replaced < 1.0
    assert running.logged(rf"worker ended with signal {number.name} and is replaced.* worker=1 pid={victim} ")
    assert running.pid_of(1) != victim
    assert running.pid_of(0) == other


def client_of(running, worker):
    """A client whose datagrams the kernel gives to that worker."""
    while True:
        client = new_client()
        if running.ask_from(client, "who").startswith(f"worker={worker} "):
            return client
        client.close()


def test_the_queue_of_a_dead_worker_is_read_by_its_replacement(program):
    running = program(2).start().ready()
    with client_of(running, 1) as client:
        os.kill(running.pid_of(1), signal.SIGKILL)
        running.logged("worker ended with signal SIGKILL")
        assert "worker=1" in running.ask_from(client, "who")


def test_a_crash_loop_backs_off_is_told_twice_and_heals(program):
    running = program(2).start().ready()
    running.write(server_header="dies")
    running.signal(signal.SIGHUP)
    running.logged("configuration is in force")
    os.kill(running.pid_of(1), signal.SIGKILL)
    running.logged("signal SIGKILL again; it is started every 1 s until it lives longer")
    assert running.who(0)["worker"] == "0"
    running.write(server_header="healed")
    running.signal(signal.SIGHUP)
    running.logged("worker is ready again")
    assert running.who(1)["header"] == "healed"
    assert running.count("worker ended with") == 2


def test_a_hung_worker_is_warned_about_and_killed(program):
    running = program(2).start("2.5", "4").ready()
    pid = running.pid_of(1)
    running.ask("to 1 hang", patience=0.01)
    running.logged(rf"warning supervisor: worker has been silent for \d+ s; it is killed after 4 s worker=1 pid={pid}")
    assert running.who(0)["worker"] == "0"
    running.logged(rf"error supervisor: worker has been silent for \d+ s and is killed worker=1 pid={pid}")
    running.logged("worker is ready again")
    assert running.pid_of(1) != pid


@pytest.mark.parametrize("workers", [1, 2])
def test_reload(program, workers):
    running = program(workers, server_header="old").start().ready()
    assert running.ask(f"to {workers - 1} call") == "200"
    running.write(server_header="new")
    running.signal(signal.SIGHUP)
    running.logged("info server: the configuration is in force")
    assert [running.who(worker)["header"] for worker in range(workers)] == ["new"] * workers
    assert running.count("error") == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_file_is_refused_with_every_error(program, workers):
    running = program(workers, server_header="old").start().ready()
    running.write(server_header="new", log_level="loud", extra="[tm]\nfr_timer = -1\n")
    running.signal(signal.SIGHUP)
    running.logged("the configuration is not used; the old one goes on .*errors=2")
    assert running.count(r"uacfast\.toml:\d+: (server\.log_level|tm\.fr_timer) = ") == 2
    assert [running.who(worker)["header"] for worker in range(workers)] == ["old"] * workers


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_engine_refuses_is_taken_back_everywhere(program, workers):
    running = program(workers, server_header="old").start().ready()
    running.write(server_header="refused")
    running.signal(signal.SIGHUP)
    running.logged("error server: the stand-in refuses this configuration")
    running.logged("the configuration is not used; the old one goes on")
    assert [running.who(worker)["header"] for worker in range(workers)] == ["old"] * workers
    running.write(server_header="new")
    running.signal(signal.SIGHUP)
    running.logged("the configuration is in force")


def test_what_needs_a_restart_is_refused_and_the_rest_applied(program):
    running = program(2, server_header="old").start().ready()
    running.write(server_header="new", workers=3, port=free_port())
    running.signal(signal.SIGHUP)
    running.logged(r"error server: \[\[listen\]\] has changed: this needs a restart")
    running.logged("error server: server.workers has changed: this needs a restart")
    running.logged("the configuration is in force")
    assert [running.who(worker)["header"] for worker in range(2)] == ["new"] * 2
    assert running.who(0)["workers"] == "2"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_ends_with_the_last_transaction(program, workers, number):
    running = program(workers).start().ready()
    assert running.ask(f"to {workers - 1} call") == "200"
    running.signal(number)
    running.logged("no new calls are taken")
    running.until(lambda: running.ask(f"to {workers - 1} state") == "draining")
    assert running.ask(f"to {workers - 1} call") == "503"
    assert running.process.poll() is None
    assert running.ask(f"to {workers - 1} bye") == "200"
    assert running.ended() == 0
    running.logged("all transactions have ended")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_idle_server_ends_on_the_first_signal(program, workers):
    running = program(workers).start().ready()
    pids = [running.pid_of(worker) for worker in range(workers)]
    running.signal(signal.SIGTERM)
    assert running.ended() == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_second_signal_stops_at_once(program, workers):
    running = program(workers, drain_timeout=3600).start().ready()
    assert running.ask("to 0 call") == "200"
    running.signal(signal.SIGTERM)
    running.logged("no new calls are taken")
    running.signal(signal.SIGTERM)
    assert running.ended() == 0
    running.logged("SIGTERM: stopping at once")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_drain_has_an_end(program, workers):
    running = program(workers, drain_timeout=1).start().ready()
    assert running.ask("to 0 call") == "200"
    running.signal(signal.SIGTERM)
    assert running.ended() == 0
    running.logged(r"warning server: transactions are still running after 1 s \(server.drain_timeout\)")


def test_a_worker_that_dies_while_draining_comes_back_draining(program):
    running = program(2, drain_timeout=3600).start().ready()
    assert running.ask("to 0 call") == "200"
    running.signal(signal.SIGTERM)
    running.logged("no new calls are taken")
    os.kill(running.pid_of(1), signal.SIGKILL)
    running.logged("worker is ready again")
    assert running.ask("to 1 call") == "503"
    assert running.ask("to 0 bye") == "200"
    assert running.ended() == 0


def test_signals_to_the_whole_group_reach_only_the_control_part(program):
    """Ctrl-C and systemd's default signal every process of the group."""
    running = program(2).start().ready()
    assert running.ask("to 1 call") == "200"
    os.killpg(running.process.pid, signal.SIGINT)
    running.logged("SIGINT: no new calls are taken")
    assert running.ask("to 1 bye") == "200"
    assert running.ended() == 0
    assert running.count("ended with") == 0


@pytest.mark.parametrize("state", ["healthy", "hung"])
def test_workers_end_when_the_control_part_is_killed(program, state):
    running = program(2).start().ready()
    pids = [running.pid_of(worker) for worker in range(2)]
    if state == "hung":
        running.ask("to 1 hang", patience=0.01)
    running.process.kill()
    running.process.wait()
    running.until(lambda: not any(Path(f"/proc/{pid}/fd/0").exists() for pid in pids), "end of the workers")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as successor:
        running.until(lambda: binds(successor, running.port), "free port")


def binds(opened, port):
    try:
        opened.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use_is_named_with_its_process(program, workers):
    running = program(workers)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", running.port))
        running.start()
        assert running.ended() == 1
    running.logged(rf"^uacfast: cannot listen on udp:127\.0\.0\.1:{running.port}: the address is in use by process "
                   rf"{os.getpid()} \(.+\); stop that process or choose another port")
    assert running.count("Traceback") == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_an_engine_that_cannot_start(program, workers):
    running = program(workers, server_header="cannot start").start()
    assert running.ended() == 1
    running.logged("^uacfast: the stand-in was told not to start$")
    assert running.count("ready|Traceback") == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_an_engine_with_a_mistake(program, workers):
    running = program(workers, server_header="broken").start()
    assert running.ended() == 1
    running.logged("^uacfast: unexpected error TypeError: a mistake of the stand-in; the log has its traceback$")
    running.logged("error worker: unexpected error exception=.*Traceback")


def test_a_worker_that_dies_at_the_first_start(program):
    running = program(2, server_header="dies").start()
    assert running.ended() == 1
    running.logged(r"^uacfast: worker \d ended with signal SIGKILL before it was ready$")


def test_systemd_is_told(program, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        running = program(2).start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
        heard = []

        def hear(start):
            while not heard or not heard[-1].startswith(start):
                heard.append(manager.recv(4096).decode())
            return heard[-1]
        assert f"STATUS=serving udp:127.0.0.1:{running.port} workers=2" in hear("READY=1")
        hear("WATCHDOG=1")
        running.signal(signal.SIGHUP)
        hear("RELOADING=1")
        hear("READY=1")
        running.signal(signal.SIGTERM)
        hear("STOPPING=1")
        assert running.ended() == 0
