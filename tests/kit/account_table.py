"""A uacreg table in SQLite and the program that keeps its accounts registered."""

import contextlib
import json
import sqlite3
import urllib.error
import urllib.request

from kit.configuration import Configuration
from kit.ports import free_port
from kit.programs import Uacfast, wait_until

COLUMNS = (
    "l_uuid",
    "l_username",
    "l_domain",
    "r_username",
    "r_domain",
    "realm",
    "auth_username",
    "auth_password",
    "auth_ha1",
    "auth_proxy",
    "expires",
    "flags",
    "reg_delay",
    "contact_addr",
    "socket",
)
TEXT, NUMBER = "VARCHAR(255) DEFAULT '' NOT NULL", "INTEGER DEFAULT 0 NOT NULL"
KINDS = {"expires": NUMBER, "flags": NUMBER, "reg_delay": NUMBER}
CREATE = f"""
CREATE TABLE version (table_name VARCHAR(32) NOT NULL UNIQUE, table_version INTEGER DEFAULT 0 NOT NULL);
INSERT INTO version VALUES ('uacreg', 5);
CREATE TABLE uacreg (id INTEGER PRIMARY KEY NOT NULL,
                     {", ".join(f"{name} {KINDS.get(name, TEXT)}" for name in COLUMNS)});
CREATE UNIQUE INDEX uacreg_l_uuid_idx ON uacreg (l_uuid);
"""


class AccountTable:
    """A SQLite database with accounts at one registrar, and a program that registers them."""

    def __init__(self, directory, registrar):
        self.registrar = registrar
        self.path = directory / "accounts.db"
        self.port, self.http = free_port(), free_port()
        self.program = None
        self.directory = directory
        self.base = None
        with self.database() as database:
            database.executescript(CREATE)

    def database(self):
        return contextlib.closing(sqlite3.connect(self.path, timeout=10, isolation_level=None))

    def add(self, *uuids, **columns):
        values = {
            "l_username": "alice",
            "l_domain": "local.example.com",
            "r_domain": f"127.0.0.1:{self.registrar.port}",
            "realm": "",
            "auth_username": "au",
            "auth_password": "secret",
            "auth_ha1": "",
            "auth_proxy": self.registrar.uri,
            "expires": 60,
            "flags": 0,
            "reg_delay": 0,
            "contact_addr": "",
            "socket": "",
        } | columns
        with self.database() as database:
            database.execute("BEGIN")
            for uuid in uuids:
                row = {"l_uuid": uuid, "r_username": uuid} | values
                database.execute(
                    f"INSERT OR REPLACE INTO uacreg ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                    list(row.values()),
                )
            database.execute("COMMIT")

    def start(self, *, workers=1, routes=None, extra="", **uac):
        configuration = Configuration(
            listen=(f"udp:127.0.0.1:{self.port}",),
            server={"workers": workers},
            uac={"reg_db_url": f"sqlite:///{self.path}", "reg_contact_addr": f"127.0.0.1:{self.port}"} | uac,
            extra=f'[control]\nhttp = "127.0.0.1:{self.http}"\n' + extra,
            **({"routes": routes} if routes is not None else {}),
        )
        self.program = Uacfast(self.directory, configuration)
        self.program.start()

    def rpc(self, method, *parameters):
        """(result, None) or (None, (code, message))."""
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/rpc", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            found = json.load(error)
        if "error" in found:
            return None, (found["error"]["code"], found["error"]["message"])
        return found["result"], None

    def result(self, method, *parameters):
        found, fault = self.rpc(method, *parameters)
        assert fault is None, fault
        return found

    def counts(self):
        return self.result("cnt.grp_get_all", "uac")

    def wait_for(self, **counts):
        wait_until(lambda: counts.items() <= self.counts().items(), 30, f"{counts}")

    def flags(self, uuid):
        return self.result("uac.reg_info", "l_uuid", uuid)["flags"]
