"""Registrations in memory: what a record holds, how it is found, the counts of records by state.

A record is one struct and one block of text, no Python object. It is found by its index (the tag of its requests), by
l_uuid and by l_username; all of a user name hang in a chain behind one index entry, so that a million rows with one
user name cost no more than a million with different ones.
"""
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset

from uacfast.leaves.hash_table cimport (
    hash_table_find, hash_table_free, hash_table_init, hash_table_insert, hash_table_remove,
)
from uacfast.leaves.registration_states cimport registration_is_ongoing
from uacfast.leaves.sip_text cimport sip_text_equal
from uacfast.leaves.siphash cimport siphash, siphash_add, siphash_end, siphash_start, siphash_state
from uacfast.leaves.slab cimport slab_alloc, slab_free, slab_free_all, slab_held, slab_in_use, slab_new
from uacfast.leaves.timer_wheel cimport timer_is_running, timer_wheel_init, timer_wheel_start, timer_wheel_stop
from uacfast.sip.message cimport text_of

cdef enum:
    TIMER_RESOLUTION = 10        # ms; all times are multiples of it, so that a timer fires when its time is the clock's
    WINDOW_FIRST = 64            # attempts under way at one registrar before anything is known about it
    UNKNOWN_LATENCY = 0xffffffff

# Without a secret: the same account has its place in the refresh interval after a restart too.
cdef siphash_key stable_key
memset(&stable_key, 0, sizeof(stable_key))


cdef sip_text text_field(const Record *record, int field) noexcept:
    cdef const uint16_t *ends = <const uint16_t *>record.texts
    cdef uint32_t start = ends[field - 1] if field else 0
    return text_of(record.texts + TEXTS * sizeof(uint16_t) + start, ends[field] - start)


cdef double spread_of(const Record *record, uint32_t salt) noexcept:
    """0 <= x < 1, always the same for this l_uuid and salt."""
    cdef siphash_state state
    cdef sip_text uuid = text_field(record, L_UUID)
    siphash_start(&state, &stable_key)
    siphash_add(&state, uuid.at, uuid.length)
    siphash_add(&state, &salt, sizeof(salt))
    return <double>(siphash_end(&state) >> 11) / <double>(<uint64_t>1 << 53)


cdef uint32_t kamailio_hash(sip_text text) noexcept:
    """The hash that gives a record its slot in Kamailio, and so its place in a dump (uac-semantics §3.6, §4.4)."""
    cdef uint32_t hash = 0
    cdef uint32_t value
    cdef uint32_t i = 0
    cdef const unsigned char *at = <const unsigned char *>text.at
    while i + 4 <= text.length:
        value = (<uint32_t>at[i] << 24) | (<uint32_t>at[i + 1] << 16) | (<uint32_t>at[i + 2] << 8) | at[i + 3]
        hash += value ^ (value >> 3)
        i += 4
    value = 0
    while i < text.length:
        value = value * 256 + at[i]
        i += 1
    hash += value ^ (value >> 3)
    return hash + (hash >> 11) + (hash >> 13) + (hash >> 23)


