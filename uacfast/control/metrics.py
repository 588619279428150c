"""The page /metrics in Prometheus' text format: counters of all workers, read when somebody asks.

What other rooms count arrives by itself: a worker's counter `group.name` becomes the gauge `uacfast_group_name`; one
whose name begins with `uacfast_` is a sample with its labels (`uacfast_registrations{state="registered"}`), and a
counter when the name ends in `_total`. A worker's histograms (`engine.histograms`) are added up.
"""
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from uacfast import log
from uacfast.control.registration_metrics import REGISTRARS_MAX, registrar_metrics, registration_metrics
from uacfast.fault import Fault

CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "uacfast_"

logger = log.get("control")

Counters = dict[str, int]
Source = Callable[[], Awaitable[Iterable[Metric]]]

# Counters without labels: their name in a worker, the metric's, what it says.
COUNTERS = (
    ("received_datagrams", "received_datagrams", "Datagrams received."),
    ("sent_datagrams", "sent_datagrams", "Datagrams sent."),
    ("send_errors", "send_errors", "Datagrams that the system refused to send."),
    ("retransmitted_requests", "retransmitted_requests", "Requests received again and absorbed."),
    ("request_retransmissions", "request_retransmissions", "Requests that were sent again because nobody answered."),
    ("relayed_requests", "relayed_requests", "Requests sent on in a transaction."),
    ("relayed_acks", "relayed_acks", "ACKs sent on."),
    ("relayed_responses", "relayed_responses", "Responses sent on."),
    ("stray_responses_forwarded", "stray_responses_forwarded", "Responses without transaction that were sent on."),
    ("created_transactions", "transactions_created", "Transactions begun."),
    ("local_requests", "local_requests", "Requests of our own."),
    ("branch_timeouts", "branch_timeouts", "Attempts that nobody answered in time."),
    ("missing_acks", "missing_acks", "Failed INVITEs whose ACK never came."),
    ("restored_requests", "restored_requests", "In-dialog requests whose From or To was restored."),
    ("restore_failed", "restore_failed", "In-dialog requests whose stored From or To was unusable."),
    ("seal_broken", "seal_broken", "Record-Route values whose seal did not hold."),
    ("overload_replies", "overload_replies", "INVITEs answered 503 because of overload."),
    ("loops", "loops", "Requests that came round again."),
    ("no_route", "no_route", "Requests that no route took."),
    ("resolution_failed", "resolution_failures", "Next hops whose name was not resolved."),
    ("transport_errors", "transport_errors", "Attempts that the network refused."),
    ("handed_over", "handed_over", "Messages handed to the worker that owns their call."),
)
GAUGES = (
    ("transactions", "transactions", "Transactions in memory."),
    ("active_transactions", "transactions_active", "Transactions without a final response."),
    ("transaction_octets", "transaction_bytes", "Memory in use for transactions."),
    ("transaction_octets_held", "transaction_bytes_held", "Memory held for transactions."),
)
# Of a feature that may be absent: shown only where a worker has them.
OPTIONAL_COUNTERS = (
    ("processed_dialogs", "dialogs_processed", "Dialogs that began to be tracked."),
    ("expired_dialogs", "dialogs_expired", "Dialogs that lasted too long."),
    ("failed_dialogs", "dialogs_failed", "Dialogs that were never established."),
)
OPTIONAL_GAUGES = (
    ("active_dialogs", "dialogs_active", "Dialogs that were answered and have not ended."),
    ("early_dialogs", "dialogs_early", "Dialogs that ring."),
)
_DROPPED = "dropped_"
_SAMPLE = re.compile(r'(?P<name>uacfast_[a-zA-Z0-9_]+)(?:\{(?P<labels>(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*)\})?')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class _Collected:
    """What generate_latest() reads: metrics that are there already."""

    def __init__(self, metrics: list[Metric]):
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


class Metrics:
    """Makes the page. `server` is uacfast.server.Server; `sources` are coroutines that give further metrics."""

    def __init__(self, server: Any, version: str, sources: list[Source]):
        self._server = server
        self._version = version
        self._sources = sources

    async def page(self) -> bytes:
        """The text of the page."""
        return generate_latest(_Collected(await self.read()))

    async def read(self) -> list[Metric]:
        """All metrics."""
        workers = await self._server.statistics()
        histograms = await self._of_workers("histograms")
        total: Counters = {}
        for counters in workers:
            for name, count in (counters or {}).items():
                total[name] = total.get(name, 0) + count
        found = [InfoMetricFamily("uacfast", "The program.", value={"version": self._version}),
                 *_counters(total), *_messages(total), *_load(workers, self._server.own_statistics()),
                 *_of_other_rooms(total), *_histograms(histograms),
                 *registration_metrics(await self._of_workers("reg.metrics")),
                 *registrar_metrics(await self._of_workers("reg.registrars", REGISTRARS_MAX))]
        for source in self._sources:
            found += await source()
        return found


    async def _of_workers(self, name: str, *arguments: Any) -> list[Any]:
        """What the workers answer; nothing where they have no such command."""
        try:
            return [answer for answer in await self._server.call_workers(name, *arguments) if answer is not None]
        except Fault as fault:
            logger.debug("no metrics of %s: %s", name, fault)
            return []


