"""The response context of a request (RFC 3261 §16.7): which of the branches' responses go upstream."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport sip_limits
from uacfast.leaves.sip_text cimport sip_text
from uacfast.sip.message cimport SipMessage
from uacfast.tm.client cimport BranchUser, ClientTransactions
from uacfast.tm.server cimport ServerTransactions
from uacfast.tm.settings cimport TransactionSettings
from uacfast.tm.table cimport Branch, Transaction, TransactionTable
from uacfast.transport.udp cimport UdpTransport


cdef class TransactionUser:
    """The core above the transactions (RFC 3261's TU)."""
    cdef bint try_next(self, Transaction *transaction, Branch *failed, SipMessage response) noexcept
    cdef bint next_address(self, Transaction *transaction, Branch *failed) noexcept
    cdef bint always_asked(self, Transaction *transaction) noexcept
    cdef void branch_failed(self, Branch *branch, SipMessage response) noexcept
    cdef bint answer_challenge(self, Transaction *transaction, Branch *challenged, SipMessage response) noexcept
    cdef void dialog_response(self, Transaction *transaction, SipMessage response) noexcept
    cdef void local_final(self, Transaction *transaction, int status, SipMessage response) noexcept
    cdef void local_provisional(self, Transaction *transaction, SipMessage response) noexcept


cdef class ResponseContext(BranchUser):
    cdef TransactionTable table
    cdef UdpTransport transport
    cdef TransactionSettings settings
    cdef ServerTransactions server
    cdef ClientTransactions client
    cdef TransactionUser core        # of requests that we relay
    cdef TransactionUser local       # of requests of our own
    cdef SipMessage stored           # rescans of kept responses and requests
    cdef SipMessage other
    cdef sip_limits no_limits
    cdef readonly uint64_t relayed_responses

    cdef bint forward(self, Transaction *transaction, SipMessage response, int status) noexcept
    cdef void cancel_all(self, Transaction *transaction, sip_text reason_line) noexcept
    cdef bint is_refused_for_all(self, Transaction *transaction) noexcept
    cdef void cancel_pending(self, Transaction *transaction, sip_text reason_line) noexcept
    cdef void reply_locally(self, Transaction *transaction, int status) noexcept
    cdef void forget(self, Transaction *transaction) noexcept
    cdef void finish_if_all_failed(self, Transaction *transaction, Branch *last, SipMessage response) noexcept
    cdef void answer_upstream(self, Transaction *transaction, Branch *chosen, Branch *last, SipMessage response) noexcept
    cdef int rank(self, const Branch *branch) noexcept
    cdef Branch *best(self, Transaction *transaction) noexcept
    cdef void add_other_challenges(self, Transaction *transaction, Branch *chosen, SipMessage response) noexcept
