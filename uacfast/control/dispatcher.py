"""Commands by name, whatever the transport: one handler, one neutral result, two ways of writing it (JSON, binrpc).

A handler gets the list of its arguments (int, float, str, None, bool, and list or dict from JSON) and returns, or is a
coroutine that returns:

None            success without data
str, int, float one value; `Number` is an int that binrpc writes as a double, as Kamailio does with 64-bit counters
dict            one struct; values may be any of these, None is a string that is not set
list            several values, in JSON always an array
Records         several structs, in JSON always an array
Members         a struct whose member names may repeat; in JSON an array of one-member objects

Faults are raised.
"""
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from uacfast import log
from uacfast.fault import Fault

logger = log.get("rpc")


class Records(list):
    """Several structs (dicts)."""


class Members(list):
    """The members of one struct as (name, value) pairs."""


class Number(int):
    """An int that goes as a double in binrpc."""


class UnknownMethod(Fault):
    """No command has this name."""

    def __init__(self, name: str):
        super().__init__(500, f"command {name} not found")
        self.args = (name,)     # how it is made again when it is copied


class Command(NamedTuple):
    """One command: what runs it, and what system.methodHelp says of it."""
    handler: Callable[[list[Any]], Any]
    help: str
    named: bool = False


class Dispatcher:
    """All commands of the server."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def add(self, name: str, handler: Callable[[list[Any]], Any], help: str,
            named: bool = False) -> None:
        """Adds a command. `named`: JSON parameters with names come as one dict, not as the list of their values.
        ValueError: the name is taken."""
        if name in self._commands:
            raise ValueError(f"command {name} exists already")
        self._commands[name] = Command(handler, help, named)

    @property
    def names(self) -> list[str]:
        """All commands in the order of their octets, as system.listMethods shows them."""
        return sorted(self._commands)

    def help_of(self, name: str) -> str | None:
        """What the command does, None when there is none of that name."""
        command = self._commands.get(name)
        return None if command is None else command.help

    def takes_names(self, name: str) -> bool:
        """Whether the command wants to know the names of JSON parameters."""
        command = self._commands.get(name)
        return command is not None and command.named

    async def run(self, name: str, arguments: list[Any]) -> Any:
        """The result of a command. Raises Fault, UnknownMethod when there is no such command, and nothing else."""
        command = self._commands.get(name)
        if command is None:
            raise UnknownMethod(name)
        try:
            result = command.handler(arguments)
            return await result if inspect.isawaitable(result) else result
        except Fault:
            raise
        except Exception as error:
            logger.error("command %s failed", name, exc_info=error)
            raise Fault(500, f"command {name} failed; the log says why") from error


def text_argument(arguments: list[Any], index: int, fault: Fault, *, convert: bool = True) -> str:
    """Argument `index` as text; `fault` is raised when there is none or it cannot be one. With `convert` a number is
    taken by its decimal text: kamcmd sends `12345678` as an int."""
    value = arguments[index] if index < len(arguments) else None
    if isinstance(value, str):
        return value
    if not convert or isinstance(value, bool) or not isinstance(value, int | float):
        raise fault
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def integer_argument(arguments: list[Any], index: int, fault: Fault, *, convert: bool = False) -> int:
    """Argument `index` as an integer; `fault` is raised when there is none or it is not one. With `convert` decimal
    text and a number with a fraction are taken too."""
    value = arguments[index] if index < len(arguments) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if convert and isinstance(value, str | float):
        try:
            return int(value)
        except (ValueError, OverflowError):
            pass
    raise fault
