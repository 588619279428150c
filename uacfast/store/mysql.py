"""MySQL and MariaDB, by aiomysql."""
import asyncio
import os
import ssl
import warnings
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiomysql

from .connection import Connection, Row
from .dialect import MysqlDialect
from .errors import StoreError, system_reason
from .url import DatabaseUrl

# Where Debian's servers listen; "localhost" means this socket to every client of MySQL.
DEFAULT_SOCKET = "/run/mysqld/mysqld.sock"
# aiomysql decodes and writes rows in Python: the loop gets its turn after this many (less than 1 ms).
SLICE = 50
_STRICT = "SET SESSION sql_mode = 'STRICT_ALL_TABLES', net_write_timeout = 600"
_ACCESS_DENIED = (1044, 1045, 1698)
_UNKNOWN_DATABASE = 1049
_NO_SUCH_TABLE = 1146
# The connection is of no more use: the server ends, the connection was killed, lost or silent for too long, or the
# two sides no longer agree what comes next.
_LOST = frozenset((0, 1053, 1077, 1152, 1153, 1159, 1161, 1927, 2006, 2013, 2014, 2027, 2055, 4031))

# "Table exists already" and the like: what matters comes as an error.
warnings.filterwarnings("ignore", category=aiomysql.Warning)


def _code(error: BaseException) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _message(error: BaseException) -> str:
    return str(error.args[1]) if len(error.args) > 1 else str(error)


def _password(url: DatabaseUrl) -> str:
    # The octets of UTF-8 are what MySQL's own clients send; aiomysql sends those of Latin-1.
    return url.password.encode().decode("latin-1")


def _address(url: DatabaseUrl) -> dict[str, Any]:
    """Where aiomysql finds the server."""
    path = url.option("unix_socket")
    if not path and url.host == "localhost" and not url.port and os.path.exists(DEFAULT_SOCKET):
        path = DEFAULT_SOCKET
    return {"unix_socket": path} if path else {"host": url.host, "port": url.port or url.default_port}


class MysqlConnection(Connection):
    dialect = MysqlDialect()

    def __init__(self, url: DatabaseUrl, connection: aiomysql.Connection) -> None:
        self._url = url
        self._connection = connection

    @classmethod
    async def open(cls, url: DatabaseUrl) -> "MysqlConnection":
        """StoreError: the server cannot be reached, or does not let us in."""
        options = _address(url)
        if ca := url.option("ssl_ca"):
            try:
                options["ssl"] = ssl.create_default_context(cafile=ca)
            except OSError as error:
                raise StoreError(f"{url}: the certificates in ssl_ca cannot be read: {system_reason(error)}") from None
        try:
            connection = await aiomysql.connect(user=url.user, password=_password(url), db=url.database,
                                                charset="utf8mb4", autocommit=True, init_command=_STRICT, **options)
        except RuntimeError as error:          # the package cryptography is not there
            raise StoreError(f"{url} cannot be opened: {url.without_secrets(str(error))}") from None
        except (aiomysql.Error, OSError, asyncio.IncompleteReadError) as error:
            raise cls._not_opened(url, error) from None
        return cls(url, connection)

    @staticmethod
    def _not_opened(url: DatabaseUrl, error: Exception) -> StoreError:
        reason = url.without_secrets(_message(error))
        if _code(error) in _ACCESS_DENIED:
            return StoreError(f"{url} does not let us in: {reason}; check user, password and grants")
        if _code(error) == _UNKNOWN_DATABASE:
            return StoreError(f"{url} cannot be opened: {reason}; create the database first")
        if isinstance(error.__cause__, OSError):
            reason = system_reason(error.__cause__)
        return StoreError(f"{url} cannot be reached: {reason}", away=True)

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return (await self._query(sql, parameters))[1]

    async def fetch_named(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        names, rows = await self._query(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        await self._query(sql, parameters)

    async def _query(self, sql: str, parameters: Sequence[Any]) -> tuple[list[str], list[Row]]:
        try:
            async with self._connection.cursor() as cursor:
                await cursor.execute(sql, tuple(parameters) or None)
                names = [column[0] for column in cursor.description or ()]
                return names, list(await cursor.fetchall()) if names else []
        except Exception as error:
            raise self._failure(error) from None

    async def upsert(self, table: str, columns: Sequence[str], key: str, rows: Sequence[Row]) -> None:
        await self.execute("START TRANSACTION")
        try:
            for begin in range(0, len(rows), SLICE):
                batch = rows[begin:begin + SLICE]
                await self.execute(self.dialect.upsert(table, columns, key, len(batch)),
                                   [value for row in batch for value in row])
                await asyncio.sleep(0)
        except StoreError:
            if not self.broken:
                await self.execute("ROLLBACK")
            raise
        await self.execute("COMMIT")

    async def columns(self, table: str) -> list[str]:
        schema, _, name = table.rpartition(".")
        rows = await self.fetch("SELECT column_name FROM information_schema.columns WHERE table_schema = "
                                "COALESCE(NULLIF(%s, ''), DATABASE()) AND table_name = %s ORDER BY ordinal_position",
                                (schema, name))
        return [column.lower() for column, in rows]

    async def stream(self, table: str, expressions: Sequence[str], chunk: int) -> AsyncIterator[list[Row]]:
        try:
            # The cursor is not closed: that would read all rows that are left. Who gives up drops the connection.
            cursor = await self._connection.cursor(aiomysql.SSCursor)
            await cursor.execute(self.dialect.select(table, expressions))
            rows: list[Row] = []
            while part := await cursor.fetchmany(min(SLICE, chunk - len(rows))):
                rows += part
                if len(rows) >= chunk:
                    yield rows
                    rows = []
                else:
                    await asyncio.sleep(0)
        except Exception as error:
            raise self._failure(error) from None
        if rows:
            yield rows

    async def describe(self) -> str:
        version = (await self.fetch("SELECT VERSION()"))[0][0]
        return version if "MariaDB" in version else f"MySQL {version}"

    async def close(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._connection.ensure_closed()
        except (aiomysql.Error, OSError, TimeoutError, RuntimeError):
            self.abort()

    def abort(self) -> None:
        self.broken = True
        self._connection.close()

    def _failure(self, error: Exception) -> StoreError:
        reason = self._url.without_secrets(_message(error))
        known = isinstance(error, aiomysql.Error)
        if not known or _code(error) in _LOST or isinstance(error, aiomysql.InterfaceError) or self._connection.closed:
            self.broken = True
            # What is no error of the database's is one of the stream's, half read as it then is.
            return StoreError(f"{self._url} broke the connection: {reason or type(error).__name__}", away=True)
        if _code(error) == _NO_SUCH_TABLE:
            return StoreError(f"{self._url}: {reason}; `uacfast db init` with this URL makes the tables")
        return StoreError(f"{self._url} cannot do this: {reason}")
