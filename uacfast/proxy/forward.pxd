"""Requests on their way out: next hop, Record-Route, Via, branches (RFC 3261 §16.6), and the next attempts."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.counters cimport Counters
from uacfast.proxy.cseq cimport CSeqDifferences
from uacfast.proxy.dialog_states cimport DialogTracker
from uacfast.proxy.hooks cimport ChallengeAnswerer, Decision, RequestPolicy, RouteListener, ScriptHost
from uacfast.proxy.route_set cimport RouteSet
from uacfast.proxy.settings cimport ProxySettings
from uacfast.sip.message cimport SipMessage
from uacfast.tm.client cimport ClientTransactions
from uacfast.tm.forking cimport ResponseContext, TransactionUser
from uacfast.tm.server cimport ServerTransactions
from uacfast.tm.settings cimport TransactionSettings
from uacfast.tm.table cimport Branch, Transaction, TransactionTable
from uacfast.transport.udp cimport UdpTransport

cdef enum HopOutcome:
    HOP_RESOLVED
    HOP_PENDING
    HOP_FAILED


cdef struct NextHop:
    sip_text host
    uint32_t port                # 0: not given
    bint secure
    bint unsupported             # a transport that we do not have
    udp_address addresses[8]
    int count


cdef class Forwarder(TransactionUser):
    cdef TransactionTable table
    cdef UdpTransport transport
    cdef TransactionSettings timers
    cdef ProxySettings settings
    cdef Counters counters
    cdef ServerTransactions server
    cdef ClientTransactions client
    cdef ResponseContext responses
    cdef RequestPolicy policy
    cdef RouteListener listener
    cdef ScriptHost script               # None: policy knows the further targets
    cdef ChallengeAnswerer answerer
    cdef readonly CSeqDifferences differences
    cdef DialogTracker dialogs
    cdef object resolver
    cdef set tasks
    cdef object reinject
    cdef object wake
    cdef SipMessage again
    cdef RouteSet routes
    cdef int routes_taken                # how many of them take_routes() took off

    cdef bint preprocess(self, SipMessage request) noexcept
    cdef int take_routes(self, SipMessage request) noexcept
    cdef uint32_t loop_hash(self, SipMessage request) noexcept
    cdef bint relay(self, SipMessage request, uint64_t key_hash, const udp_address *reply_to, uint32_t loop_hash,
                    object context, bint parallel) noexcept
    cdef void begin_attempt(self, Transaction *transaction, SipMessage request, int step) noexcept
    cdef Branch *send_branch(self, Transaction *transaction, SipMessage request, const udp_address *destination) noexcept
    cdef void foretell(self, Transaction *transaction, SipMessage request, const udp_address *destination) noexcept
    cdef void fail_branch(self, Transaction *transaction) noexcept
    cdef bint prepare_again(self, Transaction *transaction) noexcept
    cdef bint relay_stateless(self, SipMessage request, uint32_t loop_hash) noexcept
    cdef HopOutcome find_next_hop(self, SipMessage request, NextHop *hop) noexcept
    cdef uint32_t write_request(self, SipMessage request, int socket, Branch *branch, uint32_t loop_hash,
                                char *space, uint32_t capacity) noexcept
    cdef void put_record_route(self, SipMessage request, int socket, text_writer *out) noexcept
    cdef void put_record_route_value(self, SipMessage request, int socket, bint double, text_writer *out) noexcept
    cdef void finish_failed(self, Transaction *transaction) noexcept
    cdef bint set_target(self, Transaction *transaction, int step) noexcept
    cdef void resolve_later(self, Transaction *transaction, SipMessage request, int step, NextHop *hop) noexcept
    cdef void put_stateless_branch(self, SipMessage request, uint32_t loop_hash, text_writer *out) noexcept
    cdef Branch *send_to_hop(self, Transaction *transaction, SipMessage request, int step, NextHop *hop) noexcept
    cdef bint may_move_on(self, Transaction *transaction, const Branch *failed) noexcept
    cdef Branch *move_on(self, Transaction *transaction, SipMessage request, Branch *failed) noexcept
    cdef void replace_branch(self, Branch *failed, Branch *branch) noexcept
    cdef bint put_breadth(self, SipMessage request) noexcept
    cdef int free_breadth(self, const Transaction *transaction, SipMessage request) noexcept


cdef void share_breadth(SipMessage request, int breadth, int count, int number) noexcept
cdef void take_addresses(object targets, NextHop *hop) noexcept
cdef uint32_t max_forwards_of(SipMessage request) noexcept
