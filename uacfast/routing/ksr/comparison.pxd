"""Texts compared and searched the way that scripts ask for it."""
cdef bint compare(str value, str operator, str other)
cdef object expression(str pattern)
