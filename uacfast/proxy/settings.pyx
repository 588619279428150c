"""Switches and limits of the proxy core: [limits], [rr] and part of [tm], by their names there."""
from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY


cdef class ProxySettings:

    def __init__(self):
        self.set_limits(65535, 32768, 8192, SIP_HEADERS_CAPACITY)
        self.vias = 70
        self.routes = 30
        self.uri = 1024
        self.max_forwards = 70
        self.append_fromtag = True
        self.enable_double_rr = True
        self.auto_inv_100 = True
        self.auto_inv_100_reason = b"trying -- your call is important to us"
        self.stray_replies = STRAY_RECORD_ROUTE
        self.max_transactions = 1_000_000

    def set_limits(self, message, header_part, line, headers):
        """Octets of a message, of its header part, of one header line; header lines."""
        self.limits.message = message
        self.limits.header_part = header_part
        self.limits.line = line
        self.limits.headers = min(headers, SIP_HEADERS_CAPACITY)
