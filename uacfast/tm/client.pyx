"""Client transactions: one per branch (RFC 3261 §17.1, RFC 6026 §7.2), and the CANCELs of them (§9.1).

Which action follows which event is in csrc/transaction_states.c; here the actions are carried out.
"""
from libc.string cimport memcpy, memset

from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_HEADER_TO, SIP_SCAN_OK, sip_first_header, sip_header, sip_scan
from uacfast.leaves.slab cimport slab_alloc
from uacfast.leaves.text_writer cimport text_put, text_put_hex, text_writer_length, text_writer_start
from uacfast.leaves.timer_wheel cimport timer_wheel_start, timer_wheel_stop
from uacfast.leaves.transaction_states cimport (
    ACTION_BACK_OFF, ACTION_DESTROY, ACTION_LINGER_LONG, ACTION_LINGER_SHORT, ACTION_PASS_UP, ACTION_RENEW_TIMEOUT,
    ACTION_REPORT_ERROR, ACTION_REPORT_TIMEOUT, ACTION_RESEND, ACTION_SEND_ACK, ACTION_STOP_RETRANSMIT, CLIENT_INVITE,
    EVENT_1XX, EVENT_2XX, EVENT_FINAL, EVENT_LINGER, EVENT_RETRANSMIT, EVENT_TIMEOUT, EVENT_TRANSPORT_ERROR,
    STATE_ABANDONED, STATE_ACCEPTED, STATE_CALLING, STATE_COMPLETED, STATE_PROCEEDING, STATE_TERMINATED,
    transaction_states_step, transaction_step,
)
from uacfast.sip.build cimport write_ack, write_cancel
from uacfast.sip.message cimport no_text, text_of
from uacfast.tm.table cimport (
    CANCELLED, CANCEL_NONE, CANCEL_SENT, CANCEL_WANTED, GOT_PROVISIONAL, LOCAL, LOCALLY_MADE, TIMER_CANCEL,
)
from uacfast.transport.udp cimport datagram_space

cdef enum:
    T4 = 5000    # ms, RFC 3261 table 4


cdef class BranchUser:
    cdef void provisional(self, Branch *branch, SipMessage response) noexcept:
        pass

    cdef void success(self, Branch *branch, SipMessage response) noexcept:
        pass

    cdef void failed(self, Branch *branch, SipMessage response) noexcept:
        """branch.final tells how; `response` is None when the final is ours (timeout, transport error)."""


