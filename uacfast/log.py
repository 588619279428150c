"""Logging: one line on standard error for each event that an operator acts on.

Text:  2026-11-23T04:00:00.123Z info transport: socket is open address=127.0.0.1:5060
JSON:  {"time":"2026-11-23T04:00:00.123Z","level":"info","logger":"transport","message":"socket is open","address":…}

A field is given by `extra=fields(address="127.0.0.1:5060")`.
"""
import json
import logging
import sys
import time
from collections.abc import Callable, Hashable
from typing import Any, TextIO

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
_ROOT = "uacfast"


def get(name: str) -> logging.Logger:
    """The logger of one room, e.g. `get("transport")`."""
    return logging.getLogger(f"{_ROOT}.{name}")


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """The `extra` argument of a logging call that adds `values` to the line."""
    return {"fields": values}


def setup(level: str = "info", format: str = "text", stream: TextIO | None = None) -> None:
    """Sends the log to `stream` (standard error when None). May be called again; the last call counts.

    level: error, warning, info or debug, for our own loggers; other libraries are heard from warning on.
    format: text or json. ValueError: another level or format.
    """
    if level not in _LEVELS:
        raise ValueError(f'log level "{level}" is not one of {", ".join(_LEVELS)}')
    if format not in ("text", "json"):
        raise ValueError(f'log format "{format}" is not one of text, json')
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(TextFormatter() if format == "text" else JsonFormatter())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, _Formatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    logging.getLogger(_ROOT).setLevel(_LEVELS[level])


class _Formatter(logging.Formatter):
    """What both formats share: the parts of one event."""

    def parts(self, record: logging.LogRecord) -> dict[str, Any]:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        parts = {"time": f"{stamp}.{int(record.created * 1000) % 1000:03d}Z",
                 "level": "error" if record.levelno >= logging.ERROR else record.levelname.lower(),
                 "logger": record.name.removeprefix(f"{_ROOT}."),
                 "message": record.getMessage()}
        extra = dict(getattr(record, "fields", None) or {})
        if record.exc_info and record.exc_info[0] is not None:
            extra["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            extra["stack"] = record.stack_info
        # A field never hides a part of the event itself.
        return parts | {(f"{name}_" if name in parts else name): value for name, value in extra.items()}


class TextFormatter(_Formatter):
    """`TIME LEVEL LOGGER: MESSAGE key=value …`, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        parts = self.parts(record)
        line = f"{parts.pop('time')} {parts.pop('level')} {parts.pop('logger')}: {_escaped(parts.pop('message'))}"
        return line + "".join(f" {_escaped(name)}={_quoted(value)}" for name, value in parts.items())


class JsonFormatter(_Formatter):
    """One JSON object on one line; a value that JSON does not have is written as its text."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.parts(record), ensure_ascii=False, separators=(",", ":"), default=_text)


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def _escaped(text: str) -> str:
    """Keeps a line one line, and what strangers sent away from the terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = _text(value)
    if text and text.isprintable() and not any(char in ' "=' for char in text):
        return text
    return _escaped(json.dumps(text, ensure_ascii=False))


class Throttle:
    """Lets one event per key and interval through and counts the rest.

    suppressed = throttle.admit(peer)
    if suppressed is not None:
        logger.warning("message is too long", extra=fields(peer=peer, suppressed=suppressed))

    Strangers may choose the keys, so at most `capacity` of them are remembered; while all of these are younger than
    the interval, further keys share one place.
    """

    def __init__(self, interval: float = 60.0, capacity: int = 1024,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """interval: seconds."""
        self._interval = interval
        self._capacity = capacity
        self._clock = clock
        self._admitted: dict[Hashable, list[float | int]] = {}     # key: [time, suppressed], the oldest first
        self._overflow: list[float | int] | None = None

    def admit(self, key: Hashable) -> int | None:
        """How many events of `key` were held back since the last admitted one; None: hold this one back too."""
        now = self._clock()
        entry = self._admitted.get(key)
        if entry is None and len(self._admitted) >= self._capacity:
            oldest = next(iter(self._admitted))
            if now - self._admitted[oldest][0] < self._interval:
                return self._admit_overflow(now)
            del self._admitted[oldest]
        if entry is not None:
            if now - entry[0] < self._interval:
                entry[1] += 1
                return None
            del self._admitted[key]
        self._admitted[key] = [now, 0]
        return 0 if entry is None else int(entry[1])

    def _admit_overflow(self, now: float) -> int | None:
        if self._overflow is not None and now - self._overflow[0] < self._interval:
            self._overflow[1] += 1
            return None
        suppressed = 0 if self._overflow is None else int(self._overflow[1])
        self._overflow = [now, 0]
        return suppressed
