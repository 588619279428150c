"""What a script does with transactions: creating, relaying, answering (Kamailio's tm and sl modules).

What the request route makes of a request is kept as a StoredPlan in the transaction's state: every branch, also one that a
failure route begins later, goes out with it. A branch route's changes concern its branch alone.
"""
from uacfast.leaves.edit_list cimport edit_list_insert
from uacfast.leaves.sip_scan cimport SIP_METHOD_ACK, SIP_METHOD_CANCEL, SIP_METHOD_INVITE, SIP_SCAN_OK
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_uri, sip_uri_parse
from uacfast.proxy.counters cimport COUNT_RELAYED_REQUESTS, COUNT_RETRANSMITTED_REQUESTS, DROP_NO_MEMORY
from uacfast.leaves.transaction_states cimport STATE_TERMINATED
from uacfast.proxy.forward cimport HOP_FAILED, NextHop, share_breadth
from uacfast.routing.context cimport (
    ROUTE_BRANCH_FAILURE, ROUTE_FAILURE, ROUTE_NONE, ROUTE_ONSEND, ROUTE_REQUEST, kept, str_of,
)
from uacfast.sip.build cimport mark_source
from uacfast.sip.message cimport no_text, text_of
from uacfast.sip.digest cimport Secret
from uacfast.tm.table cimport (
    Branch, CANCELLED, DIALOG_BEGINS, FINAL_SENT, LOCAL, REPLACED, TransactionTable, WITHOUT_REQUEST,
)

cdef enum:
    FREE_MESSAGES_MAX = 32           # kept for later; each is 34 KB
    ATTEMPTS_MAX = 200               # branches of one transaction: a failure route that never gives up ends here

# What Kamailio answers for an internal error.
cdef dict ERRORS = {
    ERROR_SERVER: (500, "I'm terribly sorry, server error occurred"),
    ERROR_NO_SOCKET: (500, "I'm terribly sorry, server error occurred"),
    ERROR_BAD_URI: (400, "Regretfully, we were not able to process the URI"),
    ERROR_BREADTH: (440, "Max-Breadth Exceeded"),
    ERROR_SEND: (477, "Unfortunately error on sending to next hop occurred"),
    ERROR_UNRESOLVABLE: (478, "Unresolvable destination"),
}


cdef bint is_waiting(const Transaction *transaction) noexcept:
    """Whether a branch may still bring a final response."""
    cdef const Branch *branch = transaction.branches
    if transaction.pending:
        return True
    while branch != NULL:
        if branch.final < 300:
            return True
        branch = branch.next
    return False


cdef TransactionState state_of(Transaction *transaction):
    """What the script keeps about it; None when it was not begun by a script (a reload, a request of our own)."""
    if transaction.context == NULL or transaction.flags & LOCAL or not isinstance(<object>transaction.context,
                                                                                  TransactionState):
        return None
    return <TransactionState>transaction.context


cdef uint32_t transaction_label(const Transaction *transaction) noexcept:
    """$T(id_label): with the index it tells this transaction from those that had its place in the table before."""
    return <uint32_t>(transaction.check & 0x7fffffff)


cdef Branch *suspended_branch(const Transaction *transaction) noexcept:
    """The branch that stands for its being suspended, the last one if that has happened more than once; NULL: never."""
    cdef Branch *branch = transaction.branches
    cdef Branch *found = NULL
    while branch != NULL:
        if branch.flags & WITHOUT_REQUEST:
            found = branch
        branch = branch.next
    return found


cdef sip_text both(SipMessage message, sip_text new, sip_text old) noexcept:
    """The new text, else a copy of the old one."""
    return new if new.at != NULL or old.at == NULL else message.keep(old.at, old.length)


