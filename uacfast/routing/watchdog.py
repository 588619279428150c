"""Tells when a callback of the script does not return: a thread of its own, since the loop does not turn then."""
import logging
import os
import signal
import sys
import threading
import traceback
from typing import Protocol

logger = logging.getLogger("uacfast.script")


class Watched(Protocol):
    running: bool
    runs: int


class Options(Protocol):
    watchdog_seconds: int
    watchdog_kill: bool


class Watchdog:
    """Watches the script of the thread that makes it. `runs` counts its callbacks, `running` tells of one that runs.

    A callback that does not return is told once, with the place where it hangs; with `watchdog_kill` the process ends,
    so that the supervisor starts another.
    """

    def __init__(self, script: Watched, options: Options):
        self._script = script
        self._seconds = options.watchdog_seconds
        self._kill = options.watchdog_kill
        self._thread_id = threading.get_ident()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        if self._seconds:
            self._thread = threading.Thread(target=self._watch, name="script watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        seen, hangs, told = -1, 0, -1
        rounds = 4      # looks per watchdog_seconds
        while not self._stopped.wait(self._seconds / rounds):
            runs = self._script.runs
            if not self._script.running or runs != seen:
                seen, hangs = runs, 0
                continue
            hangs += 1
            if hangs >= rounds and told != runs:
                told = runs
                self._tell()

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._thread_id)
        stack = "".join(traceback.format_stack(frame)).rstrip() if frame is not None else "no Python frame"
        logger.critical("a callback of the script has been running for more than %d s (script.watchdog_seconds); "
                        "it is here:\n%s", self._seconds, stack)
        if self._kill:
            logger.critical("the worker is ended (script.watchdog_kill)")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)
