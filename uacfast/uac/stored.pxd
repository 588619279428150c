"""What restoring needs, kept in a dialog's variables (uac-semantics §1.14)."""
from libc.stdint cimport uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.dialog_states cimport DialogTracker
from uacfast.sip.message cimport SipMessage


cdef struct StoredName:
    sip_text uri
    sip_text display
    bint has_display             # else the display name stays as it is


cdef bint store_names(DialogTracker dialogs, SipMessage request, bint of_from, bint restore_display) noexcept
cdef int stored_headers(DialogTracker dialogs, uint64_t handle) noexcept
cdef bint read_stored(DialogTracker dialogs, SipMessage message, bint of_from, bint original,
                      StoredName *found) noexcept
