"""`uacfast top`: the live view in a terminal, read from the control port every second."""
import http.client
import json
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from uacfast.control.client import NoAnswer, Target, http_request, printable

REGISTRARS_SHOWN = 8
ERRORS_SHOWN = 8
BEFORE_FIRST_ANSWER = ("unregistered", "in progress", "authenticating")     # states of a registration
ERRORS = {
    "send_errors": "datagrams refused by the system", "transport_errors": "attempts refused by the network",
    "resolution_failures": "names not resolved", "branch_timeouts": "attempts without an answer",
    "missing_acks": "ACKs that never came", "restore_failed": "From or To not restored",
    "overload_replies": "503 because of overload", "loops": "loops", "no_route": "requests without a route",
}


class Reading:
    """The samples of one moment: [name, labels, value]."""

    def __init__(self, state: dict[str, Any], at: float):
        self.version = state["version"]
        self.at = at
        self._samples = state["samples"]

    def total(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels, None where there is none."""
        found = [value for sample, carried, value in self._samples
                 if sample == f"uacfast_{name}" and all(carried.get(label) == text for label, text in labels.items())]
        return sum(found) if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples summed up by one label."""
        found: dict[str, float] = {}
        for sample, carried, value in self._samples:
            if sample == f"uacfast_{name}" and label in carried:
                found[carried[label]] = found.get(carried[label], 0.0) + value
        return found


def read(target: Target, patience: float = 5.0) -> Reading:
    """What the server says now. NoAnswer: it says nothing."""
    try:
        octets = http_request(target, "GET", "/dashboard/state", patience=patience)
        return Reading(json.loads(octets), time.monotonic())
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{target} does not answer: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise NoAnswer(f"{target} is not the control port of uacfast") from None


def view(now: Reading, before: Reading | None) -> Group:
    """One screen."""
    def rate(name: str, **labels: str) -> float | None:
        if before is None or now.at <= before.at:
            return None
        return max((now.total(name, **labels) or 0) - (before.total(name, **labels) or 0), 0) / (now.at - before.at)

    received, answered = rate("requests_total"), rate("responses_total")
    cpu = rate("worker_cpu_seconds_total")
    lag = max(now.by("worker_loop_lag_worst_seconds", "worker").values(), default=0.0)
    numbers = _table("now")
    for text, value in (
            ("calls/s", _number(rate("requests_total", method="INVITE"), 1)),
            ("messages/s", _number(None if received is None else received + (answered or 0), 1)),
            ("transactions active", _number(now.total("transactions_active"))),
            ("transactions in memory", _number(now.total("transactions"))),
            ("dialogs", _number(now.total("dialogs_active"))),
            ("CPU", "–" if cpu is None else f"{cpu * 100:.0f} %"), ("worst loop lag", f"{lag * 1000:.1f} ms"),
            ("workers that answer", _number(now.total("worker_up")))):
        numbers.add_row(text, value)
    grid = Table.grid(padding=(0, 3))
    grid.add_row(numbers, _states(now, before), _registrars(now))
    return Group(Text(f"uacfast {now.version}   {time.strftime('%H:%M:%S')}", style="bold"), Text(), grid, Text(),
                 _errors(now, rate))


def _table(title: str) -> Table:
    table = Table(box=None, show_header=False, title=title, title_style="bold", title_justify="left", pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    return table


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _states(now: Reading, before: Reading | None) -> Table:
    table = _table("registrations")
    states = now.by("registrations", "state")
    for state, count in states.items() or [("none", 0)]:
        table.add_row(Text(printable(state)), _number(count))
    left = sum(states.get(state, 0) for state in BEFORE_FIRST_ANSWER)
    if before is not None and left:
        former = before.by("registrations", "state")
        gone = sum(former.get(state, 0) for state in BEFORE_FIRST_ANSWER) - left
        if gone > 0:
            table.add_row("all answered in about", _duration(left / gone * (now.at - before.at)))
    rows, loaded = now.total("registration_rows"), now.total("registration_rows_loaded")
    if rows and loaded is not None:
        table.add_row("rows loaded", f"{_number(loaded)} of {_number(rows)}")
        gone = loaded - (before.total("registration_rows_loaded") or 0) if before is not None else 0
        if before is not None and 0 < gone < loaded:
            table.add_row("all loaded in about", _duration(max(rows - loaded, 0) / gone * (now.at - before.at)))
    return table


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _registrars(now: Reading) -> Table:
    table = _table("slowest registrars")
    means = sorted(now.by("registrar_latency_seconds", "registrar").items(), key=lambda one: one[1], reverse=True)
    for registrar, mean in means[:REGISTRARS_SHOWN]:
        table.add_row(Text(printable(registrar)), f"{mean * 1000:,.1f} ms")
    if not means:
        table.add_row("none has answered yet", "")
    return table


def _errors(now: Reading, rate: Any) -> Table:
    found = [(rate(f"{name}_total"), now.total(f"{name}_total") or 0, text) for name, text in ERRORS.items()]
    found += [(rate("dropped_total", reason=reason), count, f"dropped: {printable(reason).replace('_', ' ')}")
              for reason, count in now.by("dropped_total", "reason").items()]
    table = Table(box=None, title="errors and drops", title_style="bold", title_justify="left", pad_edge=False,
                  header_style="dim")
    for column in ("what", "total", "/s"):
        table.add_column(column, justify="left" if column == "what" else "right", no_wrap=True)
    shown = sorted((row for row in found if row[1]), key=lambda row: (row[0] or 0, row[1]), reverse=True)
    for per_second, count, text in shown[:ERRORS_SHOWN] or [(None, 0, "none")]:
        table.add_row(text, _number(count), _number(per_second, 1))
    return table


def run(target: Target, interval: float, once: bool, console: Console) -> None:
    """Shows until Ctrl-C; with `once` one screen, made of two readings. NoAnswer: the server did not answer at first;
    later the view waits for it."""
    before, now = None, read(target)
    if once:
        time.sleep(interval)
        console.print(view(read(target), now))
        return
    with Live(view(now, before), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval)
            try:
                before, now = now, read(target)
            except NoAnswer as error:
                live.update(Group(Text(str(error), style="red"), Text(), view(now, before)), refresh=True)
                continue
            live.update(view(now, before), refresh=True)
