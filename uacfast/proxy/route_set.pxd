"""The Route header fields of a request (RFC 3261 §16.4, §16.6 step 6, §16.12)."""
from uacfast.leaves.sip_scan cimport sip_header
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport sip_uri
from uacfast.sip.message cimport SipMessage
from uacfast.transport.udp cimport UdpTransport

cdef enum:
    ROUTES_MAX = 70


cdef struct RouteValue:
    sip_text value               # one value, without the comma
    sip_text uri
    const sip_header *header     # the line that it stands on


cdef struct RouteSet:
    int count
    RouteValue values[ROUTES_MAX]


cdef enum RouteOutcome:
    ROUTE_ABSENT                 # no Route value is ours, and the Request-URI is no value of ours either
    ROUTE_TAKEN                  # ours was taken off
    ROUTE_BROKEN                 # a Route value cannot be parsed


cdef bint read_route_set(SipMessage request, int header_id, int limit, RouteSet *routes) noexcept
cdef RouteOutcome take_own_routes(SipMessage request, UdpTransport transport, RouteSet *routes, int limit,
                                  int *taken) noexcept
cdef sip_text tag_parameter(SipMessage request) noexcept
cdef bint names_tag(sip_text parameter, sip_text tag) noexcept
cdef bint follow_route(SipMessage request, const RouteSet *routes, int taken) noexcept
