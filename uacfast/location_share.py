"""A worker's side of one location for all workers: changes told, and taken from others."""
from collections.abc import Callable
from typing import Any

from uacfast.proxy.location import Binding, Location

FIELDS = ("contact", "expires", "call_id", "cseq", "q", "received", "path", "user_agent", "instance", "reg_id",
          "methods", "branch_flags", "socket", "modified", "ruid")


def to_row(binding: Binding) -> list[Any]:
    """A binding as plain data. Times stay as they are: the workers of one machine have one clock."""
    return [getattr(binding, name) for name in FIELDS]


def from_row(row: list[Any]) -> Binding:
    """The binding of to_row()."""
    values = dict(zip(FIELDS, row, strict=True))
    values["path"] = tuple(values["path"])
    contact, ruid = values.pop("contact"), values.pop("ruid")
    binding = Binding(contact, **values)
    binding.ruid = ruid
    return binding


class LocationShare:
    """Commands `location.store` and `location.rows`; `tell(aor, rows)` is called with what changes here."""

    def __init__(self, location: Location, now: Callable[[], int], tell: Callable[[bytes, list[Any]], None]):
        self._location = location
        self._now = now
        self._tell = tell
        location.listener = self._changed

    def commands(self) -> dict[str, Callable[..., Any]]:
        """For engine.commands."""
        return {"location.store": self._store, "location.rows": self._rows}

    def _changed(self, aor: bytes, bindings: list[Binding]) -> None:
        self._tell(aor, [to_row(binding) for binding in bindings])

    def _store(self, rows: dict[bytes, list[Any]]) -> None:
        for aor, bindings in rows.items():
            self._location.take(aor, [from_row(row) for row in bindings], self._now())

    def _rows(self, after: bytes, count: int) -> dict[bytes, list[Any]]:
        addresses = self._location.addresses(self._now())
        return {aor: [to_row(binding) for binding in addresses[aor]]
                for aor in sorted(aor for aor in addresses if aor > after)[:count]}
