"""The SQL texts of each database."""
import pytest

from uacfast.store import REGISTRATION_COLUMNS, STATE_COLUMNS, StoreError
from uacfast.store.dialect import MysqlDialect, PostgresDialect, SqliteDialect
from uacfast.store.tables import REGSTATE, SUBSCRIBER, UACREG, VERSION, uacreg

DIALECTS = [SqliteDialect(), MysqlDialect(), PostgresDialect()]


def test_registration_columns_stand_in_the_order_of_the_specification():
    assert [column.name for column in REGISTRATION_COLUMNS] == [
        "l_uuid", "l_username", "l_domain", "r_username", "r_domain", "realm", "auth_username", "auth_password",
        "auth_ha1", "auth_proxy", "expires", "flags", "reg_delay", "contact_addr", "socket", "contact_user"]


def test_version_6_has_contact_user_between_contact_addr_and_socket():
    assert uacreg("x", 6).names == UACREG.names[:-1] + ("contact_user", "socket")
    assert (uacreg("x", 6).name, uacreg("x", 6).version, uacreg().version) == ("x", 6, 5)


@pytest.mark.parametrize("dialect,start", [
    (SqliteDialect(), 'CREATE TABLE IF NOT EXISTS "version" ("id" INTEGER PRIMARY KEY NOT NULL, "table_name" '
                      'VARCHAR(32) NOT NULL, "table_version" INTEGER DEFAULT 0 NOT NULL, CONSTRAINT '
                      '"version_table_name_idx" UNIQUE ("table_name"))'),
    (MysqlDialect(), "CREATE TABLE IF NOT EXISTS `version` (`id` INT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, "
                     "`table_name` VARCHAR(32) NOT NULL, `table_version` INT UNSIGNED DEFAULT 0 NOT NULL, UNIQUE KEY "
                     "`table_name_idx` (`table_name`))"),
    (PostgresDialect(), 'CREATE TABLE IF NOT EXISTS "version" ("id" SERIAL PRIMARY KEY NOT NULL, "table_name" '
                        'VARCHAR(32) NOT NULL, "table_version" INTEGER DEFAULT 0 NOT NULL, CONSTRAINT '
                        '"version_table_name_idx" UNIQUE ("table_name"))'),
])
def test_create(dialect, start):
    assert dialect.create(VERSION) == [start]


def test_create_with_indexes():
    sqlite, mysql = SqliteDialect().create(SUBSCRIBER), MysqlDialect().create(SUBSCRIBER)
    assert sqlite[1] == 'CREATE INDEX "subscriber_username_idx" ON "subscriber" ("username")'
    assert mysql[1] == "CREATE INDEX `username_idx` ON `subscriber` (`username`)"


def test_own_table_tells_uuids_apart_by_case():
    statement, = MysqlDialect().create(REGSTATE)
    assert "`l_uuid` VARCHAR(255) NOT NULL PRIMARY KEY" in statement
    assert statement.endswith("COLLATE utf8mb4_bin")


def test_upsert():
    assert PostgresDialect().upsert("t", ["a", "b"], "a", 2) == (
        'INSERT INTO "t" ("a", "b") VALUES ($1, $2), ($3, $4) ON CONFLICT ("a") DO UPDATE SET "b" = excluded."b"')
    assert MysqlDialect().upsert("t", ["a", "b"], "a") == (
        "INSERT INTO `t` (`a`, `b`) VALUES (%s, %s) ON DUPLICATE KEY UPDATE `b` = VALUES(`b`)")
    assert SqliteDialect().upsert("t", ["a"], "a") == 'INSERT INTO "t" ("a") VALUES (?) ON CONFLICT ("a") DO NOTHING'


@pytest.mark.parametrize("dialect,expected", list(zip(DIALECTS, (
    'SELECT 1 FROM "s"."t" WHERE "a" = ? AND "b" = ?', "SELECT 1 FROM `s`.`t` WHERE `a` = %s AND `b` = %s",
    'SELECT 1 FROM "s"."t" WHERE "a" = $1 AND "b" = $2'), strict=True)))
def test_select(dialect, expected):
    assert dialect.select("s.t", ["1"], ["a", "b"]) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a`b", "a;b", "a.b.c", ".a", "a.", "1a", "a\n", "ä", "a" * 64])
def test_names_that_no_table_has_are_refused(dialect, name):
    with pytest.raises(StoreError, match="cannot be the name"):
        dialect.select(name, ["1"])


def test_a_missing_column_is_its_default():
    by_name = {column.name: column for column in REGISTRATION_COLUMNS}
    assert SqliteDialect().value(by_name["contact_user"], there=False) == "''"
    assert SqliteDialect().value(by_name["reg_delay"], there=False) == "0"


def test_state_columns():
    assert STATE_COLUMNS[0] == "l_uuid" and len(STATE_COLUMNS) == 16
