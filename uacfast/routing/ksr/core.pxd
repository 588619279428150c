"""The functions of KSR itself."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.context cimport KsrModule


cdef class CoreModule(KsrModule):
    cdef int method(self) noexcept
    cdef bint is_ours(self, sip_text text) noexcept
    cdef bint is_own_host(self, sip_text host) noexcept
    cdef str next_hop_transport(self)
    cdef int next_hop_family(self)
    cdef bint change_branch_flag(self, int flag, int branch, bint on)
    cdef bint has_branch_flag(self, int flag, int branch)
    cdef bint set_request_uri(self, str text)
    cdef bint set_uri_part(self, str user, str host)
