"""Statistics under Kamailio's groups and names, computed from the workers' counters, and the commands that show them.

Groups core, sl, tmx and shmem are computed here. A counter that a worker names `group.name`, such as
`dialog.active_dialogs`, is the statistic of that group and name, added up over the workers.
"""
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from uacfast.control.dispatcher import Dispatcher, Number, text_argument
from uacfast.fault import Fault

Counters = dict[str, int]

REPLY_METHODS = {"invite": "INVITE", "cancel": "CANCEL", "bye": "BYE", "reg": "REGISTER", "message": "MESSAGE",
                 "prack": "PRACK", "update": "UPDATE", "refer": "REFER"}
REQUEST_METHODS = ("INVITE", "CANCEL", "ACK", "BYE", "INFO", "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "OPTIONS",
                   "PRACK", "UPDATE", "REFER", "PUBLISH")
SL_STATUSES = (200, 202, 300, 301, 302, 400, 401, 403, 404, 407, 408, 483, 500)
# What goes up and down by itself and cannot be set back.
GAUGES = {("tmx", "inuse_transactions"), ("tmx", "active_transactions"), ("uac", "regtotal"), ("uac", "regactive"),
          ("uac", "regdisabled"), ("uac_reg", "quarantined"), ("dialog", "active_dialogs"), ("dialog", "early_dialogs"),
          ("usrloc", "registered_users")}
GAUGE_GROUPS = {"shmem"}


class Statistic:
    """One statistic: how it is computed from the counters of all workers, and what it means."""

    __slots__ = ("help", "read")

    def __init__(self, read: Callable[[Counters], int], help: str):
        self.read = read
        self.help = help


def _sum(*names: str) -> Callable[[Counters], int]:
    return lambda counters: sum(counters.get(name, 0) for name in names)


def _statuses(prefix: str, first: int, last: int) -> Callable[[Counters], int]:
    return lambda counters: sum(counters.get(f"{prefix}:{status}", 0) for status in range(first, last + 1))


def _class_total(counters: Counters) -> int:
    return sum(count for name, count in counters.items() if name.startswith("response_class:"))


def _core() -> dict[str, Statistic]:
    found = {
        "rcv_requests": Statistic(_sum("requests"), "requests received"),
        "rcv_replies": Statistic(_sum("responses"), "responses received"),
        "fwd_requests": Statistic(_sum("relayed_requests", "relayed_acks"), "requests sent on"),
        "fwd_replies": Statistic(_sum("relayed_responses", "stray_responses_forwarded"), "responses sent on"),
        "drop_requests": Statistic(_sum("dropped_bad_ack", "dropped_stray_ack", "dropped_unusable_source"),
                                   "requests dropped without an answer"),
        "drop_replies": Statistic(_sum("dropped_bad_response", "dropped_stray_response", "dropped_foreign_response"),
                                  "responses dropped"),
        "err_requests": Statistic(_sum("resolution_failed", "transport_errors"),
                                  "attempts to send a request that failed here"),
        "unsupported_methods": Statistic(_sum("request_method:OTHER"), "requests with a method without a name here"),
        "bad_msg_hdr": Statistic(_sum("dropped_not_sip", "dropped_no_via"), "datagrams that are no SIP message"),
    }
    for method in REQUEST_METHODS:
        found[f"rcv_requests_{method.lower()}"] = Statistic(_sum(f"request_method:{method}"), f"{method}s received")
    for number in range(1, 7):
        found[f"rcv_replies_{number}xx"] = Statistic(_statuses("response_status", number * 100, number * 100 + 99),
                                                     f"responses {number}xx received")
        for short, method in REPLY_METHODS.items():
            found[f"rcv_replies_{number}xx_{short}"] = Statistic(
                _sum(f"response_class:{number}:{method}"), f"responses {number}xx to {method} received")
    found["rcv_replies_18x"] = Statistic(_statuses("response_status", 180, 189), "responses 18x received")
    for status in (401, 404, 407, 480, 486):
        found[f"rcv_replies_{status}"] = Statistic(_sum(f"response_status:{status}"), f"responses {status} received")
    return found


def _sl() -> dict[str, Statistic]:
    found = {
        "sent_replies": Statistic(_sum("stateless_replies"), "replies sent without a transaction"),
        "sent_err_replies": Statistic(_statuses("stateless_status", 400, 699), "of these, errors"),
        "received_ACKs": Statistic(_sum("dropped_stray_ack"), "ACKs that end here and belong to no transaction"),
        "failures": Statistic(_sum("send_errors"), "datagrams that the system refused to send"),
    }
    for status in SL_STATUSES:
        found[f"{status}_replies"] = Statistic(_sum(f"stateless_status:{status}"), f"{status} sent without transaction")
    for number in range(1, 7):
        found[f"{number}xx_replies"] = Statistic(_statuses("stateless_status", number * 100, number * 100 + 99),
                                                 f"{number}xx sent without transaction")
    found["xxx_replies"] = Statistic(_sum("stateless_status:0"), "sent with a status outside of 100-699")
    return found


