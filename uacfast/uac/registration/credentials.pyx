"""What answers the challenges of a registrar: the record's own secret, nothing else (uac-semantics §4.9)."""
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_PROXY_AUTHENTICATE, SIP_HEADER_WWW_AUTHENTICATE, sip_first_header, sip_header, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_equal
from uacfast.leaves.text_writer cimport (
    text_put, text_put_hex, text_put_string, text_put_text, text_writer_length, text_writer_start,
)
from uacfast.sip.digest cimport (
    DIGEST_HEX_MAX, DigestFields, Secret, digest_response, next_challenge, parse_challenge, secret_fits, secret_ha1,
)
from uacfast.sip.message cimport literal, no_text, text_of
from uacfast.uac.registration.record cimport (
    AUTH_HA1, AUTH_PASSWORD, AUTH_USERNAME, R_DOMAIN, REALM, text_field,
)

cdef enum:
    URI_SIZE = 4096
    HA1_MD5 = 32
    HA1_SHA256 = 64


cdef void secret_of(const Record *record, Secret *secret) noexcept:
    """auth_ha1 wins over the password; it holds 32 digits (MD5), 64 (SHA-256), or both with a comma between."""
    cdef sip_text ha1 = text_field(record, AUTH_HA1)
    cdef sip_text password = text_field(record, AUTH_PASSWORD)
    secret.username = text_field(record, AUTH_USERNAME)
    secret.realm = text_field(record, REALM)
    secret.password = no_text()
    secret.ha1_md5 = secret.ha1_sha256 = secret.ha1_sha512_256 = no_text()
    if ha1.length == 0:
        secret.password = password
    if ha1.length in (HA1_MD5, HA1_MD5 + 1 + HA1_SHA256):
        secret.ha1_md5 = text_of(ha1.at, HA1_MD5)
    if ha1.length >= HA1_SHA256:
        secret.ha1_sha256 = text_of(ha1.at + ha1.length - HA1_SHA256, HA1_SHA256)


cdef int challenge_header(int status) noexcept:
    return SIP_HEADER_WWW_AUTHENTICATE if status == 401 else SIP_HEADER_PROXY_AUTHENTICATE


cdef bint usable(const DigestFields *fields, const Secret *secret) noexcept:
    """The record's realm, when it has one, must be the challenge's (uac-semantics §4.9): nobody else gets an answer."""
    return (secret_fits(secret, fields.algorithm)
            and (secret.realm.length == 0 or sip_text_equal(secret.realm, fields.realm)))


cdef bint strongest(SipMessage response, int status, const Secret *secret, DigestFields *best, sip_text *value) noexcept:
    """The strongest challenge that the secret can answer, the first of equals; False when there is none."""
    cdef const sip_header *header = sip_first_header(&response.index, challenge_header(status))
    cdef DigestFields fields
    cdef sip_text rest, challenge
    cdef bint found = False
    while header != NULL:
        rest = header.value
        while next_challenge(&rest, &challenge):
            if (parse_challenge(challenge, &fields) and usable(&fields, secret)
                    and (not found or fields.algorithm > best.algorithm)):
                best[0] = fields
                value[0] = challenge
                found = True
        header = sip_next_header(&response.index, header)
    return found


cdef void put_quoted(text_writer *out, const char *name, sip_text value) noexcept:
    text_put_string(out, name)
    text_put(out, b"=\"", 2)
    text_put_text(out, value)
    text_put(out, b"\"", 1)


cdef void put_escaped(text_writer *out, const char *name, sip_text value) noexcept:
    """A text of ours between quotes."""
    cdef uint32_t i
    text_put_string(out, name)
    text_put(out, b"=\"", 2)
    for i in range(value.length):
        if value.at[i] in (c'"', c'\\'):
            text_put(out, b"\\", 1)
        text_put(out, value.at + i, 1)
    text_put(out, b"\"", 1)


