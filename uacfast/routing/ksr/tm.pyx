"""KSR.tm: transactions (kemi-python.md §2, §3.5)."""
import logging
import re

from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport SIP_METHOD_ACK, SIP_METHOD_CANCEL, SIP_METHOD_INVITE
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.proxy.hooks cimport LocalUser
from uacfast.routing.context cimport (
    MessageContext, ROUTE_BRANCH_FAILURE, ROUTE_FAILURE, ROUTE_REPLY, ROUTE_REQUEST, ScriptRuntime, TransactionState,
    str_of,
)
from uacfast.routing.relaying cimport state_of
from uacfast.sip.build cimport write_message
from uacfast.sip.message cimport SipMessage, text_of
from uacfast.sip.plan cimport StoredPlan
from uacfast.tm.table cimport CANCELLED, FINAL_SENT, LOCALLY_MADE, REPLY_DROPPED
from uacfast.transport.udp cimport datagram_space

from uacfast.uac.request_description import RequestDescription

cdef enum:
    RETRANSMISSION_MAX = 65535   # ms, as Kamailio has it

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


def quality(contact):
    """The q of a destination, 0 to 1000; -1: none given, which is the lowest."""
    q = contact.get("q", -1)
    return -1 if q is None else q


cdef bytes edited(SipMessage message):
    """The request with its edits, without anything of ours; None when it is too long."""
    cdef uint32_t capacity = datagram_space(message.index.length + message.scratch_used + 16)
    cdef bytearray space = bytearray(capacity)
    cdef char *at = space
    cdef text_writer out
    text_writer_start(&out, at, capacity)
    return at[:text_writer_length(&out)] if write_message(message, &out) else None


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
        """t_lookup_cancel(); 1: setflag()'s flags become those of the INVITE."""
        cdef MessageContext context = self.runtime.context
        cdef TransactionState invite
        found = self.t_lookup_cancel()
        if found > 0 and flags & 1:
            invite = state_of(self.script.matching(context))
            if invite is not None:
                context.state.flags = invite.flags
        return found

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

    def t_replicate(self, str uri not None):
        """Send a copy of the request as it is now to this SIP URI too; nothing is heard of its replies. "": to $du, else
        the Request-URI. -1 for INVITE, ACK and CANCEL: nobody would end the call that such a copy sets up."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = context.message
        cdef LocalUser nobody
        cdef bytes octets, destination
        if (context.kind not in (ROUTE_REQUEST, ROUTE_FAILURE)
                or message.index.method in (SIP_METHOD_INVITE, SIP_METHOD_ACK, SIP_METHOD_CANCEL)
                or not self.script.mark_source(context)):
            return -1
        octets = edited(message)
        if octets is None:
            return -1
        destination = (uri or context.destination_uri or str_of(message.request_uri)).encode("utf-8", "surrogateescape")
        nobody = LocalUser()
        return 1 if self.script.engine.local.send(
            nobody, 0, <const char *>octets, <uint32_t>len(octets),
            text_of(<const char *>destination, <uint32_t>len(destination)), message.socket,
            message.fr_timer, message.fr_inv_timer) else -1

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
        """Let the transaction go, if there is one that has no answer: nobody will answer it."""
        cdef MessageContext context = self.runtime.context
        if context.transaction != NULL and not context.transaction.flags & FINAL_SENT:
            self.script.engine.server.end_silently(context.transaction)
            context.owes_error = False
        return 1

    def t_clean(self):
        """There is nothing to clean: each transaction has a timer that ends it."""
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
        if context.continued:
            return 500           # Kamailio's: what the suspended branch counts as
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
        """Failure callback: the refusals until now are not sent upstream if others come. Elsewhere it changes nothing."""
        return self.t_drop_replies("a")

    def t_drop_replies(self, str which not None):
        """The same; "l": only those of the branches that the last t_relay() began, "n": none."""
        cdef MessageContext context = self.runtime.context
        cdef Branch *branch
        if context.kind != ROUTE_FAILURE or context.transaction == NULL:
            return 1
        branch = context.transaction.branches
        while branch != NULL:
            if which.startswith("a") or which.startswith("l") and branch.number >= context.state.last_set:
                branch.flags |= REPLY_DROPPED
            branch = branch.next
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

    def t_set_retr(self, int t1, int t2):
        """T1 and T2 of this transaction in ms, at most 65535; 0: as it is. What is being repeated takes them after the next
        copy. Unlike tm.retr_timer2 this T2 bounds the interval of INVITEs as well, as Kamailio's does."""
        cdef MessageContext context = self.runtime.context
        if not (0 <= t1 <= RETRANSMISSION_MAX and 0 <= t2 <= RETRANSMISSION_MAX):
            return -1
        if context.transaction != NULL:
            self.script.engine.client.set_retransmission(context.transaction, <uint32_t>t1, <uint32_t>t2)
            return 1
        if t1:
            context.state.retr_timer1 = <uint32_t>t1
        if t2:
            context.state.retr_timer2 = <uint32_t>t2
        return 1

    def t_reset_retr(self):
        """T1 and T2 as [tm] says."""
        cdef MessageContext context = self.runtime.context
        timers = self.script.engine.timers
        context.state.retr_timer1 = context.state.retr_timer2 = 0
        if context.transaction != NULL:
            self.script.engine.client.set_retransmission(context.transaction, timers.retr_timer1, timers.retr_timer2)
            context.transaction.retr_timer1 = context.transaction.retr_timer2 = 0
        return 1

    def t_set_max_lifetime(self, int inv_lifetime, int noninv_lifetime):
        """How long this transaction may last in ms from now on, if it is an INVITE's or if it is not; 0: as it is. Then its
        branches end with a 408 of ours, whatever provisional responses came."""
        cdef MessageContext context = self.runtime.context
        cdef int lifetime
        if inv_lifetime < 0 or noninv_lifetime < 0:
            return -1
        if context.transaction != NULL:
            lifetime = inv_lifetime if context.transaction.method == SIP_METHOD_INVITE else noninv_lifetime
            if lifetime:
                self.script.engine.client.set_lifetime(context.transaction, <uint32_t>lifetime)
            return 1
        if inv_lifetime:
            context.state.inv_lifetime = <uint32_t>inv_lifetime
        if noninv_lifetime:
            context.state.noninv_lifetime = <uint32_t>noninv_lifetime
        return 1

    def t_reset_max_lifetime(self):
        """The lifetime as [tm] says, from now on."""
        cdef MessageContext context = self.runtime.context
        timers = self.script.engine.timers
        context.state.inv_lifetime = context.state.noninv_lifetime = 0
        if context.transaction != NULL:
            self.script.engine.client.set_lifetime(
                context.transaction, timers.max_inv_lifetime if context.transaction.method == SIP_METHOD_INVITE
                else timers.max_noninv_lifetime)
        return 1

    # --- what later branches begin with --------------------------------------------------------------------------

    def t_save_lumps(self):
        """Failure routes begin with the request as it is now: what is changed between here and t_relay() goes out with
        that alone. -1 before t_newtran()."""
        cdef MessageContext context = self.runtime.context
        cdef StoredPlan plan = StoredPlan()
        if (context.kind != ROUTE_REQUEST or context.transaction == NULL or not self.script.mark_source(context)
                or not plan.take(context.message)):
            return -1
        context.state.plan = plan
        context.state.destination_uri = context.destination_uri
        context.state.plan_saved = True
        return 1

    def t_use_uac_headers(self):
        """ACK and CANCEL of ours are always written from what the branch sent: 1."""
        return 1

    # --- serial forking ------------------------------------------------------------------------------------------

    def t_load_contacts(self):
        """Put the Request-URI and all further branches aside, for t_next_contacts(); a single destination stays. Always 1 in
        request and failure callbacks."""
        cdef MessageContext context = self.runtime.context
        cdef TransactionState state = context.state
        if context.kind not in (ROUTE_REQUEST, ROUTE_FAILURE):
            return -1
        if state.branches:
            first = {"uri": str_of(context.message.request_uri), "dst_uri": context.destination_uri, "path": None,
                     "q": state.notes.get("request_uri_q", -1), "send_socket": context.send_socket,
                     "flags": state.branch_flags[0]}
            state.notes["contacts"] = sorted([first, *state.branches], key=quality, reverse=True)
            state.branches = []
        return 1

    def t_next_contacts(self):
        """Make those of the highest q among what t_load_contacts() put aside the destinations of the next t_relay(): the
        Request-URI and further branches. -2: there are none left."""
        cdef MessageContext context = self.runtime.context
        cdef TransactionState state = context.state
        if context.kind not in (ROUTE_REQUEST, ROUTE_FAILURE):
            return -1
        contacts = state.notes.get("contacts")
        if not contacts:
            return -2
        chosen = [contact for contact in contacts if quality(contact) == quality(contacts[0])]
        state.notes["contacts"] = contacts[len(chosen):]
        first = chosen[0]
        if not self.script.aim(context, first):
            return -1
        context.destination_uri = first.get("dst_uri") or None
        context.send_socket = first.get("send_socket") or ""
        state.branch_flags[0] = first.get("flags", 0)
        state.branches = chosen[1:]
        return 1
