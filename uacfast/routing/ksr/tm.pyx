"""KSR.tm: transactions (kemi-python.md §2, §3.5)."""
import logging
import re

from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport SIP_METHOD_CANCEL, SIP_METHOD_INVITE
from uacfast.routing.context cimport (
    MessageContext, ROUTE_BRANCH_FAILURE, ROUTE_FAILURE, ROUTE_REPLY, ROUTE_REQUEST, ScriptRuntime, TransactionState,
)
from uacfast.sip.message cimport SipMessage, no_text
from uacfast.tm.table cimport CANCELLED, FINAL_SENT, LOCALLY_MADE, REPLY_DROPPED

from uacfast.uac.request_description import RequestDescription

logger = logging.getLogger("uacfast.script")
cdef dict expressions = {}


cdef object expression(str text):
    """A compiled regular expression; those of a script are few and are kept."""
    found = expressions.get(text)
    if found is None:
        found = re.compile(text)
        if len(expressions) < 1000:
            expressions[text] = found
    return found


cdef class TmModule(KsrModule):

    def __init__(self, ScriptRuntime runtime not None):
        KsrModule.__init__(self, runtime)
        self.script = runtime

    cdef Transaction *transaction(self) noexcept:
        """That of the message; in a request callback also one that was not asked for yet."""
        cdef MessageContext context = self.runtime.context
        if context.transaction == NULL and context.kind == ROUTE_REQUEST:
            return self.script.matching(context)
        return context.transaction

    cdef Branch *failed_branch(self) noexcept:
        cdef MessageContext context = self.runtime.context
        return context.branch if context.kind in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE) else NULL

    # --- relaying ------------------------------------------------------------------------------------------------

    def t_relay(self):
        return self.script.relay()

    def t_newtran(self):
        return self.script.new_transaction(self.runtime.context)

    def t_check_trans(self):
        return self.script.check_transaction(self.runtime.context)

    def t_lookup_request(self):
        """1 when the request has a transaction already, else -1; a copy is not answered."""
        cdef MessageContext context = self.runtime.context
        if context.kind != ROUTE_REQUEST:
            return -1
        return 1 if self.script.matching(context) != NULL else -1

    def t_lookup_cancel(self):
        """1 when the INVITE of this CANCEL is known, else -1."""
        cdef MessageContext context = self.runtime.context
        cdef Transaction *transaction
        if context.kind != ROUTE_REQUEST or context.message.index.method != SIP_METHOD_CANCEL:
            return -1
        transaction = self.script.matching(context)
        return 1 if transaction != NULL and transaction.method == SIP_METHOD_INVITE else -1

    def t_lookup_cancel_flags(self, int flags):
        return self.t_lookup_cancel()

    def t_exists(self):
        return 1 if self.transaction() != NULL else -1

    def t_relay_to_flags(self, int flags):
        """t_relay(); bit 0 of flags: no 100 of our own to an INVITE."""
        if flags & 1:
            self.runtime.context.without_100 = True
        return self.script.relay()

    def t_set_auto_inv_100(self, int on):
        """0: t_relay() answers this INVITE with no 100 of ours; 1: as tm.auto_inv_100 says."""
        self.runtime.context.without_100 = on == 0
        return 1

    def t_uac_send(self, str method not None, str ruri not None, str nexthop not None, str socket not None,
                   str headers not None, str body not None):
        """A request of our own, of which nothing more is heard: 1, or -1 when it cannot be sent. Its From and To
        are its Request-URI; an empty nexthop or socket: chosen."""
        if self.runtime.requests is None:
            return -1
        try:
            description = RequestDescription(method=method, ruri=ruri, ouri=nexthop, sock=socket, hdrs=headers, body=body)
        except ValueError as error:
            logger.error("t_uac_send: %s", error)
            return -1
        return self.runtime.requests.send(description)

    def t_relay_to_proxy(self, str proxy not None):
        """t_relay() to "[udp:]host[:port]" for this once; the Request-URI stays."""
        return self.t_relay_to_proxy_flags(proxy, 0)

    def t_relay_to_proxy_flags(self, str proxy not None, int flags):
        cdef MessageContext context = self.runtime.context
        protocol, colon, address = proxy.partition(":")
        if protocol.lower() != "udp" or not colon:
            address = proxy
        before = context.destination_uri
        context.destination_uri = f"sip:{address}"
        try:
            return self.t_relay_to_flags(flags)
        finally:
            context.destination_uri = before

    def t_relay_to_proto(self, str protocol not None):
        """t_relay() by this transport; only udp is there."""
        return self.script.relay() if protocol.lower() == "udp" else -1

    def t_relay_to_proto_addr(self, str protocol not None, str host not None, int port):
        return self.t_relay_to_proxy(f"{host}:{port}") if protocol.lower() == "udp" else -1

    # --- callbacks -----------------------------------------------------------------------------------------------

    def t_on_branch(self, str name not None):
        self.runtime.context.state.on_branch = name
        return 1

    def t_on_reply(self, str name not None):
        self.runtime.context.state.on_reply = name
        return 1

    def t_on_failure(self, str name not None):
        self.runtime.context.state.on_failure = name
        return 1

    def t_on_branch_failure(self, str name not None):
        self.runtime.context.state.on_branch_failure = name
        return 1

    def t_is_set(self, str what not None):
        """Whether a callback is armed: "failure_route", "branch_route" or "onreply_route"."""
        cdef TransactionState state = self.runtime.context.state
        name = {"failure_route": state.on_failure, "branch_route": state.on_branch,
                "onreply_route": state.on_reply}.get(what, "")
        return 1 if name else -1

    # --- answering -----------------------------------------------------------------------------------------------

    def t_reply(self, int code, str reason not None):
        """Answer from the transaction; in a failure callback instead of the branch's refusal. Creates none."""
        cdef MessageContext context = self.runtime.context
        if context.kind == ROUTE_REPLY or context.transaction == NULL:
            return -1
        return self.runtime.send_reply(code, reason, None, False)

    def t_send_reply(self, int code, str reason not None):
        """The same; creates the transaction where there is none yet."""
        cdef MessageContext context = self.runtime.context
        if context.kind == ROUTE_REPLY:
            return -1
        if context.transaction == NULL and self.script.new_transaction(context) < 1:
            return -1
        return self.runtime.send_reply(code, reason, None, False)

    def t_reply_error(self):
        cdef MessageContext context = self.runtime.context
        if context.transaction == NULL:
            return -1
        return self.script.reply_error(context, "TM")

    def t_release(self):
        """Let the transaction go: nobody will answer it."""
        cdef MessageContext context = self.runtime.context
        if context.transaction == NULL or context.transaction.flags & FINAL_SENT:
            return -1
        self.script.engine.server.end_silently(context.transaction)
        context.owes_error = False
        return 1

    def t_retransmit_reply(self):
        """Send the last reply again: 1, or -1 when there is none."""
        cdef Transaction *transaction = self.transaction()
        if transaction == NULL or transaction.reply.at == NULL:
            return -1
        self.script.engine.server.send_reply_again(transaction)
        return 1

    # --- what has become of it -----------------------------------------------------------------------------------

    def t_is_canceled(self):
        cdef Transaction *transaction = self.transaction()
        return 1 if transaction != NULL and transaction.flags & CANCELLED else -1

    def t_get_status_code(self):
        """Reply callback: the reply's; failure callback: that of the chosen branch; else the last one sent upstream."""
        cdef MessageContext context = self.runtime.context
        cdef Branch *branch = self.failed_branch()
        if context.kind == ROUTE_REPLY:
            return context.message.index.status
        if branch != NULL:
            return branch.final
        if context.transaction == NULL or context.transaction.reply_status == 0:
            return -1
        return context.transaction.reply_status

    def t_check_status(self, str pattern not None):
        """Whether the regular expression is found in the status code. ValueError when it is none."""
        code = self.t_get_status_code()
        try:
            return 1 if code > 0 and expression(pattern).search(str(code)) else -1
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}.") from None

    def t_get_branch_index(self):
        cdef MessageContext context = self.runtime.context
        if context.transaction == NULL:
            return -1
        return context.branch_index

    def t_branch_timeout(self):
        """Failure callback: the chosen branch got no final response in time."""
        cdef Branch *branch = self.failed_branch()
        return 1 if branch != NULL and branch.flags & LOCALLY_MADE and branch.final == 408 else -1

    def t_branch_replied(self):
        """Failure callback: the chosen branch got a response of any kind."""
        cdef Branch *branch = self.failed_branch()
        return 1 if branch != NULL and branch.status else -1

    def t_any_timeout(self):
        cdef Transaction *transaction = self.transaction()
        cdef Branch *branch = transaction.branches if transaction != NULL else NULL
        while branch != NULL:
            if branch.flags & LOCALLY_MADE and branch.final == 408:
                return 1
            branch = branch.next
        return -1

    def t_any_replied(self):
        cdef Transaction *transaction = self.transaction()
        cdef Branch *branch = transaction.branches if transaction != NULL else NULL
        while branch != NULL:
            if branch.status:
                return 1
            branch = branch.next
        return -1

    def t_grep_status(self, int code):
        """Whether some branch has this status."""
        cdef Transaction *transaction = self.transaction()
        cdef Branch *branch = transaction.branches if transaction != NULL else NULL
        while branch != NULL:
            if branch.status == code or branch.final == code:
                return 1
            branch = branch.next
        return -1

    def t_is_expired(self):
        """Whether the transaction's lifetime is over."""
        cdef Transaction *transaction = self.transaction()
        if transaction == NULL:
            return -1
        return 1 if self.script.engine.table.now >= self.script.engine.client.lifetime_end(transaction) else -1

    def t_drop_replies_all(self):
        """Failure callback: the refusals until now are not sent upstream if others come."""
        return self.t_drop_replies("a")

    def t_drop_replies(self, str which not None):
        """The same; "l": only those of the last attempt, "n": none."""
        cdef Transaction *transaction = self.runtime.context.transaction
        cdef Branch *branch
        cdef Branch *last = NULL
        if self.runtime.context.kind != ROUTE_FAILURE or transaction == NULL:
            return -1
        branch = transaction.branches
        while branch != NULL:
            if which.startswith("a"):
                branch.flags |= REPLY_DROPPED
            last = branch
            branch = branch.next
        if which.startswith("l") and last != NULL:
            last.flags |= REPLY_DROPPED
        return 1

    # --- timers --------------------------------------------------------------------------------------------------

    def t_set_fr(self, int fr_inv_timer, int fr_timer):
        """Timers of this transaction in ms, 0: as they are. They count for branches that are begun from now on."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = context.message
        if fr_inv_timer < 0 or fr_timer < 0 or message is None or not message.index.is_request:
            return -1
        if fr_inv_timer:
            message.fr_inv_timer = <uint32_t>fr_inv_timer
        if fr_timer:
            message.fr_timer = <uint32_t>fr_timer
        if context.transaction != NULL:
            if fr_inv_timer:
                context.transaction.fr_inv_timer = <uint32_t>fr_inv_timer
            if fr_timer:
                context.transaction.fr_timer = <uint32_t>fr_timer
        return 1

    def t_set_fr_inv(self, int fr_inv_timer):
        return self.t_set_fr(fr_inv_timer, 0)

    def t_reset_fr(self):
        cdef MessageContext context = self.runtime.context
        if context.message is None or not context.message.index.is_request:
            return -1
        context.message.fr_timer = context.message.fr_inv_timer = 0
        if context.transaction != NULL:
            context.transaction.fr_timer = self.script.engine.timers.fr_timer
            context.transaction.fr_inv_timer = self.script.engine.timers.fr_inv_timer
        return 1


