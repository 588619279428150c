"""The life of every registration: what is due is sent, what is answered is noted, the next time is set.

Which action follows which event is in csrc/registration_states.c; here the actions are carried out. Nothing visits all
records: each has its time in a timer wheel, and those that are due wait in a queue of their registrar, which is served
as answers come in (uacfast.uac.registration.pacing).
"""
from libc.string cimport memcpy

from uacfast.leaves.registration_states cimport (
    REGISTRATION_ACCEPTED, REGISTRATION_AGAIN, REGISTRATION_ANSWER, REGISTRATION_BAR, REGISTRATION_CHALLENGED,
    REGISTRATION_DISABLE, REGISTRATION_DISABLED, REGISTRATION_DUE, REGISTRATION_ENABLE, REGISTRATION_EXPIRED,
    REGISTRATION_GIVEN_UP, REGISTRATION_GO_OFFLINE, REGISTRATION_GRANT, REGISTRATION_COUNT_STUCK, REGISTRATION_LATER,
    REGISTRATION_OVERDUE, REGISTRATION_RAISE, REGISTRATION_REFUSED, REGISTRATION_REGISTERED, REGISTRATION_RESTART,
    REGISTRATION_RETRY,
    REGISTRATION_SEND, REGISTRATION_TOO_BRIEF, REGISTRATION_UNBAR, REGISTRATION_UNBOUND, REGISTRATION_UNREGISTERED,
    registration_is_ongoing, registration_states_step, registration_step,
)
from uacfast.leaves.sip_scan cimport SIP_HEADER_SERVICE_ROUTE, sip_first_header, sip_header, sip_next_header
from uacfast.leaves.siphash cimport siphash
from uacfast.leaves.text_writer cimport text_put, text_put_text, text_writer_length, text_writer_start
from uacfast.leaves.timer_wheel cimport timer_entry, timer_wheel_advance, timer_wheel_pop
from uacfast.sip.message cimport text_of
from uacfast.uac.registration.credentials cimport write_answer, write_in_advance
from uacfast.uac.registration.outcome cimport (
    OUTCOME_ACCEPTED, OUTCOME_CHALLENGED, OUTCOME_REFUSED, OUTCOME_TOO_BRIEF, OUTCOME_UNBOUND, read_outcome,
)
from uacfast.uac.registration.record cimport (
    AUTHSENT, COUNTED_ACTIVE, CREDENTIALS_SENT, DISABLED, FOREIGN, INIT, ONGOING, ONLINE, QUEUED, TIMER_RECORD,
    UNREGISTERING, WANT_NOTHING, WANT_REGISTER, WANT_RESTART, WANT_UNREGISTER, spread_of,
)
from uacfast.uac.registration.request cimport put_call_id, write_register

cdef enum:
    CSEQ_FIRST = 10              # as Kamailio begins
    CSEQ_LAST = 2147483637       # above it a new Call-ID begins (uac-semantics §4.7)
    SECOND = 1000                # ms
    EXPIRES_MOST = 0x7fffffff
    ANSWERS_MOST = 4             # challenges answered in one attempt: two realms, each of them twice
    RETRY_MOST = 86400           # seconds that a Retry-After may ask for
    RAISES_AT_ONCE = 3           # 423s in a row that are followed at once
    TURN_BUDGET = 128            # attempts that one turn of the loop begins
    REGISTRAR_SHARE = 16         # of these in one go at one registrar
    AFTER_ANSWER = 2             # attempts that the end of one makes room for
    SERVICE_ROUTE_MOST = 2048    # octets kept
    SALT_REFRESH = 1
    SALT_RETRY = 2
    SALT_DELAY = 3

# Upper bounds in ms; the last bucket has none.
cdef uint32_t[11] LATENCY_BOUNDS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000]
cdef uint32_t[9] LATENESS_BOUNDS = [10, 50, 100, 500, 1000, 5000, 10000, 30000, 60000]


