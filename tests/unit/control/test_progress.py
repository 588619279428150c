"""Lines of progress in the log, and the time that is left as the views show it."""
import logging

import pytest

from uacfast.control.progress import Progress
from uacfast.control.top import Reading, view


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "uacfast.registrations")
    return lambda: [record.getMessage() for record in caplog.records]


def test_rate_counts_from_the_beginning_alone(lines):
    now = [100.0]
    progress = Progress("rows loaded", 1000, 500, clock=lambda: now[0])
    progress.show(510)
    assert lines() == []
    now[0] = 105
    progress.show(550)
    now[0] = 107
    progress.show(700)
    now[0] = 109.8        # a little early
    progress.show(990)
    assert lines() == ["550 of 1000 rows loaded, 10 per second, about 45 s left",
                       "990 of 1000 rows loaded, 50 per second, about 0 s left"]


def test_standing_still(lines):
    now = [0.0]
    progress = Progress("rows loaded", 10, clock=lambda: now[0])
    now[0] = 9
    progress.show(0)
    assert lines() == ["0 of 10 rows loaded"]


def reading(at, **states):
    samples = [["uacfast_registrations", {"state": state.replace("_", " ")}, count] for state, count in states.items()
               if not state.startswith("rows")]
    samples += [[f"uacfast_registration_{name}", {}, count] for name, count in states.items()
                if name.startswith("rows")]
    return Reading({"version": "1", "samples": samples}, at)


def shown(now, before):
    from io import StringIO

    from rich.console import Console
    out = StringIO()
    Console(file=out, width=160).print(view(now, before))
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize("before,now,text", [
    ({"unregistered": 500, "registered": 0},
     {"unregistered": 380, "in_progress": 20, "registered": 100}, "in about 8 s"),
    ({"authenticating": 50_100, "registered": 0},
     {"authenticating": 50_000, "registered": 100}, "in about 16 min 40 s"),
])
def test_time_left(before, now, text):
    assert f"all answered {text}" in shown(reading(12, **now), reading(10, **before))


@pytest.mark.parametrize("before", [{"unregistered": 5}, {"unregistered": 4}])
def test_no_time_left_without_a_ramp(before):
    assert "all answered" not in shown(reading(12, unregistered=5), reading(10, **before))
    assert "all answered" not in shown(reading(12, unregistered=5), None)


def test_loading():
    text = shown(reading(12, rows=10_000, rows_loaded=4000), reading(10, rows=10_000, rows_loaded=2000))
    assert "rows loaded 4,000 of 10,000" in text and "all loaded in about 6 s" in text
