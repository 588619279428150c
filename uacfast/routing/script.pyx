"""A script on every message: its callbacks, what they may wait for, what becomes of their mistakes.

Callbacks run in pooled greenlets, so that a function which waits suspends one message and not the worker. Whatever a
callback refers to then becomes its own: octets and edits are copied, transactions are looked up again.
"""
import asyncio
import logging
import traceback
from functools import partial

from greenlet import GreenletExit

from libc.string cimport memcmp

from uacfast.leaves.address cimport address_host_text, address_port
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_OTHER, SIP_METHOD_ACK, SIP_SCAN_OK, sip_find_header, sip_first_header, sip_header, sip_header_id_of,
    sip_method_id_of,
)
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.counters cimport COUNT_REQUESTS, COUNT_RESPONSES, DROP_BAD_RESPONSE
from uacfast.proxy.engine cimport Engine
from uacfast.routing.context cimport (
    ROUTE_BRANCH, ROUTE_BRANCH_FAILURE, ROUTE_EVENT, ROUTE_FAILURE, ROUTE_NONE, ROUTE_ONSEND, ROUTE_REPLY,
    ROUTE_REQUEST, kept, str_of,
)
from uacfast.routing.original_names cimport take_names
from uacfast.routing.relaying cimport is_waiting, set_branch_flags, state_of, suspended_branch
from uacfast.routing.script_exit import ScriptDrop
from uacfast.sip.message cimport no_text, text_of
from uacfast.sip.plan cimport StoredPlan
from uacfast.tm.table cimport FINAL_SENT
from uacfast.uac.replace cimport Replacer

cdef enum:
    WAITING_MAX = 4096           # callbacks that may wait at a time; each keeps its message and a stack

logger = logging.getLogger("uacfast.script")


