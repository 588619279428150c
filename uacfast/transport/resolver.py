"""From the host of a next hop to the addresses to try, in order (RFC 3263, engine.md §14).

Everything that sends asks here. `cached` answers at once or says that it has to wait; `resolve` waits.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from uacfast.transport.address_order import in_order
from uacfast.transport.dns_cache import Answer, DnsCache, Question
from uacfast.transport.hosts_file import read_hosts
from uacfast.transport.resolv_conf import SearchList, read_search_list

SERVICES_MAX = 32
"""SRV targets of one name that are looked up: the first by priority."""
ADDRESSES_MAX = 32
"""Addresses of one name that are tried."""
ZERO_WEIGHT = 0.01
"""What SRV weight 0 counts beside others: "a very small chance of being selected" (RFC 2782)."""

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
# RFC 3263 §4.2; RFC 7118 gives WebSocket no SRV service.
_SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_SECURE = {None: "tls", "tcp": "tls", "tls": "tls", "ws": "wss", "wss": "wss"}
_FAMILY_TYPES = {4: "A", 6: "AAAA"}
_LOOPBACK = ("127.0.0.1", "::1")

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NAME_MAX = 253

Request = tuple[str, int, str, str | None]


class Target(msgspec.Struct, frozen=True):
    """An address to send to; `address` is numeric, IPv6 without brackets."""

    address: str
    port: int
    transport: str


class ResolutionError(Exception):
    """The host leads to no address; the text is a sentence that says why.

    `temporary` when the name servers failed, so that the same may work later (a 503 rather than a 404 or 478).
    """

    def __init__(self, sentence: str, temporary: bool = False):
        super().__init__(sentence)
        self.temporary = temporary


class _Plan(msgspec.Struct):
    """The targets of a request until `expires`: per SRV priority the choices of weight and targets."""

    priorities: list[list[tuple[int, list[Target]]]]
    expires: float

    def targets(self, chance: random.Random) -> list[Target]:
        targets = []
        for choices in self.priorities:
            for _, chosen in choices if len(choices) == 1 else weighted_order(choices, chance):
                targets += chosen
        return targets


def weighted_order(choices: Iterable[tuple[int, object]], chance: random.Random) -> list[tuple[int, object]]:
    """(weight, thing) pairs drawn without putting back, each draw in proportion to the weights left (RFC 2782)."""
    left = list(choices)
    order = []
    while left:
        weights = [weight or ZERO_WEIGHT for weight, _ in left]
        point = chance.random() * sum(weights)
        chosen = 0
        while chosen < len(left) - 1 and point >= weights[chosen]:
            point -= weights[chosen]
            chosen += 1
        order.append(left.pop(chosen))
    return order


class Resolver:
    """The resolver of one worker.

    `nameservers`, `timeout`, `tries` and `size` are those of DnsCache. `families` are the IP versions that there are
    sockets for; `chance` draws among SRV weights; `clock` gives seconds; `hosts_file` None leaves out the system's
    table, `search_file` None its search list for short names. Needs no running event loop until the first `resolve`.
    """

    def __init__(self, nameservers: Sequence[str] | None = None, timeout: float = 1.0, tries: int = 3,
                 size: int = 10_000, families: Iterable[int] = (4, 6), hosts_file: str | None = "/etc/hosts",
                 search_file: str | None = "/etc/resolv.conf", chance: random.Random | None = None,
                 clock: Callable[[], float] = time.monotonic):
        self.dns = DnsCache(nameservers, timeout, tries, size, clock)
        self._families = frozenset(families)
        self._hosts_file = hosts_file
        self._search_file = search_file
        self._chance = chance or random.Random()
        self._clock = clock
        self._size = size
        self._plans: OrderedDict[Request, _Plan] = OrderedDict()
        self.reload_hosts()

    def reload_hosts(self) -> None:
        """Reads the hosts file and the search list again."""
        self._hosts = read_hosts(self._hosts_file) if self._hosts_file else {}
        self._search = read_search_list(self._search_file) if self._search_file else SearchList()
        self._plans.clear()

    def cached(self, host: str, port: int = 0, scheme: str = "sip",
               transport: str | None = None) -> list[Target] | None:
        """As resolve(), but only from what is known already; None means that resolve() has more to say."""
        request = (host, port, scheme, transport)
        plan = self._plans.get(request)
        if plan is not None and self._clock() < plan.expires:
            self._plans.move_to_end(request)
            return plan.targets(self._chance)
        try:
            plan, _ = self._planned(request, {})
        except ResolutionError:
            return None
        return plan and plan.targets(self._chance)

    async def resolve(self, host: str, port: int = 0, scheme: str = "sip",
                      transport: str | None = None) -> list[Target]:
        """The targets for a URI's host, best first, at least one (RFC 3263 §4, RFC 2782).

        `host` is a name, an IPv4 address or an IPv6 address with or without brackets; `port` 0 means that the URI names
        none; `scheme` is "sip" or "sips"; `transport` is the URI's parameter in lower case. Raises ResolutionError.
        """
        targets = self.cached(host, port, scheme, transport)
        if targets is not None:
            return targets
        request = (host, port, scheme, transport)
        answers: dict[Question, Answer] = {}
        while True:   # at most three rounds for each name of the search list: SRV, addresses, nothing missing
            plan, missing = self._planned(request, answers)
            if plan is not None:
                return plan.targets(self._chance)
            answers |= zip(missing, await asyncio.gather(*map(self.dns.ask, missing)), strict=True)

    async def close(self) -> None:
        """Gives up what is in flight and frees the sockets."""
        await self.dns.close()

    def _planned(self, request: Request, answers: dict[Question, Answer]) -> tuple[_Plan | None, list[Question]]:
        """(plan, []) or, when `answers` and the cache are not enough, (None, the questions to ask)."""
        planning = _Planning(self.dns, answers, self._families, self._hosts, self._search)
        priorities = planning.priorities(*request)
        if planning.missing:
            return None, list(planning.missing)
        plan = self._plans[request] = _Plan(priorities, planning.expires)
        self._plans.move_to_end(request)
        if len(self._plans) > self._size:
            self._plans.popitem(last=False)
        return plan, []


class _Planning:
    """One pass over the steps of RFC 3263 §4 with the answers at hand; notes those that are missing."""

    def __init__(self, dns: DnsCache, answers: dict[Question, Answer], families: frozenset[int],
                 hosts: dict[str, tuple[str, ...]], search: SearchList):
        self.dns = dns
        self.answers = answers
        self.families = families
        self.hosts = hosts
        self.search = search
        self.missing: dict[Question, None] = {}
        self.expires = float("inf")
        self.failure = ""

    def priorities(self, host: str, port: int, scheme: str, transport: str | None) -> list:
        transport = chosen_transport(scheme, transport)
        numeric = _numeric(host)
        if numeric is not None:
            return [[(0, self.numeric_targets(host, numeric, port or DEFAULT_PORTS[transport], transport))]]
        name = checked_name(host)
        if name in self.hosts or _is_localhost(name):
            targets = self.name_targets(name, port or DEFAULT_PORTS[transport], transport)
            if not targets:
                raise self.unresolved(name)
            return [[(0, targets)]]
        # A dot at the end says that the name is complete.
        for candidate in [name] if host.endswith(".") else self.search.candidates(name):
            found = self.name_priorities(candidate, port, transport)
            if found or self.missing:
                return found
            if self.failure:
                break      # without an answer for this name the next one could be another host
        raise self.unresolved(name)

    def name_priorities(self, name: str, port: int, transport: str) -> list:
        """As priorities(), for a name that DNS knows; empty when it has no records, or they are not known yet."""
        if len(name) > _NAME_MAX:
            return []
        if not port and transport in _SERVICES:
            services = self.services(name, _SERVICES[transport])
            if services is None:
                return []
            if services:
                return self.service_targets(name, services, transport)
        targets = self.name_targets(name, port or DEFAULT_PORTS[transport], transport)
        return [[(0, targets)]] if targets else []

    def services(self, name: str, service: str):
        """The SRV records, the first by priority; empty when the name has none, None when that is not known yet."""
        answer = self.look_up((f"{service}.{name}", "SRV"))
        if answer is None:
            return None
        if answer.failure:
            # Only "no such record" leads on to A and AAAA: the name's own address may be a web server.
            self.failure = answer.failure
            raise self.unresolved(name)
        if len(answer.records) == 1 and answer.records[0].target == "":
            raise ResolutionError(f"The domain {name!r} says in DNS that it offers no {service} service; "
                                  "use another domain or transport.")
        return sorted(answer.records, key=lambda record: record.priority)[:SERVICES_MAX]

    def service_targets(self, name: str, services, transport: str) -> list:
        priorities: dict[int, list] = {}
        for record in services:
            try:
                target = checked_name(record.target)
            except ResolutionError:
                continue   # the name server's mistake; the other records may do
            targets = self.name_targets(target, record.port, transport) if record.port else []
            if targets:
                priorities.setdefault(record.priority, []).append((record.weight, targets))
        if not priorities and not self.missing:
            raise self.unresolved(name)
        return list(priorities.values())

    def name_targets(self, name: str, port: int, transport: str) -> list[Target]:
        addresses: list[str] = []
        if _is_localhost(name):
            addresses += _LOOPBACK
        elif name in self.hosts:
            addresses += self.hosts[name]
        else:
            for family in sorted(self.families):
                answer = self.look_up((name, _FAMILY_TYPES[family]))
                if answer is not None:
                    self.failure = answer.failure or self.failure
                    addresses += answer.records
        numbers = map(ipaddress.ip_address, addresses)
        usable = [str(number) for number in numbers if number.version in self.families and _may_be_sent_to(number)]
        return [Target(address, port, transport) for address in in_order(usable)[:ADDRESSES_MAX]]

    def numeric_targets(self, host: str, address, port: int, transport: str) -> list[Target]:
        if not _may_be_sent_to(address):
            raise ResolutionError(f"{host!r} is no address of a single host; name the next hop's own address.")
        if address.version not in self.families:
            raise ResolutionError(f"{host!r} cannot be reached, for there is no IPv{address.version} socket; "
                                  f"add a [[listen]] with an IPv{address.version} address.")
        return [Target(str(address), port, transport)]

    def look_up(self, question: Question) -> Answer | None:
        answer = self.answers.get(question) or self.dns.get(question)
        if answer is None:
            self.missing[question] = None
        else:
            self.expires = min(self.expires, answer.expires)
        return answer

    def unresolved(self, name: str) -> ResolutionError:
        if self.failure:
            return ResolutionError(f"The name servers did not answer for {name!r} ({self.failure}); "
                                   "check that they can be reached.", temporary=True)
        versions = " or ".join(f"IPv{family}" for family in sorted(self.families))
        return ResolutionError(f"The host {name!r} has no {versions} address; check its spelling and its DNS records.")


def chosen_transport(scheme: str, transport: str | None) -> str:
    """The transport of a request to a URI (RFC 3263 §4.1). NAPTR's choice takes its place here when a URI names neither
    transport nor port."""
    if scheme == "sips":
        if transport not in _SECURE:
            raise ResolutionError(f"A sips URI cannot be reached over {transport!r}; it needs tls or wss.")
        return _SECURE[transport]
    if scheme != "sip":
        raise ResolutionError(f"A {scheme!r} URI names no host to send to; only sip and sips do.")
    if transport is not None and transport not in DEFAULT_PORTS:
        raise ResolutionError(f"The transport {transport!r} is not one of {', '.join(DEFAULT_PORTS)}.")
    return transport or "udp"


def checked_name(host: str) -> str:
    """`host` in lower case without the last dot; ResolutionError when it cannot be a host's name in DNS, or is one of
    .invalid, which stands for no host (RFC 6761 §6.4)."""
    name = host.removesuffix(".").lower()
    labels = name.split(".")
    # A last label of digits only would be a mistyped IPv4 address (RFC 1123 §2.1).
    if len(name) > _NAME_MAX or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        shown = host if len(host) <= _NAME_MAX else host[:_NAME_MAX] + "…"
        raise ResolutionError(f"{shown!r} is no host name; it needs labels of letters, digits and hyphens.")
    if labels[-1] == "invalid":
        raise ResolutionError(f"The host {name!r} is of the domain .invalid, which has no addresses; "
                              "reply over the connection that it came from.")
    return name


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")   # RFC 6761 §6.3


def _numeric(host: str):
    """The IP address that `host` is, IPv4-mapped ones as IPv4, or None."""
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    if address.version == 4:
        return None if bracketed else address
    return None if address.scope_id is not None else address.ipv4_mapped or address


def _may_be_sent_to(address) -> bool:
    """Not 0.0.0.0, a multicast group or broadcast: whoever controls a name must not point us at them (engine Z4)."""
    return not (address.is_unspecified or address.is_multicast or address == ipaddress.IPv4Address("255.255.255.255"))
