"""A database that dies, hangs and comes back while it is in use."""
import asyncio
import sqlite3
import time

import pytest
import uvloop

from kit.databases import MariaDbDatabase, PostgreSqlDatabase, SqliteFile, account
from kit.mariadb import PASSWORD, MariaDb
from kit.ports import free_port
from uacfast.store import StoreError, open_store, pool

PATIENCE = 30.0


@pytest.fixture(params=["mariadb", "postgresql"])
def database(request):
    server = request.getfixturevalue(request.param)
    yield (MariaDbDatabase if request.param == "mariadb" else PostgreSqlDatabase)(server)
    # Whatever became of the test, the next one finds the server running.
    if server.is_alive():
        server.resume()
    else:
        server.start()


@pytest.fixture
def filled(database):
    async def work():
        store = await open_store(database.url)
        await store.create_tables()
        await store.close()
    uvloop.run(work())
    database.fill(50_000)
    return database


async def restart(server):
    """Kills the server without warning and starts it again; what runs beside it has the time to notice.

    Not from another thread: what a thread has started dies with it (PR_SET_PDEATHSIG).
    """
    server.kill()
    await asyncio.sleep(0.2)
    server.start()


async def eventually(call):
    """The result of `await call()`, once the database answers again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await call()
        except StoreError as error:
            assert error.away, error
            assert time.monotonic() < deadline, error
            await asyncio.sleep(0.05)


def test_a_restart_between_calls_is_not_noticed(filled):
    async def work():
        store = await open_store(filled.url)
        assert await store.count() == 50_000
        await restart(filled.server)
        assert await store.registration("uacreg", "uuid-7") == account(7)
        await store.close()
    uvloop.run(work())


def test_killed_while_rows_are_read(filled):
    async def work():
        store = await open_store(filled.url)
        count = 0
        with pytest.raises(StoreError) as caught:
            async for rows in store.registrations():
                if not count:
                    filled.server.kill()
                count += len(rows)
        assert caught.value.away
        assert 0 < count < 50_000
        with pytest.raises(StoreError) as caught:
            await store.count()
        assert caught.value.away
        filled.server.start()
        chunks = await eventually(lambda: collect(store))
        assert sorted(row for rows in chunks for row in rows) == sorted(account(n) for n in range(1, 50_001))
        await store.close()

    async def collect(store):
        return [rows async for rows in store.registrations()]

    uvloop.run(work())


def test_calls_go_on_through_outages_and_nothing_is_lost(filled):
    """Writes of states from several tasks, through two kills: what was said to be written is there."""
    async def work():
        store = await open_store(filled.url)
        written, failed = set(), 0
        stop = asyncio.Event()

        async def write(task):
            nonlocal failed
            number = 0
            while not stop.is_set():
                name = f"{task}-{number}"
                try:
                    await store.save_states([(name, "", "", "", number, *[0] * 6, "", 0, "", "", 0)])
                    written.add(name)
                except StoreError as error:
                    assert error.away
                    failed += 1
                number += 1
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(write(task)) for task in range(4)]
        for _ in range(2):
            before = len(written)
            while len(written) < before + 20:
                await asyncio.sleep(0.01)
            await restart(filled.server)
        before = len(written)
        deadline = time.monotonic() + PATIENCE
        while len(written) < before + 20:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*tasks)
        kept = {row[0] for rows in [rows async for rows in store.states()] for row in rows}
        await store.close()
        return written, kept, failed

    written, kept, failed = uvloop.run(work())
    assert failed
    assert written <= kept


def test_away_at_the_start(tmp_path):
    server = MariaDb(tmp_path)

    async def work():
        store = await open_store(server.url("d", tcp=True))
        with pytest.raises(StoreError, match="cannot be reached: Connection refused") as caught:
            await store.count()
        assert caught.value.away
        waiting = asyncio.create_task(store.wait())
        await asyncio.sleep(0.5)
        assert not waiting.done()
        server.install()
        server.sql("CREATE DATABASE d")
        await asyncio.wait_for(waiting, PATIENCE)
        assert "MariaDB" in await store.describe()
        await store.close()

    try:
        uvloop.run(work())
    finally:
        server.stop()


def test_a_server_that_hangs_is_given_up(filled, monkeypatch):
    monkeypatch.setattr(pool, "STATEMENT_TIMEOUT", 0.3)
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT", 0.3)

    async def work():
        store = await open_store(filled.url)
        await store.registration("uacreg", "uuid-1")
        filled.server.pause()
        for phrase in ("did not answer within", "no answer within|next attempt"):
            with pytest.raises(StoreError, match=phrase) as caught:
                await store.registration("uacreg", "uuid-1")
            assert caught.value.away
        filled.server.resume()
        assert await eventually(lambda: store.registration("uacreg", "uuid-1")) == account(1)
        await store.close()
    uvloop.run(work())


@pytest.mark.parametrize("url,phrase", [
    ("mysql://u:{secret}@127.0.0.1:{port}/d", "cannot be reached: Connection refused"),
    ("postgres://u:{secret}@127.0.0.1:{port}/d", "cannot be reached: Connection refused"),
    ("mysql://u:{secret}@/d?unix_socket=/nowhere/socket", "cannot be reached: No such file or directory"),
    ("mysql://u:{secret}@name.invalid/d", "cannot be reached: "),
    ("postgres://u:{secret}@name.invalid/d", "cannot be reached: "),
])
def test_unreachable(url, phrase, caplog):
    async def work():
        store = await open_store(url.format(secret="hunter2", port=free_port()))
        with pytest.raises(StoreError, match=phrase) as caught:
            await store.count()
        assert caught.value.away
        return str(caught.value) + repr(store) + caplog.text
    assert "hunter2" not in uvloop.run(work())


def test_mariadb_refusals(mariadb, caplog):
    async def refusal(url):
        store = await open_store(url)
        with pytest.raises(StoreError) as caught:
            await store.count()
        assert not caught.value.away
        return str(caught.value)

    name = mariadb.create_database()
    wrong = uvloop.run(refusal(mariadb.url(name).replace("uacfast:", "uacfast:hunter2")))
    assert "does not let us in: Access denied" in wrong and "check user, password and grants" in wrong
    assert "hunter2" not in wrong + caplog.text
    assert "Unknown database 'nowhere'" in uvloop.run(refusal(mariadb.url("nowhere")))


def test_mariadb_over_tcp_with_every_special_character(mariadb, caplog):
    async def work():
        store = await open_store(mariadb.url(mariadb.create_database(), tcp=True))
        await store.create_tables()
        assert await store.count() == 0
        await store.close()
        return repr(store)
    assert PASSWORD not in uvloop.run(work()) + caplog.text


def test_postgresql_refusals(postgresql):
    async def work():
        store = await open_store(postgresql.url("nowhere"))
        with pytest.raises(StoreError, match='database "nowhere" does not exist') as caught:
            await store.count()
        assert not caught.value.away
    uvloop.run(work())


# === SQLite ===

@pytest.fixture
def file(tmp_path):
    database = SqliteFile(tmp_path / "uacfast.db")

    async def work():
        store = await open_store(database.url)
        await store.create_tables()
        await store.close()
    uvloop.run(work())
    database.fill(5)
    return database


def test_sqlite_file_is_for_owner_and_group_only_and_has_a_write_ahead_log(file):
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert file.sql("PRAGMA journal_mode") == [["wal"]]
    assert [path.name for path in file.path.parent.iterdir() if path.name.startswith("uacfast.db")] == ["uacfast.db"]


def test_sqlite_file_that_is_not_there(tmp_path):
    async def work():
        store = await open_store(f"sqlite:///{tmp_path}/none.db")
        with pytest.raises(StoreError, match="No such file.*db init"):
            await store.count()
        assert list(tmp_path.iterdir()) == []
        await store.close()
        store = await open_store(f"sqlite:///{tmp_path}/none/none.db")
        with pytest.raises(StoreError, match="cannot be created: No such file or directory"):
            await store.ensure_ready()
        await store.close()
    uvloop.run(work())


def test_sqlite_file_that_is_no_database(tmp_path):
    (tmp_path / "x.db").write_text("not a database " * 100)

    async def work():
        store = await open_store(f"sqlite:///{tmp_path}/x.db")
        with pytest.raises(StoreError, match="file is not a database"):
            await store.ensure_ready()
    uvloop.run(work())


def test_sqlite_file_that_another_process_locks(file, monkeypatch):
    monkeypatch.setattr("uacfast.store.sqlite.BUSY_TIMEOUT", 0.05)
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def work():
        store = await open_store(file.url)
        row = ("a", "", "", "", 0, *[0] * 6, "", 0, "", "", 0)
        with pytest.raises(StoreError, match="locked by another process") as caught:
            await store.save_states([row])
        assert caught.value.away
        assert await store.count() == 5              # readers do not wait
        other.execute("COMMIT")
        await store.save_states([row])
        await store.close()
    uvloop.run(work())
    other.close()


def test_sqlite_file_that_is_replaced(file, tmp_path):
    async def work():
        store = await open_store(file.url)
        assert await store.count() == 5
        (tmp_path / "new").mkdir()
        newer = SqliteFile(tmp_path / "new" / "x.db")
        made = await open_store(newer.url)
        await made.create_tables()
        await made.close()
        newer.path.rename(file.path)
        assert await store.count() == 0
        await store.close()
    uvloop.run(work())


def test_sqlite_rows_that_are_wrong_come_with_the_others(file):
    """They are for the load to refuse, each with its reason."""
    file.sql("UPDATE uacreg SET expires = 'soon' WHERE l_uuid = 'uuid-1';\n"
             "UPDATE uacreg SET realm = CAST(x'ff41' AS TEXT) WHERE l_uuid = 'uuid-2';\n"
             "UPDATE uacreg SET auth_proxy = x'7369703a80', expires = 1.5 WHERE l_uuid = 'uuid-3';\n"
             "UPDATE uacreg SET expires = 9e999, flags = x'00ff' WHERE l_uuid = 'uuid-4'")

    async def work():
        store = await open_store(file.url)
        rows = [row async for rows in store.registrations() for row in rows]
        single = [await store.registration("uacreg", row[0]) for row in rows]
        await store.close()
        return rows, single
    rows, single = uvloop.run(work())
    assert rows[0][10] == "soon"
    assert rows[1][5] == "\ufffdA"
    assert rows[2][9:11] == ("sip:\ufffd", "1.5")
    assert rows[3][10:12] == ("Inf", "\0\ufffd")
    assert rows[4] == account(5)
    assert single == rows


def test_sqlite_view_and_table_without_row_numbers(file):
    file.sql("CREATE TABLE plain (l_uuid VARCHAR PRIMARY KEY, n INTEGER) WITHOUT ROWID;\n"
             "CREATE VIEW trunks AS SELECT * FROM uacreg WHERE l_uuid <> 'uuid-3';\n"
             "INSERT INTO version (table_name, table_version) VALUES ('trunks', 5)")

    async def work():
        store = await open_store(file.url)
        rows = [row async for rows in store.registrations("trunks", chunk=3) for row in rows]
        await store.close()
        return rows
    assert uvloop.run(work()) == [account(number) for number in (1, 2, 4, 5)]


def test_sqlite_stream_that_is_left(file):
    async def work():
        store = await open_store(file.url)
        async for _ in store.registrations(chunk=1):
            break
        task = asyncio.create_task(anext(store.registrations(chunk=1)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await store.count() == 5
        await store.close()
    uvloop.run(work())
