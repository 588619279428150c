"""Connections: kept, replaced when dead, and not tried too often; with connections that do as they are told."""
import asyncio

import pytest

from uacfast.store import StoreError, pool
from uacfast.store.connection import Connection
from uacfast.store.pool import Backoff, Pool


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Scripted(Connection):
    """A connection whose life its database decides."""

    def __init__(self, database):
        self.database = database
        self.generation = database.generation
        self.ended = ""

    async def fetch(self, sql, parameters=()):
        await asyncio.sleep(0)
        if self.generation != self.database.generation:
            self.broken = True
            raise StoreError("broke the connection", away=True)
        if sql == "wrong":
            raise StoreError("cannot do this")
        if sql == "never":
            await asyncio.sleep(3600)
        return [(self.database.connections.index(self),)]

    async def stream(self, table, expressions, chunk):
        for number in range(3):
            yield await self.fetch(str(number))

    async def close(self):
        self.ended = "closed"

    def abort(self):
        self.broken = True
        self.ended = "aborted"


class Database:
    def __init__(self):
        self.up = True
        self.generation = 0
        self.connections = []
        self.attempts = 0

    async def connect(self):
        self.attempts += 1
        await asyncio.sleep(0)
        if not self.up:
            raise StoreError("db cannot be reached: Connection refused", away=True)
        self.connections.append(Scripted(self))
        return self.connections[-1]

    def restart(self):
        self.generation += 1


def query(sql="1"):
    return lambda connection: connection.fetch(sql)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def kept(database, clock):
    return Pool("db", database.connect, Backoff(clock=clock, chance=lambda: 1.0))


def test_backoff_grows_to_its_cap_and_begins_anew(clock):
    backoff = Backoff(first=0.25, longest=10.0, clock=clock, chance=lambda: 1.0)
    assert backoff.remaining() == 0
    pauses = []
    for _ in range(8):
        backoff.failed()
        pauses.append(backoff.remaining())
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
    clock.now += 9.5
    assert backoff.remaining() == 0.5
    backoff.succeeded()
    assert backoff.remaining() == 0
    backoff.failed()
    assert backoff.remaining() == 0.25


def test_chance_shortens_the_pause_by_half_at_most(clock):
    for chance, pause in ((0.0, 5.0), (0.5, 7.5), (1.0, 10.0)):
        backoff = Backoff(first=10.0, clock=clock, chance=lambda: chance)      # noqa: B023
        backoff.failed()
        assert backoff.remaining() == pause


def test_a_long_outage_does_not_overflow(clock):
    backoff = Backoff(clock=clock)
    for _ in range(5000):
        backoff.failed()
    assert 5 <= backoff.remaining() <= 10


def test_connections_are_used_again(kept, database):
    async def work():
        return [await kept.run(query()) for _ in range(5)]
    assert asyncio.run(work()) == [[(0,)]] * 5
    assert database.attempts == 1


def test_at_most_so_many_connections_at_a_time(kept, database):
    async def work():
        await asyncio.gather(*(kept.run(query()) for _ in range(50)))
    asyncio.run(work())
    assert database.attempts == pool.CONNECTIONS


def test_a_restart_in_between_is_not_noticed(kept, database):
    async def work():
        await asyncio.gather(*(kept.run(query()) for _ in range(3)))
        database.restart()
        return await kept.run(query())
    asyncio.run(work())
    assert database.attempts == 4
    assert [connection.ended for connection in database.connections] == ["aborted"] * 3 + [""]


def test_an_error_of_a_statement_leaves_the_connection(kept, database):
    async def work():
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot do this"):
                await kept.run(query("wrong"))
        await kept.run(query())
    asyncio.run(work())
    assert database.attempts == 1


