"""The systems under test: how each is started, when it is ready, how long its finished transactions linger."""
import os
import shlex
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .processes import BenchmarkError, Child, free_udp_ports, udp_port_is_open, wait_until

BENCH = Path(__file__).resolve().parent.parent
PROJECT = BENCH.parent
REPLACED_FROM = "sip:anon@edge.example"
TRUNK = '"trunk-user:trunk.example:trunk-password"'      # the account that sip_load's callee asks for
KSR_SCRIPT = BENCH / "kamailio" / "kemi_edge.py"


@dataclass(frozen=True)
class Ports:
    proxy: int
    caller: int
    callee: int


@dataclass(frozen=True)
class StartOptions:
    """What all systems are started with. `uacfast_config`: path of a TOML template instead of bench/uacfast/edge.toml;
    `uacfast_command`: command line with {config}; `kamailio_memory_mb`: its shared memory,
    `kamailio_private_mb`: each process's own (100,000 accounts do not load with its default)."""
    workers: int = 1
    scenario: str = "basic"
    database: str = ""
    uacfast_command: str | None = None
    uacfast_config: str | None = None
    kamailio_memory_mb: int = 2048
    kamailio_private_mb: int = 512
    build: Path = BENCH / "build"


def script_environment(ports, options):
    """What the KSR script reads: where the calls go, and what they need."""
    return {"EDGE_CALLEE_URI": f"sip:127.0.0.1:{ports.callee}", "EDGE_SCENARIO": options.scenario}


class System:
    """One kind of system under test. `linger`: seconds after which a finished transaction has been released, so the
    least warm-up that makes a run pay for releasing. `replaces`: hides From downstream and restores it upstream."""
    replaces = True
    answers = True        # sends SIP replies of its own: readiness can be probed
    linger = 0.0
    ready_text = None

    def __init__(self, name):
        self.name = name

    def check(self, options):
        """BenchmarkError when it cannot be started here."""

    def command(self, ports, folder, options):
        """Command line (list) and added environment (dict)."""
        raise NotImplementedError


class Uacfast(System):
    template = "edge.toml"

    def template_of(self, options):
        return "registrations.toml" if options.scenario == "registrations" else self.template

    # wt_timer of the default configuration is 32 s (RFC 6026 Timer L); 2 s more for the release to be in full swing
    linger = 34.0
    ready_text = "uacfast ready"

    def check(self, options):
        if options.uacfast_config and not Path(options.uacfast_config).is_file():
            raise BenchmarkError(f"--uacfast-config {options.uacfast_config}: there is no such file")

    def command(self, ports, folder, options):
        template = Path(options.uacfast_config or BENCH / "uacfast" / self.template_of(options)).read_text()
        values = {"workers": options.workers, "port": ports.proxy, "callee_port": ports.callee,
                  "credential": TRUNK if options.scenario == "auth" else "", "script": KSR_SCRIPT,
                  "database": options.database}
        for key, value in values.items():
            template = template.replace(f"{{{key}}}", str(value))
        config = Path(folder) / "edge.toml"
        config.write_text(template)
        paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        if options.uacfast_command:
            command = [part.replace("{config}", str(config)) for part in shlex.split(options.uacfast_command)]
        else:
            command = [sys.executable, "-m", "uacfast", "run", str(config)]
        return command, {"PYTHONPATH": os.pathsep.join(paths)} | script_environment(ports, options)


class UacfastScript(Uacfast):
    """The policy of Kamailio's KEMI variant, in the same script."""
    template = "script.toml"


