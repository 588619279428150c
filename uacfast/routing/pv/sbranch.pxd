"""$sbranch(...): a destination in the making."""
from uacfast.routing.context cimport MessageContext

cdef bint append_static_branch(MessageContext context) except -1
cdef bint take_static_branch(MessageContext context) except -1
cdef int reset_static_branch(MessageContext context) except -1
