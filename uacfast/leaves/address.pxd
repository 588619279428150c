"""Socket addresses to and from text, without Python objects."""
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_put, text_put_uint, text_writer
from uacfast.leaves.udp_batch cimport AF_INET, AF_INET6, udp_address


cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char *text, void *address)
    const char *inet_ntop(int family, const void *address, char *text, uint32_t size)
    uint16_t ntohs(uint16_t value)
    uint16_t htons(uint16_t value)


cdef inline uint16_t address_port(const udp_address *address) noexcept nogil:
    """Port in host order; it lies at the same place in both families."""
    return ntohs(address.v4.sin_port)


cdef inline void address_set_port(udp_address *address, uint16_t port) noexcept nogil:
    address.v4.sin_port = htons(port)


cdef inline bint address_equal(const udp_address *a, const udp_address *b) noexcept nogil:
    if a.any.sa_family != b.any.sa_family or a.v4.sin_port != b.v4.sin_port:
        return False
    return same_host(a, b)


cdef inline bint same_host(const udp_address *a, const udp_address *b) noexcept nogil:
    if a.any.sa_family != b.any.sa_family:
        return False
    if a.any.sa_family == AF_INET:
        return a.v4.sin_addr.s_addr == b.v4.sin_addr.s_addr
    return memcmp(&a.v6.sin6_addr, &b.v6.sin6_addr, 16) == 0


cdef inline bint address_is_loopback(const udp_address *address) noexcept nogil:
    cdef const unsigned char *octets
    if address.any.sa_family == AF_INET:
        octets = <const unsigned char *>&address.v4.sin_addr
        return octets[0] == 127
    octets = <const unsigned char *>&address.v6.sin6_addr
    return memcmp(octets, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) == 0


cdef inline bint address_is_usable(const udp_address *address) noexcept nogil:
    """Whether one may send there: no port 0, unspecified, multicast or broadcast address (engine Z4)."""
    cdef const unsigned char *octets
    if address.v4.sin_port == 0:
        return False
    if address.any.sa_family == AF_INET:
        octets = <const unsigned char *>&address.v4.sin_addr
        return octets[0] != 0 and octets[0] < 224
    octets = <const unsigned char *>&address.v6.sin6_addr
    return octets[0] != 0xff and memcmp(octets, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) != 0


cdef inline bint address_from_text(sip_text host, uint16_t port, udp_address *address) noexcept nogil:
    """A numeric host, IPv6 with or without brackets; False when it is a name."""
    cdef char text[64]
    cdef const char *at = host.at
    cdef uint32_t length = host.length
    if length >= 2 and at[0] == c'[' and at[length - 1] == c']':
        at += 1
        length -= 2
    if length == 0 or length > 63:
        return False
    memcpy(text, at, length)
    text[length] = 0
    memset(address, 0, sizeof(udp_address))
    if inet_pton(AF_INET, text, &address.v4.sin_addr) == 1:
        address.any.sa_family = AF_INET
    elif inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1:
        address.any.sa_family = AF_INET6
    else:
        return False
    address.v4.sin_port = htons(port)
    return True


cdef inline uint32_t address_host_text(const udp_address *address, char *text) noexcept nogil:
    """The bare numeric host into text[64]; returns its length."""
    cdef uint32_t length = 0
    cdef const unsigned char *octets
    cdef int i
    if address.any.sa_family == AF_INET:
        # Every request needs this, and inet_ntop() goes through printf.
        octets = <const unsigned char *>&address.v4.sin_addr
        for i in range(4):
            if i:
                text[length] = c'.'
                length += 1
            if octets[i] >= 100:
                text[length] = c'0' + octets[i] // 100
                length += 1
            if octets[i] >= 10:
                text[length] = c'0' + octets[i] // 10 % 10
                length += 1
            text[length] = c'0' + octets[i] % 10
            length += 1
        return length
    elif address.any.sa_family == AF_INET6:
        inet_ntop(AF_INET6, &address.v6.sin6_addr, text, 64)
    else:
        return 0
    while text[length] != 0:
        length += 1
    return length
