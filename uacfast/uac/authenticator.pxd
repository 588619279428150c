"""Credentials for requests on their way: whose they are, which requests may have them, what was learned about nonces."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.counters cimport Counters
from uacfast.proxy.hooks cimport ChallengeAnswerer
from uacfast.sip.digest cimport Secret
from uacfast.sip.message cimport SipMessage
from uacfast.tm.table cimport Branch, TransactionTable
from uacfast.uac.auth cimport AnswerNotes, NonceCounts, SecretList

cdef enum:
    DESTINATIONS_KNOWN = 256     # of which credentials are remembered to be sent before they are asked for


cdef struct KnownDestination:
    uint64_t hash                # of address and user, 0: free
    uint64_t until               # ms; not used before, when refusals in a row have shown that nonces are good for one request
    char *lines                  # the credentials sent last
    uint32_t length
    uint32_t uses                # since the nonce was given
    uint32_t refusals            # in a row, at the first use


cdef class Credentials:
    cdef public bint of_accounts         # routes that take the secret of a registration (request_to) are there
    cdef SecretList everybody    # what the credential list has
    cdef tuple listed            # the same, as it was given, the last defined first
    cdef dict of_routes          # id of a route -> SecretList
    cdef siphash_key key

    cdef uint32_t route_id(self, str name, int index)


cdef class Authenticator(ChallengeAnswerer):
    cdef TransactionTable table
    cdef Counters counters
    cdef Credentials credentials
    cdef bint raises_cseq, raw_session
    cdef public bint kamailio_cnonce
    cdef NonceCounts counts
    cdef KnownDestination known[DESTINATIONS_KNOWN]

    cdef int authenticate(self, const Secret *first, const Branch *challenged, SipMessage request,
                          SipMessage response) noexcept
    cdef bint put_answers(self, const Secret *secrets, int count, const Branch *challenged, SipMessage request,
                          SipMessage response) noexcept
    cdef const Secret *secrets_of(self, SipMessage request, const Secret *given, int *count) noexcept
    cdef void mark_dialog(self, SipMessage request, uint32_t route_id) noexcept
    cdef uint64_t seal_of(self, SipMessage message, sip_text from_tag, uint32_t route_id) noexcept
    cdef bint read_mark(self, SipMessage request, uint32_t *route_id) noexcept
    cdef void count(self, const AnswerNotes *notes, int answered) noexcept
    cdef KnownDestination *place(self, const udp_address *destination, const Secret *secret, uint64_t *hash) noexcept
    cdef void learn(self, const udp_address *destination, const Secret *secret, SipMessage request) noexcept
    cdef void unlearn(self, const Branch *challenged, const Secret *secret) noexcept

cdef bint secret_of(sip_text username, sip_text realm, sip_text password, bint is_ha1, Secret *secret) noexcept
