"""What is to become of a request, kept apart from its octets: the edits and the plan of a SipMessage with all their texts.

apply() puts them into another scan of the same octets, so that further branches of a transaction go out as the first did.
The StoredPlan must live as long as the message that it was applied to is written out: the texts are not copied again.
"""
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from uacfast.sip.message cimport no_text, text_of


cdef class StoredPlan:

    def __dealloc__(self):
        free(self.memory)

    cdef bint take(self, SipMessage request) noexcept:
        """Copy edits and plan; to be called once per object. False when memory ends."""
        cdef uint32_t i
        cdef uint32_t count = request.edits.count
        cdef size_t size = count * sizeof(edit)
        for i in range(count):
            size += request.edits.items[i].inserted.length
        size += (request.request_uri.length + request.next_hop.length + request.record_route_preset.length
                 + request.record_route_parameters.length + request.added_route_parameters.length + request.route_parameters.length
                 + request.dialog_parameter.length + request.auth_parameter.length + request.credentials.length
                 + request.upstream_from.length + request.upstream_to.length
                 + request.new_from.display.length + request.new_from.uri.length
                 + request.new_to.display.length + request.new_to.uri.length)
        self.memory = <char *>malloc(size if size else 1)
        if self.memory == NULL:
            return False
        self.edits = <edit *>self.memory
        self.edit_count = count
        self.free = self.memory + count * sizeof(edit)
        for i in range(count):
            self.edits[i] = request.edits.items[i]
            self.edits[i].inserted = self.copy(request.edits.items[i].inserted)
        self.request_uri = self.copy(request.request_uri)
        self.next_hop = self.copy(request.next_hop)
        self.record_route_preset = self.copy(request.record_route_preset)
        self.record_route_parameters = self.copy(request.record_route_parameters)
        self.added_route_parameters = self.copy(request.added_route_parameters)
        self.route_parameters = self.copy(request.route_parameters)
        self.upstream_from = self.copy(request.upstream_from)
        self.upstream_to = self.copy(request.upstream_to)
        self.new_from = request.new_from
        self.new_from.display = self.copy(request.new_from.display)
        self.new_from.uri = self.copy(request.new_from.uri)
        self.new_to = request.new_to
        self.new_to.display = self.copy(request.new_to.display)
        self.new_to.uri = self.copy(request.new_to.uri)
        self.record_route = request.record_route
        self.loose_routed = request.loose_routed
        self.upstream = request.upstream
        self.to_before_from = request.to_before_from
        self.force_rport = request.force_rport
        self.route_socket = request.route_socket
        self.fr_timer = request.fr_timer
        self.fr_inv_timer = request.fr_inv_timer
        self.max_forwards = request.max_forwards
        self.dialog = request.dialog
        self.other_leg = request.other_leg
        self.foretold = request.foretold
        self.cseq_shift = request.cseq_shift
        self.auth_retried = request.auth_retried
        self.credentials = self.copy(request.credentials)
        self.auth_parameter = self.copy(request.auth_parameter)
        self.dialog_parameter = self.copy(request.dialog_parameter)
        return True

    cdef sip_text copy(self, sip_text text) noexcept:
        cdef char *at = self.free
        if text.at == NULL:
            return no_text()
        if text.length:
            memcpy(at, text.at, text.length)
            self.free += text.length
        return text_of(at, text.length)

    cdef void apply(self, SipMessage request) noexcept:
        """Have the request, a scan of the octets that take() saw, go out as that one would have then."""
        if self.edit_count:
            memcpy(request.edits.items, self.edits, self.edit_count * sizeof(edit))
        request.edits.count = self.edit_count
        request.request_uri = self.request_uri
        request.next_hop = self.next_hop
        request.record_route_preset = self.record_route_preset
        request.record_route_parameters = self.record_route_parameters
        request.added_route_parameters = self.added_route_parameters
        request.route_parameters = self.route_parameters
        request.upstream_from = self.upstream_from
        request.upstream_to = self.upstream_to
        request.new_from = self.new_from
        request.new_to = self.new_to
        request.record_route = self.record_route
        request.loose_routed = self.loose_routed
        request.upstream = self.upstream
        request.to_before_from = self.to_before_from
        request.force_rport = self.force_rport
        request.route_socket = self.route_socket
        request.fr_timer = self.fr_timer
        request.fr_inv_timer = self.fr_inv_timer
        request.max_forwards = self.max_forwards
        request.dialog = self.dialog
        request.other_leg = self.other_leg
        request.foretold = self.foretold
        request.cseq_shift = self.cseq_shift
        request.auth_retried = self.auth_retried
        request.credentials = self.credentials
        request.auth_parameter = self.auth_parameter
        request.dialog_parameter = self.dialog_parameter
