"""uac.req_send: a request of our own from an operator or his programs; what becomes of it is the answer."""
from typing import Any

from uacfast.control.dispatcher import Dispatcher
from uacfast.fault import Fault

NUMBERS = ("flags", "evroute", "cseqno", "fr_timeout", "fr_inv_timeout")       # keys of $uac_req that are numbers
ATTEMPTS_MAX = 4            # of one request, when challenges are answered
GRACE_SECONDS = 5.0


class RequestCommands:
    """`server`: uacfast.server.Server."""

    def __init__(self, server: Any):
        self._server = server

    def add_to(self, dispatcher: Dispatcher) -> None:
        """Adds the command."""
        dispatcher.add("uac.req_send", self._send,
                       "Send a request and wait for its final reply; arguments: the keys of $uac_req as key=value, or "
                       "JSON parameters by name. method and ruri are needed; auser with apasswd answers a challenge.",
                       named=True)

    async def _send(self, arguments: list[Any]) -> dict[str, Any]:
        tm = self._server.config.tm
        longest = ATTEMPTS_MAX * max(tm.max_inv_lifetime, tm.max_noninv_lifetime) / 1000 + GRACE_SECONDS
        # Any worker can: the reply comes back to the one that sent it.
        worker = next((index for index, pid in enumerate(self._server.pids) if pid is not None), 0)
        outcome = await self._server.call_worker(worker, "uac.req_send", _values(arguments), timeout=longest)
        return outcome | {"timed_out": int(outcome["timed_out"])}


def _values(arguments: list[Any]) -> dict[str, Any]:
    """The keys and values. Fault 400 says what is wrong and shows no value: it may be a password."""
    found: dict[str, Any] = {}
    for number, argument in enumerate(arguments, 1):
        if isinstance(argument, dict):
            found |= argument
            continue
        key, equals, value = argument.partition("=") if isinstance(argument, str) else ("", "", "")
        if not key or not equals:
            raise Fault(400, f"Argument {number} is not key=value.")
        found[key] = value
    for key in NUMBERS:
        if isinstance(found.get(key), str):
            try:
                found[key] = int(found[key])
            except ValueError:
                raise Fault(400, f"$uac_req({key}) is a number.") from None
    return found
