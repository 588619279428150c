"""Keeps the workers alive: starts them, listens for their heartbeats, replaces the dead, asks all of them at once.

Knows nothing of configurations and signals; uacfast.server does. A worker is a process, or, when it is the only one,
lives in this process behind the same channel (then it cannot die alone and is not watched).
"""
import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from uacfast import log, messages
from uacfast.calls import ANSWER_SECONDS, Calls
from uacfast.channel import LocalChannel, SocketChannel
from uacfast.fault import Unreachable
from uacfast.worker import Worker, load_engine

logger = log.get("supervisor")

CHECK_SECONDS = 0.5
SILENCE_WARNED_SECONDS = 5.0
SILENCE_KILLED_SECONDS = 15.0
STABLE_SECONDS = 10.0           # a worker that lived as long is not part of a crash loop
FIRST_BACKOFF_SECONDS = 0.1     # doubled with each quick death ...
LAST_BACKOFF_SECONDS = 1.0      # ... up to this
STOP_SECONDS = 2.0

_GROUP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LocalWorker:
    """The only worker, in this process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, engine: str, on_exit: Callable[[str], None]):
        self.pid = os.getpid()
        self.watched = False
        self.channel, other_end = LocalChannel.pair(loop)
        self._worker = Worker(loop, other_end, load_engine(engine))
        self._worker.finished.add_done_callback(lambda _finished: on_exit("it ended"))

    def kill(self) -> None:
        """Nothing to kill: it ends with this process."""


class ProcessWorker:
    """A worker in a process of its own; `inherited` are the descriptors that Start names."""

    def __init__(self, loop: asyncio.AbstractEventLoop, engine: str, inherited: tuple[int, ...],
                 on_exit: Callable[[str], None]):
        self.watched = True
        self._loop = loop
        self._on_exit = on_exit
        ours, theirs = socket.socketpair()
        with theirs:
            # Until the worker ignores them itself, a signal to the whole group must not end it.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP_SIGNALS)
            try:
                self._process = subprocess.Popen(
                    # -P and our own path: the current directory must not decide what a worker imports.
                    [sys.executable, "-P", "-m", "uacfast.worker", str(theirs.fileno()), engine],
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(), *inherited))
            except OSError:
                ours.close()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        loop.add_reader(self._pidfd, self._exited)
        # A channel that closes says nothing new: the process is about to exit, or is hung and will be killed.
        self.channel = SocketChannel(loop, ours, messages.ToControl)

    def kill(self) -> None:
        """SIGKILL; the exit is reported as any other."""
        self._process.kill()

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        self.channel.close()
        self._on_exit(_describe_exit(code))


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"


class _Place:
    """One worker's place, taken by one life after another."""

    def __init__(self, index: int):
        self.index = index
        self.worker: LocalWorker | ProcessWorker | None = None
        self.calls: Calls | None = None
        self.ready = False
        self.started = 0.0
        self.last_heard = 0.0
        self.silence_warned = False
        self.quick_deaths = 0
        self.active: int | None = None
        self.answers: dict[int, asyncio.Future[Any]] = {}


