"""The addresses of the control part: `unixs:/path`, `unixd:/path`, `tcp:host:port`, `udp:host:port` and kin.

The forms are those of kamcmd's -s and of Kamailio's ctl module (`binrpc` parameter).
"""
import ipaddress
import os
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .values import Check, split_host_port

BINRPC_PORT = 2049
UNIX_PATH_OCTETS_MAX = 107      # sun_path without its final zero
EXPECTED = "unixs:/path, unixd:/path, tcp:host:port or udp:host:port"

_UNIX_KINDS = {"unix": "unixs", "unixs": "unixs", "unixd": "unixd"}


class ControlAddress(msgspec.Struct, frozen=True):
    """Where something listens. `kind`: unixs (stream), unixd (datagram), tcp or udp; `path` for the first two."""
    kind: str
    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path:
            return f"{self.kind}:{self.path}"
        return f"{self.kind}:[{self.host}]:{self.port}" if ":" in self.host else f"{self.kind}:{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Reachable from this machine only."""
        return bool(self.path) or is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """True for localhost and the addresses of the loopback interface; any other name may be anywhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def control_address(text: str) -> ControlAddress:
    """Reads kamcmd's forms: a bare path is a unix stream, a bare host[:port] is udp, the port defaults to 2049, the
    name of the protocol may be in either case. ValueError: what was expected."""
    protocol, colon, rest = text.partition(":")
    kind = protocol.lower() if colon else ""
    if text.startswith("/"):
        return ControlAddress(kind="unixs", path=unix_path(text))
    if kind in _UNIX_KINDS:
        return ControlAddress(kind=_UNIX_KINDS[kind], path=unix_path(rest))
    if kind not in ("tcp", "udp"):
        kind, rest = "udp", text
    try:
        host, port = split_host_port(rest)
    except ValueError:
        raise ValueError(EXPECTED) from None
    return ControlAddress(kind=kind, host=host.strip("[]"), port=port or BINRPC_PORT)


def unix_path(path: str) -> str:
    """An absolute path that fits in a socket's address. ValueError otherwise."""
    if not path.startswith("/") or "\0" in path or len(os.fsencode(path)) > UNIX_PATH_OCTETS_MAX:
        raise ValueError(f"an absolute path of at most {UNIX_PATH_OCTETS_MAX} octets")
    return path


def http_address(text: str) -> tuple[str, int]:
    """`host:port` as (host without brackets, port). ValueError: what was expected."""
    host, port = split_host_port(text)
    if port is None:
        raise ValueError("host:port such as 127.0.0.1:8088")
    return host.strip("[]"), port


def _if_given(read: Callable[[str], Any]) -> Check:
    """Keeps the text that `read` can read, and the empty one."""
    def check(text: str) -> str:
        if text:
            read(text)
        return text
    return Check(check)


HttpAddress = Annotated[str, Meta(description="host:port such as 127.0.0.1:8088"), _if_given(http_address)]
UnixPath = Annotated[str, Meta(description="an absolute path"), _if_given(unix_path)]
BinrpcAddress = Annotated[str, Meta(description=EXPECTED), Check(lambda text: control_address(text) and text)]
