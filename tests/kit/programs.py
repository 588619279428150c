"""Start, watch and stop the programs that tests drive: uacfast and the Kamailio it is held against."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from kit.configuration import TEMPLATE, Configuration
from kit.endpoint import Endpoint, is_reply, token

START_TIMEOUT = 20.0
STOP_TIMEOUT = 20.0
PR_SET_PDEATHSIG = 1
REPOSITORY = Path(__file__).resolve().parents[2]


def required(program: str) -> str:
    """Path of a program of the test environment; its absence is a failure."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise AssertionError(f"{program} is not installed: apt-get install {program}")
    return path


def wait_until(condition, timeout: float = 5.0, what: str = "the condition") -> None:
    """Poll until the condition holds; AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(0.01)


def parse_listen(uri: str) -> tuple[str, int]:
    """Host (without brackets) and port of `udp:HOST:PORT`."""
    host, _, port = uri.partition(":")[2].rpartition(":")
    return host.strip("[]"), int(port)


def group_members(group: int) -> list[int]:
    """Ids of living, non-zombie processes of a process group."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] != "Z":
                    members.append(int(entry.name))
    return members


def children(parent: int) -> list[int]:
    """Ids of the living, non-zombie children of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent and fields[0] != "Z":
                    found.append(int(entry.name))
    return found


def _die_with_parent() -> None:
    """A test run that is killed leaves no program behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """One process group with its output in a file. Subclasses say how to start it and when it is ready."""

    run_as: str | None = None       # another user, for what refuses to run as root

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory / f"{name}-{token()}"
        self.directory.mkdir(parents=True)
        self.output = self.directory / "stderr"
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def is_ready(self) -> bool:
        raise NotImplementedError

    @property
    def stderr(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def spawn(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                env=self.environment(),
                start_new_session=True,
                user=self.run_as,
                preexec_fn=_die_with_parent,
            )

    def start(self) -> Program:
        self.spawn()
        deadline = time.monotonic() + START_TIMEOUT
        while not self.is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before it was ready:\n{self.stderr}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"not ready within {START_TIMEOUT} s:\n{self.stderr}")
            time.sleep(0.01)
        return self

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Exit status; AssertionError when it is still running after `timeout` seconds."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s:\n{self.stderr[-4000:]}") from None

    def processes(self) -> list[int]:
        """Ids of the process and its children, those in groups of their own too."""
        return [self.process.pid, *children(self.process.pid)]

    def pause(self) -> None:
        """Stops every process: the program hangs until resume()."""
        for one in self.processes():
            os.kill(one, signal.SIGSTOP)

    def resume(self) -> None:
        for one in self.processes():
            os.kill(one, signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and check that it ends by itself, with status 0, and leaves no process behind."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            raise AssertionError(f"had ended by itself with {code}:\n{self.stderr[-4000:]}")
        try:
            self.signal(signal.SIGTERM)
            code = self.wait()
            wait_until(lambda: not group_members(self.process.pid), 3.0, "the end of every child process")
        finally:
            self.kill()
            self.process = None
        self.check_exit(code)

    def check_exit(self, code: int) -> None:
        assert code == 0, f"exit status {code}:\n{self.stderr[-4000:]}"


class Proxy(Program):
    """A running SIP proxy with one or more UDP addresses."""

    def __init__(self, directory: Path, configuration: Configuration, name: str) -> None:
        super().__init__(directory, name)
        self.configuration = configuration
        self.addresses = [parse_listen(uri) for uri in configuration.listen]

    @property
    def address(self) -> tuple[str, int]:
        return self.addresses[0]

    @property
    def sent_by(self) -> str:
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def ping(self, timeout: float = 5.0) -> None:
        """AssertionError unless an OPTIONS for our own address is answered 200."""
        with contextlib.closing(Endpoint("::1" if ":" in self.address[0] else "127.0.0.1")) as endpoint:
            endpoint.send(endpoint.request("OPTIONS", f"sip:{self.sent_by}"), self.address)
            endpoint.receive(is_reply(200), timeout)


class Uacfast(Proxy):
    """`uacfast run` with the interpreter that runs the tests."""

    def __init__(self, directory: Path, configuration: Configuration) -> None:
        super().__init__(directory, configuration, "uacfast")
        self.file = self.directory / "uacfast.toml"
        self.write(configuration)

    def write(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.file.write_text(configuration.toml())

    def command(self) -> list[str]:
        return [sys.executable, "-m", "uacfast", "run", str(self.file)]

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        return dict(os.environ, PYTHONPATH=path)

    def is_ready(self) -> bool:
        return re.search(r"^uacfast ready", self.stderr, re.MULTILINE) is not None

    def check_exit(self, code: int) -> None:
        super().check_exit(code)
        assert "Traceback" not in self.stderr, self.stderr[-4000:]


class Kamailio(Proxy):
    """The Kamailio of the distribution with the equivalent script."""

    def __init__(self, directory: Path, configuration: Configuration) -> None:
        super().__init__(directory, configuration, "kamailio")
        self.file = self.directory / "kamailio.cfg"
        self.file.write_text(configuration.kamailio())

    def command(self) -> list[str]:
        return [
            required("kamailio"), "-DD", "-E", "-f", str(self.file), "-Y", str(self.directory),
            "-P", str(self.directory / "pid"), "-x", "tlsf", "-m", "32", "-M", "8",
        ]  # fmt: skip

    def is_ready(self) -> bool:
        try:
            self.ping(0.05)
        except AssertionError:
            return False
        return True

    def stop(self) -> None:
        """SIGTERM; what of it still runs after a while is ended: on a busy machine it may hang in its shutdown."""
        if self.process is not None:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5.0)
            self.kill()
            self.process = None


class Challenger(Kamailio):
    """A Kamailio that asks callers for digest credentials (auth module): user trunk, password s3cret, carrier.example.

    `status`: 401 or 407; `flags`: of www_challenge(), 1 is qop=auth, 0 none; `parameters`: of the auth module. Its
    auth-int cannot be used: it does not hash the body.
    """

    def __init__(self, directory: Path, listen: str, status: int = 407, flags: int = 1, **parameters: object) -> None:
        super().__init__(directory, Configuration(listen=(listen,)))
        check, challenge = ("pv_www_authenticate", "www_challenge") if status == 401 else (
            "pv_proxy_authenticate", "proxy_challenge")
        lines = [f'modparam("auth", "{name}", {json.dumps(value)})' for name, value in parameters.items()]
        text = (TEMPLATE.parent / "challenger.cfg").read_text()
        for mark, value in (("# LISTEN", f"listen={listen}"), ("# PARAMETERS", "\n".join(lines)),
                            ("CHECK_FUNCTION", check), ("CHALLENGE_FUNCTION", challenge), ("FLAGS", str(flags))):
            text = text.replace(mark, value)
        self.file.write_text(text)


class KamailioRegistrar(Kamailio):
    """A Kamailio that is a registrar: registrar, usrloc and auth_db with a SQLite database of subscribers.

    `parameters`: (module, name, value). The realm is carrier.example.
    """

    def __init__(self, directory: Path, listen: str, database: Path, *parameters: tuple[str, str, object]) -> None:
        super().__init__(directory, Configuration(listen=(listen,)))
        self.binrpc = f"unixs:{self.directory}/ctl"
        lines = [f'modparam("{module}", "{name}", {json.dumps(value)})' for module, name, value in parameters]
        text = (TEMPLATE.parent / "registrar.cfg").read_text()
        for mark, value in (("# LISTEN", f"listen={listen}"), ("# PARAMETERS", "\n".join(lines)),
                            ("BINRPC", self.binrpc), ("DATABASE", f"sqlite://{database}")):
            text = text.replace(mark, value)
        self.file.write_text(text)

    def command_output(self, *arguments: str) -> str:
        """What kamcmd prints."""
        done = subprocess.run([required("kamcmd"), "-s", self.binrpc, *arguments], capture_output=True, text=True,
                              timeout=20)
        return done.stdout

    def contact(self, user: str) -> str | None:
        """The contact of an address of record, as `ul.lookup` prints it; None when it has none."""
        found = self.command_output("ul.lookup", "location", user)
        return found if "Address:" in found else None

    def registers(self) -> int:
        """REGISTERs that have come."""
        return int(re.search(r"rcv_requests_register: (\d+)", self.command_output(
            "stats.fetchn", "core:rcv_requests_register"))[1])
