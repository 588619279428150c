"""The uac_reg_* functions of scripts and routes (uac-semantics §5)."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.sip.message cimport SipMessage
from uacfast.uac.registration.management cimport Management
from uacfast.uac.registration.record cimport Record


cdef class RegistrationFunctions:
    cdef readonly Management management
    cdef public object act               # act(action, l_uuid): do it where the record is driven

    cdef Record *record_of(self, sip_text user, int mode, int *result) noexcept
    cdef int command(self, str action, str attribute, str value, int not_found, int unsupported)
