"""The life of every registration: what is due is sent, what is answered is noted, the next time is set."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.text_writer cimport text_writer
from uacfast.proxy.hooks cimport LocalUser
from uacfast.sip.message cimport SipMessage
from uacfast.uac.registration.outcome cimport Outcome
from uacfast.uac.registration.pacing cimport Pacing
from uacfast.uac.registration.record cimport LATENCY_BUCKETS, LATENESS_BUCKETS, Record, RecordTable, Registrar
from uacfast.uac.registration.settings cimport RegistrationSettings

cdef enum:
    REQUEST_SIZE = 8192          # octets of a REGISTER with credentials


cdef class Sender:
    """Where REGISTERs go, and what the time is."""
    cdef uint64_t now(self) noexcept
    cdef bint send(self, LocalUser user, uint64_t tag, const char *octets, uint32_t length, sip_text destination,
                   int socket, uint32_t fr_timer) noexcept
    cdef void flush(self) noexcept


cdef struct RegistrationCounters:
    uint64_t attempts            # registrations begun
    uint64_t requests            # REGISTERs sent, retransmissions not counted
    uint64_t accepted, unbound, challenged, too_brief, refused, unanswered, not_sent
    uint64_t by_class[7]         # final responses by their first digit; [0]: no response came
    uint64_t stuck               # attempts that had no end within their time; must stay 0
    uint64_t late                # responses that nobody waited for any more
    uint64_t latency[12]         # responses by time taken
    uint64_t latency_sum         # ms
    uint64_t lateness[10]        # attempts by time behind their due time
    uint64_t lateness_sum        # ms


cdef class Registrations(LocalUser):
    cdef readonly RecordTable table
    cdef readonly RegistrationSettings settings
    cdef readonly Pacing pacing
    cdef Sender sender
    cdef RegistrationCounters counters
    cdef siphash_key call_key            # tells which worker a Call-ID belongs to
    cdef readonly int worker, workers
    cdef uint64_t random_counter
    cdef public bint held                # rows are being loaded: nothing begins before their states are there, too
    cdef bint in_turn                    # attempts are being begun
    cdef char request[8192]

    cdef uint64_t random(self) noexcept
    cdef void due(self, Record *record) noexcept
    cdef bint begin(self, Record *record, int event) noexcept
    cdef bint transmit(self, Record *record, SipMessage challenge) noexcept
    cdef void finish(self, Record *record, int event, Outcome *outcome, int status) noexcept
    cdef void finish_unregistration(self, Record *record, Outcome *outcome, int status) noexcept
    cdef void refuse(self, Record *record, Outcome *outcome, int status) noexcept
    cdef bint answer(self, Record *record, SipMessage response, int status) noexcept
    cdef void settle(self, Record *record) noexcept
    cdef void grant(self, Record *record, uint32_t granted) noexcept
    cdef void schedule_refresh(self, Record *record, uint64_t since) noexcept
    cdef void schedule_soon(self, Record *record) noexcept
    cdef void raise_expires(self, Record *record, Outcome *outcome) noexcept
    cdef void schedule_retry(self, Record *record, Outcome *outcome, int status) noexcept
    cdef void new_call(self, Record *record) noexcept
    cdef int owner_of_call(self, Record *record) noexcept
    cdef void timer_fired(self, Record *record) noexcept
    cdef void run(self) noexcept
    cdef void pump(self) noexcept
    cdef void pump_registrar(self, Registrar *registrar, int budget) noexcept
    cdef void keep_service_route(self, Record *record, SipMessage response) noexcept

    cdef void start(self, Record *record) noexcept
    cdef void restored(self, Record *record, uint64_t wait) noexcept
    cdef void restart(self, Record *record) noexcept
    cdef void enable(self, Record *record) noexcept
    cdef void disable(self, Record *record) noexcept
    cdef void send_now(self, Record *record, int wanted) noexcept
