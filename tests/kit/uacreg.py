"""A uacfast that keeps the accounts of a database registered; the tables are made by Kamailio's own scripts."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from kit.configuration import Configuration
from kit.databases import KAMAILIO_SCRIPTS, Database
from kit.ports import free_port
from kit.programs import Uacfast, required, wait_until

PATIENCE = 30.0


class AccountsProgram:
    """`registrar`: SIP URI; without `sip:` it is the r_domain of the rows. The program need not run."""

    def __init__(self, directory: Path, database: Database, registrar: str) -> None:
        self.directory = directory
        self.database = database
        self.port, self.http, self.binrpc = free_port(), free_port(), free_port()
        self.program: Uacfast | None = None
        self.defaults = {
            "l_username": "alice",
            "l_domain": "local.example.com",
            "r_domain": registrar.removeprefix("sip:"),
            "realm": "",
            "auth_username": "au",
            "auth_password": "secret",
            "auth_proxy": registrar,
            "expires": 60,
        }
        for name in ("standard", "uac"):
            database.script(KAMAILIO_SCRIPTS / database.scripts / f"{name}-create.sql")

    # === The table ===

    def add(self, *uuids: str, **columns: str | int) -> None:
        """Insert rows; r_username is the l_uuid unless told otherwise."""
        rows = [{"l_uuid": uuid, "r_username": uuid} | self.defaults | columns for uuid in uuids]
        values = ", ".join("(" + ", ".join(_literal(value) for value in row.values()) + ")" for row in rows)
        self.database.sql(f"INSERT INTO uacreg ({', '.join(rows[0])}) VALUES {values}")

    def update(self, uuid: str, **columns: str | int) -> None:
        changes = ", ".join(f"{name} = {_literal(value)}" for name, value in columns.items())
        self.database.sql(f"UPDATE uacreg SET {changes} WHERE l_uuid = {_literal(uuid)}")

    def delete(self, uuid: str) -> None:
        self.database.sql(f"DELETE FROM uacreg WHERE l_uuid = {_literal(uuid)}")

    def kept_states(self) -> list[str]:
        """l_uuid of the registrations whose state a restart would find in the database."""
        return [row[0] for row in self.database.sql("SELECT l_uuid FROM uacfast_regstate WHERE granted_until > 0")]

    # === The program ===

    def start(self, *, workers: int = 1, control: str = "", **uac: object) -> None:
        self.program = Uacfast(
            self.directory,
            Configuration(
                listen=(f"udp:127.0.0.1:{self.port}",),
                server={"workers": workers},
                uac={"reg_db_url": self.database.url, "reg_contact_addr": f"127.0.0.1:{self.port}"} | uac,
                extra=f'\n[control]\nhttp = "127.0.0.1:{self.http}"\nfifo = "{self.directory}/fifo"\n'
                f'binrpc = ["tcp:127.0.0.1:{self.binrpc}"]\n{control}',
            ),
        )
        self.program.start()

    def stop(self) -> None:
        if self.program is not None and self.program.process is not None:
            self.program.stop()

    def kill(self) -> None:
        """SIGKILL, to the control part and every worker."""
        self.program.kill()
        self.program.process = None
        (self.directory / "fifo").unlink(missing_ok=True)

    def workers(self) -> list[int]:
        """Process ids of the SIP workers."""
        return [int(line["PID"]) for line in self.result("core.psx") if "worker" in line["DSC"]]

    # === Its commands ===

    def http_document(self, method: str, *parameters: object) -> tuple[int, dict]:
        """HTTP status and JSON-RPC response."""
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/rpc", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def rpc(self, method: str, *parameters: object) -> tuple[object, tuple[int, str] | None]:
        """(result, None) or (None, (code, message))."""
        _status, found = self.http_document(method, *parameters)
        if "error" in found:
            return None, (found["error"]["code"], found["error"]["message"])
        return found["result"], None

    def result(self, method: str, *parameters: object) -> object:
        found, fault = self.rpc(method, *parameters)
        assert fault is None, (method, parameters, fault)
        return found

    def kamcmd(self, *arguments: str) -> str:
        """What the stock client of binrpc prints."""
        done = subprocess.run(
            [required("kamcmd"), "-s", f"tcp:127.0.0.1:{self.binrpc}", "--", *arguments],
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout

    def kamctl_rpc(self, *arguments: str) -> dict:
        """The document that `kamctl rpc` prints."""
        environment = dict(os.environ, RPCFIFOPATH=str(self.directory / "fifo"), TERM="dumb")
        done = subprocess.run(
            [required("kamctl"), "rpc", *arguments],
            capture_output=True, text=True, timeout=PATIENCE, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def counts(self) -> dict[str, int]:
        return self.result("cnt.grp_get_all", "uac")

    def wait_for(self, **counts: int) -> None:
        """Until the counters have these values."""
        wait_until(lambda: counts.items() <= self.counts().items(), PATIENCE, f"{counts}")

    def quarantined(self) -> list[str]:
        """l_uuid of the rows that cannot be used."""
        return [one["l_uuid"] for one in self.result("uac.reg_quarantine")]

    def info(self, uuid: str) -> dict:
        return self.result("uac.reg_info", "l_uuid", uuid)

    def explain(self, uuid: str) -> dict:
        return self.result("uac.reg_explain", uuid)

    def wait_for_state(self, uuid: str, state: str) -> dict:
        """Until an account is in this state; what uac.reg_explain says of it then."""
        wait_until(lambda: self.explain(uuid)["state"] == state, PATIENCE, f"{uuid} {state}")
        return self.explain(uuid)


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
