"""REGISTER: what it asks for, checked and put into the location (RFC 3261 §10.3; Kamailio: registrar)."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.location cimport Binding, Location
from uacfast.sip.message cimport SipMessage

cdef enum SaveResult:            # what save() returns
    SAVE_INSERTED = 1
    SAVE_UPDATED = 2
    SAVE_DELETED = 3
    SAVE_QUERY = 4
    SAVE_ERROR = -1
    SAVE_TOO_MANY = -2

cdef enum:                       # flags of save()
    SAVE_NO_REPLY = 2
    SAVE_ONE_CONTACT = 4
    SAVE_REPLY_LINES = 16


cdef class Registrar:
    cdef readonly Location location
    cdef public uint32_t default_expires, min_expires, max_expires   # seconds; max 0: no limit
    cdef public uint32_t max_contacts        # per address of record, 0: no limit
    cdef public bint use_domain, case_sensitive, method_filtering, append_branches
    # The answer to the last save().
    cdef readonly int status
    cdef readonly bytes reason, lines

    cdef bytes address_of_record(self, sip_text uri)
    cdef SaveResult save(self, SipMessage request, sip_text aor_uri, int flags, bytes received, uint32_t branch_flags,
                         int q_override, uint64_t now) except? SAVE_ERROR
    cdef SaveResult failed(self, int status, bytes reason, bytes lines) noexcept
    cdef bytes contact_lines(self, SipMessage request, list bindings, uint64_t now)
    cdef Binding read_binding(self, SipMessage request, object contact, uint64_t now)


cdef bytes address_uri(const udp_address *address)
cdef bytes source_uri(SipMessage request)
