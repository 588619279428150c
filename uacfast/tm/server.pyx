"""Server transactions: what the caller sees of a transaction (RFC 3261 §17.2, RFC 6026 §7.1).

Which action follows which event is in csrc/transaction_states.c; here the actions are carried out.
"""
from libc.string cimport memcpy

from uacfast.leaves.siphash cimport siphash
from uacfast.leaves.text_writer cimport (
    text_put_hex, text_writer, text_writer_length, text_writer_start,
)
from uacfast.leaves.timer_wheel cimport timer_is_running, timer_wheel_start, timer_wheel_stop
from uacfast.leaves.transaction_states cimport (
    ACTION_BACK_OFF, ACTION_DESTROY, ACTION_LINGER_LONG, ACTION_LINGER_SHORT, ACTION_PASS_UP, ACTION_REPORT_TIMEOUT,
    ACTION_RESEND, ACTION_SEND, ACTION_START_RETRANSMIT, ACTION_START_TIMEOUT, ACTION_STOP_RETRANSMIT, EVENT_ACK,
    EVENT_LINGER, EVENT_REQUEST, EVENT_RETRANSMIT, EVENT_SEND_1XX, EVENT_SEND_2XX, EVENT_SEND_FINAL, EVENT_TIMEOUT,
    SERVER_INVITE, STATE_ACCEPTED, STATE_COMPLETED, STATE_TERMINATED, transaction_states_step, transaction_step,
)
from uacfast.sip.build cimport write_reply
from uacfast.sip.message cimport no_text, text_of
from uacfast.tm.table cimport Branch, FINAL_SENT, LOCAL, PROVISIONAL_SENT
from uacfast.transport.udp cimport datagram_space

cdef enum:
    T4 = 5000    # ms, RFC 3261 table 4


