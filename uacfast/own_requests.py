"""Requests of our own as the configuration asks: how they look, where they leave, who hears of their replies."""
from collections.abc import Callable
from functools import partial
from typing import Any

from uacfast import log
from uacfast.config import Config
from uacfast.fault import Fault
from uacfast.proxy.engine import Engine
from uacfast.routing.events import EventSink
from uacfast.routing.script import Script
from uacfast.uac.request import RequestSender
from uacfast.uac.request_description import RequestDescription

logger = log.get("engine")

Listener = Callable[..., None]


class OwnRequests:
    """`post(name, *arguments)` tells the control part something."""

    def __init__(self, engine: Engine, post: Callable[..., None]):
        self.sender = RequestSender(engine)
        self.commands: dict[str, Callable[..., Any]] = {"uac.req_send": self._send}
        self._engine = engine
        self._post = post
        self._default_socket = ""

    def compile_events(self, config: Config) -> list[Listener]:
        """What [[event]] asks for, for apply(). ValueError, a sentence, when that is not possible."""
        return [EventSink(config.event, self._engine.transport, self._post).uac_reply] if config.event else []

    def apply(self, config: Config, listeners: list[Listener], script: Script | None) -> None:
        """Send so from now on; `listeners` hear of each reply, and the script with uac.event_callback."""
        agent = config.server.user_agent_header
        self.sender.user_agent_line = f"User-Agent: {agent}\r\n".encode() if agent else b""
        self.sender.enable_uac_fr = config.tm.enable_uac_fr
        if script is not None and config.uac.event_callback:
            listeners = [*listeners, partial(script.uac_reply, config.uac.event_callback)]
        self.sender.on_event = partial(_tell_all, listeners) if listeners else None
        self._default_socket = config.uac.default_socket
        self.find_socket()

    def find_socket(self) -> int:
        """Look for uac.default_socket among the sockets that are there; its index, -1: there is none."""
        name = self._default_socket
        self.sender.default_socket = self._engine.socket_named(name.encode()) if name else -1
        return self.sender.default_socket

    async def _send(self, values: dict[str, Any]) -> dict[str, Any]:
        """Command uac.req_send: $uac_req's keys to the codes of all attempts, reason and body of the last reply."""
        try:
            outcome = await self.sender.send_request(**values)
        except ValueError as error:
            raise Fault(400, str(error)) from None
        return {"codes": list(outcome.codes), "reason": outcome.reason, "timed_out": outcome.timed_out,
                "body": outcome.body.decode("utf-8", "replace")}


def _tell_all(listeners: list[Listener], description: RequestDescription, response: Any) -> None:
    for listener in listeners:
        try:
            listener(description, response)
        except Exception:       # the others hear it all the same, and who sent the request gets the outcome
            logger.exception("the event of a request of our own could not be told")
