"""KSR.maxfwd: Max-Forwards counted down (kemi-python.md §2, §3.10)."""
from libc.stdint cimport uint64_t

from uacfast.leaves.sip_scan cimport SIP_HEADER_MAX_FORWARDS, sip_first_header, sip_header
from uacfast.leaves.sip_text cimport sip_text_to_uint
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport append_lines, message_of, replace_text
from uacfast.sip.message cimport SipMessage

cdef enum:
    MAX_LIMIT = 70               # highest value that is passed on (Kamailio: maxfwd.max_limit)


cdef class MaxfwdModule(KsrModule):

    def process_maxfwd(self, int limit):
        """Count Max-Forwards down. 1: done; 2: it was missing and stands there with `limit` now; -1: it is 0; -2: it
        cannot be read or written."""
        cdef SipMessage message = message_of(self)
        cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_MAX_FORWARDS)
        cdef uint64_t value
        if header == NULL:
            if limit < 0 or not append_lines(message, b"Max-Forwards: %d\r\n" % limit):
                return -2
            return 2
        if not sip_text_to_uint(header.value, 255, &value):
            return -2
        if value == 0:
            return -1
        value = min(value - 1, <uint64_t>MAX_LIMIT)
        # The old width is kept, padded on the left, as Kamailio does.
        return 1 if replace_text(message, header.value, (b"%d" % value).rjust(header.value.length)) else -2

    def is_maxfwd_lt(self, int limit):
        """1: Max-Forwards is below `limit`; -1: it is not; -2: it is missing or cannot be read."""
        cdef SipMessage message = message_of(self)
        cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_MAX_FORWARDS)
        cdef uint64_t value
        if limit < 0 or header == NULL or not sip_text_to_uint(header.value, 255, &value):
            return -2
        if value >= <uint64_t>limit:
            return -1
        return 1
