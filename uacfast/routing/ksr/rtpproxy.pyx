"""KSR.rtpproxy: answers as Kamailio does when no RTP proxy is there; uacfast leaves media alone."""
from uacfast.routing.context cimport KsrModule


cdef class RtpproxyModule(KsrModule):
    """Every function answers -1: the script goes on without a media relay."""

    def rtpproxy_manage(self, str flags not None):
        return -1

    def rtpproxy_manage_ip(self, str flags not None, str ip not None):
        return -1

    def rtpproxy_manage0(self):
        return -1

    def rtpproxy_offer(self, str flags not None):
        return -1

    def rtpproxy_offer_ip(self, str flags not None, str ip not None):
        return -1

    def rtpproxy_answer(self, str flags not None):
        return -1

    def rtpproxy_answer_ip(self, str flags not None, str ip not None):
        return -1

    def rtpproxy_destroy(self, str flags not None):
        return -1

    def rtpproxy_unforce(self):
        return -1

    def rtpproxy_stream2uac(self, str pname not None, int count):
        return -1

    def rtpproxy_stream2uas(self, str pname not None, int count):
        return -1

    def rtpproxy_stop_stream2uac(self):
        return -1

    def rtpproxy_stop_stream2uas(self):
        return -1

    def set_rtpproxy_set(self, int rset):
        return -1

    def start_recording(self):
        return -1