cdef class Script(ScriptTransactions):

    def __init__(self, Engine engine not None, Replacer replacer not None, str file not None, int rank=1):
        """`file`: the script's path; `rank`: what child_init() is told, from 1."""
        ScriptTransactions.__init__(self)
        self.engine = engine
        self.replacer = replacer
        self.file = file
        self.rank = rank
        self.pool = GreenletPool()
        self.job = self.work
        self.waiting_requests = set()
        self.tasks = set()
        self.reply_callback = "ksr_reply_route"
        self.onsend_callback = "ksr_onsend_route"
        self.pre_routing_callback = ""

    def set_replacer(self, Replacer replacer not None):
        """From now on replace and restore with this one (a reload)."""
        self.replacer = replacer

    def install(self, str file, ksr, module, handler):
        """Have callbacks go to this object from now on; those that are waiting go on in their old one."""
        self.file = file
        self.ksr = ksr
        self.module = module
        self.handler = handler
        self.find_callbacks()

    def name_callbacks(self, str reply, str onsend, str pre_routing):
        """Which methods of the handler are called for every reply, for what leaves, and before the other two; "": none."""
        self.reply_callback = reply
        self.onsend_callback = onsend
        self.pre_routing_callback = pre_routing
        self.find_callbacks()

    def find_callbacks(self):
        """Look up which of them the handler has: those that are missing cost nothing."""
        self.has_reply_route = self.reply_callback != "" and hasattr(self.handler, self.reply_callback)
        self.has_pre_routing = self.pre_routing_callback != "" and hasattr(self.handler, self.pre_routing_callback)
        self.engine.forwarder.hears_sending = (self.onsend_callback != ""
                                               and hasattr(self.handler, self.onsend_callback))

    @property
    def message(self):
        """The `msg` argument of the running callback, None outside of one."""
        return self.context.msg

    def close(self):
        """End what is waiting."""
        self.closing = True
        for task in list(self.tasks):
            task.cancel()

    def without_message(self, callback, *arguments):
        """Call a function of the script where there is no message: mod_init(), child_init()."""
        before, self.context = self.context, MessageContext(runtime=self)
        try:
            return callback(*arguments)
        finally:
            self.context = before

    # --- contexts ------------------------------------------------------------------------------------------------

    cdef MessageContext make_context(self, RouteKind kind, SipMessage message, TransactionState state):
        cdef MessageContext context = MessageContext(state, self)
        context.kind = kind
        context.message = message
        context.transport = self.engine.transport
        context.table = self.engine.table
        context.number = self.engine.counters.at[COUNT_REQUESTS] + self.engine.counters.at[COUNT_RESPONSES]
        return context

    cdef void find_dialog(self, MessageContext context) noexcept:
        if context.transaction.dialog:
            context.dialog = self.engine.dialogs.of_transaction(context.transaction)

    cdef void release(self, MessageContext context):
        """The callback is over: its message belongs to others again."""
        if context.message is not None and (context.octets is not None or context.kind in (
                ROUTE_FAILURE, ROUTE_BRANCH_FAILURE)):
            self.give_message(context.message)
        if context.reply is not None and context.reply_octets is not None:
            self.give_message(context.reply)
        context.message = context.reply = None
        context.transaction = NULL
        context.branch = NULL
        context.kind = ROUTE_NONE

    # --- running -------------------------------------------------------------------------------------------------

    cdef void execute(self, MessageContext context) noexcept:
        """Work on this message until it is done or waits."""
        cdef MessageContext before = self.context
        cdef bint was_running = self.running
        self.context = context
        self.runs += 1
        self.running = True
        try:
            self.pool.run(self.job, context)
        except BaseException:
            logger.exception("a callback of the script cannot be run")
        self.running = was_running
        self.context = before

    def work(self, MessageContext context):
        """One message in its greenlet, to the end."""
        try:
            if context.kind == ROUTE_REQUEST:
                if self.goes_to_script(context):
                    self.call_back(context, "ksr_request_route", None)
                self.end_request(context)
            elif context.kind == ROUTE_REPLY:
                self.work_on_reply(context)
            elif context.continued:
                self.call_back(context, context.event_callback, None)
                self.end_continued(context)
            elif context.kind == ROUTE_FAILURE:
                name, context.state.on_failure = context.state.on_failure, ""
                self.call_back(context, name, None)
                if context.suspended:
                    self.end_failure(context)
            elif context.kind == ROUTE_BRANCH_FAILURE:
                self.call_back(context, context.event_callback, None)
                if context.suspended:
                    self.end_branch_failure(context)
            elif context.kind == ROUTE_ONSEND:
                self.call_back(context, self.onsend_callback, None)
            elif context.kind == ROUTE_EVENT:
                self.call_back(context, context.event_callback, context.event)
            if context.suspended or context.kind == ROUTE_REQUEST or context.continued:
                self.release(context)
        except BaseException:
            logger.exception("a callback of the script cannot be ended")

    cdef bint goes_to_script(self, MessageContext context):
        """Run the callback that comes before those for requests and replies; False when it drops the message."""
        if self.has_pre_routing:
            self.call_back(context, self.pre_routing_callback, "core:pre-routing")
        return not context.dropped

    cdef bint call_back(self, MessageContext context, str name, object event):
        """Call a method of the handler; False when it is missing or fails. Its result means nothing (§1.3)."""
        cdef ScriptMessage message = ScriptMessage.__new__(ScriptMessage)
        try:
            callback = getattr(self.handler, name)
        except AttributeError:
            logger.error("%s has no method %s", self.file, name)
            context.failed = context.kind == ROUTE_REQUEST
            return False
        message.context = context
        message.script = self
        context.msg = message
        try:
            if event is None:
                callback(message)
            else:
                callback(message, event)
            return True
        except ScriptDrop:
            context.dropped = True
            return True
        except SystemExit:
            return True
        except GreenletExit:
            context.absorbed = True       # the program ends
        except BaseException as error:
            if self.closing and isinstance(error, asyncio.CancelledError):
                context.absorbed = True
            else:
                context.failed = True
                self.log_error(context, name)
        finally:
            message.context = None
        return False

    cdef void log_error(self, MessageContext context, str name):
        """The traceback of the exception being handled, and which message it was about."""
        cdef SipMessage message = context.message
        fields = {"callback": name}
        if message is not None:
            fields["method"] = str_of(message.index.method_text if message.index.is_request else message.cseq.method)
            if not message.index.is_request:
                fields["status"] = message.index.status
            fields["call_id"] = str_of(message.call_id)
            fields["source"] = "%s:%d" % address_of(&message.source)
        logger.error("an exception in the script: %s", traceback.format_exc().rstrip(), extra={"fields": fields})

    # --- requests ------------------------------------------------------------------------------------------------

    cdef void request(self, SipMessage request, const udp_address *reply_to) noexcept:
        cdef MessageContext context
        if request.index.method == SIP_METHOD_ACK and self.is_own_ack(request):
            return
        context = self.make_context(ROUTE_REQUEST, request, None)
        context.reply_to = reply_to[0]
        if self.waiting_requests and self.key_hash(context) in self.waiting_requests:
            return      # a copy of one whose callback waits
        # The script asks for Max-Forwards to be counted; write_request() adds it only where it finds 256.
        request.max_forwards = 0
        self.execute(context)

    cdef bint is_own_ack(self, SipMessage ack) noexcept:
        """Whether this ACK is for a stateless reply of ours, which nothing is left of."""
        cdef char tag[20]
        return (ack.to.tag.length == self.engine.stateless.tag_of(ack, tag)
                and memcmp(ack.to.tag.at, tag, ack.to.tag.length) == 0)

    cdef void end_request(self, MessageContext context):
        """The request route is over: answer for it what has to be answered (§1.3)."""
        cdef Transaction *transaction = context.transaction
        if context.failed:
            if not (context.answered or context.relayed or context.absorbed
                    or transaction != NULL and is_waiting(transaction)):
                self.send_reply(500, "", None, False)
        elif context.owes_error:
            self.reply_error(context, "TM")
        if transaction == NULL:
            return
        if transaction.flags & FINAL_SENT:
            self.engine.responses.forget(transaction)
        elif not is_waiting(transaction):
            # Nobody will answer it: Kamailio lets it go as well.
            self.engine.server.end_silently(transaction)
            self.engine.responses.forget(transaction)

    # --- replies -------------------------------------------------------------------------------------------------

    cdef bint reply(self, SipMessage response, Branch *branch) noexcept:
        cdef TransactionState state = None
        cdef MessageContext context
        cdef bint dropped
        if branch != NULL:
            state = state_of(branch.transaction)
            if self.restore_avps is not None and state is not None:
                take_names(self, state, branch.transaction, self.engine.table)
        if not self.has_reply_route and not self.has_pre_routing and (state is None or state.on_reply == ""):
            return True
        if not response.parse_addresses():
            self.engine.counters.at[DROP_BAD_RESPONSE] += 1
            return False
        response.reset_plan()
        context = self.make_context(ROUTE_REPLY, response, state)
        if branch != NULL:
            context.transaction = branch.transaction
            context.branch = branch
            context.branch_index = context.flags_index = branch.number
            self.find_dialog(context)
        self.execute(context)
        if context.suspended:
            return False
        dropped = context.dropped
        self.release(context)
        return not dropped

    cdef void work_on_reply(self, MessageContext context):
        """ksr_reply_route, then the transaction's own callback; only a provisional reply is dropped by the latter."""
        cdef TransactionState state = context.state
        if self.goes_to_script(context) and self.has_reply_route:
            self.call_back(context, self.reply_callback, None)
        if not context.dropped and state.on_reply and context.branch != NULL and (
                sip_method_id_of(context.message.cseq.method) == context.transaction.method):
            self.call_back(context, state.on_reply, None)
            if context.message.index.status >= 200:
                context.dropped = False
        if context.suspended and not context.dropped and not self.closing:
            self.engine.take_response(context.message, context.branch)

    # --- branches ------------------------------------------------------------------------------------------------

    cdef bint run_branch_route(self, MessageContext context, TransactionState state):
        cdef MessageContext branch = self.make_context(ROUTE_BRANCH, context.message, state)
        cdef MessageContext outer = self.context
        cdef SipMessage message
        branch.outer = context
        branch.transaction = context.transaction
        branch.reply_to = context.reply_to
        branch.source_marked = True
        branch.branch_index = branch.flags_index = context.transaction.branch_count
        if context.message.next_hop.at != NULL:
            branch.destination_uri = str_of(context.message.next_hop)
        branch.send_socket = context.send_socket
        branch.dialog = context.dialog
        self.context = branch
        try:
            self.call_back(branch, state.on_branch, None)
        finally:
            self.context = outer
        message = branch.message
        if context.transaction == NULL or branch.dropped:
            return False
        branch.message = None
        branch.transaction = NULL
        branch.kind = ROUTE_NONE
        return self.set_destination(message, branch.destination_uri, branch.send_socket)

    # --- failures ------------------------------------------------------------------------------------------------

    cdef bint hears_failure(self, Transaction *transaction) noexcept:
        cdef TransactionState state = state_of(transaction)
        return state is not None and state.on_failure != ""

    cdef bint failure(self, Transaction *transaction, Branch *chosen, SipMessage response) noexcept:
        cdef TransactionState state = state_of(transaction)
        cdef MessageContext context
        cdef bint begun
        if state is None or state.on_failure == "":
            return False
        context = self.make_context(ROUTE_FAILURE, None, state)
        if not self.open_stored(context, transaction):
            return False
        context.branch = chosen
        context.branch_index = transaction.branch_count
        state.on_branch = ""      # to be armed anew, as in Kamailio
        context.reply = response
        self.find_dialog(context)
        self.execute(context)
        if context.suspended:
            transaction.pending += 1
            return True
        if transaction.flags & FINAL_SENT:
            self.engine.responses.forget(transaction)
        begun = transaction.flags & FINAL_SENT != 0 or is_waiting(transaction)
        self.release(context)
        return begun

    cdef void end_failure(self, MessageContext context):
        """A failure route that had waited is over: answer, unless it did or has begun another attempt."""
        cdef Transaction *transaction = context.transaction
        cdef Branch *chosen
        if transaction == NULL:
            return
        transaction.pending -= 1
        if transaction.flags & FINAL_SENT:
            self.engine.responses.forget(transaction)
        elif not is_waiting(transaction) and not self.closing:
            chosen = self.engine.responses.best(transaction)
            self.engine.responses.answer_upstream(transaction, chosen, NULL, None)

    cdef void branch_failed(self, Transaction *transaction, Branch *branch, SipMessage response) noexcept:
        cdef TransactionState state = state_of(transaction)
        cdef MessageContext context
        if state is None or state.branch_failures is None:
            return
        name = state.branch_failures.pop(branch.number, "")
        if not name:
            return
        context = self.make_context(ROUTE_BRANCH_FAILURE, None, state)
        if not self.open_stored(context, transaction):
            return
        context.event_callback = name
        context.branch = branch
        context.branch_index = context.flags_index = branch.number
        context.reply = response
        self.execute(context)
        if context.suspended:
            transaction.pending += 1
        else:
            self.release(context)

    cdef void branch_replaced(self, Transaction *transaction, const Branch *failed, const Branch *branch) noexcept:
        cdef TransactionState state = state_of(transaction)
        if state is None:
            return
        if state.branch_failures is not None and failed.number in state.branch_failures:
            state.branch_failures[branch.number] = state.branch_failures.pop(failed.number)
        if failed.number < len(state.branch_flags):
            set_branch_flags(state, branch.number, state.branch_flags[failed.number])

    cdef void end_branch_failure(self, MessageContext context):
        cdef Transaction *transaction = context.transaction
        if transaction != NULL:
            transaction.pending -= 1
            if not transaction.flags & FINAL_SENT:
                self.engine.forwarder.finish_failed(transaction)

    # --- suspended transactions ----------------------------------------------------------------------------------

    cdef int run_continued(self, Transaction *transaction, str callback) except? -2:
        cdef MessageContext context = self.make_context(ROUTE_FAILURE, None, state_of(transaction))
        if not self.open_stored(context, transaction):
            self.engine.responses.reply_locally(transaction, 500)
            return -1
        context.continued = True
        context.event_callback = callback
        context.branch_index = transaction.branch_count
        context.first_request_uri = NULL         # as it was before t_suspend() it counts as new
        if self.pool.current is not None:
            context.outer = self.context         # waits with this one
        self.find_dialog(context)
        # What fails at once must not be answered before the callback is over.
        transaction.pending += 1
        if self.running:
            self.execute(context)
        else:
            self.engine.take_time()
            self.execute(context)
            self.engine.flush()
        return 1

    cdef void end_continued(self, MessageContext context):
        """The callback of t_continue() is over: what is left undone is answered, as Kamailio does."""
        cdef Transaction *transaction = context.transaction
        if transaction == NULL:
            return
        transaction.pending -= 1
        if transaction.flags & FINAL_SENT:
            self.engine.responses.forget(transaction)
        elif not is_waiting(transaction) and not self.closing:
            if context.error == 0 and suspended_branch(transaction).number + 1 < transaction.branch_count:
                # What it relayed was refused while it went on or waited.
                self.engine.forwarder.finish_failed(transaction)
            elif self.reply_error(context, "TM") < 1:
                self.engine.responses.reply_locally(transaction, 500)
            if transaction.flags & FINAL_SENT:
                self.engine.responses.forget(transaction)

    # --- what leaves ---------------------------------------------------------------------------------------------

    cdef void sending(self, Transaction *transaction, Branch *branch, SipMessage message, int socket,
                      const udp_address *destination, bytes octets) noexcept:
        cdef MessageContext context
        cdef TransactionState state = None
        if not message.parse_addresses():
            return
        if self.context.message is message:
            state = self.context.state
        elif transaction != NULL:
            state = state_of(transaction)
        context = self.make_context(ROUTE_ONSEND, message, state)
        context.transaction = transaction
        context.branch = branch
        if branch != NULL:
            context.branch_index = context.flags_index = branch.number
        if transaction != NULL:
            self.find_dialog(context)
        if message.index.is_request and message.next_hop.at != NULL:
            context.destination_uri = str_of(message.next_hop)
        context.outgoing = octets
        context.outgoing_to = destination[0]
        context.outgoing_socket = socket
        self.execute(context)
        self.release(context)

    # --- events --------------------------------------------------------------------------------------------------

    def run_event(self, str callback not None, str event not None, SipMessage message=None):
        """Call `callback(msg, event)` of the script; `message` is what the event is about, None: nothing."""
        cdef MessageContext context = self.make_context(ROUTE_EVENT, message, None)
        context.event_callback = callback
        context.event = event
        if message is not None:
            if not message.parse_addresses():
                return
            message.reset_plan()
        self.execute(context)
        if not context.suspended:
            self.release(context)

    def uac_reply(self, str callback not None, description, SipMessage response=None):
        """uac:reply: $uac_req shows the request that was sent and its codes while the callback runs (uac-semantics §6.3)."""
        self.uac_request.assign(description)
        self.run_event(callback, "uac:reply", response)

    # --- waiting -------------------------------------------------------------------------------------------------

    cpdef object wait(self, object awaitable):
        cdef MessageContext context = self.context
        own = self.pool.current
        if context.kind == ROUTE_ONSEND:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise RuntimeError("Nothing can wait while a message is about to leave (ksr_onsend_route).")
        if own is None or self.waiting >= WAITING_MAX:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise RuntimeError(
                "A function that waits can only be called while a message is worked on, not in mod_init or child_init."
                if own is None else f"{WAITING_MAX} callbacks of the script are waiting already.")
        task = asyncio.ensure_future(awaitable)
        if not task.done():
            self.leave(context)
            self.tasks.add(task)
            task.add_done_callback(partial(self.go_on, own, context))
            self.waiting += 1
            self.pool.suspend()
            self.waiting -= 1
            self.tasks.discard(task)
        return task.result()

    cdef void leave(self, MessageContext context):
        """Nothing of the engine's may be referred to while it goes on with others."""
        cdef MessageContext one = context
        cdef MessageContext other
        cdef SipMessage old, copy
        while one is not None:
            if one.kind == ROUTE_REQUEST and one.transaction == NULL:
                self.waiting_requests.add(self.key_hash(one))
            one.suspended = True
            one.remember_place()
            if one.message is not None and one.octets is None:
                old = one.message
                copy = self.own_copy(one, old)
                if one.kind in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE):
                    self.give_message(old)
                other = one.outer
                while other is not None:
                    if other.message is old:
                        other.message = copy
                        other.octets = one.octets
                        other.applied = one.applied
                    other = other.outer
                one.message = copy
            if one.reply is not None and one.reply_octets is None:
                one.reply_octets = one.reply.index.data[:one.reply.index.length]
                copy = self.take_message()
                copy.scan(one.reply_octets, <unsigned int>len(one.reply_octets), &self.engine.responses.no_limits, True)
                copy.parse_top_via()
                copy.parse_addresses()
                copy.reset_plan()
                copy.source = one.reply.source
                copy.socket = one.reply.socket
                one.reply = copy
            one = one.outer

    cdef SipMessage own_copy(self, MessageContext context, SipMessage message):
        """The message with its edits in memory of the context's own."""
        cdef SipMessage copy = self.take_message()
        cdef StoredPlan plan = StoredPlan()
        if not plan.take(message):
            raise MemoryError
        context.octets = message.index.data[:message.index.length]
        copy.scan(context.octets, <unsigned int>len(context.octets), &self.engine.responses.no_limits, True)
        copy.parse_top_via()
        copy.parse_addresses()
        copy.reset_plan()
        copy.source = message.source
        copy.socket = message.socket
        plan.apply(copy)
        if context.first_request_uri == message.request_uri.at:
            context.first_request_uri = copy.request_uri.at
        context.applied = plan
        return copy

    def go_on(self, own, MessageContext context, task):
        """What a callback waited for is there: take it up where it was left."""
        cdef MessageContext before = self.context
        cdef MessageContext one = context
        self.engine.take_time()
        while one is not None:
            one.find_place()
            if one.kind == ROUTE_REQUEST and self.waiting_requests:
                self.waiting_requests.discard(self.key_hash(one))
            one = one.outer
        self.context = context
        self.runs += 1
        self.running = True
        try:
            self.pool.resume(own)
        finally:
            self.running = False
            self.context = before
        self.engine.flush()


