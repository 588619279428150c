"""The tracked dialogs of one worker, with their Python face for scripts and RPC."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.proxy.dialog_bye cimport DialogByes
from uacfast.proxy.dialog_states cimport DialogTracker
from uacfast.proxy.dialog_table cimport Dialog
from uacfast.proxy.local cimport LocalRequests
from uacfast.sip.message cimport SipMessage
from uacfast.tm.table cimport Transaction


cdef class TrackedDialog
cdef class DialogVariables


cdef class Dialogs(DialogTracker):
    cdef DialogByes byes

    cdef bint send_byes(self, Dialog *dialog, bint caller, bint callee) noexcept
    cdef TrackedDialog manage(self, SipMessage message)
    cdef TrackedDialog of(self, SipMessage message)
    cdef TrackedDialog of_transaction(self, const Transaction *transaction)
    cdef Dialog *selected(self, uint32_t h_entry, uint32_t h_id) noexcept
    cdef dict as_dict(self, const Dialog *dialog)
    cdef list living(self)
    cdef uint32_t remaining(self, const Dialog *dialog) noexcept
    cdef object socket_name(self, int socket)


cdef class TrackedDialog:
    cdef readonly Dialogs dialogs
    cdef uint64_t handle
    cdef readonly DialogVariables variables

    cdef Dialog *record(self) noexcept
    cdef void set_bit(self, int bit, bint on) noexcept
    cdef bint change_flag(self, int index, bint on)


cdef class DialogVariables:
    cdef Dialogs dialogs
    cdef uint64_t handle

    cdef Dialog *record(self) noexcept