cdef class ServerTransactions:

    def __init__(self, TransactionTable table, UdpTransport transport, TransactionSettings settings):
        self.table = table
        self.transport = transport
        self.settings = settings

    cdef bint respond(self, Transaction *transaction, int status, char *octets, uint32_t length) noexcept:
        """Send this response, written into space reserved from the transport; False when the state forbids it."""
        cdef int event = EVENT_SEND_1XX if status < 200 else EVENT_SEND_FINAL
        cdef transaction_step step
        cdef uint64_t now = self.table.now
        if transaction.machine == SERVER_INVITE and 200 <= status < 300:
            event = EVENT_SEND_2XX
        step = transaction_states_step(transaction.machine, transaction.state, event)
        if not step.actions & ACTION_SEND:
            return False
        transaction.state = step.next
        if event == EVENT_SEND_2XX:
            self.last_success = now
            if step.next == STATE_ACCEPTED:
                # RFC 6026: copies of the INVITE are absorbed, so nothing needs to be kept.
                self.table.release(&transaction.reply)
        elif status > 100 or transaction.reply_status <= 100:
            self.table.fill(&transaction.reply, octets, length)
        self.transport.commit(length, transaction.socket, &transaction.reply_to, 0)
        transaction.reply_status = <unsigned short>status
        self.responses += 1
        if 100 < status < 200:
            transaction.flags |= PROVISIONAL_SENT
        if step.actions & ACTION_START_RETRANSMIT:
            transaction.interval = self.settings.retr_timer1
            transaction.retransmit_at = now + transaction.interval
        if step.actions & ACTION_START_TIMEOUT:
            transaction.deadline = now + self.settings.sixty_four_t1()
        if step.actions & ACTION_LINGER_LONG:
            transaction.deadline = now + self.settings.wt_timer
        if status >= 200:
            self.finals[status // 100 % 10] += 1
            self.table.finish(transaction)
            self.arm(transaction)
        return True

    def final_class(self, int status_class):
        """How many final responses of this class (2-6) were sent upstream."""
        return self.finals[status_class % 10]

    cdef bint reply(self, Transaction *transaction, SipMessage request, int status, sip_text reason,
                    sip_text extra_lines) noexcept:
        """Answer with a response of our own, built from the request as received."""
        cdef char tag[48]
        cdef text_writer out
        cdef sip_text to_tag = no_text()
        cdef sip_text server_line
        cdef bytes line = self.settings.server_line
        cdef uint32_t capacity
        cdef char *space
        server_line = text_of(<const char *>line, <uint32_t>len(line))
        if status > 100:
            to_tag = text_of(tag, self.to_tag(transaction, tag))
        capacity = datagram_space(
            request.index.headers_end + reason.length + extra_lines.length + server_line.length + 512)
        space = self.transport.reserve(capacity)
        if space == NULL:
            return False
        text_writer_start(&out, space, capacity)
        if not write_reply(request, status, reason, to_tag, extra_lines, server_line, &out):
            return False
        if not self.respond(transaction, status, space, text_writer_length(&out)):
            return False
        self.generated += 1
        return True

    cdef void end_silently(self, Transaction *transaction) noexcept:
        """No final response will be sent; copies of the request are still absorbed for a while."""
        self.table.finish(transaction)
        self.table.release(&transaction.reply)
        transaction.state = STATE_COMPLETED
        transaction.retransmit_at = 0
        transaction.deadline = self.table.now + self.settings.wt_timer
        self.arm(transaction)

    cdef uint32_t to_tag(self, Transaction *transaction, char *text) noexcept:
        """The To tag of all our own responses in this transaction (engine C1); text holds 48 octets."""
        cdef text_writer out
        text_writer_start(&out, text, 48)
        text_put_hex(&out, siphash(&self.table.hash_key, &transaction.check, sizeof(transaction.check)), 16)
        return text_writer_length(&out)

    cdef void request_again(self, Transaction *transaction) noexcept:
        cdef transaction_step step = transaction_states_step(transaction.machine, transaction.state, EVENT_REQUEST)
        if step.actions & ACTION_RESEND:
            self.send_reply_again(transaction)

    cdef void send_reply_again(self, Transaction *transaction) noexcept:
        cdef char *space
        if transaction.reply.at == NULL:
            return
        space = self.transport.reserve(transaction.reply.length)
        if space != NULL:
            memcpy(space, transaction.reply.at, transaction.reply.length)
            self.transport.commit(transaction.reply.length, transaction.socket, &transaction.reply_to, 0)

    cdef bint ack(self, Transaction *transaction) noexcept:
        """An ACK with the INVITE's branch came; True when it is for a 2xx and must travel on (engine A4)."""
        cdef transaction_step step = transaction_states_step(transaction.machine, transaction.state, EVENT_ACK)
        transaction.state = step.next
        if step.actions & ACTION_STOP_RETRANSMIT:
            transaction.retransmit_at = 0
            self.table.release(&transaction.reply)
        if step.actions & ACTION_LINGER_SHORT:
            transaction.deadline = self.table.now + T4
            self.arm(transaction)
        return step.actions & ACTION_PASS_UP != 0

    cdef void arm(self, Transaction *transaction) noexcept:
        cdef uint64_t due = transaction.deadline
        if transaction.retransmit_at and (transaction.retransmit_at < due or due == 0):
            due = transaction.retransmit_at
        if due:
            timer_wheel_start(&self.table.wheel, &transaction.timer, due)
        else:
            timer_wheel_stop(&self.table.wheel, &transaction.timer)

    cdef void timer_fired(self, Transaction *transaction) noexcept:
        cdef transaction_step step
        cdef uint64_t now = self.table.now
        cdef int event
        if transaction.deadline and transaction.deadline <= now:
            event = EVENT_LINGER
            if transaction.machine == SERVER_INVITE and transaction.state == STATE_COMPLETED:
                event = EVENT_TIMEOUT
            step = transaction_states_step(transaction.machine, transaction.state, event)
            transaction.state = step.next
            transaction.deadline = transaction.retransmit_at = 0
            if step.actions & ACTION_REPORT_TIMEOUT:
                self.missing_acks += 1
            if step.actions & ACTION_DESTROY or transaction.flags & LOCAL:
                self.destroy_if_done(transaction)
                return
        elif transaction.retransmit_at and transaction.retransmit_at <= now:
            step = transaction_states_step(transaction.machine, transaction.state, EVENT_RETRANSMIT)
            if step.actions & ACTION_RESEND:
                self.send_reply_again(transaction)
            if step.actions & ACTION_BACK_OFF:
                transaction.interval = min(2 * transaction.interval, self.settings.retr_timer2)
                transaction.retransmit_at = now + transaction.interval
            else:
                transaction.retransmit_at = 0
        self.arm(transaction)

    cdef void destroy_if_done(self, Transaction *transaction) noexcept:
        """Free it once the server side is over and no branch waits for anything."""
        cdef Branch *branch = transaction.branches
        if transaction.state != STATE_TERMINATED:
            return
        while branch != NULL:
            if timer_is_running(&branch.timer) or branch.cancel != NULL:
                return
            branch = branch.next
        self.table.destroy(transaction)
