"""Rows of uacreg: checked and packed for a record (uac-semantics §4.1, §4.2)."""
from libc.stdint cimport int32_t, uint16_t, uint32_t

cdef enum:
    PACKED_SIZE = 8192


cdef struct PackedRow:
    char texts[8192]             # TEXTS ends as uint16_t, then the octets
    uint32_t length
    uint32_t expires
    int32_t delay
    int flags


cdef object pack_row(object row, PackedRow *packed)
