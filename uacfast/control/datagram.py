"""A datagram socket of the control part (unix or UDP): one request in, one reply out, to the sender's address."""
import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from uacfast import log

DATAGRAM_OCTETS_MAX = 65_535
RUNNING_MAX = 64                # requests under way; more wait in the socket's queue
SEND_SECONDS = 1.0              # how long a full queue of a client is waited for
_RETRY_SECONDS = 0.02

logger = log.get("control")


class DatagramServer:
    """Answers datagrams by `answer(octets)`, a coroutine that returns the reply, None for none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, opened: socket.socket, octets_max: int,
                 answer: Callable[[bytes], Awaitable[bytes | None]]):
        self._loop = loop
        self._socket = opened
        self._octets_max = min(octets_max, DATAGRAM_OCTETS_MAX)
        self._answer = answer
        self._running: set[asyncio.Task[None]] = set()
        self._watching = False
        self._watch()

    def close(self) -> None:
        """Requests under way are given up."""
        if self._watching:
            self._loop.remove_reader(self._socket)
        self._watching = False
        for task in self._running:
            task.cancel()
        self._socket.close()

    def _watch(self) -> None:
        self._loop.add_reader(self._socket, self._readable)
        self._watching = True

    def _readable(self) -> None:
        while len(self._running) < RUNNING_MAX:
            try:
                data, _, flags, source = self._socket.recvmsg(self._octets_max)
            except BlockingIOError:
                return
            except OSError as error:
                # UDP tells here that an earlier reply was refused.
                logger.debug("datagram socket: %s", error)
                return
            if flags & socket.MSG_TRUNC:
                logger.warning("request of more than %d octets is dropped (control.request_size)", self._octets_max)
                continue
            if not source:
                continue        # a unix client without an address cannot be answered
            task = self._loop.create_task(self._serve(data, source))
            self._running.add(task)
            task.add_done_callback(self._done)
        self._loop.remove_reader(self._socket)
        self._watching = False

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.result()
        if not self._watching and self._socket.fileno() >= 0:
            self._watch()

    async def _serve(self, data: bytes, source: Any) -> None:
        reply = await self._answer(data)
        if reply is None:
            return
        deadline = self._loop.time() + SEND_SECONDS
        while self._socket.fileno() >= 0:
            try:
                self._socket.sendto(reply, source)
                return
            except BlockingIOError:
                if self._loop.time() > deadline:
                    logger.warning("a client does not read its reply, it is dropped", extra=log.fields(client=source))
                    return
                await asyncio.sleep(_RETRY_SECONDS)
            except OSError as error:
                logger.warning("a reply cannot be sent: %s", error.strerror or error, extra=log.fields(client=source))
                return
