"""SQLite: each connection has a thread of its own, in which everything that may wait for a disk happens.

Many rows travel as one JSON text, in and out. The sqlite3 module gives the interpreter lock away at every row, and a
thread that asks for it back waits up to 5 ms while the loop is busy: row by row, 20,000 rows took 6 s beside a busy
loop, as JSON 0.1 s.
"""
import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from .connection import Connection, Row
from .dialect import SqliteDialect
from .errors import StoreError
from .url import DatabaseUrl

Result = TypeVar("Result")

BUSY_TIMEOUT = 5.0             # seconds to wait for another process that writes
FILE_MODE = 0o640              # the file holds passwords
_BEFORE_FIRST_ROW = -2**63
_rows = msgspec.json.Decoder(list[tuple])


def _tolerant(octets: bytes) -> str:
    """One value that is no UTF-8 must not stop the load of all others."""
    return octets.decode("utf-8", "replace")


def make_file(url: DatabaseUrl) -> bool:
    """Makes an empty database file, readable for its owner and group; False: there is one. StoreError: impossible."""
    try:
        os.close(os.open(url.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"{url} cannot be created: {error.strerror}") from None
    return True


class SqliteConnection(Connection):
    dialect = SqliteDialect()

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._path = os.path.abspath(url.path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="uacfast-sqlite")
        self._database: sqlite3.Connection | None = None
        self._file = (0, 0)

    @classmethod
    async def open(cls, url: DatabaseUrl) -> "SqliteConnection":
        """Opens an existing file. StoreError: there is none, or it is no database."""
        connection = cls(url)
        try:
            await connection._in_thread(connection._open)
        except BaseException:
            connection.abort()
            raise
        return connection

    def _open(self) -> None:
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise StoreError(f"{self._url} cannot be opened: {error.strerror}; `uacfast db init {self._url}` makes it",
                             away=True) from None
        self._file = (status.st_dev, status.st_ino)
        # mode=rw: a file that vanishes in this moment is not made anew, with everybody's permissions.
        self._database = sqlite3.connect(f"file:{quote(self._path)}?mode=rw", uri=True, timeout=BUSY_TIMEOUT,
                                         isolation_level=None, check_same_thread=False)
        self._database.text_factory = _tolerant
        self._database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()     # is it a database at all?
        try:
            self._database.execute("SELECT json_array(1)").fetchone()
        except sqlite3.OperationalError:
            raise StoreError(f"{self._url} cannot be used: SQLite {sqlite3.sqlite_version} has no JSON functions; "
                             "3.38 or later has them") from None
        # Readers and the writer do not wait for each other. A file that we may only read keeps the mode it has.
        with contextlib.suppress(sqlite3.OperationalError):
            self._database.execute("PRAGMA journal_mode = WAL").fetchone()
        self._database.execute("PRAGMA synchronous = NORMAL")

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return await self._in_thread(lambda: self._database.execute(sql, tuple(parameters)).fetchall())

    async def fetch_named(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        def work() -> list[dict[str, Any]]:
            cursor = self._database.execute(sql, tuple(parameters))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return await self._in_thread(work)

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        await self._in_thread(lambda: self._database.execute(sql, tuple(parameters)).fetchall())

    async def upsert(self, table: str, columns: Sequence[str], key: str, rows: Sequence[Row]) -> None:
        values = ", ".join(f"json_extract(value, '$[{index}]')" for index in range(len(columns)))
        # WHERE: without it the grammar would take ON CONFLICT for the ON of a join.
        sql = (f"INSERT INTO {self.dialect.name(table)} ({self.dialect.names(columns)}) SELECT {values} "
               f"FROM json_each(?) WHERE 1 {self.dialect.on_conflict(columns, key)}")
        await self._in_thread(lambda: self._database.execute(sql, (msgspec.json.encode(rows).decode(),)).fetchall())

    async def columns(self, table: str) -> list[str]:
        return [name.lower() for name, in await self.fetch("SELECT name FROM pragma_table_info(?)", (table,))]

    async def stream(self, table: str, expressions: Sequence[str], chunk: int) -> AsyncIterator[list[Row]]:
        if not await self._has_row_numbers(table):
            async for rows in self._stream_plainly(self.dialect.select(table, expressions), chunk):
                yield rows
            return
        # Each chunk is a query of its own: a consumer that takes its time holds up nobody.
        sql = (f"SELECT MAX(row_number), json_group_array(json_array({', '.join(expressions)})) FROM (SELECT rowid AS "
               f"row_number, * FROM {self.dialect.name(table)} WHERE rowid > ? ORDER BY rowid LIMIT ?)")
        last = _BEFORE_FIRST_ROW

        def read() -> tuple[int | None, list[Row]]:
            number, text = self._database.execute(sql, (last, chunk)).fetchone()
            return number, _rows.decode(text)

        while True:
            number, rows = await self._in_thread(read)
            if number is None:
                return
            last = number
            yield rows

    async def _has_row_numbers(self, table: str) -> bool:
        found = await self.fetch("SELECT type, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,))
        return bool(found) and found[0][0] == "table" and "WITHOUT ROWID" not in " ".join(found[0][1].upper().split())

    async def _stream_plainly(self, sql: str, chunk: int) -> AsyncIterator[list[Row]]:
        cursor = await self._in_thread(lambda: self._database.execute(sql))
        while rows := await self._in_thread(lambda: cursor.fetchmany(chunk)):
            yield rows

    async def describe(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def is_current(self) -> bool:
        """False when another file has taken the place of the one that is open."""
        try:
            status = os.stat(self._path)
        except OSError:
            return False
        return self._file == (status.st_dev, status.st_ino)

    async def close(self) -> None:
        # Not by abort(): an interrupted connection leaves its write-ahead log behind.
        with contextlib.suppress(StoreError):
            await self._in_thread(self._close)
        self.broken = True
        self._thread.shutdown(wait=False)

    def abort(self) -> None:
        self.broken = True
        database = self._database
        if database is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):      # closed already
                database.interrupt()
        with contextlib.suppress(RuntimeError):                      # shut down already
            self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self.broken:
            raise StoreError(f"{self._url} is closed", away=True)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise self._failure(error) from None

    def _failure(self, error: sqlite3.Error) -> StoreError:
        message = str(error)
        if message.startswith("no such table"):
            return StoreError(f"{self._url} has {message.replace(':', '', 1)}; `uacfast db init {self._url}` makes the "
                              "tables")
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreError(f"{self._url} is locked by another process for more than {BUSY_TIMEOUT:.0f} s", away=True)
        if name.startswith(("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_CANTOPEN", "SQLITE_INTERRUPT")):
            self.broken = True
        passes = name.startswith(("SQLITE_IOERR", "SQLITE_FULL"))
        return StoreError(f"{self._url} cannot do this: {message}", away=passes)
