"""The UDP sockets of one worker: batches in, batches out.

The sockets are opened elsewhere and watched by the event loop; here recvmmsg and sendmmsg move up to 64 datagrams a call
through rings that are allocated once. Without a descriptor (`capture=True`) what would be sent is collected instead, so
that the whole engine runs in memory.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

import ipaddress

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport (
    AF_INET, UDP_DATAGRAM_MAX, udp_read_error, udp_receive, udp_received, udp_receive_ring_free, udp_receive_ring_new,
    udp_send_commit, udp_send_flush, udp_send_reserve, udp_send_ring_free, udp_send_ring_new,
)
from uacfast.leaves.address cimport (
    address_from_text, address_host_text, address_is_loopback, address_port, same_host,
)


cdef class SendFailureListener:
    cdef void send_failed(self, uint64_t token, int error) noexcept:
        pass

    cdef void destination_failed(self, const udp_address *destination, const char *sent, uint32_t length,
                                 int error) noexcept:
        pass


cdef void report_failure(void *context, uint64_t token, int error) noexcept:
    cdef UdpTransport transport = <UdpTransport>context
    transport.send_errors += 1
    if transport.listener is not None:
        transport.listener.send_failed(token, error)


cdef bint parse_address(object host, int port, udp_address *address):
    cdef bytes text = host.encode()
    cdef sip_text view
    view.at = text
    view.length = len(text)
    return address_from_text(view, <uint16_t>port, address)


cdef tuple address_tuple(const udp_address *address):
    """(host, port) as Python sees addresses."""
    cdef char text[64]
    cdef uint32_t length = address_host_text(address, text)
    return text[:length].decode(), address_port(address)


cdef class UdpTransport:

    def __cinit__(self, *, bint capture=False):
        self.receive_ring = NULL
        self.send_ring = NULL
        self.capture_space = NULL
        self.captured = [] if capture else None
        if capture:
            self.capture_space = <char *>malloc(UDP_DATAGRAM_MAX)
            if self.capture_space == NULL:
                raise MemoryError
        else:
            self.receive_ring = udp_receive_ring_new()
            self.send_ring = udp_send_ring_new()
            if self.receive_ring == NULL or self.send_ring == NULL:
                raise MemoryError

    def __dealloc__(self):
        if self.receive_ring != NULL:
            udp_receive_ring_free(self.receive_ring)
        if self.send_ring != NULL:
            udp_send_ring_free(self.send_ring)
        free(self.capture_space)

    def add_socket(self, int fd, str host, int port, str advertise=""):
        """Take a bound, non-blocking UDP socket.

        `host` is numeric; `advertise` ("host[:port]") is what Via and Record-Route show instead. Returns the index that
        names the socket from now on. ValueError when there are too many or the address is not numeric.
        """
        cdef LocalSocket *local
        if self.socket_count == LOCAL_SOCKETS:
            raise ValueError(f"At most {LOCAL_SOCKETS} listen addresses are possible.")
        local = &self.sockets[self.socket_count]
        if not parse_address(host, port, &local.address):
            raise ValueError(f"{host!r} is not a numeric address.")
        local.fd = fd
        shown_host, shown_port = split_host_port(advertise) if advertise else (host, port)
        shown_host = bracketed(shown_host)
        # Kamailio leaves the default port out of Via and Record-Route.
        sent_by = (shown_host if shown_port == 5060 else f"{shown_host}:{shown_port}").encode()
        if len(sent_by) > SENT_BY_SIZE:
            raise ValueError(f"The advertised address {advertise!r} is too long.")
        memcpy(local.sent_by, <const char *>sent_by, len(sent_by))
        local.sent_by_length = len(sent_by)
        self.socket_count += 1
        self.add_own_name(host, port)
        self.add_own_name(shown_host, shown_port)
        return self.socket_count - 1

    def add_own_name(self, str host, int port=5060):
        """Let requests and Route values for host:port count as ours (Kamailio's `alias`)."""
        cdef OwnName *name
        cdef bytes text = own_name(host)
        if self.own_name_count == OWN_NAMES:
            raise ValueError(f"At most {OWN_NAMES} own names are possible.")
        name = &self.own_names[self.own_name_count]
        memcpy(name.host, <const char *>text, len(text))
        name.host_length = len(text)
        name.port = <uint16_t>port
        self.own_name_count += 1

    def check_aliases(self, names):
        """ValueError, a sentence, when use_aliases() would refuse these."""
        if 2 * self.socket_count + len(names) > OWN_NAMES:
            raise ValueError(f"At most {OWN_NAMES} own names are possible.")
        for name in names:
            own_name(split_host_port(name)[0])

    def use_aliases(self, names):
        """Let each "host[:port]" count as ours beside the sockets' own addresses, in place of those that did before."""
        self.check_aliases(names)
        self.own_name_count = 0
        for i in range(self.socket_count):
            self.add_own_name(*address_tuple(&self.sockets[i].address))
            self.add_own_name(*split_host_port(self.sockets[i].sent_by[:self.sockets[i].sent_by_length].decode()))
        for name in names:
            self.add_own_name(*split_host_port(name))

    def take_sent(self):
        """In capture mode: [(octets, (host, port), socket index)] since the last call."""
        sent, self.captured = self.captured, []
        return sent

    cdef char *reserve(self, uint32_t capacity) noexcept:
        cdef char *space
        if capacity > UDP_DATAGRAM_MAX:
            return NULL
        if self.captured is not None:
            return self.capture_space
        space = udp_send_reserve(self.send_ring, capacity)
        if space == NULL:
            self.flush()
            space = udp_send_reserve(self.send_ring, capacity)
        return space

    cdef void commit(self, uint32_t length, int socket, const udp_address *destination, uint64_t token) noexcept:
        self.sent_datagrams += 1
        if self.captured is not None:
            self.captured.append((PyBytes_FromStringAndSize(self.capture_space, length),
                                  address_tuple(destination), socket))
        else:
            udp_send_commit(self.send_ring, length, self.sockets[socket].fd, destination, token)

    cdef void flush(self) noexcept:
        if self.captured is None:
            udp_send_flush(self.send_ring, report_failure, <void *>self)

    cdef int receive(self, int socket) noexcept:
        cdef int count = udp_receive(self.receive_ring, self.sockets[socket].fd)
        if count > 0:
            self.received_datagrams += <uint64_t>count
        return count

    cdef char *received(self, int index, uint32_t *length, const udp_address **source, bint *truncated) noexcept:
        cdef int cut = 0
        cdef char *data = udp_received(self.receive_ring, index, length, source, &cut)
        truncated[0] = cut
        return data

    cdef void read_errors(self, int socket) noexcept:
        """ICMP errors that came back for what this socket sent."""
        cdef udp_address destination
        cdef char sent[1024]
        cdef uint32_t length
        cdef int error
        cdef int bound = 256
        while bound > 0:
            length = sizeof(sent)
            if not udp_read_error(self.sockets[socket].fd, &destination, &error, sent, &length):
                break
            self.send_errors += 1
            if self.listener is not None:
                self.listener.destination_failed(&destination, sent, length, error)
            bound -= 1

    cdef bint is_own(self, sip_text host, uint16_t port) noexcept:
        """Whether host:port (0: 5060) is one of our names."""
        cdef int i
        cdef uint32_t k
        cdef OwnName *name
        cdef char octet
        if port == 0:
            port = 5060
        for i in range(self.own_name_count):
            name = &self.own_names[i]
            if name.port != port or name.host_length != host.length:
                continue
            for k in range(host.length):
                octet = host.at[k]
                if c'A' <= octet <= c'Z':
                    octet += 32
                if octet != name.host[k]:
                    break
            else:
                return True
        return False

    cdef int own_socket(self, sip_text host, uint16_t port) noexcept:
        """The socket whose own or advertised address this is, -1 when it is none."""
        cdef int i
        cdef udp_address address
        cdef bint numeric = address_from_text(host, port if port else 5060, &address)
        cdef LocalSocket *local
        for i in range(self.socket_count):
            local = &self.sockets[i]
            if (numeric and same_host(&local.address, &address)
                    and address_port(&local.address) == address_port(&address)):
                return i
            if (local.sent_by_length >= host.length and memcmp(local.sent_by, host.at, host.length) == 0
                    and sent_by_port(local, host.length) == (port if port else 5060)):
                return i
        return -1

    cdef int socket_towards(self, const udp_address *destination, int preferred) noexcept:
        """The socket to send from: the preferred one unless it cannot reach that destination, -1 when none can."""
        cdef int i
        cdef int found = -1
        cdef bint loopback = address_is_loopback(destination)
        for i in range(-1, self.socket_count):
            if i == -1:
                if preferred < 0 or preferred >= self.socket_count:
                    continue
                i = preferred
            if self.sockets[i].address.any.sa_family != destination.any.sa_family:
                continue
            if address_is_loopback(&self.sockets[i].address) == loopback:
                return i
            if found < 0:
                found = i
        return found


cdef int sent_by_port(const LocalSocket *local, uint32_t host_length) noexcept:
    """Port of the advertised address when its host has this length, else 0."""
    cdef int port = 0
    cdef uint32_t i
    if local.sent_by_length == host_length:
        return 5060
    if local.sent_by[host_length] != c':':
        return 0
    for i in range(host_length + 1, local.sent_by_length):
        port = port * 10 + (local.sent_by[i] - 48)
    return port


def bracketed(str host):
    """IPv6 addresses get the brackets that SIP wants round them."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


cdef bytes own_name(str host):
    """A host as names of ours are kept. ValueError, a sentence, when it is too long."""
    cdef bytes text = bracketed(host).lower().encode()
    if len(text) > 255:
        raise ValueError(f"The name {host!r} is longer than a host name can be.")
    return text


def split_host_port(str text, int default=5060):
    """("host", port) of "host[:port]"; a bare IPv6 address needs no brackets."""
    try:
        if ipaddress.ip_address(text).version == 6:
            return f"[{text}]", default
    except ValueError:
        pass
    host, colon, port = text.rpartition(":")
    if colon and not text.endswith("]"):
        return host, int(port)
    return text, default
