"""One worker's SIP engine: octets and the clock in, octets out."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.counters cimport Counters
from uacfast.proxy.dialog cimport Dialogs
from uacfast.proxy.flood_guard cimport FloodGuard
from uacfast.proxy.forward cimport Forwarder
from uacfast.proxy.hooks cimport ScriptHost
from uacfast.proxy.local cimport LocalRequests
from uacfast.proxy.settings cimport ProxySettings
from uacfast.proxy.source_list cimport SourceGroup
from uacfast.proxy.stateless cimport StatelessReplies
from uacfast.sip.message cimport SipMessage
from uacfast.tm.client cimport ClientTransactions
from uacfast.tm.forking cimport ResponseContext
from uacfast.tm.server cimport ServerTransactions
from uacfast.tm.settings cimport TransactionSettings
from uacfast.tm.table cimport Branch, Transaction, TransactionTable
from uacfast.transport.handover cimport Handover
from uacfast.transport.udp cimport SendFailureListener, UdpTransport

cdef enum:
    FAILURES_MAX = 256       # failed sends that one batch can report


cdef class Engine(SendFailureListener):
    cdef readonly UdpTransport transport
    cdef readonly TransactionTable table
    cdef readonly TransactionSettings timers
    cdef readonly ProxySettings settings
    cdef readonly Counters counters
    cdef readonly Forwarder forwarder
    cdef readonly LocalRequests local
    cdef ScriptHost script               # None: the routes decide
    cdef FloodGuard flood_guard          # None: nobody is counted
    cdef SourceGroup unguarded
    cdef readonly Dialogs dialogs
    cdef ServerTransactions server
    cdef ClientTransactions client
    cdef ResponseContext responses
    cdef StatelessReplies stateless
    cdef SipMessage message
    cdef Handover handover
    cdef int worker, workers
    cdef bint draining
    cdef uint64_t failed_tokens[FAILURES_MAX]
    cdef int failed_count
    cdef uint64_t batch_pause            # microseconds, 0: never
    cdef uint64_t last_drain             # microseconds
    cdef double arrival_rate             # datagrams per microsecond, smoothed
    cdef readonly uint64_t pauses
    cdef object poller
    cdef object virtual_now              # ms, for tests; None: the monotonic clock

    cdef void take_time(self) noexcept
    cdef void process(self, const char *data, uint32_t length, const udp_address *source, int socket) noexcept
    cdef void request(self, SipMessage message) noexcept
    cdef void response(self, SipMessage message) noexcept
    cdef void scripted_request(self, SipMessage message) noexcept
    cdef void take_response(self, SipMessage message, Branch *branch) noexcept
    cdef bint is_forwardable(self, SipMessage message, const Transaction *transaction) noexcept
    cdef void new_request(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to) noexcept
    cdef void in_dialog(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to,
                        uint32_t loop_hash) noexcept
    cdef void initial(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to,
                      uint32_t loop_hash) noexcept
    cdef void ack(self, SipMessage message) noexcept
    cdef void cancel(self, SipMessage message, const udp_address *reply_to) noexcept
    cdef void stray_response(self, SipMessage message) noexcept
    cdef bint forward_response(self, SipMessage message) noexcept
    cdef void run_timers(self) noexcept
    cdef void flush(self) noexcept
    cdef void pause(self, int received) noexcept
    cdef int drain_sockets(self) noexcept
    cdef int drain_handover(self) noexcept
    cdef void process_own(self, const char *data, uint32_t length, const udp_address *source, int socket) noexcept
    cdef void dispatch(self, SipMessage message, const udp_address *source, int socket) noexcept
    cdef int owner_of(self, sip_text call_id) noexcept
    cdef bint has_breadth(self, SipMessage message, const udp_address *reply_to) noexcept
    cdef bint is_for_us(self, SipMessage message) noexcept
    cdef bint names_us(self, SipMessage message) noexcept
    cdef bint answers_method(self, SipMessage message, const Branch *branch, int method) noexcept
    cdef void decide(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to,
                     uint32_t loop_hash) noexcept
    cdef void broken_start_line(self, const char *data, uint32_t length, const udp_address *source, int socket) noexcept
    cdef void refuse_for_now(self, SipMessage message, const udp_address *reply_to) noexcept
    cdef bint is_routable(self, SipMessage message) noexcept
    cdef bint is_flooding(self, SipMessage message) noexcept
    cdef void answer(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to, int status,
                     sip_text reason, sip_text extra_lines) noexcept
    cdef bint own_record_route(self, SipMessage message, sip_text *parameters) noexcept
