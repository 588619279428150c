"""Server transactions: what the caller sees of a transaction (RFC 3261 §17.2, RFC 6026 §7.1)."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.sip.message cimport SipMessage
from uacfast.tm.settings cimport TransactionSettings
from uacfast.tm.table cimport Transaction, TransactionTable
from uacfast.transport.udp cimport UdpTransport


cdef class ServerTransactions:
    cdef TransactionTable table
    cdef UdpTransport transport
    cdef TransactionSettings settings
    cdef readonly uint64_t missing_acks
    cdef readonly uint64_t responses                    # sent upstream, retransmissions aside
    cdef readonly uint64_t generated                    # of these, made here
    cdef readonly uint64_t last_success                 # ms, when a 2xx to an INVITE last went upstream; 0: never
    cdef uint64_t finals[10]                            # final ones, by status / 100

    cdef bint respond(self, Transaction *transaction, int status, char *octets, uint32_t length) noexcept
    cdef bint reply(self, Transaction *transaction, SipMessage request, int status, sip_text reason,
                    sip_text extra_lines) noexcept
    cdef void end_silently(self, Transaction *transaction) noexcept
    cdef uint32_t to_tag(self, Transaction *transaction, char *text) noexcept
    cdef void request_again(self, Transaction *transaction) noexcept
    cdef bint ack(self, Transaction *transaction) noexcept
    cdef void timer_fired(self, Transaction *transaction) noexcept
    cdef void arm(self, Transaction *transaction) noexcept
    cdef void destroy_if_done(self, Transaction *transaction) noexcept
    cdef void send_reply_again(self, Transaction *transaction) noexcept
