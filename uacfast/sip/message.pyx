"""One received message: its octets, the index of its parts, the edits that are pending.

The engine owns a few of these and scans datagram after datagram into them; nothing is allocated per message. Texts that
edits insert live in the message's scratch space until the next scan.
"""
from libc.string cimport memcpy, memset

from uacfast.leaves.edit_list cimport edit_list_clear, edit_list_replace, edit_list_write
from uacfast.leaves.sip_header cimport sip_address_parse, sip_cseq_parse, sip_via_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ, SIP_HEADER_FROM, SIP_HEADER_TO, SIP_HEADER_VIA, sip_first_header, sip_scan,
)
from uacfast.leaves.text_writer cimport text_put_uint, text_writer_length, text_writer_start

cdef enum:
    CSEQ_DIGITS = 10


cdef bytes bytes_of(sip_text text):
    return text.at[:text.length] if text.at != NULL else b""


cdef class SipMessage:

    cdef sip_scan_result scan(self, const char *data, uint32_t size, const sip_limits *limits,
                              bint accept_lf) noexcept:
        """Index `data`, which must stay in place as long as this message is used."""
        edit_list_clear(&self.edits)
        self.scratch_used = 0
        self.force_rport = False
        return sip_scan(&self.index, data, size, limits, accept_lf)

    cdef void reset_plan(self) noexcept:
        self.request_uri = self.index.request_uri
        self.next_hop = no_text()
        self.record_route = False
        self.record_route_parameters = no_text()
        self.added_route_parameters = no_text()
        self.route_parameters = no_text()
        self.loose_routed = False
        self.upstream = False
        self.route_socket = -1
        self.upstream_from = no_text()
        self.upstream_to = no_text()
        memset(&self.new_from, 0, sizeof(NameReplacement))
        memset(&self.new_to, 0, sizeof(NameReplacement))
        self.to_before_from = False
        self.cseq_shift = 0
        self.credentials = no_text()
        self.auth_retried = 0
        self.foretold = False
        self.auth_parameter = no_text()
        self.fr_timer = 0
        self.fr_inv_timer = 0
        self.max_forwards = 256
        self.breadth = 0
        self.dialog = 0
        self.other_leg = False
        self.dialog_parameter = no_text()

    cdef bint parse_top_via(self) noexcept:
        cdef const sip_header *header = sip_first_header(&self.index, SIP_HEADER_VIA)
        return header != NULL and sip_via_parse(header.value, &self.via) == 0

    cdef bint parse_cseq(self) noexcept:
        cdef const sip_header *header = sip_first_header(&self.index, SIP_HEADER_CSEQ)
        return header != NULL and sip_cseq_parse(header.value, &self.cseq) == 0

    cdef bint parse_addresses(self) noexcept:
        """From, To, CSeq and Call-ID: every transaction needs them."""
        cdef const sip_header *header
        header = sip_first_header(&self.index, SIP_HEADER_CALL_ID)
        if header == NULL or header.value.length == 0:
            return False
        self.call_id = header.value
        if not self.parse_cseq():
            return False
        header = sip_first_header(&self.index, SIP_HEADER_FROM)
        if header == NULL or sip_address_parse(header.value, &self.from_) != 0:
            return False
        header = sip_first_header(&self.index, SIP_HEADER_TO)
        return header != NULL and sip_address_parse(header.value, &self.to) == 0

    cdef char *scratch_reserve(self, uint32_t length) noexcept:
        """Space for text that an edit will insert, or NULL when it is used up."""
        cdef char *at = self.scratch + self.scratch_used
        if length > SCRATCH_SIZE - self.scratch_used:
            return NULL
        self.scratch_used += length
        return at

    cdef sip_text keep(self, const char *at, uint32_t length) noexcept:
        """A copy in the scratch space; .at is NULL when there is no room."""
        cdef char *copy = self.scratch_reserve(length)
        if copy == NULL:
            return no_text()
        if length:
            memcpy(copy, at, length)
        return text_of(copy, length)

    cdef bint replace(self, sip_text old, sip_text new) noexcept:
        """Let `new` stand where `old`, a part of the received octets, stood."""
        return edit_list_replace(&self.edits, self.offset(old.at), old.length, new) == 0

    cdef bint replace_request_uri(self, sip_text uri) noexcept:
        if not self.replace(self.index.request_uri, uri):
            return False
        self.request_uri = uri
        return True

    cdef bint replace_cseq(self, uint32_t number) noexcept:
        """Let this number stand in CSeq, which is parsed."""
        cdef char *space = self.scratch_reserve(CSEQ_DIGITS)
        cdef text_writer out
        if space == NULL:
            return False
        text_writer_start(&out, space, CSEQ_DIGITS)
        text_put_uint(&out, number)
        return self.replace(self.cseq.number_text, text_of(space, text_writer_length(&out)))

    cdef uint32_t write_edited(self, text_writer *out, uint32_t start, uint32_t end) noexcept:
        edit_list_write(&self.edits, self.index.data, start, end, out)
        return text_writer_length(out)
