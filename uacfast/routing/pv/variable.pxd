"""What every pseudo-variable is."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.context cimport MessageContext


cdef class PseudoVariable:
    cdef readonly str source             # as the script wrote it

    cdef object value(self, MessageContext context, bint octets)
    cdef bint set(self, MessageContext context, object value) except -1

    cdef inline object get(self, MessageContext context):
        """int, str (octets that are no UTF-8 as surrogate escapes) or None."""
        return self.value(context, False)


cdef class TextTemplate:                 # a text with variables in it
    cdef readonly str source
    cdef readonly str constant           # the whole text when no variable is in it; else None
    cdef readonly tuple pieces           # str and PseudoVariable
    cdef readonly str null_text          # what stands for a variable that is null

    cpdef str evaluate(self, MessageContext context)


cdef class Index:                        # the [...] of a variable
    cdef readonly bint given, all        # written at all; [*]
    cdef Py_ssize_t number
    cdef PseudoVariable variable         # [$var(i)]; None: number counts

    cdef Py_ssize_t of(self, MessageContext context) except? -1


cdef object text_value(sip_text text, bint octets)
cdef object str_value(str text, bint octets)
cdef bytes encoded(object value)
cdef str decoded(bytes octets)
