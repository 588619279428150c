"""How many attempts begin, when, and where: windows, rates and circuit breakers."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.uac.registration.record cimport RecordTable, Registrar
from uacfast.uac.registration.settings cimport RegistrationSettings


cdef class Pacing:
    cdef RecordTable table
    cdef RegistrationSettings settings
    cdef double tokens
    cdef uint64_t tokens_at              # ms

    cdef bint may_begin(self, Registrar *registrar) noexcept
    cdef void answered(self, Registrar *registrar, uint64_t latency) noexcept
    cdef void unanswered(self, Registrar *registrar) noexcept
    cdef void count_failure(self, Registrar *registrar) noexcept
    cdef void count_success(self, Registrar *registrar) noexcept
    cdef void breaker_due(self, Registrar *registrar) noexcept
    cdef void shrink(self, Registrar *registrar) noexcept
