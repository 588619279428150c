"""The {class.name,parameters} of a variable."""
from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.variable cimport PseudoVariable


cdef class Transformation:
    cdef object function
    cdef str kinds
    cdef list parameters                 # ready for the function, or a PseudoVariable
    cdef bint has_variables

    cdef object apply(self, MessageContext context, object value)


cdef class Transformed(PseudoVariable):
    cdef PseudoVariable base
    cdef tuple steps