def _counters(total: Counters) -> Iterator[Metric]:
    for name, metric, text in COUNTERS:
        yield CounterMetricFamily(PREFIX + metric, text, value=total.get(name, 0))
    for name, metric, text in GAUGES:
        yield GaugeMetricFamily(PREFIX + metric, text, value=total.get(name, 0))
    for kind, optional in ((CounterMetricFamily, OPTIONAL_COUNTERS), (GaugeMetricFamily, OPTIONAL_GAUGES)):
        for name, metric, text in optional:
            if name in total:
                yield kind(PREFIX + metric, text, value=total[name])


def _labelled(kind: type, name: str, text: str, labels: list[str], rows: Iterable[tuple[list[str], float]]) -> Metric:
    family = kind(PREFIX + name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def _messages(total: Counters) -> Iterator[Metric]:
    def rows(prefix: str) -> Iterator[tuple[list[str], int]]:
        for name, count in total.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix).split(":"), count

    yield _labelled(CounterMetricFamily, "requests", "Requests received.", ["method"], rows("request_method:"))
    yield _labelled(CounterMetricFamily, "responses", "Responses received.", ["code"], rows("response_status:"))
    yield _labelled(CounterMetricFamily, "transaction_responses", "Responses received that belong to a transaction.",
                    ["class", "method"], (([f"{number}xx", method], count)
                                          for (number, method), count in rows("response_class:")))
    yield _labelled(CounterMetricFamily, "final_responses", "Final responses sent upstream in transactions.", ["class"],
                    (([f"{number}xx"], count) for (number,), count in rows("final_class:")))
    yield _labelled(CounterMetricFamily, "stateless_replies", "Replies sent without a transaction.", ["code"],
                    rows("stateless_status:"))
    yield _labelled(CounterMetricFamily, "dropped", "Messages dropped without an answer.", ["reason"],
                    rows(_DROPPED))


def _load(workers: list[Counters | None], own: Counters) -> Iterator[Metric]:
    def rows(name: str, factor: float) -> Iterator[tuple[list[str], float]]:
        for index, counters in enumerate(workers):
            if counters is not None and name in counters:
                yield [str(index)], counters[name] * factor
        if name in own:
            yield ["control"], own[name] * factor

    yield _labelled(GaugeMetricFamily, "worker_up", "Whether a worker answers.", ["worker"],
                    (([str(index)], float(counters is not None)) for index, counters in enumerate(workers)))
    yield _labelled(CounterMetricFamily, "worker_cpu_seconds", "CPU time.", ["worker"], rows("cpu_us", 1e-6))
    yield _labelled(GaugeMetricFamily, "worker_resident_bytes", "Memory.", ["worker"], rows("resident_octets", 1))
    yield _labelled(CounterMetricFamily, "worker_loop_lag_seconds", "How late the loop's ticks were, added up.",
                    ["worker"], rows("loop_lag_us", 1e-6))
    yield _labelled(CounterMetricFamily, "worker_loop_ticks", "Ticks of the loop.", ["worker"], rows("loop_ticks", 1))
    yield _labelled(GaugeMetricFamily, "worker_loop_lag_worst_seconds", "The latest tick of the last 10-20 seconds.",
                    ["worker"], rows("loop_lag_worst_us", 1e-6))


def _of_other_rooms(total: Counters) -> Iterator[Metric]:
    families: dict[str, Metric] = {}
    for key, value in total.items():
        group, dot, name = key.partition(".")
        if not key.startswith(PREFIX) and dot:
            yield GaugeMetricFamily(PREFIX + re.sub(r"\W", "_", f"{group}_{name}"), f"Statistic {group}:{name}.",
                                    value=value)
        match = _SAMPLE.fullmatch(key)
        if match is None:
            continue
        labels = [(label, _ESCAPE.sub(r"\1", text)) for label, text in _LABEL.findall(match["labels"] or "")]
        if match["name"] not in families:
            kind = CounterMetricFamily if match["name"].endswith("_total") else GaugeMetricFamily
            text = match["name"].removeprefix(PREFIX).replace("_", " ").capitalize()
            families[match["name"]] = kind(match["name"], f"{text}.", labels=[label for label, _ in labels])
        families[match["name"]].add_metric([text for _, text in labels], value)
    yield from families.values()


def _histograms(workers: list[dict[str, Any]]) -> Iterator[Metric]:
    """Each is {"help", "bounds": upper bounds in ascending order, "counts": one more than bounds, "sum"}."""
    merged: dict[str, dict[str, Any]] = {}
    for histograms in workers:
        for name, one in histograms.items():
            known = merged.get(name)
            if known is None:
                merged[name] = dict(one)
            else:
                known["counts"] = [first + second for first, second in zip(known["counts"], one["counts"], strict=True)]
                known["sum"] += one["sum"]
    for name, one in merged.items():
        buckets, running = [], 0
        for bound, count in zip([*(str(float(bound)) for bound in one["bounds"]), "+Inf"], one["counts"], strict=True):
            running += count
            buckets.append((bound, running))
        yield HistogramMetricFamily(PREFIX + name, one["help"], buckets=buckets, sum_value=one["sum"])
