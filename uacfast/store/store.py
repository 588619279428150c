"""The one interface to the tables: `open_store(url)`, then the methods of Store."""
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from . import sqlite, tables
from .connection import Connection, Row
from .dialect import Dialect
from .errors import StoreError
from .pool import Pool
from .tables import ADDRESS, REGISTRATION_COLUMNS, REGSTATE, SUBSCRIBER, TEXT, VERSION, Column, Table
from .url import MYSQL, SQLITE, DatabaseUrl, parse_url

logger = logging.getLogger("uacfast.store")

CHUNK = 1000
STATE_BATCH = 500


async def open_store(url: str) -> "Store":
    """The store behind a database URL. StoreError: the URL is wrong or its driver is not installed.

    The database itself is first asked by the first call: it may be away when the program starts.
    """
    parsed = parse_url(url)
    return Store(parsed, _driver(parsed))


def _driver(url: DatabaseUrl) -> Callable[[DatabaseUrl], Awaitable[Connection]]:
    if url.kind == SQLITE:
        return sqlite.SqliteConnection.open
    try:
        if url.kind == MYSQL:
            from .mysql import MysqlConnection
            return MysqlConnection.open
        from .postgres import PostgresConnection
        return PostgresConnection.open
    except ModuleNotFoundError as error:
        extra = "uacfast" if url.kind == MYSQL else "uacfast[postgres]"
        raise StoreError(f"{url} needs the Python package {error.name}: pip install '{extra}'") from None


def _dialect(connect: Callable[..., Any]) -> Dialect:
    return connect.__self__.dialect


