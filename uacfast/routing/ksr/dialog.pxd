"""KSR.dialog: tracked dialogs."""
from uacfast.proxy.dialog cimport Dialogs, TrackedDialog
from uacfast.routing.context cimport KsrModule


cdef class DialogModule(KsrModule):
    cdef Dialogs dialogs(self)
    cdef TrackedDialog current(self)
    cdef int change_property(self, str name, bint on) except? -2
