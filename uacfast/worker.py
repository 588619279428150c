"""One worker's life: an engine on an event loop, told what to do over a channel.

In a process of its own (`python -m uacfast.worker FD [MODULE:CLASS]`, started by uacfast.supervisor) or, when there is
only one, in the control part's process. FD is its end of the channel; everything else comes with the Start message.
"""
import asyncio
import contextlib
import ctypes
import gc
import importlib
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvloop

from uacfast import log, messages
from uacfast.calls import ANSWER_SECONDS, Calls
from uacfast.channel import SocketChannel
from uacfast.load import LoopLag, process_statistics
from uacfast.scheduling import prefer_batches
from uacfast.transport.handover import Handover
from uacfast.transport.resolver import Resolver
from uacfast.uac import sending

TICK_SECONDS = 0.010
HEARTBEAT_SECONDS = 1.0
PR_SET_PDEATHSIG = 1            # <linux/prctl.h>
# A full collection walks over everything that a script keeps of every transaction, and takes longer than T1 then. What
# has no cycles goes without it: collect the young seldom, the old ones hardly ever.
GARBAGE_THRESHOLDS = (100_000, 50, 100)
DEFAULT_ENGINE = "uacfast.assembly:AssembledEngine"

logger = log.get("worker")


def load_engine(path: str) -> Callable[..., Any]:
    """The engine class behind `module:name`. Raises ImportError or AttributeError."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _sentence(error: Exception) -> str:
    """What to tell the operator. Anything but a refusal in words is a mistake of ours and leaves its traceback."""
    if isinstance(error, ValueError | OSError):
        return str(error)
    logger.error("unexpected error", exc_info=error)
    return f"unexpected error {type(error).__name__}: {error}; the log has its traceback"


class Control:
    """What an engine has of the control part, as `engine.control`."""

    def __init__(self, calls: Calls):
        self._calls = calls

    async def call(self, name: str, *arguments: Any, timeout: float = ANSWER_SECONDS) -> Any:
        """Asks for the service `name` (Server.services) and waits for its result. Raises Fault; Unreachable after
        `timeout` seconds."""
        return await self._calls.call(name, *arguments, timeout=timeout)

    def post(self, name: str, *arguments: Any) -> None:
        """Tells the service `name` something; there is no answer."""
        self._calls.post(name, *arguments)


class Worker:
    """Feeds an engine: readable sockets, hand-over, ticks, and the messages of the control part.

    `finished` is done when the worker has ended: after Stop, after a start that failed, or when the channel closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: Any, engine_class: Callable[..., Any]):
        self.finished: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._channel = channel
        self._engine_class = engine_class
        self._engine: Any = None
        self._handover: Handover | None = None
        self._resolver: Resolver | None = None
        self._ending: asyncio.Task[None] | None = None
        self._watched: list[int] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._lag = LoopLag()
        self._draining = False
        self._reported_active: int | None = None
        self._actions: dict[type, Callable[[Any], None]] = {
            messages.Start: self._start,
            messages.Reload: self._reload,
            messages.Drain: self._drain,
            messages.Stop: self._stop,
            messages.StatisticsRequest: self._statistics,
        }
        self._calls = Calls(loop, channel.send, self._command, "the control part")
        channel.on_message = self._receive
        channel.on_closed = self._abandoned

    def _receive(self, message: messages.ToWorker) -> None:
        # Between the end and the closing of the channel a message may still arrive.
        if self._ending is None and not self._calls.receive(message):
            self._actions[type(message)](message)

    def _command(self, name: str) -> Callable[..., Any] | None:
        return getattr(self._engine, "commands", {}).get(name)

    def _start(self, start: messages.Start) -> None:
        try:
            self._assemble(start)
        except Exception as error:
            self._channel.send(messages.StartFailed(reason=_sentence(error)))
            self._end()
            return
        self._tick(self._loop.time())
        self._beat()
        if start.draining:
            self._drain(messages.Drain())
        self._channel.send(messages.Ready())

    def _assemble(self, start: messages.Start) -> None:
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        if start.workers > 1:
            self._handover = Handover.attach(start.memory_fd, start.event_fds, start.worker)
        config = messages.decode_config(start.config)
        log.setup(config.server.log_level, config.server.log_format)
        self._resolver = Resolver(families={6 if ":" in entry.host else 4 for entry in start.sockets})
        self._engine = self._engine_class(config, worker=start.worker, workers=start.workers, handover=self._handover,
                                          resolver=self._resolver, siphash_key=start.siphash_key)
        self._engine.control = Control(self._calls)
        sending.use(getattr(self._engine, "requests", None))
        for entry in start.sockets:
            self._engine.add_socket(entry.fd, (entry.host, entry.port), entry.listen_index)
        self._watch(self._engine.fileno(), self._engine.on_readable)
        if self._handover is not None:
            self._watch(self._handover.fileno(), self._engine.on_handover)
        prefer_batches(config.server.batch_pause > 0)
        gc.freeze()     # what is here stays

    def _watch(self, fd: int, callback: Callable[..., None], *arguments: Any) -> None:
        self._loop.add_reader(fd, callback, *arguments)
        self._watched.append(fd)

    def _tick(self, due: float) -> None:
        # The next one is set first: an engine that raises must not lose its timers.
        now = self._loop.time()
        self._lag.note(now, due)
        following = due + TICK_SECONDS if now < due + TICK_SECONDS else now + TICK_SECONDS
        self._timers["tick"] = self._loop.call_at(following, self._tick, following)
        self._engine.tick()
        if self._draining:
            self._report_active()

    def _beat(self) -> None:
        self._channel.send(messages.Heartbeat())
        self._timers["heartbeat"] = self._loop.call_later(HEARTBEAT_SECONDS, self._beat)

    def _reload(self, reload: messages.Reload) -> None:
        config = messages.decode_config(reload.config)
        error = ""
        try:
            self._engine.apply(config)
        except Exception as refusal:
            error = _sentence(refusal)
        else:
            log.setup(config.server.log_level, config.server.log_format)
            prefer_batches(config.server.batch_pause > 0)
            self._resolver.reload_hosts()
        self._channel.send(messages.ReloadResult(serial=reload.serial, error=error))

    def _drain(self, _message: messages.Drain) -> None:
        if not self._draining:
            self._draining = True
            self._engine.drain()
            self._report_active()

    def _report_active(self) -> None:
        active = self._engine.active
        if self._reported_active is None or (active == 0) != (self._reported_active == 0):
            self._reported_active = active
            self._channel.send(messages.Drained(active=active))

    def _statistics(self, request: messages.StatisticsRequest) -> None:
        counters = {**self._engine.statistics(), **self._lag.statistics(), **process_statistics()}
        if self._handover is not None:
            counters |= self._handover.statistics()
        self._channel.send(messages.Statistics(serial=request.serial, counters=counters))

    def _stop(self, _message: messages.Stop) -> None:
        self._end()

    def _abandoned(self) -> None:
        if self._ending is None:
            logger.error("the control process is gone; this worker ends so that the ports become free")
            self._end()

    def _end(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for fd in self._watched:
            self._loop.remove_reader(fd)
        self._watched.clear()
        self._calls.peer_gone()
        if self._engine is not None:
            self._engine.close()
            sending.use(None)
        self._ending = self._loop.create_task(self._finish())

    async def _finish(self) -> None:
        if self._resolver is not None:
            await self._resolver.close()
        self.finished.set_result(None)


def main(arguments: list[str]) -> int:
    """A worker process. `arguments`: the channel's descriptor and, optionally, the engine as module:class."""
    # Ctrl-C and systemd signal the whole group: the control process alone decides, and tells us over the channel.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    # A hung worker does not see its channel close: it must not keep the ports of a control process that is gone.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    engine_class = load_engine(arguments[1] if len(arguments) > 1 else DEFAULT_ENGINE)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with contextlib.closing(socket.socket(fileno=int(arguments[0]))) as stream:
            worker = Worker(loop, SocketChannel(loop, stream, messages.ToWorker), engine_class)
            loop.run_until_complete(worker.finished)
    finally:
        loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
