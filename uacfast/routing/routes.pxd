"""[[route]]: a decision list over initial requests."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.dialog_states cimport DialogTracker
from uacfast.proxy.hooks cimport Decision, RequestPolicy
from uacfast.proxy.networks cimport Networks
from uacfast.proxy.source_list cimport SourceGroup
from uacfast.routing.admission cimport Admission
from uacfast.routing.matcher cimport Regex
from uacfast.routing.template cimport Template, Variable
from uacfast.sip.message cimport SipMessage
from uacfast.transport.udp cimport UdpTransport
from uacfast.uac.auth cimport SecretList
from uacfast.uac.authenticator cimport Authenticator
from uacfast.uac.registration.functions cimport RegistrationFunctions
from uacfast.uac.replace cimport Replacer

cdef enum:
    CONDITIONS_MAX = 7


cdef class CompiledRoute:
    cdef readonly str name
    cdef tuple methods               # bytes
    cdef uint32_t method_bits        # 1 << sip_method_id of those that have one
    cdef Networks source
    cdef SourceGroup source_group    # None: no condition
    cdef Admission admission         # None: the request goes on at once
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
    cdef bint looks_up_registrations
    cdef Template account_user       # request_to; None: no account is asked for
    cdef int account_mode
    # Of the account that a request was found to belong to: set in the copy that with_account() makes.
    cdef bytes account_uri, account_destination, account_routes

    cdef CompiledRoute with_account(self)
    cdef bint takes(self, SipMessage request, UdpTransport transport) noexcept
    cdef bint takes_method(self, SipMessage request) noexcept


cdef class LocatedRoute:         # a route with the bindings that its request goes to
    cdef CompiledRoute route
    cdef list bindings
    cdef bint parallel


cdef class RouteList(RequestPolicy):
    cdef UdpTransport transport
    cdef Replacer replacer
    cdef Authenticator authenticator
    cdef DialogTracker dialogs
    cdef list routes
    cdef RegistrationFunctions registrations     # None: nothing is registered

    cdef CompiledRoute account_route(self, CompiledRoute route, SipMessage request)
    cdef bint go_to_account(self, CompiledRoute route, SipMessage request) noexcept
    cdef object locate(self, CompiledRoute route, SipMessage request, Decision *decision)
    cdef bint replace(self, SipMessage request, int which, Template display, Template uri)
