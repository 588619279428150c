"""The command line: `uacfast run CONFIG`, `check CONFIG`, `init [PATH]`, `db COMMAND …`, `rpc METHOD …` and `top`."""
import argparse
import os
import sys
from collections.abc import Sequence

from . import __version__, config, database, log, operate
from .starter import STARTER

_DEFAULT_PATH = "uacfast.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (`sys.argv` when None) and returns its exit status: 0, or 1 with a sentence on standard error.

    A wrong command line exits with 2, as argparse does.
    """
    command = _parser().parse_args(arguments)
    return command.action(command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="uacfast", description="A SIP edge proxy with the functions of Kamailio's "
                                                                 "UAC module.")
    parser.add_argument("--version", action="version", version=f"uacfast {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="start the proxy",
                              description="Starts the proxy and stays in the foreground. SIGTERM drains and stops it, "
                                          "SIGHUP reads CONFIG again.")
    run.add_argument("path", metavar="CONFIG", help="the configuration file")
    run.set_defaults(action=lambda command: _run(command.path))
    check = commands.add_parser("check", help="check a configuration file",
                                description="Checks CONFIG and prints every error with its line. Exit status 0: it can "
                                            "be used, 1: it cannot.")
    check.add_argument("path", metavar="CONFIG", help="the configuration file")
    check.set_defaults(action=lambda command: _check(command.path))
    init = commands.add_parser("init", help="write a commented starter configuration",
                               description="Writes a commented configuration that works as it is. An existing file is "
                                           "left alone.")
    init.add_argument("path", metavar="PATH", nargs="?", default=_DEFAULT_PATH, help=f"default: {_DEFAULT_PATH}")
    init.set_defaults(action=lambda command: _init(command.path))
    database.add_commands(commands)
    operate.add_commands(commands)
    return parser


def _load(path: str) -> config.Config | None:
    try:
        return config.load(path)
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return None


def _run(path: str) -> int:
    loaded = _load(path)
    if loaded is None:
        return 1
    log.setup(loaded.server.log_level, loaded.server.log_format)
    for sentence in loaded.without_effect():
        log.get("config").warning("%s", sentence, extra=log.fields(file=path))
    # The engine is loaded only when it is to run.
    from . import server

    return server.run(path, loaded)


def _check(path: str) -> int:
    loaded = _load(path)
    if loaded is None:
        return 1
    for sentence in loaded.without_effect():
        print(f"{path}: warning: {sentence}", file=sys.stderr)
    print(f"{path}: ok")
    return 0


def _init(path: str) -> int:
    try:
        # A configuration comes to hold passwords: not for everyone to read.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    except FileExistsError:
        print(f"{path} exists already and is left as it is; give another path or move it away", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        print(f"{path} cannot be written: {reason}", file=sys.stderr)
        return 1
    with open(file, "w", encoding="utf-8") as starter:
        starter.write(STARTER)
    print(f"{path} is written; start with: uacfast run {path}")
    return 0