def _tmx() -> dict[str, Statistic]:
    found = {
        "UAS_transactions": Statistic(lambda c: max(c.get("created_transactions", 0) - c.get("local_requests", 0), 0),
                                      "transactions that a request from elsewhere began"),
        "UAC_transactions": Statistic(_sum("local_requests"), "transactions that a request of our own began"),
        "inuse_transactions": Statistic(_sum("transactions"), "transactions in memory"),
        "active_transactions": Statistic(_sum("active_transactions"), "transactions without a final response"),
        "rpl_received": Statistic(_class_total, "responses received that belong to a transaction"),
        "rpl_generated": Statistic(_sum("generated_responses"), "responses made here"),
        "rpl_sent": Statistic(_sum("sent_responses"), "responses sent upstream"),
        "rpl_relayed": Statistic(_sum("relayed_responses"), "responses from downstream sent on"),
        "rpl_absorbed": Statistic(lambda c: max(_class_total(c) - c.get("relayed_responses", 0), 0),
                                  "responses from downstream that ended here"),
    }
    for number in range(2, 7):
        found[f"{number}xx_transactions"] = Statistic(_sum(f"final_class:{number}"),
                                                      f"transactions that ended {number}xx")
    return found


def _shmem() -> dict[str, Statistic]:
    # There is no shared memory: what the processes hold stands for it.
    return {
        "total_size": Statistic(_sum("memory_total"), "octets of memory of this machine"),
        "used_size": Statistic(_sum("resident_octets"), "octets that the processes hold"),
        "real_used_size": Statistic(_sum("resident_octets"), "octets that the processes hold"),
        "max_used_size": Statistic(_sum("resident_peak_octets"), "the most they held"),
        "free_size": Statistic(_sum("memory_available"), "octets of memory of this machine that are free"),
    }


_DIALOG = {
    "active_dialogs": "dialogs that were answered and have not ended", "early_dialogs": "dialogs that ring",
    "processed_dialogs": "dialogs that began to be tracked", "expired_dialogs": "dialogs that lasted too long",
    "failed_dialogs": "dialogs that were never established",
}


# They come from the workers by name; here is what they mean.
_COMPUTED_ELSEWHERE = {
    ("uac", "regtotal"): "remote registrations in memory",
    ("uac", "regactive"): "remote registrations that are registered",
    ("uac", "regdisabled"): "remote registrations that are disabled",
    ("uac_reg", "quarantined"): "rows of the registrations' table that cannot be used",
}


def _dialog() -> dict[str, Statistic]:
    return {name: Statistic(_sum(name), text) for name, text in _DIALOG.items()}


class Statistics:
    """All statistics. `collect()` gives the counters of all workers, added up."""

    def __init__(self, collect: Callable[[], Awaitable[Counters]]):
        self._collect = collect
        self._groups = {"core": _core(), "sl": _sl(), "tmx": _tmx(), "shmem": _shmem(), "dialog": _dialog()}
        self._zero: dict[tuple[str, str], int] = {}

    async def read(self) -> dict[str, dict[str, int]]:
        """{group: {name: value}}, both sorted."""
        counters = await self._collect()
        found: dict[str, dict[str, int]] = {
            group: {name: statistic.read(counters) for name, statistic in members.items()}
            for group, members in self._groups.items()}
        for key, value in counters.items():
            group, dot, name = key.partition(".")
            if dot:
                found.setdefault(group, {})[name] = value
        for (group, name), zero in self._zero.items():
            value = found.get(group, {}).get(name)
            # A worker that was replaced begins anew: less than the zero point means that it is gone.
            if value is not None and value >= zero:
                found[group][name] = value - zero
        return {group: dict(sorted(found[group].items())) for group in sorted(found)}

    async def select(self, wanted: Iterable[str]) -> list[tuple[str, str, int]]:
        """(group, name, value) for each of `all`, `group:`, `group:name` or `name`; what is unknown gives nothing."""
        groups = await self.read()
        found: dict[tuple[str, str], int] = {}
        for text in wanted:
            group, colon, name = text.partition(":")
            if not colon:
                group, name = "", text
            for at, members in groups.items():
                if text != "all" and group not in ("", at):
                    continue
                for member, value in members.items():
                    if text == "all" or member == name or (colon and not name):
                        found.setdefault((at, member), value)
        return [(group, name, value) for (group, name), value in found.items()]

    async def reset(self, selected: list[tuple[str, str, int]]) -> None:
        """These begin at 0 again, as far as RPC shows; gauges stay."""
        for group, name, value in selected:
            if (group, name) not in GAUGES and group not in GAUGE_GROUPS:
                self._zero[group, name] = self._zero.get((group, name), 0) + value

    def help(self, group: str, name: str) -> str:
        """What a statistic means; "" where nothing is written about it."""
        statistic = self._groups.get(group, {}).get(name)
        return statistic.help if statistic is not None else _COMPUTED_ELSEWHERE.get((group, name), "")


