"""`uacfast rpc` and `uacfast top`: finding the server, asking it, showing what it says."""
import argparse
import json
import os
import sys

from rich.console import Console

from uacfast import config as configuration
from uacfast.config.control import control_address
from uacfast.control import client
from uacfast.control import top as live
from uacfast.control.client import NoAnswer, Target
from uacfast.fault import Fault

DEFAULT_CONFIG = "uacfast.toml"
REFUSED, NO_ANSWER = 1, 3


def rpc(command: argparse.Namespace) -> int:
    """One command; the exit status."""
    try:
        target = find_target(command)[0]
        result = client.call(target, command.method, [client.typed(text) for text in command.arguments])
    except Fault as fault:
        print(f"error: {fault.code} - {fault.message.rstrip()}", file=sys.stderr)
        return REFUSED
    except NoAnswer as error:
        print(f"uacfast: {error}", file=sys.stderr)
        return NO_ANSWER
    if command.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    elif result != {}:
        client.show(result, Console(highlight=False))
    return 0


def top(command: argparse.Namespace) -> int:
    """The live view; the exit status."""
    try:
        target = next((target for target in find_target(command) if target.kind == "http"), None)
        if target is None:
            raise NoAnswer("the live view reads the control port: set control.http in the configuration")
        live.run(target, command.interval, command.once, Console(highlight=False))
    except NoAnswer as error:
        print(f"uacfast: {error}", file=sys.stderr)
        return NO_ANSWER
    except KeyboardInterrupt:
        pass
    return 0


def find_target(command: argparse.Namespace) -> list[Target]:
    """Where the server may be asked, the best way first. NoAnswer: nothing says where."""
    if command.server:
        return [_target(command.server)]
    path = command.config or (DEFAULT_CONFIG if os.path.exists(DEFAULT_CONFIG) else "")
    if not path:
        return [Target("json", client.DEFAULT_SOCKET)]
    try:
        found = client.targets_of(configuration.load(path).control)
    except configuration.ConfigError as error:
        raise NoAnswer(f"{path} cannot be used: {error}") from None
    if not found:
        raise NoAnswer(f"{path} opens no way in: set http, unix or binrpc in its [control] section")
    return found


def _target(text: str) -> Target:
    try:
        if "://" in text:
            return client.http_target(text)
        if text.startswith("json:"):
            return Target("json", text.removeprefix("json:"))
        address = control_address(text)
    except ValueError as error:
        raise NoAnswer(f'--server "{text}": expected {error}') from None
    return Target(address.kind, address.path, address.host, address.port)
