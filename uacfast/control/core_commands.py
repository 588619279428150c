"""core.*, system.*, corex.*, tm.stats, sl.stats, cfg.*, ctl.*: what operators, kamcmd and kamctl ask of any server."""
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

from uacfast.control.binrpc_server import Binrpc
from uacfast.control.dispatcher import Dispatcher, Members, Records, integer_argument, text_argument
from uacfast.control.statistics import stateless_statistics, transaction_statistics
from uacfast.fault import Fault

NAME = "uacfast"
SOCKET_KEYS = ("mcast", "mhomed", "virtual")


class CoreCommands:
    """Commands about the server itself; `server` is uacfast.server.Server, `version` the program's."""

    def __init__(self, server: Any, version: str):
        self._server = server
        self._version = version
        self._started = time.time()

    def add_to(self, dispatcher: Dispatcher) -> None:
        """Adds them all."""
        add = dispatcher.add
        add("core.version", self._version_text, "The version of the program.")
        add("core.info", self._info, "How the program was built.")
        add("core.runinfo", self._run_info, "What runs and since when.")
        add("core.uptime", self._uptime, "The time now, the time of the start, and the seconds between.")
        add("core.ps", self._processes, "Process ids and what they do.")
        add("core.psx", self._processes_as_structs, "Process ids and what they do, as structs.")
        add("core.pwd", lambda _: os.getcwd(), "The working directory.")
        add("core.arg", lambda _: list(sys.argv), "The command line.")
        add("core.echo", _echo, "The arguments, as texts.")
        add("core.prints", _print_strings, "The arguments, which are texts.")
        add("core.printi", _print_integers, "The arguments, which are integers.")
        add("core.shmmem", self._memory, "Memory of the processes; there is no shared memory.")
        add("core.sockets_list", self._sockets, "The sockets that SIP comes in by.")
        add("core.aliases_list", self._aliases, "More names that are ours.")
        add("corex.list_sockets", self._sockets_in_capitals, "The sockets that SIP comes in by.")
        add("corex.list_aliases", self._aliases_in_capitals, "More names that are ours.")
        add("system.listMethods", lambda _: dispatcher.names, "All commands.")
        add("system.methodHelp", lambda arguments: _help(dispatcher, arguments), "What a command does; argument: name.")
        add("system.methodSignature", _signature, "Not offered, as with Kamailio.")
        add("tm.stats", self._transactions, "Statistics of transactions.")
        add("sl.stats", self._stateless, "Replies sent without a transaction, by status.")
        add("cfg.list", self._settings, "The keys of the configuration.")
        add("cfg.get", self._setting, "A value of the configuration; arguments: section, key.")

    # === The program ===

    def _version_text(self, _arguments: list[Any]) -> str:
        return f"{NAME} {self._version} ({platform.machine()}/{sys.platform}) "

    def _info(self, _arguments: list[Any]) -> dict[str, str]:
        return {"version": f"{NAME} {self._version}", "id": "", "compiler": platform.python_compiler(), "compiled": "",
                "flags": f"{platform.python_implementation()} {platform.python_version()}"}

    def _run_info(self, _arguments: list[Any]) -> dict[str, Any]:
        seconds = int(time.time() - self._started)
        days, rest = divmod(seconds, 86_400)
        return {"name": NAME, "version": self._version, "sourceid": "", "compiler": platform.python_compiler(),
                "compiled": "", "time_now": time.ctime(), "time_started": time.ctime(self._started),
                "uptime_secs": seconds,
                "utime_days": f"{days}d {rest // 3600}h {rest % 3600 // 60}m {rest % 60}s"}

    def _uptime(self, _arguments: list[Any]) -> dict[str, Any]:
        return {"now": time.ctime(), "up_since": time.ctime(self._started), "uptime": int(time.time() - self._started)}

    def _process_list(self) -> list[tuple[int, str]]:
        if self._server.workers == 1:
            return [(os.getpid(), "control part and SIP worker 0")]
        return [(os.getpid(), "control part"),
                *((pid, f"SIP worker {index}") for index, pid in enumerate(self._server.pids) if pid is not None)]

    def _processes(self, _arguments: list[Any]) -> list[Any]:
        return [value for process in self._process_list() for value in process]

    def _processes_as_structs(self, _arguments: list[Any]) -> Records:
        return Records({"IDX": index, "PID": pid, "DSC": what}
                       for index, (pid, what) in enumerate(self._process_list()))

    async def _memory(self, _arguments: list[Any]) -> dict[str, int]:
        counters = await self._server.total_statistics()
        used = counters.get("resident_octets", 0)
        return {"total": counters.get("memory_total", 0), "free": counters.get("memory_available", 0), "used": used,
                "real_used": used, "max_used": counters.get("resident_peak_octets", 0), "fragments": 0}

    # === Sockets ===

    def _listening(self) -> list[tuple[str, str, str, str]]:
        """(transport, host, port, advertised) of each listen address."""
        return [(listen.transport, listen.address[0], str(listen.address[1]), listen.advertise)
                for listen in self._server.config.listen]

    def _sockets(self, _arguments: list[Any]) -> Members:
        return Members(("socket", {"proto": transport, "address": host, "ipaddress": host, "port": port,
                                   **dict.fromkeys(SOCKET_KEYS, "no")})
                       for transport, host, port, _ in self._listening())

    def _sockets_in_capitals(self, _arguments: list[Any]) -> Records:
        return Records({"PROTO": transport, "NAME": host, "ADDRLIST": {"ADDR": host}, "PORT": port,
                        **{key.upper(): "no" for key in SOCKET_KEYS}, "SOCKNAME": "-", "ADVERTISE": advertised or "-"}
                       for transport, host, port, advertised in self._listening())

    def _alias_list(self) -> list[tuple[str, str]]:
        found = []
        for alias in self._server.config.server.alias:
            host, colon, port = alias.rpartition(":")
            found.append((host, port) if colon and port.isdigit() and not alias.endswith("]") else (alias, "*"))
        return found

    def _aliases(self, _arguments: list[Any]) -> dict[str, Any]:
        return {"myself_callbacks": "no",
                "aliases": Members(("alias", {"proto": "*", "address": host, "port": port})
                                   for host, port in self._alias_list())}

    def _aliases_in_capitals(self, _arguments: list[Any]) -> Records:
        return Records({"PROTO": "*", "ADDR": host, "PORT": port} for host, port in self._alias_list())

    # === Numbers ===

    async def _transactions(self, _arguments: list[Any]) -> dict[str, int]:
        return transaction_statistics(await self._server.total_statistics())

    async def _stateless(self, _arguments: list[Any]) -> dict[str, int]:
        return stateless_statistics(await self._server.total_statistics())

    # === Configuration ===

    def _settings(self, _arguments: list[Any]) -> list[str]:
        return [f"{section}: {key}" for section, keys in self._server.settings().items() for key in keys]

    def _setting(self, arguments: list[Any]) -> Any:
        wrong = Fault(400, "Invalid Parameters")
        section, key = text_argument(arguments, 0, wrong), text_argument(arguments, 1, wrong)
        keys = self._server.settings().get(section, {})
        if key not in keys:
            raise Fault(400, "Failed to get the variable")
        return keys[key]


