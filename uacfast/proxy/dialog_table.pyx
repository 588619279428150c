"""Dialogs in memory: what they hold, how they are found, how their memory comes and goes.

A dialog is one block of memory with its texts in a second one, and a third one if it has variables; none is a Python
object. Others hold a handle, which tells whether the dialog is still there. Requests find it by the `did` parameter of
our Record-Route value (Kamailio's: `<h_entry>.<h_id>`, each in hex with its digits reversed), which names the slot, else
by a keyed hash of the Call-ID.
"""
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from uacfast.leaves.hash_table cimport (
    hash_table_find, hash_table_free, hash_table_init, hash_table_insert, hash_table_remove,
)
from uacfast.leaves.sip_text cimport sip_text_equal
from uacfast.leaves.siphash cimport siphash
from uacfast.leaves.slab cimport slab_alloc, slab_free, slab_free_all, slab_held, slab_in_use, slab_new
from uacfast.leaves.text_writer cimport text_put, text_writer_length, text_writer_start
from uacfast.sip.message cimport no_text, text_of

cdef enum:
    ENTRIES = 4096               # values of h_entry per worker
    SLOT_BITS = 22               # of h_id; the rest, 9 bits, tells dialogs of one slot apart
    SLOTS_MAX = 1 << SLOT_BITS
    TEXTS_MAX = 16384            # octets of all texts of one dialog
    VARIABLES_MAX = 32768        # octets of all its variables


