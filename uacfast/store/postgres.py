"""PostgreSQL, by asyncpg (pip install 'uacfast[postgres]')."""
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from .connection import Connection, Row
from .dialect import PostgresDialect
from .errors import StoreError, system_reason
from .url import DatabaseUrl

# The server ends, starts, or has ended this connection (SQLSTATE class 57P), or it is not there (class 08).
_LOST = ("08", "57P")


def _message(error: BaseException) -> str:
    # str() of a PostgresError goes on with DETAIL, which shows values of the row.
    return str(error.args[0]) if error.args else type(error).__name__


class PostgresConnection(Connection):
    dialect = PostgresDialect()

    def __init__(self, url: DatabaseUrl, connection: asyncpg.Connection) -> None:
        self._url = url
        self._connection = connection

    @classmethod
    async def open(cls, url: DatabaseUrl) -> "PostgresConnection":
        """StoreError: the server cannot be reached, or does not let us in."""
        options: dict[str, Any] = {"ssl": url.option("sslmode")} if url.option("sslmode") else {}
        try:
            connection = await asyncpg.connect(
                host=url.option("host") or url.host, port=url.port or url.default_port, user=url.user or None,
                password=url.password or None, database=url.database, statement_cache_size=0, timeout=None, **options)
        except asyncpg.PostgresError as error:
            reason = url.without_secrets(_message(error))
            if error.sqlstate and error.sqlstate.startswith(_LOST):
                raise StoreError(f"{url} cannot be reached: {reason}", away=True) from None
            raise StoreError(f"{url} does not let us in: {reason}; check user, password and database") from None
        except (OSError, ValueError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            reason = system_reason(error) if isinstance(error, OSError) else url.without_secrets(_message(error))
            raise StoreError(f"{url} cannot be reached: {reason}", away=True) from None
        return cls(url, connection)

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return [tuple(record) for record in await self._records(sql, parameters)]

    async def fetch_named(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        return [dict(record) for record in await self._records(sql, parameters)]

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        await self._records(sql, parameters)

    async def _records(self, sql: str, parameters: Sequence[Any]) -> list[asyncpg.Record]:
        try:
            return await self._connection.fetch(sql, *parameters)
        except Exception as error:
            raise self._failure(error) from None

    async def upsert(self, table: str, columns: Sequence[str], key: str, rows: Sequence[Row]) -> None:
        try:
            await self._connection.executemany(self.dialect.upsert(table, columns, key), rows)
        except Exception as error:
            raise self._failure(error) from None

    async def columns(self, table: str) -> list[str]:
        rows = await self.fetch("SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) "
                                "AND attnum > 0 AND NOT attisdropped ORDER BY attnum", (self.dialect.name(table),))
        return [column.lower() for column, in rows]

    async def stream(self, table: str, expressions: Sequence[str], chunk: int) -> AsyncIterator[list[Row]]:
        try:
            # A transaction by hand: who gives up drops the connection, and there is nothing to be rolled back then.
            await self._connection.execute("BEGIN READ ONLY")
            cursor = await self._connection.cursor(self.dialect.select(table, expressions))
            while records := await cursor.fetch(chunk):
                yield [tuple(record) for record in records]
            await self._connection.execute("COMMIT")
        except Exception as error:
            raise self._failure(error) from None

    async def describe(self) -> str:
        return f"PostgreSQL {(await self.fetch('SHOW server_version'))[0][0]}"

    async def close(self) -> None:
        try:
            await self._connection.close(timeout=1.0)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self.abort()

    def abort(self) -> None:
        self.broken = True
        self._connection.terminate()

    def _failure(self, error: Exception) -> StoreError:
        reason = self._url.without_secrets(_message(error))
        state = getattr(error, "sqlstate", None) or ""
        if not isinstance(error, asyncpg.PostgresError | asyncpg.DataError) or state.startswith(_LOST) \
                or self._connection.is_closed():
            self.broken = True
            return StoreError(f"{self._url} broke the connection: {reason}", away=True)
        if isinstance(error, asyncpg.UndefinedTableError):
            return StoreError(f"{self._url}: {reason}; `uacfast db init` with this URL makes the tables")
        return StoreError(f"{self._url} cannot do this: {reason}")
