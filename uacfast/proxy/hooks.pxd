"""What the proxy core asks of the rooms above it."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.sip.digest cimport Secret
from uacfast.sip.message cimport SipMessage
from uacfast.tm.table cimport Branch, Transaction

cdef enum:                   # Decision.verdict
    VERDICT_NONE             # no route takes the request
    VERDICT_REPLY
    VERDICT_RELAY
    VERDICT_LATER            # policy takes the request in again when it knows more


cdef struct Decision:
    int verdict
    int status               # VERDICT_REPLY
    sip_text reason          # .at NULL: the usual phrase
    sip_text extra_lines     # whole header lines of the reply
    bint parallel            # all targets at once


cdef class RequestPolicy:
    cdef object decide(self, SipMessage request, Decision *decision)
    cdef bint prepare(self, object context, SipMessage request)
    cdef bint target(self, object context, int step, SipMessage request)
    cdef int target_count(self, object context) noexcept
    cdef bint goes_on_after(self, object context, int status)
    cdef int secrets(self, object context, const Secret **found) noexcept


cdef class ScriptHost(RequestPolicy):
    cdef void request(self, SipMessage request, const udp_address *reply_to) noexcept
    cdef bint reply(self, SipMessage response, Branch *branch) noexcept
    cdef bint hears_failure(self, Transaction *transaction) noexcept
    cdef bint failure(self, Transaction *transaction, Branch *chosen, SipMessage response) noexcept
    cdef void branch_failed(self, Transaction *transaction, Branch *branch, SipMessage response) noexcept
    cdef void branch_replaced(self, Transaction *transaction, const Branch *failed, const Branch *branch) noexcept


cdef class RouteListener:
    cdef void loose_routed(self, SipMessage request) noexcept
    cdef void stray_response(self, SipMessage response, sip_text record_route_parameters) noexcept


cdef class LocalUser:
    cdef void final(self, uint64_t tag, int status, SipMessage response) noexcept
    cdef void provisional(self, uint64_t tag, int status, SipMessage response) noexcept


cdef class ChallengeAnswerer:
    cdef bint active             # False: no challenge is ever answered
    cdef bint foretells          # credentials are also sent before they are asked for
    cdef bint answer(self, const Secret *secrets, int count, const Branch *challenged, SipMessage request,
                     SipMessage response) noexcept
    cdef void foretell(self, const Secret *secrets, int count, const udp_address *destination,
                       SipMessage request) noexcept
