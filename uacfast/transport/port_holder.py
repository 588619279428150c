"""Which process holds a UDP port: what an operator wants to know when a bind fails."""
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple


class PortHolder(NamedTuple):
    """A process that has a socket open."""
    pid: int
    name: str


def find_udp_port_holder(address: str, port: int) -> PortHolder | None:
    """The process whose UDP socket conflicts with `address`:`port`, as far as /proc lets us see it.

    None when no socket is found or it belongs to a process whose descriptors we may not read.
    """
    inodes = set(_conflicting_inodes(address, port))
    return _holder_of(inodes) if inodes else None


def _conflicting_inodes(address: str, port: int) -> Iterator[str]:
    for table, family in (("/proc/net/udp", socket.AF_INET), ("/proc/net/udp6", socket.AF_INET6)):
        try:
            with open(table) as lines:
                next(lines)
                for line in lines:
                    fields = line.split()
                    held_address, _, held_port = fields[1].partition(":")
                    if int(held_port, 16) == port and _conflicts(_decode(held_address, family), address):
                        yield fields[9]
        except OSError:
            continue


def _decode(hexadecimal: str, family: int) -> str:
    # The kernel prints the address as 32-bit words in host order.
    words = [int(hexadecimal[start:start + 8], 16) for start in range(0, len(hexadecimal), 8)]
    return socket.inet_ntop(family, b"".join(word.to_bytes(4, sys.byteorder) for word in words))


def _conflicts(held: str, wanted: str) -> bool:
    if held == wanted or held == "::":      # [::] may hold the IPv4 port too
        return True
    if ":" in held or ":" in wanted:
        return wanted == "::" and ":" in held
    return "0.0.0.0" in (held, wanted)


def _holder_of(inodes: set[str]) -> PortHolder | None:
    targets = {f"socket:[{inode}]" for inode in inodes}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as descriptors:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor.path) in targets:
                        with open(f"/proc/{pid}/comm") as comm:
                            return PortHolder(int(pid), comm.read().strip())
    return None
