"""Opening the UDP sockets that the workers read."""
import contextlib
import errno
import ipaddress
import os
import socket

import ifaddr

from uacfast.transport.port_holder import find_udp_port_holder

BUFFER_OCTETS = 4 << 20     # bursts of some thousand messages wait in the kernel while a worker is busy

# <linux/in.h>, <linux/in6.h> and <asm/socket.h>; the socket module has no names for them.
IP_RECVERR = 11
IPV6_RECVERR = 25
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33


class ListenError(OSError):
    """A socket cannot be opened; str() is a sentence for the operator."""

    def __str__(self) -> str:
        return self.strerror


class AddressInUse(ListenError):
    """Somebody else has the address; `pid` and `process` say who, where /proc tells (else None)."""

    def __init__(self, address: str, port: int):
        holder = find_udp_port_holder(address, port)
        self.pid = holder.pid if holder else None
        self.process = holder.name if holder else None
        where = f"cannot listen on {udp_uri(address, port)}: the address is in use"
        if holder is None:
            advice = f"; find its holder with 'ss -lunp sport = :{port}' as root, or choose another port in [[listen]]"
        elif holder.pid == os.getpid():
            advice = " by uacfast itself; remove the second [[listen]] entry that names it"
        else:
            advice = (f" by process {holder.pid} ({holder.name}); stop that process or choose another port "
                      "in [[listen]]")
        super().__init__(errno.EADDRINUSE, where + advice)


def udp_uri(address: str, port: int) -> str:
    """`udp:127.0.0.1:5060`, `udp:[::1]:5060`: the address as [[listen]] writes it."""
    return f"udp:[{address}]:{port}" if ":" in address else f"udp:{address}:{port}"


def listen_addresses(host: str) -> list[str]:
    """The literal addresses that a host of [[listen]] stands for: itself, or those of a name or a wildcard.

    A name stands for its first address, IPv4 before IPv6. 0.0.0.0 and :: stand for one address per interface address,
    as Kamailio listens: a reply must leave from the address that its request was sent to, and Via and Record-Route
    must name one. Link-local IPv6 addresses are left out, as Kamailio does by default; addresses that an interface
    gets later need a restart. Blocks while a name is looked up. Raises ListenError.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [_address_of_name(host)]
    return _interface_addresses(address.version) if address.is_unspecified else [str(address)]


def _address_of_name(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ListenError(errno.EADDRNOTAVAIL, f"cannot listen on {name}: {reason}; write the address into [[listen]]"
                          ) from error
    # AF_INET is the smaller number; sorted() keeps the resolver's order within a family.
    return sorted(found, key=lambda entry: entry[0])[0][4][0]


def _interface_addresses(version: int) -> list[str]:
    found = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if entry.is_IPv4 else entry.ip[0]
            address = ipaddress.ip_address(text.partition("%")[0])
            if address.version == version and not (version == 6 and address.is_link_local):
                found.append(str(address))
    if not found:
        raise ListenError(errno.EADDRNOTAVAIL,
                          f"cannot listen on all addresses: no interface has an IPv{version} address")
    return list(dict.fromkeys(found))


def open_udp_socket(address: str, port: int, reuse_port: bool = False) -> socket.socket:
    """One bound, non-blocking UDP socket. `address` is a literal; port 0 lets the kernel choose.

    Kernel buffers are BUFFER_OCTETS where the system allows it; ICMP errors come through the error queue; an IPv6
    socket takes no IPv4. Raises AddressInUse or ListenError.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        _set_buffer(opened, socket.SO_RCVBUF, SO_RCVBUFFORCE)
        _set_buffer(opened, socket.SO_SNDBUF, SO_SNDBUFFORCE)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        if reuse_port:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind((address, port))
    except OSError as error:
        opened.close()
        raise _explained(error, address, port) from error
    return opened


def open_udp_sockets(address: str, port: int, workers: int) -> list[socket.socket]:
    """The sockets of all workers for one address, in the order of the workers.

    One worker binds the address alone. For several an exclusive bind comes first, because SO_REUSEPORT would let us
    share the port silently with a stranger of the same user. Raises AddressInUse or ListenError.
    """
    first = open_udp_socket(address, port)
    if workers == 1:
        return [first]
    port = first.getsockname()[1]
    first.close()
    sockets: list[socket.socket] = []
    try:
        for _ in range(workers):
            sockets.append(open_udp_socket(address, port, reuse_port=True))
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def receive_buffer(opened: socket.socket) -> int:
    """Octets of receive buffer that the kernel granted (it reports twice the usable size, socket(7))."""
    return opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def _set_buffer(opened: socket.socket, option: int, force_option: int) -> None:
    with contextlib.suppress(PermissionError):
        opened.setsockopt(socket.SOL_SOCKET, force_option, BUFFER_OCTETS)
        return
    opened.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)


def _explained(error: OSError, address: str, port: int) -> ListenError:
    where = f"cannot listen on {udp_uri(address, port)}"
    match error.errno:
        case errno.EADDRINUSE:
            return AddressInUse(address, port)
        case errno.EADDRNOTAVAIL:
            sentence = f"{where}: no interface of this machine has that address; see 'ip address'"
        case errno.EACCES:
            sentence = f"{where}: ports below 1024 need the capability CAP_NET_BIND_SERVICE"
        case _:
            sentence = f"{where}: {os.strerror(error.errno)}"
    return ListenError(error.errno, sentence)
