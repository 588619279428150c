"""Which of a host's addresses to try first: the destination address selection of RFC 6724 §6."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6724 §2.1: prefix, precedence, label.
_POLICY = sorted(
    (
        (ipaddress.IPv6Network("::1/128"), 50, 0),
        (ipaddress.IPv6Network("::/0"), 40, 1),
        (ipaddress.IPv6Network("::ffff:0:0/96"), 35, 4),
        (ipaddress.IPv6Network("2002::/16"), 30, 2),
        (ipaddress.IPv6Network("2001::/32"), 5, 5),
        (ipaddress.IPv6Network("fc00::/7"), 3, 13),
        (ipaddress.IPv6Network("::/96"), 1, 3),
        (ipaddress.IPv6Network("fec0::/10"), 1, 11),
        (ipaddress.IPv6Network("3ffe::/16"), 1, 12),
    ),
    key=lambda row: -row[0].prefixlen,
)
_LINK, _SITE, _GLOBAL = 2, 5, 14


def source_address(destination: Address) -> Address | None:
    """The address that the kernel would send from, or None when it has no route. Sends nothing."""
    family = socket.AF_INET if destination.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(destination), 9))
            return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
    except OSError:
        return None


def in_order(addresses: Iterable[str], source_of: Callable[[Address], Address | None] = source_address) -> list[str]:
    """`addresses`, best first: RFC 6724 §6, rules 1, 2, 5, 6 and 8. Equals stay in the name server's order, which is
    how it spreads load; rule 9 (longest common prefix) would undo that."""
    addresses = list(addresses)
    if len(addresses) < 2:
        return addresses
    return sorted(addresses, key=lambda text: _rank(ipaddress.ip_address(text), source_of))


def _rank(destination: Address, source_of) -> tuple:
    source = source_of(destination)
    precedence, label = _policy(destination)
    if source is None:
        return (True, True, True, -precedence, _scope(destination))
    return (False, _scope(source) != _scope(destination), _policy(source)[1] != label, -precedence, _scope(destination))


def _policy(address: Address) -> tuple[int, int]:
    mapped = address if address.version == 6 else ipaddress.IPv6Address(f"::ffff:{address}")
    return next((precedence, label) for network, precedence, label in _POLICY if mapped in network)


def _scope(address: Address) -> int:
    if address.is_link_local or address.is_loopback:
        return _LINK
    return _SITE if address.version == 6 and address.is_site_local else _GLOBAL