cdef class DialogTable:

    def __cinit__(self, bytes secret, uint32_t worker=0, uint32_t workers=1):
        """`secret`: 16 octets, unknown to others; h_entry is a multiple of `workers`, plus `worker`: no two workers
        give out the same did."""
        cdef const char *octets
        if len(secret) != 16:
            raise ValueError("The hash key must be 16 octets long.")
        octets = secret
        memcpy(&self.hash_key, octets, 16)
        self.worker = worker
        self.workers = workers
        self.memory = slab_new()
        if self.memory == NULL or hash_table_init(&self.keys, 16) != 0:
            raise MemoryError
        self.slot_high = 1

    def __dealloc__(self):
        hash_table_free(&self.keys)
        if self.memory != NULL:
            slab_free_all(self.memory)
        free(self.slots)
        free(self.free_slots)

    @property
    def octets_in_use(self):
        """Octets that dialogs hold, without the table that finds them."""
        return slab_in_use(self.memory)

    @property
    def octets_held(self):
        """Octets taken from the system for dialogs, with the tables that find them."""
        return (slab_held(self.memory) + self.keys.capacity * sizeof(void *) * 2
                + self.slot_capacity * (sizeof(Dialog *) + sizeof(uint32_t)))

    cdef uint64_t hash_of(self, sip_text call_id) noexcept:
        return siphash(&self.hash_key, call_id.at, call_id.length)

    cdef uint32_t entry_of(self, const Dialog *dialog) noexcept:
        """Kamailio's h_entry."""
        return <uint32_t>(dialog.key_hash % ENTRIES) * self.workers + self.worker

    cdef bint grow_slots(self) noexcept:
        cdef uint32_t capacity = self.slot_capacity * 2 if self.slot_capacity else 1024
        cdef void *slots
        cdef void *free_slots
        if capacity > SLOTS_MAX:
            return False
        slots = realloc(self.slots, capacity * sizeof(Dialog *))
        if slots == NULL:
            return False
        self.slots = <Dialog **>slots
        free_slots = realloc(self.free_slots, capacity * sizeof(uint32_t))
        if free_slots == NULL:
            return False
        self.free_slots = <uint32_t *>free_slots
        self.slot_capacity = capacity
        return True

    cdef Dialog *create(self, sip_text call_id) noexcept:
        """An unconfirmed dialog without texts, which set_texts() gives it; NULL when memory ends."""
        cdef Dialog *dialog
        if self.free_slot_count == 0 and self.slot_high >= self.slot_capacity and not self.grow_slots():
            return NULL
        dialog = <Dialog *>slab_alloc(self.memory, sizeof(Dialog))
        if dialog == NULL:
            return NULL
        memset(dialog, 0, sizeof(Dialog))
        dialog.key_hash = self.hash_of(call_id)
        if hash_table_insert(&self.keys, dialog.key_hash, dialog) != 0:
            slab_free(self.memory, dialog, sizeof(Dialog))
            return NULL
        if self.free_slot_count:
            self.free_slot_count -= 1
            dialog.slot = self.free_slots[self.free_slot_count]
        else:
            dialog.slot = self.slot_high
            self.slot_high += 1
        self.slots[dialog.slot] = dialog
        self.serial += 1
        dialog.serial = self.serial
        dialog.state = DIALOG_UNCONFIRMED
        dialog.socket[<int>SIDE_CALLER] = dialog.socket[<int>SIDE_CALLEE] = -1
        self.total += 1
        return dialog

    cdef void destroy(self, Dialog *dialog) noexcept:
        """Its timer is stopped already."""
        hash_table_remove(&self.keys, dialog.key_hash, dialog)
        self.slots[dialog.slot] = NULL
        self.free_slots[self.free_slot_count] = dialog.slot
        self.free_slot_count += 1
        if dialog.texts != NULL:
            slab_free(self.memory, dialog.texts, dialog.texts_size)
        if dialog.variables != NULL:
            slab_free(self.memory, dialog.variables, dialog.variables_size)
        slab_free(self.memory, dialog, sizeof(Dialog))
        self.total -= 1

    cdef Dialog *at(self, uint64_t handle) noexcept:
        """The dialog of this handle, NULL when it is gone."""
        cdef uint32_t slot = <uint32_t>handle
        cdef Dialog *dialog
        if slot == 0 or slot >= self.slot_high:
            return NULL
        dialog = self.slots[slot]
        return dialog if dialog != NULL and dialog.serial == handle >> 32 else NULL

    cdef Dialog *by_id(self, uint32_t h_entry, uint32_t h_id) noexcept:
        """The dialog that a did names, NULL when it is none of the living."""
        cdef uint32_t slot = h_id & (SLOTS_MAX - 1)
        cdef Dialog *dialog
        if slot == 0 or slot >= self.slot_high:
            return NULL
        dialog = self.slots[slot]
        return dialog if dialog != NULL and id_of(dialog) == h_id and self.entry_of(dialog) == h_entry else NULL

    cdef Dialog *first(self, sip_text call_id, size_t *cursor) noexcept:
        """The first (*cursor 0) or next dialog of this Call-ID, NULL at the end."""
        cdef Dialog *dialog
        cdef uint64_t hash = self.hash_of(call_id)
        while True:
            dialog = <Dialog *>hash_table_find(&self.keys, hash, cursor)
            if dialog == NULL or sip_text_equal(text_at(dialog, TEXT_CALL_ID), call_id):
                return dialog

    cdef bint set_texts(self, Dialog *dialog, const sip_text *new) noexcept:
        """Take over those of new[TEXT_COUNT] whose .at is not NULL. False, and nothing changed, when they are too long
        or memory ends."""
        cdef uint32_t size = 0
        cdef uint32_t at = 0
        cdef int i
        cdef char *block
        cdef sip_text text
        for i in range(TEXT_COUNT):
            if new[i].length > TEXTS_MAX:
                return False
            size += new[i].length if new[i].at != NULL else dialog.lengths[i]
        if size > TEXTS_MAX:
            return False
        block = <char *>slab_alloc(self.memory, size if size else 1)
        if block == NULL:
            return False
        for i in range(TEXT_COUNT):
            text = new[i] if new[i].at != NULL else text_at(dialog, <DialogText>i)
            if text.length:
                memcpy(block + at, text.at, text.length)
            at += text.length
        for i in range(TEXT_COUNT):
            if new[i].at != NULL:
                dialog.lengths[i] = <uint16_t>new[i].length
        if dialog.texts != NULL:
            slab_free(self.memory, dialog.texts, dialog.texts_size)
        dialog.texts = block
        dialog.texts_size = size if size else 1
        return True

    cdef sip_text variable(self, const Dialog *dialog, sip_text name) noexcept:
        """A variable's value, .at NULL when there is none; valid until the next set_variable()."""
        cdef uint32_t at = 0
        cdef sip_text found, value
        while next_variable(dialog, &at, &found, &value):
            if sip_text_equal(found, name):
                return value
        return no_text()

    cdef bint set_variable(self, Dialog *dialog, sip_text name, sip_text value) noexcept:
        """Set or, with value.at NULL, remove one. False, and nothing changed, when there is no room (or nothing to
        remove)."""
        cdef sip_text old = self.variable(dialog, name)
        cdef sip_text found, text
        cdef uint32_t size = dialog.variables_length
        cdef uint32_t at = 0
        cdef char *block = NULL
        cdef char *end
        if name.length == 0 or name.length > VARIABLES_MAX or value.length > VARIABLES_MAX:
            return False
        if old.at == NULL and value.at == NULL:
            return False
        if old.at != NULL and value.at != NULL and old.length == value.length:
            if value.length:
                memcpy(<char *>old.at, value.at, value.length)
            return True
        if old.at != NULL:
            size -= 4 + name.length + old.length
        if value.at != NULL:
            size += 4 + name.length + value.length
        if size > VARIABLES_MAX:
            return False
        if size:
            block = <char *>slab_alloc(self.memory, size)
            if block == NULL:
                return False
        end = block
        if value.at != NULL:
            end = put_variable(end, name, value)
        while next_variable(dialog, &at, &found, &text):
            if not sip_text_equal(found, name):
                end = put_variable(end, found, text)
        if dialog.variables != NULL:
            slab_free(self.memory, dialog.variables, dialog.variables_size)
        dialog.variables = block
        dialog.variables_size = dialog.variables_length = size
        return True


