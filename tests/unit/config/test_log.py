"""The log: one line per event, in both formats, and the throttle."""
import io
import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast import log
from uacfast.log import JsonFormatter, TextFormatter, Throttle, fields


@pytest.fixture
def stream():
    """Gives the loggers back as they were."""
    root, ours = logging.getLogger(), logging.getLogger("uacfast")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def record(message, *arguments, name="uacfast.transport", level=logging.INFO, fields=None):
    made = logging.LogRecord(name, level, __file__, 1, message, arguments, None)
    made.created = 1795392000.1239
    if fields is not None:
        made.fields = fields
    return made


def text(*arguments, **given):
    return TextFormatter().format(record(*arguments, fields=given))


def test_text_line():
    assert text("socket is open") == "2026-11-23T00:00:00.123Z info transport: socket is open"
    assert text("%s of %d", "one", 2, address="127.0.0.1:5060", count=3, ok=True, empty="", none=None).endswith(
        ' one of 2 address=127.0.0.1:5060 count=3 ok=true empty="" none=None')


def test_text_values_that_need_quotes():
    assert text("x", a="b c", d='"', e="f=g", h="é", i=b"raw",
                j=memoryview(b"raw")).endswith(r'x a="b c" d="\"" e="f=g" h=é i=raw j=raw')


def test_levels_and_names():
    assert " error tm: " in TextFormatter().format(record("x", name="uacfast.tm", level=logging.CRITICAL))
    assert " warning asyncio: " in TextFormatter().format(record("x", name="asyncio", level=logging.WARNING))


def test_json_line():
    line = JsonFormatter().format(record("ein \u00fc", name="uacfast.tm",
                                         fields={"count": 3, "data": b"\xff", "message": "other"}))
    assert json.loads(line) == {"time": "2026-11-23T00:00:00.123Z", "level": "info", "logger": "tm", "message": "ein ü",
                                "count": 3, "data": "\\xff", "message_": "other"}


def test_setup(stream):
    log.setup("info", "text", io.StringIO())
    log.setup("warning", "json", stream)                        # the last call counts
    log.get("tm").info("not heard")
    log.get("tm").warning("heard", extra=fields(call="a"))
    logging.getLogger("asyncio").info("not heard")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["logger"], line["message"], line["call"]) for line in lines] == [("tm", "heard", "a")]


def test_setup_level_is_ours_alone(stream):
    log.setup("debug", "text", stream)
    log.get("tm").debug("heard")
    logging.getLogger("asyncio").info("not heard")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z debug tm: heard\n", stream.getvalue())
    log.setup("error", "text", stream)
    logging.getLogger("asyncio").warning("not heard")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("arguments", [("loud", "text"), ("info", "xml")])
def test_setup_refuses(arguments):
    with pytest.raises(ValueError, match="is not one of"):
        log.setup(*arguments)


def test_exception_stays_on_one_line(stream):
    log.setup("info", "text", stream)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.get("tm").exception("failed")
    line, = stream.getvalue().splitlines()
    assert ' error tm: failed exception="Traceback' in line and r"ValueError: two\nlines" in line


@given(st.text(), st.text(), st.text())
def test_always_one_line(message, name, value):
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(record("%s", message, fields={name: value}))
        assert "\n" not in line and "\r" not in line
    assert TextFormatter().format(record("%s", message, fields={name: value})).isprintable()
    assert json.loads(line)["message"] == message


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_throttle():
    clock = Clock()
    throttle = Throttle(60.0, clock=clock)
    assert throttle.admit("a") == 0
    assert [throttle.admit("a") for _ in range(3)] == [None] * 3
    assert throttle.admit("b") == 0                             # each key for itself
    clock.now = 59.9
    assert throttle.admit("a") is None
    clock.now = 60.0
    assert throttle.admit("a") == 4 and throttle.admit("a") is None
    clock.now = 120.0
    assert throttle.admit("a") == 1 and throttle.admit("b") == 0


def test_throttle_forgets_the_oldest_admission_first():
    clock = Clock()
    throttle = Throttle(60.0, capacity=2, clock=clock)
    assert throttle.admit("a") == 0
    clock.now = 30.0
    assert throttle.admit("b") == 0
    clock.now = 61.0
    assert throttle.admit("a") == 0                             # admitted again: now "b" is the oldest
    clock.now = 95.0
    assert throttle.admit("c") == 0 and throttle.admit("a") is None
    assert throttle.admit("d") == 0                             # the shared place is still free: "c" took that of "b"


def test_throttle_is_bounded():
    clock = Clock()
    throttle = Throttle(60.0, capacity=2, clock=clock)
    assert [throttle.admit(key) for key in "ab"] == [0, 0]
    assert throttle.admit("c") == 0                             # no room: the shared place
    assert throttle.admit("d") is None and throttle.admit("c") is None
    clock.now = 30.0
    assert throttle.admit("d") is None and throttle.admit("a") is None
    clock.now = 60.0
    assert throttle.admit("d") == 0                             # takes the place of the oldest, "a"
    assert throttle.admit("e") == 0                             # and of "b"
    assert throttle.admit("f") == 3                             # the shared place tells what it held back


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 40)), max_size=60))
def test_throttle_never_admits_too_often(events):
    """As long as there is room, no two events of a key pass within the interval, and every one is counted."""
    clock = Clock()
    throttle = Throttle(60.0, capacity=20, clock=clock)
    admitted, held = {}, {}
    for key, pause in events:
        clock.now += pause
        suppressed = throttle.admit(key)
        if suppressed is None:
            held[key] = held.get(key, 0) + 1
            continue
        assert suppressed == held.pop(key, 0)
        assert key not in admitted or clock.now - admitted[key] >= 60.0
        admitted[key] = clock.now
