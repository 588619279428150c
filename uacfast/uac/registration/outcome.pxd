"""What a final response to a REGISTER says (uac-semantics §4.6)."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.sip.message cimport SipMessage
from uacfast.uac.registration.record cimport Record
from uacfast.uac.registration.settings cimport RegistrationSettings

cdef enum OutcomeKind:
    OUTCOME_ACCEPTED             # 200 with our Contact
    OUTCOME_UNBOUND              # 200, but our Contact is not there
    OUTCOME_CHALLENGED
    OUTCOME_TOO_BRIEF
    OUTCOME_REFUSED


cdef struct Outcome:
    OutcomeKind kind
    uint32_t granted             # seconds, OUTCOME_ACCEPTED
    uint32_t min_expires         # seconds, OUTCOME_TOO_BRIEF; 0: not given
    uint32_t retry_after         # seconds, 0: not given


cdef void read_outcome(const Record *record, SipMessage response, int status, uint32_t wanted,
                       RegistrationSettings settings, Outcome *outcome) noexcept
