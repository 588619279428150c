"""Port numbers that no other test process takes while this one lives."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

# Below the kernel's ephemeral range, so that sockets bound to port 0 never take one of these.
FIRST, LAST = 20000, 32000
HOSTS = (("127.0.0.1", socket.AF_INET), ("127.0.0.2", socket.AF_INET), ("::1", socket.AF_INET6))

_held: list[int] = []


def _free_everywhere(port: int) -> bool:
    for host, family in HOSTS:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
    return True


def free_port() -> int:
    """A port free on 127.0.0.1, 127.0.0.2 and ::1, for UDP and TCP; locked for this process until it exits."""
    directory = Path(tempfile.gettempdir()) / "uacfast-test-ports"
    directory.mkdir(mode=0o777, exist_ok=True)
    while True:
        port = random.randrange(FIRST, LAST)
        lock = os.open(directory / str(port), os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        if _free_everywhere(port):
            _held.append(lock)
            return port
        os.close(lock)
