"""Questions to the name servers and their answers, kept for as long as they are good (engine.md §14, rule 8).

One question is in flight once, however many wait for it. When no server answers, the last good answer serves on
(RFC 8767), so that a name server's outage is not an outage of the calls.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import aiodns
import aiodns.error
import msgspec
import pycares

TTL_MIN = 1.0
TTL_MAX = 86400.0
NEGATIVE_TTL = 60.0
STALE_FOR = 86400.0
"""Seconds that an expired answer is kept for the case that the servers fail."""
STALE_RETRY = 30.0
"""Seconds until the servers are asked again while a stale answer serves (RFC 8767 §5)."""
FAILURE_TTL = 5.0
"""Seconds until the servers are asked again when there is nothing stale either (RFC 9520 §3.2)."""
ALIASES_MAX = 8
PENDING_MAX = 1000

Question = tuple[str, str]
"""(name in lower case without the last dot, "A" | "AAAA" | "SRV")"""

_TYPES = {"A": pycares.QUERY_TYPE_A, "AAAA": pycares.QUERY_TYPE_AAAA, "SRV": pycares.QUERY_TYPE_SRV}
# The last two: a server too simple for SRV, and a name that _sip._udp. in front makes too long.
_ABSENT = (aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_ENODATA, aiodns.error.ARES_ENOTIMP,
           aiodns.error.ARES_EBADNAME)


class ServiceRecord(msgspec.Struct, frozen=True):
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


class Answer(msgspec.Struct, frozen=True):
    """What is known about a question until `expires`, a time of the cache's clock."""

    records: tuple
    """Addresses (str) or ServiceRecords; empty when there are none"""
    expires: float
    failure: str = ""
    """Why the servers gave no answer; then `records` is empty and says nothing"""


class _Kept(msgspec.Struct):
    answer: Answer
    good_until: float
    """When the TTL ended or ends; `answer.expires` is later while it serves stale"""


class _Channel(msgspec.Struct):
    resolver: aiodns.DNSResolver
    until: float
    pending: int = 0
    retired: bool = False
    """Takes no further questions; to be closed when none is pending"""


