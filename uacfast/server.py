"""The control part: opens the sockets, keeps the workers, and does what signals ask.

SIGHUP reads the configuration again; SIGTERM or SIGINT drains and ends; a second one ends at once.
"""
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvloop

from uacfast import __version__, log, messages, notify
from uacfast import config as configuration
from uacfast.calls import ANSWER_SECONDS
from uacfast.config import Config, ConfigError
from uacfast.config.schema import keys_of
from uacfast.control.callers import Callers
from uacfast.control.dispatcher import Dispatcher
from uacfast.control.listeners import Listeners
from uacfast.control.locations import Locations
from uacfast.control.part import Part
from uacfast.control.registrations import Registrations
from uacfast.control.webhooks import Webhooks
from uacfast.listening import Listening, expand_listen
from uacfast.load import machine_memory, process_statistics
from uacfast.supervisor import Supervisor
from uacfast.transport.handover import Handover
from uacfast.worker import DEFAULT_ENGINE

SIPHASH_KEY_OCTETS = 16
PART_SECONDS = 10.0             # what a part may take to end

logger = log.get("server")


class Server:
    """One run of the program, from open sockets to the last worker's end.

    `dispatcher` has the RPC commands; `services` what workers may call by name (the function gets the worker's index
    first; it may be a coroutine); `parts` what else lives in this process.
    """

    def __init__(self, config_path: str, config: Config, engine: str = DEFAULT_ENGINE):
        """Opens the sockets; the loop must be running. Raises OSError (ListenError) with a sentence."""
        self._loop = asyncio.get_running_loop()
        self._path = config_path
        # What the file says, to tell what a reload changes; what the workers get has literal addresses.
        self._written = config
        self._config = msgspec.structs.replace(config, listen=expand_listen(config.listen))
        self._siphash_key = secrets.token_bytes(SIPHASH_KEY_OCTETS)
        self._exit: asyncio.Future[int] = self._loop.create_future()
        self._draining = False
        self._reload_wanted = False
        self._reloading: asyncio.Task[None] | None = None
        self._preparing: set[asyncio.Task[None]] = set()
        self.services: dict[str, Callable[..., Any]] = {}
        self.dispatcher = Dispatcher()
        self.listeners = Listeners(self, __version__)
        self.services["jsonrpcs.exec"] = self.listeners.answer_script
        self.registrations = Registrations(self)
        self.listeners.metric_sources.append(self.registrations.loading_metrics)
        self.parts: list[Part] = [self.registrations, self.listeners, Callers(self), Webhooks(self)]
        if config.server.workers > 1:
            self.parts.append(Locations(self))
        workers = config.server.workers
        self._listening = Listening(self._config)
        self._handover = Handover.create(workers) if workers > 1 else None
        self._supervisor = Supervisor(self._loop, workers, engine, self._make_start, self._inherited,
                                      on_failed=self._start_failed, on_idle=self._drained,
                                      on_ready=self._worker_ready, find_service=self.services.get)

    async def run(self) -> int:
        """Serves until the end; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end_wanted, signal.Signals(number).name)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload_asked)
        watchdog = self._loop.create_task(self._feed_watchdog())
        started: list[Part] = []
        try:
            starting = self._loop.create_task(self._start(started))
            await asyncio.wait({starting, self._exit}, return_when=asyncio.FIRST_COMPLETED)
            if not self._exit.done():
                starting.result()
                self._announce()
            status = await self._exit
        finally:
            watchdog.cancel()
            starting.cancel()
            for task in self._preparing:
                task.cancel()
            for part in reversed(started):
                await self._inform("close", part.close())
            await self._supervisor.stop()
            self._listening.close()
            if self._handover is not None:
                self._handover.close()
        return status

    @property
    def config(self) -> Config:
        """The configuration in force, with literal listen addresses."""
        return self._config

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return self._config.server.workers

    async def call_worker(self, index: int, name: str, *arguments: Any, timeout: float = ANSWER_SECONDS) -> Any:
        """The result of `engine.commands[name]` of one worker. Fault: what it raised; Unreachable: it is being
        replaced, died, or did not answer within `timeout` seconds."""
        return await self._supervisor.call(index, name, *arguments, timeout=timeout)

    async def call_workers(self, name: str, *arguments: Any, timeout: float = ANSWER_SECONDS) -> list[Any]:
        """The results of `engine.commands[name]` by worker, None for one that died or kept silent. Fault: the first
        that a worker raised."""
        return await self._supervisor.call_all(name, *arguments, timeout=timeout)

    @property
    def pids(self) -> list[int | None]:
        """The process of each worker; None where one is being replaced."""
        return self._supervisor.pids

    def settings(self) -> dict[str, dict[str, Any]]:
        """The configuration by section and key, without lists of tables; secrets are masked."""
        found = {}
        for section, key in keys_of(Config).items():
            if not key.many:
                table = getattr(self._config, key.name)
                found[section] = {name: _shown(inner, getattr(table, inner.name))
                                  for name, inner in keys_of(type(table)).items()}
        return found

    def own_statistics(self) -> dict[str, int]:
        """The load of the control part where it has a process of its own; else a worker's has it in."""
        return process_statistics() if self.workers > 1 else {}

    async def total_statistics(self) -> dict[str, int]:
        """The counters of all workers, added up, and the memory of the machine."""
        total: dict[str, int] = {}
        for counters in [*await self.statistics(), self.own_statistics()]:
            for name, count in (counters or {}).items():
                total[name] = total.get(name, 0) + count
        return total | machine_memory()

    async def statistics(self) -> list[dict[str, int] | None]:
        """Each worker's counters since it was started; None for one that does not answer."""
        answers = await self._supervisor.ask(messages.StatisticsRequest)
        return [answer.counters if answer is not None else None for answer in answers]

    async def _start(self, started: list[Part]) -> None:
        """Returns when all is in place; when something is not, the exit status is set."""
        try:
            for part in self.parts:
                started.append(part)
                await part.start()
            self._supervisor.start()
        except (OSError, ValueError) as error:
            self._start_failed(str(error))
            return
        await self._supervisor.all_ready
        while self._preparing:
            await asyncio.wait(self._preparing)

    def _worker_ready(self, index: int) -> None:
        task = self._loop.create_task(self._inform_all(lambda part: part.worker_ready(index)))
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    async def _inform_all(self, tell: Callable[[Part], Awaitable[None]]) -> None:
        for part in self.parts:
            await self._inform("news", tell(part))

    async def _inform(self, what: str, told: Awaitable[None]) -> None:
        # A part that fails must not keep the others from hearing it, or the program from ending.
        try:
            async with asyncio.timeout(PART_SECONDS if what == "close" else None):
                await told
        except Exception as error:
            logger.error("a part of the control part failed at its %s", what, exc_info=error)

    def _announce(self) -> None:
        about = f"{' '.join(self._listening.uris)} workers={self._config.server.workers} pid={os.getpid()}"
        print(f"uacfast ready {about}", file=sys.stderr, flush=True)
        notify.ready(f"serving {about}")

    async def _feed_watchdog(self) -> None:
        interval = notify.watchdog_interval()
        while interval is not None:
            notify.watchdog()
            await asyncio.sleep(interval)

    # === What a worker is made of ===

    def _make_start(self, worker: int) -> messages.Start:
        handover = self._handover
        return messages.Start(
            worker=worker, workers=self._config.server.workers, config=messages.encode_config(self._config),
            sockets=self._listening.of_worker(worker), siphash_key=self._siphash_key,
            memory_fd=handover.memory_fd if handover else -1, event_fds=handover.event_fds if handover else (),
            draining=self._draining)

    def _inherited(self, worker: int) -> tuple[int, ...]:
        own = tuple(entry.fd for entry in self._listening.of_worker(worker))
        return own + (self._handover.fds if self._handover else ())

    def _start_failed(self, sentence: str) -> None:
        if not self._exit.done():
            _print_failure(sentence)
            self._exit.set_result(1)

    # === The end ===

    def _end_wanted(self, name: str) -> None:
        if self._draining or not self._supervisor.all_ready.done():
            logger.info("%s: stopping at once", name)
            self._finish()
            return
        self._draining = True
        timeout = self._config.server.drain_timeout
        logger.info("%s: no new calls are taken; ending when the running transactions have ended or after %d s", name,
                    timeout)
        notify.stopping("draining")
        self._supervisor.broadcast(messages.Drain())
        self._loop.call_later(timeout, self._drain_timed_out, timeout)

    def _drained(self) -> None:
        if not self._exit.done():
            logger.info("all transactions have ended; stopping")
            self._finish()

    def _drain_timed_out(self, timeout: int) -> None:
        if not self._exit.done():
            logger.warning("transactions are still running after %d s (server.drain_timeout); stopping", timeout)
            self._finish()

    def _finish(self) -> None:
        if not self._exit.done():
            self._exit.set_result(0)

    # === Reload ===

    def _reload_asked(self) -> None:
        if self._draining or not self._supervisor.all_ready.done():
            logger.warning("SIGHUP: the configuration is not read while the server starts or ends")
            return
        self._reload_wanted = True
        if self._reloading is None:
            self._reloading = self._loop.create_task(self._reload_while_wanted())

    async def _reload_while_wanted(self) -> None:
        try:
            while self._reload_wanted:
                self._reload_wanted = False
                notify.reloading()
                await self._reload()
                if not self._draining:
                    notify.ready()
        finally:
            self._reloading = None

    async def _reload(self) -> None:
        try:
            # Reading and checking a large file takes long enough to stop the calls of a worker in this process.
            written = await asyncio.to_thread(configuration.load, self._path)
        except ConfigError as error:
            for problem in error.problems:
                logger.error("%s", problem.text(self._path))
            logger.error("the configuration is not used; the old one goes on",
                         extra=log.fields(file=self._path, errors=len(error.problems)))
            return
        self._refuse_what_needs_a_restart(written)
        # Names and wildcards keep what they stood for at the start: that is what the sockets are bound to.
        wanted = msgspec.structs.replace(
            written, listen=self._config.listen,
            server=msgspec.structs.replace(written.server, workers=self._config.server.workers))
        if await self._apply(wanted):
            await self._inform_all(lambda part: part.reloaded(wanted))
            log.setup(wanted.server.log_level, wanted.server.log_format)
            for sentence in written.without_effect():
                logger.warning("%s", sentence, extra=log.fields(file=self._path))
            logger.info("the configuration is in force", extra=log.fields(file=self._path))

    def _refuse_what_needs_a_restart(self, written: Config) -> None:
        if written.listen != self._written.listen:
            logger.error("[[listen]] has changed: this needs a restart and is not applied; the rest of the file is")
        if written.server.workers != self._written.server.workers:
            logger.error("server.workers has changed: this needs a restart and is not applied; the rest of the file is")

    async def _apply(self, wanted: Config) -> bool:
        before, self._config = self._config, wanted     # a worker that starts from now on gets the new one
        octets = messages.encode_config(wanted)
        answers = await self._supervisor.ask(lambda serial: messages.Reload(serial=serial, config=octets))
        refusals = list(dict.fromkeys(answer.error for answer in answers if answer is not None and answer.error))
        if not refusals:
            return True
        for refusal in refusals:
            logger.error("%s", refusal)
        logger.error("the configuration is not used; the old one goes on", extra=log.fields(file=self._path))
        self._config = before
        octets = messages.encode_config(before)
        await self._supervisor.ask(lambda serial: messages.Reload(serial=serial, config=octets))
        return False


def run(config_path: str, config: Config, engine: str = DEFAULT_ENGINE) -> int:
    """Runs the program in the foreground until it is told to end; the exit status: 0, or 1 when it could not start.

    `config` is what was read from `config_path`, which SIGHUP reads again. `engine` is a module:class with the
    interface of uacfast.proxy.engine.Engine.
    """
    async def serve() -> int:
        try:
            server = Server(config_path, config, engine)
        except OSError as error:
            _print_failure(str(error))
            return 1
        try:
            return await server.run()
        finally:
            # The loop gives the signals back as it closes; one that comes then must not change the exit status.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(serve())
        except KeyboardInterrupt:       # Ctrl-C before the signal handlers were set
            return 0


def _shown(key: Any, value: Any) -> Any:
    """A value of the configuration as RPC shows it: text, integer, or a list as text."""
    if key.secret:
        return "***" if value else ""
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    if isinstance(value, int):
        return int(value)
    return value if isinstance(value, str) else str(value)


def _print_failure(sentence: str) -> None:
    print(f"uacfast: {sentence}", file=sys.stderr, flush=True)
