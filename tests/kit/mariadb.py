"""A MariaDB of the tests' own, from Debian's mariadb-server: own data directory, unix socket and port."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from kit.ports import free_port
from kit.programs import Program, required, token

USER = "uacfast"
PASSWORD = "p@ss/w:rd?%#'\\é"      # every character that a URL or SQL could stumble over


class MariaDb(Program):
    """`start()`, `kill()` and `start()` again keep the data; `stop()` throws them away."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "mariadb")
        self.data = self.directory / "data"
        self.socket = self.directory / "socket"
        self.port = free_port()

    def _options(self) -> list[str]:
        # A server that is started as root wants to be told that it is meant.
        user = ["--user=root"] if os.geteuid() == 0 else []
        return [*user, f"--datadir={self.data}", "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M",
                # 2: what is committed survives kill(), and nothing waits for the disk.
                "--innodb-flush-log-at-trx-commit=2", "--performance-schema=OFF"]  # fmt: skip

    def install(self) -> MariaDb:
        """Makes the data directory and the user."""
        with self.output.open("ab") as output:
            subprocess.run(
                [required("mariadb-install-db"), "--no-defaults", *self._options(),
                 "--auth-root-authentication-method=normal", "--skip-test-db"],
                stdout=output, stderr=output, check=True, timeout=120,
            )  # fmt: skip
        self.start()
        escaped = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
        for host in ("localhost", "127.0.0.1"):
            self.sql(f"CREATE USER '{USER}'@'{host}' IDENTIFIED BY '{escaped}'; "
                     f"GRANT ALL ON *.* TO '{USER}'@'{host}'")
        return self

    def command(self) -> list[str]:
        return [required("mariadbd"), "--no-defaults", *self._options(), f"--socket={self.socket}",
                "--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve"]  # fmt: skip

    def is_ready(self) -> bool:
        return self._client("SELECT 1").returncode == 0

    def _client(self, text: str, database: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [required("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch",
             "--skip-column-names", "--default-character-set=utf8mb4", database],
            input=text, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def sql(self, text: str, database: str = "") -> list[list[str]]:
        """Runs statements as root with the server's own client; the rows as lists of texts."""
        done = self._client(text, database)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def create_database(self) -> str:
        """Makes an empty database; its name."""
        name = f"test_{token()}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def stop(self) -> None:
        # An orderly end writes out what nobody will read.
        self.kill()
        self.process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str, tcp: bool = False) -> str:
        """The URL of a database, over the unix socket or over TCP."""
        user = f"{USER}:{quote(PASSWORD, safe='')}"
        if tcp:
            return f"mysql://{user}@127.0.0.1:{self.port}/{database}"
        return f"mysql://{user}@localhost/{database}?unix_socket={self.socket}"
