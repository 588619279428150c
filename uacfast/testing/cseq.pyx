"""A Python face of the table of CSeq differences, for tests only."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_SCAN_OK, sip_limits
from uacfast.proxy.cseq cimport CSeqDifferences
from uacfast.sip.message cimport SipMessage, text_of


cdef class DifferenceTable:
    """Requests are whole octets; `parameters` are those of our own Route value; times are milliseconds."""
    cdef CSeqDifferences differences

    def __init__(self):
        self.differences = CSeqDifferences()

    cdef SipMessage scanned(self, bytes octets, bytes parameters, bint upstream):
        cdef SipMessage request = SipMessage()
        cdef sip_limits limits
        limits.message = limits.header_part = limits.line = 65535
        limits.headers = SIP_HEADERS_CAPACITY
        if (request.scan(octets, <uint32_t>len(octets), &limits, False) != SIP_SCAN_OK or not request.parse_top_via()
                or not request.parse_addresses()):
            raise ValueError("This is no SIP request.")
        request.reset_plan()
        request.route_parameters = text_of(<const char *>parameters, <uint32_t>len(parameters))
        request.upstream = upstream
        return request

    def of(self, bytes octets not None, uint32_t number, bytes parameters not None=b"", bint upstream=False,
           uint64_t now=0):
        """What `number` is raised by."""
        return self.differences.of(self.scanned(octets, parameters, upstream), number, now)

    def note(self, bytes octets not None, uint32_t difference, bytes parameters not None=b"", bint upstream=False,
             uint64_t now=0):
        self.differences.note(self.scanned(octets, parameters, upstream), difference, now)

    def end_dialog(self, bytes octets not None, uint64_t now=0):
        self.differences.end_dialog(self.scanned(octets, b"", False), now)

    def __len__(self):
        return self.differences.count
