"""What happens to tracked dialogs: beginning, matching, states, timeouts (engine.md §13)."""
from libc.stdint cimport int32_t, uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.dialog_table cimport Dialog, DIALOG_STATES, DialogTable
from uacfast.proxy.route_set cimport RouteSet
from uacfast.sip.message cimport SipMessage
from uacfast.tm.settings cimport TransactionSettings
from uacfast.tm.table cimport Transaction, TransactionTable, TransactionWatcher
from uacfast.transport.udp cimport UdpTransport

cdef enum:
    TIMER_DIALOG = 4             # timer_entry.kind, beside those of tm


cdef enum Leg:                   # how a request within a dialog fits to a tracked one
    LEG_NONE
    LEG_DOWNSTREAM
    LEG_UPSTREAM
    LEG_OTHER_DOWNSTREAM         # the caller and another callee than the one whose 2xx won
    LEG_OTHER_UPSTREAM


cdef class DialogTracker(TransactionWatcher):
    cdef DialogTable table
    cdef TransactionTable transactions
    cdef TransactionSettings timers
    cdef UdpTransport transport
    cdef RouteSet *routes
    cdef object base_time                # (ms of a virtual clock, seconds since 1970 at that time), None: real time
    cdef bytes parameter                 # ";did="
    cdef public uint32_t default_timeout # seconds
    cdef public bint send_bye            # to both sides when a dialog times out
    cdef public bint timeout_noreset     # requests within a dialog do not renew its timeout
    cdef readonly uint64_t processed, expired, failed
    cdef uint64_t counts[DIALOG_STATES]

    cdef bint begin(self, SipMessage request) noexcept
    cdef bint put_parameter(self, SipMessage request) noexcept
    cdef void attach(self, Transaction *transaction) noexcept
    cdef bint match(self, SipMessage request) noexcept
    cdef bint match_response(self, SipMessage response, sip_text record_route_parameters, bint *upstream) noexcept
    cdef void request(self, SipMessage request) noexcept
    cdef void response(self, Transaction *transaction, SipMessage response) noexcept
    cdef void finished(self, Transaction *transaction) noexcept
    cdef void timer_fired(self, Dialog *dialog) noexcept
    cdef bint send_byes(self, Dialog *dialog, bint caller, bint callee) noexcept
    cdef int32_t cseq_difference(self, uint64_t handle) noexcept
    cdef void raise_cseq(self, uint64_t handle, int32_t difference) noexcept
    cdef bint set_timeout(self, Dialog *dialog, uint32_t seconds) noexcept
    cdef void end(self, Dialog *dialog) noexcept

    cdef Dialog *find(self, SipMessage message, sip_text parameters, Leg *leg) noexcept
    cdef void confirm(self, Dialog *dialog, SipMessage response) noexcept
    cdef void enter(self, Dialog *dialog, int state) noexcept
    cdef void start_timeout(self, Dialog *dialog) noexcept
    cdef void take_contact(self, Dialog *dialog, SipMessage message, bint of_callee) noexcept
    cdef void forget(self, Dialog *dialog) noexcept
    cdef uint32_t wall_clock(self) noexcept
    cdef sip_text callee_routes(self, SipMessage response, char *space, uint32_t size) noexcept
    cdef sip_text caller_routes(self, SipMessage request, char *space, uint32_t size) noexcept
