"""uac.*: the commands of remote registration, as Kamailio answers them, and some of our own (uac-semantics §7)."""

from typing import Any

from uacfast.control.dispatcher import Dispatcher, Records, text_argument
from uacfast.fault import Fault

MASK = "********"
DUMP_CHUNK = 2000  # records in one message
SEARCH_CHUNK = 5000  # records that one call looks at: well under a millisecond
SEARCH_MOST = 1000  # records that a search finds
SORTED_DUMP = 20_000  # up to so many records come in Kamailio's order, more as they lie
ROW_TEXTS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14)  # parameters of uac.reg_add that are texts
ROW_NUMBERS = (10, 11, 12)
UNSET_BY_DOT = (5, 7, 8, 13, 14, 15)  # realm, auth_password, auth_ha1, socket, contact_addr, contact_user
CONTACT_ADDR, SOCKET = 14, 13


class UacCommands:
    """`registrations`: uacfast.control.registrations.Registrations; `server`: uacfast.server.Server."""

    def __init__(self, registrations: Any, server: Any):
        self._registrations = registrations
        self._server = server

    def add_to(self, dispatcher: Dispatcher) -> None:
        """Adds them all."""
        add = dispatcher.add
        add("uac.reg_dump", self._dump, "All remote registrations.")
        add(
            "uac.reg_info",
            self._info,
            "One registration; arguments: attribute (l_uuid, l_username, r_username, auth_username), value.",
        )
        add(
            "uac.reg_search",
            self._search,
            "Registrations with a text in their l_uuid, a user name or r_domain; arguments: text, how many at most "
            f"(100; up to {SEARCH_MOST}).",
        )
        for name, text in (
            ("enable", "Enable a registration"),
            ("disable", "Disable a registration"),
            ("register", "Send a REGISTER now"),
            ("unregister", "Send a REGISTER with Expires: 0 now"),
        ):
            add(f"uac.reg_{name}", self._acting(name), f"{text}; arguments: attribute, value.")
        add(
            "uac.reg_reload",
            self._reload,
            "Read the table again, what is unchanged goes on; argument: dry, to tell only what would change.",
        )
        add("uac.reg_refresh", self._refresh, "Read one row again; argument: l_uuid.")
        add("uac.reg_active", self._active, "Switch scheduled registering on (1) or off (0).")
        add(
            "uac.reg_add",
            self._add,
            "Add a registration in memory; arguments: the columns from l_uuid to contact_addr.",
        )
        add("uac.reg_remove", self._remove, "Remove a registration from memory; argument: l_uuid.")
        add("uac.reg_explain", self._explain, "What has become of a registration and why; argument: l_uuid.")
        add("uac.reg_quarantine", self._quarantine, "Rows of the table that cannot be used, with the reason.")
        add("uac.reg_registrars", self._registrars, "Next hops with their records by state; argument: how many.")

    # === Showing ===

    def _shown(self, record: dict[str, Any]) -> dict[str, Any]:
        if not self._server.config.control.show_secrets:
            for name in ("auth_password", "auth_ha1"):
                if record[name] != "none":
                    record[name] = MASK
        return record

    async def _dump(self, _arguments: list[Any]) -> Records:
        found: list[tuple[int, int, dict[str, Any]]] = []
        for index in range(self._server.workers):
            cursor = 0
            while cursor >= 0:
                cursor, rows = await self._server.call_worker(index, "reg.dump", cursor, DUMP_CHUNK)
                found += rows
        if len(found) <= SORTED_DUMP:
            found.sort(key=lambda one: (one[0], -one[1]))
        return Records(self._shown(record) for _slot, _age, record in found)

    async def _search(self, arguments: list[Any]) -> Records:
        wanted = text_argument(arguments, 0, Fault(400, "Invalid Parameters"))
        most = min(max(_number(arguments[1]), 1), SEARCH_MOST) if len(arguments) > 1 else 100
        found: list[dict[str, Any]] = []
        for index in range(self._server.workers):
            cursor = 0
            # Calls come between two chunks: the worker has SIP to do.
            while cursor >= 0 and len(found) < most:
                cursor, rows = await self._server.call_worker(
                    index, "reg.search", wanted, cursor, SEARCH_CHUNK, most - len(found)
                )
                found += rows
        return Records(self._shown(record) for record in found)

    async def _info(self, arguments: list[Any]) -> dict[str, Any]:
        return self._shown(await self._registrations.act("info", *_filter(arguments)))

    async def _explain(self, arguments: list[Any]) -> dict[str, Any]:
        return await self._registrations.act("explain", "l_uuid", _uuid(arguments))

    async def _quarantine(self, _arguments: list[Any]) -> Records:
        return Records(
            {"l_uuid": uuid, "reason": reason, "since": int(since)}
            for uuid, (reason, since) in self._registrations.quarantine.items()
        )

    async def _registrars(self, arguments: list[Any]) -> Records:
        most = _number(arguments[0]) if arguments else 20
        merged: dict[str, dict[str, Any]] = {}
        for found in await self._registrations.all_workers("reg.registrars", max(most, 1)):
            for one in found:
                known = merged.setdefault(one["destination"], one)
                if known is not one:
                    for name in ("records", "waiting", "in_flight", "attempts", "accepted", "refused", "unanswered"):
                        known[name] += one[name]
                    for state, count in one["states"].items():
                        known["states"][state] += count
        return Records(sorted(merged.values(), key=lambda one: -one["records"])[:most])

    # === Acting ===

    def _acting(self, command: str) -> Any:
        async def handle(arguments: list[Any]) -> None:
            await self._registrations.act(command, *_filter(arguments))

        return handle

    async def _reload(self, arguments: list[Any]) -> dict[str, Any] | None:
        dry = bool(arguments) and arguments[0] == "dry"
        if arguments and not dry:
            raise Fault(400, "Invalid Parameters")
        report = await self._registrations.reload(dry)
        if not dry:
            return None
        return {name: ", ".join(value) if isinstance(value, list) else value for name, value in report.items()}

    async def _refresh(self, arguments: list[Any]) -> None:
        await self._registrations.refresh(_uuid(arguments))

    async def _active(self, arguments: list[Any]) -> dict[str, int]:
        if not arguments:
            raise Fault(500, "Missing parameter")
        mode = _number(arguments[0])
        former = await self._registrations.all_workers("reg.active", mode)
        if not former:
            raise Fault(500, "Not initialized")
        return {"omode": former[0], "nmode": mode}

    async def _add(self, arguments: list[Any]) -> None:
        if len(arguments) < 15:
            raise Fault(400, "Invalid Parameters")
        wrong = Fault(400, "Invalid Parameters")
        values: list[Any] = [
            text_argument(arguments, index, wrong) if index not in ROW_NUMBERS else _number(arguments[index])
            for index in range(min(len(arguments), 16))
        ]
        values += [""] * (16 - len(values))
        for index in UNSET_BY_DOT:
            if values[index] == ".":
                values[index] = ""
        if not values[7] and not values[8]:
            raise Fault(500, "Failed to add record - invalid password or ha1")
        # The command has socket before contact_addr, the table the other way round.
        values[SOCKET], values[CONTACT_ADDR] = values[CONTACT_ADDR], values[SOCKET]
        await self._registrations.add(values)

    async def _remove(self, arguments: list[Any]) -> None:
        await self._registrations.remove(_uuid(arguments))


def _filter(arguments: list[Any]) -> tuple[str, str]:
    wrong = Fault(400, "Invalid Parameters")
    attribute = text_argument(arguments, 0, wrong, convert=False)
    value = text_argument(arguments, 1, wrong)
    if not attribute or not value:
        raise Fault(400, "Invalid Parameter Values")
    return attribute, value


def _uuid(arguments: list[Any]) -> str:
    return text_argument(arguments, 0, Fault(400, "Invalid Parameters"))


def _number(value: Any) -> int:
    """A JSON number or its text; anything else is 0, as with Kamailio."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