cdef class ScriptTransactions(ScriptRuntime):

    def __init__(self):
        ScriptRuntime.__init__(self)
        self.free_messages = []

    cdef Forwarder forwarder(self):
        return self.engine.forwarder

    # --- matching ------------------------------------------------------------------------------------------------

    cdef uint64_t key_hash(self, MessageContext context) noexcept:
        """Of the transaction that this request begins; ACK and CANCEL: of their INVITE's."""
        if context.key_hash == 0:
            context.key_hash = self.engine.table.key_hash_of(
                context.message, context.message.index.method in (SIP_METHOD_ACK, SIP_METHOD_CANCEL))
        return context.key_hash

    cdef Transaction *matching(self, MessageContext context) noexcept:
        """The transaction that this request belongs to already."""
        return self.engine.table.find(self.key_hash(context))

    cdef int check_transaction(self, MessageContext context) noexcept:
        """t_check_trans(): 0 when the request is a copy or an ACK that ends here, 1 when it belongs to an INVITE, else -1."""
        cdef Transaction *transaction
        cdef SipMessage message = context.message
        if context.kind == ROUTE_NONE or message is None:
            return -1
        if context.kind != ROUTE_REQUEST:
            return 1 if context.transaction != NULL else -1
        transaction = self.matching(context)
        if transaction == NULL:
            return -1
        if message.index.method == SIP_METHOD_CANCEL:
            return 1 if transaction.method == SIP_METHOD_INVITE else -1
        if message.index.method == SIP_METHOD_ACK:
            if self.engine.server.ack(transaction):
                return 1
            context.absorbed = True
            return 0
        if transaction == context.transaction:
            return 1
        self.engine.counters.at[COUNT_RETRANSMITTED_REQUESTS] += 1
        self.engine.server.request_again(transaction)
        context.absorbed = True
        return 0

    cdef int new_transaction(self, MessageContext context) noexcept:
        """t_newtran(): 1; 0 when the request is a copy of one that has a transaction; -1 when memory ends."""
        cdef Transaction *transaction
        cdef SipMessage message = context.message
        cdef int found
        cdef uint32_t lifetime
        if context.kind != ROUTE_REQUEST:
            return -1
        if context.transaction != NULL:
            return -1
        if message.index.method == SIP_METHOD_ACK:
            return 0 if self.check_transaction(context) == 0 else 1
        if message.index.method == SIP_METHOD_CANCEL:
            context.key_hash = self.engine.table.key_hash_of(message, False)
        found = self.check_transaction(context) if message.index.method != SIP_METHOD_CANCEL else -1
        if found == 0:
            return 0
        transaction = self.engine.table.create(message, context.key_hash, &context.reply_to)
        if transaction == NULL:
            self.engine.counters.at[DROP_NO_MEMORY] += 1
            context.error = ERROR_SERVER
            return -1
        transaction.loop_hash = self.forwarder().loop_hash(message)
        transaction.fr_timer = message.fr_timer if message.fr_timer else self.engine.timers.fr_timer
        transaction.fr_inv_timer = message.fr_inv_timer if message.fr_inv_timer else self.engine.timers.fr_inv_timer
        transaction.retr_timer1 = context.state.retr_timer1
        transaction.retr_timer2 = context.state.retr_timer2
        lifetime = (context.state.inv_lifetime if transaction.method == SIP_METHOD_INVITE
                    else context.state.noninv_lifetime)
        if lifetime:
            self.engine.client.set_lifetime(transaction, lifetime)
        self.engine.table.set_context(transaction, context.state)
        if transaction.flags & DIALOG_BEGINS:
            self.engine.dialogs.attach(transaction)
        context.transaction = transaction
        return 1

    # --- relaying ------------------------------------------------------------------------------------------------

    cdef int relay(self) except? -2:
        """t_relay(): 1; negative when nothing could be sent: then the caller is answered when the callback ends, unless
        the script does so."""
        cdef MessageContext context = self.context
        cdef int result
        if context.message is None or not context.message.index.is_request:
            return -1
        if context.kind == ROUTE_REQUEST:
            result = self.relay_request(context)
        elif context.kind in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE):
            return self.forward(context)
        else:
            return -1
        if result > 0:
            context.relayed = True
            context.owes_error = False
        elif result < 0 and context.error:
            context.owes_error = True
        return result

    cdef int relay_request(self, MessageContext context) except? -2:
        cdef SipMessage message = context.message
        cdef Transaction *transaction
        if message.index.method == SIP_METHOD_ACK:
            transaction = self.matching(context)
            if transaction != NULL and not self.engine.server.ack(transaction):
                return 1
            return self.relay_stateless(context)
        if message.index.method == SIP_METHOD_CANCEL and context.transaction == NULL:
            transaction = self.matching(context)
            if transaction != NULL and transaction.method == SIP_METHOD_INVITE:
                self.engine.cancel(message, &context.reply_to)
                context.answered = True
                return 1
        if context.transaction == NULL:
            result = self.new_transaction(context)
            if result <= 0:
                return 1 if result == 0 else -1
        self.engine.counters.at[COUNT_RELAYED_REQUESTS] += 1
        return self.forward(context)

    cdef int relay_stateless(self, MessageContext context) noexcept:
        """Without a transaction, as an ACK to a 2xx travels (RFC 3261 §16.11)."""
        cdef SipMessage message = context.message
        if (not self.mark_source(context) or not self.set_destination(message, context.destination_uri, context.send_socket)
                or not self.forwarder().relay_stateless(message, self.forwarder().loop_hash(message))):
            return -1
        return 1

    cdef bint mark_source(self, MessageContext context) noexcept:
        """Note received and rport in the caller's Via, once."""
        if context.source_marked:
            return True
        context.source_marked = True
        return mark_source(context.message, context.message.force_rport)

    cdef bint set_destination(self, SipMessage message, object uri, str send_socket):
        """Where this request goes: an explicit URI, else the Request-URI; and by which socket."""
        cdef sip_text text
        message.next_hop = no_text()
        if uri is not None and uri != "":
            text = kept(message, uri)
            if text.at == NULL:
                return False
            message.next_hop = text
        if send_socket:
            message.route_socket = self.socket_of(send_socket)
        return True

    def socket_of(self, str name):
        """The index of our socket "udp:host:port", -1 when it is none of ours."""
        cdef bytes host
        protocol, _, address = name.partition(":")
        address, _, port = address.rpartition(":")
        if protocol.lower() != "udp" or not port.isdigit() or not 0 < int(port) < 65536:
            return -1
        host = address.lower().encode("utf-8", "surrogateescape")
        return self.engine.transport.own_socket(text_of(<const char *>host, <unsigned int>len(host)), int(port))

    cdef bint is_target_new(self, MessageContext context) noexcept:
        """Whether the script chose a Request-URI or destination since the last attempt."""
        return (context.message.request_uri.at != context.first_request_uri
                or context.destination_uri is not context.first_destination_uri)

    cdef void hold_upstream_texts(self, Transaction *transaction, SipMessage message) noexcept:
        """Keep what responses must show in From and To, if this request was changed after its transaction began."""
        if (message.upstream_from.at != NULL and transaction.upstream_from.at == NULL
                or message.upstream_to.at != NULL and transaction.upstream_to.at == NULL):
            self.engine.table.remember(transaction, both(message, message.upstream_from, transaction.upstream_from),
                                       both(message, message.upstream_to, transaction.upstream_to))

    cdef int forward(self, MessageContext context) except? -2:
        """Send the request to $du or the Request-URI, and to all further branches at once."""
        cdef Transaction *transaction = context.transaction
        cdef TransactionState state = context.state
        cdef SipMessage message = context.message
        cdef list targets = []
        if (transaction == NULL or transaction.flags & (FINAL_SENT | CANCELLED)
                or transaction.branch_count >= ATTEMPTS_MAX):
            return -1
        if self.is_target_new(context):
            targets.append(None)
        targets.extend(state.branches)
        if not targets:
            return -1
        state.branches = []
        if not self.mark_source(context):
            context.error = ERROR_SERVER
            return -1
        if context.kind == ROUTE_REQUEST:
            transaction.fr_timer = message.fr_timer if message.fr_timer else transaction.fr_timer
            transaction.fr_inv_timer = message.fr_inv_timer if message.fr_inv_timer else transaction.fr_inv_timer
            transaction.reply_to = context.reply_to
            self.answer_trying(context)
        return self.begin_branches(context, targets)

    cdef void answer_trying(self, MessageContext context) noexcept:
        """100 to an INVITE that has no answer yet, unless that is switched off."""
        cdef Transaction *transaction = context.transaction
        cdef bytes reason = self.engine.settings.auto_inv_100_reason
        if (transaction.method == SIP_METHOD_INVITE and transaction.reply_status == 0
                and self.engine.settings.auto_inv_100 and not context.without_100):
            self.engine.server.reply(transaction, context.message, 100,
                                     text_of(<const char *>reason, <unsigned int>len(reason)), no_text())

    # --- suspending ----------------------------------------------------------------------------------------------

    cdef int suspend(self, MessageContext context) except? -2:
        """t_suspend(): the transaction, begun if need be, waits for go_on_with(), for fr_timer at most: then it ends
        as if its next hop had been silent."""
        cdef Transaction *transaction
        cdef Branch *branch
        cdef StoredPlan plan
        cdef SipMessage message = context.message
        if (context.kind not in (ROUTE_REQUEST, ROUTE_FAILURE)
                or message.index.method in (SIP_METHOD_ACK, SIP_METHOD_CANCEL)
                or context.transaction == NULL and self.new_transaction(context) < 1):
            return -1
        transaction = context.transaction
        if transaction.flags & (FINAL_SENT | CANCELLED) or transaction.branch_count >= ATTEMPTS_MAX:
            return -1
        branch = suspended_branch(transaction)
        if branch != NULL and branch.final == 0:
            return 1
        if context.kind == ROUTE_REQUEST:
            plan = StoredPlan()
            if not self.mark_source(context) or not plan.take(message):
                return -1
            context.state.plan = plan
            context.state.destination_uri = context.destination_uri
            transaction.reply_to = context.reply_to
            self.answer_trying(context)
        branch = self.engine.table.add_branch(transaction)
        if branch == NULL:
            return -1
        # Further branches are chosen when it goes on.
        context.state.branches = []
        self.engine.client.suspend(branch)
        context.relayed = True
        context.owes_error = False
        return 1

    cdef int go_on_with(self, uint32_t index, uint32_t label, str callback) except? -2:
        """t_continue(): run this callback on the request of a suspended transaction. 1: it ran, or the caller has
        cancelled meanwhile and there is nothing to do; -1: there is no such transaction (any more), or it is not suspended."""
        cdef TransactionTable table = self.engine.table
        cdef Transaction *transaction
        cdef Branch *branch
        if self.context.kind == ROUTE_ONSEND or index == 0 or index >= table.slot_high:
            return -1
        transaction = table.slots[index]
        if transaction == NULL or transaction_label(transaction) != label or state_of(transaction) is None:
            return -1
        branch = suspended_branch(transaction)
        if branch == NULL:
            return -1
        if transaction.flags & CANCELLED:
            return 1
        if branch.final or transaction.flags & FINAL_SENT:
            return -1
        branch.final = 500
        branch.flags |= REPLACED       # counts no more
        branch.state = STATE_TERMINATED
        branch.deadline = 0
        self.engine.client.arm(branch)
        return self.run_continued(transaction, callback)

    cdef int run_continued(self, Transaction *transaction, str callback) except? -2:
        """Run the callback on the transaction's request, and see that it is answered."""
        return -1

    cdef int begin_branches(self, MessageContext context, list targets) except? -2:
        """One attempt for each target; None is the Request-URI with $du."""
        cdef Transaction *transaction = context.transaction
        cdef TransactionState state = context.state
        cdef SipMessage message = context.message
        cdef bint alone = len(targets) == 1 and targets[0] is None and state.on_branch == ""
        cdef StoredPlan base = StoredPlan()
        cdef StoredPlan plan
        cdef bint usable
        cdef int breadth = self.forwarder().free_breadth(transaction, message)
        cdef int count = <int>len(targets)
        cdef int number = 0
        if breadth < count:
            context.error = ERROR_BREADTH
            return -ERROR_BREADTH
        if alone and not self.set_destination(message, context.destination_uri, context.send_socket):
            context.error = ERROR_SERVER
            return -1
        if not base.take(message):
            context.error = ERROR_SERVER
            return -1
        if context.kind == ROUTE_REQUEST and not state.plan_saved:
            state.plan = base
            state.destination_uri = context.destination_uri
        if state.attempts is None:
            state.attempts = []
        # An attempt that fails at once must not be answered before all were begun.
        transaction.pending += 1
        state.last_set = transaction.branch_count
        for target in targets:
            plan = base
            if not alone:
                base.apply(message)
                context.applied = base
                usable = (self.set_destination(message, context.destination_uri, context.send_socket) if target is None
                          else self.aim(context, target))
                if state.on_branch:
                    usable = self.run_branch_route(context, state) and usable
                    # The callback may have waited: nothing from before it is to be relied on.
                    message = context.message
                    transaction = context.transaction
                    if transaction == NULL:
                        return -1
                    if transaction.flags & (FINAL_SENT | CANCELLED):
                        break
                plan = StoredPlan()
                if not usable or not plan.take(message):
                    continue
            self.hold_upstream_texts(transaction, message)
            if target is not None:
                set_branch_flags(state, transaction.branch_count, target.get("flags", 0))
            elif transaction.branch_count:
                set_branch_flags(state, transaction.branch_count, state.branch_flags[0])
            if state.on_branch_failure:
                state.branch_failures = state.branch_failures or {}
                state.branch_failures[transaction.branch_count] = state.on_branch_failure
            transaction.context_step = <int>len(state.attempts)
            state.attempts.append(plan)
            share_breadth(message, breadth, count, number)
            number += 1
            self.forwarder().begin_attempt(transaction, message, transaction.context_step)
        transaction.pending -= 1
        note_targets(context)
        state.on_branch_failure = ""
        if is_waiting(transaction):
            if not alone:
                base.apply(message)
            self.note_credentials(context)
            return 1
        context.error = self.what_failed(message)
        if not alone:
            base.apply(message)
        return -context.error

    cdef int what_failed(self, SipMessage message) noexcept:
        """Why this request could not be sent."""
        cdef NextHop hop
        cdef sip_uri uri
        if sip_uri_parse(message.next_hop if message.next_hop.at != NULL else message.request_uri, &uri) != 0 or (
                uri.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS)):
            return ERROR_BAD_URI
        if self.forwarder().find_next_hop(message, &hop) != HOP_FAILED:
            return ERROR_SEND
        # Without a name to resolve it is the transport that we do not have.
        return ERROR_NO_SOCKET if hop.unsupported else ERROR_UNRESOLVABLE

    cdef bint aim(self, MessageContext context, dict target):
        """Point the request at a further branch (append_branch(), registrar lookups)."""
        cdef SipMessage message = context.message
        cdef sip_text text = kept(message, target["uri"])
        if text.at == NULL or not message.replace_request_uri(text):
            return False
        if target.get("path"):
            text = kept(message, f"Route: {target['path']}\r\n")
            if text.at == NULL or edit_list_insert(&message.edits, message.index.headers_start, text) != 0:
                return False
        return self.set_destination(message, target.get("dst_uri"), target.get("send_socket") or "")

    cdef bint prepare(self, object context, SipMessage request):
        """As a RequestPolicy: target() does it all."""
        return True

    cdef bint target(self, object context, int step, SipMessage request):
        """As a RequestPolicy: give another scan of a relayed request the plan of its attempt."""
        cdef TransactionState state
        if not isinstance(context, TransactionState):
            return False
        state = context
        if state.attempts is None or step >= len(state.attempts):
            return False
        (<StoredPlan>state.attempts[step]).apply(request)
        return True

    cdef int secrets(self, object context, const Secret **found) noexcept:
        """As a RequestPolicy: nothing answers a challenge by itself; the script calls uac_auth()."""
        return -1

    cdef void note_credentials(self, MessageContext context) noexcept:
        """The credentials that uac_auth() put into the request are on their way: the challenge counts no more, and within
        a dialog CSeq stays raised."""
        cdef SipMessage request = context.message
        cdef Transaction *transaction = context.transaction
        cdef Branch *challenged = context.branch
        if challenged == NULL or not context.authenticated:
            return
        context.authenticated = False
        challenged.flags |= REPLACED
        if request.loose_routed and request.to.tag.at != NULL and request.cseq_shift != challenged.cseq_shift:
            self.forwarder().differences.note(request, request.cseq_shift, self.engine.table.now)
            if transaction.dialog and not request.upstream:
                self.engine.dialogs.raise_cseq(transaction.dialog, <int>request.cseq_shift)

    cdef bint run_branch_route(self, MessageContext context, TransactionState state):
        """The branch callback on the request that is about to be sent; False when it drops the branch."""
        return True

    # --- answering -----------------------------------------------------------------------------------------------

    cdef int send_reply(self, int status, str reason, bytes extra_lines, bint stateless) except? -2:
        cdef MessageContext context = self.context
        cdef SipMessage message = context.message
        cdef bytes phrase
        cdef sip_text lines = no_text()
        if (message is None or not message.index.is_request or not 100 <= status < 700 or context.kind == ROUTE_ONSEND
                or message.index.method == SIP_METHOD_ACK):
            return -1
        phrase = reason.encode("utf-8", "surrogateescape")
        if b"\r" in phrase or b"\n" in phrase:
            return -1
        if "reply_lines" in context.state.notes:
            extra_lines = (extra_lines or b"") + context.state.notes["reply_lines"]      # hdr.append_to_reply()
        if extra_lines:
            lines = text_of(<const char *>extra_lines, <unsigned int>len(extra_lines))
        if context.transaction != NULL and not stateless:
            return self.reply_in_transaction(
                context, status, text_of(<const char *>phrase, <unsigned int>len(phrase)) if phrase else no_text(), lines)
        self.engine.stateless.send(
            message, status, text_of(<const char *>phrase, <unsigned int>len(phrase)) if phrase else no_text(), no_text(),
            lines, &context.reply_to)
        if status >= 200:
            context.answered = True
            context.owes_error = False
        return 1

    cdef int reply_in_transaction(self, MessageContext context, int status, sip_text reason, sip_text lines) noexcept:
        """Answer from the transaction, so that a final one is repeated until its ACK."""
        cdef Transaction *transaction = context.transaction
        if transaction.flags & FINAL_SENT:
            return -1
        transaction.reply_to = context.reply_to
        if not self.engine.server.reply(transaction, context.message, status, reason, lines):
            return -1
        if status >= 200:
            context.answered = True
            context.owes_error = False
            self.engine.responses.cancel_pending(transaction, no_text())
        return 1

    cdef int reply_error(self, MessageContext context, str suffix) except? -2:
        """Answer with the status of the last internal error, in Kamailio's words."""
        if context.answered:
            return 1         # the function that failed has answered, as registrar.save() does
        error = context.error if context.error in ERRORS else ERROR_SERVER
        status, phrase = ERRORS[error]
        return self.send_reply(status, f"{phrase} ({error}/{suffix})", None, False)

    # --- stored requests -----------------------------------------------------------------------------------------

    cdef SipMessage take_message(self):
        return self.free_messages.pop() if self.free_messages else SipMessage()

    cdef void give_message(self, SipMessage message):
        if len(self.free_messages) < FREE_MESSAGES_MAX:
            self.free_messages.append(message)

    cdef bint open_stored(self, MessageContext context, Transaction *transaction) noexcept:
        """Have the context work on the transaction's request as the request route left it."""
        cdef SipMessage request
        cdef TransactionState state = context.state
        if transaction.request.at == NULL or state.plan is None:
            return False
        request = self.take_message()
        if (request.scan(transaction.request.at, transaction.request.length, &self.engine.responses.no_limits, True)
                != SIP_SCAN_OK or not request.parse_top_via() or not request.parse_addresses()):
            self.give_message(request)
            return False
        request.reset_plan()
        request.source = transaction.source
        request.socket = transaction.socket
        state.plan.apply(request)
        context.message = request
        context.applied = state.plan
        context.released = False
        context.transaction = transaction
        context.reply_to = transaction.reply_to
        context.source_marked = True
        context.destination_uri = state.destination_uri
        note_targets(context)
        return True


cdef void note_targets(MessageContext context):
    """From here on another Request-URI or destination counts as new."""
    context.first_request_uri = context.message.request_uri.at
    if context.destination_uri is not None:
        # An object of its own, so that setting an equal text again counts as well.
        context.destination_uri = str_of(kept(context.message, context.destination_uri))
    context.first_destination_uri = context.destination_uri


cdef void set_branch_flags(TransactionState state, int number, object flags):
    while len(state.branch_flags) <= number:
        state.branch_flags.append(0)
    state.branch_flags[number] = flags
