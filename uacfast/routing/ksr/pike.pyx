"""KSR.pike: is this source flooding us (kemi-python.md §3.10)."""
import logging

from uacfast.leaves.address cimport address_from_text, address_host_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.features cimport EdgeFeatures
from uacfast.proxy.flood_guard cimport FLOOD_NEWLY_BLOCKED, FloodGuard, FloodResult
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport features_of, message_of, now_of, octets_of
from uacfast.sip.message cimport text_of

logger = logging.getLogger("uacfast.script")


cdef class PikeModule(KsrModule):

    cdef int check(self, const udp_address *source) except? -1:
        cdef FloodGuard guard = features_of(self).flood_guard
        cdef FloodResult result
        cdef char host[64]
        if guard is None:
            return 1
        result = guard.check(source, now_of(self))
        if result == FLOOD_NEWLY_BLOCKED:
            logger.warning("pike: blocking %s, which sends more than %d requests in %d ms",
                           host[:address_host_text(source, host)].decode(), guard.density, guard.unit)
        return <int>result

    def pike_check_req(self):
        """1: go on; -2: the source has just become blocked; -1: it is still blocked. 1 when [pike] is off."""
        return self.check(&message_of(self).source)

    def pike_check_ip(self, str sip not None):
        """The same for a numeric address; 1 for what is none."""
        cdef bytes octets = octets_of(sip)
        cdef udp_address address
        if not address_from_text(text_of(<const char *>octets, <unsigned int>len(octets)), 0, &address):
            return 1
        return self.check(&address)