class Kamailio(System):
    linger = 5.6          # tm wt_timer is 5 s

    def __init__(self, name, variant="WITH_NATIVE", memory_manager=None):
        super().__init__(name)
        self.variant, self.memory_manager = variant, memory_manager
        self.replaces = variant != "WITH_STATELESS"

    @staticmethod
    def program():
        return shutil.which("kamailio", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    def check(self, options):
        if not self.program():
            raise BenchmarkError(f"{self.name} needs Kamailio, which is not installed: `apt-get install kamailio` "
                                 "(kamailio-kemi also kamailio-python3-modules), or name other --systems")

    def command(self, ports, folder, options):
        defines = [self.variant, f"CHILDREN={options.workers}", f"LISTEN_PORT={ports.proxy}",
                   f'CALLEE_URI="sip:127.0.0.1:{ports.callee}"', f'KEMI_FILE="{KSR_SCRIPT}"']
        if options.scenario == "auth":
            defines.append("WITH_AUTH")
        elif options.scenario == "registrations":
            defines += ["WITH_REGISTRATIONS", f'DATABASE="{options.database}"']
        command = [self.program(), "-DD", "-E", "-f", str(BENCH / "kamailio" / "kamailio.cfg"),
                   "-m", str(options.kamailio_memory_mb), "-M", str(options.kamailio_private_mb),
                   "-P", f"{folder}/pid", "-Y", str(folder), "-w", str(folder)]
        for define in defines:
            command += ["-A", define]
        if self.memory_manager:
            command += ["-x", self.memory_manager, "-X", self.memory_manager]
        return command, script_environment(ports, options)


class Relay(System):
    """No SIP at all: what moving the datagrams costs."""
    replaces = False
    answers = False
    linger = 1.0

    def __init__(self, name, pause_us=0):
        super().__init__(name)
        self.pause_us = pause_us

    def command(self, ports, folder, options):
        command = [str(options.build / "udp_relay"), str(ports.proxy), str(ports.callee)]
        return command + ([str(self.pause_us)] if self.pause_us else []), {}


SYSTEMS = {system.name: system for system in (
    Uacfast("uacfast"),
    UacfastScript("uacfast-ksr"),
    Kamailio("kamailio"),
    Kamailio("kamailio-tlsf", memory_manager="tlsf"),
    Kamailio("kamailio-kemi", "WITH_KEMI", "tlsf"),
    Kamailio("kamailio-stateless", "WITH_STATELESS", "tlsf"),
    Relay("relay"),
    Relay("relay-pause", pause_us=500),
)}

PROBE = ("OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK-ready\r\n"
         "Max-Forwards: 0\r\nFrom: <sip:ready@edge.example>;tag=ready\r\nTo: <sip:ready@edge.example>\r\n"
         "Call-ID: ready-{own}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def answers_sip(port):
    """One OPTIONS that may not be forwarded (Max-Forwards 0): any reply means that the routing is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(0.1)
        try:
            probe.connect(("127.0.0.1", port))
            probe.send(PROBE.format(port=port, own=probe.getsockname()[1]).encode())
            return probe.recv(4096).startswith(b"SIP/2.0 ")
        except OSError:
            return False


class RunningSystem:
    """Context manager: a started system that is ready for calls, with its ports. Leaves no process and no file."""

    def __init__(self, system, options, cpus=None):
        self.system, self.options, self.cpus = system, options, cpus
        self.child = self.folder = self.ports = None

    def __enter__(self):
        self.system.check(self.options)
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        self.ports = Ports(*free_udp_ports(3))
        command, environment = self.system.command(self.ports, self.folder.name, self.options)
        self.child = Child(self.system.name, command, self.folder.name, self.cpus, environment)
        what = f"{self.system.name} did not become ready"
        wait_until(lambda: udp_port_is_open(self.ports.proxy), 30, what, self.child)
        if self.system.ready_text:
            wait_until(lambda: self.system.ready_text in self.child.errors(), 30, what, self.child)
        if self.system.answers:
            wait_until(lambda: answers_sip(self.ports.proxy), 30, what, self.child)

    def __exit__(self, *exception):
        try:
            if self.child:
                self.child.stop()
        finally:
            self.folder.cleanup()

    def pids(self):
        return self.child.tree()
