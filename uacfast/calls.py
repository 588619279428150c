"""Calls by name between the control part and a worker, in both directions over their channel.

Arguments and results are plain data (None, bool, int of 64 bits, float, str, bytes, list, dict) and always travel as
msgpack, also within one process: both sides have their own copy, and what works with one worker works with many.
Tuples arrive as lists. A result has a limit, so what may be long is asked for in parts (first row, how many).
"""
import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from uacfast import log, messages
from uacfast.fault import Fault, Unreachable

ANSWER_SECONDS = 10.0
RESULT_OCTETS_MAX = 48 << 20    # less than a channel's MESSAGE_OCTETS_MAX
WAITING_MAX = 10_000            # calls under way in one direction

logger = log.get("calls")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Calls:
    """One side of a channel's calls.

    `send(message)` gives a message to the channel; `find(name)` is the function of a command, or None; `peer` names
    the other side in sentences.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[messages.Message], None],
                 find: Callable[[str], Callable[..., Any] | None], peer: str):
        self._loop = loop
        self._send = send
        self._find = find
        self._peer = peer
        self._serial = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._gone = False

    async def call(self, name: str, *arguments: Any, timeout: float = ANSWER_SECONDS) -> Any:
        """The result of the other side's command `name`. Fault: what the command raised, or that it cannot be carried;
        Unreachable: the other side is gone or did not answer within `timeout` seconds."""
        if self._gone:
            raise Unreachable(f"{self._peer} is gone")
        if len(self._waiting) >= WAITING_MAX:
            raise Unreachable(f"{WAITING_MAX} calls are waiting for {self._peer} already")
        octets = self._encoded(name, arguments)
        self._serial += 1
        serial = self._serial
        answer = self._waiting[serial] = self._loop.create_future()
        self._send(messages.Call(serial=serial, name=name, arguments=octets))
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise Unreachable(f"{self._peer} has not answered {name} within {timeout:g} s") from None
        finally:
            self._waiting.pop(serial, None)

    def post(self, name: str, *arguments: Any) -> None:
        """Tells the other side; nothing comes back, a failure there is only logged."""
        self._send(messages.Post(name=name, arguments=self._encoded(name, arguments)))

    def receive(self, message: Any) -> bool:
        """Takes a message of calls; False when it is another kind of message."""
        match message:
            case messages.Call(serial, name, arguments):
                self._perform(serial, name, arguments)
            case messages.Post(name, arguments):
                self._perform(None, name, arguments)
            case messages.Answer(serial, result):
                self._answered(serial, lambda answer: answer.set_result(_decode(result)))
            case messages.Refusal(serial, code, text):
                self._answered(serial, lambda answer: answer.set_exception(Fault(code, text)))
            case _:
                return False
        return True

    def peer_gone(self) -> None:
        """The other side has ended: who waits for it hears so, what it asked for is given up."""
        self._gone = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unreachable(f"{self._peer} has ended"))
        for task in list(self._running):
            task.cancel()

    def _encoded(self, name: str, arguments: tuple[Any, ...]) -> bytes:
        try:
            octets = _encode(arguments)
        except (TypeError, ValueError, OverflowError) as error:
            raise Fault(500, f"the arguments of {name} cannot be sent: {error}") from error
        if len(octets) > RESULT_OCTETS_MAX:
            raise Fault(500, f"the arguments of {name} are larger than {RESULT_OCTETS_MAX} octets")
        return octets

    def _answered(self, serial: int, settle: Callable[[asyncio.Future[Any]], None]) -> None:
        answer = self._waiting.get(serial)      # none: it came too late
        if answer is not None and not answer.done():
            settle(answer)

    def _perform(self, serial: int | None, name: str, octets: bytes) -> None:
        function = self._find(name)
        if function is None:
            self._refuse(serial, name, Fault(500, f"command {name} not found"))
            return
        try:
            result = function(*_decode(octets))
        except Exception as error:
            self._refuse(serial, name, error)
            return
        if inspect.isawaitable(result):
            task = self._loop.create_task(self._await(serial, name, result))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        else:
            self._answer(serial, name, result)

    async def _await(self, serial: int | None, name: str, result: Awaitable[Any]) -> None:
        try:
            self._answer(serial, name, await result)
        except Exception as error:
            self._refuse(serial, name, error)

    def _answer(self, serial: int | None, name: str, result: Any) -> None:
        if serial is None:
            return
        try:
            octets = _encode(result)
        except (TypeError, ValueError, OverflowError) as error:
            self._refuse(serial, name, error)
            return
        if len(octets) > RESULT_OCTETS_MAX:
            self._refuse(serial, name, Fault(500, f"the result of {name} is larger than {RESULT_OCTETS_MAX} octets; "
                                                  "ask for less at a time"))
            return
        self._send(messages.Answer(serial=serial, result=octets))

    def _refuse(self, serial: int | None, name: str, error: Exception) -> None:
        if not isinstance(error, Fault):
            logger.error("command %s failed", name, exc_info=error)
            error = Fault(500, f"command {name} failed; the log says why")
        elif serial is None:
            logger.warning("command %s was refused: %s", name, error)
        if serial is not None:
            self._send(messages.Refusal(serial=serial, code=error.code, text=error.message))
