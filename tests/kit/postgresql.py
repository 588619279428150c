"""A PostgreSQL of the tests' own, from Debian's postgresql: own data directory and unix socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from kit.programs import Program, children, token

INSTALLED = Path("/usr/lib/postgresql")


def program(name: str) -> str:
    """Path of a program of the newest PostgreSQL, which Debian keeps out of the search path."""
    found = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise AssertionError(f"{name} is not installed: apt-get install postgresql")
    return str(found[-1])


class PostgreSql(Program):
    """`start()`, `kill()` and `start()` again keep the data; `stop()` throws them away."""

    def __init__(self) -> None:
        # It refuses to be root, and pytest's folders are closed to others.
        super().__init__(Path(tempfile.mkdtemp(prefix="uacfast-postgresql-")), "postgresql")
        if os.geteuid() == 0:
            self.run_as = "postgres"
            owner = pwd.getpwnam(self.run_as)
            for path in (self.directory.parent, self.directory):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self.data = self.directory / "data"

    def install(self) -> PostgreSql:
        """Makes the data directory."""
        with self.output.open("ab") as output:
            subprocess.run(
                [program("initdb"), "-D", str(self.data), "-A", "trust", "-N", "-U", "uacfast", "-E", "UTF8"],
                stdout=output, stderr=output, check=True, timeout=120, user=self.run_as, cwd="/",
            )  # fmt: skip
        self.start()
        return self

    def command(self) -> list[str]:
        return [program("postgres"), "-D", str(self.data), "-k", str(self.directory), "-c", "listen_addresses=",
                "-c", "fsync=off"]  # fmt: skip

    def is_ready(self) -> bool:
        return self._client("SELECT 1").returncode == 0

    def _client(self, text: str, database: str = "postgres") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program("psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", str(self.directory),
             "-U", "uacfast", database], input=text, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def sql(self, text: str, database: str = "postgres") -> list[list[str]]:
        """Runs statements with the server's own client; the rows as lists of texts."""
        done = self._client(text, database)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def create_database(self) -> str:
        """Makes an empty database; its name."""
        name = f"test_{token()}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def url(self, database: str) -> str:
        return f"postgres://uacfast@/{database}?host={self.directory}"

    def kill(self) -> None:
        """Kills the children too, each of which has a group of its own and would keep the shared memory for a while."""
        if self.process is not None:
            for child in children(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        super().kill()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            # At once, but with its shared memory: the data are thrown away.
            self.signal(signal.SIGQUIT)
            self.wait()
            self.process = None
        shutil.rmtree(self.directory.parent, ignore_errors=True)
