from libc.stdint cimport uint32_t, uint64_t


cdef extern from "ip_networks.h" nogil:
    ctypedef struct ipv4_range:
        uint32_t first
        uint32_t last

    ctypedef struct ipv6_number:
        uint64_t high
        uint64_t low

    ctypedef struct ipv6_range:
        ipv6_number first
        ipv6_number last

    ctypedef struct ip_networks:
        ipv4_range *v4
        ipv6_range *v6
        size_t v4_count
        size_t v4_capacity
        size_t v6_count
        size_t v6_capacity

    int ip_networks_add(ip_networks *networks, const unsigned char *address, int family, unsigned int prefix)
    void ip_networks_seal(ip_networks *networks)
    int ip_networks_contain(const ip_networks *networks, const unsigned char *address, int family)
    void ip_networks_free(ip_networks *networks)