def test_away_fails_at_once_between_the_attempts(kept, database, clock):
    async def work():
        database.up = False
        for _ in range(5):
            with pytest.raises(StoreError, match="Connection refused") as caught:
                await kept.run(query())
            assert caught.value.away
        assert "next attempt is in 0.2" in str(caught.value) or "next attempt is in 0.3" in str(caught.value)
        assert database.attempts == 1
        clock.now += 0.3
        with pytest.raises(StoreError, match="refused$"):
            await kept.run(query())
        assert database.attempts == 2
        database.up = True
        with pytest.raises(StoreError, match="next attempt"):
            await kept.run(query())
        clock.now += 0.6
        await kept.run(query())
    asyncio.run(work())


def test_many_callers_while_away_make_one_attempt(kept, database):
    async def work():
        database.up = False
        results = await asyncio.gather(*(kept.run(query()) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(result, StoreError) for result in results)
    asyncio.run(work())
    assert database.attempts == 1


def test_wait_returns_when_the_database_is_back(database):
    kept = Pool("db", database.connect, Backoff(first=0.01))

    async def work():
        database.up = False
        waiting = asyncio.create_task(kept.wait())
        while database.attempts < 3:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        database.up = True
        await asyncio.wait_for(waiting, 5)
    asyncio.run(work())


def test_outage_is_logged_once_and_so_is_its_end(kept, database, clock, caplog):
    async def work():
        database.up = False
        for _ in range(3):
            clock.now += 60
            with pytest.raises(StoreError):
                await kept.run(query())
        database.up = True
        clock.now += 60
        await kept.run(query())
    caplog.set_level("INFO", "uacfast.store")
    asyncio.run(work())
    assert [record.getMessage() for record in caplog.records] == [
        "db cannot be reached: Connection refused; it is tried again", "db answers again"]


@pytest.mark.parametrize("what", ["statement", "connection"])
def test_silence_is_an_error(kept, database, monkeypatch, what):
    monkeypatch.setattr(pool, "STATEMENT_TIMEOUT", 0.05)
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT", 0.05)

    async def never():
        await asyncio.sleep(3600)

    async def work():
        one = Pool("db", never, Backoff()) if what == "connection" else kept
        with pytest.raises(StoreError, match="did not answer within|no answer within") as caught:
            await one.run(query("never"))
        assert caught.value.away
    asyncio.run(work())
    assert [connection.ended for connection in database.connections] == ["aborted"] * (what == "statement")


def test_a_cancelled_call_drops_its_connection(kept, database):
    async def work():
        task = asyncio.create_task(kept.run(query("never")))
        while not database.connections:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await kept.run(query()) == [(1,)]
    asyncio.run(work())
    assert database.connections[0].ended == "aborted"


def test_a_stream_has_a_connection_of_its_own(kept, database):
    async def work():
        seen = []
        async for rows in kept.stream(lambda connection: connection.stream("t", (), 1)):
            seen += rows
            await kept.run(query())
        return seen
    assert asyncio.run(work()) == [(0,)] * 3
    assert [connection.ended for connection in database.connections] == ["closed", ""]


def test_a_stream_that_breaks_is_an_error_and_the_next_call_connects_anew(kept, database):
    async def work():
        with pytest.raises(StoreError, match="broke the connection"):
            async for _ in kept.stream(lambda connection: connection.stream("t", (), 1)):
                database.restart()
        await kept.run(query())
    asyncio.run(work())
    assert [connection.ended for connection in database.connections] == ["aborted", ""]


def test_a_stream_that_nobody_reads_on_is_dropped(kept, database):
    async def work():
        stream = kept.stream(lambda connection: connection.stream("t", (), 1))
        await anext(stream)
        await stream.aclose()
    asyncio.run(work())
    assert database.connections[0].ended == "aborted"


def test_closed(kept, database):
    async def work():
        await kept.run(query())
        await kept.close()
        for call in (kept.run(query()), kept.open(), kept.wait()):
            with pytest.raises(StoreError, match="db is closed"):
                await call
    asyncio.run(work())
    assert database.connections[0].ended == "closed"
