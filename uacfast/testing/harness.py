"""A script without a running proxy: give it a message, see what would be sent (docs/scripts.md)."""
from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from uacfast.assembly import AssembledEngine
from uacfast.config import parse

LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'


class Sent(NamedTuple):
    """A message that would have been sent, and to whom."""
    octets: bytes
    destination: tuple[str, int]

    @property
    def text(self) -> str:
        return self.octets.decode("utf-8", "surrogateescape")

    @property
    def start_line(self) -> str:
        return self.text.partition("\r\n")[0]

    @property
    def status(self) -> int:
        """A reply's status code, 0 for a request."""
        return int(self.start_line.split(" ")[1]) if self.octets.startswith(b"SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """A request's method, "" for a reply."""
        return "" if self.status else self.start_line.partition(" ")[0]

    def headers(self, name: str) -> list[str]:
        """The values of all lines of that name, which is compared without case."""
        head = self.text.partition("\r\n\r\n")[0].replace("\r\n ", " ").replace("\r\n\t", " ")
        pairs = (line.partition(":") for line in head.split("\r\n")[1:])
        return [value.strip() for key, _, value in pairs if key.strip().lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The first value, None when there is none."""
        return next(iter(self.headers(name)), None)


class ScriptHarness:
    """The whole engine in memory with a virtual clock, and a script in it.

    `file`: the script; `config`: more of the configuration file in TOML, without [script]; a [[listen]] is added when
    it has none: 127.0.0.1:5060. `services`: what the control part would answer, functions by name (Control.call).
    ValueError, a sentence, when the script does not start.
    """

    def __init__(self, file: str | os.PathLike[str], config: str = "", *,
                 services: dict[str, Callable[..., Any]] | None = None, resolver: Any = None, now: int = 1_000_000):
        # A path in TOML: a literal string cannot hold a quotation mark, a basic one needs escapes.
        path = os.path.abspath(os.fspath(file)).replace("\\", "\\\\").replace('"', '\\"')
        text = f'[script]\nfile = "{path}"\nwatchdog_seconds = 0\n{config}\n'
        self._config = parse(text if "[[listen]]" in config else text + LISTEN)
        self._loop = asyncio.new_event_loop()
        try:
            self._engine = AssembledEngine(self._config, capture=True, now=now, siphash_key=b"script harness k",
                                           resolver=resolver)
        except BaseException:
            self._loop.close()
            raise
        self._engine.control = _Services(services or {})
        for index, listen in enumerate(self._config.listen):
            self._engine.add_socket(-1, listen.address, index)

    def __enter__(self) -> ScriptHarness:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End what is waiting."""
        self._engine.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    @property
    def script(self) -> Any:
        """The object that mod_init() returned."""
        return self._engine.script.handler

    @property
    def waiting(self) -> int:
        """How many callbacks wait for something."""
        return self._engine.script.waiting

    def receive(self, message: bytes | str, source: tuple[str, int] = ("127.0.0.1", 5070), socket: int = 0, *,
                wait: bool = True) -> list[Sent]:
        """Let a message arrive; what is sent in consequence. `wait`: also what a callback sends after a wait."""
        octets = message.encode("utf-8", "surrogateescape") if isinstance(message, str) else message
        self._loop.run_until_complete(self._run(self._engine.receive, octets, source, socket))
        if wait:
            self.settle()
        return self.take()

    def advance(self, milliseconds: int) -> list[Sent]:
        """Let time pass on the virtual clock: retransmissions, timeouts."""
        self._loop.run_until_complete(self._run(self._engine.advance, milliseconds))
        self.settle()
        return self.take()

    def settle(self) -> None:
        """Return when no callback waits any more. TimeoutError after ten seconds."""
        self._loop.run_until_complete(asyncio.wait_for(self._nothing_waits(), 10))

    def take(self) -> list[Sent]:
        """What was sent since the last call."""
        return [Sent(octets, destination) for octets, destination, _socket in self._engine.take_sent()]

    def reload(self) -> None:
        """What the RPC command app_python.reload does. uacfast.fault.Fault: the old script goes on."""
        self._engine.commands["app_python.reload"]()

    def statistics(self) -> dict[str, int]:
        """The engine's counters."""
        return self._engine.statistics()

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> None:
        function(*arguments)

    async def _nothing_waits(self) -> None:
        while self.waiting:
            await asyncio.sleep(0.001)


class _Services:
    """Stands for the control part."""

    def __init__(self, services: dict[str, Callable[..., Any]]):
        self._services = services

    async def call(self, name: str, *arguments: Any, **_options: Any) -> Any:
        result = self._services[name](*arguments)
        return await result if asyncio.iscoroutine(result) else result

    def post(self, name: str, *arguments: Any) -> None:
        self._services[name](*arguments)
