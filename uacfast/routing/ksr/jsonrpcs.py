"""KSR.jsonrpcs: commands of the control part (kemi-python.md §3.10)."""
from typing import Any

from uacfast.fault import Fault


class JsonrpcsModule:
    """A call waits for the control part; only the message at hand waits with it."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._response: str | None = None

    def exec(self, request: str) -> int:
        """Run a JSON-RPC 2.0 request: 1, its answer is in response() then; -1 when it cannot be run."""
        self._response = None
        if not isinstance(request, str):
            raise TypeError(f"expected a str, not {type(request).__name__}")
        if self._runtime.control is None:
            return -1
        try:
            code, reason, body = self._runtime.wait(self._runtime.control.call("jsonrpcs.exec", request))
        except Fault:
            return -1
        self._runtime.rpc_reply = {"code": code, "text": reason, "body": body}
        self._response = body
        return 1

    def execx(self, request: str) -> int:
        return self.exec(request)

    def response(self) -> str | None:
        """The answer to the last exec(), None when there was none."""
        return self._response
