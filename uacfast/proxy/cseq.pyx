"""The CSeq difference of a dialog: what requests carry more than their sender wrote (engine D5, field-reports 2 and 3).

A request that is sent again with credentials has a higher CSeq number (RFC 3261 §22.2), of which the sender knows nothing.
From then on all its requests in that dialog have to be raised, ACK and RAck too; responses show the sender's own number.

Where the difference is kept: a branch has its own (Branch.cseq_shift). The one of the branch whose 2xx wins becomes the
dialog's all by itself, for it stands in that branch's Record-Route value (`cseq=1`) and so in the route set: no state, and
it survives a restart. What challenges within the dialog add cannot get in there; these few dialogs are kept in a table here.
It tells by the sender's number, so that a copy of an ACK or request from before the challenge goes out as it did the first
time (engine D6).
"""
import os

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from uacfast.leaves.hash_table cimport (
    hash_table_find, hash_table_free, hash_table_init, hash_table_insert, hash_table_remove,
)
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_RACK, SIP_METHOD_BYE, SIP_METHOD_PRACK, sip_first_header, sip_header,
)
from uacfast.leaves.sip_text cimport sip_text_to_uint
from uacfast.leaves.sip_uri cimport sip_parameter_find
from uacfast.leaves.siphash cimport siphash_add, siphash_end, siphash_start, siphash_state
from uacfast.leaves.text_writer cimport text_put_string, text_put_uint, text_writer_length, text_writer_start
from uacfast.sip.message cimport text_of

cdef enum:
    DIALOGS_MAX = 65536          # when it is full the one that was silent longest is forgotten
    LIFETIME = 43200000          # ms without a request, as dialogs have it (engine D2)
    ENDING = 64000               # ms after a BYE: as long as it may be repeated
    CSEQ_MAX = 2147483647        # RFC 3261 §8.1.1.5
    NUMBER_SIZE = 10

cdef const char *PARAMETER = b"cseq"


cdef bint raise_cseq(SipMessage request, uint32_t difference) noexcept:
    """Let the request leave with its number raised by this much in all; False when that is no CSeq number any more."""
    if <uint64_t>request.cseq.number + difference > CSEQ_MAX or not request.replace_cseq(request.cseq.number + difference):
        return False
    request.cseq_shift = difference
    return True


cdef bint stored_difference(sip_text parameters, uint32_t *difference) noexcept:
    """The difference in the parameters of our own Route or Record-Route value."""
    cdef sip_text text
    cdef uint64_t value
    if (parameters.length == 0 or not sip_parameter_find(parameters, PARAMETER, &text)
            or not sip_text_to_uint(text, CSEQ_MAX, &value)):
        return False
    difference[0] = <uint32_t>value
    return True


cdef void put_difference(uint32_t difference, text_writer *out) noexcept:
    text_put_string(out, b";cseq=")
    text_put_uint(out, difference)


