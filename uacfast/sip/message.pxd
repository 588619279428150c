"""One received message: its octets, the index of its parts, the edits that are pending."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport strlen

from uacfast.leaves.edit_list cimport edit_list
from uacfast.leaves.sip_header cimport sip_address, sip_cseq, sip_via
from uacfast.leaves.sip_scan cimport sip_header, sip_limits, sip_message, sip_scan_result
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport sip_uri
from uacfast.leaves.text_writer cimport text_writer
from uacfast.leaves.udp_batch cimport udp_address

cdef enum:
    SCRATCH_SIZE = 16384

cdef inline sip_text text_of(const char *at, uint32_t length) noexcept nogil:
    cdef sip_text text
    text.at = at
    text.length = length
    return text

cdef inline sip_text literal(const char *string) noexcept nogil:
    return text_of(string, <uint32_t>strlen(string))

cdef inline sip_text no_text() noexcept nogil:
    cdef sip_text text
    text.at = NULL
    text.length = 0
    return text

cdef bytes bytes_of(sip_text text)


cdef struct NameReplacement:     # what From or To shall say instead; fields that are not set stay
    bint has_display, has_uri
    sip_text display             # empty: removed
    sip_text uri


cdef class SipMessage:
    cdef sip_message index          # refers to the octets, which stay where they were received
    cdef edit_list edits            # pending changes of those octets
    cdef udp_address source         # where it came from
    cdef int socket                 # the local socket that it came to

    # Parsed by parse_fixed(): topmost Via, From, To, CSeq, Call-ID.
    cdef sip_via via
    cdef sip_address from_
    cdef sip_address to
    cdef sip_cseq cseq
    cdef sip_text call_id

    # What is to become of a request (RFC 3261 §16.6); texts live in the octets or in the scratch space.
    cdef sip_text request_uri       # as it will be sent
    cdef sip_text next_hop          # explicit destination URI ($du), .at NULL: Route or Request-URI decide
    cdef bint record_route          # a Record-Route value is to be added
    cdef sip_text record_route_parameters   # ";vsf=..." and the like, to stand after ftag
    cdef sip_text added_route_parameters    # what a script adds to them, to stand last
    cdef sip_text route_parameters  # parameters of our own Route value, after loose routing
    cdef bint loose_routed          # our own Route value was there and is taken off
    cdef bint upstream              # in-dialog request from callee to caller (RR6)
    cdef int route_socket           # socket that the second value of a double Record-Route names, -1: none
    cdef sip_text upstream_from     # name-addr that replies to this request must show in From, .at NULL: leave it
    cdef sip_text upstream_to
    cdef NameReplacement new_from, new_to
    cdef bint to_before_from        # To was replaced first: its Record-Route parameter comes first
    cdef uint32_t cseq_shift        # by how much CSeq leaves raised; 0: as it came
    cdef sip_text credentials       # (Proxy-)Authorization lines of ours, to stand after all others; .at NULL: none
    cdef uint16_t auth_retried      # realms that these answer for the second time, as uac.auth notes them
    cdef bint foretold              # they were not asked for yet
    cdef sip_text auth_parameter    # ";auth=..." for the Record-Route value: whose credentials the dialog may use
    cdef uint32_t fr_timer, fr_inv_timer    # ms, 0: the general ones
    cdef uint32_t max_forwards      # value received; 256: none received
    cdef uint8_t breadth            # Max-Breadth to be written (RFC 5393); 0: as it came
    cdef uint64_t dialog            # the tracked dialog that it begins or belongs to, a handle of the core's; 0: none
    cdef bint other_leg             # of that dialog's caller with another callee than the one whose 2xx won
    cdef sip_text dialog_parameter  # ";did=...", to stand after ftag, before the others; .at NULL: none

    cdef bint force_rport           # responses go to the source port, although the Via does not ask for it (RFC 3581)

    cdef uint32_t scratch_used
    cdef char scratch[SCRATCH_SIZE]

    cdef sip_scan_result scan(self, const char *data, uint32_t size, const sip_limits *limits, bint accept_lf) noexcept
    cdef void reset_plan(self) noexcept
    cdef bint parse_top_via(self) noexcept
    cdef bint parse_cseq(self) noexcept
    cdef bint parse_addresses(self) noexcept
    cdef char *scratch_reserve(self, uint32_t length) noexcept
    cdef sip_text keep(self, const char *at, uint32_t length) noexcept
    cdef inline uint32_t offset(self, const char *at) noexcept:
        return <uint32_t>(at - self.index.data)
    cdef bint replace(self, sip_text old, sip_text new) noexcept
    cdef bint replace_request_uri(self, sip_text uri) noexcept
    cdef bint replace_cseq(self, uint32_t number) noexcept
    cdef uint32_t write_edited(self, text_writer *out, uint32_t start, uint32_t end) noexcept
