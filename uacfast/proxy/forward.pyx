"""Requests on their way out: next hop, Record-Route, Via, branches (RFC 3261 §16.6), and the next attempts."""
import asyncio

from libc.string cimport memcpy, memset

from uacfast.leaves.edit_list cimport edit_list_write
from uacfast.leaves.sip_scan cimport (
    SIP_HEADERS_CAPACITY, SIP_HEADER_MAX_BREADTH, SIP_HEADER_MAX_FORWARDS, SIP_HEADER_PROXY_AUTHORIZATION,
    SIP_HEADER_PROXY_REQUIRE, SIP_HEADER_ROUTE, SIP_METHOD_INVITE, SIP_SCAN_OK, sip_first_header, sip_header, sip_limits, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_is
from uacfast.leaves.sip_uri cimport (
    SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_parameter_find, sip_uri, sip_uri_parse,
)
from uacfast.leaves.siphash cimport siphash_add, siphash_end, siphash_start, siphash_state
from uacfast.leaves.text_writer cimport (
    text_put, text_put_hex, text_put_string, text_put_text, text_put_uint, text_writer_length, text_writer_start,
)
from uacfast.proxy.counters cimport (
    COUNT_RELAYED_ACKS, COUNT_RELAYED_REQUESTS, COUNT_RESOLUTION_FAILED, COUNT_TRANSPORT_ERRORS, DROP_NO_MEMORY,
)
from uacfast.proxy.cseq cimport put_difference, raise_cseq
from uacfast.proxy.route_set cimport ROUTE_ABSENT, ROUTE_BROKEN, ROUTE_TAKEN, RouteOutcome, follow_route, tag_parameter, take_own_routes
from uacfast.proxy.sanity cimport MAX_BREADTH, breadth_of
from uacfast.sip.build cimport mark_source
from uacfast.sip.message cimport bytes_of, no_text, text_of
from uacfast.sip.digest cimport Secret
from uacfast.tm.table cimport (
    ALTERNATIVES, CANCELLED, CANCEL_NONE, CSEQ_SHIFTED, DIALOG_BEGINS, FINAL_SENT, FORETOLD, LOCAL,
    LOCALLY_MADE, REPLACED, is_cookie,
)
from uacfast.leaves.address cimport address_from_text, address_is_usable
from uacfast.transport.udp cimport datagram_space

cdef enum:
    RECORD_ROUTE_SPACE = 1200     # two values with advertised names, beside their parameters
    VIA_SPACE = 400
    BRANCHES_MAX = 200            # a transaction that has this many answers no challenge any more


cdef class Forwarder(TransactionUser):
    """Writes requests out and keeps attempts going until one of them answers."""

    def __init__(self, TransactionTable table, UdpTransport transport, TransactionSettings timers,
                 ProxySettings settings, Counters counters, ServerTransactions server, ClientTransactions client,
                 ResponseContext responses):
        self.table = table
        self.transport = transport
        self.timers = timers
        self.settings = settings
        self.counters = counters
        self.server = server
        self.client = client
        self.responses = responses
        responses.core = self
        self.policy = RequestPolicy()
        self.listener = RouteListener()
        self.answerer = ChallengeAnswerer()
        self.differences = CSeqDifferences()
        self.again = SipMessage()
        self.tasks = set()

    # --- what every relayed request needs -----------------------------------------------------------------------

    cdef bint preprocess(self, SipMessage request) noexcept:
        """Edit received/rport into the topmost Via and count Max-Forwards down (§16.6 step 3)."""
        cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_MAX_FORWARDS)
        cdef char *space
        cdef uint32_t value, at
        if not mark_source(request, False):
            return False
        if header == NULL:
            return True
        # The old width is kept, padded on the left, as Kamailio does: nothing behind it moves.
        space = request.scratch_reserve(header.value.length)
        if space == NULL:
            return False
        value = request.max_forwards - 1
        at = header.value.length
        while at > 0:
            at -= 1
            space[at] = <char>(c'0' + value % 10) if value or at == header.value.length - 1 else c' '
            value //= 10
        return request.replace(header.value, text_of(space, header.value.length))

    cdef int take_routes(self, SipMessage request) noexcept:
        """Loose and strict routing; a RouteOutcome. Within a dialog of ours what remains of the route set is the next hop;
        a route set that somebody brings to an initial request leads nowhere (engine RR7): policy decides."""
        cdef int taken = 0
        cdef RouteOutcome outcome = take_own_routes(request, self.transport, &self.routes, self.settings.routes, &taken)
        cdef int difference
        self.routes_taken = taken
        if outcome == ROUTE_BROKEN:
            return outcome
        if self.dialogs.table.total and request.to.tag.at != NULL:
            self.dialogs.match(request)
        if outcome == ROUTE_TAKEN or request.dialog and request.to.tag.at != NULL:
            self.listener.loose_routed(request)
        if outcome == ROUTE_TAKEN:
            if request.to.tag.at != NULL:
                if not follow_route(request, &self.routes, taken):
                    return ROUTE_BROKEN
                self.differences.translate(request, self.table.now)
        elif request.dialog and request.to.tag.at != NULL and not request.upstream:
            # Without our Route value the tracked dialog tells the difference.
            difference = self.dialogs.cseq_difference(request.dialog)
            if difference:
                raise_cseq(request, <uint32_t>difference)
        return outcome

    cdef uint32_t loop_hash(self, SipMessage request) noexcept:
        """What steers the routing of this request, in 32 bits (engine V5); Via and Max-Forwards are not in it."""
        cdef siphash_state state
        siphash_start(&state, &self.table.hash_key)
        siphash_add(&state, request.index.request_uri.at, request.index.request_uri.length)
        siphash_add(&state, request.from_.tag.at, request.from_.tag.length)
        siphash_add(&state, request.to.tag.at, request.to.tag.length)
        siphash_add(&state, request.call_id.at, request.call_id.length)
        siphash_add(&state, &request.cseq.number, sizeof(request.cseq.number))
        add_header_fields(&state, request, SIP_HEADER_ROUTE)
        add_header_fields(&state, request, SIP_HEADER_PROXY_REQUIRE)
        add_header_fields(&state, request, SIP_HEADER_PROXY_AUTHORIZATION)
        return <uint32_t>siphash_end(&state)

    # --- stateful ------------------------------------------------------------------------------------------------

    cdef bint relay(self, SipMessage request, uint64_t key_hash, const udp_address *reply_to, uint32_t loop_hash,
                    object context, bint parallel) noexcept:
        """Begin a transaction and its first attempt, or all at once; False when memory ends."""
        cdef Transaction *transaction = self.table.create(request, key_hash, reply_to)
        cdef bytes reason
        cdef int step = 0
        cdef int breadth, count
        if transaction == NULL:
            self.counters.at[DROP_NO_MEMORY] += 1
            return False
        self.counters.at[COUNT_RELAYED_REQUESTS] += 1
        transaction.loop_hash = loop_hash
        transaction.fr_timer = request.fr_timer if request.fr_timer else self.timers.fr_timer
        transaction.fr_inv_timer = request.fr_inv_timer if request.fr_inv_timer else self.timers.fr_inv_timer
        if context is not None:
            self.table.set_context(transaction, context)
        if transaction.flags & DIALOG_BEGINS:
            self.dialogs.attach(transaction)
        elif request.dialog:
            self.dialogs.request(request)
        if request.index.method == SIP_METHOD_INVITE and self.settings.auto_inv_100:
            reason = self.settings.auto_inv_100_reason
            self.server.reply(transaction, request, 100, text_of(<const char *>reason, <uint32_t>len(reason)), no_text())
        if not parallel:
            self.begin_attempt(transaction, request, 0)
            return True
        # Keep the transaction from being answered before all targets were begun.
        transaction.pending += 1
        count = self.policy.target_count(context)
        breadth = breadth_of(request)
        while step == 0 or self.policy.target(context, step, request):
            transaction.context_step = step
            share_breadth(request, breadth, count, step)
            self.begin_attempt(transaction, request, step)
            step += 1
        transaction.pending -= 1
        if transaction.branches != NULL and not transaction.flags & FINAL_SENT:
            self.finish_failed(transaction)
        return True

    cdef void finish_failed(self, Transaction *transaction) noexcept:
        """Answer upstream in case every branch has failed already."""
        cdef Branch *branch = transaction.branches
        while branch != NULL:
            if branch.final == 0:
                return
            branch = branch.next
        self.responses.finish_if_all_failed(transaction, transaction.branches, None)

    cdef void begin_attempt(self, Transaction *transaction, SipMessage request, int step) noexcept:
        """Find the addresses of request.next_hop (or Route, or Request-URI) and send a branch there."""
        cdef NextHop hop
        cdef HopOutcome outcome = self.find_next_hop(request, &hop)
        if outcome == HOP_PENDING:
            transaction.pending += 1
            self.resolve_later(transaction, request, step, &hop)
        elif outcome == HOP_FAILED or self.send_to_hop(transaction, request, step, &hop) == NULL:
            self.fail_branch(transaction)

    cdef Branch *send_to_hop(self, Transaction *transaction, SipMessage request, int step, NextHop *hop) noexcept:
        """Send a branch to the first of these addresses that something can be sent to, and keep the others for when it does
        not answer; NULL when there is none."""
        cdef Branch *branch = NULL
        cdef int i = 0
        while i < hop.count and branch == NULL:
            branch = self.send_branch(transaction, request, &hop.addresses[i])
            i += 1
        if branch != NULL:
            branch.step = <unsigned short>step
            if i < hop.count:
                self.table.fill(&branch.alternatives, <char *>&hop.addresses[i], (hop.count - i) * sizeof(udp_address))
        return branch

    cdef bint may_move_on(self, Transaction *transaction, const Branch *failed) noexcept:
        """Whether a branch has failed as RFC 3263 §4.3 means it. One that had a provisional knows no further addresses any
        more: somebody works on it (engine.md §14)."""
        if not failed.flags & LOCALLY_MADE and (failed.final != 503 or not self.timers.failover_503):
            return False
        return not transaction.flags & CANCELLED and not self.responses.is_refused_for_all(transaction)

    cdef Branch *move_on(self, Transaction *transaction, SipMessage request, Branch *failed) noexcept:
        """Send a branch to the next address that the failed one knows, in its place; NULL when there is none."""
        cdef Branch *branch
        cdef udp_address *addresses = <udp_address *>failed.alternatives.at
        request.breadth = failed.breadth
        while failed.alternative < failed.alternatives.length // sizeof(udp_address):
            failed.alternative += 1
            branch = self.send_branch(transaction, request, &addresses[failed.alternative - 1])
            if branch != NULL:
                self.replace_branch(failed, branch)
                return branch
        return NULL

    cdef void replace_branch(self, Branch *failed, Branch *branch) noexcept:
        """Let `branch` stand for what `failed` stood for, with the addresses that are left."""
        branch.step = failed.step
        branch.alternatives = failed.alternatives
        branch.alternative = failed.alternative
        memset(&failed.alternatives, 0, sizeof(failed.alternatives))
        failed.flags |= REPLACED
        self.table.release(&failed.credentials)

    cdef bint next_address(self, Transaction *transaction, Branch *failed) noexcept:
        """A new branch to the next address of the same name (RFC 3263 §4.3); no other branch of a fork need fail first."""
        cdef Branch *branch
        if (transaction.request.at == NULL or not self.may_move_on(transaction, failed)
                or not self.prepare_again(transaction) or not self.set_target(transaction, failed.step)):
            return False
        branch = self.move_on(transaction, self.again, failed)
        if branch == NULL:
            return False
        if self.script is not None:
            self.script.branch_replaced(transaction, failed, branch)
        return True

    cdef Branch *send_branch(self, Transaction *transaction, SipMessage request, const udp_address *destination) noexcept:
        cdef int socket = self.transport.socket_towards(
            destination, request.route_socket if request.route_socket >= 0 else request.socket)
        cdef Branch *branch
        cdef char *space
        cdef uint32_t capacity, length
        if socket < 0 or not address_is_usable(destination):
            return NULL
        branch = self.table.add_branch(transaction)
        if branch == NULL:
            return NULL
        if self.answerer.foretells:
            self.foretell(transaction, request, destination)
        if request.breadth:
            branch.breadth = request.breadth
            self.put_breadth(request)
        capacity = datagram_space(request.index.length + request.scratch_used + VIA_SPACE + RECORD_ROUTE_SPACE
                                  + 2 * (request.record_route_parameters.length + request.added_route_parameters.length
                                         + 3 * request.from_.tag.length))
        space = self.transport.reserve(capacity)
        if space != NULL:
            length = self.write_request(request, socket, branch, transaction.loop_hash, space, capacity)
            if length and self.client.start(branch, space, length, socket, destination):
                if request.cseq_shift:
                    branch.cseq_shift = request.cseq_shift
                    transaction.flags |= CSEQ_SHIFTED
                if request.credentials.at != NULL:
                    branch.auth_retried = request.auth_retried
                    branch.flags |= FORETOLD if request.foretold else 0
                    self.table.fill(&branch.credentials, request.credentials.at, request.credentials.length)
                return branch
        self.table.remove_last_branch(transaction, branch)
        return NULL

    cdef void dialog_response(self, Transaction *transaction, SipMessage response) noexcept:
        """The 2xx that wins brings its branch's CSeq difference to the dialog."""
        cdef Branch *branch = transaction.branches
        self.dialogs.response(transaction, response)
        if transaction.flags & CSEQ_SHIFTED and transaction.flags & DIALOG_BEGINS:
            while branch != NULL:
                if 200 <= branch.final < 300:
                    self.dialogs.raise_cseq(transaction.dialog, <int>branch.cseq_shift)
                branch = branch.next

    cdef void fail_branch(self, Transaction *transaction) noexcept:
        """A target that cannot even be tried counts as one that answered 503 (§16.9)."""
        cdef Branch *branch = self.table.add_branch(transaction)
        if branch == NULL:
            self.responses.reply_locally(transaction, 500)
            return
        self.counters.at[COUNT_TRANSPORT_ERRORS] += 1
        self.client.transport_failed(branch)

    cdef bint try_next(self, Transaction *transaction, Branch *failed, SipMessage response) noexcept:
        """The policy's next target."""
        cdef object context
        cdef int step
        if transaction.request.at == NULL or transaction.context == NULL:
            return False
        if self.script is not None:
            return self.script.failure(transaction, failed, response)
        context = <object>transaction.context
        step = transaction.context_step + 1
        if (not self.policy.goes_on_after(context, failed.final) or not self.prepare_again(transaction)
                or not self.policy.target(context, step, self.again)):
            return False
        transaction.context_step = step
        self.begin_attempt(transaction, self.again, step)
        return True

    cdef bint always_asked(self, Transaction *transaction) noexcept:
        return self.script is not None and self.script.hears_failure(transaction)

    cdef void branch_failed(self, Branch *branch, SipMessage response) noexcept:
        if self.script is not None:
            self.script.branch_failed(branch.transaction, branch, response)

    cdef bint answer_challenge(self, Transaction *transaction, Branch *challenged, SipMessage response) noexcept:
        """Send the request again to the same destination, with credentials (RFC 3261 §22.3, engine.md §16).

        The new branch takes the challenged one's place: the caller never hears of an answered challenge.
        """
        cdef const Secret *secrets = NULL
        cdef int count = 0
        cdef Branch *branch
        cdef SipMessage request = self.again
        if (not self.answerer.active or self.script is not None or transaction.flags & CANCELLED
                or challenged.cancel_state != CANCEL_NONE or transaction.request.at == NULL or self.responses.is_refused_for_all(transaction)
                or transaction.branch_count >= BRANCHES_MAX):
            return False
        if transaction.context != NULL:
            count = self.policy.secrets(<object>transaction.context, &secrets)
        if (count < 0 or not self.prepare_again(transaction) or not self.set_target(transaction, challenged.step)
                or not self.answerer.answer(secrets, count, challenged, request, response)):
            return False
        request.breadth = challenged.breadth
        branch = self.send_branch(transaction, request, &challenged.destination)
        if branch == NULL:
            return False
        self.replace_branch(challenged, branch)
        if request.loose_routed and request.to.tag.at != NULL and request.cseq_shift != challenged.cseq_shift:
            self.differences.note(request, request.cseq_shift, self.table.now)
            if transaction.dialog and not request.upstream:
                self.dialogs.raise_cseq(transaction.dialog, <int>request.cseq_shift)
        return True

    cdef void foretell(self, Transaction *transaction, SipMessage request, const udp_address *destination) noexcept:
        """Credentials before anybody asks, unless the request has answers already or is one of our own."""
        cdef const Secret *secrets = NULL
        cdef int count = 0
        if request.foretold:
            request.credentials = no_text()      # those of another branch of this request
            request.foretold = False
        if request.credentials.at != NULL or transaction.flags & LOCAL or self.script is not None:
            return       # a script answers by uac_auth() and not otherwise
        if transaction.context != NULL:
            count = self.policy.secrets(<object>transaction.context, &secrets)
        if count >= 0:
            self.answerer.foretell(secrets, count, destination, request)

    cdef bint set_target(self, Transaction *transaction, int step) noexcept:
        return transaction.context == NULL or self.policy.target(<object>transaction.context, step, self.again)

    cdef bint prepare_again(self, Transaction *transaction) noexcept:
        """Scan the request once more into self.again and give it the edits of its first way."""
        cdef SipMessage request = self.again
        if (request.scan(transaction.request.at, transaction.request.length, &self.responses.no_limits, True)
                != SIP_SCAN_OK or not request.parse_top_via() or not request.parse_addresses()):
            return False
        request.reset_plan()
        if transaction.flags & DIALOG_BEGINS:
            request.dialog = transaction.dialog
            self.dialogs.put_parameter(request)
        request.source = transaction.source
        request.socket = transaction.socket
        if self.script is not None:
            return True      # set_target() applies all that the script did
        request.max_forwards = max_forwards_of(request)
        if request.index.first[SIP_HEADER_MAX_BREADTH]:
            share_breadth(request, breadth_of(request), 1, 0)
        if not self.preprocess(request) or self.take_routes(request) == ROUTE_BROKEN:
            return False
        return transaction.context == NULL or self.policy.prepare(<object>transaction.context, request)

    # --- Max-Breadth ---------------------------------------------------------------------------------------------

    cdef bint put_breadth(self, SipMessage request) noexcept:
        """Let the branch's share stand where the request has a Max-Breadth; where it has none, write_request() adds it."""
        cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_MAX_BREADTH)
        cdef char digits[24]
        cdef text_writer out
        cdef sip_text line
        if header == NULL:
            return True
        text_writer_start(&out, digits, sizeof(digits))
        text_put_string(&out, b"Max-Breadth: ")
        text_put_uint(&out, request.breadth)
        text_put(&out, b"\r\n", 2)
        line = request.keep(digits, text_writer_length(&out))
        # A script may have taken the line away; then it comes back as a whole.
        return line.at != NULL and (request.replace(header.value, text_of(line.at + 13, line.length - 15))
                                    or request.replace(header.line, line))

    cdef int free_breadth(self, const Transaction *transaction, SipMessage request) noexcept:
        """What the branches that still wait for a final response leave of the request's breadth; negative or 0: nothing."""
        cdef int whole = breadth_of(request)
        cdef int left = whole
        cdef const Branch *branch = transaction.branches
        while branch != NULL:
            if branch.final == 0:
                left -= branch.breadth if branch.breadth else whole
            branch = branch.next
        return left

    # --- resolution ----------------------------------------------------------------------------------------------

    cdef HopOutcome find_next_hop(self, SipMessage request, NextHop *hop) noexcept:
        """RFC 3263: numeric hosts at once, names from the resolver's cache, else pending."""
        cdef sip_uri uri
        cdef sip_text found
        cdef sip_text text = request.next_hop if request.next_hop.at != NULL else request.request_uri
        hop.count = 0
        hop.unsupported = False
        if sip_uri_parse(text, &uri) != 0 or uri.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS):
            return HOP_FAILED
        if uri.scheme == SIP_SCHEME_SIPS or (
                sip_parameter_find(uri.parameters, b"transport", &found) and not sip_text_is(found, b"udp")):
            hop.unsupported = True
            return HOP_FAILED
        hop.host = uri.host
        hop.port = uri.port
        if sip_parameter_find(uri.parameters, b"maddr", &found) and found.length:
            hop.host = found
        if address_from_text(hop.host, <unsigned short>(uri.port if uri.port else 5060), &hop.addresses[0]):
            hop.count = 1
            return HOP_RESOLVED
        if self.resolver is None:
            return HOP_FAILED
        targets = self.resolver.cached(bytes_of(hop.host).decode("ascii", "replace"), hop.port)
        if targets is None:
            return HOP_PENDING
        take_addresses(targets, hop)
        return HOP_RESOLVED if hop.count else HOP_FAILED

    cdef void resolve_later(self, Transaction *transaction, SipMessage request, int step, NextHop *hop) noexcept:
        task = asyncio.ensure_future(self.resolved(transaction.slot, transaction.check, step, request.breadth,
                                                   bytes_of(hop.host).decode("ascii", "replace"), hop.port))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def resolved(self, slot, check, step, breadth, host, port):
        """Wait for a next hop's addresses and go on with the transaction that asked for them."""
        try:
            targets = await self.resolver.resolve(host, port)
        except Exception:
            targets = ()
        self.go_on(slot, check, step, breadth, targets)
        self.wake()

    def go_on(self, uint32_t slot, uint64_t check, int step, uint32_t breadth, targets):
        """The addresses of a next hop are known, or known not to be: send the branch that waits for them."""
        cdef Transaction *transaction = self.table.at_slot(slot, check)
        cdef NextHop hop
        if transaction == NULL:
            return
        transaction.pending -= 1
        if transaction.flags & (FINAL_SENT | CANCELLED):
            return
        if self.responses.is_refused_for_all(transaction):
            self.finish_failed(transaction)
            return
        hop.count = 0
        take_addresses(targets, &hop)
        if hop.count == 0 or not self.prepare_again(transaction) or not self.set_target(transaction, step):
            self.counters.at[COUNT_RESOLUTION_FAILED] += 1
            self.fail_branch(transaction)
            return
        self.again.breadth = <unsigned char>breadth
        if self.send_to_hop(transaction, self.again, step, &hop) == NULL:
            self.fail_branch(transaction)

    # --- stateless -----------------------------------------------------------------------------------------------

    cdef bint relay_stateless(self, SipMessage request, uint32_t loop_hash) noexcept:
        """An ACK to a 2xx: sent on without any state (RFC 3261 §16.11)."""
        cdef NextHop hop
        cdef HopOutcome outcome = self.find_next_hop(request, &hop)
        cdef int socket
        cdef char *space
        cdef uint32_t capacity, length
        if outcome == HOP_PENDING:
            task = asyncio.ensure_future(self.send_later(
                request.index.data[:request.index.length], <bytes>(<char *>&request.source)[:sizeof(udp_address)],
                request.socket, bytes_of(hop.host).decode("ascii", "replace"), hop.port))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return True
        if outcome == HOP_FAILED:
            return False
        socket = self.transport.socket_towards(
            &hop.addresses[0], request.route_socket if request.route_socket >= 0 else request.socket)
        if socket < 0 or not address_is_usable(&hop.addresses[0]):
            return False
        capacity = datagram_space(request.index.length + request.scratch_used + VIA_SPACE + RECORD_ROUTE_SPACE)
        space = self.transport.reserve(capacity)
        if space == NULL:
            return False
        length = self.write_request(request, socket, NULL, loop_hash, space, capacity)
        if length == 0:
            return False
        self.transport.commit(length, socket, &hop.addresses[0], 0)
        self.counters.at[COUNT_RELAYED_ACKS] += 1
        if request.dialog:
            self.dialogs.request(request)
        return True

    async def send_later(self, data, source, socket, host, port):
        """Wait for the name's addresses, then take the request in again; now they are in the cache."""
        try:
            await self.resolver.resolve(host, port)
        except Exception:
            self.counters.at[COUNT_RESOLUTION_FAILED] += 1
            return
        self.reinject(data, source, socket)

    # --- writing -------------------------------------------------------------------------------------------------

    cdef uint32_t write_request(self, SipMessage request, int socket, Branch *branch, uint32_t loop_hash,
                                char *space, uint32_t capacity) noexcept:
        """The request as it leaves: our lines stand on top, first to last Max-Forwards if it was missing, Record-Route,
        Via (engine W2). 0 when it does not fit."""
        cdef text_writer out
        cdef sip_text sent_by = text_of(self.transport.sockets[socket].sent_by,
                                        self.transport.sockets[socket].sent_by_length)
        text_writer_start(&out, space, capacity)
        edit_list_write(&request.edits, request.index.data, 0, request.index.headers_start, &out)
        if request.max_forwards == 256:
            text_put_string(&out, b"Max-Forwards: ")
            text_put_uint(&out, self.settings.max_forwards)
            text_put(&out, b"\r\n", 2)
        if request.breadth and request.index.first[SIP_HEADER_MAX_BREADTH] == 0:
            text_put_string(&out, b"Max-Breadth: ")
            text_put_uint(&out, request.breadth)
            text_put(&out, b"\r\n", 2)
        if request.record_route:
            if request.dialog:
                self.dialogs.put_parameter(request)
            self.put_record_route(request, socket, &out)
        text_put_string(&out, b"Via: SIP/2.0/UDP ")
        text_put_text(&out, sent_by)
        text_put_string(&out, b";branch=")
        if branch != NULL:
            self.client.write_branch(branch, &out)
        else:
            self.put_stateless_branch(request, loop_hash, &out)
        text_put(&out, b"\r\n", 2)
        edit_list_write(&request.edits, request.index.data, request.index.headers_start, request.index.headers_end, &out)
        text_put_text(&out, request.credentials)
        edit_list_write(&request.edits, request.index.data, request.index.headers_end, request.index.length, &out)
        return 0 if out.overflow else text_writer_length(&out)

    cdef void put_stateless_branch(self, SipMessage request, uint32_t loop_hash, text_writer *out) noexcept:
        """A pure function of the request, so that copies get the same one (engine V4); slot 0 is no transaction."""
        cdef siphash_state state
        siphash_start(&state, &self.table.hash_key)
        if request.via.branch.length > 7 and is_cookie(request.via.branch.at):
            siphash_add(&state, request.via.branch.at, request.via.branch.length)
        else:
            siphash_add(&state, request.to.tag.at, request.to.tag.length)
            siphash_add(&state, request.from_.tag.at, request.from_.tag.length)
            siphash_add(&state, request.call_id.at, request.call_id.length)
            siphash_add(&state, &request.cseq.number, sizeof(request.cseq.number))
            siphash_add(&state, request.index.request_uri.at, request.index.request_uri.length)
            siphash_add(&state, request.via.value.at, request.via.value.length)
        text_put_string(out, b"z9hG4bK0.")
        text_put_hex(out, siphash_end(&state), 16)
        text_put_hex(out, loop_hash, 8)
        text_put_string(out, b".0")

    cdef void put_record_route(self, SipMessage request, int socket, text_writer *out) noexcept:
        """One value, or two when the request leaves by another socket than it came (engine RR1, RR2)."""
        if socket == request.socket or not self.settings.enable_double_rr:
            self.put_record_route_value(request, socket, False, out)
            return
        self.put_record_route_value(request, socket, True, out)
        self.put_record_route_value(request, request.socket, True, out)

    cdef void put_record_route_value(self, SipMessage request, int socket, bint double, text_writer *out) noexcept:
        text_put_string(out, b"Record-Route: <sip:")
        text_put(out, self.transport.sockets[socket].sent_by, self.transport.sockets[socket].sent_by_length)
        if double:
            text_put_string(out, b";r2=on")
        text_put_string(out, b";lr=on" if self.settings.enable_full_lr else b";lr")
        if (request.from_.tag.length
                and (self.settings.append_fromtag or request.cseq_shift or request.auth_parameter.at != NULL)):
            # What concerns one direction only needs the direction told.
            text_put_string(out, b";ftag=")
            text_put_text(out, tag_parameter(request))
        text_put_text(out, request.dialog_parameter)
        text_put_text(out, request.record_route_parameters)
        text_put_text(out, request.added_route_parameters)
        text_put_text(out, request.auth_parameter)
        if request.cseq_shift:
            put_difference(request.cseq_shift, out)
        text_put(out, b">\r\n", 3)


