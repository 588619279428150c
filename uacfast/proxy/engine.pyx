"""One worker's SIP engine: octets and the clock in, octets out.

The event loop calls on_readable() and tick(); in memory (capture=True) receive() and advance() take their place, and
take_sent() shows what would have gone out. Nothing here waits.
"""
import os
import select

from libc.string cimport memchr, memcmp, memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, nanosleep, timespec

from uacfast.leaves.sip_header cimport sip_address_parse, sip_via, sip_via_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CALL_ID, SIP_HEADER_FROM, SIP_HEADER_MAX_BREADTH, SIP_HEADER_REASON, SIP_HEADER_RECORD_ROUTE,
    SIP_HEADER_TO, SIP_HEADER_VIA, SIP_METHOD_ACK, SIP_METHOD_BYE,
    SIP_METHOD_CANCEL, SIP_METHOD_INVITE, SIP_METHOD_OPTIONS, SIP_METHOD_OTHER,
    SIP_SCAN_KEEPALIVE, SIP_SCAN_OK, sip_first_header, sip_header, sip_method_id_of, sip_scan_result,
)
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.leaves.siphash cimport siphash
from uacfast.leaves.text_writer cimport text_put_string, text_put_uint, text_writer, text_writer_length, text_writer_start
from uacfast.leaves.timer_wheel cimport timer_entry, timer_wheel_advance, timer_wheel_pop
from uacfast.leaves.udp_batch cimport UDP_BATCH
from uacfast.proxy.counters cimport *
from uacfast.proxy.cseq cimport stored_difference
from uacfast.proxy.dialog cimport Dialogs
from uacfast.proxy.dialog_states cimport TIMER_DIALOG
from uacfast.proxy.dialog_table cimport Dialog
from uacfast.proxy.hooks cimport (
    ChallengeAnswerer, Decision, RequestPolicy, RouteListener, ScriptHost, VERDICT_LATER, VERDICT_NONE, VERDICT_RELAY,
    VERDICT_REPLY,
)
from uacfast.proxy.local cimport LocalRequests
from uacfast.proxy.flood_guard cimport FLOOD_OK
from uacfast.proxy.route_set cimport ROUTE_BROKEN, ROUTE_TAKEN, RouteSet, read_route_set
from uacfast.proxy.forward cimport share_breadth
from uacfast.proxy.sanity cimport Refusal, breadth_of, check_form, check_forwarding, check_octets, has_looped
from uacfast.proxy.settings cimport STRAY_DROP, STRAY_FORWARD
from uacfast.proxy.stateless cimport reply_address
from uacfast.sip.build cimport is_last_via, remove_top_via, write_message
from uacfast.sip.message cimport literal, no_text, text_of
from uacfast.tm.table cimport (
    Branch, CANCELLED, CancelAttempt, FINAL_SENT, LOCAL, TIMER_BRANCH, TIMER_CANCEL, TIMER_SERVER,
)
from uacfast.leaves.address cimport address_from_text, address_is_usable, address_set_port
from uacfast.transport.udp cimport datagram_space, parse_address

cdef enum:
    DRAIN_SHARE = 20000          # microseconds that one call of on_readable() may take before others get their turn
    ACK_GRACE = 2000             # ms that a drain waits for the ACK of a call after its 2xx (two copies of it, with T1)
    RETRY_AFTER_FIRST = 5        # seconds; engine O2: random within 5-30
    RETRY_AFTER_SPAN = 26


