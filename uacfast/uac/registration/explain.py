"""uac.reg_explain: what has become of a registration and why, in sentences."""

import time
from collections.abc import Callable
from typing import Any

REASONS = {
    401: "the registrar refuses the user name or password, or asks for a realm that is not the row's",
    403: "the registrar forbids the account to register",
    404: "the registrar does not know the account",
    407: "the proxy refuses the user name or password, or asks for a realm that is not the row's",
    408: "the registrar has not answered",
    423: "the registrar wants a longer expires",
    478: "the host name of auth_proxy cannot be resolved, or auth_proxy is no SIP URI",
    503: "the registrar has no capacity, or cannot be reached",
}
EVENTS = {
    "due": "its time came and a REGISTER was sent",
    "overdue": "no answer came within any time that it may take",
    "expired": "the time that the registrar granted was over",
    "accepted": "the registrar accepted it",
    "unbound": "the registrar's list has no Contact of ours",
    "challenged": "the registrar asked for credentials",
    "too brief": "the registrar wants a longer expires",
    "refused": "it was refused",
    "given up": "it was refused and, without reg_retry_interval, disabled",
    "enable": "it was enabled",
    "disable": "it was disabled",
    "restart": "it was told to, or its row has changed",
}


def clock(seconds: int) -> str:
    """Local time of day with date."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def explain(found: dict[str, Any], resolved: Callable[[str, int], list[str] | None]) -> dict[str, Any]:
    """The command's structure from Management.explain(); `resolved(host, port)` as in WorkerRegistrations."""
    now = found["now"]
    answer = {
        "l_uuid": found["l_uuid"],
        "state": found["state"],
        "worker": found["worker"],
        "summary": _summary(found),
        "next_attempt": _next_attempt(found),
        "target": f"{found['auth_proxy']} ({_addresses(found['auth_proxy'], resolved)})",
        "registrar": _registrar(found["registrar"]),
    }
    if found["expires"] != found["row_expires"]:
        answer["expires"] = (
            f"{found['expires']} s are asked for; the row says {found['row_expires']} s"
            if found["expires"]
            else "uac.reg_unregister has silenced it until it is refreshed"
        )
    if found["service_route"]:
        answer["service_route"] = found["service_route"]
    for number, step in enumerate(found["transitions"], 1):
        status = f" ({step['status']})" if step["status"] else ""
        answer[f"transition_{number}"] = f"{clock(step['at'])}: {EVENTS[step['event']]}{status}; now {step['state']}"
    answer["now"] = clock(now)
    return answer


def _registrar(registrar: dict[str, Any]) -> str:
    return (
        f"{registrar['records']} records, {registrar['waiting']} waiting, {registrar['in_flight']} under way of at "
        f"most {registrar['window']}, {registrar['accepted']} accepted, {registrar['refused']} refused, "
        f"{registrar['unanswered']} not answered, breaker {registrar['breaker']}"
    )


def _summary(found: dict[str, Any]) -> str:
    now, until = found["now"], found["granted_until"]
    if found["flags"] & 4 and until > now and not found["flags"] & 1:
        return f"registered until {clock(until)}, {until - now} s from now, of {found['granted']} s granted"
    if found["expires"] == 0 and found["row_expires"] and not found["flags"] & 2:
        return "not registered: uac.reg_unregister has silenced it; uac.reg_refresh brings it back"
    if found["flags"] & 1:
        if found["last_status"] >= 300 and found["failures"]:
            return f"not registered: disabled after {_reason(found['last_status'])}"
        return "not registered: disabled; uac.reg_enable enables it"
    if found["expires"] == 0:
        return "not registered: expires is 0"
    if found["flags"] & 2:
        return "not registered yet: a REGISTER is under way"
    if found["last_status"] == 200:
        return "not registered: the registrar answered 200, but without our Contact"
    if found["last_status"]:
        return f"not registered: {_reason(found['last_status'])}, {found['failures']} times in a row"
    return "not registered yet: it has not been tried"


def _reason(status: int) -> str:
    return f"{status}, {REASONS[status]}" if status in REASONS else f"{status}"


def _next_attempt(found: dict[str, Any]) -> str:
    if found["flags"] & 2:
        return "under way"
    if found["queued"]:
        if not found["active"]:
            return "waits until uac.reg_active 1"
        if found["registrar"]["breaker"] != "closed":
            return "waits until the registrar answers again (breaker)"
        return f"waits for its turn behind others at this registrar ({found['registrar']['waiting']} wait)"
    if not found["next_attempt"]:
        return "none"
    return f"{clock(found['next_attempt'])}, in {max(found['next_attempt'] - found['now'], 0)} s"


def _addresses(uri: str, resolved: Callable[[str, int], list[str] | None]) -> str:
    rest = uri.partition(":")[2].rpartition("@")[2].partition(";")[0].partition("?")[0]
    if rest.startswith("["):
        host, _, port = rest.partition("]")
        host, port = host + "]", port.lstrip(":")
    else:
        host, _, port = rest.partition(":")
    if not host or (port and not port.isdigit()):
        return "no SIP URI"
    addresses = resolved(host, int(port or 0))
    return ", ".join(addresses) if addresses else "not resolved yet"
