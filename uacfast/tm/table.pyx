"""Transactions in memory: what they hold, how they are found, how their memory comes and goes.

A transaction is one block of memory, not a Python object. It is found in two ways: a request by a keyed 64-bit hash of
RFC 3261's matching key (strangers choose that key, so the hash is keyed by a secret; at a million transactions two keys
collide once in 10^7 years of full load), a response by the slot number and the random check value that our Via branch
carries: `z9hG4bK<slot>.<check><loop>.<branch>`, all in hex.
"""
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from uacfast.leaves.hash_table cimport (
    hash_table_find, hash_table_free, hash_table_init, hash_table_insert, hash_table_remove,
)
from uacfast.leaves.sip_scan cimport SIP_METHOD_ACK, SIP_METHOD_CANCEL, SIP_METHOD_INVITE
from uacfast.leaves.siphash cimport siphash, siphash_add, siphash_end, siphash_start, siphash_state
from uacfast.leaves.slab cimport slab_alloc, slab_free, slab_free_all, slab_held, slab_in_use, slab_new
from uacfast.leaves.timer_wheel cimport timer_wheel_init, timer_wheel_stop
from uacfast.leaves.transaction_states cimport (
    CLIENT_INVITE, CLIENT_NON_INVITE, SERVER_INVITE, SERVER_NON_INVITE, STATE_CALLING, STATE_PROCEEDING, STATE_TRYING,
)
from uacfast.sip.message cimport no_text, text_of

cdef enum:
    TIMER_RESOLUTION = 10    # ms


cdef class TransactionWatcher:

    cdef void finished(self, Transaction *transaction) noexcept:
        """A transaction of a tracked dialog has its final response, reply_status; below 200: it ends without one."""


