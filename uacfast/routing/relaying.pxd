"""What a script does with transactions: creating, relaying, answering (Kamailio's tm and sl modules)."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.forward cimport Forwarder
from uacfast.routing.context cimport MessageContext, ScriptRuntime, TransactionState
from uacfast.sip.digest cimport Secret
from uacfast.sip.message cimport SipMessage
from uacfast.sip.plan cimport StoredPlan
from uacfast.tm.table cimport Branch, Transaction

cdef enum:                           # what went wrong inside a function, by Kamailio's numbers
    ERROR_SERVER = 1
    ERROR_NO_SOCKET = 7
    ERROR_BAD_URI = 400
    ERROR_BREADTH = 440
    ERROR_SEND = 477
    ERROR_UNRESOLVABLE = 478


cdef class ScriptTransactions(ScriptRuntime):
    cdef list free_messages          # SipMessage objects for stored requests and for callbacks that wait

    cdef uint64_t key_hash(self, MessageContext context) noexcept
    cdef Transaction *matching(self, MessageContext context) noexcept
    cdef int check_transaction(self, MessageContext context) noexcept
    cdef int new_transaction(self, MessageContext context) noexcept
    cdef int relay(self) except? -2
    cdef int suspend(self, MessageContext context) except? -2
    cdef int go_on_with(self, uint32_t index, uint32_t label, str callback) except? -2
    cdef int run_continued(self, Transaction *transaction, str callback) except? -2
    cdef int relay_request(self, MessageContext context) except? -2
    cdef int relay_stateless(self, MessageContext context) noexcept
    cdef int forward(self, MessageContext context) except? -2
    cdef void answer_trying(self, MessageContext context) noexcept
    cdef int begin_branches(self, MessageContext context, list targets) except? -2
    cdef bint is_target_new(self, MessageContext context) noexcept
    cdef void note_credentials(self, MessageContext context) noexcept
    cdef int what_failed(self, SipMessage message) noexcept
    cdef bint aim(self, MessageContext context, dict target)
    cdef bint mark_source(self, MessageContext context) noexcept
    cdef bint set_destination(self, SipMessage message, object uri, str send_socket)
    cdef void hold_upstream_texts(self, Transaction *transaction, SipMessage message) noexcept
    cdef int reply_in_transaction(self, MessageContext context, int status, sip_text reason, sip_text lines) noexcept
    cdef int reply_error(self, MessageContext context, str suffix) except? -2
    cdef SipMessage take_message(self)
    cdef void give_message(self, SipMessage message)
    cdef bint open_stored(self, MessageContext context, Transaction *transaction) noexcept
    cdef bint run_branch_route(self, MessageContext context, TransactionState state)

    cdef Forwarder forwarder(self)


cdef bint is_waiting(const Transaction *transaction) noexcept
cdef TransactionState state_of(Transaction *transaction)
cdef uint32_t transaction_label(const Transaction *transaction) noexcept
cdef Branch *suspended_branch(const Transaction *transaction) noexcept
cdef void set_branch_flags(TransactionState state, int number, object flags)
