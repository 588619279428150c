"""The part that keeps every worker's location alike: a REGISTER comes to one of them, calls come to all."""
import asyncio
from typing import Any

from uacfast import log
from uacfast.control.part import Part
from uacfast.fault import Fault, Unreachable

AT_A_TIME = 1_000                # addresses of record in one call

logger = log.get("location")


class Locations(Part):
    """Service `location.changed` (address of record, rows): told to all other workers."""

    def __init__(self, server: Any):
        self._server = server
        self._whole: set[int] = set()        # workers that know what there is
        server.services["location.changed"] = self._changed

    async def _changed(self, worker: int, aor: bytes, rows: list[Any]) -> None:
        await asyncio.gather(*(self._tell(other, {aor: rows}) for other in range(self._server.workers)
                               if other != worker))

    async def _tell(self, worker: int, rows: dict[bytes, list[Any]]) -> None:
        try:
            await self._server.call_worker(worker, "location.store", rows)
        except (Fault, Unreachable) as error:
            logger.warning("worker %d has not heard where users are: %s", worker, error)

    async def worker_ready(self, index: int) -> None:
        """Tells a new worker what the others know."""
        others = self._whole - {index}
        self._whole.discard(index)
        after = b""
        while others:
            try:
                rows = await self._server.call_worker(min(others), "location.rows", after, AT_A_TIME)
            except (Fault, Unreachable):
                others.discard(min(others))
                continue
            if not rows:
                break
            await self._tell(index, rows)
            after = max(rows)
        self._whole.add(index)
