"""What answers the challenges of a registrar: the record's own secret, nothing else (uac-semantics §4.9).

The lines that were sent last are kept with the record: for the attempt, so that a second challenge can be judged, and
between attempts when credentials are to be sent in advance.
"""
from libc.stdint cimport uint32_t
from libc.string cimport memset

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_put, text_put_text, text_writer_length, text_writer_start
from uacfast.sip.digest cimport Secret
from uacfast.sip.message cimport literal, no_text, text_of
from uacfast.uac.auth cimport AnswerNotes, answer_challenges, repeat_credentials
from uacfast.uac.registration.record cimport (
    AUTH_HA1, AUTH_PASSWORD, AUTH_USERNAME, CREDENTIALS_SENT, R_DOMAIN, REALM, text_field,
)

cdef enum:
    URI_SIZE = 520               # "sip:" and the longest r_domain
    HA1_MD5 = 32
    HA1_SHA256 = 64


cdef void secret_of(const Record *record, Secret *secret) noexcept:
    """auth_ha1 wins over the password; it holds 32 digits (MD5), 64 (SHA-256), or both with a comma between."""
    cdef sip_text ha1 = text_field(record, AUTH_HA1)
    memset(secret, 0, sizeof(Secret))
    secret.username = text_field(record, AUTH_USERNAME)
    secret.realm = text_field(record, REALM)
    if ha1.length == 0:
        secret.password = text_field(record, AUTH_PASSWORD)
    if ha1.length in (HA1_MD5, HA1_MD5 + 1 + HA1_SHA256):
        secret.ha1_md5 = text_of(ha1.at, HA1_MD5)
    if ha1.length >= HA1_SHA256:
        secret.ha1_sha256 = text_of(ha1.at + ha1.length - HA1_SHA256, HA1_SHA256)


cdef sip_text request_uri(const Record *record, char *space) noexcept:
    cdef text_writer out
    text_writer_start(&out, space, URI_SIZE)
    text_put(&out, b"sip:", 4)
    text_put_text(&out, text_field(record, R_DOMAIN))
    return text_of(space, text_writer_length(&out))


cdef bint write_answer(RecordTable table, Record *record, SipMessage response, text_writer *out) noexcept:
    """The credentials lines for a 401 or 407; False when it cannot be answered or refuses for good what was sent."""
    cdef Secret secret
    cdef AnswerNotes notes
    cdef char uri[URI_SIZE]
    cdef char *start = out.at
    memset(&notes, 0, sizeof(notes))
    secret_of(record, &secret)
    if record.answers or record.marks & CREDENTIALS_SENT:
        notes.sent = text_of(record.credentials.at, record.credentials.length)
    notes.foretold = record.answers == 0
    notes.retried = record.retried
    if answer_challenges(response, &secret, 1, literal(b"REGISTER"), request_uri(record, uri), no_text(), out,
                         &notes) == 0:
        return False
    record.retried = notes.retried
    return table.set_block(&record.credentials, start, <uint32_t>(out.at - start))


cdef bint write_in_advance(RecordTable table, Record *record, text_writer *out) noexcept:
    """The last credentials again, their nonce counted on; False when there are none that may be repeated."""
    cdef Secret secret
    cdef AnswerNotes notes
    cdef char uri[URI_SIZE]
    cdef char *start = out.at
    memset(&notes, 0, sizeof(notes))
    secret_of(record, &secret)
    if record.credentials.length == 0 or repeat_credentials(
            text_of(record.credentials.at, record.credentials.length), &secret, 1, literal(b"REGISTER"),
            request_uri(record, uri), no_text(), out, &notes) == 0:
        return False
    return table.set_block(&record.credentials, start, <uint32_t>(out.at - start))
