"""Answers to digest challenges, client side (Kamailio's uac_auth; RFC 3261 §22, RFC 7616, RFC 8760)."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer
from uacfast.sip.digest cimport DigestFields, Secret
from uacfast.sip.message cimport SipMessage

cdef enum:
    CHALLENGES_CONSIDERED = 8    # of one reply (engine H11)
    CHALLENGES_FLOOD = 32        # a reply with more is not answered at all
    NONCES_COUNTED = 512


cdef struct NonceCounts:         # how often each of the last nonces was answered; zeroed at the start
    uint64_t nonces[NONCES_COUNTED]
    uint32_t counts[NONCES_COUNTED]


cdef struct AnswerNotes:         # zero it before
    # given
    sip_text sent                # credentials that the challenged request carried, whole lines; .at NULL: none
    bint foretold                # these were sent before any challenge, so a refusal tells nothing about the password
    uint16_t retried             # a bit for each realm that was answered a second time; renewed
    NonceCounts *counts          # NULL: the nonce count follows from `sent` alone
    bint raw_session             # the session variants of RFC 2617's sample code
    bint kamailio_cnonce         # Kamailio's client nonce, which follows from the nonce: for tests
    # found
    int challenges               # of the kind that the status asks for
    int unusable                 # malformed, too long, not Digest, or of an algorithm or qop that there is not
    int without_secret           # realms that no secret fits
    int refused                  # realms that refused our credentials for good
    bint too_many


cdef class SecretList:
    cdef Secret *at
    cdef readonly int count
    cdef list texts

    cdef sip_text hold(self, str text)

cdef int answer_challenges(SipMessage response, const Secret *secrets, int count, sip_text method, sip_text uri,
                           sip_text body, text_writer *out, AnswerNotes *notes) noexcept
cdef int repeat_credentials(sip_text sent, const Secret *secrets, int count, sip_text method, sip_text uri, sip_text body,
                            text_writer *out, AnswerNotes *notes) noexcept
cdef bint next_line(sip_text *rest, sip_text *line, int *status, sip_text *value) noexcept
cdef bint asks_for_body(SipMessage response) noexcept
