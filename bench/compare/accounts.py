"""The uacreg table of a registration run: N trunk accounts of bench/load/registrar, in SQLite or MariaDB."""
import sqlite3
from urllib.parse import unquote, urlsplit

COLUMNS = ("l_uuid", "l_username", "l_domain", "r_username", "r_domain", "realm", "auth_username", "auth_password",
           "auth_proxy", "expires")
# What Kamailio 5.6 creates (uac-module documentation, table uacreg version 5).
SCHEMA = """
CREATE TABLE version (
    id INTEGER PRIMARY KEY NOT NULL, table_name VARCHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT version_table_name_idx UNIQUE (table_name));
INSERT INTO version (table_name, table_version) VALUES ('uacreg', 5);
CREATE TABLE uacreg (
    id INTEGER PRIMARY KEY NOT NULL,
    l_uuid VARCHAR(64) DEFAULT '' NOT NULL, l_username VARCHAR(64) DEFAULT '' NOT NULL,
    l_domain VARCHAR(64) DEFAULT '' NOT NULL, r_username VARCHAR(64) DEFAULT '' NOT NULL,
    r_domain VARCHAR(64) DEFAULT '' NOT NULL, realm VARCHAR(64) DEFAULT '' NOT NULL,
    auth_username VARCHAR(64) DEFAULT '' NOT NULL, auth_password VARCHAR(64) DEFAULT '' NOT NULL,
    auth_ha1 VARCHAR(128) DEFAULT '' NOT NULL, auth_proxy VARCHAR(255) DEFAULT '' NOT NULL,
    expires INTEGER DEFAULT 0 NOT NULL, flags INTEGER DEFAULT 0 NOT NULL, reg_delay INTEGER DEFAULT 0 NOT NULL,
    contact_addr VARCHAR(255) DEFAULT '' NOT NULL, socket VARCHAR(128) DEFAULT '' NOT NULL,
    CONSTRAINT uacreg_l_uuid_idx UNIQUE (l_uuid));
"""


def account_rows(count, registrar_port):
    """The rows of `count` accounts, in the order of COLUMNS."""
    for i in range(count):
        yield (f"uuid-{i}", f"local{i}", "edge.example", f"user{i}", "trunk.example", "trunk.example", f"user{i}",
               f"pw{i}", f"sip:127.0.0.1:{registrar_port}", 3600)


def make_sqlite(path, count, registrar_port):
    """A new database file; returns its URL."""
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        connection.executemany(
            f"INSERT INTO uacreg ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",
            account_rows(count, registrar_port))
    connection.close()
    return f"sqlite:///{path}"


def make_mysql(url, count, registrar_port):
    """The tables anew in the database that `url` (mysql://user:password@host[:port]/name) names; returns the URL."""
    import pymysql
    parts = urlsplit(url)
    with pymysql.connect(host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""),
                         password=unquote(parts.password or ""), database=parts.path.strip("/")) as connection:
        cursor = connection.cursor()
        cursor.execute("DROP TABLE IF EXISTS version, uacreg, uacfast_regstate")
        for statement in filter(str.strip, SCHEMA.split(";")):
            cursor.execute(statement.replace("PRIMARY KEY NOT NULL", "AUTO_INCREMENT PRIMARY KEY NOT NULL"))
        cursor.executemany(
            f"INSERT INTO uacreg ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})",
            list(account_rows(count, registrar_port)))
        connection.commit()
    return url
