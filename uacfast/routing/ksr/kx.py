"""KSR.kx: the parts of a message without naming a pseudo-variable (kemi-python.md §3.10)."""
from collections.abc import Callable
from typing import Any

from uacfast.routing.pv import pseudo_variable

# Function name after get_, getw_, gete_ -> pseudo-variable.
TEXTS = {
    "ruri": "$ru", "ruser": "$rU", "rhost": "$rd", "ouri": "$ou", "ouser": "$oU", "ohost": "$od", "furi": "$fu",
    "fuser": "$fU", "fhost": "$fd", "turi": "$tu", "tuser": "$tU", "thost": "$td", "duri": "$du", "ua": "$ua",
    "srcip": "$si", "method": "$rm", "callid": "$ci", "body": "$rb",
}
PROTOCOLS = {"udp": 1, "tcp": 2, "tls": 3, "ws": 5, "wss": 6}


class KxModule:
    """get_x(): None when it is not there; gete_x(): ""; getw_x(): "<null>"."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._status = pseudo_variable("$rs")
        self._port = pseudo_variable("$sp")
        self._protocol = pseudo_variable("$proto")
        self._defines: set[str] = set()
        for name, text in TEXTS.items():
            for prefix, absent in (("get_", None), ("gete_", ""), ("getw_", "<null>")):
                setattr(self, prefix + name, self._getter(text, absent))

    def _getter(self, text: str, absent: str | None) -> Callable[[], Any]:
        variable = pseudo_variable(text)
        runtime = self._runtime

        def get() -> Any:
            value = variable.read(runtime.context)
            return absent if value is None else value
        return get

    def get_srcport(self) -> int | None:
        return self._port.read(self._runtime.context)

    def get_status(self) -> int:
        """A reply's status, 0 for a request."""
        return self._status.read(self._runtime.context) or 0

    def get_protoid(self) -> int:
        """1 udp, 2 tcp, 3 tls, 5 ws, 6 wss; 0 without a message."""
        return PROTOCOLS.get(self._protocol.read(self._runtime.context), 0)

    def ifdef(self, name: str) -> bool:
        """There are no preprocessor defines here."""
        return False

    def ifndef(self, name: str) -> bool:
        return True
