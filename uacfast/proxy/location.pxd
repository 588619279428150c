"""Where registered users are: address of record -> bindings, in memory (Kamailio: usrloc)."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t


cdef class Binding:
    cdef public bytes contact        # URI
    cdef public bytes received       # URI of the address that the REGISTER came from, b"": the contact's own
    cdef public tuple path           # name-addrs, first hop first
    cdef public bytes call_id
    cdef public uint32_t cseq
    cdef public int q                # thousandths, -1: not given
    cdef public uint64_t expires     # ms
    cdef public bytes user_agent, instance
    cdef public uint32_t reg_id      # 0: none (RFC 5626)
    cdef public uint32_t methods     # 1 << sip_method_id; all ones: not told
    cdef public uint32_t branch_flags
    cdef public int socket           # local socket that the REGISTER came to
    cdef public uint64_t modified    # ms
    cdef public bytes ruid


cdef class Record:
    cdef readonly bytes aor
    cdef list bindings               # Binding, by q, then the older first
    cdef uint64_t due                # second under which the record stands in Location.calendar, 0: nowhere


cdef class Location:
    cdef dict records                # aor -> Record
    cdef dict calendar               # second -> list of Record
    cdef readonly size_t entries              # in the calendar
    cdef uint64_t swept              # second up to which the calendar is done
    cdef readonly size_t count       # bindings, expired ones that are not yet swept included
    cdef public size_t max_bindings
    cdef uint64_t serial
    cdef public object listener      # called with (aor, bindings) after each change, None: nobody

    cpdef list bindings(self, bytes aor, uint64_t now)
    cpdef bint has(self, bytes aor, uint64_t now)
    cdef int store(self, bytes aor, list bindings, uint64_t now) except -1
    cdef enter(self, Record record)
    cdef rebuild_calendar(self)
