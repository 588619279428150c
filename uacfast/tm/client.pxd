"""Client transactions: one per branch (RFC 3261 §17.1, RFC 6026 §7.2), and the CANCELs of them (§9.1)."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport sip_limits, sip_message
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.sip.message cimport SipMessage
from uacfast.tm.server cimport ServerTransactions
from uacfast.tm.settings cimport TransactionSettings
from uacfast.tm.table cimport Branch, Buffer, CancelAttempt, Transaction, TransactionTable
from uacfast.transport.udp cimport UdpTransport


cdef class BranchUser:
    """Who hears what became of a branch."""
    cdef void provisional(self, Branch *branch, SipMessage response) noexcept
    cdef void success(self, Branch *branch, SipMessage response) noexcept
    cdef void failed(self, Branch *branch, SipMessage response) noexcept


cdef class ClientTransactions:
    cdef TransactionTable table
    cdef UdpTransport transport
    cdef TransactionSettings settings
    cdef ServerTransactions server
    cdef BranchUser user
    cdef sip_limits no_limits
    cdef sip_message own            # scan of a request that we sent, for ACK and CANCEL
    cdef readonly uint64_t retransmissions, timeouts

    cdef void write_branch(self, Branch *branch, text_writer *out) noexcept
    cdef bint start(self, Branch *branch, char *octets, uint32_t length, int socket,
                    const udp_address *destination) noexcept
    cdef void suspend(self, Branch *branch) noexcept
    cdef void set_retransmission(self, Transaction *transaction, uint32_t t1, uint32_t t2) noexcept
    cdef void set_lifetime(self, Transaction *transaction, uint32_t lifetime) noexcept
    cdef void response(self, Branch *branch, SipMessage response) noexcept
    cdef void cancel_answered(self, Branch *branch) noexcept
    cdef void cancel(self, Branch *branch, sip_text reason_line) noexcept
    cdef void transport_failed(self, Branch *branch) noexcept
    cdef void timer_fired(self, Branch *branch) noexcept
    cdef void cancel_timer_fired(self, CancelAttempt *attempt) noexcept
    cdef void arm(self, Branch *branch) noexcept
    cdef bint scan_own(self, Branch *branch) noexcept
    cdef uint64_t token(self, Branch *branch) noexcept
    cdef uint64_t lifetime_end(self, Transaction *transaction) noexcept
    cdef void linger(self, Branch *branch, int actions) noexcept
    cdef void acknowledge(self, Branch *branch, SipMessage response) noexcept
    cdef void send_again(self, Buffer *sent, Branch *branch) noexcept
    cdef void send_cancel(self, Branch *branch, sip_text reason_line) noexcept
    cdef void give_up(self, Branch *branch, int status, int state) noexcept
    cdef void timed_out(self, Branch *branch) noexcept
