"""Editing the name-addr of From and To (RFC 3261 §20.10): display name, angle brackets, URI."""
from uacfast.leaves.sip_header cimport sip_address
from uacfast.leaves.sip_text cimport sip_text
from uacfast.sip.message cimport NameReplacement, SipMessage

cdef bint write_name(SipMessage message, sip_address *address, const NameReplacement *new) noexcept
cdef bint has_line_end(sip_text text) noexcept
