"""The CSeq difference of a dialog: what requests carry more than their sender wrote (engine D5)."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.hash_table cimport hash_table
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.text_writer cimport text_writer
from uacfast.sip.message cimport SipMessage

cdef enum:
    DIFFERENCE_STEPS = 4


cdef struct DifferenceStep:
    uint32_t number              # from this number of the sender on
    uint32_t difference


cdef struct DialogDifference:    # of one direction of a dialog that was challenged within
    DialogDifference *older
    DialogDifference *newer
    uint64_t hash
    uint64_t expires             # ms
    uint32_t base                # of numbers before the first step
    uint32_t step_count
    bint ending
    DifferenceStep steps[DIFFERENCE_STEPS]


cdef struct DifferenceList:
    DialogDifference *oldest
    DialogDifference *newest


cdef class CSeqDifferences:
    cdef hash_table table
    cdef DifferenceList living, ending
    cdef siphash_key key
    cdef readonly uint32_t count

    cdef uint32_t of(self, SipMessage request, uint32_t number, uint64_t now) noexcept
    cdef void note(self, SipMessage request, uint32_t difference, uint64_t now) noexcept
    cdef void translate(self, SipMessage request, uint64_t now) noexcept
    cdef void translate_rack(self, SipMessage request, uint64_t now) noexcept
    cdef void end_dialog(self, SipMessage request, uint64_t now) noexcept
    cdef uint64_t hash_of(self, SipMessage request, sip_text sender_tag, sip_text receiver_tag) noexcept
    cdef DialogDifference *find(self, uint64_t hash) noexcept
    cdef void append(self, DialogDifference *entry, bint ending, uint64_t now) noexcept
    cdef void unlink(self, DialogDifference *entry) noexcept
    cdef void drop(self, DialogDifference *entry) noexcept
    cdef void drop_expired(self, uint64_t now) noexcept

cdef bint raise_cseq(SipMessage request, uint32_t difference) noexcept
cdef bint stored_difference(sip_text parameters, uint32_t *difference) noexcept
cdef void put_difference(uint32_t difference, text_writer *out) noexcept
