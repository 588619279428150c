"""Registrations in memory: what a record holds, how it is found, the counts of records by state."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from uacfast.leaves.hash_table cimport hash_table
from uacfast.leaves.registration_states cimport REGISTRATION_STATES
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.slab cimport slab
from uacfast.leaves.timer_wheel cimport timer_entry, timer_wheel

cdef enum:                       # timer_entry.kind: whose first member the timer is
    TIMER_RECORD = 1
    TIMER_REGISTRAR = 2

cdef enum:                       # Record.flags: Kamailio's bits (uac-semantics §4.3)
    DISABLED = 1
    ONGOING = 2
    ONLINE = 4
    AUTHSENT = 8
    INIT = 16
    LOADED_FLAGS = 17            # what a row may set

cdef enum:                       # Record.marks: our own
    QUEUED = 1                   # waits for its registrar
    COUNTED_ACTIVE = 2           # regactive counts it
    UNREGISTERING = 4            # the attempt under way takes the binding away
    CREDENTIALS_SENT = 8         # the first REGISTER of the attempt had credentials for a nonce of before
    DIRTY = 16                   # its state is to be written behind
    FOREIGN = 32                 # another worker drives it; here it only answers look-ups
    SEEN = 64                    # the reload under way has its row

cdef enum:                       # Record.wanted: what is to happen at the end of the attempt
    WANT_NOTHING
    WANT_REGISTER
    WANT_UNREGISTER
    WANT_RESTART                 # the row has changed

cdef enum:                       # texts of a record, in the order of the columns
    L_UUID
    L_USERNAME
    L_DOMAIN
    R_USERNAME
    R_DOMAIN
    REALM
    AUTH_USERNAME
    AUTH_PASSWORD
    AUTH_HA1
    AUTH_PROXY
    CONTACT_ADDR
    SOCKET
    CONTACT_USER
    TEXTS

cdef enum:
    HISTORY = 8                  # transitions remembered for uac.reg_explain
    LATENCY_BUCKETS = 12
    LATENESS_BUCKETS = 10


cdef struct Record
cdef struct Registrar

cdef struct Transition:
    uint32_t at                  # epoch seconds
    uint16_t status              # final response, 0: none
    uint8_t event
    uint8_t state                # the one that it led to


cdef struct Block:
    char *at
    uint32_t length


cdef struct Record:
    timer_entry timer            # the earliest of: next attempt, end of the granted time, overdue
    char *texts                  # TEXTS ends as uint16_t, then the octets
    Registrar *registrar         # of auth_proxy
    Registrar *flight            # the one that the attempt under way went to, NULL: none is
    Record *queue_next
    Record *queue_previous
    Record *same_user_next       # older records with this l_username
    Record *same_user_previous
    Block credentials            # lines that were sent last
    Block service_route          # header values of the last 200
    uint64_t call_number         # Call-ID; 0: none yet
    uint64_t tag_number          # From tag
    uint64_t due                 # ms, next attempt; 0: none
    uint64_t sent_at             # ms, first REGISTER of the attempt
    uint64_t request_at          # ms, last REGISTER
    uint64_t timer_expires       # ms, Kamailio's; 0: never sent
    uint64_t binding_until       # ms, end of what was granted; 0: no binding
    uint32_t index, generation, serial
    uint32_t cseq                # of the last REGISTER
    uint32_t row_expires, expires, granted     # seconds: the row's, what is asked for, what was granted
    uint32_t reg_init            # epoch seconds
    int32_t row_delay, delay     # seconds: the row's, what counts
    uint16_t texts_length
    uint16_t failures            # in a row
    uint16_t last_status
    uint16_t retried             # realms that were answered twice in this attempt (uac.auth)
    int16_t socket
    uint8_t flags, marks, state, wanted
    uint8_t row_flags
    uint8_t answers              # challenges answered in this attempt
    uint8_t history_count        # modulo 256; the last HISTORY are there
    uint8_t owner                # worker that drives it
    Transition history[8]


cdef enum BreakerState:
    BREAKER_CLOSED
    BREAKER_OPEN
    BREAKER_HALF_OPEN


cdef struct Registrar:           # one next hop (auth_proxy) and who waits for it
    timer_entry timer            # the breaker's
    Registrar *ready_next        # ring of those that records wait for
    Registrar *ready_previous
    Registrar *next              # all registrars
    Registrar *previous
    Record *first
    Record *last
    char *destination
    uint64_t hash
    uint64_t shrunk_at           # ms
    uint64_t tokens_at           # ms
    double tokens
    uint64_t attempts, accepted, refused, unanswered, latency_sum
    uint32_t length
    uint32_t references          # records and attempts
    uint32_t waiting, in_flight, window, progress
    uint32_t least_latency       # ms, UINT32_MAX: not known
    uint32_t failures            # in a row
    uint32_t breaker_opened      # times in a row
    uint32_t by_state[8]
    uint8_t breaker
    bint in_ring


cdef class RecordTable:
    cdef slab *memory
    cdef timer_wheel wheel
    cdef hash_table uuids, users, registrars
    cdef siphash_key key
    cdef Record **slots
    cdef uint32_t *free_slots
    cdef uint32_t slot_capacity, slot_high, free_slot_count
    cdef uint32_t serial, generation
    cdef uint64_t now                        # ms, a multiple of the wheel's resolution
    cdef int64_t wall_offset                 # ms to add for the epoch
    cdef readonly uint32_t all               # records, those of other workers included
    cdef readonly uint32_t total, active, disabled    # regtotal, regactive, regdisabled of what this worker drives
    cdef uint32_t by_state[8]                # the same
    cdef Registrar *all_registrars
    cdef Registrar *ready                    # ring
    cdef uint32_t ready_count
    cdef readonly uint32_t waiting, in_flight
    cdef uint32_t *dirty
    cdef uint32_t dirty_count, dirty_capacity
    cdef bint writes_behind

    cdef uint64_t hash(self, sip_text text) noexcept
    cdef Record *find(self, sip_text uuid) noexcept
    cdef Record *find_user(self, sip_text username, sip_text domain, bint with_domain) noexcept
    cdef Record *first_match(self, int field, sip_text value, uint32_t hash_size) noexcept
    cdef Record *at(self, uint32_t index) noexcept
    cdef Record *add(self, const char *texts, uint32_t length, bint foreign) noexcept
    cdef bint set_texts(self, Record *record, const char *texts, uint32_t length) noexcept
    cdef void set_foreign(self, Record *record, bint foreign) noexcept
    cdef void remove(self, Record *record) noexcept
    cdef bint set_block(self, Block *block, const char *at, uint32_t length) noexcept
    cdef void set_flags(self, Record *record, int flags) noexcept
    cdef void set_state(self, Record *record, int state) noexcept
    cdef void update_active(self, Record *record) noexcept
    cdef void count_state(self, Record *record, int change) noexcept
    cdef void arm(self, Record *record, uint32_t overdue) noexcept
    cdef void note(self, Record *record, int event, int status) noexcept
    cdef void mark_dirty(self, Record *record) noexcept
    cdef void enqueue(self, Record *record) noexcept
    cdef void dequeue(self, Record *record) noexcept
    cdef void join_ring(self, Registrar *registrar) noexcept
    cdef void leave_ring(self, Registrar *registrar) noexcept
    cdef Registrar *registrar_of(self, sip_text destination) noexcept
    cdef void release_registrar(self, Registrar *registrar) noexcept
    cdef bint grow(self) noexcept
    cdef void link_user(self, Record *record) noexcept
    cdef void unlink_user(self, Record *record) noexcept
    cdef uint64_t epoch_seconds(self, uint64_t at) noexcept

cdef sip_text text_field(const Record *record, int field) noexcept
cdef double spread_of(const Record *record, uint32_t salt) noexcept
cdef uint32_t kamailio_hash(sip_text text) noexcept
