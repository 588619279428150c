"""The ul.* and htable.* commands of one worker: plain data in and out, for the control part to merge."""
import time
import zlib
from collections.abc import Callable
from typing import Any

from uacfast.fault import Fault

TABLE = "location"              # the only table of contacts
SIZE = 1024                     # what Kamailio's default shows; nothing here depends on it
NOT_SET = "[not set]"
NO_TABLE = Fault(500, "No such htable")


def feature_commands(features: Any, now: Callable[[], int],
                     socket_name: Callable[[int], str]) -> dict[str, Callable[..., Any]]:
    """{Kamailio's command: function} over a proxy.features.EdgeFeatures. `now`: milliseconds of the worker's clock;
    `socket_name`: a socket's number to `udp:host:port`."""
    location, tables = features.registrar.location, features.hash_tables
    contacts = _Contacts(location, now, socket_name)
    cells = _Cells(tables, now)
    return {"ul.dump": contacts.dump, "ul.lookup": contacts.lookup, "ul.rm": contacts.remove,
            "ul.rm_contact": contacts.remove_contact, "htable.dump": cells.dump, "htable.get": cells.get,
            "htable.sets": cells.set_text, "htable.seti": cells.set_integer, "htable.delete": cells.delete,
            "htable.flush": cells.flush, "htable.listTables": cells.list_tables}


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace") or NOT_SET


class _Contacts:
    def __init__(self, location: Any, now: Callable[[], int], socket_name: Callable[[int], str]):
        self._location = location
        self._now = now
        self._socket_name = socket_name

    def dump(self, mode: str = "") -> dict[str, Any]:
        brief = mode == "brief"
        found = self._location.addresses(self._now())
        entries = []
        for aor, bindings in found.items():
            name, contacts = self._record(aor, bindings, brief).items()
            entries.append({"Info": dict((name, ("HashID", zlib.crc32(aor) & 0x7FFFFFFF), contacts))})
        return {"Domains": [{"Domain": {
            "Domain": TABLE, "Size": SIZE, "AoRs": entries,
            "Stats": {"Records": len(entries), "Max-Slots": min(len(entries), 1)}}}]}

    def lookup(self, table: str, aor: str) -> dict[str, Any]:
        return self._record(aor.encode(), self._bindings(table, aor), False)

    def remove(self, table: str, aor: str) -> None:
        self._bindings(table, aor)
        self._location.replace(aor.encode(), [], self._now())

    def remove_contact(self, table: str, aor: str, contact: str) -> None:
        bindings = self._bindings(table, aor)
        kept = [binding for binding in bindings if binding.contact != contact.encode()]
        if len(kept) == len(bindings):
            raise Fault(404, "Contact not found")
        self._location.replace(aor.encode(), kept, self._now())

    def _bindings(self, table: str, aor: str) -> list[Any]:
        if table != TABLE:
            raise Fault(500, "Location table not found")
        bindings = self._location.bindings(str(aor).encode(), self._now())
        if not bindings:
            raise Fault(500, f"AOR not found in {TABLE} table")
        return bindings

    def _record(self, aor: bytes, bindings: list[Any], brief: bool) -> dict[str, Any]:
        return {"AoR": aor.decode("utf-8", "replace"),
                "Contacts": [{"Contact": self._contact(binding, brief)} for binding in bindings]}

    def _contact(self, binding: Any, brief: bool) -> dict[str, Any]:
        if brief:
            return {"Address": _text(binding.contact)}
        changed = int(time.time()) - (self._now() - binding.modified) // 1000
        return {
            "Address": _text(binding.contact), "Expires": (binding.expires - self._now()) // 1000,
            "Q": -1.0 if binding.q < 0 else binding.q / 1000, "Call-ID": _text(binding.call_id), "CSeq": binding.cseq,
            "User-Agent": _text(binding.user_agent), "Received": _text(binding.received),
            "Path": _text(b",".join(binding.path)), "State": "CS_NEW", "Flags": 0, "CFlags": binding.branch_flags,
            "Socket": self._socket_name(binding.socket), "Methods": binding.methods, "Ruid": _text(binding.ruid),
            "Instance": _text(binding.instance), "Reg-Id": binding.reg_id, "Server-Id": 0, "Tcpconn-Id": -1,
            "Keepalive": 0, "Last-Keepalive": changed, "KA-Roundtrip": 0, "Last-Modified": changed}


class _Cells:
    def __init__(self, tables: Any, now: Callable[[], int]):
        self._tables = tables
        self._now = now

    def _table(self, name: str) -> Any:
        table = self._tables.table(str(name))
        if table is None:
            raise NO_TABLE
        return table

    def dump(self, name: str) -> list[dict[str, Any]]:
        cells = self._table(name).items(self._now())
        return [{"entry": number, "size": 1, "slot": [
            {"name": key, "value": value, "type": "int" if isinstance(value, int) else "str"}]}
            for number, (key, value, _left) in enumerate(cells)]

    def get(self, name: str, key: str) -> dict[str, Any]:
        table, key = self._table(name), str(key)
        left = table.expires_in(key, self._now())
        if left is None:
            raise Fault(500, "Key name doesn't exist in htable.")
        value = table.get(key, self._now())
        expire = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + left / 1000)) if left else ""
        return {"item": {"name": key, "value": value, "flags": 0 if isinstance(value, int) else 2, "expire": expire}}

    def set_text(self, name: str, key: str, value: Any) -> str:
        return self._set(name, key, str(value))

    def set_integer(self, name: str, key: str, value: Any) -> str:
        if not isinstance(value, int):
            raise Fault(500, "Not enough parameters (htable name, key name and value)")
        return self._set(name, key, value)

    def _set(self, name: str, key: str, value: Any) -> str:
        if not self._table(name).set(str(key), value, self._now()):
            raise Fault(500, "Failed to set the item")
        return "Ok. Key set to new value."

    def delete(self, name: str, key: str) -> str:
        if not self._table(name).remove(str(key)):
            raise Fault(500, "Key name doesn't exist in htable.")
        return "Ok. Key deleted."

    def flush(self, name: str) -> str:
        self._table(name).clear()
        return "Ok. Htable flushed."

    def list_tables(self) -> list[dict[str, Any]]:
        return [{"name": name, "dbtable": "", "dbmode": 0, "expire": table.auto_expire // 1000,
                 "updateexpire": int(table.update_expire), "size": SIZE, "dmqreplicate": 0}
                for name, table in sorted(self._tables.tables.items())]
