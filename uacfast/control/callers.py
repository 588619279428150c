"""The part that reads callers from the subscriber table: a worker opens no database (Kamailio: auth_db)."""
from typing import Any

from uacfast import log
from uacfast.control.part import Part
from uacfast.fault import Fault
from uacfast.store import Store, StoreError, open_store

logger = log.get("auth_db")


class Callers(Part):
    """Service `subscriber` of the workers: (table, username, domain or None) to the row's columns, None: nobody."""

    def __init__(self, server: Any):
        self._server = server
        self._store: Store | None = None
        self._url = ""
        server.services["subscriber"] = self._subscriber

    async def start(self) -> None:
        """Opens the database of [auth_db]; it may still be away."""
        await self._open(self._server.config.auth_db.db_url)

    async def reloaded(self, config: Any) -> None:
        """Goes over to another database."""
        if config.auth_db.db_url != self._url:
            await self._open(config.auth_db.db_url)

    async def close(self) -> None:
        """Lets go of the database."""
        if self._store is not None:
            await self._store.close()
            self._store = None

    async def _open(self, url: str) -> None:
        try:
            store = await open_store(url) if url else None
        except StoreError as error:
            raise ValueError(f"auth_db.db_url: {error}") from None
        await self.close()
        self._store, self._url = store, url

    async def _subscriber(self, _worker: int, table: str, username: str, domain: str | None) -> dict[str, str] | None:
        settings = self._server.config.auth_db
        if self._store is None:
            raise Fault(500, "no database of callers is configured: set auth_db.db_url")
        try:
            row = await self._store.subscriber(table, username, domain, user_column=settings.user_column,
                                               domain_column=settings.domain_column)
        except StoreError as error:
            raise Fault(500, str(error)) from None
        if row is None:
            return None
        wanted = {name: row.get(name) or "" for name in ("password", "ha1", "ha1b")}
        if settings.password_column:
            wanted["password" if settings.calculate_ha1 else "ha1"] = row.get(settings.password_column) or ""
        return wanted