cdef class ClientTransactions:

    def __init__(self, TransactionTable table, UdpTransport transport, TransactionSettings settings,
                 ServerTransactions server):
        self.table = table
        self.transport = transport
        self.settings = settings
        self.server = server
        self.no_limits.message = self.no_limits.header_part = self.no_limits.line = 65535
        self.no_limits.headers = SIP_HEADERS_CAPACITY

    cdef void write_branch(self, Branch *branch, text_writer *out) noexcept:
        """The Via branch parameter's value, which leads a response back here."""
        cdef Transaction *transaction = branch.transaction
        text_put(out, b"z9hG4bK", 7)
        text_put_hex(out, transaction.slot, 0)
        text_put(out, b".", 1)
        text_put_hex(out, transaction.check, 16)
        text_put_hex(out, transaction.loop_hash, 8)
        text_put(out, b".", 1)
        text_put_hex(out, branch.number, 0)

    cdef bint start(self, Branch *branch, char *octets, uint32_t length, int socket,
                    const udp_address *destination) noexcept:
        """Send the request, written into space reserved from the transport, and start timers A/E and B/F."""
        cdef Transaction *transaction = branch.transaction
        cdef uint64_t now = self.table.now
        if not self.table.fill(&branch.sent, octets, length):
            return False
        branch.socket = socket
        branch.destination = destination[0]
        branch.interval = self.settings.retr_timer1
        branch.retransmit_at = now + branch.interval
        branch.deadline = min(now + transaction.fr_timer, self.lifetime_end(transaction))
        self.transport.commit(length, socket, destination, self.token(branch))
        self.arm(branch)
        return True

    cdef uint64_t token(self, Branch *branch) noexcept:
        return (<uint64_t>branch.transaction.slot << 8) | branch.number

    cdef uint64_t lifetime_end(self, Transaction *transaction) noexcept:
        return transaction.born + (self.settings.max_inv_lifetime if transaction.method == 1
                                   else self.settings.max_noninv_lifetime)

    cdef void response(self, Branch *branch, SipMessage response) noexcept:
        cdef int status = response.index.status
        cdef int event = EVENT_1XX if status < 200 else EVENT_FINAL
        cdef transaction_step step
        cdef Transaction *transaction = branch.transaction
        cdef uint64_t now = self.table.now
        cdef bint abandoned = branch.state == STATE_ABANDONED
        if branch.machine == CLIENT_INVITE and 200 <= status < 300:
            event = EVENT_2XX
        step = transaction_states_step(branch.machine, branch.state, event)
        branch.state = step.next
        if not step.defined:
            return
        branch.status = <unsigned short>status
        if event == EVENT_1XX:
            branch.flags |= GOT_PROVISIONAL
            if branch.alternatives.at != NULL:
                self.table.release(&branch.alternatives)
            if branch.machine != CLIENT_INVITE:
                branch.interval = self.settings.retr_timer2
                branch.retransmit_at = now + branch.interval
            if branch.cancel_state == CANCEL_WANTED:
                self.send_cancel(branch, text_of(branch.response.at, branch.response.length))
        elif branch.final == 0 or event == EVENT_2XX:
            branch.final = <unsigned short>status
        if step.actions & ACTION_SEND_ACK:
            self.acknowledge(branch, response)
        if step.actions & ACTION_STOP_RETRANSMIT:
            branch.retransmit_at = 0
        if step.actions & ACTION_RENEW_TIMEOUT:
            branch.deadline = min(now + transaction.fr_inv_timer, self.lifetime_end(transaction))
        if step.actions & (ACTION_LINGER_LONG | ACTION_LINGER_SHORT):
            self.linger(branch, step.actions)
        self.arm(branch)
        if step.actions & ACTION_PASS_UP:
            if event == EVENT_1XX:
                self.user.provisional(branch, response)
            elif status < 300:
                self.user.success(branch, response)
            else:
                self.user.failed(branch, response)
        self.server.destroy_if_done(transaction)

    cdef void linger(self, Branch *branch, int actions) noexcept:
        """The branch has its final response: what it sent is not needed again, except the ACK to a refusal."""
        cdef uint64_t stay = self.settings.wt_timer if actions & ACTION_LINGER_LONG else T4
        branch.deadline = self.table.now + stay
        if branch.state == STATE_COMPLETED and branch.machine == CLIENT_INVITE or branch.state == STATE_ABANDONED:
            return
        self.table.release(&branch.sent)
        self.table.release_cancel(branch)
        if not branch.transaction.flags & LOCAL:
            # The server transaction stays at least as long (timers J, L), and the branch with it.
            branch.deadline = 0

    cdef void acknowledge(self, Branch *branch, SipMessage response) noexcept:
        """Send the hop-by-hop ACK; it takes the INVITE's place in memory, for the next copy of the refusal."""
        cdef const sip_header *to = sip_first_header(&response.index, SIP_HEADER_TO)
        cdef text_writer out
        cdef char *space
        cdef uint32_t capacity
        if branch.state == STATE_COMPLETED and branch.sent.length and branch.sent.at[0] == c'A':
            self.send_again(&branch.sent, branch)
            return
        if to == NULL or not self.scan_own(branch):
            return
        capacity = datagram_space(self.own.headers_end + to.value.length + 256)
        space = self.transport.reserve(capacity)
        if space == NULL:
            return
        text_writer_start(&out, space, capacity)
        if not write_ack(&self.own, to.value, &out):
            return
        self.table.release_cancel(branch)
        self.table.release(&branch.sent)
        self.table.fill(&branch.sent, space, text_writer_length(&out))
        self.transport.commit(text_writer_length(&out), branch.socket, &branch.destination, 0)

    cdef bint scan_own(self, Branch *branch) noexcept:
        return (branch.sent.at != NULL
                and sip_scan(&self.own, branch.sent.at, branch.sent.length, &self.no_limits, 1) == SIP_SCAN_OK)

    cdef void send_again(self, Buffer *sent, Branch *branch) noexcept:
        cdef char *space
        if sent.at == NULL:
            return
        space = self.transport.reserve(sent.length)
        if space != NULL:
            memcpy(space, sent.at, sent.length)
            self.transport.commit(sent.length, branch.socket, &branch.destination, self.token(branch))

    cdef void cancel(self, Branch *branch, sip_text reason_line) noexcept:
        """Cancel an INVITE branch that has no final response: at once if it had a provisional one, else when one comes."""
        if branch.machine != CLIENT_INVITE or branch.cancel_state == CANCEL_SENT:
            return
        if branch.state == STATE_CALLING or branch.state == STATE_ABANDONED and not branch.flags & GOT_PROVISIONAL:
            if branch.cancel_state == CANCEL_NONE and reason_line.length:
                # Kept where the final response will be, of which there is none yet.
                self.table.fill(&branch.response, reason_line.at, reason_line.length)
            branch.cancel_state = CANCEL_WANTED
        elif branch.state == STATE_PROCEEDING or branch.state == STATE_ABANDONED:
            self.send_cancel(branch, reason_line)

    cdef void send_cancel(self, Branch *branch, sip_text reason_line) noexcept:
        cdef text_writer out
        cdef char *space
        cdef uint32_t capacity
        cdef CancelAttempt *attempt
        branch.cancel_state = CANCEL_SENT
        if not self.scan_own(branch):
            return
        capacity = datagram_space(self.own.headers_end + reason_line.length + 256)
        space = self.transport.reserve(capacity)
        if space == NULL:
            return
        attempt = <CancelAttempt *>slab_alloc(self.table.memory, sizeof(CancelAttempt))
        if attempt == NULL:
            return
        memset(attempt, 0, sizeof(CancelAttempt))
        branch.cancel = attempt
        attempt.branch = branch
        attempt.timer.kind = TIMER_CANCEL
        attempt.interval = self.settings.retr_timer1
        attempt.deadline = self.table.now + self.settings.sixty_four_t1()
        text_writer_start(&out, space, capacity)
        if not write_cancel(&self.own, reason_line, &out):
            self.table.release_cancel(branch)
            return
        self.table.fill(&attempt.sent, space, text_writer_length(&out))
        self.transport.commit(text_writer_length(&out), branch.socket, &branch.destination, 0)
        timer_wheel_start(&self.table.wheel, &attempt.timer, self.table.now + attempt.interval)

    cdef void cancel_answered(self, Branch *branch) noexcept:
        """A final response to our CANCEL: no more copies of it; the INVITE's own final is still awaited (engine C4)."""
        if branch.cancel != NULL:
            branch.cancel.interval = 0
            timer_wheel_start(&self.table.wheel, &branch.cancel.timer, branch.cancel.deadline)

    cdef void cancel_timer_fired(self, CancelAttempt *attempt) noexcept:
        cdef Branch *branch = attempt.branch
        cdef uint64_t now = self.table.now
        if attempt.deadline <= now:
            self.table.release_cancel(branch)
            if branch.final == 0:
                self.give_up(branch, 487, STATE_TERMINATED)
            self.server.destroy_if_done(branch.transaction)
            return
        if attempt.interval:
            self.send_again(&attempt.sent, branch)
            attempt.interval = min(2 * attempt.interval, self.settings.retr_timer2)
            timer_wheel_start(&self.table.wheel, &attempt.timer, min(now + attempt.interval, attempt.deadline))

    cdef void give_up(self, Branch *branch, int status, int state) noexcept:
        """End the branch with a final of our own making."""
        branch.state = <unsigned char>state
        branch.final = <unsigned short>status
        branch.flags |= LOCALLY_MADE
        branch.retransmit_at = 0
        if state == STATE_TERMINATED:
            branch.deadline = 0
        self.arm(branch)
        self.user.failed(branch, None)

    cdef void transport_failed(self, Branch *branch) noexcept:
        """The request cannot be delivered: a 503 of our own, at once (RFC 3261 §16.9)."""
        cdef transaction_step step = transaction_states_step(branch.machine, branch.state, EVENT_TRANSPORT_ERROR)
        if step.actions & ACTION_REPORT_ERROR:
            self.give_up(branch, 487 if branch.transaction.flags & CANCELLED else 503, step.next)
            self.server.destroy_if_done(branch.transaction)

    cdef void timer_fired(self, Branch *branch) noexcept:
        cdef uint64_t now = self.table.now
        cdef transaction_step step
        if branch.deadline and branch.deadline <= now:
            branch.deadline = 0
            if branch.state in (STATE_ACCEPTED, STATE_COMPLETED, STATE_ABANDONED):
                step = transaction_states_step(branch.machine, branch.state, EVENT_LINGER)
                branch.state = step.next
                self.table.release(&branch.sent)
                self.server.destroy_if_done(branch.transaction)
                return
            self.timed_out(branch)
            return
        if branch.retransmit_at and branch.retransmit_at <= now:
            step = transaction_states_step(branch.machine, branch.state, EVENT_RETRANSMIT)
            if step.actions & ACTION_RESEND:
                self.retransmissions += 1
                self.send_again(&branch.sent, branch)
            if step.actions & ACTION_BACK_OFF:
                branch.interval *= 2
                if branch.machine != CLIENT_INVITE:
                    branch.interval = min(branch.interval, self.settings.retr_timer2)
                branch.retransmit_at = now + branch.interval
            else:
                branch.retransmit_at = 0
        self.arm(branch)

    cdef void timed_out(self, Branch *branch) noexcept:
        """Timer B, C or F: the branch counts as answered 408 (487 once cancelled), an INVITE is cancelled (§16.8)."""
        cdef transaction_step step = transaction_states_step(branch.machine, branch.state, EVENT_TIMEOUT)
        cdef int status = 487 if branch.transaction.flags & CANCELLED else 408
        if not step.actions & ACTION_REPORT_TIMEOUT:
            self.arm(branch)
            return
        self.timeouts += 1
        if step.actions & ACTION_LINGER_LONG:
            branch.deadline = self.table.now + self.settings.wt_timer
        branch.state = step.next
        self.cancel(branch, no_text())
        self.give_up(branch, status, step.next)
        self.server.destroy_if_done(branch.transaction)

    cdef void arm(self, Branch *branch) noexcept:
        cdef uint64_t due = branch.deadline
        if branch.retransmit_at and (branch.retransmit_at < due or due == 0):
            due = branch.retransmit_at
        if due:
            timer_wheel_start(&self.table.wheel, &branch.timer, due)
        else:
            timer_wheel_stop(&self.table.wheel, &branch.timer)
