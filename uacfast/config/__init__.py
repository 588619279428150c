"""Configuration: a TOML file read into frozen Structs, or every error in it at once.

`load(path)` and `parse(text)` return a Config or raise ConfigError. Imports: nothing of the other rooms.
"""
import os
import re
import tomllib

import msgspec

from .locator import locate
from .model import (
    Config,
    Credential,
    Ha1,
    Limits,
    Listen,
    Replacement,
    Reply,
    RequestTo,
    Route,
    Rr,
    Script,
    Server,
    Tm,
    Uac,
)
from .problems import ConfigError, Problem, show
from .reader import Reader
from .rules import check

__all__ = ["Config", "ConfigError", "Credential", "Ha1", "Limits", "Listen", "Problem", "Replacement", "Reply",
           "RequestTo", "Route", "Rr", "Script", "Server", "Tm", "Uac", "load", "parse"]

_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_LONG_NUMBER = re.compile(r"[0-9_]{4301}")


def load(path: str) -> Config:
    """Reads the file `path`. ConfigError: it cannot be read, is not UTF-8 or TOML, or has errors."""
    try:
        with open(path, "rb") as file:
            octets = file.read()
    except FileNotFoundError:
        raise ConfigError(path, [_whole_file(f"there is no such file; `uacfast init {path}` writes one")]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(path, [_whole_file(f"cannot be read: {reason}")]) from None
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [Problem(line, "", "", "is not UTF-8 text; save the file as UTF-8")]) from None
    return _with_script_path(parse(text, path), path, text)


def _with_script_path(config: Config, path: str, text: str) -> Config:
    """A script's path is relative to the configuration file. ConfigError: there is no such script."""
    if not config.script.file:
        return config
    script = os.path.abspath(os.path.join(os.path.dirname(path), config.script.file))
    if not os.path.isfile(script):
        line = locate(text).get(("script", "file"), 0)
        raise ConfigError(path, [Problem(line, "script.file", show(config.script.file), f"there is no file {script}")])
    return msgspec.structs.replace(config, script=msgspec.structs.replace(config.script, file=script))


def parse(text: str, path: str = "<string>") -> Config:
    """Reads a configuration from `text`; `path` is the name that messages use. ConfigError: it has errors."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(path, [Problem(_line(text, error.start), "", "", "is not Unicode text")]) from None
    try:
        tables = tomllib.loads(text)
        lines = locate(text)
    except RecursionError:
        raise ConfigError(path, [_whole_file("is not valid TOML: values are nested too deeply")]) from None
    except ValueError as error:
        raise ConfigError(path, [_syntax(text, error)]) from None
    reader = Reader(lines, tables, Config)
    config = reader.table(Config, tables, ())
    check(reader, config, tables)
    if reader.problems:
        raise ConfigError(path, reader.problems)
    return config


def _whole_file(sentence: str) -> Problem:
    return Problem(0, "", "", sentence)


def _syntax(text: str, error: ValueError) -> Problem:
    """tomllib's message with its position moved to where ours stand."""
    if not isinstance(error, tomllib.TOMLDecodeError):       # the one other: int() refuses very long numbers
        number = _LONG_NUMBER.search(text)
        return Problem(_line(text, number.start() if number else 0), "", "", "is not valid TOML: a number is too long")
    message = str(error)
    position = _POSITION.search(message)
    line = int(position[1]) if position and position[1] else _line(text, len(text.rstrip()))
    reason = _POSITION.sub("", message)
    return Problem(line, "", "", f"is not valid TOML: {reason[:1].lower()}{reason[1:]}")


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
