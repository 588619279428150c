"""Sets of IPv4 and IPv6 networks: the `source` condition of a route, access lists."""
import ipaddress

from uacfast.leaves.ip_networks cimport ip_networks_add, ip_networks_contain, ip_networks_free, ip_networks_seal


cdef extern from "arpa/inet.h" nogil:
    int AF_INET
    int AF_INET6
    int inet_pton(int family, const char *text, void *address)


cdef class Networks:
    """The networks of `texts`: "192.0.2.0/24", "2001:db8::/32", "192.0.2.0/255.255.255.0" or a single address.

    IPv4-mapped IPv6 networks and addresses count as IPv4. Raises ValueError, naming the text, for anything else and for
    a network whose address has bits set after the prefix.
    """

    def __cinit__(self, texts):
        self.texts = tuple(texts)
        for text in self.texts:
            add_network(self, text)
        ip_networks_seal(&self.networks)

    def __dealloc__(self):
        ip_networks_free(&self.networks)

    cdef bint contains(self, const unsigned char *address, int family) noexcept nogil:
        """Whether 4 (AF_INET) or 16 (AF_INET6) octets in network order are in one of the networks."""
        return ip_networks_contain(&self.networks, address, family) != 0

    def contains_text(self, str text not None):
        """Whether the address written in `text` is in one of the networks; ValueError when it is no IP address."""
        cdef unsigned char[16] address
        cdef int family = parse_address(text, address)
        if not family:
            raise ValueError(f"{text!r} is no IP address; write it as 192.0.2.1 or 2001:db8::1.")
        return self.contains(address, family)

    def __repr__(self):
        return f"Networks({list(self.texts)!r})"


cdef int add_network(Networks networks, text) except -1:
    cdef unsigned char[16] address
    cdef int family
    cdef int result
    if not isinstance(text, str):
        raise ValueError(f"A network must be a text such as '192.0.2.0/24', not {text!r}.")
    host, slash, length = text.partition("/")
    family = parse_address(host, address)
    if not family:
        raise ValueError(f"{text!r} is no network; write it as 192.0.2.0/24 or 2001:db8::/32.")
    prefix = prefix_length(text, length, family) if slash else 32 if family == AF_INET else 128
    result = ip_networks_add(&networks.networks, address, family, prefix)
    if result == -1:
        raise MemoryError(f"There is no memory for the network {text!r}.")
    if result == -2:
        network = ipaddress.ip_network(f"{host}/{prefix}", strict=False)
        raise ValueError(f"{text!r} has address bits set after its prefix; write {str(network)!r} for the network or "
                         f"{host!r} for the one address.")
    if result == -3:
        raise ValueError(f"{text!r} has no valid prefix length; IPv4 has 0 to 32, IPv6 has 0 to 128.")
    return 0


cdef int prefix_length(str text, str length, int family) except -1:
    if length.isascii() and length.isdigit() and len(length) <= 3:
        return int(length)
    if family == AF_INET:
        try:
            return ipaddress.IPv4Network(f"0.0.0.0/{length}").prefixlen   # a netmask in dots
        except ValueError:
            pass
    raise ValueError(f"{text!r} has no valid prefix length; write it as 192.0.2.0/24 or 2001:db8::/32.")


cdef int parse_address(str text, unsigned char *address) except -1:
    """Fills 4 or 16 octets and returns the family, or 0 when `text` is no address."""
    cdef bytes octets = text.encode("ascii", "replace")
    if 0 in octets:
        return 0   # C would stop reading there
    if inet_pton(AF_INET, <const char *>octets, address) == 1:
        return AF_INET
    if inet_pton(AF_INET6, <const char *>octets, address) == 1:
        return AF_INET6
    return 0
