"""The part that tells webhooks of events: a worker opens no connections of its own."""
import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from uacfast import log
from uacfast.control.part import Part

if TYPE_CHECKING:
    import aiohttp

logger = log.get("webhook")

TIMEOUT_SECONDS = 10.0
WAITING_MAX = 1_000         # events that wait for a slow webhook; further ones are lost, which is logged


class Webhooks(Part):
    """Service `webhook` of the workers: (URL, event as a dict) posts the event as JSON; failures are logged."""

    def __init__(self, server: Any):
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost = 0
        server.services["webhook"] = self._webhook

    def _webhook(self, worker: int, url: str, event: dict[str, Any]) -> None:
        if len(self._tasks) >= WAITING_MAX:
            self._lost += 1
            if self._lost == 1 or self._lost % WAITING_MAX == 0:
                logger.error("events are lost: the webhook is too slow",
                             extra=log.fields(webhook=_place(url), lost=self._lost))
            return
        task = asyncio.get_running_loop().create_task(self._post(url, event | {"worker": worker}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, url: str, event: dict[str, Any]) -> None:
        # Loaded with the first event: it takes longer to load than all the rest.
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        try:
            async with self._session.post(url, json=event, allow_redirects=False) as answer:
                if answer.status >= 300:
                    logger.warning("a webhook refused an event",
                                   extra=log.fields(webhook=_place(url), status=answer.status))
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            logger.warning("a webhook could not be told of an event",
                           extra=log.fields(webhook=_place(url), reason=reason))

    async def close(self) -> None:
        """Gives up what is still on its way."""
        for task in list(self._tasks):
            task.cancel()
        if self._session is not None:
            await self._session.close()


def _place(url: str) -> str:
    """What of a URL may be logged: the rest is often what proves that one may post there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
