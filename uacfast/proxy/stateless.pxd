"""Replies without a transaction: to malformed, refused and superfluous requests (engine.md §2)."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.counters cimport Counters
from uacfast.sip.message cimport SipMessage
from uacfast.tm.settings cimport TransactionSettings
from uacfast.transport.udp cimport UdpTransport


cdef class StatelessReplies:
    cdef UdpTransport transport
    cdef TransactionSettings timers
    cdef Counters counters
    cdef siphash_key key

    cdef uint32_t tag_of(self, SipMessage request, char *tag) noexcept
    cdef void send(self, SipMessage request, int status, sip_text reason, sip_text to_tag, sip_text extra_lines,
                   const udp_address *reply_to) noexcept
    cdef void refuse(self, SipMessage request, int status, const char *reason, const udp_address *reply_to) noexcept


cdef bint reply_address(SipMessage request, udp_address *reply_to) noexcept
