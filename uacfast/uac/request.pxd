"""uac_req_send(): requests of our own, their challenges answered, their outcome told."""
from libc.stdint cimport uint64_t

from uacfast.proxy.engine cimport Engine
from uacfast.proxy.hooks cimport LocalUser


cdef class RequestSender(LocalUser):
    cdef Engine engine
    cdef uint64_t last_tag
    cdef dict pending                    # tag -> Pending
    cdef public object on_event          # called with (RequestDescription, SipMessage or None)
    cdef public bint enable_uac_fr
    cdef public int default_socket       # index, -1: none
    cdef public bytes user_agent_line    # whole line with CRLF, b"": none

    cdef bint begin(self, object request)
