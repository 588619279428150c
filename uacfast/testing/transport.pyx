"""Transport errors without a network, for tests only: what the kernel would have reported about a datagram sent."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.engine cimport Engine
from uacfast.transport.udp cimport parse_address


def refuse_send(Engine engine not None, bytes datagram not None, int error):
    """Sending this captured request failed with `error` (an errno), as sendmmsg tells."""
    branch = datagram.partition(b"branch=z9hG4bK")[2].partition(b"\r\n")[0].partition(b";")[0].split(b".")
    engine.send_failed((int(branch[0], 16) << 8) | int(branch[2], 16), error)
    engine.flush()


def unreachable(Engine engine not None, bytes datagram not None, destination, int error, size_t quoted=1024):
    """An ICMP error came for this datagram to (host, port); it quotes the first `quoted` octets."""
    cdef udp_address address
    cdef bytes quote = datagram[:quoted]
    if not parse_address(destination[0], destination[1], &address):
        raise ValueError(f"{destination[0]!r} is not a numeric address.")
    engine.destination_failed(&address, PyBytes_AS_STRING(quote), <unsigned int>PyBytes_GET_SIZE(quote), error)
    engine.flush()
