"""Connections that are kept, replaced when they break, and not asked for too often while the database is away."""
import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from .connection import Connection, Row
from .errors import StoreError

Result = TypeVar("Result")
logger = logging.getLogger("uacfast.store")

CONNECTIONS = 4                # kept for single statements; streams have their own
CONNECT_TIMEOUT = 5.0          # seconds
STATEMENT_TIMEOUT = 30.0       # seconds, and for one chunk of a stream


class Backoff:
    """When the next attempt may be made: capped exponential pauses, each shortened by chance."""

    def __init__(self, first: float = 0.25, longest: float = 10.0, clock: Callable[[], float] = time.monotonic,
                 chance: Callable[[], float] = random.random) -> None:
        """first, longest: seconds."""
        self._first = first
        self._longest = longest
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._next = 0.0

    @property
    def failures(self) -> int:
        """Attempts that failed since the last one that succeeded."""
        return self._failures

    def remaining(self) -> float:
        """Seconds until the next attempt may be made; 0: now."""
        return max(0.0, self._next - self._clock()) if self._failures else 0.0

    def failed(self) -> None:
        # The exponent is bounded: an outage of weeks must not overflow.
        pause = min(self._longest, self._first * 2 ** min(self._failures, 30))
        self._failures += 1
        self._next = self._clock() + pause * (0.5 + 0.5 * self._chance())

    def succeeded(self) -> None:
        self._failures = 0


class _Silence(StoreError):
    """No answer in time: to ask again would take as long again."""


class Pool:
    """Opens connections by `connect` and keeps those that are not in use."""

    def __init__(self, name: str, connect: Callable[[], Awaitable[Connection]], backoff: Backoff | None = None) -> None:
        """name: of the database, for messages; without password."""
        self._name = name
        self._connect = connect
        self._backoff = backoff or Backoff()
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._connecting = asyncio.Lock()
        self._idle: list[Connection] = []
        self._reason = StoreError("")
        self._closed = False

    async def open(self) -> Connection:
        """A new connection, which the caller closes or aborts.

        StoreError: the database cannot be reached, or the pause after the last failed attempt is not over.
        """
        async with self._connecting:           # while the database is away, one attempt at a time
            self._check_open()
            pause = self._backoff.remaining()
            if pause:
                raise StoreError(f"{self._reason}; the next attempt is in {pause:.1f} s", self._reason.away)
            try:
                connection = await self._connect_in_time()
            except StoreError as error:
                self._reason = error
                if not self._backoff.failures:
                    logger.warning("%s; it is tried again", error)
                self._backoff.failed()
                raise
            if self._backoff.failures:
                logger.info("%s answers again", self._name)
            self._backoff.succeeded()
            return connection

    async def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """What `work` returns for a connection. It may be run twice, when a connection turns out to be dead."""
        async with self._places:
            self._check_open()
            connection = self._take()
            if connection is not None:
                try:
                    return await self._work(connection, work)
                except _Silence:
                    raise
                except StoreError:
                    if not connection.broken:
                        raise
                    # It died while it was idle, and the others with it: the database was restarted.
                    self._drop_idle()
            return await self._work(await self.open(), work)

    async def stream(self, begin: Callable[[Connection], AsyncIterator[list[Row]]]) -> AsyncIterator[list[Row]]:
        """The chunks of `begin`, on a connection of its own that ends with them."""
        connection = await self.open()
        async with aclosing(begin(connection)) as chunks:
            try:
                while True:
                    async with asyncio.timeout(STATEMENT_TIMEOUT):
                        rows = await anext(chunks, None)
                    if rows is None:
                        break
                    yield rows
            except BaseException as error:
                connection.abort()
                if isinstance(error, TimeoutError):
                    raise self._silent() from None
                raise
        await connection.close()

    async def wait(self) -> None:
        """Waits until the database can be reached, with the pauses of the backoff."""
        while True:
            try:
                connection = await self.open()
            except StoreError:
                self._check_open()
                await asyncio.sleep(max(self._backoff.remaining(), 0.01))
            else:
                self._put_back(connection)
                return

    async def close(self) -> None:
        """Closes what is idle; nothing can be asked for after this."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._name} is closed")

    async def _connect_in_time(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self._connect()
        except TimeoutError:
            raise StoreError(f"{self._name} cannot be reached: no answer within {CONNECT_TIMEOUT:.0f} s",
                             away=True) from None

    async def _work(self, connection: Connection, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT):
                result = await work(connection)
        except TimeoutError:
            connection.abort()
            raise self._silent() from None
        except StoreError:
            if connection.broken:
                connection.abort()
            else:
                self._put_back(connection)
            raise
        except BaseException:
            # Cancelled in the middle of something: what the connection would answer next is anybody's guess.
            connection.abort()
            raise
        self._put_back(connection)
        return result

    def _silent(self) -> StoreError:
        return _Silence(f"{self._name} did not answer within {STATEMENT_TIMEOUT:.0f} s", away=True)

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_current():
                return connection
            connection.abort()
        return None

    def _put_back(self, connection: Connection) -> None:
        if self._closed or len(self._idle) >= CONNECTIONS:
            connection.abort()
        else:
            self._idle.append(connection)

    def _drop_idle(self) -> None:
        idle: Sequence[Connection] = self._idle
        self._idle = []
        for connection in idle:
            connection.abort()
