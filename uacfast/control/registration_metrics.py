"""Registrations in /metrics: from what each worker's reg.metrics and reg.registrars say."""
from collections import Counter
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

REGISTRARS_MAX = 50             # of each worker, those with the most records: every one is several time series


def _family(kind: type, name: str, text: str, label: str, values: dict[str, float]) -> Metric:
    family = kind(f"uacfast_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def registration_metrics(workers: list[dict[str, Any]]) -> Iterator[Metric]:
    """Records by state, what has happened to them, and responses by class; nothing without registrations."""
    if not workers:
        return
    states, events, classes = Counter[str](), Counter[str](), Counter[str]()
    for one in workers:
        states.update(one["states"])
        events.update(one["counters"])
        classes.update(one["responses"])
    yield _family(GaugeMetricFamily, "registrations", "Registrations by state.", "state", states)
    yield _family(CounterMetricFamily, "registration_events", "What happened to registrations.", "event", events)
    yield _family(CounterMetricFamily, "registration_responses", "Final responses to REGISTERs.", "class", classes)
    for name, key, text in (("registrations_waiting", "waiting", "Registrations that wait for their registrar."),
                            ("registrations_in_flight", "in_flight", "REGISTERs without a final response."),
                            ("registration_bytes", "octets", "Memory in use for registrations.")):
        yield GaugeMetricFamily(f"uacfast_{name}", text, value=sum(one[key] for one in workers))


def registrar_metrics(workers: list[list[dict[str, Any]]]) -> Iterator[Metric]:
    """The registrars with the most records; nothing without registrations."""
    merged: dict[str, dict[str, Any]] = {}
    for registrars in workers:
        for one in registrars:
            into = merged.setdefault(one["destination"], {"states": Counter(), "replies": 0, "time": 0, "attempts": 0,
                                                          "unanswered": 0, "open": False})
            replies = one["accepted"] + one["refused"]
            into["states"].update(one["states"])
            into["replies"] += replies
            into["time"] += one["latency"] * replies
            into["attempts"] += one["attempts"]
            into["unanswered"] += one["unanswered"]
            into["open"] = into["open"] or one["breaker"] != "closed"
    if not merged:
        return
    states = GaugeMetricFamily("uacfast_registrar_registrations", "Registrations by registrar and state.",
                               labels=["registrar", "state"])
    for registrar, one in merged.items():
        for state, count in one["states"].items():
            states.add_metric([registrar, state], count)
    yield states
    yield _family(GaugeMetricFamily, "registrar_latency_seconds", "Mean time to the final response.", "registrar",
                  {name: one["time"] / one["replies"] / 1000 for name, one in merged.items() if one["replies"]})
    for name, key, text in (("registrar_replies", "replies", "Final responses of a registrar."),
                            ("registrar_attempts", "attempts", "Attempts to register at a registrar."),
                            ("registrar_unanswered", "unanswered", "Attempts that a registrar never answered.")):
        yield _family(CounterMetricFamily, name, text, "registrar", {host: one[key] for host, one in merged.items()})
    yield _family(GaugeMetricFamily, "registrar_breaker_open", "Whether the breaker holds attempts back.", "registrar",
                  {name: float(one["open"]) for name, one in merged.items()})
