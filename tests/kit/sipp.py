"""Run SIPp scenarios and read their counters."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

from kit.endpoint import token
from kit.programs import required, wait_until

SCENARIOS = Path(__file__).resolve().parents[1] / "interop" / "scenarios"


class Sipp:
    """One SIPp process with a scenario of tests/interop/scenarios."""

    def __init__(self, directory: Path, scenario: str, port: int, *arguments: str) -> None:
        self.directory = directory / f"sipp-{token()}"
        self.directory.mkdir(parents=True)
        self.statistics = self.directory / "statistics.csv"
        self.errors = self.directory / "errors.log"
        self.command = [
            required("sipp"), "-sf", str(SCENARIOS / scenario), "-i", "127.0.0.1", "-p", str(port),
            "-nostdin", "-trace_stat", "-stf", str(self.statistics), "-fd", "1",
            "-trace_err", "-error_file", str(self.errors), *arguments,
        ]  # fmt: skip
        self.process: subprocess.Popen | None = None

    def start(self) -> Sipp:
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=(self.directory / "screen").open("wb"),
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            start_new_session=True,
        )
        wait_until(self.statistics.exists, 10.0, f"the start of {' '.join(self.command)}")
        return self

    def wait(self, timeout: float = 60.0) -> int:
        """Exit status of SIPp: 0 when every call succeeded."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"SIPp still runs after {timeout} s: {self.report()}") from None

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def report(self) -> str:
        errors = self.errors.read_text(errors="replace")[-2000:] if self.errors.exists() else ""
        return f"{self.counters()} {errors}"

    def counters(self) -> dict[str, str]:
        """Last line of the statistics file by column name."""
        with self.statistics.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        return rows[-1] if rows else {}