cdef class Engine(SendFailureListener):

    def __init__(self, ProxySettings settings, TransactionSettings timers, *, bytes hash_key, int worker=0,
                 int workers=1, Handover handover=None, resolver=None, bint capture=False, batch_pause=0, now=None):
        """`hash_key`: 16 secret octets, the same for all workers; `batch_pause`: microseconds; `now`: ms of a virtual
        clock that advance() moves, else the monotonic clock is used."""
        cdef const char *key = hash_key
        self.virtual_now = now
        self.settings = settings
        self.timers = timers
        self.counters = Counters()
        self.worker = worker
        self.workers = workers
        self.handover = handover
        self.batch_pause = batch_pause
        self.transport = UdpTransport(capture=capture)
        self.transport.listener = self
        self.table = TransactionTable(os.urandom(16) if now is None else hash_key, now or monotonic_ms())
        self.table.worker = worker
        self.server = ServerTransactions(self.table, self.transport, timers)
        self.client = ClientTransactions(self.table, self.transport, timers, self.server)
        self.responses = ResponseContext(self.table, self.transport, timers, self.server, self.client)
        self.forwarder = Forwarder(self.table, self.transport, timers, settings, self.counters, self.server,
                                   self.client, self.responses)
        self.forwarder.resolver = resolver
        self.forwarder.reinject = self.receive_raw
        self.forwarder.wake = self.flush_now
        self.local = LocalRequests(self.forwarder)
        self.dialogs = self.forwarder.dialogs = Dialogs(self.local, self.table, self.transport, timers, hash_key=hash_key,
                                                        worker=worker, workers=workers, now=now)
        self.stateless = StatelessReplies(self.transport, timers, self.counters)
        memcpy(&self.stateless.key, key, 16)
        self.message = SipMessage()
        self.poller = select.epoll()

    def set_policy(self, RequestPolicy policy):
        """Who decides about initial requests."""
        self.forwarder.policy = policy

    def set_script(self, ScriptHost script):
        """Who is handed every message from now on; None: the policy decides about initial requests."""
        self.script = script
        self.forwarder.script = script
        if script is not None:
            self.forwarder.policy = script

    def set_route_listener(self, RouteListener listener):
        """Who hears of in-dialog requests that carry our Record-Route value."""
        self.forwarder.listener = listener

    def set_challenge_answerer(self, ChallengeAnswerer answerer):
        """Who answers 401 and 407 in place of the caller."""
        self.forwarder.answerer = answerer

    def set_batch_pause(self, uint64_t microseconds):
        """The longest pause between two drains under load, 0: never pause."""
        self.batch_pause = microseconds

    # --- driven by the event loop --------------------------------------------------------------------------------

    def watch(self, int fd):
        """Have this socket's events show at fileno()."""
        self.poller.register(fd, select.EPOLLIN | select.EPOLLERR)

    def fileno(self):
        """The one descriptor that the event loop watches: an epoll set of all our sockets.

        libuv stops watching a socket whose error queue fills (an ICMP error); an epoll set only ever becomes readable.
        """
        return self.poller.fileno()

    def on_readable(self):
        """Take in what the sockets hold, batch by batch, and send what follows from it."""
        cdef uint64_t began = monotonic_us()
        cdef int received
        while True:
            received = self.drain_sockets()
            if self.handover is not None:
                received += self.drain_handover()
            if received == 0:
                break
            self.flush()
            if monotonic_us() - began > DRAIN_SHARE:
                break
            if self.batch_pause == 0:
                if received < UDP_BATCH:
                    break
                continue
            self.pause(received)
            self.run_timers()

    cdef int drain_sockets(self) noexcept:
        """One batch of each socket; returns the datagrams taken."""
        cdef int socket, count, i
        cdef int total = 0
        cdef uint32_t length
        cdef const udp_address *source
        cdef bint truncated
        cdef char *data
        self.take_time()
        for socket in range(self.transport.socket_count):
            count = self.transport.receive(socket)
            if count <= 0:
                self.transport.read_errors(socket)
                continue
            total += count
            for i in range(count):
                data = self.transport.received(i, &length, &source, &truncated)
                if truncated:
                    self.counters.at[DROP_TRUNCATED] += 1
                    continue
                self.process(data, length, source, socket)
        return total

    cdef void pause(self, int received) noexcept:
        """Under load wait a little, so that one wake-up serves several datagrams; none at low load or with a full queue."""
        cdef uint64_t now = monotonic_us()
        cdef double elapsed = <double>(now - self.last_drain)
        cdef timespec duration
        if elapsed > 0:
            self.arrival_rate += 0.25 * (received / elapsed - self.arrival_rate)
        self.last_drain = now
        if received >= UDP_BATCH or self.arrival_rate * <double>self.batch_pause < 1.0:
            return
        duration.tv_sec = 0
        duration.tv_nsec = <long>(self.batch_pause * 1000)
        self.pauses += 1
        with nogil:
            nanosleep(&duration, NULL)

    cdef int drain_handover(self) noexcept:
        """What other workers received for us; returns the datagrams taken."""
        cdef uint32_t length
        cdef const udp_address *source
        cdef int socket
        cdef int total = 0
        cdef const char *data
        while True:
            data = self.handover.pop(&length, &source, &socket)
            if data == NULL:
                return total
            total += 1
            if 0 <= socket < self.transport.socket_count:
                self.process_own(data, length, source, socket)

    def on_handover(self):
        """Take in what other workers received for us, when they woke us up for it."""
        self.handover.acknowledge()
        self.take_time()
        self.drain_handover()
        self.flush()

    def tick(self):
        """Run the timers that are due; to be called every 10 ms."""
        self.run_timers()

    def flush_now(self):
        """Send what was written outside a batch."""
        self.flush()

    cdef void run_timers(self) noexcept:
        cdef timer_entry *timer
        self.take_time()
        timer_wheel_advance(&self.table.wheel, self.table.now)
        while True:
            timer = timer_wheel_pop(&self.table.wheel)
            if timer == NULL:
                break
            if timer.kind == TIMER_BRANCH:
                self.client.timer_fired(<Branch *>timer)
            elif timer.kind == TIMER_SERVER:
                self.server.timer_fired(<Transaction *>timer)
            elif timer.kind == TIMER_DIALOG:
                self.dialogs.timer_fired(<Dialog *>timer)
            else:
                self.client.cancel_timer_fired(<CancelAttempt *>timer)
        if self.local.deferred_count:
            self.local.run_deferred()
        self.flush()

    cdef void flush(self) noexcept:
        """Send; what the kernel refuses goes back to its transaction, which may send again."""
        cdef int rounds, i, count
        cdef Branch *branch
        cdef Transaction *transaction
        cdef uint64_t token
        self.transport.flush()
        for rounds in range(4):
            count = self.failed_count
            if count == 0:
                break
            self.failed_count = 0
            for i in range(count):
                token = self.failed_tokens[i]
                if token >> 8 == 0 or token >> 8 >= self.table.slot_high:
                    continue
                transaction = self.table.slots[token >> 8]
                branch = transaction.branches if transaction != NULL else NULL
                while branch != NULL and branch.number != token & 255:
                    branch = branch.next
                if branch != NULL:
                    self.counters.at[COUNT_TRANSPORT_ERRORS] += 1
                    self.client.transport_failed(branch)
            self.transport.flush()
        if self.handover is not None:
            self.handover.flush()

    cdef void send_failed(self, uint64_t token, int error) noexcept:
        # Noted only: the send ring is being emptied while this is called.
        if token and self.failed_count < FAILURES_MAX:
            self.failed_tokens[self.failed_count] = token
            self.failed_count += 1

    cdef void destination_failed(self, const udp_address *destination, const char *sent, uint32_t length,
                                 int error) noexcept:
        """An ICMP error quotes a datagram of ours: its topmost Via names the branch."""
        cdef Branch *branch
        cdef uint32_t i
        cdef sip_text value
        for i in range(length):
            if length - i > 15 and sent[i] == c'b' and sent[i:i + 14] == b"branch=z9hG4bK":
                value = text_of(sent + i + 7, 7)
                while i + 7 + value.length < length and sent[i + 7 + value.length] not in (c'\r', c'\n', c';', c',', c' '):
                    value.length += 1
                branch = self.table.find_branch(value)
                if branch != NULL:
                    self.counters.at[COUNT_TRANSPORT_ERRORS] += 1
                    self.client.transport_failed(branch)
                return

    cdef void take_time(self) noexcept:
        if self.virtual_now is None:
            self.table.now = monotonic_ms()

    # --- driven by tests and benchmarks --------------------------------------------------------------------------

    def receive(self, bytes data not None, source=("127.0.0.1", 5060), int socket=0):
        """Process one datagram from `source` (host, port) as if it had come to that socket."""
        cdef udp_address address
        if not parse_address(source[0], source[1], &address):
            raise ValueError(f"{source[0]!r} is not a numeric address.")
        if not 0 <= socket < self.transport.socket_count:
            raise ValueError(f"There is no socket {socket}.")
        self.take_time()
        self.process(data, <uint32_t>len(data), &address, socket)
        self.flush()

    def receive_raw(self, bytes data, bytes source, int socket):
        """Process a datagram again whose next hop had to be resolved first; `source` as the socket layer gave it."""
        cdef udp_address address
        cdef const char *octets = source
        memcpy(&address, octets, sizeof(udp_address))
        self.take_time()
        self.process(data, <uint32_t>len(data), &address, socket)
        self.flush()

    def advance(self, uint64_t milliseconds):
        """Move the virtual clock and run what is due, in steps of the timer resolution."""
        cdef uint64_t step
        while milliseconds > 0:
            step = min(milliseconds, <uint64_t>10)
            self.table.now += step
            milliseconds -= step
            self.run_timers()

    def take_sent(self):
        """In capture mode: [(octets, (host, port), socket index)] since the last call."""
        return self.transport.take_sent()

    # --- for requests of our own ----------------------------------------------------------------------------------

    def is_own_call_id(self, bytes call_id not None):
        """Whether messages with this Call-ID belong to this worker."""
        return self.workers == 1 or self.owner_of(text_of(<const char *>call_id, <uint32_t>len(call_id))) == self.worker

    def socket_named(self, bytes name not None):
        """The index of the socket `udp:host:port`, -1 when none is bound to or advertised as that."""
        cdef sip_uri uri
        cdef bytes text = b"sip:" + name[4:]
        if name[:4].lower() != b"udp:" or sip_uri_parse(text_of(<const char *>text, <uint32_t>len(text)), &uri) != 0:
            return -1
        return self.transport.own_socket(uri.host, uri.port)

    # --- for the control part ------------------------------------------------------------------------------------

    @property
    def now(self):
        """ms of the monotonic clock, or of the virtual one, as of the last turn."""
        return self.table.now

    @property
    def active(self):
        """Transactions that have no final response yet; 1 instead of 0 while the ACK of a call that was just answered may
        still have to be carried."""
        if self.table.active == 0 and self.server.last_success and self.table.now - self.server.last_success < ACK_GRACE:
            return 1
        return self.table.active

    def drain(self):
        """Refuse new INVITEs from now on; everything else goes on."""
        self.draining = True

    def statistics(self):
        """{name: count} of what happened and what is there."""
        return self.counters.as_dict() | {
            "received_datagrams": self.transport.received_datagrams,
            "sent_datagrams": self.transport.sent_datagrams,
            "send_errors": self.transport.send_errors,
            "transactions": self.table.total,
            "created_transactions": self.table.created,
            "sent_responses": self.server.responses,
            "generated_responses": self.server.generated,
            "active_transactions": self.table.active,
            "transaction_octets": self.table.octets_in_use,
            "transaction_octets_held": self.table.octets_held,
            "relayed_responses": self.responses.relayed_responses,
            "request_retransmissions": self.client.retransmissions,
            "branch_timeouts": self.client.timeouts,
            "missing_acks": self.server.missing_acks,
            "batch_pauses": self.pauses,
            **{f"final_class:{status_class}": self.server.final_class(status_class) for status_class in range(2, 7)},
        } | self.dialogs.statistics()

    def close(self):
        """Stop what was begun and is still waiting."""
        for task in list(self.forwarder.tasks):
            task.cancel()
        self.poller.close()

    # --- one message ---------------------------------------------------------------------------------------------

    cdef void process(self, const char *data, uint32_t length, const udp_address *source, int socket) noexcept:
        """Scan, and hand over what belongs to another worker."""
        cdef SipMessage message = self.message
        cdef sip_scan_result result = message.scan(data, length, &self.settings.limits, self.settings.accept_bare_lf)
        cdef const sip_header *header
        cdef int owner
        if result != SIP_SCAN_OK:
            self.counters.at[DROP_KEEPALIVE if result == SIP_SCAN_KEEPALIVE else DROP_NOT_SIP] += 1
            if result != SIP_SCAN_KEEPALIVE:
                self.broken_start_line(data, length, source, socket)
            return
        if self.workers > 1:
            header = sip_first_header(&message.index, SIP_HEADER_CALL_ID)
            if header != NULL:
                owner = self.owner_of(header.value)
                if owner != self.worker:
                    self.counters.at[COUNT_HANDED_OVER] += 1
                    self.handover.push(owner, data, length, source, socket)
                    return
        self.dispatch(message, source, socket)

    cdef int owner_of(self, sip_text call_id) noexcept:
        """The worker that messages with this Call-ID belong to."""
        return <int>(siphash(&self.stateless.key, call_id.at, call_id.length) % <uint64_t>self.workers)

    cdef void broken_start_line(self, const char *data, uint32_t length, const udp_address *source, int socket) noexcept:
        """Something like a request whose first line cannot be read: 400 when the rest can be answered (engine S2)."""
        cdef SipMessage message = self.message
        cdef const char *line_end = <const char *>memchr(data, c'\n', length)
        cdef udp_address reply_to
        cdef bytes repaired
        if line_end == NULL or length < 16 or memcmp(data, b"SIP/", 4) == 0 or memcmp(data, b"ACK", 3) == 0:
            return
        repaired = b"X sip:x@x SIP/2.0\r" + data[line_end - data:length]
        if (message.scan(repaired, <uint32_t>len(repaired), &self.settings.limits, self.settings.accept_bare_lf)
                != SIP_SCAN_OK or not message.parse_top_via() or not message.parse_addresses()
                or sip_method_id_of(message.cseq.method) == SIP_METHOD_ACK):
            return
        message.source = source[0]
        message.socket = socket
        if reply_address(message, &reply_to):
            self.stateless.refuse(message, 400, b"Bad request line", &reply_to)

    cdef void process_own(self, const char *data, uint32_t length, const udp_address *source, int socket) noexcept:
        """A datagram that another worker found to be ours."""
        if self.message.scan(data, length, &self.settings.limits, self.settings.accept_bare_lf) == SIP_SCAN_OK:
            self.dispatch(self.message, source, socket)

    cdef void dispatch(self, SipMessage message, const udp_address *source, int socket) noexcept:
        message.source = source[0]
        message.socket = socket
        if not message.parse_top_via():
            self.counters.at[DROP_NO_VIA] += 1
        elif message.index.is_request:
            self.counters.at[COUNT_REQUESTS] += 1
            self.counters.methods[message.index.method] += 1
            if self.script is not None:
                self.scripted_request(message)
            else:
                self.request(message)
        else:
            self.counters.at[COUNT_RESPONSES] += 1
            self.counters.statuses[message.index.status] += 1
            self.response(message)

    cdef bint is_flooding(self, SipMessage message) noexcept:
        """Whether its source sends too much (engine S12); one of the group that is trusted never does."""
        if self.unguarded is not None and self.unguarded.contains(&message.source):
            return False
        return self.flood_guard.check(&message.source, self.table.now) != FLOOD_OK

    def guard(self, FloodGuard guard, SourceGroup unguarded=None):
        """Drop what comes from sources that this guard blocks, except those of a group; None: nobody is counted."""
        self.flood_guard = guard
        self.unguarded = unguarded

    cdef void request(self, SipMessage message) noexcept:
        """Checks of form, then the server transaction that it belongs to, else a new one."""
        cdef Refusal refusal
        cdef udp_address reply_to
        cdef uint64_t key_hash
        cdef Transaction *transaction
        cdef bint is_ack = message.index.method == SIP_METHOD_ACK
        if self.flood_guard is not None and self.is_flooding(message):
            self.counters.at[DROP_FLOODED] += 1
            return
        if not reply_address(message, &reply_to):
            self.counters.at[DROP_UNUSABLE_SOURCE] += 1
            return
        message.call_id = no_text()
        check_form(message, self.settings, &refusal)
        if refusal.status:
            if is_ack:
                self.counters.at[DROP_BAD_ACK] += 1
            else:
                self.stateless.refuse(message, refusal.status, refusal.reason, &reply_to)
            return
        message.reset_plan()
        if is_ack:
            self.ack(message)
            return
        if message.index.method == SIP_METHOD_CANCEL:
            self.cancel(message, &reply_to)
            return
        key_hash = self.table.key_hash_of(message, False)
        transaction = self.table.find(key_hash)
        if transaction != NULL:
            self.counters.at[COUNT_RETRANSMITTED_REQUESTS] += 1
            self.server.request_again(transaction)
            return
        self.new_request(message, key_hash, &reply_to)

    cdef void scripted_request(self, SipMessage message) noexcept:
        """What can be read goes to the script, which checks, matches and routes by itself (kemi-python.md §1.2)."""
        cdef udp_address reply_to
        cdef Refusal refusal
        if not reply_address(message, &reply_to):
            self.counters.at[DROP_UNUSABLE_SOURCE] += 1
            return
        message.call_id = no_text()
        if not message.parse_addresses() or message.from_.next != NULL or message.to.next != NULL:
            self.counters.at[DROP_BAD_REQUEST] += 1
            return
        check_octets(message, self.settings, &refusal)
        if refusal.status:
            if message.index.method != SIP_METHOD_ACK:
                self.stateless.refuse(message, refusal.status, refusal.reason, &reply_to)
            return
        message.reset_plan()
        if (message.to.tag.at == NULL and message.index.method not in (SIP_METHOD_ACK, SIP_METHOD_CANCEL)
                and (self.draining and message.index.method == SIP_METHOD_INVITE
                     or self.table.total >= self.settings.max_transactions)
                and self.table.find(self.table.key_hash_of(message, False)) == NULL):
            self.refuse_for_now(message, &reply_to)
            return
        self.script.request(message, &reply_to)

    cdef void new_request(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to) noexcept:
        cdef Refusal refusal
        cdef uint32_t loop_hash
        cdef bint begins_dialog = message.to.tag.at == NULL
        if begins_dialog and (self.draining and message.index.method == SIP_METHOD_INVITE
                              or self.table.total >= self.settings.max_transactions):
            self.refuse_for_now(message, reply_to)
            return
        check_forwarding(message, self.settings, &refusal)
        if begins_dialog and message.index.method == SIP_METHOD_OPTIONS and self.is_for_us(message):
            if refusal.status in (0, 483):
                self.stateless.refuse(message, 200, NULL, reply_to)
                return
        if refusal.status:
            self.stateless.send(message, refusal.status, literal(refusal.reason) if refusal.reason != NULL else no_text(),
                                no_text(), refusal.extra_lines, reply_to)
            return
        if message.index.first[SIP_HEADER_MAX_BREADTH] and not self.has_breadth(message, reply_to):
            return
        loop_hash = self.forwarder.loop_hash(message)
        if has_looped(message, self.transport, loop_hash):
            self.counters.at[COUNT_LOOPS] += 1
            self.stateless.refuse(message, 482, NULL, reply_to)
            return
        if not self.forwarder.preprocess(message):
            self.counters.at[DROP_NO_MEMORY] += 1
            return
        if begins_dialog:
            self.initial(message, key_hash, reply_to, loop_hash)
        else:
            self.in_dialog(message, key_hash, reply_to, loop_hash)

    cdef bint has_breadth(self, SipMessage message, const udp_address *reply_to) noexcept:
        """Whether its Max-Breadth lets it go on to one next hop at least; else it is answered."""
        cdef int breadth = breadth_of(message)
        if breadth < 0:
            self.stateless.refuse(message, 400, b"Bad Max-Breadth", reply_to)
        elif breadth == 0:
            self.stateless.refuse(message, 440, NULL, reply_to)
        else:
            share_breadth(message, breadth, 1, 0)
        return breadth > 0

    cdef bint is_for_us(self, SipMessage message) noexcept:
        """A Request-URI that names one of our addresses and no user."""
        cdef sip_uri uri
        return (self.names_us(message) and sip_uri_parse(message.index.request_uri, &uri) == 0
                and uri.user.at == NULL)

    cdef bint names_us(self, SipMessage message) noexcept:
        """A Request-URI with one of our addresses."""
        cdef sip_uri uri
        return (sip_uri_parse(message.index.request_uri, &uri) == 0
                and uri.scheme in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS) and self.transport.is_own(uri.host, uri.port))

    cdef void refuse_for_now(self, SipMessage message, const udp_address *reply_to) noexcept:
        """503 with a Retry-After that spreads the callers (engine O2)."""
        cdef char line[48]
        cdef text_writer out
        self.counters.at[COUNT_OVERLOAD_REPLIES] += 1
        text_writer_start(&out, line, sizeof(line))
        text_put_string(&out, b"Retry-After: ")
        text_put_uint(&out, RETRY_AFTER_FIRST + self.table.random() % RETRY_AFTER_SPAN)
        text_put_string(&out, b"\r\n")
        self.stateless.send(message, 503, no_text(), no_text(), text_of(line, text_writer_length(&out)), reply_to)

    cdef void in_dialog(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to,
                        uint32_t loop_hash) noexcept:
        """A request within a dialog travels by its route set. One without a Route of ours is for nobody here when its
        Request-URI is ours (engine RR8); else policy decides."""
        cdef int outcome = self.forwarder.take_routes(message)
        if outcome == ROUTE_BROKEN:
            self.stateless.refuse(message, 400, b"Bad Route", reply_to)
        elif outcome != ROUTE_TAKEN:
            if self.names_us(message):
                self.stateless.refuse(message, 404, b"Not here", reply_to)
            else:
                self.decide(message, key_hash, reply_to, loop_hash)
        elif not self.is_routable(message):
            self.stateless.refuse(message, 416, NULL, reply_to)
        else:
            self.forwarder.relay(message, key_hash, reply_to, loop_hash, None, False)

    cdef bint is_routable(self, SipMessage message) noexcept:
        """Whether the Request-URI has a scheme that can be resolved, or the next hop is given otherwise (engine S8)."""
        cdef sip_uri uri
        return (message.next_hop.at != NULL or sip_uri_parse(message.request_uri, &uri) == 0
                and uri.scheme in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS))

    cdef void initial(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to,
                      uint32_t loop_hash) noexcept:
        if self.forwarder.take_routes(message) == ROUTE_BROKEN:
            self.stateless.refuse(message, 400, b"Bad Route", reply_to)
        else:
            self.decide(message, key_hash, reply_to, loop_hash)

    cdef void decide(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to,
                     uint32_t loop_hash) noexcept:
        """Let policy tell what becomes of the request, and do it."""
        cdef Decision decision
        cdef object context
        decision.verdict = VERDICT_NONE
        decision.status = 0
        decision.reason = no_text()
        decision.extra_lines = no_text()
        decision.parallel = False
        context = self.forwarder.policy.decide(message, &decision)
        if decision.verdict == VERDICT_NONE:
            self.counters.at[COUNT_NO_ROUTE] += 1
            self.answer(message, key_hash, reply_to, 404, no_text(), no_text())
        elif decision.verdict == VERDICT_REPLY:
            self.answer(message, key_hash, reply_to, decision.status, decision.reason, decision.extra_lines)
        elif decision.verdict == VERDICT_LATER:
            return
        elif (not self.forwarder.policy.prepare(context, message)
              or not self.forwarder.policy.target(context, 0, message)):
            self.answer(message, key_hash, reply_to, 500, no_text(), no_text())
        elif not self.is_routable(message):
            self.answer(message, key_hash, reply_to, 416, no_text(), no_text())
        elif decision.parallel and breadth_of(message) < self.forwarder.policy.target_count(context):
            self.answer(message, key_hash, reply_to, 440, no_text(), no_text())
        else:
            self.forwarder.relay(message, key_hash, reply_to, loop_hash, context, decision.parallel)

    cdef void answer(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to, int status,
                     sip_text reason, sip_text extra_lines) noexcept:
        """A final of ours to an initial request: an INVITE gets a transaction, which repeats it until the ACK."""
        cdef Transaction *transaction
        if message.index.method != SIP_METHOD_INVITE:
            self.stateless.send(message, status, reason, no_text(), extra_lines, reply_to)
            return
        transaction = self.table.create(message, key_hash, reply_to)
        if transaction == NULL:
            self.counters.at[DROP_NO_MEMORY] += 1
            return
        if not self.server.reply(transaction, message, status, reason, extra_lines):
            self.server.end_silently(transaction)
        self.table.release(&transaction.request)

    cdef void ack(self, SipMessage message) noexcept:
        """An ACK to a refusal ends here; one to a 2xx travels on without state (engine.md §11)."""
        cdef Transaction *transaction = self.table.find(self.table.key_hash_of(message, True))
        cdef Refusal refusal
        cdef uint32_t loop_hash
        if transaction != NULL and not self.server.ack(transaction):
            return
        if message.to.tag.at == NULL:
            self.counters.at[DROP_STRAY_ACK] += 1
            return
        check_forwarding(message, self.settings, &refusal)
        loop_hash = self.forwarder.loop_hash(message)
        if (refusal.status not in (0, 420) or has_looped(message, self.transport, loop_hash)
                or not self.forwarder.preprocess(message)
                or self.forwarder.take_routes(message) != ROUTE_TAKEN
                or not self.forwarder.relay_stateless(message, loop_hash)):
            self.counters.at[DROP_STRAY_ACK] += 1

    cdef void cancel(self, SipMessage message, const udp_address *reply_to) noexcept:
        """Answered here at once; the branches of the INVITE are cancelled (engine.md §10)."""
        cdef Transaction *transaction = self.table.find(self.table.key_hash_of(message, True))
        cdef char tag[48]
        cdef const sip_header *header
        cdef sip_text reason = no_text()
        if transaction == NULL or transaction.method != SIP_METHOD_INVITE:
            self.stateless.refuse(message, 481, NULL, reply_to)
            return
        self.stateless.send(message, 200, literal(b"canceling"), text_of(tag, self.server.to_tag(transaction, tag)),
                            no_text(), reply_to)
        if transaction.flags & (FINAL_SENT | CANCELLED):
            return
        transaction.flags |= CANCELLED
        header = sip_first_header(&message.index, SIP_HEADER_REASON)
        if header != NULL:
            reason = header.line
        self.responses.cancel_all(transaction, reason)

    cdef void response(self, SipMessage message) noexcept:
        """To the client transaction that its topmost Via names."""
        cdef Branch *branch
        if (message.index.flaws or not message.parse_cseq() or message.index.first[SIP_HEADER_FROM] == 0
                or message.index.first[SIP_HEADER_TO] == 0 or message.index.first[SIP_HEADER_CALL_ID] == 0):
            self.counters.at[DROP_BAD_RESPONSE] += 1
            return
        if not self.transport.is_own(message.via.host, message.via.port):
            self.counters.at[DROP_FOREIGN_RESPONSE] += 1
            return
        branch = self.table.find_branch(message.via.branch)
        if self.script is None or self.script.reply(message, branch):
            self.take_response(message, branch)

    cdef void take_response(self, SipMessage message, Branch *branch) noexcept:
        """A response that is ours, with its branch; NULL: it has none."""
        cdef int method
        if branch == NULL:
            self.stray_response(message)
            return
        method = sip_method_id_of(message.cseq.method)
        self.counters.class_methods[message.index.status // 100 * METHODS + method] += 1
        if self.answers_method(message, branch, method) and self.is_forwardable(message, branch.transaction):
            self.client.response(branch, message)
        elif method == SIP_METHOD_CANCEL and branch.transaction.method == SIP_METHOD_INVITE:
            if message.index.status >= 200:
                self.client.cancel_answered(branch)
        else:
            self.counters.at[DROP_BAD_RESPONSE] += 1

    cdef bint answers_method(self, SipMessage message, const Branch *branch, int method) noexcept:
        """Whether the CSeq method is the request's; one that has no id is compared with what was sent."""
        cdef sip_text text = message.cseq.method
        if method != branch.transaction.method:
            return False
        return (method != SIP_METHOD_OTHER or branch.sent.length <= text.length
                or memcmp(branch.sent.at, text.at, text.length) == 0 and branch.sent.at[text.length] == c' ')

    cdef bint is_forwardable(self, SipMessage message, const Transaction *transaction) noexcept:
        """A final that cannot be sent on would end its branch and leave the caller without an answer: refuse it before.

        From and To are read only where they are to be restored, the next Via is always needed (§16.7 step 3).
        """
        if is_last_via(message):
            # A refusal without the caller's Via still ends the branch: SIPp callees build 487 from the CANCEL.
            return transaction.flags & LOCAL != 0 or message.index.status >= 300
        if transaction.upstream_from.at == NULL and transaction.upstream_to.at == NULL:
            return True
        return message.parse_addresses()

    cdef void stray_response(self, SipMessage message) noexcept:
        """A response without transaction, after a restart for instance: by default it travels on when it carries a
        Record-Route of ours, with From and To restored from that (engine X6)."""
        cdef sip_text parameters = no_text()
        cdef uint32_t difference = 0
        cdef int owner
        if self.workers > 1:
            owner = self.table.local_owner(message.via.branch)
            if 0 <= owner < self.workers and owner != self.worker:
                self.handover.push(owner, message.index.data, message.index.length, &message.source, message.socket)
                return
        self.counters.at[DROP_STRAY_RESPONSE] += 1
        if self.settings.stray_replies == STRAY_DROP or not message.parse_addresses():
            return
        message.reset_plan()
        if not self.own_record_route(message, &parameters) and self.settings.stray_replies != STRAY_FORWARD:
            return
        if parameters.at != NULL:
            self.forwarder.listener.stray_response(message, parameters)
            if stored_difference(parameters, &difference) and difference < message.cseq.number:
                message.replace_cseq(message.cseq.number - difference)
        if self.forward_response(message):
            self.counters.at[DROP_STRAY_RESPONSE] -= 1
            self.counters.at[COUNT_STRAY_RESPONSES_FORWARDED] += 1

    cdef bint forward_response(self, SipMessage message) noexcept:
        """Send a response, edits applied, to where the second Via came from (RFC 3261 §16.11); False: it names nobody."""
        cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_VIA)
        cdef sip_via next_via
        cdef sip_text rest
        cdef udp_address destination
        cdef text_writer out
        cdef char *space
        cdef uint32_t capacity
        cdef int socket
        if message.via.next != NULL:
            rest = text_of(message.via.next,
                           <uint32_t>(header.value.at + header.value.length - message.via.next))
        else:
            if header.next == 0:
                return False      # it was for ourselves
            rest = message.index.headers[header.next - 1].value
        if sip_via_parse(rest, &next_via) != 0 or self.transport.is_own(next_via.host, next_via.port):
            return False
        if not address_from_text(next_via.received if next_via.received.at != NULL else next_via.host,
                                 next_via.rport if next_via.rport else (next_via.port if next_via.port else 5060),
                                 &destination) or not address_is_usable(&destination):
            return False
        socket = self.transport.socket_towards(&destination, message.socket)
        capacity = datagram_space(message.index.length + message.scratch_used + 16)
        space = self.transport.reserve(capacity)
        if socket < 0 or space == NULL or not remove_top_via(message):
            return False
        text_writer_start(&out, space, capacity)
        if not write_message(message, &out):
            return False
        self.transport.commit(text_writer_length(&out), socket, &destination, 0)
        return True

    cdef bint own_record_route(self, SipMessage message, sip_text *parameters) noexcept:
        """Whether one of the Record-Route values is ours; its URI parameters."""
        cdef RouteSet *routes = &self.forwarder.routes
        cdef sip_uri uri
        cdef int i
        if not read_route_set(message, SIP_HEADER_RECORD_ROUTE, self.settings.routes, routes):
            return False
        for i in range(routes.count):
            if (sip_uri_parse(routes.values[i].uri, &uri) == 0 and uri.scheme in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS)
                    and self.transport.is_own(uri.host, uri.port)):
                parameters[0] = uri.parameters
                return True
        return False


cdef uint64_t monotonic_us() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <uint64_t>now.tv_sec * 1000000 + <uint64_t>now.tv_nsec // 1000


cdef uint64_t monotonic_ms() noexcept:
    return monotonic_us() // 1000
