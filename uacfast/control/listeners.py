"""The part that operators meet: opens what [control] names, and serves RPC, metrics and the dashboard there."""
import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from uacfast import log
from uacfast.control import binrpc_server
from uacfast.control.core_commands import CoreCommands, CtlCommands
from uacfast.control.datagram import DatagramServer
from uacfast.control.fifo import FifoServer
from uacfast.control.jsonrpc import JsonRpc
from uacfast.control.opening import OwnedPath, Owner, open_fifo, open_inet, open_unix
from uacfast.control.part import Part
from uacfast.control.request_commands import RequestCommands
from uacfast.control.statistics import Statistics, StatisticsCommands
from uacfast.control.worker_commands import WorkerCommands
from uacfast.fault import Fault, Unreachable

DATAGRAM_REPLY_OCTETS_MAX = 65_456      # Kamailio's; a client has no more room

logger = log.get("control")


class Listeners(Part):
    """All ways in. `server` is uacfast.server.Server, `version` the program's.

    `metric_sources` are coroutines of other parts that give metrics (prometheus_client's) for /metrics.
    """

    def __init__(self, server: Any, version: str):
        self._server = server
        self._version = version
        self._settings = server.config.control
        self._dispatcher = server.dispatcher
        self._rpc = JsonRpc(self._dispatcher)
        self._binrpc = binrpc_server.Binrpc(self._dispatcher, self._settings.request_size, self._settings.connections)
        self._closing: list[Any] = []
        self._owned: list[OwnedPath] = []
        self._streams: list[asyncio.AbstractServer] = []
        self._http: Any = None
        self._dashboard: Any = None
        self._commands_known = False
        self.metric_sources: list[Callable[[], Awaitable[Iterable[Any]]]] = []
        self.statistics = Statistics(server.total_statistics)
        CoreCommands(server, version).add_to(self._dispatcher)
        RequestCommands(server).add_to(self._dispatcher)
        StatisticsCommands(self.statistics).add_to(self._dispatcher)
        CtlCommands(self._binrpc, self._binrpc_listening).add_to(self._dispatcher)

    async def answer_script(self, _worker: int, request: str) -> tuple[int, str, str]:
        """KSR.jsonrpcs.exec(): code, reason and document of the reply."""
        reply = await self._rpc.answer(request.encode("utf-8", "replace"))
        return reply.status, reply.reason, reply.text.decode()

    async def start(self) -> None:
        """Opens everything. OSError with a sentence: something cannot be; what was open is closed by close()."""
        loop = asyncio.get_running_loop()
        settings = self._settings
        owner = Owner(settings.mode, settings.user, settings.group)
        if settings.unix:
            opened, owned = open_unix(settings.unix, socket.SOCK_DGRAM, owner, "control.unix")
            self._owned.append(owned)
            self._closing.append(DatagramServer(loop, opened, settings.request_size, self._answer_datagram))
        if settings.fifo:
            self._check_reply_folder()
            fd, owned = open_fifo(settings.fifo, owner, "control.fifo")
            self._owned.append(owned)
            self._closing.append(FifoServer(loop, fd, settings.request_size, settings.fifo_reply_dir,
                                            self._rpc.answer))
        for index, address in enumerate(settings.binrpc_addresses):
            await self._open_binrpc(loop, address, owner, f"control.binrpc[{index}]")
        if settings.http_address is not None:
            await self._open_http()

    def _check_reply_folder(self) -> None:
        folder = self._settings.fifo_reply_dir
        if not os.path.isdir(folder):
            raise OSError(f"control.fifo_reply_dir: {folder} is not a folder; create it, or choose another one")

    async def _open_binrpc(self, loop: asyncio.AbstractEventLoop, address: Any, owner: Owner, key: str) -> None:
        stream = address.kind in ("unixs", "tcp")
        kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
        if address.path:
            opened, owned = open_unix(address.path, kind, owner, key)
            self._owned.append(owned)
        else:
            opened = open_inet(address.host, address.port, kind, key)
        if not stream:
            self._closing.append(DatagramServer(loop, opened, self._settings.request_size,
                                                self._binrpc.answer_datagram))
            return

        def connection() -> asyncio.Protocol:
            return binrpc_server.StreamConnection(loop, self._binrpc)
        make = loop.create_unix_server if address.path else loop.create_server
        self._streams.append(await make(connection, sock=opened))

    async def _open_http(self) -> None:
        # Loaded only where it is wanted: aiohttp takes longer to load than all the rest.
        from uacfast.control.dashboard import Dashboard
        from uacfast.control.http import HttpServer, make_application
        from uacfast.control.metrics import Metrics

        settings = self._settings
        opened = open_inet(*settings.http_address, socket.SOCK_STREAM, "control.http")
        metrics = Metrics(self._server, self._version, self.metric_sources)
        self._dashboard = Dashboard(self._dispatcher, metrics, self._version, settings.actions)
        application = make_application(self._rpc, metrics, settings.http_names, settings.request_size,
                                       settings.http_fault_status, self._dashboard.routes())
        self._http = HttpServer(application, settings.connections)
        await self._http.start(opened)

    async def worker_ready(self, index: int) -> None:
        """The commands that workers have are offered as soon as one has told them."""
        if self._commands_known:
            return
        try:
            names = await self._server.call_worker(index, "commands")
        except Unreachable:
            return          # its replacement is asked
        except Fault:
            names = []
        self._commands_known = True
        WorkerCommands(self._server).add_to(self._dispatcher, names)

    async def reloaded(self, config: Any) -> None:
        """What can change while it runs does; the addresses cannot."""
        wanted, now = config.control, self._settings
        if self._dashboard is not None:
            self._dashboard.actions = wanted.actions
        for name in ("http", "http_names", "http_fault_status", "unix", "fifo", "fifo_reply_dir", "binrpc", "mode",
                     "user", "group", "request_size", "connections"):
            if getattr(wanted, name) != getattr(now, name):
                logger.error("control.%s has changed: this needs a restart and is not applied; the rest of the file is",
                             name)

    async def close(self) -> None:
        """Closes all, and takes away the files that were made."""
        for owned in self._owned:
            owned.remove()
        for server in self._streams:
            server.close()
        for connection in list(self._binrpc.connections):
            connection.abort()
        for one in self._closing:
            one.close()
        if self._http is not None:
            await self._http.close()

    async def _answer_datagram(self, octets: bytes) -> bytes:
        reply = await self._rpc.answer(octets)
        if len(reply.text) <= DATAGRAM_REPLY_OCTETS_MAX:
            return reply.text
        return self._rpc.too_big(octets, DATAGRAM_REPLY_OCTETS_MAX)

    def _binrpc_listening(self) -> list[tuple[str, str, str]]:
        names = {"unixs": "unix_stream", "unixd": "unix_dgram"}
        return [(names.get(address.kind, address.kind), address.path or address.host,
                 "" if address.path else str(address.port)) for address in self._settings.binrpc_addresses]
