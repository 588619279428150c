"""KSR.textopsx: changes made visible, status lines, bodies taken away (kemi-python.md §3.10)."""
from libc.stdint cimport uint32_t

from uacfast.leaves.edit_list cimport edit_list_write
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CALL_ID, SIP_HEADER_CONTENT_LENGTH, SIP_HEADER_CONTENT_TYPE, SIP_HEADER_CSEQ, SIP_HEADER_FROM,
    SIP_HEADER_MAX_FORWARDS, SIP_HEADER_RECORD_ROUTE, SIP_HEADER_ROUTE, SIP_HEADER_TO, SIP_HEADER_VIA, SIP_SCAN_OK,
    SIP_HEADERS_CAPACITY, sip_limits,
)
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.leaves.udp_batch cimport UDP_DATAGRAM_MAX
from uacfast.routing.context cimport KsrModule, MessageContext, ROUTE_REPLY, ROUTE_REQUEST
from uacfast.routing.ksr.access cimport message_of, octets_of, set_body, set_status
from uacfast.routing.ksr.comparison cimport expression
from uacfast.sip.message cimport SipMessage, bytes_of, text_of

# What keep_hf() never takes out.
cdef tuple NEEDED = (SIP_HEADER_VIA, SIP_HEADER_FROM, SIP_HEADER_TO, SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ,
                     SIP_HEADER_ROUTE, SIP_HEADER_RECORD_ROUTE, SIP_HEADER_MAX_FORWARDS, SIP_HEADER_CONTENT_LENGTH,
                     SIP_HEADER_CONTENT_TYPE)


cdef class TextopsxModule(KsrModule):
    """All answer 1 when done and -1 when not."""

    def msg_apply_changes(self):
        """Write the message out with its changes and read it anew, so that get() sees them. In the request and reply
        routes only; -1: elsewhere, or the message would not be one any more, and stays as it was."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = message_of(self)
        cdef SipMessage trial = SipMessage()
        cdef text_writer out
        cdef char[UDP_DATAGRAM_MAX] space
        cdef sip_limits limits
        cdef bytes octets
        cdef uint32_t scratch = message.scratch_used
        cdef bint force_rport = message.force_rport
        if context.kind not in (ROUTE_REQUEST, ROUTE_REPLY):
            return -1
        limits.message = limits.header_part = limits.line = UDP_DATAGRAM_MAX
        limits.headers = SIP_HEADERS_CAPACITY
        text_writer_start(&out, space, sizeof(space))
        edit_list_write(&message.edits, message.index.data, 0, message.index.length, &out)
        octets = space[:text_writer_length(&out)]
        if (out.overflow or trial.scan(octets, <uint32_t>len(octets), &limits, True) != SIP_SCAN_OK
                or trial.index.flaws & ~message.index.flaws or not trial.parse_top_via()
                or not trial.parse_addresses()):
            return -1
        if context.transaction != NULL and context.kind == ROUTE_REQUEST and not context.table.fill(
                &context.transaction.request, octets, <uint32_t>len(octets)):
            return -1        # further attempts are made from the transaction's copy, which must be the same octets
        # Texts of the plan stay where they are: in the old octets, which outlive the callback, or in the scratch space.
        message.scan(octets, <uint32_t>len(octets), &limits, True)
        message.scratch_used = scratch
        message.force_rport = force_rport
        message.parse_top_via()
        message.parse_addresses()
        if message.index.is_request:
            message.request_uri = message.index.request_uri
        context.state.notes["applied_octets"] = octets     # the message refers to them
        return 1

    def change_reply_status(self, int code, str reason not None):
        """Another status line for a reply that is being forwarded; a provisional stays one, a final too."""
        cdef SipMessage message = message_of(self)
        if (message.index.is_request or not 100 <= code <= 699
                or (code < 200) != (message.index.status < 200) or (code < 300) != (message.index.status < 300)):
            return -1
        return 1 if set_status(message, code, octets_of(reason)) else -1

    def remove_body(self):
        """Take the body and its type away."""
        cdef SipMessage message = message_of(self)
        if message.index.body.length == 0:
            return 1
        return 1 if set_body(message, b"", b"") else -1

    def keep_hf(self):
        """Take all headers out that SIP does not need."""
        return self.keep_headers(None)

    def keep_hf_re(self, str sre not None):
        """The same, but what has a name that the expression finds stays."""
        return self.keep_headers(sre)

    cdef int keep_headers(self, str pattern) except -2:
        cdef SipMessage message = message_of(self)
        cdef int i
        search = None if pattern is None else expression(pattern)
        if pattern is not None and search is None:
            return -1
        for i in range(message.index.header_count):
            if message.index.headers[i].id in NEEDED:
                continue
            if search is not None and search(bytes_of(message.index.headers[i].name)):
                continue
            if not message.replace(message.index.headers[i].line, text_of(b"", 0)):
                return -1
        return 1
