"""Registrations with a virtual clock and without a network, for tests."""
import os

from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.registration_states cimport (
    REGISTRATION_EVENTS, REGISTRATION_STATES, registration_is_ongoing, registration_states_step, registration_step,
)
from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_SCAN_OK, sip_limits
from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.hooks cimport LocalUser
from uacfast.sip.message cimport SipMessage
from uacfast.uac.registration.machine cimport Registrations, Sender
from uacfast.uac.registration.management cimport Management
from uacfast.uac.registration.record cimport RecordTable
from uacfast.uac.registration.settings cimport RegistrationSettings

ACTIONS = ("go offline", "count stuck", "grant", "raise", "again", "retry", "bar", "unbar", "answer", "send", "later")


def step(int state, int event):
    """(set of actions, number of the next state), or None where the event means nothing in this state."""
    cdef registration_step found = registration_states_step(state, event)
    if not found.defined:
        assert found.actions == 0 and found.next == state
        return None
    return {name for bit, name in enumerate(ACTIONS) if found.actions >> bit & 1}, found.next


def counts():
    """(states, events) that the table has."""
    return REGISTRATION_STATES, REGISTRATION_EVENTS


def is_ongoing(int state):
    """Whether a transaction is under way in this state."""
    return bool(registration_is_ongoing(state))


cdef class RecordingSender(Sender):
    """Keeps what is sent as (tag, octets, destination, socket)."""
    cdef readonly list sent
    cdef public bint fails
    cdef uint64_t clock

    def __init__(self, clock):
        self.sent = []
        self.clock = clock

    cdef uint64_t now(self) noexcept:
        return self.clock

    cdef bint send(self, LocalUser user, uint64_t tag, const char *octets, uint32_t length, sip_text destination,
                   int socket, uint32_t fr_timer) noexcept:
        if self.fails:
            return False
        self.sent.append((tag, octets[:length], destination.at[:destination.length].decode(), socket))
        return True


cdef class VirtualRegistrations:
    """`now`: ms of the monotonic clock; the epoch is then `now` + `wall_offset`."""
    cdef readonly RecordingSender sender
    cdef readonly Registrations registrations
    cdef readonly Management management
    cdef readonly RegistrationSettings settings
    cdef SipMessage message
    cdef sip_limits limits

    def __init__(self, now=1_000_000, wall_offset=1_700_000_000_000, worker=0, workers=1, key=None,
                 socket_of=lambda text: -1, **settings):
        cdef RecordTable table = RecordTable(key or os.urandom(16), now, wall_offset)
        self.settings = RegistrationSettings()
        self.settings.contact_addr = b"127.0.0.1:15060"
        for name, value in settings.items():
            setattr(self.settings, name, value)
        self.sender = RecordingSender(now)
        table.writes_behind = self.settings.keep_states
        self.registrations = Registrations(table, self.settings, self.sender, call_key=key or bytes(16), worker=worker,
                                           workers=workers)
        self.management = Management(self.registrations, socket_of)
        self.message = SipMessage()
        self.limits.message = self.limits.header_part = self.limits.line = 65535
        self.limits.headers = SIP_HEADERS_CAPACITY

    @property
    def now(self):
        """ms of the monotonic clock."""
        return self.sender.clock

    def advance(self, uint64_t milliseconds):
        """Let time pass in ticks of 10 ms."""
        cdef uint64_t end = self.sender.clock + milliseconds
        while self.sender.clock < end:
            self.sender.clock += min(<uint64_t>10, end - self.sender.clock)
            self.registrations.run()

    def jump(self, uint64_t milliseconds):
        """Let time pass at once."""
        self.sender.clock += milliseconds
        self.registrations.run()

    def take(self):
        """What was sent since the last call."""
        taken = self.sender.sent[:]
        self.sender.sent.clear()
        return taken

    def respond(self, uint64_t tag, int status, bytes response=None):
        """Deliver a final response; None: the status is the engine's own."""
        if response is None:
            self.registrations.final(tag, status, None)
            return
        if self.message.scan(response, <uint32_t>len(response), &self.limits, False) != SIP_SCAN_OK:
            raise ValueError("This is no SIP message.")
        self.registrations.final(tag, status, self.message)

    def recount(self):
        """(regtotal, regactive, regdisabled) counted record by record."""
        return self.registrations.table.recount()
