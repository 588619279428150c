"""A UDP hop that loses, doubles and reorders datagrams, seeded so that a run can be repeated."""

from __future__ import annotations

import heapq
import random
import select
import socket
import threading
import time


class LossyHop:
    """Relays between whoever talks to `address` and `target`; looks like a NAT to both.

    `loss`, `duplicate` and `delayed` are chances per datagram, `delay` the longest hold in seconds.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        seed: int,
        loss: float = 0.1,
        duplicate: float = 0.1,
        delayed: float = 0.2,
        delay: float = 0.03,
    ) -> None:
        self.target = target
        self.random = random.Random(seed)
        self.loss, self.duplicate, self.delayed, self.delay = loss, duplicate, delayed, delay
        self.near = self._socket()
        self.far = self._socket()
        self.address: tuple[str, int] = self.near.getsockname()
        self.peer: tuple[str, int] | None = None
        self.lost = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    def _socket() -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        bound.bind(("127.0.0.1", 0))
        return bound

    def __enter__(self) -> LossyHop:
        self._thread.start()
        return self

    def __exit__(self, *_details) -> None:
        self._stopping.set()
        self._thread.join()
        self.near.close()
        self.far.close()

    def _run(self) -> None:
        held: list[tuple[float, int, socket.socket, bytes]] = []
        order = 0
        while not self._stopping.is_set():
            wait = 0.05 if not held else max(0.0, min(0.05, held[0][0] - time.monotonic()))
            for ready in select.select([self.near, self.far], [], [], wait)[0]:
                data, source = ready.recvfrom(65536)
                if ready is self.near:
                    self.peer = source
                if self.random.random() < self.loss:
                    self.lost += 1
                    continue
                out = self.far if ready is self.near else self.near
                for _ in range(2 if self.random.random() < self.duplicate else 1):
                    pause = self.random.random() * self.delay if self.random.random() < self.delayed else 0.0
                    order += 1
                    heapq.heappush(held, (time.monotonic() + pause, order, out, data))
            while held and held[0][0] <= time.monotonic():
                _, _, out, data = heapq.heappop(held)
                destination = self.target if out is self.far else self.peer
                if destination is not None:
                    out.sendto(data, destination)