cdef char *put_variable(char *at, sip_text name, sip_text value) noexcept:
    cdef uint16_t lengths[2]
    lengths[0] = <uint16_t>name.length
    lengths[1] = <uint16_t>value.length
    memcpy(at, lengths, 4)
    memcpy(at + 4, name.at, name.length)
    if value.length:
        memcpy(at + 4 + name.length, value.at, value.length)
    return at + 4 + name.length + value.length


cdef bint next_variable(const Dialog *dialog, uint32_t *at, sip_text *name, sip_text *value) noexcept:
    """The variable at offset *at (0: the first), which moves behind it; False at the end."""
    cdef uint16_t lengths[2]
    cdef const char *entry = dialog.variables + at[0]
    if at[0] >= dialog.variables_length:
        return False
    memcpy(lengths, entry, 4)
    name[0] = text_of(entry + 4, lengths[0])
    value[0] = text_of(entry + 4 + lengths[0], lengths[1])
    at[0] += 4 + <uint32_t>lengths[0] + lengths[1]
    return True


cdef uint64_t handle_of(const Dialog *dialog) noexcept:
    """What others keep of it; never 0."""
    return <uint64_t>dialog.serial << 32 | dialog.slot


cdef uint32_t id_of(const Dialog *dialog) noexcept:
    """Kamailio's h_id, below 2^31 as RPC clients expect."""
    return (dialog.serial & ((1 << (31 - SLOT_BITS)) - 1)) << SLOT_BITS | dialog.slot


cdef sip_text text_at(const Dialog *dialog, DialogText which) noexcept:
    """One of its texts; empty, never NULL, when it has none. Valid until the next set_texts()."""
    cdef uint32_t at = 0
    cdef int i
    if dialog.texts == NULL:
        return text_of(b"", 0)
    for i in range(<int>which):
        at += dialog.lengths[i]
    return text_of(dialog.texts + at, dialog.lengths[<int>which])


cdef void put_reversed_hex(uint32_t value, text_writer *out) noexcept:
    cdef char digit
    while True:
        digit = b"0123456789abcdef"[value & 15]
        text_put(out, &digit, 1)
        value >>= 4
        if value == 0:
            return


cdef const char *parse_reversed_hex(const char *at, const char *end, uint32_t *value) noexcept:
    """What follows 1 to 8 digits, NULL when there are none."""
    cdef const char *start = at
    cdef uint32_t digit
    value[0] = 0
    while at < end and at - start < 8:
        if c'0' <= at[0] <= c'9':
            digit = <uint32_t>(at[0] - c'0')
        elif c'a' <= (at[0] | 32) <= c'f':
            digit = <uint32_t>((at[0] | 32) - c'a' + 10)
        else:
            break
        value[0] |= digit << (4 * <uint32_t>(at - start))
        at += 1
    return at if at > start else NULL


cdef void put_did(uint32_t h_entry, uint32_t h_id, text_writer *out) noexcept:
    """The value of the did parameter as Kamailio's dialog module writes it."""
    put_reversed_hex(h_entry, out)
    text_put(out, b".", 1)
    put_reversed_hex(h_id, out)


cdef bint parse_did(sip_text text, uint32_t *h_entry, uint32_t *h_id) noexcept:
    cdef const char *end = text.at + text.length
    cdef const char *at
    if text.length < 3:
        return False
    at = parse_reversed_hex(text.at, end, h_entry)
    return at != NULL and at < end and at[0] == c'.' and parse_reversed_hex(at + 1, end, h_id) == end


def write_did(uint32_t h_entry, uint32_t h_id):
    """The did parameter's value of these numbers."""
    cdef char space[24]
    cdef text_writer out
    text_writer_start(&out, space, sizeof(space))
    put_did(h_entry, h_id, &out)
    return space[:text_writer_length(&out)].decode("ascii")


def read_did(str value not None):
    """(h_entry, h_id) of a did parameter's value, None when it is none."""
    cdef bytes octets = value.encode()
    cdef uint32_t h_entry, h_id
    if not parse_did(text_of(<const char *>octets, <uint32_t>len(octets)), &h_entry, &h_id):
        return None
    return h_entry, h_id
