from uacfast.leaves.ip_networks cimport ip_networks


cdef class Networks:
    cdef ip_networks networks
    cdef readonly tuple texts

    cdef bint contains(self, const unsigned char *address, int family) noexcept nogil
