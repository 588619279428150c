"""What the modules on messages share: the message at hand, its header lines, and edits of them."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport sip_header
from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.features cimport EdgeFeatures
from uacfast.routing.context cimport KsrModule, MessageContext
from uacfast.sip.message cimport SipMessage


cdef SipMessage message_of(KsrModule module)
cdef SipMessage request_of(KsrModule module)
cdef EdgeFeatures features_of(KsrModule module)
cdef uint64_t now_of(KsrModule module)
cdef bytes octets_of(str text)
cdef str str_of(sip_text text)
cdef sip_text keep(SipMessage message, bytes octets) noexcept
cdef int find_header(SipMessage message, bytes name, int start) noexcept
cdef bint insert_at(SipMessage message, uint32_t offset, bytes text) noexcept
cdef bint append_lines(SipMessage message, bytes lines) noexcept
cdef bint prepend_lines(SipMessage message, bytes lines) noexcept
cdef int remove_lines(SipMessage message, bytes name) noexcept
cdef bint replace_text(SipMessage message, sip_text old, bytes new) noexcept
cdef bint set_status(SipMessage message, int code, bytes phrase) noexcept
cdef bytes whole_lines(str text)
cdef bint is_line_value(bytes text) noexcept
cdef bint set_request_uri(SipMessage message, bytes uri) noexcept
cdef bytes current_body(SipMessage message)
cdef bint set_body(SipMessage message, bytes body, bytes content_type)
