"""Registrations from outside: rows in, records and counts out, commands."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.uac.registration.machine cimport Registrations
from uacfast.uac.registration.record cimport Record, RecordTable, Registrar
from uacfast.uac.registration.rows cimport PackedRow


cdef class Management:
    cdef readonly Registrations registrations
    cdef RecordTable table
    cdef object socket_of
    cdef PackedRow packed
    cdef dict report                     # of the reload under way
    cdef readonly int quarantined        # rows of the last reload that cannot be used
    cdef bint dry

    cdef void count(self, str what)
    cdef void tell(self, str what, str uuid)
    cdef Record *new_record(self, row, int owner) except? NULL
    cdef int take_numbers(self, Record *record, row) except -1
    cdef bint is_same(self, const Record *record) noexcept
    cdef int change(self, Record *record, row) except -1
    cdef int owner_of_uuid(self, sip_text uuid) noexcept
    cdef int owner_of_call(self, str call_id, int otherwise) except -1
    cdef list state_row(self, Record *record)
    cdef int move(self, Record *record) except -1
    cdef int restore(self, Record *record, list state) except -1
    cdef Record *match(self, str attribute, str value) except NULL
    cdef dict structure(self, Record *record)
    cdef int send(self, str uuid, int wanted) except -1
    cdef dict registrar(self, Registrar *registrar)
