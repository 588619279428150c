"""KSR.tmx: more of transactions (kemi-python.md §3.6)."""
from libc.stdint cimport uint32_t
from libc.string cimport memcmp

from uacfast.leaves.sip_scan cimport SIP_METHOD_INVITE, SIP_SCAN_OK
from uacfast.routing.context cimport (
    KsrModule, MessageContext, ROUTE_BRANCH, ROUTE_BRANCH_FAILURE, ROUTE_FAILURE, ROUTE_REPLY, ROUTE_REQUEST,
    ScriptRuntime, TransactionState,
)
from uacfast.routing.relaying cimport ScriptTransactions, state_of
from uacfast.sip.message cimport SipMessage, no_text, text_of
from uacfast.tm.table cimport FINAL_SENT, LOCAL, Transaction, TransactionTable

cdef extern from "string.h" nogil:
    void *memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length)


cdef class TmxModule(KsrModule):

    def t_precheck_trans(self):
        """Whether another worker is just handling the same request: none can be, each call has one owner."""
        return -1

    def t_is_request_route(self):
        return 1 if self.runtime.context.kind == ROUTE_REQUEST else -1

    def t_is_branch_route(self):
        return 1 if self.runtime.context.kind == ROUTE_BRANCH else -1

    def t_is_reply_route(self):
        return 1 if self.runtime.context.kind == ROUTE_REPLY else -1

    def t_is_failure_route(self):
        return 1 if self.runtime.context.kind in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE) else -1

    def t_cancel_branches(self, str which not None):
        """Reply callback: cancel "all" branches, the "others", or "this" one."""
        cdef MessageContext context = self.runtime.context
        if context.kind != ROUTE_REPLY or context.transaction == NULL:
            return -1
        branch = context.transaction.branches
        while branch != NULL:
            if branch.final == 0 and (which == "all" or (which == "this") == (branch == context.branch)):
                self.runtime.engine.client.cancel(branch, no_text())
            branch = branch.next
        return 1

    # --- suspending ----------------------------------------------------------------------------------------------

    def t_suspend(self):
        """Have the transaction wait for t_continue(), which finds it by $T(id_index) and $T(id_label): 1. It is begun if
        need be; what the request route made of the request stays. After fr_timer it ends with a 408 of ours, by way of the
        failure callback. -1: the caller has cancelled or was answered; replies cannot be suspended."""
        return self.script().suspend(self.runtime.context)

    def t_continue(self, int index, int label, str callback not None):
        """Call callback(msg) with the request of the transaction that t_suspend() left, as a failure callback; its
        t_relay() sends to the Request-URI or a new one. If nothing is relayed or answered there, the caller gets a 500. 1: it
        ran, or there was nothing to do since the caller has cancelled; -1: no such transaction waits in this worker."""
        if index <= 0 or label < 0:
            return -1
        return self.script().go_on_with(<uint32_t>index, <uint32_t>label, callback)

    # --- transactions of other messages --------------------------------------------------------------------------

    cdef ScriptTransactions script(self):
        return self.runtime

    cdef Transaction *with_call_id(self, str call_id, str cseq, bint invite):
        """The first transaction without a final response that a request with this Call-ID and CSeq number began; looks at
        all of this worker."""
        cdef TransactionTable table = self.runtime.engine.table
        cdef SipMessage message = None
        cdef Transaction *transaction
        cdef Transaction *found = NULL
        cdef bytes wanted = call_id.encode("utf-8", "surrogateescape")
        cdef const char *octets = wanted
        cdef size_t length = len(wanted)
        cdef uint32_t slot, number
        if not (cseq.isascii() and cseq.isdigit()) or int(cseq) > 0x7fffffff or not length:
            return NULL
        number = <uint32_t>int(cseq)
        for slot in range(1, table.slot_high):
            transaction = table.slots[slot]
            if (transaction == NULL or transaction.cseq != number or transaction.flags & (FINAL_SENT | LOCAL)
                    or invite and transaction.method != SIP_METHOD_INVITE or transaction.request.at == NULL
                    or memmem(transaction.request.at, transaction.request.length, octets, length) == NULL):
                continue
            if message is None:
                message = self.script().take_message()
            if (message.scan(transaction.request.at, transaction.request.length, &self.runtime.engine.responses.no_limits,
                             True) == SIP_SCAN_OK and message.parse_addresses()
                    and message.call_id.length == length and memcmp(message.call_id.at, octets, length) == 0):
                found = transaction
                break
        if message is not None:
            self.script().give_message(message)
        return found

    def t_cancel_callid(self, str callid not None, str cseq not None, int flag):
        """Cancel the branches of the INVITE with this Call-ID and CSeq number; its caller hears what they answer. flag: set
        for its transaction, 0: none. -1: this worker has no such INVITE without a final response."""
        return self.t_cancel_callid_reason(callid, cseq, flag, 0)

    def t_cancel_callid_reason(self, str callid not None, str cseq not None, int flag, int code):
        """The same with a Reason header field in the CANCEL; code: its cause, 0: no such header field."""
        cdef Transaction *transaction = self.with_call_id(callid, cseq, True)
        cdef TransactionState state
        cdef bytes reason = b""
        if transaction == NULL:
            return -1
        state = state_of(transaction)
        if state is not None and 0 < flag < 32:
            state.flags |= <uint32_t>1 << flag
        if code:
            reason = b"Reason: SIP;cause=%d%b\r\n" % (
                code, b';text="Call completed elsewhere"' if code == 200 else b"")
        self.runtime.engine.responses.cancel_pending(transaction, text_of(<const char *>reason, <uint32_t>len(reason)))
        return 1

    def t_reply_callid(self, str callid not None, str cseq not None, int code, str reason not None):
        """Answer the request with this Call-ID and CSeq number: 1; -1: this worker has none without a final response."""
        cdef Transaction *transaction = self.with_call_id(callid, cseq, False)
        cdef SipMessage message
        cdef bytes phrase = reason.encode("utf-8", "surrogateescape")
        cdef bint sent
        if transaction == NULL or not 100 <= code < 700 or b"\r" in phrase or b"\n" in phrase:
            return -1
        message = self.script().take_message()
        message.source = transaction.source
        sent = (message.scan(transaction.request.at, transaction.request.length, &self.runtime.engine.responses.no_limits,
                             True) == SIP_SCAN_OK and message.parse_top_via()
                and self.runtime.engine.server.reply(
                    transaction, message, code,
                    text_of(<const char *>phrase, <uint32_t>len(phrase)) if phrase else no_text(), no_text()))
        self.script().give_message(message)
        if sent and code >= 200:
            self.runtime.engine.responses.cancel_pending(transaction, no_text())
            self.runtime.engine.responses.forget(transaction)
        return 1 if sent else -1

    # --- the transaction at hand ---------------------------------------------------------------------------------

    def t_flush_xflags(self):
        return self.t_flush_flags()

    def t_flush_flags(self):
        """Flags live with the transaction at once: nothing is to be copied."""
        return 1 if self.runtime.context.transaction != NULL else -1

    def t_drop(self):
        return self.t_drop_rcode(500)

    def t_drop_rcode(self, int code):
        """Let the transaction end without an answer."""
        cdef MessageContext context = self.runtime.context
        if context.transaction == NULL or context.transaction.flags & FINAL_SENT:
            return -1
        self.runtime.engine.server.end_silently(context.transaction)
        return 1