cdef class CSeqDifferences:

    def __cinit__(self):
        cdef bytes secret = os.urandom(16)
        memcpy(&self.key, <const char *>secret, 16)
        if hash_table_init(&self.table, 64) != 0:
            raise MemoryError

    def __dealloc__(self):
        while self.living.oldest != NULL:
            self.drop(self.living.oldest)
        while self.ending.oldest != NULL:
            self.drop(self.ending.oldest)
        hash_table_free(&self.table)

    cdef uint32_t of(self, SipMessage request, uint32_t number, uint64_t now) noexcept:
        """By how much `number`, from the sender of this in-dialog request, is to be raised. Our Route value is taken off."""
        cdef uint32_t difference = 0
        cdef uint32_t i
        cdef DialogDifference *entry
        if self.count:
            entry = self.find(self.hash_of(request, request.from_.tag, request.to.tag))
            if entry != NULL:
                if not entry.ending:
                    self.unlink(entry)
                    self.append(entry, False, now)
                difference = entry.base
                for i in range(entry.step_count):
                    if entry.steps[i].number <= number:
                        difference = entry.steps[i].difference
                return difference
        if not request.upstream:
            stored_difference(request.route_parameters, &difference)
        return difference

    cdef void translate(self, SipMessage request, uint64_t now) noexcept:
        """Raise CSeq and RAck of an in-dialog request that has followed our Route value."""
        cdef uint32_t difference = self.of(request, request.cseq.number, now)
        if difference:
            raise_cseq(request, difference)
        if request.index.method == SIP_METHOD_PRACK:
            self.translate_rack(request, now)
        elif request.index.method == SIP_METHOD_BYE and self.count:
            self.end_dialog(request, now)

    cdef void translate_rack(self, SipMessage request, uint64_t now) noexcept:
        """RAck names the number that the INVITE left with (RFC 3262 §7.2: response number, CSeq number, method)."""
        cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_RACK)
        cdef sip_text part
        cdef uint64_t number
        cdef uint32_t difference
        cdef const char *end
        cdef char *space
        cdef text_writer out
        if header == NULL:
            return
        end = header.value.at + header.value.length
        part = text_of(header.value.at, 0)
        while part.at < end and c'0' <= part.at[0] <= c'9':
            part.at += 1
        while part.at < end and part.at[0] in (c' ', c'\t', c'\r', c'\n'):
            part.at += 1
        while part.at + part.length < end and c'0' <= part.at[part.length] <= c'9':
            part.length += 1
        if not sip_text_to_uint(part, CSEQ_MAX, &number):
            return
        difference = self.of(request, <uint32_t>number, now)
        space = request.scratch_reserve(NUMBER_SIZE) if difference else NULL
        if space != NULL:
            text_writer_start(&out, space, NUMBER_SIZE)
            text_put_uint(&out, number + difference)
            request.replace(part, text_of(space, text_writer_length(&out)))

    cdef void note(self, SipMessage request, uint32_t difference, uint64_t now) noexcept:
        """From this in-dialog request's number on, its sender's numbers are raised by `difference`: it was sent again."""
        cdef uint64_t hash = self.hash_of(request, request.from_.tag, request.to.tag)
        cdef DialogDifference *entry = self.find(hash)
        cdef uint32_t number = request.cseq.number
        cdef uint32_t at, i
        cdef uint32_t before = 0
        if entry == NULL:
            self.drop_expired(now)
            if self.count >= DIALOGS_MAX:
                self.drop(self.living.oldest if self.living.oldest != NULL else self.ending.oldest)
            if not request.upstream:
                stored_difference(request.route_parameters, &before)
            entry = <DialogDifference *>calloc(1, sizeof(DialogDifference))
            if entry == NULL:
                return
            if hash_table_insert(&self.table, hash, entry) != 0:
                free(entry)
                return
            entry.hash = hash
            entry.base = before
            self.count += 1
        else:
            self.unlink(entry)
        self.append(entry, request.index.method == SIP_METHOD_BYE, now)
        at = entry.step_count
        while at > 0 and entry.steps[at - 1].number >= number:
            at -= 1
        if at == entry.step_count or entry.steps[at].number != number:
            if entry.step_count == DIFFERENCE_STEPS:
                if at == 0:
                    return       # older than all that is remembered
                entry.base = entry.steps[0].difference
                for i in range(1, DIFFERENCE_STEPS):
                    entry.steps[i - 1] = entry.steps[i]
                entry.step_count -= 1
                at -= 1
            i = entry.step_count
            while i > at:
                entry.steps[i] = entry.steps[i - 1]
                i -= 1
            entry.step_count += 1
            entry.steps[at].number = number
        for i in range(at, entry.step_count):
            entry.steps[i].difference = max(entry.steps[i].difference if i > at else 0, difference)

    cdef void end_dialog(self, SipMessage request, uint64_t now) noexcept:
        """A BYE travels: what is kept about either direction goes soon."""
        cdef DialogDifference *entries[2]
        cdef int i
        entries[0] = self.find(self.hash_of(request, request.from_.tag, request.to.tag))
        entries[1] = self.find(self.hash_of(request, request.to.tag, request.from_.tag))
        for i in range(2):
            if entries[i] != NULL and not entries[i].ending:
                self.unlink(entries[i])
                self.append(entries[i], True, now)

    cdef uint64_t hash_of(self, SipMessage request, sip_text sender_tag, sip_text receiver_tag) noexcept:
        """The dialog in one direction; keyed, since strangers choose what it is made from."""
        cdef siphash_state state
        siphash_start(&state, &self.key)
        siphash_add(&state, request.call_id.at, request.call_id.length)
        siphash_add(&state, b"\0", 1)
        siphash_add(&state, sender_tag.at, sender_tag.length)
        siphash_add(&state, b"\0", 1)
        siphash_add(&state, receiver_tag.at, receiver_tag.length)
        return siphash_end(&state)

    cdef DialogDifference *find(self, uint64_t hash) noexcept:
        cdef size_t cursor = 0
        return <DialogDifference *>hash_table_find(&self.table, hash, &cursor)

    cdef void append(self, DialogDifference *entry, bint ending, uint64_t now) noexcept:
        """At the end of its list: each list is in the order of expiry."""
        cdef DifferenceList *queue = &self.ending if ending else &self.living
        entry.ending = ending
        entry.expires = now + (ENDING if ending else LIFETIME)
        entry.newer = NULL
        entry.older = queue.newest
        if queue.newest != NULL:
            queue.newest.newer = entry
        else:
            queue.oldest = entry
        queue.newest = entry

    cdef void unlink(self, DialogDifference *entry) noexcept:
        cdef DifferenceList *queue = &self.ending if entry.ending else &self.living
        if entry.older != NULL:
            entry.older.newer = entry.newer
        else:
            queue.oldest = entry.newer
        if entry.newer != NULL:
            entry.newer.older = entry.older
        else:
            queue.newest = entry.older

    cdef void drop(self, DialogDifference *entry) noexcept:
        self.unlink(entry)
        hash_table_remove(&self.table, entry.hash, entry)
        self.count -= 1
        free(entry)

    cdef void drop_expired(self, uint64_t now) noexcept:
        while self.living.oldest != NULL and self.living.oldest.expires <= now:
            self.drop(self.living.oldest)
        while self.ending.oldest != NULL and self.ending.oldest.expires <= now:
            self.drop(self.ending.oldest)
