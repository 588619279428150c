"""Registrations on a worker's engine: REGISTERs are requests of its own, its clock is theirs."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.hooks cimport LocalUser


cdef class EngineSender(Sender):

    def __init__(self, Engine engine not None):
        self.engine = engine

    cdef uint64_t now(self) noexcept:
        return self.engine.table.now

    cdef bint send(self, LocalUser user, uint64_t tag, const char *octets, uint32_t length, sip_text destination,
                   int socket, uint32_t fr_timer) noexcept:
        return self.engine.local.send(user, tag, octets, length, destination, socket, fr_timer, 0)

    cdef void flush(self) noexcept:
        self.engine.flush()
