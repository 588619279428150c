"""What goes wrong with variables, in the log: at most so many lines a second, since strangers' messages cause them."""
import logging
import time

logger = logging.getLogger("uacfast.script")
LINES_PER_SECOND = 10


class Reports:
    """A logger that counts what comes too fast, and says so when the second is over."""

    def __init__(self, clock=time.monotonic) -> None:
        self.clock = clock
        self.second = 0.0
        self.lines = 0
        self.left_out = 0

    def report(self, message: str, *arguments: object) -> None:
        """Log an error."""
        now = self.clock()
        if now - self.second >= 1:
            if self.left_out:
                logger.error("%d more lines about variables were left out.", self.left_out)
            self.second, self.lines, self.left_out = now, 0, 0
        if self.lines == LINES_PER_SECOND:
            self.left_out += 1
            return
        self.lines += 1
        logger.error(message, *arguments)


REPORTS = Reports()
report = REPORTS.report
