"""The response context of a request (RFC 3261 §16.7): which of the branches' responses go upstream.

Every 101-199 and every 2xx is forwarded at once; of the others the best one, when all branches have a final response and
the core has no further target (engine.md §9).
"""
from uacfast.leaves.edit_list cimport edit_list_insert
from uacfast.leaves.sip_scan cimport (
    SIP_HEADERS_CAPACITY, SIP_HEADER_PROXY_AUTHENTICATE, SIP_HEADER_RETRY_AFTER, SIP_HEADER_WWW_AUTHENTICATE,
    SIP_SCAN_OK, sip_first_header, sip_header, sip_next_header, sip_scan,
)
from uacfast.leaves.text_writer cimport (
    text_put_string, text_put_uint, text_writer, text_writer_length, text_writer_start,
)
from uacfast.sip.build cimport is_last_via, remove_top_via, write_message
from uacfast.sip.message cimport literal, no_text, text_of
from uacfast.tm.table cimport (
    CANCELLED, CANCEL_NONE, CSEQ_SHIFTED, FINAL_SENT, LOCAL, LOCALLY_MADE, REPLACED, REPLY_DROPPED,
)
from uacfast.transport.udp cimport datagram_space

cdef enum:
    CHALLENGES_MAX = 16     # header lines that one aggregated 401/407 may get from other branches


cdef class TransactionUser:
    cdef bint try_next(self, Transaction *transaction, Branch *failed, SipMessage response) noexcept:
        """All branches failed, `failed` being the best: True when the core has begun an attempt at another target."""
        return False

    cdef bint next_address(self, Transaction *transaction, Branch *failed) noexcept:
        """A branch that knows further addresses of its next hop has failed: True when the core has begun another one in
        its place, to the next of them."""
        return False

    cdef bint always_asked(self, Transaction *transaction) noexcept:
        """Whether try_next() is to be called even after a 6xx or a CANCEL."""
        return False

    cdef void branch_failed(self, Branch *branch, SipMessage response) noexcept:
        """One branch of a transaction with a context has failed; `response` is None when its final is ours."""

    cdef bint answer_challenge(self, Transaction *transaction, Branch *challenged, SipMessage response) noexcept:
        """A branch got a 401 or 407: True when the core has begun another one in its place, with credentials."""
        return False

    cdef void dialog_response(self, Transaction *transaction, SipMessage response) noexcept:
        """A response is about to go upstream in a transaction of a tracked dialog."""

    cdef void local_final(self, Transaction *transaction, int status, SipMessage response) noexcept:
        """A request of our own has its final response, an INVITE each copy of its 2xx; None when the final is ours."""

    cdef void local_provisional(self, Transaction *transaction, SipMessage response) noexcept:
        """A request of our own has a provisional response."""


