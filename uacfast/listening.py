"""The sockets of one server: opened once, held by the control part, inherited by every life of a worker."""
import socket

import msgspec

from uacfast import log
from uacfast.config import Config, Listen
from uacfast.messages import ListenSocket
from uacfast.transport.udp_socket import (
    BUFFER_OCTETS,
    listen_addresses,
    open_udp_sockets,
    receive_buffer,
    udp_uri,
)

logger = log.get("transport")


def expand_listen(listen: tuple[Listen, ...]) -> tuple[Listen, ...]:
    """[[listen]] with literal addresses: one entry for each that a name or a wildcard stands for.

    An address that has an entry of its own keeps that one, with what it advertises. Raises ListenError.
    """
    explicit = {entry.address for entry in listen}
    expanded: dict[tuple[str, int], Listen] = {}
    for entry in listen:
        host, port = entry.address
        for address in listen_addresses(host):
            if (address, port) == entry.address or (address, port) not in explicit:
                expanded.setdefault((address, port), msgspec.structs.replace(entry, uri=udp_uri(address, port)))
    return tuple(expanded.values())


class Listening:
    """For each address one socket per worker. The control part never reads them: with several workers it only keeps
    the queue of a dead worker's sockets until its replacement reads on."""

    def __init__(self, config: Config):
        """Opens all sockets for config.listen, whose addresses are literal (expand_listen). Raises ListenError."""
        self._sockets: list[list[socket.socket]] = []
        try:
            for entry in config.listen:
                self._sockets.append(open_udp_sockets(*entry.address, config.server.workers))
        except OSError:
            self.close()
            raise
        granted = min(receive_buffer(opened) for group in self._sockets for opened in group)
        if granted < BUFFER_OCTETS:
            logger.warning("receive buffers are smaller than wanted: bursts may be lost; raise net.core.rmem_max or "
                           "grant CAP_NET_ADMIN", extra=log.fields(granted=granted, wanted=BUFFER_OCTETS))

    @property
    def uris(self) -> list[str]:
        """Every address, as [[listen]] writes it."""
        return [udp_uri(*group[0].getsockname()[:2]) for group in self._sockets]

    def of_worker(self, worker: int) -> tuple[ListenSocket, ...]:
        """The sockets that one worker reads; the index is that of config.listen."""
        return tuple(ListenSocket(group[worker].fileno(), *group[worker].getsockname()[:2], index)
                     for index, group in enumerate(self._sockets))

    def close(self) -> None:
        """Closes all sockets."""
        for group in self._sockets:
            for opened in group:
                opened.close()
        self._sockets.clear()
