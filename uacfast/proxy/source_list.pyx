"""Groups of networks that requests may come from: Kamailio's `address` table (permissions module).

A row is (group, network, port); port 0 stands for every port. Groups keep their identity when the rows are replaced, so
a
route holds its group and asks it without looking anything up.
"""
from uacfast.leaves.address cimport address_from_text, address_port
from uacfast.leaves.udp_batch cimport AF_INET
from uacfast.sip.message cimport text_of


cdef inline const unsigned char *octets_of(const udp_address *address) noexcept nogil:
    if address.any.sa_family == AF_INET:
        return <const unsigned char *>&address.v4.sin_addr
    return <const unsigned char *>&address.v6.sin6_addr


cdef class SourceGroup:
    """One group of the list; empty until SourceList.replace() fills it."""

    def __init__(self, int number):
        self.number = number
        self.by_port = {}
        self.rows = []

    cdef bint contains_host(self, const unsigned char *octets, int family, uint16_t port) noexcept:
        cdef Networks networks
        if self.any_port is not None and self.any_port.contains(octets, family):
            return True
        if self.by_port:
            networks = self.by_port.get(port)
            return networks is not None and networks.contains(octets, family)
        return False

    cdef bint contains(self, const udp_address *source) noexcept:
        return self.contains_host(octets_of(source), source.any.sa_family, address_port(source))

    def __len__(self):
        return len(self.rows)


def compiled_sources(rows):
    """{group: {port: (networks as text, Networks)}} for SourceList.use(). ValueError, a sentence, for a network that is
    none."""
    groups = {}
    for number, network, port in rows:
        groups.setdefault(number, {}).setdefault(port, []).append(network)
    return {number: {port: (networks, Networks(networks)) for port, networks in ports.items()}
            for number, ports in groups.items()}


cdef class SourceList:
    """All groups. `rows`: (group, network as text, port); ValueError, a sentence, for a network that is none."""

    def __init__(self, rows=()):
        self.groups = {}
        self.replace(rows)

    def replace(self, rows):
        """Let these rows be the whole list; after a ValueError the old ones still are."""
        self.use(compiled_sources(rows))

    def use(self, compiled):
        """Let what compiled_sources() made be the whole list."""
        cdef SourceGroup group
        for number in set(self.groups) | set(compiled):
            group = self.group(number)
            ports = compiled.get(number, {})
            group.rows = [(network, port) for port, (networks, _) in ports.items() for network in networks]
            group.by_port = {port: made for port, (_, made) in ports.items()}
            group.any_port = group.by_port.pop(0, None)

    cpdef SourceGroup group(self, int number):
        """The group of this number; an empty one when the list has no row for it yet."""
        cdef SourceGroup group = self.groups.get(number)
        if group is None:
            group = self.groups[number] = SourceGroup(number)
        return group

    cdef int group_of(self, const udp_address *source, bint any_port) noexcept:
        """The lowest group that the source is in, -1: none. `any_port`: only rows without a port count."""
        cdef SourceGroup group
        cdef int best = -1
        for group in self.groups.values():
            if (best < 0 or group.number < best) and (
                    group.contains_host(octets_of(source), source.any.sa_family,
                                        0 if any_port else address_port(source))):
                best = group.number
        return best

    def allows(self, int number, str host not None, int port=0):
        """Whether the group has this numeric address and port; False for a host that is no address."""
        cdef udp_address address
        return parsed(host, port, &address) and self.groups.get(number) is not None \
            and self.group(number).contains(&address)

    def group_of_text(self, str host not None, int port=0):
        """The lowest group of this numeric address and port, -1: none."""
        cdef udp_address address
        return self.group_of(&address, False) if parsed(host, port, &address) else -1

    def rows(self):
        """[(group, network, port)] in the order of groups."""
        return [(number, *row) for number in sorted(self.groups) for row in (<SourceGroup>self.groups[number]).rows]


cdef bint parsed(str host, int port, udp_address *address):
    cdef bytes octets = host.encode("utf-8", "surrogateescape")
    return 0 <= port <= 65535 and address_from_text(text_of(<const char *>octets, <unsigned int>len(octets)),
                                                    <uint16_t>port, address)
