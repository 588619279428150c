"""The SQL of each database, as texts: nothing here talks to one."""
import re
from collections.abc import Iterable, Sequence

from .errors import StoreError
from .tables import BIG, INTEGER, SMALL, TEXT, Column, Table

_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_$]{0,62})?")


class Dialect:
    """What all share; each database says where it differs."""

    quote = '"'
    serial = ""                        # definition of the column `id`
    kinds = {INTEGER: "INTEGER", SMALL: "SMALLINT", BIG: "BIGINT"}
    unsigned = ""                      # behind the type of a number that is never negative
    tail = ""                          # behind the closing bracket of our own tables
    as_text = "CAST({} AS TEXT)"
    as_integer = "CAST({} AS BIGINT)"

    def placeholder(self, number: int) -> str:
        """The `number`th (from 1) parameter of a statement."""
        raise NotImplementedError

    def name(self, text: str) -> str:
        """A column or table name, quoted. StoreError: no name that a table can have."""
        if not _TABLE_NAME.fullmatch(text):
            raise StoreError(f'"{text}" cannot be the name of a table or column: expected letters, digits and _')
        return ".".join(f"{self.quote}{part}{self.quote}" for part in text.split("."))

    def names(self, columns: Iterable[str]) -> str:
        return ", ".join(self.name(column) for column in columns)

    # === Reading ===

    def value(self, column: Column, there: bool = True) -> str:
        """A column as an expression that is a text or an integer and never NULL; `there`: the table has the column."""
        text = column.kind == TEXT
        if not there:
            return "''" if text else "0"
        empty = "''" if text else "0"
        return f"COALESCE({(self.as_text if text else self.as_integer).format(self.name(column.name))}, {empty})"

    def select(self, table: str, expressions: Sequence[str], equal: Sequence[str] = ()) -> str:
        """`SELECT expressions FROM table`, of the rows whose columns `equal` have the values of the parameters."""
        where = " AND ".join(f"{self.name(column)} = {self.placeholder(number)}"
                             for number, column in enumerate(equal, 1))
        return f"SELECT {', '.join(expressions)} FROM {self.name(table)}{' WHERE ' if where else ''}{where}"

    # === Creating ===

    def create(self, table: Table) -> list[str]:
        """The statements that make a table."""
        lines = [] if table.primary else [f"{self.name('id')} {self.serial}"]
        lines += [self._column(column, table) for column in table.columns]
        lines += [self._unique(table, index, columns) for index, columns in table.unique]
        tail = self.tail if table.primary else ""
        statements = [f"CREATE TABLE IF NOT EXISTS {self.name(table.name)} ({', '.join(lines)}){tail}"]
        for index, columns in table.indexes:
            statements.append(f"CREATE INDEX {self._index(table, index)} ON {self.name(table.name)} "
                              f"({self.names(columns)})")
        return statements

    def _column(self, column: Column, table: Table) -> str:
        kind = f"VARCHAR({column.length})" if column.kind == TEXT else self.kinds[column.kind]
        if column.unsigned:
            kind += self.unsigned
        default = f"'{column.default}'" if column.kind == TEXT else str(column.default)
        parts = [self.name(column.name), kind]
        parts += [] if column.default is None else [f"DEFAULT {default}"]
        parts += [] if column.nullable else ["NOT NULL"]
        parts += ["PRIMARY KEY"] if column.name == table.primary else []
        return " ".join(parts)

    def _unique(self, table: Table, index: str, columns: Sequence[str]) -> str:
        return f"CONSTRAINT {self._index(table, index)} UNIQUE ({self.names(columns)})"

    def _index(self, table: Table, index: str) -> str:
        return self.name(f"{table.name.rpartition('.')[2]}_{index}")

    # === Writing ===

    def upsert(self, table: str, columns: Sequence[str], key: str, rows: int = 1) -> str:
        """INSERT of `rows` rows, where a row with the same `key` takes the new values instead."""
        numbers = iter(range(1, rows * len(columns) + 1))
        values = ", ".join(f"({', '.join(self.placeholder(next(numbers)) for _ in columns)})" for _ in range(rows))
        into = f"{self.name(table)} ({self.names(columns)})"
        return f"INSERT INTO {into} VALUES {values} {self.on_conflict(columns, key)}"

    def on_conflict(self, columns: Sequence[str], key: str) -> str:
        """What stands behind the values of an upsert."""
        names = [self.name(column) for column in columns if column != key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        return f"ON CONFLICT ({self.name(key)}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"


class SqliteDialect(Dialect):
    serial = "INTEGER PRIMARY KEY NOT NULL"
    kinds = {INTEGER: "INTEGER", SMALL: "SMALLINT", BIG: "INTEGER"}
    # Any column may hold a text here. It is given as it is, for the row to be refused: it is not the number 0.
    as_integer = "CASE typeof({0}) WHEN 'integer' THEN {0} WHEN 'null' THEN 0 ELSE CAST({0} AS TEXT) END"

    def placeholder(self, number: int) -> str:
        return "?"


class MysqlDialect(Dialect):
    quote = "`"
    serial = "INT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL"
    kinds = {INTEGER: "INT", SMALL: "SMALLINT", BIG: "BIGINT"}
    unsigned = " UNSIGNED"
    # The default collations of MySQL take texts for equal that differ in case; a uuid is what it is.
    tail = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    as_text = "CAST({} AS CHAR)"
    as_integer = "CAST({} AS SIGNED)"

    def placeholder(self, number: int) -> str:
        return "%s"

    def _index(self, table: Table, index: str) -> str:
        return self.name(index)

    def _unique(self, table: Table, index: str, columns: Sequence[str]) -> str:
        return f"UNIQUE KEY {self.name(index)} ({self.names(columns)})"

    def on_conflict(self, columns: Sequence[str], key: str) -> str:
        changes = [column for column in columns if column != key] or [key]
        return "ON DUPLICATE KEY UPDATE " + ", ".join(
            f"{self.name(column)} = VALUES({self.name(column)})" for column in changes)


class PostgresDialect(Dialect):
    serial = "SERIAL PRIMARY KEY NOT NULL"

    def placeholder(self, number: int) -> str:
        return f"${number}"