cdef class Sender:

    cdef uint64_t now(self) noexcept:
        """ms of the monotonic clock."""
        return 0

    cdef bint send(self, LocalUser user, uint64_t tag, const char *octets, uint32_t length, sip_text destination,
                   int socket, uint32_t fr_timer) noexcept:
        """Send this request without Via; user.final(tag, ...) tells what became of it, never before this returns.
        False: it cannot be sent, and final() is not called."""
        return False

    cdef void flush(self) noexcept:
        """What was sent shall leave now, not with the next batch."""


cdef class Registrations(LocalUser):

    def __init__(self, RecordTable table, RegistrationSettings settings, Sender sender, *, bytes call_key=bytes(16),
                 int worker=0, int workers=1):
        """`call_key`: 16 octets, with which hash(Call-ID) mod `workers` tells whose a message is."""
        cdef const char *octets = call_key
        self.table = table
        self.settings = settings
        self.pacing = Pacing(table, settings)
        self.sender = sender
        self.worker = worker
        self.workers = workers
        memcpy(&self.call_key, octets, 16)

    cdef uint64_t random(self) noexcept:
        self.random_counter += 1
        return siphash(&self.table.key, &self.random_counter, sizeof(self.random_counter))

    # --- time ----------------------------------------------------------------------------------------------------

    def tick(self):
        """Let the clock go on and do what is due; to be called every 10 ms."""
        self.run()

    def set_wall_offset(self, offset):
        """ms from the monotonic clock to the epoch."""
        self.table.wall_offset = offset

    cdef void run(self) noexcept:
        cdef uint64_t now = self.sender.now()
        cdef timer_entry *timer
        now -= now % 10
        if now > self.table.now:
            self.table.now = now
        timer_wheel_advance(&self.table.wheel, self.table.now)
        while True:
            timer = timer_wheel_pop(&self.table.wheel)
            if timer == NULL:
                break
            if timer.kind == TIMER_RECORD:
                self.timer_fired(<Record *>timer)
            else:
                self.pacing.breaker_due(<Registrar *>timer)
        if self.table.ready != NULL:
            self.pump()

    cdef void timer_fired(self, Record *record) noexcept:
        cdef uint64_t now = self.table.now
        cdef registration_step step
        if record.marks & COUNTED_ACTIVE and record.timer_expires <= now:
            self.table.update_active(record)
            step = registration_states_step(record.state, REGISTRATION_EXPIRED)
            if step.defined:
                self.table.set_state(record, step.next)
                self.table.note(record, REGISTRATION_EXPIRED, 0)
            self.table.mark_dirty(record)
        if record.flight != NULL:
            if record.request_at + self.settings.overdue <= now:
                self.counters.stuck += 1
                self.pacing.unanswered(record.flight)
                self.finish(record, REGISTRATION_OVERDUE, NULL, 0)
                return
        elif record.due and record.due <= now and not record.marks & QUEUED:
            self.due(record)
        self.table.arm(record, self.settings.overdue)

    cdef void due(self, Record *record) noexcept:
        cdef registration_step step = registration_states_step(record.state, REGISTRATION_DUE)
        if record.state == REGISTRATION_DISABLED:
            self.enable(record)
        elif step.actions & REGISTRATION_SEND:
            self.table.enqueue(record)

    # --- sending -------------------------------------------------------------------------------------------------

    cdef void pump(self) noexcept:
        """Begin attempts, registrar after registrar, as many as this turn and they can take."""
        cdef RecordTable table = self.table
        cdef Registrar *registrar
        cdef int budget = TURN_BUDGET
        cdef uint32_t idle = 0
        cdef uint32_t waiting
        if not self.settings.active or self.held:
            return
        while budget > 0 and table.ready != NULL and idle < table.ready_count:
            registrar = table.ready
            waiting = table.waiting
            self.pump_registrar(registrar, min(budget, <int>REGISTRAR_SHARE))
            budget -= <int>(waiting - table.waiting)
            idle = idle + 1 if waiting == table.waiting else 0
            if table.ready == registrar:
                table.ready = registrar.ready_next

    cdef void pump_registrar(self, Registrar *registrar, int budget) noexcept:
        if not self.settings.active or self.held or self.in_turn:
            return
        self.in_turn = True          # what fails at once must not begin others from within
        while budget > 0 and registrar.first != NULL and self.pacing.may_begin(registrar):
            budget -= 1
            # The record may be the last to hold the registrar.
            registrar.references += 1
            self.begin(registrar.first, REGISTRATION_DUE)
            if registrar.references == 1:
                self.table.release_registrar(registrar)
                break
            registrar.references -= 1
        self.in_turn = False

    cdef bint begin(self, Record *record, int event) noexcept:
        """Begin an attempt; False when there is none to begin in this state."""
        cdef RecordTable table = self.table
        cdef registration_step step = registration_states_step(record.state, event)
        cdef uint64_t now = self.sender.now()
        if record.marks & QUEUED:
            table.dequeue(record)
        if not step.actions & REGISTRATION_SEND:
            return False
        if record.due:
            count_in(self.counters.lateness, LATENESS_BOUNDS, 9, now - record.due if now > record.due else 0)
            self.counters.lateness_sum += now - record.due if now > record.due else 0
            record.due = 0
        if (self.settings.keep_callid and record.flags & ONLINE and record.call_number
                and 1 <= record.cseq <= CSEQ_LAST and self.owner_of_call(record) == self.worker):
            record.cseq += 1
        else:
            self.new_call(record)
            record.cseq = CSEQ_FIRST
        if record.tag_number == 0:
            record.tag_number = self.random() | 1
        record.sent_at = record.request_at = now
        if not record.marks & COUNTED_ACTIVE:
            record.timer_expires = table.now
        record.marks &= <uint8_t>~(UNREGISTERING | CREDENTIALS_SENT)
        if record.expires == 0:
            record.marks |= UNREGISTERING
        record.answers = 0
        record.retried = 0
        table.set_flags(record, (record.flags | ONGOING | INIT) & ~AUTHSENT)
        record.flight = record.registrar
        record.flight.references += 1
        record.flight.in_flight += 1
        record.flight.attempts += 1
        table.in_flight += 1
        self.counters.attempts += 1
        table.set_state(record, step.next)
        table.note(record, event, 0)
        if self.transmit(record, None):
            table.arm(record, self.settings.overdue)
        else:
            self.counters.not_sent += 1
            self.refuse(record, NULL, 0)
        return True

    cdef bint transmit(self, Record *record, SipMessage challenge) noexcept:
        """Write and send the REGISTER, with the answer to `challenge` if there is one; False: that is not possible."""
        cdef text_writer out
        cdef RecordTable table = self.table
        text_writer_start(&out, self.request, REQUEST_SIZE)
        if not write_register(record, record.expires, self.settings, &out):
            return False
        if challenge is not None:
            if not write_answer(table, record, challenge, &out):
                return False
        elif self.settings.preemptive and write_in_advance(table, record, &out):
            record.marks |= CREDENTIALS_SENT
        text_put(&out, b"\r\n", 2)
        if out.overflow:
            return False
        table.generation += 1
        record.generation = table.generation
        record.request_at = self.sender.now()
        self.counters.requests += 1
        return self.sender.send(self, (<uint64_t>record.generation << 32) | record.index, self.request,
                                <uint32_t>text_writer_length(&out),
                                text_of(record.flight.destination, record.flight.length),
                                record.socket if record.socket >= 0 else self.settings.socket, self.settings.fr_timer)

    cdef void new_call(self, Record *record) noexcept:
        """A new Call-ID, of those that belong to this worker: responses come to it directly."""
        while True:
            record.call_number = self.random()
            if record.call_number and self.owner_of_call(record) == self.worker:
                return

    cdef int owner_of_call(self, Record *record) noexcept:
        cdef char text[32]
        cdef text_writer out
        if self.workers == 1:
            return self.worker
        text_writer_start(&out, text, sizeof(text))
        put_call_id(record, &out)
        return <int>(siphash(&self.call_key, text, text_writer_length(&out)) % <uint64_t>self.workers)

    # --- answers -------------------------------------------------------------------------------------------------

    cdef void final(self, uint64_t tag, int status, SipMessage response) noexcept:
        cdef Record *record = self.table.at(<uint32_t>tag)
        cdef Outcome outcome
        cdef uint64_t now = self.sender.now()
        cdef uint64_t latency
        if record == NULL or record.flight == NULL or record.generation != tag >> 32:
            self.counters.late += 1      # the row is gone, or the attempt was given up
            return
        latency = now - record.request_at if now > record.request_at else 0
        record.last_status = <unsigned short>status
        if response is None:
            self.counters.by_class[0] += 1
            self.counters.unanswered += 1
            self.pacing.unanswered(record.flight)
            self.pacing.count_failure(record.flight)
        else:
            self.counters.by_class[status // 100 if 100 <= status < 700 else 0] += 1
            count_in(self.counters.latency, LATENCY_BOUNDS, 11, latency)
            self.counters.latency_sum += latency
            self.pacing.answered(record.flight, latency)
            if 500 <= status < 600:
                self.pacing.count_failure(record.flight)
            else:
                self.pacing.count_success(record.flight)
        read_outcome(record, response, status, record.expires, self.settings, &outcome)
        if outcome.kind == OUTCOME_CHALLENGED:
            self.counters.challenged += 1
            if self.answer(record, response, status):
                return
            outcome.kind = OUTCOME_REFUSED
        if record.marks & UNREGISTERING:
            self.finish_unregistration(record, &outcome, status)
        elif outcome.kind == OUTCOME_ACCEPTED:
            self.counters.accepted += 1
            record.flight.accepted += 1
            if self.settings.service_route:
                self.keep_service_route(record, response)
            self.finish(record, REGISTRATION_ACCEPTED, &outcome, status)
        elif outcome.kind == OUTCOME_UNBOUND:
            self.counters.unbound += 1
            self.finish(record, REGISTRATION_UNBOUND, &outcome, status)
        elif outcome.kind == OUTCOME_TOO_BRIEF:
            self.counters.too_brief += 1
            self.finish(record, REGISTRATION_TOO_BRIEF, &outcome, status)
        else:
            self.refuse(record, &outcome, status)

    cdef bint answer(self, Record *record, SipMessage response, int status) noexcept:
        """Send again with credentials, once more also when the nonce was stale or is a new one (uac.auth)."""
        cdef registration_step step = registration_states_step(record.state, REGISTRATION_CHALLENGED)
        if not step.actions & REGISTRATION_ANSWER or record.cseq >= CSEQ_LAST or record.answers >= ANSWERS_MOST:
            return False
        record.cseq += 1
        if not self.transmit(record, response):
            record.cseq -= 1
            return False
        record.answers += 1
        self.table.set_flags(record, record.flags | AUTHSENT)
        self.table.set_state(record, step.next)
        self.table.note(record, REGISTRATION_CHALLENGED, status)
        self.table.arm(record, self.settings.overdue)
        return True

    cdef void refuse(self, Record *record, Outcome *outcome, int status) noexcept:
        """The error path of uac-semantics §4.6."""
        self.counters.refused += 1
        record.flight.refused += 1
        self.finish(record, REGISTRATION_REFUSED if self.settings.retry_interval else REGISTRATION_GIVEN_UP, outcome,
                    status)

    cdef void finish_unregistration(self, Record *record, Outcome *outcome, int status) noexcept:
        """A final response to Expires: 0. Nothing is tried again; a 200 that lists no Contact is the error path, which
        sets DISABLED when there is no reg_retry_interval (uac-semantics §4.10)."""
        if outcome.kind == OUTCOME_ACCEPTED and outcome.granted:
            self.counters.unbound += 1
            self.finish(record, REGISTRATION_ACCEPTED, outcome, status)
        elif outcome.kind in (OUTCOME_ACCEPTED, OUTCOME_UNBOUND) or (status == 200 and self.settings.retry_interval):
            self.counters.unbound += 1
            self.finish(record, REGISTRATION_UNBOUND, outcome, status)
        else:
            self.refuse(record, outcome, status)

    cdef void finish(self, Record *record, int event, Outcome *outcome, int status) noexcept:
        """The attempt is over."""
        cdef RecordTable table = self.table
        cdef Registrar *registrar = record.flight
        cdef registration_step step = registration_states_step(record.state, event)
        record.flight = NULL
        registrar.in_flight -= 1
        table.in_flight -= 1
        record.due = 0
        if not self.settings.preemptive or event != REGISTRATION_ACCEPTED:
            table.set_block(&record.credentials, NULL, 0)
        table.set_flags(record, record.flags & ~(ONGOING | AUTHSENT))
        if step.actions & REGISTRATION_GO_OFFLINE:
            table.set_flags(record, record.flags & ~ONLINE)
            record.binding_until = 0
        table.set_state(record, step.next)
        if step.actions & REGISTRATION_GRANT:
            self.grant(record, outcome.granted)
        if step.actions & REGISTRATION_RAISE:
            self.raise_expires(record, outcome)
        if step.actions & REGISTRATION_AGAIN:
            record.failures = 0
            self.schedule_soon(record)
        if step.actions & REGISTRATION_RETRY:
            self.schedule_retry(record, outcome, status)
        if step.actions & REGISTRATION_BAR:
            record.failures += record.failures < 0xffff
            table.set_flags(record, record.flags | DISABLED)
            if self.settings.enable_after:
                record.due = table.now + <uint64_t>self.settings.enable_after * SECOND
        table.note(record, event, status)
        self.settle(record)
        self.pump_registrar(registrar, AFTER_ANSWER)
        table.release_registrar(registrar)

    cdef void settle(self, Record *record) noexcept:
        """What was asked for meanwhile, and what flags and expires demand."""
        cdef int wanted = record.wanted
        record.wanted = WANT_NOTHING
        if wanted == WANT_RESTART:
            self.restart(record)
            return
        if record.flags & DISABLED:
            self.table.set_state(record, REGISTRATION_DISABLED)
            if not self.settings.enable_after:
                record.due = 0
        if record.expires == 0:
            record.due = 0
        self.table.mark_dirty(record)
        self.table.arm(record, self.settings.overdue)
        if wanted != WANT_NOTHING:
            self.send_now(record, wanted)

    # --- the next time -------------------------------------------------------------------------------------------

    cdef void grant(self, Record *record, uint32_t granted) noexcept:
        """Kamailio counts from the time of the attempt's first REGISTER, which is on the safe side."""
        cdef registration_step step
        record.failures = 0
        record.granted = granted
        record.timer_expires = record.sent_at - record.sent_at % 10 + <uint64_t>granted * SECOND
        record.binding_until = record.timer_expires
        self.table.set_flags(record, record.flags | ONLINE)
        if record.marks & UNREGISTERING:
            return
        self.schedule_refresh(record, record.sent_at - record.sent_at % 10)
        if not record.marks & COUNTED_ACTIVE:
            step = registration_states_step(record.state, REGISTRATION_EXPIRED)
            self.table.set_state(record, step.next)

    cdef void schedule_refresh(self, Record *record, uint64_t since) noexcept:
        """Kamailio's pass refreshes between T + 3 and 3 s before the end (uac-semantics §4.5); here each record has its
        own place in that span, always the same one, and short grants are refreshed in their second half."""
        cdef uint64_t granted = <uint64_t>record.granted * SECOND
        cdef uint64_t early = ((<uint64_t>self.settings.timer_interval + 3) * SECOND
                               + granted * self.settings.refresh_spread // 100)
        cdef uint64_t late = max(<uint64_t>3 * SECOND, min(granted // 10, <uint64_t>30 * SECOND))
        cdef uint64_t first = granted - early if granted > 2 * early else granted // 2
        cdef uint64_t last
        if granted > early and granted - early > first:
            first = granted - early
        last = granted - late if granted > late else 0
        if last < first:
            last = first
        record.due = since + first + <uint64_t>(<double>(last - first) * spread_of(record, SALT_REFRESH))
        record.due = max(record.due - record.due % 10, self.table.now + SECOND)

    cdef void schedule_soon(self, Record *record) noexcept:
        """Where Kamailio tries again at its next pass."""
        cdef uint64_t interval = <uint64_t>self.settings.timer_interval * SECOND
        record.due = self.table.now + interval // 2 + <uint64_t>(<double>interval / 2 * spread_of(record, SALT_REFRESH))
        record.due -= record.due % 10

    cdef void raise_expires(self, Record *record, Outcome *outcome) noexcept:
        """423: ask for Min-Expires from now on, or twice as long when it is not stated."""
        cdef uint64_t expires = outcome.min_expires if outcome.min_expires else <uint64_t>record.expires * 2
        cdef bint grows = expires > record.expires
        record.expires = <uint32_t>min(expires, <uint64_t>EXPIRES_MOST)
        record.failures += record.failures < 0xffff
        if grows and self.settings.min_expires_at_once and record.failures <= RAISES_AT_ONCE:
            record.due = self.table.now
        else:
            self.schedule_soon(record)

    cdef void schedule_retry(self, Record *record, Outcome *outcome, int status) noexcept:
        """reg_retry_interval; with reg_retry_max doubled with each failure, less up to a quarter."""
        cdef RegistrationSettings settings = self.settings
        cdef uint64_t seconds = settings.retry_interval if settings.retry_interval else settings.timer_interval
        cdef uint64_t wait
        record.failures += record.failures < 0xffff
        if settings.retry_refused and (status in (401, 403, 404, 407) or status >= 600):
            seconds = max(seconds, <uint64_t>settings.retry_refused)
        if settings.retry_max:
            seconds = min(seconds << min(record.failures - 1, 20), max(seconds, <uint64_t>settings.retry_max))
        wait = seconds * SECOND
        if settings.retry_max:
            wait = <uint64_t>(<double>wait * (0.75 + 0.25 * spread_of(record, SALT_RETRY + 16 * record.failures)))
        if settings.retry_after and outcome != NULL and outcome.retry_after:
            wait = max(wait, <uint64_t>min(outcome.retry_after, <uint32_t>RETRY_MOST) * SECOND)
        if wait < SECOND:
            wait = SECOND
        record.due = self.table.now + wait - wait % 10
        record.timer_expires = record.due
        self.table.update_active(record)

    cdef void keep_service_route(self, Record *record, SipMessage response) noexcept:
        """RFC 3608: the route of later requests of this account; whole values joined by commas."""
        cdef char values[SERVICE_ROUTE_MOST]
        cdef text_writer out
        cdef const sip_header *header = sip_first_header(&response.index, SIP_HEADER_SERVICE_ROUTE)
        text_writer_start(&out, values, SERVICE_ROUTE_MOST)
        while header != NULL:
            if text_writer_length(&out):
                text_put(&out, b", ", 2)
            text_put_text(&out, header.value)
            header = sip_next_header(&response.index, header)
        self.table.set_block(&record.service_route, values, 0 if out.overflow else <uint32_t>text_writer_length(&out))

    # --- commands ------------------------------------------------------------------------------------------------

    cdef void start(self, Record *record) noexcept:
        """The record is new: its first attempt comes when its delay is over."""
        cdef int random_delay = self.settings.random_delay
        record.expires = record.row_expires
        record.delay = record.row_delay
        if record.delay <= 0:
            record.delay = <int>(random_delay * spread_of(record, SALT_DELAY)) if random_delay > 0 else 0
        record.reg_init = <uint32_t>self.table.epoch_seconds(self.table.now)
        record.due = 0
        record.timer_expires = record.binding_until = 0
        record.granted = 0
        record.failures = 0
        self.table.set_flags(record, record.row_flags)
        if record.row_flags & DISABLED:
            self.table.set_state(record, REGISTRATION_DISABLED)
        elif record.expires:
            record.due = self.table.now + (0 if record.row_flags & INIT else <uint64_t>record.delay * SECOND)
            if record.due == 0:
                record.due = 1
        if record.marks & FOREIGN:
            record.due = 0
        self.table.arm(record, self.settings.overdue)

    cdef void restored(self, Record *record, uint64_t wait) noexcept:
        """The record has the binding of an earlier run; the next attempt is due in `wait` ms."""
        self.table.set_state(record, REGISTRATION_REGISTERED)
        if not record.marks & FOREIGN:
            record.due = min(self.table.now + wait - wait % 10, record.timer_expires)
            self.table.arm(record, self.settings.overdue)

    cdef void restart(self, Record *record) noexcept:
        """The row has changed: state is forgotten, at the end of the attempt that is under way."""
        if record.flight != NULL:
            record.wanted = WANT_RESTART
            return
        if record.marks & QUEUED:
            self.table.dequeue(record)
        self.table.set_block(&record.credentials, NULL, 0)
        self.table.set_block(&record.service_route, NULL, 0)
        self.table.set_flags(record, record.row_flags)
        self.table.set_state(record, REGISTRATION_UNREGISTERED)
        self.table.note(record, REGISTRATION_RESTART, 0)
        self.start(record)
        self.table.mark_dirty(record)

    cdef void enable(self, Record *record) noexcept:
        """Clear DISABLED and try in a second (uac-semantics §4.10); a record with expires 0 stays silent."""
        cdef registration_step step = registration_states_step(record.state, REGISTRATION_ENABLE)
        record.timer_expires = self.table.now + SECOND
        self.table.set_flags(record, record.flags & ~DISABLED)
        self.table.set_state(record, step.next)
        self.table.note(record, REGISTRATION_ENABLE, 0)
        record.failures = 0
        if record.flight == NULL and not record.marks & QUEUED:
            record.due = self.table.now + SECOND if record.expires and not record.marks & FOREIGN else 0
        self.table.mark_dirty(record)
        self.table.arm(record, self.settings.overdue)

    cdef void disable(self, Record *record) noexcept:
        """Set DISABLED; no REGISTER is sent, an attempt under way still ends."""
        cdef registration_step step = registration_states_step(record.state, REGISTRATION_DISABLE)
        record.timer_expires = self.table.now + SECOND
        if record.marks & QUEUED:
            self.table.dequeue(record)
        if record.flight == NULL:
            record.due = 0
        self.table.set_flags(record, record.flags | DISABLED)
        self.table.set_state(record, step.next)
        self.table.note(record, REGISTRATION_DISABLE, 0)
        self.table.mark_dirty(record)
        self.table.arm(record, self.settings.overdue)

    cdef void send_now(self, Record *record, int wanted) noexcept:
        """WANT_REGISTER or WANT_UNREGISTER, whatever flags, schedule and limits say, but never a second attempt beside
        one under way: then at its end. WANT_UNREGISTER takes away `expires` for good."""
        if wanted == WANT_UNREGISTER:
            record.expires = 0
        if record.flight != NULL:
            record.wanted = <uint8_t>max(<int>record.wanted, wanted)
            return
        self.begin(record, REGISTRATION_RESTART)


cdef void count_in(uint64_t *buckets, const uint32_t *bounds, int count, uint64_t value) noexcept:
    cdef int i = 0
    while i < count and value > bounds[i]:
        i += 1
    buckets[i] += 1
