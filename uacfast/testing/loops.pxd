from libc.stdint cimport uint64_t
from uacfast.leaves.hash_table cimport hash_table
from uacfast.leaves.siphash cimport siphash_key


cdef class LookupTable:
    cdef hash_table table
    cdef siphash_key key
    cdef uint64_t entries
    cdef uint64_t hash_of(self, uint64_t number) noexcept