cdef void take_addresses(object targets, NextHop *hop) noexcept:
    """Up to eight addresses of a resolver's answer."""
    cdef bytes host
    for target in targets:
        if hop.count == ALTERNATIVES:
            break
        host = target.address.encode()
        if address_from_text(text_of(<const char *>host, <uint32_t>len(host)), target.port, &hop.addresses[hop.count]):
            hop.count += 1


cdef void add_header_fields(siphash_state *state, SipMessage request, int id) noexcept:
    cdef const sip_header *header = sip_first_header(&request.index, id)
    while header != NULL:
        siphash_add(state, header.value.at, header.value.length)
        header = sip_next_header(&request.index, header)


cdef uint32_t max_forwards_of(SipMessage request) noexcept:
    """The value, known to be 1-255; 256 when there is none."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_MAX_FORWARDS)
    cdef uint32_t value = 0
    cdef uint32_t i
    if header == NULL:
        return 256
    for i in range(header.value.length):
        value = value * 10 + <uint32_t>(header.value.at[i] - c'0')
    return value


cdef void share_breadth(SipMessage request, int breadth, int count, int number) noexcept:
    """Note the Max-Breadth of the number-th of `count` branches at once (RFC 5393 §5). One branch alone has all of it, which
    needs not be written unless it is less than the request says."""
    if count == 1 and breadth == breadth_of(request) and (
            breadth < MAX_BREADTH or request.index.first[SIP_HEADER_MAX_BREADTH] == 0):
        request.breadth = 0
    else:
        request.breadth = <unsigned char>(breadth // count + (number < breadth % count))
