"""KSR.xlog: log entries with pseudo-variables in them (kemi-python.md §3.10)."""
import logging

from uacfast.routing.ksr.core import level_of, write_log
from uacfast.routing.pv import text_template

logger = logging.getLogger("uacfast.script")


class XlogModule:
    """Every function returns 1."""

    def __init__(self, runtime: object) -> None:
        self._runtime = runtime

    def _write(self, level: int, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"expected a str, not {type(text).__name__}")
        if logger.isEnabledFor(level):
            write_log(level, text_template(text).evaluate(self._runtime.context))
        return 1

    def xlog(self, level: str, text: str) -> int:
        """`level`: L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO or L_DBG, also in small letters without L_."""
        if not isinstance(level, str):
            raise TypeError(f"expected a str, not {type(level).__name__}")
        return self._write(level_of(level), text)

    def xdbg(self, text: str) -> int:
        return self._write(logging.DEBUG, text)

    def xinfo(self, text: str) -> int:
        return self._write(logging.INFO, text)

    def xnotice(self, text: str) -> int:
        return self._write(logging.INFO, text)

    def xwarn(self, text: str) -> int:
        return self._write(logging.WARNING, text)

    def xerr(self, text: str) -> int:
        return self._write(logging.ERROR, text)

    def xcrit(self, text: str) -> int:
        return self._write(logging.ERROR, text)

    def xalert(self, text: str) -> int:
        return self._write(logging.ERROR, text)
