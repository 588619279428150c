"""KSR.rr: loose routing and record-routing."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.forward cimport Forwarder
from uacfast.routing.context cimport KsrModule, MessageContext


cdef class RrModule(KsrModule):
    cdef bint add_parameters(self, MessageContext context, str parameters)