cdef tuple address_of(const udp_address *address):
    cdef char host[64]
    return host[:address_host_text(address, host)].decode("ascii"), address_port(address)


cdef class ScriptMessage:
    """The `msg` argument of a callback (kemi-python.md §3.11); it can be used until the callback returns."""

    def __dir__(self):
        return ["Method", "RURI", "Status", "Type", "call_function", "copy", "dst_address", "getHeader", "rewrite_ruri",
                "set_dst_uri", "src_address"]

    cdef MessageContext living(self):
        if self.context is None or self.context.message is None:
            raise RuntimeError("msg can only be used until the callback that got it has returned.")
        return self.context

    @property
    def Type(self):
        return "SIP_REQUEST" if self.living().message.index.is_request else "SIP_REPLY"

    @property
    def Method(self):
        cdef SipMessage message = self.living().message
        if not message.index.is_request:
            raise RuntimeError("A reply has no method of its own.")
        return str_of(message.index.method_text)

    @property
    def RURI(self):
        cdef SipMessage message = self.living().message
        if not message.index.is_request:
            raise RuntimeError("A reply has no Request-URI.")
        return str_of(message.request_uri)

    @property
    def Status(self):
        cdef SipMessage message = self.living().message
        if message.index.is_request:
            raise RuntimeError("A request has no status.")
        return message.index.status

    @property
    def src_address(self):
        return address_of(&self.living().message.source)

    @property
    def dst_address(self):
        cdef MessageContext context = self.living()
        return address_of(&context.transport.sockets[context.message.socket].address)

    def copy(self):
        """The message itself, as Kamailio has it."""
        self.living()
        return self

    def getHeader(self, str name not None):
        """The value of the first such header field, None when there is none."""
        cdef SipMessage message = self.living().message
        cdef bytes octets = name.encode("utf-8", "surrogateescape")
        cdef const sip_header *header = NULL
        cdef int found
        cdef int header_id = sip_header_id_of(text_of(<const char *>octets, <unsigned int>len(octets)))
        if header_id != SIP_HEADER_OTHER:
            header = sip_first_header(&message.index, header_id)
        else:
            found = sip_find_header(&message.index, text_of(<const char *>octets, <unsigned int>len(octets)), 0)
            if found >= 0:
                header = &message.index.headers[found]
        return None if header == NULL else str_of(header.value)

    def rewrite_ruri(self, str uri not None):
        """Set the Request-URI: 1, or -1 when it cannot be."""
        self.living()
        return 1 if self.script.ksr.seturi(uri) else -1

    def set_dst_uri(self, str uri not None):
        """Set the destination URI: 1, or -1 when it cannot be."""
        self.living()
        return 1 if self.script.ksr.setdsturi(uri) else -1

    def call_function(self, str name not None, *arguments):
        """Call a function of any KSR module by its bare name. RuntimeError when there is none."""
        self.living()
        for module in self.script.ksr.MODULES.values():
            function = getattr(module, name, None)
            if function is not None:
                return function(*arguments)
        raise RuntimeError(f"No KSR module has a function {name}.")
