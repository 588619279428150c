"""RPC commands that the workers carry out: asked of all of them, their answers made one."""
import asyncio
from collections.abc import Callable
from typing import Any

from uacfast.control.dispatcher import Dispatcher, Records


def _all_of(results: list[Any]) -> Records:
    return Records(row for rows in results if rows is not None for row in rows)


def _summed(results: list[Any]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counts in results:
        for name, count in (counts or {}).items():
            total[name] = total.get(name, 0) + count
    return total


def _first(results: list[Any]) -> Any:
    return next((result for result in results if result is not None), None)


def _locations(results: list[Any]) -> dict[str, Any]:
    """ul.dump: the records of all workers under their domains, each once: workers tell each other what they know."""
    domains: dict[str, dict[str, Any]] = {}
    for dump in results:
        for entry in (dump or {}).get("Domains", []):
            domain = entry["Domain"]
            known = domains.get(domain["Domain"])
            if known is None:
                domains[domain["Domain"]] = domain
                continue
            seen = {entry["Info"]["AoR"] for entry in known["AoRs"]}
            known["AoRs"] += [entry for entry in domain["AoRs"] if entry["Info"]["AoR"] not in seen]
            known["Stats"] = {"Records": len(known["AoRs"]),
                              "Max-Slots": max(known["Stats"]["Max-Slots"], domain["Stats"]["Max-Slots"])}
    return {"Domains": [{"Domain": domain} for domain in domains.values()]}


# A command of the workers (engine.commands), how the answers of all become one, and its help. A worker that does not
# find what is asked for raises a Fault; where any finds it, that is the answer.
WORKER_COMMANDS: dict[str, tuple[Callable[[list[Any]], Any], str]] = {
    "dlg.list": (_all_of, "All dialogs."),
    "dlg.list_ctx": (_all_of, "All dialogs with their context."),
    "dlg.briefing": (_all_of, "All dialogs in short."),
    "dlg.dlg_list": (_first, "One dialog; arguments: Call-ID, From tag."),
    "dlg.stats_active": (_summed, "How many dialogs are in which state."),
    "dlg.end_dlg": (_first, "End a dialog; arguments: h_entry, h_id."),
    "dlg.terminate_dlg": (_first, "End a dialog; arguments: Call-ID, From tag, To tag."),
    "dlg.set_timeout": (_first, "Let a dialog last so many seconds from now; arguments: h_entry, h_id, seconds."),
    "ul.dump": (_locations, "All registered contacts; argument brief: addresses only."),
    "ul.lookup": (_first, "The contacts of one address of record; arguments: table, AoR."),
    "ul.add": (_first, "Add a contact."),
    "ul.rm": (_first, "Remove an address of record; arguments: table, AoR."),
    "ul.rm_contact": (_first, "Remove a contact; arguments: table, AoR, contact."),
    "htable.dump": (_all_of, "The entries of a hash table; argument: table."),
    "htable.get": (_first, "One value; arguments: table, key."),
    "htable.sets": (_first, "Set a text; arguments: table, key, value."),
    "htable.seti": (_first, "Set an integer; arguments: table, key, value."),
    "htable.delete": (_first, "Remove a key; arguments: table, key."),
    "htable.flush": (_first, "Remove all keys; argument: table."),
    "htable.listTables": (lambda results: Records(_first(results) or []), "All hash tables."),
    "pike.top": (_all_of, "Addresses that send the most."),
    "pike.list": (_all_of, "Addresses that are watched."),
    "tm.list": (_all_of, "Transactions in memory."),
    "app_python.reload": (_first, "Read the script again."),
    "app_python.api_list": (_first, "The functions that scripts have."),
}


class WorkerCommands:
    """Offers those commands that the workers have."""

    def __init__(self, server: Any):
        self._server = server

    def add_to(self, dispatcher: Dispatcher, names: list[str]) -> None:
        """Adds what is in `names` and not yet there; others have commands of their own for theirs."""
        for name, (merge, text) in WORKER_COMMANDS.items():
            if name in names and dispatcher.help_of(name) is None:
                dispatcher.add(name, self._handler(name, merge), text)

    def _handler(self, name: str, merge: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
        async def handle(arguments: list[Any]) -> Any:
            results = await asyncio.gather(
                *(self._server.call_worker(index, name, *arguments) for index in range(self._server.workers)),
                return_exceptions=True)
            faults = [result for result in results if isinstance(result, BaseException)]
            found = [result for result in results if not isinstance(result, BaseException)]
            if not found:
                raise faults[0]
            return merge(found)
        return handle
