"""How Linux schedules a worker beside whatever else runs on its CPU."""
import os


def prefer_batches(wanted: bool) -> None:
    """Let this thread, woken up, wait for its turn (SCHED_BATCH) instead of interrupting what runs there; or no longer.

    What a worker's pause is for, to serve several datagrams with one wake-up, is undone when its end interrupts the
    very program that is about to send more. Its share of the CPU stays the same; on an idle one nothing changes.
    Policies of another kind that the operator chose (real-time, idle) are left alone.
    """
    before, after = (os.SCHED_OTHER, os.SCHED_BATCH) if wanted else (os.SCHED_BATCH, os.SCHED_OTHER)
    if os.sched_getscheduler(0) == before:
        os.sched_setscheduler(0, after, os.sched_param(0))