class StatisticsCommands:
    """stats.* and cnt.*"""

    def __init__(self, statistics: Statistics):
        self._statistics = statistics

    def add_to(self, dispatcher: Dispatcher) -> None:
        """Adds them all."""
        add = dispatcher.add
        add("stats.get_statistics", self._lines, "Statistics as lines; arguments: names, group: or all.")
        add("stats.fetch", self._texts, "Statistics as one struct of texts; arguments: names, group: or all.")
        add("stats.fetchn", self._numbers, "Statistics as one struct of numbers; arguments: names, group: or all.")
        add("stats.reset_statistics", self._reset, "Set statistics back to 0; arguments: names, group: or all.")
        add("stats.clear_statistics", self._clear, "Show statistics and set them back to 0.")
        add("cnt.get", self._get, "The value of one counter; arguments: group, name.")
        add("cnt.grp_get_all", self._group, "All counters of a group; argument: group.")
        for name in ("cnt.grps_list", "cnt.list_groups"):
            add(name, self._groups, "The groups of counters.")
        for name in ("cnt.var_list", "cnt.list_vars"):
            add(name, self._names, "The counters of a group; argument: group.")
        add("cnt.help", self._help, "What a counter means; arguments: group, name.")
        add("cnt.reset", self._reset_one, "Set a counter back to 0; arguments: group, name.")

    async def _selected(self, arguments: list[Any], missing: str) -> list[tuple[str, str, int]]:
        if not arguments:
            raise Fault(400, missing)
        wanted = [text_argument(arguments, index, Fault(400, missing)) for index in range(len(arguments))]
        return await self._statistics.select(wanted)

    async def _lines(self, arguments: list[Any]) -> list[str]:
        selected = await self._selected(arguments, "Please provide which stats to retrieve")
        return [f"{group}:{name} = {value}" for group, name, value in selected]

    async def _texts(self, arguments: list[Any]) -> dict[str, str]:
        selected = await self._selected(arguments, "Please provide which stats to retrieve")
        return {f"{group}.{name}": str(value) for group, name, value in selected}

    async def _numbers(self, arguments: list[Any]) -> dict[str, Number]:
        selected = await self._selected(arguments, "Please provide which stats to retrieve")
        return {f"{group}.{name}": Number(value) for group, name, value in selected}

    async def _reset(self, arguments: list[Any]) -> None:
        await self._statistics.reset(await self._selected(arguments, "Please provide stats name"))

    async def _clear(self, arguments: list[Any]) -> list[str]:
        selected = await self._selected(arguments, "Please provide stats name")
        await self._statistics.reset(selected)
        return [f"{group}:{name} = {value}" for group, name, value in selected]

    async def _one(self, arguments: list[Any]) -> tuple[str, str, int]:
        wrong = Fault(400, "Invalid Parameters")
        group, name = text_argument(arguments, 0, wrong), text_argument(arguments, 1, wrong)
        value = (await self._statistics.read()).get(group, {}).get(name)
        if value is None:
            raise Fault(400, f"non-existent counter {group}.{name}\n")
        return group, name, value

    async def _get(self, arguments: list[Any]) -> int:
        return (await self._one(arguments))[2]

    async def _group(self, arguments: list[Any]) -> dict[str, int]:
        group = text_argument(arguments, 0, Fault(400, "Invalid Parameters"))
        return (await self._statistics.read()).get(group, {})

    async def _groups(self, _arguments: list[Any]) -> list[str]:
        return list(await self._statistics.read())

    async def _names(self, arguments: list[Any]) -> list[str]:
        return list(await self._group(arguments))

    async def _help(self, arguments: list[Any]) -> str:
        group, name, _ = await self._one(arguments)
        return self._statistics.help(group, name)

    async def _reset_one(self, arguments: list[Any]) -> None:
        await self._statistics.reset([await self._one(arguments)])


def transaction_statistics(counters: Counters) -> dict[str, int]:
    """What tm.stats shows, in Kamailio's order."""
    created, held = counters.get("created_transactions", 0), counters.get("transactions", 0)
    classes = {f"{number}xx": counters.get(f"final_class:{number}", 0) for number in range(6, 1, -1)}
    return {"current": held, "waiting": held - counters.get("active_transactions", 0), "total": created,
            "total_local": counters.get("local_requests", 0), "rpl_received": _class_total(counters),
            "rpl_generated": counters.get("generated_responses", 0), "rpl_sent": counters.get("sent_responses", 0),
            **classes, "created": created, "freed": created - held, "delayed_free": 0}


def stateless_statistics(counters: Counters) -> dict[str, int]:
    """What sl.stats shows, in Kamailio's order."""
    members = _sl()
    order = ("200", "202", "2xx", "300", "301", "302", "3xx", "400", "401", "403", "404", "407", "408", "483", "4xx",
             "500", "5xx", "6xx", "xxx")
    return {name: members[f"{name}_replies"].read(counters) for name in order}


