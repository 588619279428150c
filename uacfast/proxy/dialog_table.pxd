"""Dialogs in memory: what they hold, how they are found, how their memory comes and goes."""
from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from uacfast.leaves.hash_table cimport hash_table
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.slab cimport slab
from uacfast.leaves.text_writer cimport text_writer
from uacfast.leaves.timer_wheel cimport timer_entry

cdef enum:                       # Dialog.state, Kamailio's numbers (engine.md §13)
    DIALOG_UNCONFIRMED = 1
    DIALOG_EARLY = 2
    DIALOG_ANSWERED = 3          # confirmed, no ACK yet
    DIALOG_CONFIRMED = 4
    DIALOG_DELETED = 5
    DIALOG_STATES = 6

cdef enum:                       # Dialog.flags
    STORES_FROM = 1              # the variables _uac_f... tell what From is to be (uac-semantics §1.14)
    STORES_TO = 2
    KEEPS_FROM_DISPLAY = 4       # the replacement gave no display name: From keeps its own downstream
    KEEPS_TO_DISPLAY = 8
    BYE_ON_TIMEOUT = 16
    BYE_SENT = 32                # we are ending it
    TIMEOUT_IS_FIXED = 64        # requests within the dialog do not renew its timeout

cdef enum DialogText:            # what Dialog.texts holds, in this order
    TEXT_CALL_ID
    TEXT_FROM_TAG
    TEXT_TO_TAG                  # empty until it is confirmed
    TEXT_FROM_URI                # as the caller wrote it
    TEXT_TO_URI
    TEXT_SHOWN_FROM              # what the callee was shown, empty when it is the caller's own
    TEXT_SHOWN_TO
    TEXT_CALLER_CONTACT
    TEXT_CALLEE_CONTACT
    TEXT_CALLER_ROUTES           # Route values towards the caller
    TEXT_CALLEE_ROUTES
    TEXT_COUNT

cdef enum DialogSide:
    SIDE_CALLER
    SIDE_CALLEE


cdef struct Dialog:
    timer_entry timer            # its timeout; before it is answered a guard, after its end the time it lingers
    uint64_t key_hash            # of the Call-ID
    uint64_t transaction_check   # the INVITE's transaction
    uint32_t transaction_slot
    uint32_t slot
    uint32_t serial              # tells the dialogs of one slot apart
    uint32_t lifetime            # seconds from the 2xx on
    uint32_t init_ts, start_ts, end_ts       # seconds since 1970: INVITE, 2xx, end; 0: not yet
    uint32_t cseq[2]             # the last number of each side, as that side counts
    int32_t difference           # the callee sees the caller's CSeq this much higher (engine D5)
    uint32_t user_flags          # dlg_setflag()
    uint32_t texts_size, variables_size      # octets allocated
    uint32_t variables_length
    char *texts                  # one after the other, lengths[] octets each
    char *variables              # name length, value length (2 octets each), name, value; the newest first
    uint16_t lengths[TEXT_COUNT]
    int16_t socket[2]            # the local socket towards each side, -1: not known
    uint8_t state
    uint8_t flags


cdef class DialogTable:
    cdef slab *memory
    cdef hash_table keys
    cdef Dialog **slots
    cdef uint32_t *free_slots
    cdef uint32_t slot_capacity, slot_high, free_slot_count
    cdef uint32_t serial
    cdef uint32_t worker, workers
    cdef siphash_key hash_key
    cdef readonly uint64_t total             # dialogs in memory, those that linger included

    cdef Dialog *create(self, sip_text call_id) noexcept
    cdef void destroy(self, Dialog *dialog) noexcept
    cdef Dialog *at(self, uint64_t handle) noexcept
    cdef Dialog *by_id(self, uint32_t h_entry, uint32_t h_id) noexcept
    cdef Dialog *first(self, sip_text call_id, size_t *cursor) noexcept
    cdef bint set_texts(self, Dialog *dialog, const sip_text *new) noexcept
    cdef sip_text variable(self, const Dialog *dialog, sip_text name) noexcept
    cdef bint set_variable(self, Dialog *dialog, sip_text name, sip_text value) noexcept
    cdef bint grow_slots(self) noexcept
    cdef uint64_t hash_of(self, sip_text call_id) noexcept
    cdef uint32_t entry_of(self, const Dialog *dialog) noexcept


cdef uint64_t handle_of(const Dialog *dialog) noexcept
cdef uint32_t id_of(const Dialog *dialog) noexcept
cdef sip_text text_at(const Dialog *dialog, DialogText which) noexcept
cdef bint next_variable(const Dialog *dialog, uint32_t *at, sip_text *name, sip_text *value) noexcept
cdef void put_did(uint32_t h_entry, uint32_t h_id, text_writer *out) noexcept
cdef bint parse_did(sip_text text, uint32_t *h_entry, uint32_t *h_id) noexcept
