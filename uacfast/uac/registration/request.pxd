"""The REGISTER of a record (uac-semantics §4.7; RFC 3261 §10.2)."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer
from uacfast.uac.registration.record cimport Record
from uacfast.uac.registration.settings cimport RegistrationSettings

cdef enum:
    CALL_ID_SIZE = 25            # 16 hexadecimal digits, "-", 8 more
    TAG_SIZE = 16

cdef void put_call_id(const Record *record, text_writer *out) noexcept
cdef bint read_call_number(sip_text call_id, const Record *record, unsigned long long *number) noexcept
cdef bint write_register(const Record *record, uint32_t expires, RegistrationSettings settings,
                         text_writer *out) noexcept
cdef sip_text contact_address(const Record *record, RegistrationSettings settings) noexcept
