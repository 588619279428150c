"""Whole messages written out: replies of our own, ACK, CANCEL, and received ones with their edits."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_scan cimport sip_message
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer
from uacfast.sip.message cimport SipMessage

cdef bint write_reply(SipMessage request, int status, sip_text reason, sip_text to_tag, sip_text extra_lines,
                      sip_text server_line, text_writer *out) noexcept
cdef bint write_ack(const sip_message *sent, sip_text response_to, text_writer *out) noexcept
cdef bint write_cancel(const sip_message *sent, sip_text reason_line, text_writer *out) noexcept
cdef bint write_message(SipMessage message, text_writer *out) noexcept
cdef bint remove_top_via(SipMessage message) noexcept
cdef bint is_last_via(SipMessage message) noexcept
cdef bint mark_source(SipMessage request, bint force_rport) noexcept
cdef const char *reason_phrase(int status) noexcept
