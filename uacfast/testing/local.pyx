"""Requests of our own from Python, for tests: what LocalRequests tells its user, as a list."""
from libc.stdint cimport uint64_t

from uacfast.proxy.engine cimport Engine
from uacfast.proxy.hooks cimport LocalUser
from uacfast.sip.message cimport SipMessage, text_of


cdef class RecordingUser(LocalUser):
    """`told`: (tag, status, octets of the response or None when the status is ours), finals and provisionals."""

    cdef readonly list told
    cdef Engine engine

    def __init__(self, Engine engine not None):
        self.engine = engine
        self.told = []

    def send(self, bytes octets not None, bytes destination not None, *, tag=0, socket=-1, fr_timer=0, fr_inv_timer=0):
        """LocalRequests.send(), and what the engine then has to send."""
        cdef const char *uri = destination
        sent = self.engine.local.send(self, tag, octets, <unsigned int>len(octets),
                                      text_of(uri, <unsigned int>len(destination)), socket, fr_timer, fr_inv_timer)
        self.engine.flush_now()
        return bool(sent)

    def send_ack(self, bytes octets not None, bytes destination not None):
        """LocalRequests.send_ack()."""
        sent = self.engine.local.send_ack_octets(octets, destination, -1)
        self.engine.flush_now()
        return bool(sent)

    cdef void final(self, uint64_t tag, int status, SipMessage response) noexcept:
        self.told.append((tag, status, octets_of(response)))

    cdef void provisional(self, uint64_t tag, int status, SipMessage response) noexcept:
        self.told.append((tag, status, octets_of(response)))


cdef octets_of(SipMessage response):
    return None if response is None else response.index.data[:response.index.length]
