"""How busy a process is: CPU, memory, and how late its loop runs."""
import contextlib
import os
import resource

LAG_WINDOW_SECONDS = 10.0


class LoopLag:
    """How late a loop's timers are called; note() at every tick."""

    def __init__(self) -> None:
        self._ticks = 0
        self._total = 0.0
        self._worst = 0.0           # of this window ...
        self._worst_before = 0.0    # ... and of the one before
        self._window_ends = 0.0

    def note(self, now: float, due: float) -> None:
        """A tick that was due at `due` runs at `now` (seconds of the loop's clock)."""
        late = now - due
        self._ticks += 1
        self._total += late
        if now > self._window_ends:
            self._worst_before, self._worst, self._window_ends = self._worst, 0.0, now + LAG_WINDOW_SECONDS
        if late > self._worst:
            self._worst = late

    def statistics(self) -> dict[str, int]:
        """Microseconds: in total, and the worst of the last 10-20 seconds."""
        return {"loop_ticks": self._ticks, "loop_lag_us": int(self._total * 1e6),
                "loop_lag_worst_us": int(max(self._worst, self._worst_before) * 1e6)}


def process_statistics() -> dict[str, int]:
    """CPU time in microseconds, resident memory and the most of it that ever was, in octets, of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/statm", "rb") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {"cpu_us": int((usage.ru_utime + usage.ru_stime) * 1e6), "resident_octets": resident,
            "resident_peak_octets": max(usage.ru_maxrss * 1024, resident)}


def machine_memory() -> dict[str, int]:
    """Octets of memory of this machine: all, and what could be had now."""
    found = {}
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in ("MemTotal", "MemAvailable"):
                found["memory_total" if name == "MemTotal" else "memory_available"] = int(rest.split()[0]) * 1024
    return found
