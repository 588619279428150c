"""What the control part is made of: each part hears when the server starts, ends, and changes."""
from typing import Any


class Part:
    """One thing that the control part does beside keeping workers; `Server.parts` has them in the order of starting.

    All four are awaited; a part overrides what concerns it.
    """

    async def start(self) -> None:
        """Before the workers start. OSError or ValueError with a sentence: the program ends with exit status 1."""

    async def worker_ready(self, index: int) -> None:
        """A worker has become ready, at the start or in place of one that died: it knows nothing yet but the
        configuration. The program says "ready" only after this has returned for the first life of every worker."""

    async def reloaded(self, config: Any) -> None:
        """A new configuration is in force in all workers."""

    async def close(self) -> None:
        """The program ends; the workers still answer. Also called when start() of a later part has failed."""
