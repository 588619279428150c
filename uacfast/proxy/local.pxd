"""Requests of our own: sent, retransmitted, and their responses told to whoever began them."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.forward cimport Forwarder, NextHop
from uacfast.proxy.hooks cimport LocalUser
from uacfast.sip.message cimport SipMessage
from uacfast.tm.forking cimport TransactionUser
from uacfast.tm.table cimport Branch, Transaction


cdef class LocalRequests(TransactionUser):
    cdef Forwarder forwarder
    cdef SipMessage request              # what is being sent
    cdef uint64_t *deferred              # slots and check values, in pairs, of requests that failed within send()
    cdef uint32_t deferred_count, deferred_capacity

    cdef bint send(self, LocalUser user, uint64_t tag, const char *octets, uint32_t length, sip_text destination,
                   int socket, uint32_t fr_timer, uint32_t fr_inv_timer) noexcept
    cdef bint send_ack(self, const char *octets, uint32_t length, sip_text destination, int socket) noexcept
    cdef void run_deferred(self) noexcept

    cdef bint read(self, const char *octets, uint32_t length, sip_text destination, int socket) noexcept
    cdef void begin_attempt(self, Transaction *transaction) noexcept
    cdef void send_branch(self, Transaction *transaction, NextHop *hop) noexcept
    cdef void end_branch(self, Transaction *transaction, int status) noexcept
    cdef bint defer(self, Transaction *transaction) noexcept
    cdef void acknowledge(self, Transaction *transaction, SipMessage response) noexcept
