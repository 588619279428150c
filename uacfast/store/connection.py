"""What the store asks of a database connection; one subclass for each database."""
from collections.abc import AsyncIterator, Sequence
from typing import Any

from .dialect import Dialect

Row = tuple[Any, ...]


class Connection:
    """One connection, used by one caller at a time.

    Methods raise StoreError. `broken` says that nothing more can come of this connection: it is to be aborted. A call
    that was cancelled leaves a connection that is to be aborted as well.
    """

    dialect: Dialect
    broken = False

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        raise NotImplementedError

    async def fetch_named(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of a query by column name."""
        raise NotImplementedError

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """A statement without result, committed."""
        raise NotImplementedError

    async def upsert(self, table: str, columns: Sequence[str], key: str, rows: Sequence[Row]) -> None:
        """Inserts rows; one whose `key` is there already takes the new values. Committed."""
        raise NotImplementedError

    async def columns(self, table: str) -> list[str]:
        """The names of a table's columns in lower case; none when there is no such table."""
        raise NotImplementedError

    def stream(self, table: str, expressions: Sequence[str], chunk: int) -> AsyncIterator[list[Row]]:
        """All rows of a table, at most `chunk` of them in memory at a time."""
        raise NotImplementedError

    async def describe(self) -> str:
        """Name and version of the database."""
        raise NotImplementedError

    def is_current(self) -> bool:
        """False when the connection no longer leads to what its URL names."""
        return True

    async def close(self) -> None:
        """Takes leave of the database."""
        raise NotImplementedError

    def abort(self) -> None:
        """Drops the connection at once, whatever it is doing."""
        raise NotImplementedError