class Supervisor:
    """The workers of one server.

    make_start(index) gives the Start message of the next life of a worker; `inherited(index)` the descriptors that it
    names. `on_failed(sentence)` is called when a worker cannot be started although none of its place ever was ready;
    `on_idle()` when all workers drain and none has a running transaction; `on_ready(index)` whenever a worker has
    said Ready. `find_service(name)` is the function behind a worker's call, which gets the worker's index first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, workers: int, engine: str,
                 make_start: Callable[[int], messages.Start], inherited: Callable[[int], tuple[int, ...]],
                 on_failed: Callable[[str], None], on_idle: Callable[[], None],
                 on_ready: Callable[[int], None], find_service: Callable[[str], Callable[..., Any] | None]):
        self.all_ready: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._engine = engine
        self._make_start = make_start
        self._inherited = inherited
        self._on_failed = on_failed
        self._on_idle = on_idle
        self._on_ready = on_ready
        self._find_service = find_service
        self._places = [_Place(index) for index in range(workers)]
        self._serial = 0
        self._stopping = False
        self._all_gone: asyncio.Future[None] = loop.create_future()
        self._timers: dict[Any, asyncio.TimerHandle] = {}

    @property
    def pids(self) -> list[int | None]:
        """The process of each worker; None where one is being replaced."""
        return [place.worker.pid if place.worker else None for place in self._places]

    def start(self) -> None:
        """Starts all workers; `all_ready` is done when each has said Ready. OSError: no process can be started."""
        try:
            for place in self._places:
                self._launch(place)
        except OSError as error:
            raise OSError(f"no worker process can be started: {error.strerror}") from error
        self._check(self._loop.time())

    def broadcast(self, message: messages.ToWorker) -> None:
        """To every living worker. One that is being replaced learns the state of things from its Start."""
        for place in self._places:
            if place.worker is not None:
                place.worker.channel.send(message)

    async def ask(self, make_request: Callable[[int], messages.ToWorker]) -> list[Any]:
        """Sends make_request(serial) to every worker; the answers by worker, None for one that died or kept silent."""
        self._serial += 1
        serial = self._serial
        waiting: dict[int, asyncio.Future[Any]] = {}
        for place in self._places:
            if place.worker is not None:
                waiting[place.index] = place.answers[serial] = self._loop.create_future()
                place.worker.channel.send(make_request(serial))
        if waiting:
            await asyncio.wait(waiting.values(), timeout=ANSWER_SECONDS)
        for place in self._places:
            place.answers.pop(serial, None)
        return [waiting[place.index].result() if place.index in waiting and waiting[place.index].done() else None
                for place in self._places]

    async def call(self, index: int, name: str, *arguments: Any, timeout: float = ANSWER_SECONDS) -> Any:
        """The result of the command `name` of one worker. Fault: what it raised; Unreachable: it is being replaced,
        died, or did not answer within `timeout` seconds."""
        place = self._places[index]
        if place.worker is None:
            raise Unreachable(f"worker {index} is being replaced")
        return await place.calls.call(name, *arguments, timeout=timeout)

    async def call_all(self, name: str, *arguments: Any, timeout: float = ANSWER_SECONDS) -> list[Any]:
        """The results of the command `name` by worker, None for one that died or kept silent. Fault: the first that a
        worker's command raised."""
        results = await asyncio.gather(*(self.call(place.index, name, *arguments, timeout=timeout)
                                         for place in self._places), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Unreachable):
                raise result
        return [None if isinstance(result, Unreachable) else result for result in results]

    async def stop(self) -> None:
        """Ends all workers: by message, and after STOP_SECONDS by SIGKILL."""
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        self.broadcast(messages.Stop())
        self._note_gone()
        try:
            await asyncio.wait_for(asyncio.shield(self._all_gone), STOP_SECONDS)
        except TimeoutError:
            for place in self._places:
                if place.worker is not None:
                    logger.warning("worker does not end and is killed",
                                   extra=log.fields(worker=place.index, pid=place.worker.pid))
                    place.worker.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._all_gone), STOP_SECONDS)

    def _launch(self, place: _Place) -> None:
        def exited(how: str) -> None:
            self._exited(place, how)
        if len(self._places) == 1:
            place.worker = LocalWorker(self._loop, self._engine, exited)
        else:
            place.worker = ProcessWorker(self._loop, self._engine, self._inherited(place.index), exited)
        place.ready = False
        place.active = None
        place.silence_warned = False
        place.started = place.last_heard = self._loop.time()
        place.calls = Calls(self._loop, place.worker.channel.send, lambda name: self._service_for(place, name),
                            f"worker {place.index}")
        place.worker.channel.on_message = lambda message: self._receive(place, message)
        place.worker.channel.send(self._make_start(place.index))

    def _service_for(self, place: _Place, name: str) -> Callable[..., Any] | None:
        service = self._find_service(name)
        return None if service is None else lambda *arguments: service(place.index, *arguments)

    def _receive(self, place: _Place, message: messages.ToControl) -> None:
        place.last_heard = self._loop.time()
        if place.calls.receive(message):
            return
        match message:
            case messages.Ready():
                self._became_ready(place)
            case messages.StartFailed(reason):
                self._start_failed(place, reason)
            case messages.Drained(active):
                place.active = active
                if all(other.active == 0 for other in self._places):
                    self._on_idle()
            case messages.ReloadResult(serial) | messages.Statistics(serial):
                waiting = place.answers.get(serial)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)

    def _became_ready(self, place: _Place) -> None:
        place.ready = True
        if self.all_ready.done():
            logger.info("worker is ready again", extra=log.fields(worker=place.index, pid=place.worker.pid))
        elif all(other.ready for other in self._places):
            self.all_ready.set_result(None)
        self._on_ready(place.index)

    def _start_failed(self, place: _Place, reason: str) -> None:
        if not self.all_ready.done():
            self._on_failed(reason)
        elif place.quick_deaths == 0:
            logger.error("worker cannot start: %s", reason, extra=log.fields(worker=place.index))

    def _exited(self, place: _Place, how: str) -> None:
        pid, place.worker = place.worker.pid, None
        place.calls.peer_gone()
        for waiting in place.answers.values():
            if not waiting.done():
                waiting.set_result(None)
        if self._stopping:
            self._note_gone()
            return
        if not self.all_ready.done():
            self._on_failed(f"worker {place.index} ended with {how} before it was ready")
            return
        self._replace_later(place, pid, how)

    def _replace_later(self, place: _Place, pid: int, how: str) -> None:
        lived = self._loop.time() - place.started
        place.quick_deaths = 0 if lived >= STABLE_SECONDS else place.quick_deaths + 1
        about = log.fields(worker=place.index, pid=pid, lived=f"{lived:.1f}s")
        # One early death is an accident and replaced at once; from the second on it is a loop.
        delay = 0.0
        if place.quick_deaths >= 2:
            delay = min(FIRST_BACKOFF_SECONDS * 2 ** (place.quick_deaths - 2), LAST_BACKOFF_SECONDS)
        if place.quick_deaths < 2:
            logger.error("worker ended with %s and is replaced; the others go on", how, extra=about)
        elif place.quick_deaths == 2:
            logger.error("worker ended with %s again; it is started every %.0f s until it lives longer, and this is "
                         "the last line about it", how, LAST_BACKOFF_SECONDS, extra=about)
        self._timers[place.index] = self._loop.call_later(delay, self._replace, place)

    def _replace(self, place: _Place) -> None:
        try:
            self._launch(place)
        except OSError as error:
            logger.error("worker cannot be started: %s; trying again", error.strerror,
                         extra=log.fields(worker=place.index))
            self._timers[place.index] = self._loop.call_later(LAST_BACKOFF_SECONDS, self._replace, place)

    def _check(self, due: float) -> None:
        now = self._loop.time()
        # Where this process itself was held up (suspended machine, debugger), unread heartbeats may wait for it.
        late = now - due > 1.0
        for place in self._places:
            if place.worker is None or not place.worker.watched:
                continue
            if late:
                place.last_heard = now
            self._check_silence(place, now - place.last_heard)
        self._timers["check"] = self._loop.call_at(now + CHECK_SECONDS, self._check, now + CHECK_SECONDS)

    def _check_silence(self, place: _Place, silence: float) -> None:
        about = log.fields(worker=place.index, pid=place.worker.pid)
        if silence > SILENCE_KILLED_SECONDS:
            logger.error("worker has been silent for %.0f s and is killed", silence, extra=about)
            place.worker.kill()
        elif silence > SILENCE_WARNED_SECONDS and not place.silence_warned:
            place.silence_warned = True
            logger.warning("worker has been silent for %.0f s; it is killed after %.0f s", silence,
                           SILENCE_KILLED_SECONDS, extra=about)
        elif silence < SILENCE_WARNED_SECONDS and place.silence_warned:
            place.silence_warned = False
            logger.info("worker is heard again", extra=about)

    def _note_gone(self) -> None:
        if not self._all_gone.done() and all(place.worker is None for place in self._places):
            self._all_gone.set_result(None)
