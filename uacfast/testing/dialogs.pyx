"""What a script would do with a message and the tracked dialogs, for tests only: dlg_manage() and is_known_dlg()."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_SCAN_OK, sip_limits
from uacfast.proxy.dialog cimport Dialogs
from uacfast.sip.message cimport SipMessage, bytes_of


cdef class Request:
    """One received request, not yet relayed."""
    cdef SipMessage message
    cdef bytes octets

    def __init__(self, bytes octets not None):
        cdef sip_limits limits
        limits.message = limits.header_part = limits.line = 65535
        limits.headers = SIP_HEADERS_CAPACITY
        self.octets = octets
        self.message = SipMessage()
        if (self.message.scan(<const char *>self.octets, <uint32_t>len(octets), &limits, False) != SIP_SCAN_OK
                or not self.message.parse_addresses()):
            raise ValueError("The message cannot be read.")
        self.message.reset_plan()

    def manage(self, Dialogs dialogs not None):
        """dlg_manage(): the dialog, None when there is none and none begins."""
        return dialogs.manage(self.message)

    def known(self, Dialogs dialogs not None):
        """is_known_dlg(): the dialog that it was found to belong to."""
        return dialogs.of(self.message)

    @property
    def upstream(self):
        return self.message.upstream

    @property
    def parameter(self):
        """What stands in Record-Route for the dialog."""
        return bytes_of(self.message.dialog_parameter)


def raise_cseq(Dialogs dialogs not None, Request request not None, int difference):
    """A request with its CSeq raised by this much has become the dialog's."""
    dialogs.raise_cseq(request.message.dialog, difference)
    return dialogs.cseq_difference(request.message.dialog)