class Store:
    """A database with the tables of uacfast. Every method may raise StoreError (`away`: worth trying again).

    While the database is away, calls fail at once between the attempts to reach it, which come at growing pauses up to
    10 s. A connection that broke is replaced by the next call.
    """

    def __init__(self, url: DatabaseUrl, connect: Callable[[DatabaseUrl], Awaitable[Connection]]) -> None:
        self._url = url
        self._dialect = _dialect(connect)
        self._pool = Pool(self.name, lambda: connect(url))

    @property
    def name(self) -> str:
        """The URL without its password, for messages and logs."""
        return str(self._url)

    def __repr__(self) -> str:
        return f"Store({self.name})"

    async def wait(self) -> None:
        """Waits until the database can be reached, however long that takes."""
        await self._pool.wait()

    async def describe(self) -> str:
        """Name and version of the database."""
        return await self._pool.run(lambda connection: connection.describe())

    async def close(self) -> None:
        """Closes all connections. No method may be called after this."""
        await self._pool.close()

    # === Creating ===

    async def ensure_ready(self, registrations: str = "uacreg") -> list[str]:
        """Makes what a start needs: with SQLite every table, elsewhere `uacfast_regstate`. Returns what was made.

        registrations: name of the table of accounts. In a database server the other tables are the operator's affair
        (`uacfast db init`), and where we may not create ours, a warning is logged and nothing else happens.
        """
        if self._url.kind == SQLITE:
            return await self.create_tables(registrations)
        try:
            return await self._pool.run(lambda connection: self._create(connection, [VERSION, REGSTATE]))
        except StoreError as error:
            if error.away:
                raise
            logger.warning("the table %s cannot be created, so a restart registers everything anew: %s", REGSTATE.name,
                           error)
            return []

    async def create_tables(self, registrations: str = "uacreg", version: int = 5) -> list[str]:
        """Creates the tables that are missing, with their rows in `version`; existing ones stay as they are.

        registrations: name of the table of accounts; version: 5 (as Kamailio 5.6) or 6 (with contact_user). Returns one
        sentence for each thing that was made.
        """
        if version not in tables.UACREG_VERSIONS:
            raise StoreError(f"uacreg cannot be created as version {version}: expected "
                             f"{' or '.join(map(str, tables.UACREG_VERSIONS))}")
        wanted = [VERSION, tables.uacreg(registrations, version), SUBSCRIBER, ADDRESS, REGSTATE]
        made = []
        if self._url.kind == SQLITE and sqlite.make_file(self._url):
            made.append(f"{self.name} is created")
        return made + await self._pool.run(lambda connection: self._create(connection, wanted))

    async def _create(self, connection: Connection, wanted: Iterable[Table]) -> list[str]:
        made = []
        for table in wanted:
            columns = await connection.columns(table.name)
            if not columns:
                for statement in self._dialect.create(table):
                    await connection.execute(statement)
                made.append(f"table {table.name} is created (version {table.version})")
            if await self._read_version(connection, table.name) is None:
                number = _version_by(columns, table) if columns else table.version
                if number is None:
                    made.append(f"table {table.name} is older than version {table.version} and gets no row in table "
                                "version; Kamailio's scripts say which columns to add")
                    continue
                await connection.upsert(VERSION.name, VERSION.names, "table_name", [(table.name, number)])
                if columns:
                    made.append(f"table {table.name} has its row in table version now ({number})")
        return made

    # === Registrations ===

    async def version_of(self, table: str = "uacreg") -> int | None:
        """The version of a table by its row in table `version`; None: it has no row there."""
        return await self._pool.run(lambda connection: self._read_version(connection, table))

    async def _read_version(self, connection: Connection, table: str) -> int | None:
        if not await connection.columns(VERSION.name):
            return None
        sql = self._dialect.select(VERSION.name, [self._dialect.name("table_version")], ["table_name"])
        rows = await connection.fetch(sql, (table,))
        return int(rows[0][0]) if rows else None

    async def columns_of(self, table: str) -> list[str]:
        """The names of a table's columns; none when there is no such table."""
        self._dialect.name(table)
        return await self._pool.run(lambda connection: connection.columns(table))

    async def count(self, table: str = "uacreg") -> int:
        """How many rows a table has."""
        return (await self._fetch(self._dialect.select(table, ["COUNT(*)"])))[0][0]

    async def check_registrations(self, table: str = "uacreg") -> None:
        """StoreError: the table does not exist, has another version than 5 or 6, or lacks a column."""
        await self._registration_expressions(table)

    async def registrations(self, table: str = "uacreg", chunk: int = CHUNK) -> AsyncIterator[list[Row]]:
        """All accounts, `chunk` rows at a time, each a tuple in the order of `REGISTRATION_COLUMNS`.

        Texts are str and numbers int, never None: NULL is "" or 0, as is a column that an older table does not have.
        (SQLite keeps a text in a column of numbers; it is given as that text.)
        """
        expressions = await self._registration_expressions(table)
        async with aclosing(self._stream(table, expressions, chunk)) as chunks:
            async for rows in chunks:
                yield rows

    async def registration(self, table: str, l_uuid: str) -> Row | None:
        """One account, as `registrations` gives it; None: there is none.

        With MySQL's usual collations the row found may differ from `l_uuid` in case: the l_uuid in the row counts.
        """
        expressions = await self._registration_expressions(table)
        rows = await self._fetch(self._dialect.select(table, expressions, ["l_uuid"]), (l_uuid,))
        return next((row for row in rows if row[0] == l_uuid), rows[0] if rows else None)

    async def _registration_expressions(self, table: str) -> list[str]:
        self._dialect.name(table)

        async def read(connection: Connection) -> tuple[list[str], int | None]:
            return await connection.columns(table), await self._read_version(connection, table)

        columns, version = await self._pool.run(read)
        if not columns:
            raise StoreError(f"{self.name} has no table {table}; `uacfast db init` with this URL makes it")
        if version not in tables.UACREG_VERSIONS:
            has = "no version" if version is None else f"version {version}"
            what = ("`uacfast db init` with this URL adds it" if version is None else
                    "bring it up to date with Kamailio's scripts, or take another table")
            raise StoreError(f"{self.name}: table {table} has {has} in table version, expected 5 or 6; {what}")
        return self._expressions(table, REGISTRATION_COLUMNS, columns, tables.LATER_COLUMNS)

    # === Subscribers and addresses ===

    async def subscriber(self, table: str, username: str, domain: str | None = None, *, user_column: str = "username",
                         domain_column: str = "domain") -> dict[str, str] | None:
        """The row of a local user (Kamailio: auth_db): every column by its name, as text; None: there is none.

        domain None: the domain does not matter. `password`, `ha1` and `ha1b` are always there, "" when unknown.
        """
        columns, values = [user_column], [username]
        if domain is not None:
            columns, values = columns + [domain_column], values + [domain]
        sql = self._dialect.select(table, ["*"], columns)
        rows = await self._pool.run(lambda connection: connection.fetch_named(sql, values))
        if not rows:
            return None
        # As with registrations, the database may take texts for equal that differ in case.
        row = next((row for row in rows if row.get(user_column) == username), rows[0])
        return {"password": "", "ha1": "", "ha1b": ""} | {name: _as_text(value) for name, value in row.items()}

    async def addresses(self, table: str = "address") -> list[Row]:
        """The rows of an address table (Kamailio: permissions): (grp, ip_addr, mask, port, tag)."""
        columns = await self.columns_of(table)
        if not columns:
            raise StoreError(f"{self.name} has no table {table}; `uacfast db init` with this URL makes it")
        return await self._fetch(self._dialect.select(table, self._expressions(table, ADDRESS.columns, columns,
                                                                               ("port", "tag"))))

    # === State of the registrations ===

    async def save_states(self, rows: Sequence[Row]) -> None:
        """Writes rows in the order of `STATE_COLUMNS`; one with a known l_uuid takes the place of the old one.

        A text that is too long for its column or that no database takes is not kept (""); a row whose l_uuid is one is
        left out.
        """
        fitting = [tuple(map(_fitting, row, REGSTATE.columns)) for row in rows]
        fitting = [row for row in fitting if row[0]]
        for begin in range(0, len(fitting), STATE_BATCH):
            batch = fitting[begin:begin + STATE_BATCH]
            await self._upsert(REGSTATE.name, REGSTATE.names, REGSTATE.primary, batch)

    async def states(self, chunk: int = CHUNK) -> AsyncIterator[list[Row]]:
        """All rows of `uacfast_regstate` in the order of `STATE_COLUMNS`, `chunk` at a time."""
        expressions = [self._dialect.value(column) for column in REGSTATE.columns]
        async with aclosing(self._stream(REGSTATE.name, expressions, chunk)) as chunks:
            async for rows in chunks:
                yield rows

    async def delete_states(self, l_uuids: Iterable[str]) -> None:
        """Forgets what was kept of these registrations."""
        sql = f"DELETE FROM {self._dialect.name(REGSTATE.name)} WHERE l_uuid = {self._dialect.placeholder(1)}"

        async def delete(connection: Connection) -> None:
            for l_uuid in l_uuids:
                await connection.execute(sql, (l_uuid,))
        await self._pool.run(delete)

    # === Import ===

    async def import_registrations(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Writes accounts into a table of registrations; one with a known l_uuid takes the new values.

        columns: names out of `REGISTRATION_COLUMNS`, l_uuid among them, in the order of each row.
        """
        await self._upsert(table, columns, "l_uuid", rows)

    # === The common part ===

    def _expressions(self, table: str, wanted: Sequence[Column], there: Sequence[str],
                     may_lack: Iterable[str]) -> list[str]:
        """The wanted columns of a table as expressions, of which those in `may_lack` need not be there."""
        missing = [column.name for column in wanted if column.name not in there]
        if refused := [name for name in missing if name not in may_lack]:
            raise StoreError(f"{self.name}: table {table} has no column {', '.join(refused)}")
        return [self._dialect.value(column, column.name not in missing) for column in wanted]

    async def _fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return await self._pool.run(lambda connection: connection.fetch(sql, parameters))

    async def _upsert(self, table: str, columns: Sequence[str], key: str, rows: Sequence[Row]) -> None:
        await self._pool.run(lambda connection: connection.upsert(table, columns, key, rows))

    def _stream(self, table: str, expressions: Sequence[str], chunk: int) -> AsyncIterator[list[Row]]:
        return self._pool.stream(lambda connection: connection.stream(table, expressions, chunk))


def _version_by(columns: Sequence[str], table: Table) -> int | None:
    """The version of an existing table by the columns that it has; None: it is an older one."""
    if not all(name in columns for name in table.names if name != "contact_user"):
        return None
    if "contact_addr" in table.names:
        return 6 if "contact_user" in columns else 5
    return table.version


def _fitting(value: Any, column: Column) -> Any:
    """A value that the column takes."""
    if column.kind != TEXT:
        return value
    if len(value) > column.length or "\0" in value:
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:          # octets that were no UTF-8
        return ""
    return value


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)
