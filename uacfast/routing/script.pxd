"""A script on every message: its callbacks, what they may wait for, what becomes of their mistakes."""
from libc.stdint cimport uint64_t

from uacfast.routing.context cimport MessageContext, RouteKind, TransactionState
from uacfast.routing.greenlets cimport GreenletPool
from uacfast.routing.relaying cimport ScriptTransactions
from uacfast.sip.message cimport SipMessage
from uacfast.tm.table cimport Branch, Transaction


cdef class Script(ScriptTransactions):
    cdef readonly str file
    cdef readonly int rank
    cdef readonly object ksr             # the module `KSR` that the script imports
    cdef readonly object handler         # what mod_init() returned
    cdef object module
    cdef GreenletPool pool
    cdef object job
    cdef public str reply_callback, onsend_callback, pre_routing_callback    # as the [kemi] table names them
    cdef bint has_reply_route, has_pre_routing
    cdef set waiting_requests            # key hashes of requests that wait and have no transaction yet
    cdef readonly int waiting            # callbacks that wait
    cdef set tasks                       # what they wait for
    cdef bint closing
    cdef readonly uint64_t runs          # callbacks begun or taken up
    cdef readonly bint running           # one of them is running

    cdef MessageContext make_context(self, RouteKind kind, SipMessage message, TransactionState state)
    cdef void find_dialog(self, MessageContext context) noexcept
    cdef void execute(self, MessageContext context) noexcept
    cdef bint goes_to_script(self, MessageContext context)
    cdef bint call_back(self, MessageContext context, str name, object event)
    cdef void end_request(self, MessageContext context)
    cdef void work_on_reply(self, MessageContext context)
    cdef void end_failure(self, MessageContext context)
    cdef void end_continued(self, MessageContext context)
    cdef void end_branch_failure(self, MessageContext context)
    cdef void release(self, MessageContext context)
    cdef void leave(self, MessageContext context)
    cdef SipMessage own_copy(self, MessageContext context, SipMessage message)
    cdef bint is_own_ack(self, SipMessage ack) noexcept
    cdef void log_error(self, MessageContext context, str name)


cdef class ScriptMessage:                # the `msg` that callbacks get
    cdef MessageContext context
    cdef Script script
    cdef MessageContext living(self)
