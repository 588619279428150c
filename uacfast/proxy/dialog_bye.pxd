"""Ending a tracked dialog from our side: a BYE to one party or both."""
from uacfast.leaves.text_writer cimport text_writer
from uacfast.proxy.dialog_states cimport DialogTracker
from uacfast.proxy.dialog_table cimport Dialog
from uacfast.proxy.hooks cimport LocalUser
from uacfast.proxy.local cimport LocalRequests


cdef class DialogByes(LocalUser):
    cdef DialogTracker dialogs
    cdef LocalRequests local

    cdef bint send(self, Dialog *dialog, bint to_callee) noexcept
    cdef void write(self, Dialog *dialog, bint to_callee, text_writer *out) noexcept