cdef class RecordTable:

    def __cinit__(self, bytes secret, uint64_t now, int64_t wall_offset=0):
        """`secret`: 16 octets for the indexes; `now`: ms of the monotonic clock, `wall_offset`: to the epoch."""
        cdef const char *octets = secret
        if len(secret) != 16:
            raise ValueError("The hash key must be 16 octets long.")
        memcpy(&self.key, octets, 16)
        self.memory = slab_new()
        if (self.memory == NULL or hash_table_init(&self.uuids, 1024) != 0 or hash_table_init(&self.users, 1024) != 0
                or hash_table_init(&self.registrars, 16) != 0):
            raise MemoryError
        self.now = now - now % TIMER_RESOLUTION
        self.wall_offset = wall_offset
        timer_wheel_init(&self.wheel, self.now, TIMER_RESOLUTION)

    def __dealloc__(self):
        hash_table_free(&self.uuids)
        hash_table_free(&self.users)
        hash_table_free(&self.registrars)
        if self.memory != NULL:
            slab_free_all(self.memory)
        free(self.slots)
        free(self.free_slots)
        free(self.dirty)

    @property
    def octets_in_use(self):
        """Octets that records, registrars and their texts hold."""
        return slab_in_use(self.memory)

    @property
    def octets_held(self):
        """Octets taken from the system, indexes included."""
        return (slab_held(self.memory) + (self.uuids.capacity + self.users.capacity + self.registrars.capacity) * 16
                + self.slot_capacity * 12 + self.dirty_capacity * 4)

    @property
    def states_waiting(self):
        """Records whose state is to be written behind."""
        return self.dirty_count

    def set_writes_behind(self, bint wanted):
        """Whether changes of state are noted for take_states()."""
        self.writes_behind = wanted

    cdef uint64_t epoch_seconds(self, uint64_t at) noexcept:
        return <uint64_t>(<int64_t>at + self.wall_offset) // 1000 if at else 0

    # --- finding -------------------------------------------------------------------------------------------------

    cdef uint64_t hash(self, sip_text text) noexcept:
        return siphash(&self.key, text.at, text.length)

    cdef Record *find(self, sip_text uuid) noexcept:
        cdef uint64_t hash = self.hash(uuid)
        cdef size_t cursor = 0
        cdef Record *record
        while True:
            record = <Record *>hash_table_find(&self.uuids, hash, &cursor)
            if record == NULL or sip_text_equal(text_field(record, L_UUID), uuid):
                return record

    cdef Record *find_user(self, sip_text username, sip_text domain, bint with_domain) noexcept:
        """The record of this user that was added last."""
        cdef uint64_t hash = self.hash(username)
        cdef size_t cursor = 0
        cdef Record *record
        while True:
            record = <Record *>hash_table_find(&self.users, hash, &cursor)
            if record == NULL:
                return NULL
            if sip_text_equal(text_field(record, L_USERNAME), username):
                break
        while with_domain and record != NULL and not sip_text_equal(text_field(record, L_DOMAIN), domain):
            record = record.same_user_next
        return record

    cdef Record *first_match(self, int field, sip_text value, uint32_t hash_size) noexcept:
        """The first record with this text, in the order of Kamailio's table: by slot, in a slot the newest first."""
        cdef Record *record
        cdef Record *best = NULL
        cdef uint32_t i, slot
        cdef uint32_t best_slot = 0
        cdef uint32_t mask = (<uint32_t>1 << hash_size) - 1
        if field == L_UUID:
            return self.find(value)
        if field == L_USERNAME:
            return self.find_user(value, value, False)
        for i in range(self.slot_high):
            record = self.slots[i]
            if record == NULL or not sip_text_equal(text_field(record, field), value):
                continue
            slot = kamailio_hash(text_field(record, L_UUID)) & mask
            if best == NULL or slot < best_slot or (slot == best_slot and record.serial > best.serial):
                best = record
                best_slot = slot
        return best

    cdef Record *at(self, uint32_t index) noexcept:
        return self.slots[index] if index < self.slot_high else NULL

    # --- coming and going ----------------------------------------------------------------------------------------

    cdef bint grow(self) noexcept:
        cdef uint32_t capacity = self.slot_capacity + self.slot_capacity // 2 if self.slot_capacity else 1024
        cdef void *grown = realloc(self.slots, capacity * sizeof(Record *))
        if grown == NULL:
            return False
        self.slots = <Record **>grown
        grown = realloc(self.free_slots, capacity * sizeof(uint32_t))
        if grown == NULL:
            return False
        self.free_slots = <uint32_t *>grown
        self.slot_capacity = capacity
        return True

    cdef Record *add(self, const char *texts, uint32_t length, bint foreign) noexcept:
        """A record with these texts (TEXTS ends, then octets), UNREGISTERED; NULL when memory ends. `foreign`: another
        worker drives it."""
        cdef Record *record
        cdef sip_text proxy
        if self.free_slot_count == 0 and self.slot_high == self.slot_capacity and not self.grow():
            return NULL
        record = <Record *>slab_alloc(self.memory, sizeof(Record))
        if record == NULL:
            return NULL
        memset(record, 0, sizeof(Record))
        record.texts = <char *>slab_alloc(self.memory, length)
        if record.texts == NULL:
            slab_free(self.memory, record, sizeof(Record))
            return NULL
        memcpy(record.texts, texts, length)
        record.texts_length = <uint16_t>length
        proxy = text_field(record, AUTH_PROXY)
        record.registrar = self.registrar_of(proxy)
        if (record.registrar == NULL
                or hash_table_insert(&self.uuids, self.hash(text_field(record, L_UUID)), record) != 0):
            if record.registrar != NULL:
                self.release_registrar(record.registrar)
            slab_free(self.memory, record.texts, length)
            slab_free(self.memory, record, sizeof(Record))
            return NULL
        if self.free_slot_count:
            self.free_slot_count -= 1
            record.index = self.free_slots[self.free_slot_count]
        else:
            record.index = self.slot_high
            self.slot_high += 1
        self.slots[record.index] = record
        record.timer.kind = TIMER_RECORD
        record.socket = -1
        self.serial += 1
        record.serial = self.serial
        if foreign:
            record.marks = FOREIGN
        else:
            self.total += 1
        self.all += 1
        self.count_state(record, 1)
        self.link_user(record)
        return record

    cdef bint set_texts(self, Record *record, const char *texts, uint32_t length) noexcept:
        """New texts for a record, with the same l_uuid; False and nothing changed when memory ends."""
        cdef char *copy = <char *>slab_alloc(self.memory, length)
        cdef Registrar *registrar
        cdef const uint16_t *ends = <const uint16_t *>texts
        if copy == NULL:
            return False
        registrar = self.registrar_of(text_of(texts + TEXTS * sizeof(uint16_t) + ends[AUTH_PROXY - 1],
                                              ends[AUTH_PROXY] - ends[AUTH_PROXY - 1]))
        if registrar == NULL:
            slab_free(self.memory, copy, length)
            return False
        self.unlink_user(record)
        if record.marks & QUEUED:
            self.dequeue(record)
        self.count_state(record, -1)
        self.release_registrar(record.registrar)
        record.registrar = registrar
        self.count_state(record, 1)
        slab_free(self.memory, record.texts, record.texts_length)
        memcpy(copy, texts, length)
        record.texts = copy
        record.texts_length = <uint16_t>length
        self.link_user(record)
        return True

    cdef void set_foreign(self, Record *record, bint foreign) noexcept:
        """Another worker drives it from now on, or this one does; no attempt is under way."""
        cdef int flags = record.flags
        if foreign == (record.marks & FOREIGN != 0) or record.flight != NULL:
            return
        if foreign:
            if record.marks & QUEUED:
                self.dequeue(record)
            timer_wheel_stop(&self.wheel, &record.timer)
            self.set_flags(record, 0)
            self.count_state(record, -1)
            record.marks |= FOREIGN
            record.due = 0
            self.total -= 1
        else:
            record.flags = 0
            record.marks &= <uint8_t>~FOREIGN
            self.count_state(record, 1)
            self.total += 1
        self.set_flags(record, flags)

    cdef void remove(self, Record *record) noexcept:
        """The record goes; a response to what it sent finds nobody."""
        if record.marks & QUEUED:
            self.dequeue(record)
        timer_wheel_stop(&self.wheel, &record.timer)
        self.set_flags(record, 0)
        self.count_state(record, -1)
        if record.flight != NULL:
            record.flight.in_flight -= 1
            self.in_flight -= 1
            self.release_registrar(record.flight)
        self.unlink_user(record)
        hash_table_remove(&self.uuids, self.hash(text_field(record, L_UUID)), record)
        self.release_registrar(record.registrar)
        self.set_block(&record.credentials, NULL, 0)
        self.set_block(&record.service_route, NULL, 0)
        slab_free(self.memory, record.texts, record.texts_length)
        self.slots[record.index] = NULL
        self.free_slots[self.free_slot_count] = record.index
        self.free_slot_count += 1
        self.all -= 1
        if not record.marks & FOREIGN:
            self.total -= 1
        slab_free(self.memory, record, sizeof(Record))

    cdef bint set_block(self, Block *block, const char *at, uint32_t length) noexcept:
        """Keep these octets, none when length is 0; what was there is let go."""
        if length and block.length == length:
            memcpy(block.at, at, length)
            return True
        if block.length:
            slab_free(self.memory, block.at, block.length)
        block.at = NULL
        block.length = 0
        if length:
            block.at = <char *>slab_alloc(self.memory, length)
            if block.at == NULL:
                return False
            memcpy(block.at, at, length)
            block.length = length
        return True

    cdef void link_user(self, Record *record) noexcept:
        cdef sip_text username = text_field(record, L_USERNAME)
        cdef uint64_t hash = self.hash(username)
        cdef Record *head = self.find_user(username, username, False)
        record.same_user_previous = NULL
        record.same_user_next = head
        if head != NULL:
            head.same_user_previous = record
            hash_table_remove(&self.users, hash, head)
        hash_table_insert(&self.users, hash, record)

    cdef void unlink_user(self, Record *record) noexcept:
        cdef uint64_t hash
        if record.same_user_next != NULL:
            record.same_user_next.same_user_previous = record.same_user_previous
        if record.same_user_previous != NULL:
            record.same_user_previous.same_user_next = record.same_user_next
            return
        hash = self.hash(text_field(record, L_USERNAME))
        hash_table_remove(&self.users, hash, record)
        if record.same_user_next != NULL:
            hash_table_insert(&self.users, hash, record.same_user_next)

    # --- registrars ----------------------------------------------------------------------------------------------

    cdef Registrar *registrar_of(self, sip_text destination) noexcept:
        """The registrar of this next hop with one more reference; NULL when memory ends."""
        cdef uint64_t hash = self.hash(destination)
        cdef size_t cursor = 0
        cdef Registrar *registrar
        while True:
            registrar = <Registrar *>hash_table_find(&self.registrars, hash, &cursor)
            if registrar == NULL:
                break
            if registrar.length == destination.length and memcmp(registrar.destination, destination.at,
                                                                 destination.length) == 0:
                registrar.references += 1
                return registrar
        registrar = <Registrar *>slab_alloc(self.memory, sizeof(Registrar) + destination.length)
        if registrar == NULL:
            return NULL
        memset(registrar, 0, sizeof(Registrar))
        registrar.destination = <char *>registrar + sizeof(Registrar)
        memcpy(registrar.destination, destination.at, destination.length)
        registrar.length = destination.length
        registrar.hash = hash
        registrar.references = 1
        registrar.window = WINDOW_FIRST
        registrar.least_latency = UNKNOWN_LATENCY
        registrar.tokens_at = self.now
        registrar.timer.kind = TIMER_REGISTRAR
        if hash_table_insert(&self.registrars, hash, registrar) != 0:
            slab_free(self.memory, registrar, sizeof(Registrar) + destination.length)
            return NULL
        registrar.next = self.all_registrars
        if registrar.next != NULL:
            registrar.next.previous = registrar
        self.all_registrars = registrar
        return registrar

    cdef void release_registrar(self, Registrar *registrar) noexcept:
        registrar.references -= 1
        if registrar.references:
            return
        timer_wheel_stop(&self.wheel, &registrar.timer)
        if registrar.next != NULL:
            registrar.next.previous = registrar.previous
        if registrar.previous != NULL:
            registrar.previous.next = registrar.next
        else:
            self.all_registrars = registrar.next
        hash_table_remove(&self.registrars, registrar.hash, registrar)
        slab_free(self.memory, registrar, sizeof(Registrar) + registrar.length)

    cdef void enqueue(self, Record *record) noexcept:
        """Let the record wait until its registrar can take an attempt."""
        cdef Registrar *registrar = record.registrar
        if record.marks & QUEUED:
            return
        record.marks |= QUEUED
        record.queue_next = NULL
        record.queue_previous = registrar.last
        if registrar.last != NULL:
            registrar.last.queue_next = record
        else:
            registrar.first = record
        registrar.last = record
        registrar.waiting += 1
        self.waiting += 1
        if registrar.breaker != BREAKER_OPEN:
            self.join_ring(registrar)

    cdef void dequeue(self, Record *record) noexcept:
        cdef Registrar *registrar = record.registrar
        record.marks &= <uint8_t>~QUEUED
        if record.queue_previous != NULL:
            record.queue_previous.queue_next = record.queue_next
        else:
            registrar.first = record.queue_next
        if record.queue_next != NULL:
            record.queue_next.queue_previous = record.queue_previous
        else:
            registrar.last = record.queue_previous
        registrar.waiting -= 1
        self.waiting -= 1
        if registrar.first == NULL:
            self.leave_ring(registrar)

    cdef void join_ring(self, Registrar *registrar) noexcept:
        """Among those that the next turns serve, as the last."""
        if registrar.in_ring:
            return
        registrar.in_ring = True
        self.ready_count += 1
        if self.ready == NULL:
            self.ready = registrar.ready_next = registrar.ready_previous = registrar
            return
        registrar.ready_next = self.ready
        registrar.ready_previous = self.ready.ready_previous
        registrar.ready_previous.ready_next = registrar
        self.ready.ready_previous = registrar

    cdef void leave_ring(self, Registrar *registrar) noexcept:
        if not registrar.in_ring:
            return
        registrar.in_ring = False
        self.ready_count -= 1
        if self.ready_count == 0:
            self.ready = NULL
            return
        registrar.ready_previous.ready_next = registrar.ready_next
        registrar.ready_next.ready_previous = registrar.ready_previous
        if self.ready == registrar:
            self.ready = registrar.ready_next

    # --- states, counts, timers ----------------------------------------------------------------------------------

    cdef void set_flags(self, Record *record, int flags) noexcept:
        """All flags at once; regdisabled and regactive follow."""
        if not record.marks & FOREIGN:
            self.disabled += (flags & DISABLED) - (record.flags & DISABLED)
        record.flags = <uint8_t>flags
        self.update_active(record)

    cdef void update_active(self, Record *record) noexcept:
        cdef bint counts = record.flags & ONLINE != 0 and record.timer_expires > self.now
        if counts == (record.marks & COUNTED_ACTIVE != 0) or record.marks & FOREIGN:
            return
        record.marks ^= COUNTED_ACTIVE
        if counts:
            self.active += 1
        else:
            self.active -= 1

    cdef void set_state(self, Record *record, int state) noexcept:
        self.count_state(record, -1)
        record.state = <uint8_t>state
        self.count_state(record, 1)

    cdef void count_state(self, Record *record, int change) noexcept:
        if not record.marks & FOREIGN:
            self.by_state[record.state] += change
            record.registrar.by_state[record.state] += change

    cdef void arm(self, Record *record, uint32_t overdue) noexcept:
        """Start the record's timer for whatever comes first."""
        cdef uint64_t due = 0
        if record.flight != NULL:
            due = record.request_at + overdue
        elif not record.marks & QUEUED:
            due = record.due
        if record.marks & COUNTED_ACTIVE and (due == 0 or record.timer_expires < due):
            due = record.timer_expires
        if due == 0:
            timer_wheel_stop(&self.wheel, &record.timer)
        elif not timer_is_running(&record.timer) or record.timer.due != due:
            timer_wheel_start(&self.wheel, &record.timer, due)

    cdef void note(self, Record *record, int event, int status) noexcept:
        """Remember this transition for uac.reg_explain."""
        cdef Transition *transition = &record.history[record.history_count & (HISTORY - 1)]
        record.history_count += 1
        if record.history_count == 0:
            record.history_count = 128      # stays "more than HISTORY"
        transition.at = <uint32_t>self.epoch_seconds(self.now)
        transition.event = <uint8_t>event
        transition.state = record.state
        transition.status = <uint16_t>status

    cdef void mark_dirty(self, Record *record) noexcept:
        """Have its state written behind."""
        cdef uint32_t capacity
        cdef void *grown
        if not self.writes_behind or record.marks & DIRTY:
            return
        if self.dirty_count == self.dirty_capacity:
            capacity = 2 * self.dirty_capacity if self.dirty_capacity else 1024
            grown = realloc(self.dirty, capacity * sizeof(uint32_t))
            if grown == NULL:
                return
            self.dirty = <uint32_t *>grown
            self.dirty_capacity = capacity
        record.marks |= DIRTY
        self.dirty[self.dirty_count] = record.index
        self.dirty_count += 1

    # --- for tests -----------------------------------------------------------------------------------------------

    def recount(self):
        """(regtotal, regactive, regdisabled) counted record by record; AssertionError when an invariant is broken."""
        cdef uint32_t i
        cdef uint32_t total = 0, active = 0, disabled = 0
        cdef Record *record
        for i in range(self.slot_high):
            record = self.slots[i]
            if record == NULL or record.marks & FOREIGN:
                continue
            total += 1
            active += record.flags & ONLINE != 0 and record.timer_expires > self.now
            disabled += record.flags & DISABLED
            ongoing = bool(registration_is_ongoing(record.state))
            assert ongoing == (record.flight != NULL) == (record.flags & ONGOING != 0), "state, flag and flight differ"
            if record.flight != NULL:
                assert timer_is_running(&record.timer), "an attempt without an end in time"
            elif record.expires and not record.flags & DISABLED:
                assert record.marks & QUEUED or record.due and timer_is_running(&record.timer), "a record without time"
        return total, active, disabled