class DnsCache:
    """Answers to questions, from memory or from the name servers.

    `nameservers` are "192.0.2.53", "192.0.2.53:5353" or "[2001:db8::53]:53"; None takes the system's. `timeout` is the
    seconds of the first try at a server (c-ares doubles it with each of `tries`), `size` the answers kept, `clock`
    gives seconds. Belongs to the event loop of its first question. Raises ValueError for a bad name server.
    """

    def __init__(self, nameservers: Sequence[str] | None = None, timeout: float = 1.0, tries: int = 3,
                 size: int = 10_000, clock: Callable[[], float] = time.monotonic):
        self._nameservers = [_checked_nameserver(text) for text in nameservers] if nameservers else None
        self._timeout = timeout
        self._tries = tries
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._pending: dict[Question, asyncio.Task[Answer]] = {}
        self._channel: _Channel | None = None
        self.queries = 0
        self.failures = 0
        self.stale_answers = 0

    def get(self, question: Question) -> Answer | None:
        """The answer that is good now, or None."""
        kept = self._kept.get(question)
        if kept is None or kept.answer.expires <= self._clock():
            return None
        self._kept.move_to_end(question)
        return kept.answer

    async def ask(self, question: Question) -> Answer:
        """The answer from memory or from the servers; never raises for what the servers do."""
        answer = self.get(question)
        if answer is not None:
            return answer
        task = self._pending.get(question)
        if task is None:
            if len(self._pending) >= PENDING_MAX:
                return Answer((), self._clock(), f"{PENDING_MAX} other lookups are waiting for the name servers")
            task = asyncio.create_task(self._ask_servers(question))
            self._pending[question] = task
            task.add_done_callback(lambda _: self._pending.pop(question, None))
        # One of those who wait may give up; the others still want the answer.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Gives up what is in flight and frees the sockets; the cache may be used again afterwards."""
        tasks = list(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.resolver.close()
            self._channel = None

    async def _ask_servers(self, question: Question) -> Answer:
        self.queries += 1
        try:
            records, ttl = await self._query(*question)
        except aiodns.error.DNSError as error:
            if error.args[0] not in _ABSENT:
                return self._failed(question, str(error.args[-1]))
            records, ttl = (), NEGATIVE_TTL
        except (pycares.AresError, OSError) as error:   # no channel: no descriptors or memory left
            return self._failed(question, str(error))
        expires = self._clock() + (min(max(ttl, TTL_MIN), TTL_MAX) if records else NEGATIVE_TTL)
        return self._keep(question, Answer(records, expires), expires)

    async def _query(self, name: str, kind: str) -> tuple[tuple, float]:
        old = self._channel
        channel = self._current_channel()
        channel.pending += 1
        try:
            if old is not None and old.retired and not old.pending:
                await old.resolver.close()
            return _records(await channel.resolver.query_dns(name, kind), name, kind)
        finally:
            channel.pending -= 1
            if channel.retired and not channel.pending:
                await channel.resolver.close()

    def _current_channel(self) -> _Channel:
        """c-ares has an answer cache of its own, which pycares cannot switch off and which keeps "no such name" for up
        to an hour; a new channel starts with an empty one."""
        now = self._clock()
        channel = self._channel
        if channel is None or now >= channel.until:
            resolver = aiodns.DNSResolver(nameservers=self._nameservers, timeout=self._timeout, tries=self._tries)
            self._channel = _Channel(resolver, now + NEGATIVE_TTL)
            if channel is not None:
                channel.retired = True
        return self._channel

    def _failed(self, question: Question, reason: str) -> Answer:
        self.failures += 1
        now = self._clock()
        kept = self._kept.get(question)
        if kept is not None and kept.answer.records and now < kept.good_until + STALE_FOR:
            self.stale_answers += 1
            return self._keep(question, Answer(kept.answer.records, now + STALE_RETRY), kept.good_until)
        return self._keep(question, Answer((), now + FAILURE_TTL, reason), now)

    def _keep(self, question: Question, answer: Answer, good_until: float) -> Answer:
        self._kept[question] = _Kept(answer, good_until)
        self._kept.move_to_end(question)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return answer


def _records(result: pycares.DNSResult, name: str, kind: str) -> tuple[tuple, float]:
    """(the records of `name` or of what it is an alias for, the smallest TTL on the way); others are not ours."""
    aliases = {}
    for record in result.answer:
        if record.type == pycares.QUERY_TYPE_CNAME:
            aliases[_folded(record.name)] = (_folded(record.data.cname), _ttl(record))
    ttl = TTL_MAX
    for _ in range(ALIASES_MAX):
        if name not in aliases:
            break
        name, alias_ttl = aliases[name]
        ttl = min(ttl, alias_ttl)
    ours = [r for r in result.answer if r.type == _TYPES[kind] and _folded(r.name) == name]
    ttl = min([ttl, *map(_ttl, ours)])
    if kind == "SRV":
        return tuple(ServiceRecord(r.data.priority, r.data.weight, r.data.port, _folded(r.data.target))
                     for r in ours), ttl
    return tuple(dict.fromkeys(r.data.addr for r in ours)), ttl


def _ttl(record: pycares.DNSRecord) -> float:
    return 0.0 if record.ttl >= 2**31 else float(record.ttl)   # RFC 2181 §8


def _folded(name: str | bytes) -> str:
    text = name if isinstance(name, str) else name.decode("latin-1")
    return text.lower().removesuffix(".")


def _checked_nameserver(text: str) -> str:
    host, port = text, "53"
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or "53" if closed else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is no name server; write its address, as 192.0.2.53, 192.0.2.53:53 or "
                         "[2001:db8::53]:53.")
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
