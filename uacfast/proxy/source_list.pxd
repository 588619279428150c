"""Groups of networks that requests may come from: Kamailio's `address` table (permissions module)."""
from libc.stdint cimport uint16_t

from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.networks cimport Networks


cdef class SourceGroup:
    cdef readonly int number
    cdef Networks any_port
    cdef dict by_port                # port -> Networks, beside any_port
    cdef list rows

    cdef bint contains(self, const udp_address *source) noexcept
    cdef bint contains_host(self, const unsigned char *octets, int family, uint16_t port) noexcept


cdef class SourceList:
    cdef dict groups                 # number -> SourceGroup

    cpdef SourceGroup group(self, int number)
    cdef int group_of(self, const udp_address *source, bint any_port) noexcept


cdef bint parsed(str host, int port, udp_address *address)
