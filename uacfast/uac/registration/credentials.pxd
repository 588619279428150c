"""What answers the challenges of a registrar: the record's own secret, nothing else (uac-semantics §4.9)."""
from uacfast.leaves.text_writer cimport text_writer
from uacfast.sip.message cimport SipMessage
from uacfast.uac.registration.record cimport Record, RecordTable

cdef bint write_answer(RecordTable table, Record *record, SipMessage response, text_writer *out) noexcept
cdef bint write_in_advance(RecordTable table, Record *record, text_writer *out) noexcept
