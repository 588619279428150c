"""Transactions in memory: what they hold, how they are found, how their memory comes and goes."""
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from uacfast.leaves.hash_table cimport hash_table
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.slab cimport slab
from uacfast.leaves.timer_wheel cimport timer_entry, timer_wheel
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.sip.message cimport SipMessage

cdef enum:                       # timer_entry.kind: whose first member the timer is
    TIMER_SERVER = 1
    TIMER_BRANCH = 2
    TIMER_CANCEL = 3

cdef enum:                       # Transaction.flags
    CANCELLED = 1                # a CANCEL came for it
    FINAL_SENT = 2               # its final response went upstream
    LOCAL = 4                    # we began it ourselves: no server side
    PROVISIONAL_SENT = 8         # a provisional other than 100 went upstream
    DIALOG_BEGINS = 16           # the INVITE that `dialog` began with
    DIALOG_UPSTREAM = 32         # a request within `dialog`, from its callee
    DIALOG_OTHER_LEG = 64        # within a dialog of the same caller with another callee (a fork that answered too)
    CSEQ_SHIFTED = 128           # a branch has another CSeq number than the caller's

cdef enum:                       # Branch.cancel_state
    CANCEL_NONE
    CANCEL_WANTED                # to be sent when the first provisional comes (RFC 3261 §9.1)
    CANCEL_SENT

cdef enum:                       # Branch.flags
    LOCALLY_MADE = 1             # its final is ours (408, 503), not the callee's (Kamailio: faked reply)
    GOT_PROVISIONAL = 2
    REPLY_DROPPED = 4            # its refusal goes upstream only if there is no other
    FORETOLD = 8                 # sent with credentials that nobody had asked for yet
    REPLACED = 16                # a further branch has taken its place (credentials, next address): it counts no more
    WITHOUT_REQUEST = 32         # nothing was sent: it only bounds how long a script may keep its transaction suspended

cdef enum:                       # next hop addresses of one branch, RFC 3263 failover
    ALTERNATIVES = 8


cdef enum:                       # loop_hash of LOCAL transactions: this and the worker's number
    LOCAL_MARK = 0x10CA1000

cdef struct Branch
cdef struct Transaction

cdef struct BranchName:          # what our Via branch says
    uint64_t slot, check, loop, number

cdef struct Buffer:
    char *at
    uint32_t length
    uint32_t size                # allocated


cdef struct CancelAttempt:       # the CANCEL's own client transaction, RFC 3261 §9.1
    timer_entry timer
    Branch *branch
    Buffer sent
    uint32_t interval            # ms
    uint64_t deadline


cdef struct Branch:              # one client transaction, RFC 3261 §17.1; 192 octets, three cache lines
    timer_entry timer            # the earlier of retransmission and deadline
    Transaction *transaction
    Branch *next
    uint64_t retransmit_at       # ms, 0: not running
    uint64_t deadline            # ms, 0: not running
    uint32_t interval            # ms, retransmission
    uint16_t status              # last response's, 0: none yet
    uint16_t final               # final status, real or ours, 0: none yet
    uint8_t number
    uint8_t machine, state
    uint8_t flags
    uint16_t step                # which of the policy's targets it is for
    uint16_t auth_retried        # realms that got credentials twice, as uac.auth notes them
    uint32_t cseq_shift          # what its CSeq number has more than the caller's
    uint8_t alternative          # the first of `alternatives` that was not tried
    uint8_t breadth              # the Max-Breadth that we gave it, 0: that of the request
    uint8_t cancel_state
    Buffer credentials           # (Proxy-)Authorization lines that it was sent with; until the final response
    Buffer alternatives          # further addresses of its next hop, udp_address after udp_address; until a provisional
    int socket
    udp_address destination
    Buffer sent                  # the request as sent; after a negative final the ACK
    Buffer response              # the final response while others are awaited
    CancelAttempt *cancel


cdef struct Transaction:         # a server transaction and the branches that answer it; at most 320 octets
    timer_entry timer
    uint64_t check               # random, in the branch parameters that we emit
    uint64_t key_hash
    uint64_t retransmit_at, deadline
    uint32_t interval
    uint32_t slot
    uint32_t loop_hash
    uint32_t cseq                # the number that the caller gave
    uint8_t machine, state
    uint8_t method
    uint8_t branch_count
    uint16_t reply_status        # of the last response sent upstream
    uint16_t flags
    int socket                   # where the request came in
    int context_step             # policy's own counter (next target)
    udp_address source           # where the request came from
    udp_address reply_to         # where responses go
    uint32_t fr_timer, fr_inv_timer   # ms
    uint32_t retr_timer1, retr_timer2 # ms, T1 and T2; 0: as the settings say
    uint64_t born                # ms
    uint64_t lifetime_end        # ms; 0: as the settings say
    Buffer request               # as received; freed with the final response
    Buffer reply                 # last response sent upstream, for repetition
    Buffer memo                  # texts that outlive the request: From and To for replies
    sip_text upstream_from       # what replies must show, in memo; .at NULL: nothing to restore
    sip_text upstream_to
    PyObject *context            # what policy wants to know again later, or who began a request of our own; owned
    uint64_t local_tag           # LOCAL: which of that one's requests it is
    uint64_t dialog              # the tracked dialog that it is of, a handle of the core's; 0: none
    Branch *branches             # newest last
    uint8_t pending              # next hops whose names are being resolved


cdef class TransactionWatcher:   # who keeps something about transactions of tracked dialogs
    cdef void finished(self, Transaction *transaction) noexcept


cdef class TransactionTable:
    cdef slab *memory
    cdef timer_wheel wheel
    cdef hash_table keys
    cdef Transaction **slots
    cdef uint32_t slot_capacity, slot_high, free_slot_count
    cdef uint32_t *free_slots
    cdef siphash_key hash_key
    cdef uint64_t counter
    cdef uint64_t now            # ms, monotonic
    cdef TransactionWatcher watcher
    cdef int worker              # whose table it is
    cdef readonly uint64_t total          # transactions in memory
    cdef readonly uint64_t created        # transactions since the beginning
    cdef readonly uint64_t active         # of these, still without a final response

    cdef uint64_t random(self) noexcept
    cdef bint fill(self, Buffer *buffer, const char *at, uint32_t length) noexcept
    cdef void release(self, Buffer *buffer) noexcept
    cdef Transaction *create(self, SipMessage message, uint64_t key_hash, const udp_address *reply_to) noexcept
    cdef void remember(self, Transaction *transaction, sip_text upstream_from, sip_text upstream_to) noexcept
    cdef void finish(self, Transaction *transaction) noexcept
    cdef void release_cancel(self, Branch *branch) noexcept
    cdef void remove_last_branch(self, Transaction *transaction, Branch *branch) noexcept
    cdef bint grow_slots(self) noexcept
    cdef void destroy(self, Transaction *transaction) noexcept
    cdef Branch *add_branch(self, Transaction *transaction) noexcept
    cdef uint64_t key_hash_of(self, SipMessage message, bint as_invite) noexcept
    cdef Transaction *find(self, uint64_t key_hash) noexcept
    cdef Transaction *at_slot(self, uint32_t slot, uint64_t check) noexcept
    cdef Branch *find_branch(self, sip_text branch) noexcept
    cdef int local_owner(self, sip_text branch) noexcept
    cdef void set_context(self, Transaction *transaction, object context) noexcept

cdef bint is_cookie(const char *at) noexcept
cdef bint read_branch(sip_text branch, BranchName *name) noexcept
cdef const char *read_hex(const char *at, const char *end, int digits, uint64_t *value) noexcept