class CtlCommands:
    """ctl.*: who talks binrpc. Kamailio answers them over binrpc only; here any transport may ask."""

    def __init__(self, binrpc: Binrpc, listening: Callable[[], list[tuple[str, str, str]]]):
        self._binrpc = binrpc
        self._listening = listening

    def add_to(self, dispatcher: Dispatcher) -> None:
        """Adds them all."""
        dispatcher.add("ctl.who", self._who, "The connections of binrpc clients.")
        dispatcher.add("ctl.listen", self._listen, "Where binrpc clients are listened for.")
        dispatcher.add("ctl.connections", lambda _: len(self._binrpc.connections), "How many connections are open.")

    def _who(self, _arguments: list[Any]) -> list[str]:
        return [value for connection in self._binrpc.connections for value in ("binrpc", *connection.describe())]

    def _listen(self, _arguments: list[Any]) -> list[str]:
        return [value for address in self._listening() for value in ("binrpc", *address)]


def _echo(arguments: list[Any]) -> list[str]:
    return [text_argument(arguments, index, Fault(400, f"error at parameter {index}: expected string type"))
            for index in range(len(arguments))]


def _print_strings(arguments: list[Any]) -> list[str]:
    return [text_argument(arguments, index, convert=False, fault=Fault(
        400, f"error at parameter {index}: expected string type but record doesn't match type"))
        for index in range(len(arguments))]


def _print_integers(arguments: list[Any]) -> list[int]:
    return [integer_argument(arguments, index, Fault(
        400, f"error at parameter {index}: expected integer type but record doesn't match type"))
        for index in range(len(arguments))]


def _help(dispatcher: Dispatcher, arguments: list[Any]) -> str:
    text = dispatcher.help_of(text_argument(arguments, 0, Fault(400, "Method Name Expected")))
    if text is None:
        raise Fault(400, "command not found")
    return text


def _signature(_arguments: list[Any]) -> None:
    raise Fault(500, "Not Implemented Yet")
