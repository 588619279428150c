"""KSR.uac: the functions of Kamailio's uac module."""
from uacfast.routing.context cimport KsrModule
from uacfast.uac.replace cimport ReplacedHeader


cdef class UacModule(KsrModule):
    cdef int replace(self, ReplacedHeader which, str display, str uri)
    cdef int restore(self, ReplacedHeader which)
    cdef list auth_texts(self)
    cdef int registrations(self, str name, tuple arguments) except? -2
