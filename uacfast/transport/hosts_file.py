"""The system's table of host names, which goes before DNS (hosts(5))."""

from __future__ import annotations

import ipaddress
from pathlib import Path

SIZE_MAX = 1 << 22


def read_hosts(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Names in lower case and their addresses, in the file's order. Lines that are not understood, and a file that
    cannot be read, count as empty, as for the C library; only the first 4 MiB are read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(SIZE_MAX)
    except OSError:
        return {}
    hosts: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            address = str(ipaddress.ip_address(address))
        except ValueError:
            continue
        for name in names:
            known = hosts.get(name.lower(), ())
            if address not in known:
                hosts[name.lower()] = (*known, address)
    return hosts