cdef class ResponseContext(BranchUser):

    def __init__(self, TransactionTable table, UdpTransport transport, TransactionSettings settings,
                 ServerTransactions server, ClientTransactions client):
        self.table = table
        self.transport = transport
        self.settings = settings
        self.server = server
        self.client = client
        client.user = self
        self.stored = SipMessage()
        self.other = SipMessage()
        self.no_limits.message = self.no_limits.header_part = self.no_limits.line = 65535
        self.no_limits.headers = SIP_HEADERS_CAPACITY

    cdef void provisional(self, Branch *branch, SipMessage response) noexcept:
        cdef Transaction *transaction = branch.transaction
        if transaction.flags & LOCAL:
            self.local.local_provisional(transaction, response)
            return
        if transaction.flags & FINAL_SENT:
            return
        if response.index.status == 100 and not self.settings.relay_100:
            return
        if transaction.flags & CANCELLED or branch.cancel_state != CANCEL_NONE:
            return      # of no use to a caller who is giving up (engine C9)
        self.forward(transaction, response, response.index.status)

    cdef void success(self, Branch *branch, SipMessage response) noexcept:
        cdef Transaction *transaction = branch.transaction
        if transaction.flags & LOCAL:
            self.local.local_final(transaction, response.index.status, response)
            return
        if not self.forward(transaction, response, response.index.status) and not transaction.flags & FINAL_SENT:
            self.reply_locally(transaction, 500)
        if transaction.branch_count > 1:
            self.cancel_pending(transaction, literal(b"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"))

    cdef void failed(self, Branch *branch, SipMessage response) noexcept:
        cdef Transaction *transaction = branch.transaction
        cdef char line[32]
        cdef text_writer reason
        if transaction.flags & FINAL_SENT:
            return
        if (branch.final in (401, 407) and response is not None and not transaction.flags & LOCAL
                and self.core.answer_challenge(transaction, branch, response)):
            return
        if (branch.alternatives.at != NULL
                and (self.local if transaction.flags & LOCAL else self.core).next_address(transaction, branch)):
            return
        if response is not None and not transaction.flags & LOCAL and is_last_via(response):
            # It cannot travel on, but the caller is told the same in our own words.
            branch.flags |= LOCALLY_MADE
            response = None
        if response is not None and (transaction.branch_count > 1
                                     or transaction.context != NULL and not transaction.flags & LOCAL):
            self.table.fill(&branch.response, response.index.data, response.index.length)
        if branch.final >= 600 and not self.settings.disable_6xx_block:
            text_writer_start(&reason, line, sizeof(line))
            text_put_string(&reason, b"Reason: SIP;cause=")
            text_put_uint(&reason, branch.final)
            text_put_string(&reason, b"\r\n")
            self.cancel_pending(transaction, text_of(line, text_writer_length(&reason)))
        if transaction.context != NULL and not transaction.flags & LOCAL:
            self.core.branch_failed(branch, response)
        self.finish_if_all_failed(transaction, branch, response)

    cdef void finish_if_all_failed(self, Transaction *transaction, Branch *last, SipMessage response) noexcept:
        """When no branch is waiting any more, go on with the next target or answer upstream; `last` failed just now."""
        cdef Branch *branch = transaction.branches
        cdef Branch *chosen
        if transaction.pending and not transaction.flags & CANCELLED:
            return
        while branch != NULL:
            if branch.final == 0 or 200 <= branch.final < 300:
                return
            branch = branch.next
        chosen = self.best(transaction)
        if ((chosen.final < 600 or self.settings.disable_6xx_block) and not transaction.flags & CANCELLED
                or not transaction.flags & LOCAL and self.core.always_asked(transaction)):
            if chosen != last or response is None:
                if chosen.response.at != NULL and self.stored.scan(chosen.response.at, chosen.response.length,
                                                                   &self.no_limits, True) == SIP_SCAN_OK:
                    response = self.stored
                else:
                    response = None
            if (self.local if transaction.flags & LOCAL else self.core).try_next(transaction, chosen, response):
                return
        if transaction.flags & LOCAL:
            self.local.local_final(transaction, chosen.final, response)
            return
        self.answer_upstream(transaction, chosen, last, response)

    cdef void answer_upstream(self, Transaction *transaction, Branch *chosen, Branch *last, SipMessage response) noexcept:
        """Send the chosen branch's final response on; `response` is `last`'s."""
        if chosen.flags & LOCALLY_MADE:
            self.reply_locally(transaction, chosen.final)
            return
        if chosen != last or response is None or response is self.stored:
            if self.stored.scan(chosen.response.at, chosen.response.length, &self.no_limits, True) != SIP_SCAN_OK:
                self.reply_locally(transaction, 500)
                return
            response = self.stored
        if chosen.final in (401, 407) and transaction.branch_count > 1:
            self.add_other_challenges(transaction, chosen, response)
        if response is self.stored and not (response.parse_top_via() and (
                transaction.upstream_from.at == NULL and transaction.upstream_to.at == NULL or response.parse_addresses())):
            self.reply_locally(transaction, 500)
            return
        # A 503 says something about one next hop, not about us (§16.7 step 6).
        if not self.forward(transaction, response, 500 if chosen.final == 503 else chosen.final):
            self.reply_locally(transaction, 500)

    cdef Branch *best(self, Transaction *transaction) noexcept:
        cdef Branch *branch = transaction.branches
        cdef Branch *best = NULL
        while branch != NULL:
            if branch.final >= 300 and not branch.flags & REPLACED and (best == NULL or self.rank(branch) < self.rank(best)):
                best = branch
            branch = branch.next
        return best

    cdef void add_other_challenges(self, Transaction *transaction, Branch *chosen, SipMessage response) noexcept:
        """Put the challenges of all other 401 and 407 branches into the one that goes upstream (§16.7 step 7)."""
        cdef Branch *branch = transaction.branches
        cdef const sip_header *header
        cdef int id, added = 0
        cdef sip_text line
        while branch != NULL:
            if (branch != chosen and branch.final in (401, 407) and not branch.flags & REPLACED
                    and branch.response.at != NULL
                    and self.other.scan(branch.response.at, branch.response.length, &self.no_limits, True) == SIP_SCAN_OK):
                for id in (SIP_HEADER_WWW_AUTHENTICATE, SIP_HEADER_PROXY_AUTHENTICATE):
                    header = sip_first_header(&self.other.index, id)
                    while header != NULL and added < CHALLENGES_MAX:
                        line = response.keep(header.line.at, header.line.length)
                        if line.at != NULL:
                            edit_list_insert(&response.edits, response.index.headers_end, line)
                        added += 1
                        header = sip_next_header(&self.other.index, header)
            branch = branch.next

    cdef bint forward(self, Transaction *transaction, SipMessage response, int status) noexcept:
        """Send a received response upstream, without our Via and with the caller's own From and To.

        Via, and where these are to be restored From and To, are parsed already. False when it is too long, or when the
        state forbids it.
        """
        cdef text_writer out
        cdef uint32_t capacity
        cdef char *space
        cdef const sip_header *header
        if not remove_top_via(response):
            return False
        if transaction.flags & CSEQ_SHIFTED and response.parse_cseq() and response.cseq.number != transaction.cseq:
            response.replace_cseq(transaction.cseq)
        if transaction.dialog:
            self.core.dialog_response(transaction, response)
        if transaction.upstream_from.at != NULL:
            response.replace(response.from_.name_addr, transaction.upstream_from)
        if transaction.upstream_to.at != NULL:
            response.replace(response.to.name_addr, transaction.upstream_to)
        if status != response.index.status:
            # Only ever a 503 that goes on as 500.
            response.replace(text_of(response.index.data + 8, 3), literal(b"500"))
            header = sip_first_header(&response.index, SIP_HEADER_RETRY_AFTER)
            if header != NULL:
                response.replace(header.line, literal(b""))
        capacity = datagram_space(response.index.length + transaction.upstream_from.length
                                  + transaction.upstream_to.length + response.scratch_used + 16)
        space = self.transport.reserve(capacity)
        if space == NULL:
            return False
        text_writer_start(&out, space, capacity)
        if not write_message(response, &out):
            return False
        if not self.server.respond(transaction, status, space, text_writer_length(&out)):
            return False
        self.relayed_responses += 1
        if status >= 200:
            self.forget(transaction)
        return True

    cdef void forget(self, Transaction *transaction) noexcept:
        """The final response is out: the request is not needed for another branch or reply."""
        cdef Branch *branch = transaction.branches
        self.table.release(&transaction.request)
        while branch != NULL:
            self.table.release(&branch.credentials)
            self.table.release(&branch.alternatives)
            branch = branch.next

    cdef void reply_locally(self, Transaction *transaction, int status) noexcept:
        """Answer with a final of our own: a timeout (408), a next hop that cannot be reached (500), a CANCEL (487)."""
        if status == 503:
            status = 500
        if (status == 408 and transaction.method != 1 and not self.settings.noninv_timeout_408):
            # RFC 4320 §4.1: the caller of a non-INVITE has given up as well.
            self.server.end_silently(transaction)
            self.forget(transaction)
            return
        if transaction.request.at == NULL:
            return
        self.other.source = transaction.source
        if (self.other.scan(transaction.request.at, transaction.request.length, &self.no_limits, True) != SIP_SCAN_OK
                or not self.other.parse_top_via()
                or not self.server.reply(transaction, self.other, status,
                                         literal(b"Service Unavailable") if status == 500 else no_text(), no_text())):
            self.server.end_silently(transaction)
        self.forget(transaction)

    cdef void cancel_all(self, Transaction *transaction, sip_text reason_line) noexcept:
        """The caller gives up: what is still waiting is cancelled; when nothing is, the 487 is ours (engine C5, C11)."""
        cdef Branch *branch = transaction.branches
        self.cancel_pending(transaction, reason_line)
        while branch != NULL:
            if branch.final == 0:
                return
            branch = branch.next
        self.reply_locally(transaction, 487)

    cdef bint is_refused_for_all(self, Transaction *transaction) noexcept:
        """Whether a 6xx has come, after which no further target is tried (engine F4)."""
        cdef Branch *branch = transaction.branches
        while branch != NULL and (branch.final < 600 or self.settings.disable_6xx_block):
            branch = branch.next
        return branch != NULL

    cdef void cancel_pending(self, Transaction *transaction, sip_text reason_line) noexcept:
        cdef Branch *branch = transaction.branches
        while branch != NULL:
            if branch.final == 0:
                self.client.cancel(branch, reason_line)
            branch = branch.next

    cdef int rank(self, const Branch *branch) noexcept:
        """Lower goes upstream first: 6xx, then the lower class; within 4xx what helps the caller; ours after real ones (F5, F8)."""
        cdef int status = branch.final
        cdef int klass = status / 100
        cdef int order = 0 if klass == 6 else klass
        cdef int inside
        if status in (401, 407, 415, 420, 484):
            inside = status - 400
        elif status == 408:
            inside = 299
        else:
            inside = 100 + status % 100
        if branch.flags & LOCALLY_MADE and self.settings.faked_reply_prio:
            inside += 300
        if branch.flags & REPLY_DROPPED:
            order += 10
        return order * 1000 + inside
