"""What is to become of a request, kept apart from its octets."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from uacfast.leaves.edit_list cimport edit
from uacfast.leaves.sip_text cimport sip_text
from uacfast.sip.message cimport NameReplacement, SipMessage


cdef class StoredPlan:
    cdef char *memory                # the edits, then their texts and those of the plan
    cdef edit *edits
    cdef uint32_t edit_count
    cdef char *free                  # where the next text goes while the plan is being taken
    cdef sip_text request_uri, next_hop
    cdef sip_text record_route_preset, record_route_parameters, added_route_parameters, route_parameters
    cdef sip_text upstream_from, upstream_to
    cdef NameReplacement new_from, new_to
    cdef bint record_route, loose_routed, upstream, to_before_from, force_rport
    cdef int route_socket
    cdef uint32_t fr_timer, fr_inv_timer, max_forwards
    cdef uint64_t dialog
    cdef bint other_leg, foretold
    cdef uint32_t cseq_shift
    cdef uint16_t auth_retried
    cdef sip_text credentials, auth_parameter
    cdef sip_text dialog_parameter

    cdef bint take(self, SipMessage request) noexcept
    cdef void apply(self, SipMessage request) noexcept
    cdef sip_text copy(self, sip_text text) noexcept
