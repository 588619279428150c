"""/expression/replacement/flags, as sed has it."""
from uacfast.routing.context cimport MessageContext
from uacfast.routing.posix_regex cimport PosixRegex


cdef class Substitution:
    cdef readonly str source
    cdef PosixRegex expression
    cdef list pieces                     # bytes, TextTemplate, or int: the number of a group
    cdef bint everywhere

    cdef object substituted(self, MessageContext context, bytes value)
    cdef bytes replacement(self, MessageContext context, bytes value, const void *groups)
