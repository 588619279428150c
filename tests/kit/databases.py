"""One empty database of each kind, with the same few things to do to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from kit.mariadb import MariaDb
from kit.postgresql import PostgreSql

KAMAILIO_SCRIPTS = Path("/usr/share/kamailio")


class SqliteFile:
    """A SQLite database; the file is made by the first one who writes."""

    scripts = "db_sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def sql(self, text: str) -> list[list[str]]:
        database = sqlite3.connect(self.path, timeout=10)
        try:
            *statements, last = [part for part in text.split(";\n") if part.strip()]
            for statement in statements:
                database.execute(statement)
            rows = database.execute(last).fetchall()
            database.commit()
        finally:
            database.close()
        return [[str(value) for value in row] for row in rows]

    def script(self, path: Path) -> None:
        database = sqlite3.connect(self.path)
        database.executescript(path.read_text())
        database.close()

    def columns(self, table: str) -> list[list[str]]:
        """Name, type, whether it may be NULL, and default of every column, as this database tells them."""
        return self.sql(f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{table}')")

    def indexes(self, table: str) -> list[list[str]]:
        return sorted(self.sql("SELECT i.\"unique\", i.origin, (SELECT group_concat(name) FROM "
                               f"pragma_index_info(i.name)) FROM pragma_index_list('{table}') i"))

    def fill(self, count: int) -> None:
        """Adds accounts to uacreg: l_uuid `uuid-N` and so on, N from 1."""
        self.sql(f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) "
                 f"{_INSERT} SELECT {_VALUES.format(n='n')} FROM s")


class ServerDatabase:
    """What both servers share."""

    scripts = ""

    def __init__(self, server: MariaDb | PostgreSql) -> None:
        self.server = server
        self.name = server.create_database()
        self.url = server.url(self.name)

    def sql(self, text: str) -> list[list[str]]:
        return self.server.sql(text, self.name)

    def script(self, path: Path) -> None:
        self.sql(path.read_text())


class MariaDbDatabase(ServerDatabase):
    scripts = "mysql"

    def columns(self, table: str) -> list[list[str]]:
        # The width in int(11) is for display and means nothing.
        return self.sql("SELECT column_name, REGEXP_REPLACE(column_type, '^int[(][0-9]+[)]', 'int'), "
                        "is_nullable, column_default, extra FROM "
                        f"information_schema.columns WHERE table_schema = '{self.name}' AND table_name = '{table}' "
                        "ORDER BY ordinal_position")

    def indexes(self, table: str) -> list[list[str]]:
        return self.sql("SELECT index_name, non_unique, seq_in_index, column_name FROM information_schema.statistics "
                        f"WHERE table_schema = '{self.name}' AND table_name = '{table}' ORDER BY 1, 3")

    def fill(self, count: int) -> None:
        self.sql(f"{_INSERT} SELECT {_VALUES_MYSQL.format(n='seq')} FROM seq_1_to_{count}")


class PostgreSqlDatabase(ServerDatabase):
    scripts = "postgres"

    def columns(self, table: str) -> list[list[str]]:
        return self.sql("SELECT column_name, data_type, character_maximum_length, is_nullable, column_default FROM "
                        f"information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position")

    def indexes(self, table: str) -> list[list[str]]:
        return self.sql(f"SELECT indexdef FROM pg_indexes WHERE tablename = '{table}' ORDER BY 1")

    def fill(self, count: int) -> None:
        self.sql(f"{_INSERT} SELECT {_VALUES.format(n='n')} FROM generate_series(1, {count}) n")


Database = SqliteFile | MariaDbDatabase | PostgreSqlDatabase

_INSERT = ("INSERT INTO uacreg (l_uuid, l_username, l_domain, r_username, r_domain, realm, auth_username, "
           "auth_password, auth_proxy, expires, contact_addr)")
_VALUES = ("'uuid-' || {n}, 'user' || {n}, 'local.example', 'remote' || {n}, 'registrar.example', "
           "'registrar.example', 'auth' || {n}, 'secret', 'sip:127.0.0.1:5080', 3600, '192.0.2.1:5060'")
_VALUES_MYSQL = ("CONCAT('uuid-', {n}), CONCAT('user', {n}), 'local.example', CONCAT('remote', {n}), "
                 "'registrar.example', 'registrar.example', CONCAT('auth', {n}), 'secret', 'sip:127.0.0.1:5080', 3600, "
                 "'192.0.2.1:5060'")


def account(number: int) -> tuple[str | int, ...]:
    """The row of uacreg that `fill` makes, as the store gives it."""
    return (f"uuid-{number}", f"user{number}", "local.example", f"remote{number}", "registrar.example",
            "registrar.example", f"auth{number}", "secret", "", "sip:127.0.0.1:5080", 3600, 0, 0, "192.0.2.1:5060", "",
            "")