cdef bint put_credentials(const Record *record, const Secret *secret, DigestFields *fields, int status,
                          uint64_t cnonce, uint32_t nonce_count, text_writer *out) noexcept:
    """The header line in Kamailio's form (uac-semantics §3.7)."""
    cdef char[DIGEST_HEX_MAX] ha1
    cdef char[DIGEST_HEX_MAX] response
    cdef char count[8]
    cdef char own_nonce[16]
    cdef char uri[URI_SIZE]
    cdef text_writer small
    cdef int length
    text_writer_start(&small, uri, URI_SIZE)
    text_put(&small, b"sip:", 4)
    text_put_text(&small, text_field(record, R_DOMAIN))
    if small.overflow:
        return False
    fields.uri = text_of(uri, text_writer_length(&small))
    text_writer_start(&small, count, sizeof(count))
    text_put_hex(&small, nonce_count, 8)
    fields.nc = text_of(count, sizeof(count))
    text_writer_start(&small, own_nonce, sizeof(own_nonce))
    text_put_hex(&small, cnonce, 16)
    fields.cnonce = text_of(own_nonce, sizeof(own_nonce))
    length = secret_ha1(secret, fields.algorithm, fields.realm, ha1)
    length = digest_response(fields, text_of(ha1, length), literal(b"REGISTER"), no_text(), False, response)
    text_put_string(out, b"Authorization: Digest " if status == 401 else b"Proxy-Authorization: Digest ")
    put_escaped(out, b"username", secret.username)
    put_quoted(out, b", realm", fields.realm)
    put_quoted(out, b", nonce", fields.nonce)
    put_quoted(out, b", uri", fields.uri)
    if fields.opaque.at != NULL:
        put_quoted(out, b", opaque", fields.opaque)
    if fields.qop_auth or fields.qop_auth_int:
        text_put_string(out, b", qop=auth, nc=" if fields.qop_auth else b", qop=auth-int, nc=")
        text_put_text(out, fields.nc)
        put_quoted(out, b", cnonce", fields.cnonce)
    put_quoted(out, b", response", text_of(response, length))
    text_put_string(out, b", algorithm=")
    text_put_text(out, fields.algorithm_text if fields.algorithm_text.length else literal(b"MD5"))
    text_put(out, b"\r\n", 2)
    return not out.overflow


cdef bint write_answer(RecordTable table, Record *record, SipMessage response, int status, bint keep,
                       text_writer *out) noexcept:
    """The credentials line for a 401 or 407; False when none of its challenges can be answered. `keep`: remember the
    challenge, for credentials in advance."""
    cdef Secret secret
    cdef DigestFields fields
    cdef sip_text value
    secret_of(record, &secret)
    if not strongest(response, status, &secret, &fields, &value):
        return False
    table.generation += 1
    if not put_credentials(record, &secret, &fields, status, table.hash(fields.nonce) ^ record.tag_number ^ table.now, 1,
                           out):
        return False
    record.nonce_count = 1
    record.challenge_kind = status
    table.set_block(&record.challenge, value.at, value.length if keep else 0)
    return True


cdef bint write_in_advance(Record *record, text_writer *out) noexcept:
    """Credentials for the nonce of before, nc one higher (RFC 7616 §3.3: a nonce may be used again); False: none fit."""
    cdef Secret secret
    cdef DigestFields fields
    secret_of(record, &secret)
    if not parse_challenge(text_of(record.challenge.at, record.challenge.length), &fields) or not usable(&fields, &secret):
        return False
    record.nonce_count += 1
    return put_credentials(record, &secret, &fields, record.challenge_kind,
                           record.call_number ^ record.tag_number ^ record.nonce_count, record.nonce_count, out)


cdef bint is_stale(SipMessage response, int status) noexcept:
    """Whether one of the challenges says that only the nonce was too old."""
    cdef const sip_header *header = sip_first_header(&response.index, challenge_header(status))
    cdef DigestFields fields
    cdef sip_text rest, challenge
    while header != NULL:
        rest = header.value
        while next_challenge(&rest, &challenge):
            if parse_challenge(challenge, &fields) and fields.stale:
                return True
        header = sip_next_header(&response.index, header)
    return False


cdef bint repeats_nonce(const Record *record, SipMessage response, int status) noexcept:
    """Whether the challenge has the nonce that was answered in advance."""
    cdef const sip_header *header = sip_first_header(&response.index, challenge_header(status))
    cdef DigestFields kept, fields
    cdef sip_text rest, challenge
    if not parse_challenge(text_of(record.challenge.at, record.challenge.length), &kept):
        return False
    while header != NULL:
        rest = header.value
        while next_challenge(&rest, &challenge):
            if parse_challenge(challenge, &fields) and sip_text_equal(fields.nonce, kept.nonce):
                return True
        header = sip_next_header(&response.index, header)
    return False
