"""KSR.jsonrpcs: commands of the control part (kemi-python.md §3.10)."""
import json
from typing import Any

from uacfast.fault import Fault


class JsonrpcsModule:
    """A call waits for the control part; only the message at hand waits with it."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._response: tuple[int, str] | None = None

    def exec(self, request: str) -> int:
        """Run a JSON-RPC 2.0 request: 1, its answer is in response() then; -1 when it cannot be run."""
        self._response = None
        control = self._runtime.control
        try:
            call = json.loads(request)
            name, arguments = call["method"], call.get("params", [])
        except (ValueError, KeyError, TypeError, AttributeError):
            return -1
        if control is None or not isinstance(name, str):
            return -1
        if isinstance(arguments, dict):
            arguments = list(arguments.values())
        try:
            answer = {"jsonrpc": "2.0", "result": self._runtime.wait(control.call("rpc", name, arguments))}
        except Fault as fault:
            answer = {"jsonrpc": "2.0", "error": {"code": fault.code, "message": fault.message}}
        if call.get("id") is not None:
            answer["id"] = call["id"]
        self._response = (200 if "result" in answer else 500, json.dumps(answer))
        return 1

    def execx(self, request: str) -> int:
        return self.exec(request)

    def response(self) -> str | None:
        """The answer to the last exec(), None when there was none."""
        return None if self._response is None else self._response[1]
