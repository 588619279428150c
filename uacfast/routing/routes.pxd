"""[[route]]: a decision list over initial requests."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.dialog_states cimport DialogTracker
from uacfast.proxy.hooks cimport Decision, RequestPolicy
from uacfast.routing.matcher cimport Regex
from uacfast.proxy.networks cimport Networks
from uacfast.routing.template cimport Template, Variable
from uacfast.sip.message cimport SipMessage
from uacfast.transport.udp cimport UdpTransport
from uacfast.uac.auth cimport SecretList
from uacfast.uac.authenticator cimport Authenticator
from uacfast.uac.replace cimport Replacer

cdef enum:
    CONDITIONS_MAX = 7


cdef class CompiledRoute:
    cdef readonly str name
    cdef tuple methods               # bytes
    cdef uint32_t method_bits        # 1 << sip_method_id of those that have one
    cdef Networks source
    cdef Variable variables[CONDITIONS_MAX]
    cdef list expressions            # Regex, one per variable
    cdef int condition_count
    cdef Template new_uri
    cdef Template from_display, from_uri, to_display, to_uri
    cdef bint replaces_from, replaces_to
    cdef bint record_route, fork
    cdef bint dialog
    cdef uint32_t dialog_timeout     # seconds, 0: the general one
    cdef list targets                # Template
    cdef int reply_code
    cdef bytes reply_reason
    cdef uint32_t fr_timer, fr_inv_timer
    cdef SecretList secrets          # None: no credential of its own
    cdef uint32_t route_id           # in the Record-Route of dialogs that may use it, 0: no credential of its own

    cdef bint takes(self, SipMessage request, UdpTransport transport) noexcept
    cdef bint takes_method(self, SipMessage request) noexcept


cdef class RouteList(RequestPolicy):
    cdef UdpTransport transport
    cdef Replacer replacer
    cdef Authenticator authenticator
    cdef DialogTracker dialogs
    cdef list routes

    cdef bint replace(self, SipMessage request, int which, Template display, Template uri)
