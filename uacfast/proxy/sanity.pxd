"""The checks that a request passes before anything is done with it (RFC 3261 §16.3, engine.md §2)."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.settings cimport ProxySettings
from uacfast.sip.message cimport SipMessage
from uacfast.transport.udp cimport UdpTransport


cdef enum:
    MAX_BREADTH = 60         # RFC 5393 §5: the default, and the most that we take over


cdef struct Refusal:
    int status               # 0: the request is fine
    const char *reason       # NULL: the usual phrase
    sip_text extra_lines


cdef void check_octets(SipMessage request, ProxySettings settings, Refusal *refusal) noexcept
cdef void check_form(SipMessage request, ProxySettings settings, Refusal *refusal) noexcept
cdef void check_forwarding(SipMessage request, ProxySettings settings, Refusal *refusal) noexcept
cdef int breadth_of(SipMessage request) noexcept
cdef bint has_looped(SipMessage request, UdpTransport transport, uint32_t loop_hash) noexcept
