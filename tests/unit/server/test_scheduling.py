"""The scheduling policy of a worker's thread."""
import os
import threading

import pytest

from uacfast.scheduling import prefer_batches


def policy_after(before: int, *wanted: bool) -> int:
    """The policy of a thread of its own that began with `before`: it would stay with this one."""
    seen = []

    def run() -> None:
        os.sched_setscheduler(0, before, os.sched_param(0))
        for choice in wanted:
            prefer_batches(choice)
        seen.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return seen[0]


@pytest.mark.parametrize(("before", "wanted", "after"), [
    (os.SCHED_OTHER, [True], os.SCHED_BATCH),
    (os.SCHED_OTHER, [False], os.SCHED_OTHER),
    (os.SCHED_OTHER, [True, True], os.SCHED_BATCH),
    (os.SCHED_OTHER, [True, False], os.SCHED_OTHER),
    (os.SCHED_IDLE, [True], os.SCHED_IDLE),
])
def test_policy(before, wanted, after):
    assert policy_after(before, *wanted) == after
