"""Named tables of values with an expiry, for scripts and $sht(...) (Kamailio: htable)."""
from libc.stdint cimport uint64_t


cdef class Cell:
    cdef object value
    cdef uint64_t expires            # ms, 0: never
    cdef uint64_t queued             # when this cell's entry in the heap is due, 0: it has none


cdef class HashTable:
    cdef readonly str name
    cdef dict cells                  # key -> Cell
    cdef list due                    # heap of (ms, key)
    cdef readonly object initial
    cdef readonly uint64_t auto_expire   # ms
    cdef readonly bint update_expire
    cdef readonly size_t max_items

    cdef Cell cell(self, str key, uint64_t now)
    cpdef object get(self, str key, uint64_t now)
    cpdef bint set(self, str key, object value, uint64_t now)
    cdef int expire_at(self, str key, Cell cell, uint64_t when) except -1
    cpdef bint remove(self, str key)
    cpdef object expires_in(self, str key, uint64_t now)
    cpdef bint expire_in(self, str key, uint64_t milliseconds, uint64_t now)
    cpdef object add(self, str key, long step, uint64_t now)


cdef class HashTables:
    cdef readonly dict tables        # name -> HashTable

    cpdef HashTable table(self, str name)
    cpdef object get(self, str name, str key, uint64_t now)
    cpdef bint set(self, str name, str key, object value, uint64_t now)
    cpdef object add(self, str name, str key, long step, uint64_t now)
