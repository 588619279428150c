"""`uacfast rpc` and `uacfast top`: finding the server, asking it, showing what it says."""
import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from uacfast import config as configuration
from uacfast.config.control import control_address
from uacfast.fault import Fault

if TYPE_CHECKING:
    from uacfast.control.client import Target

DEFAULT_CONFIG = "uacfast.toml"
DEFAULT_SOCKET = "/run/uacfast/rpc.sock"
REFUSED, NO_ANSWER = 1, 3


class NowhereToAsk(Exception):
    """Nothing says where the server listens; the text is a sentence."""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `rpc` and `top` to the command line. Their actions return the exit status."""
    parser = commands.add_parser("rpc", help="send one command to a running server",
                                 description="Sends METHOD with its arguments and prints the result. Numbers are sent "
                                             "as numbers, s:123 as text. Exit status 0: done, 1: refused, 3: no "
                                             "answer.")
    parser.add_argument("method", metavar="METHOD", help="such as uac.reg_dump; system.listMethods names all")
    parser.add_argument("arguments", metavar="ARG", nargs=argparse.REMAINDER,
                        help="s:--json where a text looks like an option")
    _add_rpc_options(parser)
    parser.set_defaults(action=_rpc)
    parser = commands.add_parser("top", help="live view of a running server",
                                 description="Calls, transactions, registrations and errors, every second, until "
                                             "Ctrl-C. Exit status 3: no answer.")
    parser.add_argument("--interval", type=_interval, default=1.0, metavar="SECONDS", help="0.1 to 3600, default: 1")
    parser.add_argument("--once", action="store_true", help="print one screen and end")
    _add_target(parser)
    parser.set_defaults(action=_top)


def _add_rpc_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    _add_target(parser)


def _options_among(command: argparse.Namespace) -> list[str]:
    """Takes the options that stand behind METHOD out of its arguments; what is left."""
    parser = argparse.ArgumentParser(prog="uacfast rpc", add_help=False, allow_abbrev=False)
    _add_rpc_options(parser)
    # What METHOD did not take for an option keeps the value that it had.
    parser.set_defaults(**{name: getattr(command, name) for name in ("json", "config", "server")})
    _, rest = parser.parse_known_args([text for text in command.arguments if text != "--"], command)
    return rest


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="CONFIG", help="the server's configuration, which says where it listens; "
                                                           f"default: {DEFAULT_CONFIG}, where there is one")
    parser.add_argument("-s", "--server", metavar="ADDRESS", help="where it listens: http://host:port, json:/path (the "
                                                                  "datagram socket), or as with kamcmd -s")


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 3600:
        raise ValueError
    return seconds


def _rpc(command: argparse.Namespace) -> int:
    # Loaded only when it is wanted: what makes tables and screens is not small.
    from rich.console import Console

    from uacfast.control import client

    arguments = [client.typed(text) for text in _options_among(command)]
    try:
        result = client.call(find_target(command)[0], command.method, arguments)
    except Fault as fault:
        print(f"error: {fault.code} - {fault.message.rstrip()}", file=sys.stderr)
        return REFUSED
    except (NowhereToAsk, client.NoAnswer) as error:
        print(f"uacfast: {error}", file=sys.stderr)
        return NO_ANSWER
    if command.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    elif result != {}:
        client.show(result, Console(highlight=False))
    return 0


def _top(command: argparse.Namespace) -> int:
    from rich.console import Console

    from uacfast.control import client
    from uacfast.control import top as live

    try:
        target = next((target for target in find_target(command) if target.kind == "http"), None)
        if target is None:
            raise NowhereToAsk("the live view reads the control port: set control.http in the configuration")
        live.run(target, command.interval, command.once, Console(highlight=False))
    except (NowhereToAsk, client.NoAnswer) as error:
        print(f"uacfast: {error}", file=sys.stderr)
        return NO_ANSWER
    except KeyboardInterrupt:
        pass
    return 0


def find_target(command: argparse.Namespace) -> "list[Target]":
    """Where the server may be asked, the best way first. NowhereToAsk: nothing says where."""
    from uacfast.control.client import Target, targets_of

    if command.server:
        return [_target(command.server)]
    path = command.config or (DEFAULT_CONFIG if os.path.exists(DEFAULT_CONFIG) else "")
    if not path:
        return [Target("json", DEFAULT_SOCKET)]
    try:
        found = targets_of(configuration.load(path).control)
    except configuration.ConfigError as error:
        raise NowhereToAsk(f"{path} cannot be used: {error}") from None
    if not found:
        raise NowhereToAsk(f"{path} opens no way in: set http, unix or binrpc in its [control] section")
    return found


def _target(text: str) -> "Target":
    from uacfast.control.client import Target, http_target

    try:
        if "://" in text:
            return http_target(text)
        if text.startswith("json:"):
            return Target("json", text.removeprefix("json:"))
        address = control_address(text)
    except ValueError as error:
        raise NowhereToAsk(f'--server "{text}": expected {error}') from None
    return Target(address.kind, address.path, address.host, address.port)