cdef class TransactionTable:

    def __cinit__(self, bytes secret, uint64_t now):
        """`secret`: 16 octets, unknown to others; `now`: ms of the monotonic clock."""
        cdef const char *octets
        if len(secret) != 16:
            raise ValueError("The hash key must be 16 octets long.")
        octets = secret
        memcpy(&self.hash_key, octets, 16)
        self.memory = slab_new()
        if self.memory == NULL or hash_table_init(&self.keys, 4096) != 0:
            raise MemoryError
        timer_wheel_init(&self.wheel, now, TIMER_RESOLUTION)
        self.now = now
        self.slot_high = 1       # slot 0 marks stateless branches
        self.watcher = TransactionWatcher()

    def __dealloc__(self):
        cdef uint32_t slot
        for slot in range(1, self.slot_high):
            if self.slots[slot] != NULL and self.slots[slot].context != NULL:
                Py_DECREF(<object>self.slots[slot].context)
        hash_table_free(&self.keys)
        if self.memory != NULL:
            slab_free_all(self.memory)
        free(self.slots)
        free(self.free_slots)

    @property
    def octets_in_use(self):
        """Octets that transactions hold, for leak checks and metrics."""
        return slab_in_use(self.memory)

    @property
    def octets_held(self):
        """Octets taken from the system for transactions."""
        return slab_held(self.memory)

    cdef uint64_t random(self) noexcept:
        """64 bits that nobody without the boot secret can foresee."""
        self.counter += 1
        return siphash(&self.hash_key, &self.counter, sizeof(self.counter))

    cdef bint fill(self, Buffer *buffer, const char *at, uint32_t length) noexcept:
        if buffer.size < length or buffer.size > 2 * length + 64:
            self.release(buffer)
            buffer.at = <char *>slab_alloc(self.memory, length)
            if buffer.at == NULL:
                return False
            buffer.size = length
        memcpy(buffer.at, at, length)
        buffer.length = length
        return True

    cdef void release(self, Buffer *buffer) noexcept:
        if buffer.at != NULL:
            slab_free(self.memory, buffer.at, buffer.size)
            memset(buffer, 0, sizeof(Buffer))

    cdef bint grow_slots(self) noexcept:
        cdef uint32_t capacity = self.slot_capacity * 2 if self.slot_capacity else 1024
        cdef void *slots = realloc(self.slots, capacity * sizeof(Transaction *))
        cdef void *free_slots
        if slots == NULL:
            return False
        self.slots = <Transaction **>slots
        free_slots = realloc(self.free_slots, capacity * sizeof(uint32_t))
        if free_slots == NULL:
            return False
        self.free_slots = <uint32_t *>free_slots
        self.slot_capacity = capacity
        return True

    cdef Transaction *create(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to) noexcept:
        """A transaction for this request, or NULL when memory ends; key_hash 0: a request of our own."""
        cdef Transaction *transaction
        cdef bint invite = message.index.method == SIP_METHOD_INVITE
        if self.free_slot_count == 0 and self.slot_high >= self.slot_capacity and not self.grow_slots():
            return NULL
        transaction = <Transaction *>slab_alloc(self.memory, sizeof(Transaction))
        if transaction == NULL:
            return NULL
        memset(transaction, 0, sizeof(Transaction))
        if (not self.fill(&transaction.request, message.index.data, message.index.length)
                or (key_hash != 0 and hash_table_insert(&self.keys, key_hash, transaction) != 0)):
            self.release(&transaction.request)
            slab_free(self.memory, transaction, sizeof(Transaction))
            return NULL
        if self.free_slot_count:
            self.free_slot_count -= 1
            transaction.slot = self.free_slots[self.free_slot_count]
        else:
            transaction.slot = self.slot_high
            self.slot_high += 1
        self.slots[transaction.slot] = transaction
        self.created += 1
        transaction.timer.kind = TIMER_SERVER
        transaction.check = self.random()
        transaction.key_hash = key_hash
        transaction.method = message.index.method
        transaction.cseq = message.cseq.number
        transaction.machine = SERVER_INVITE if invite else SERVER_NON_INVITE
        transaction.state = STATE_PROCEEDING if invite else STATE_TRYING
        transaction.socket = message.socket
        transaction.source = message.source
        transaction.reply_to = reply_to[0]
        transaction.born = self.now
        if key_hash == 0:
            transaction.flags = LOCAL
            transaction.loop_hash = LOCAL_MARK | <uint32_t>self.worker
        if message.dialog:
            transaction.dialog = message.dialog
            if message.to.tag.at == NULL:
                transaction.flags |= DIALOG_BEGINS
            if message.upstream:
                transaction.flags |= DIALOG_UPSTREAM
            if message.other_leg:
                transaction.flags |= DIALOG_OTHER_LEG
        if message.upstream_from.at != NULL or message.upstream_to.at != NULL:
            self.remember(transaction, message.upstream_from, message.upstream_to)
        self.total += 1
        self.active += 1
        return transaction

    cdef void remember(self, Transaction *transaction, sip_text upstream_from, sip_text upstream_to) noexcept:
        """Keep the name-addr texts that responses must show upstream."""
        cdef uint32_t size = upstream_from.length + upstream_to.length
        cdef Buffer *memo = &transaction.memo
        transaction.upstream_from = transaction.upstream_to = no_text()
        self.release(memo)
        memo.at = <char *>slab_alloc(self.memory, size if size else 1)
        if memo.at == NULL:
            return
        memo.size = memo.length = size if size else 1
        if upstream_from.at != NULL:
            memcpy(memo.at, upstream_from.at, upstream_from.length)
            transaction.upstream_from = text_of(memo.at, upstream_from.length)
        if upstream_to.at != NULL:
            memcpy(memo.at + upstream_from.length, upstream_to.at, upstream_to.length)
            transaction.upstream_to = text_of(memo.at + upstream_from.length, upstream_to.length)

    cdef void finish(self, Transaction *transaction) noexcept:
        """Its final response is out: nothing will read the request again."""
        if not transaction.flags & FINAL_SENT:
            transaction.flags |= FINAL_SENT
            self.active -= 1
            if transaction.dialog:
                self.watcher.finished(transaction)

    cdef void destroy(self, Transaction *transaction) noexcept:
        cdef Branch *branch = transaction.branches
        cdef Branch *next
        self.finish(transaction)
        timer_wheel_stop(&self.wheel, &transaction.timer)
        while branch != NULL:
            next = branch.next
            timer_wheel_stop(&self.wheel, &branch.timer)
            self.release_cancel(branch)
            self.release(&branch.sent)
            self.release(&branch.response)
            self.release(&branch.credentials)
            self.release(&branch.alternatives)
            slab_free(self.memory, branch, sizeof(Branch))
            branch = next
        if transaction.key_hash:
            hash_table_remove(&self.keys, transaction.key_hash, transaction)
        self.release(&transaction.request)
        self.release(&transaction.reply)
        self.release(&transaction.memo)
        if transaction.context != NULL:
            Py_DECREF(<object>transaction.context)
        self.slots[transaction.slot] = NULL
        self.free_slots[self.free_slot_count] = transaction.slot
        self.free_slot_count += 1
        slab_free(self.memory, transaction, sizeof(Transaction))
        self.total -= 1

    cdef void release_cancel(self, Branch *branch) noexcept:
        if branch.cancel != NULL:
            timer_wheel_stop(&self.wheel, &branch.cancel.timer)
            self.release(&branch.cancel.sent)
            slab_free(self.memory, branch.cancel, sizeof(CancelAttempt))
            branch.cancel = NULL

    cdef Branch *add_branch(self, Transaction *transaction) noexcept:
        """A client transaction after the others, or NULL when memory ends or there are 255."""
        cdef Branch *branch
        cdef Branch **link = &transaction.branches
        if transaction.branch_count == 255:
            return NULL
        branch = <Branch *>slab_alloc(self.memory, sizeof(Branch))
        if branch == NULL:
            return NULL
        memset(branch, 0, sizeof(Branch))
        while link[0] != NULL:
            link = &link[0].next
        link[0] = branch
        branch.transaction = transaction
        branch.timer.kind = TIMER_BRANCH
        branch.number = transaction.branch_count
        transaction.branch_count += 1
        if transaction.method == SIP_METHOD_INVITE:
            branch.machine = CLIENT_INVITE
            branch.state = STATE_CALLING
        else:
            branch.machine = CLIENT_NON_INVITE
            branch.state = STATE_TRYING
        return branch

    cdef void remove_last_branch(self, Transaction *transaction, Branch *branch) noexcept:
        """Undo add_branch() for a branch that was never sent."""
        cdef Branch **link = &transaction.branches
        while link[0] != branch:
            link = &link[0].next
        link[0] = NULL
        transaction.branch_count -= 1
        slab_free(self.memory, branch, sizeof(Branch))

    cdef uint64_t key_hash_of(self, SipMessage message, bint as_invite) noexcept:
        """RFC 3261 §17.2.3: branch, sent-by and method; without the magic cookie the fields of RFC 2543.

        `as_invite`: the key of the INVITE that this ACK or CANCEL belongs to. Never 0.
        """
        cdef siphash_state state
        cdef sip_text branch = message.via.branch
        cdef char lowered[256]
        cdef uint32_t i, length
        cdef uint64_t hash
        cdef char octet
        siphash_start(&state, &self.hash_key)
        if branch.length > 7 and is_cookie(branch.at):
            siphash_add(&state, branch.at, branch.length)
            length = message.via.host.length if message.via.host.length < 256 else 256
            for i in range(length):
                octet = message.via.host.at[i]
                lowered[i] = octet + 32 if c'A' <= octet <= c'Z' else octet
            siphash_add(&state, lowered, length)
            siphash_add(&state, &message.via.port, sizeof(message.via.port))
        else:
            siphash_add(&state, message.index.request_uri.at, message.index.request_uri.length)
            siphash_add(&state, message.from_.tag.at, message.from_.tag.length)
            siphash_add(&state, message.call_id.at, message.call_id.length)
            siphash_add(&state, &message.cseq.number, sizeof(message.cseq.number))
            siphash_add(&state, message.via.value.at, message.via.value.length)
        if as_invite:
            siphash_add(&state, b"INVITE", 6)
        else:
            siphash_add(&state, message.index.method_text.at, message.index.method_text.length)
        hash = siphash_end(&state)
        return hash if hash else 1

    cdef Transaction *find(self, uint64_t key_hash) noexcept:
        cdef size_t cursor = 0
        return <Transaction *>hash_table_find(&self.keys, key_hash, &cursor)

    cdef Transaction *at_slot(self, uint32_t slot, uint64_t check) noexcept:
        cdef Transaction *transaction
        if slot == 0 or slot >= self.slot_high:
            return NULL
        transaction = self.slots[slot]
        return transaction if transaction != NULL and transaction.check == check else NULL

    cdef Branch *find_branch(self, sip_text text) noexcept:
        """The client transaction that a Via branch of ours names, NULL when it is none of the living."""
        cdef BranchName name
        cdef Transaction *transaction
        cdef Branch *branch
        if not read_branch(text, &name):
            return NULL
        transaction = self.at_slot(<uint32_t>name.slot, name.check)
        if transaction == NULL or transaction.loop_hash != name.loop:
            return NULL
        branch = transaction.branches
        while branch != NULL and branch.number != name.number:
            branch = branch.next
        return branch

    cdef int local_owner(self, sip_text text) noexcept:
        """The worker that sent a request of its own with this Via branch; -1: it is no such branch.

        Such a request may have been given a Call-ID that leads to another worker.
        """
        cdef BranchName name
        if not read_branch(text, &name) or name.loop & 0xFFFFF000 != LOCAL_MARK:
            return -1
        return <int>(name.loop & 0xFFF)

    cdef void set_context(self, Transaction *transaction, object context) noexcept:
        Py_INCREF(context)
        if transaction.context != NULL:
            Py_DECREF(<object>transaction.context)
        transaction.context = <PyObject *>context


