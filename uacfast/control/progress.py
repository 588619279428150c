"""How far something long is, for the log."""
import time
from collections.abc import Callable

from uacfast import log

PROGRESS_SECONDS = 5.0      # between two lines

logger = log.get("registrations")


class Progress:
    """`total` things called `what` are to be done, `done` of them are at the beginning."""

    def __init__(self, what: str, total: int, done: int = 0, clock: Callable[[], float] = time.monotonic):
        self.total = total
        self.done = done
        self._what = what
        self._clock = clock
        self._done_before = done
        self._began = self._told = clock()

    def show(self, done: int) -> None:
        """So many are done now; a line for the log when the last one is some time ago."""
        self.done = done
        now = self._clock()
        # A caller that comes at the same pace comes now and then a little early.
        if now < self._told + 0.9 * PROGRESS_SECONDS:
            return
        self._told = now
        rate = (done - self._done_before) / (now - self._began)
        if rate <= 0:
            logger.info("%d of %d %s", done, self.total, self._what)
            return
        left = max(self.total - done, 0) / rate
        logger.info("%d of %d %s, %.0f per second, about %.0f s left", done, self.total, self._what, rate, left)
