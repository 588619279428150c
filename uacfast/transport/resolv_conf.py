"""The system's search list for short host names (resolv.conf(5)). The name servers in that file c-ares reads itself."""

from __future__ import annotations

from pathlib import Path

import msgspec

SIZE_MAX = 1 << 16
DOMAINS_MAX = 6
"""As the C library long had it: each domain may cost three questions for every short name."""
NDOTS_MAX = 15


class SearchList(msgspec.Struct, frozen=True):
    """`domains` in the order in which they are appended, in lower case without the last dot. A name with `ndots` dots
    or more is complete."""

    domains: tuple[str, ...] = ()
    ndots: int = 1

    def candidates(self, name: str) -> list[str]:
        """The names to ask for in turn. A name with a dot is first asked for as it is (RFC 1535 §6): the host of a SIP
        URI is nearly always complete. One without is a short one of ours."""
        dots = name.count(".")
        if dots >= self.ndots:
            return [name]
        longer = [f"{name}.{domain}" for domain in self.domains]
        return [name, *longer] if dots else [*longer, name]


def read_search_list(path: str | Path) -> SearchList:
    """The last `search` or `domain` line and the option `ndots`. A file that cannot be read, and words that are not
    understood, count as absent, as for the C library."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(SIZE_MAX)
    except OSError:
        return SearchList()
    domains: list[str] = []
    ndots = 1
    for line in text.splitlines():
        keyword, *words = line.split() or [""]
        if keyword in ("search", "domain"):
            names = (word.strip(".").lower() for word in words[:1 if keyword == "domain" else DOMAINS_MAX])
            domains = [name for name in names if name]
        elif keyword == "options":
            for word in words:
                number = word.removeprefix("ndots:")
                if number != word and number.isascii() and number.isdigit():
                    ndots = min(int(number), NDOTS_MAX)
    return SearchList(tuple(domains), ndots)