cdef bint is_cookie(const char *at) noexcept:
    """The magic cookie, without regard to case (RFC 3261 §7.3.1: tokens are case-insensitive)."""
    return ((at[0] | 32) == c'z' and at[1] == c'9' and (at[2] | 32) == c'h' and (at[3] | 32) == c'g'
            and at[4] == c'4' and (at[5] | 32) == c'b' and (at[6] | 32) == c'k')


cdef bint read_branch(sip_text text, BranchName *name) noexcept:
    """Read `z9hG4bK<slot>.<check><loop>.<branch>`; False when the text is not of this form."""
    cdef const char *at = text.at
    cdef const char *end = text.at + text.length
    if text.length < 7 or not is_cookie(at):
        return False
    at += 7
    at = read_hex(at, end, 8, &name.slot)
    if at == NULL or at >= end or at[0] != c'.':
        return False
    at += 1
    if end - at < 24 or read_hex(at, at + 16, 16, &name.check) != at + 16:
        return False
    at += 16
    if read_hex(at, at + 8, 8, &name.loop) != at + 8:
        return False
    at += 8
    if at >= end or at[0] != c'.':
        return False
    return read_hex(at + 1, end, 2, &name.number) == end


cdef signed char[256] HEX_DIGITS       # -1: none; upper case is none of ours
for code in range(256):
    HEX_DIGITS[code] = b"0123456789abcdef".find(bytes([code]))


cdef const char *read_hex(const char *at, const char *end, int digits, uint64_t *value) noexcept:
    """Reads 1 to `digits` lower-case hex digits; returns what follows, NULL when there is none."""
    cdef const char *start = at
    cdef const char *stop = at + digits if end - at > digits else end
    cdef uint64_t sum = 0
    cdef int digit
    while at < stop:
        digit = HEX_DIGITS[<unsigned char>at[0]]
        if digit < 0:
            break
        sum = sum << 4 | <uint64_t>digit
        at += 1
    value[0] = sum
    return at if at > start else NULL
