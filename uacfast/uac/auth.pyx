"""Answers to digest challenges, client side (Kamailio's uac_auth; RFC 3261 §22, RFC 7616, RFC 8760).

Every realm of a 401 or 407 that a secret fits is answered, each with the strongest algorithm that it offers. Nothing here
makes a Python object: the lines are written into the caller's buffer. Their form is Kamailio's (uac-semantics §3.7).
"""
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from uacfast.leaves.sip_scan cimport (
    SIP_HEADERS_CAPACITY, SIP_HEADER_PROXY_AUTHENTICATE, SIP_HEADER_WWW_AUTHENTICATE, SIP_SCAN_OK, sip_first_header,
    sip_header, sip_limits, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_equal, sip_text_is
from uacfast.leaves.text_writer cimport (
    text_put, text_put_hex, text_put_string, text_put_text, text_put_uint, text_writer_length, text_writer_start,
)
from uacfast.sip.digest cimport (
    DIGEST_HEX_MAX, DIGEST_UNKNOWN, digest_name, digest_response, next_challenge, parse_challenge, parse_credentials,
    secret_fits, secret_ha1,
)
from uacfast.sip.message cimport text_of

cdef extern from "sys/random.h" nogil:
    ssize_t getrandom(void *buffer, size_t length, unsigned int flags)

cdef enum:
    REALM_MAX = 512              # octets; longer parts of a challenge make it unusable
    NONCE_MAX = 2048
    OPAQUE_MAX = 2048


cdef class SecretList:
    """What can answer challenges, in the order in which it is tried; never shows what it holds."""

    def __init__(self, credentials):
        """`credentials`: objects with username, realm ("": any), password ("": not known) and ha1, which is None or has
        md5, sha256 and sha512_256 ("": not known)."""
        cdef Secret *secret
        credentials = list(credentials)
        self.texts = []
        self.at = <Secret *>malloc(max(len(credentials), 1) * sizeof(Secret))
        if self.at == NULL:
            raise MemoryError
        memset(self.at, 0, max(len(credentials), 1) * sizeof(Secret))
        for credential in credentials:
            secret = &self.at[self.count]
            secret.username = self.hold(credential.username)
            secret.realm = self.hold(credential.realm)
            if credential.password:
                secret.password = self.hold(credential.password)
            if credential.ha1 is not None:
                secret.ha1_md5 = self.hold(credential.ha1.md5)
                secret.ha1_sha256 = self.hold(credential.ha1.sha256)
                secret.ha1_sha512_256 = self.hold(credential.ha1.sha512_256)
            self.count += 1

    def __dealloc__(self):
        free(self.at)

    cdef sip_text hold(self, str text):
        cdef bytes octets = text.encode()
        self.texts.append(octets)
        return text_of(<const char *>octets, <uint32_t>len(octets))


# --- which challenges are answered -----------------------------------------------------------------------------------

cdef bint is_answerable(const DigestFields *challenge) noexcept:
    return (challenge.algorithm != DIGEST_UNKNOWN and challenge.realm.length <= REALM_MAX
            and challenge.nonce.length <= NONCE_MAX and challenge.opaque.length <= OPAQUE_MAX)


cdef int read_challenges(SipMessage response, DigestFields *found, AnswerNotes *notes) noexcept:
    """The usable ones among the first few; how many these are."""
    cdef int id = (SIP_HEADER_WWW_AUTHENTICATE if response.index.status == 401 else SIP_HEADER_PROXY_AUTHENTICATE)
    cdef const sip_header *header = sip_first_header(&response.index, id)
    cdef sip_text rest, one
    cdef int usable = 0
    while header != NULL:
        rest = header.value
        while next_challenge(&rest, &one):
            notes.challenges += 1
            if notes.challenges > CHALLENGES_FLOOD:
                notes.too_many = True
                return 0
            if notes.challenges > CHALLENGES_CONSIDERED:
                continue
            if parse_challenge(one, &found[usable]) and is_answerable(&found[usable]):
                usable += 1
            else:
                notes.unusable += 1
        header = sip_next_header(&response.index, header)
    return usable


cdef const Secret *choose(const DigestFields *found, int usable, int which, const Secret *secrets, int count,
                          int *chosen) noexcept:
    """The strongest challenge of found[which]'s realm for the first secret that fits any of them; NULL: none fits."""
    cdef const Secret *secret
    cdef int i, best, number
    for number in range(count):
        secret = &secrets[number]
        if secret.realm.length and not sip_text_equal(secret.realm, found[which].realm):
            continue
        best = -1
        for i in range(which, usable):
            if (sip_text_equal(found[i].realm, found[which].realm) and secret_fits(secret, found[i].algorithm)
                    and (best < 0 or found[i].algorithm > found[best].algorithm)):
                best = i
        if best >= 0:
            chosen[0] = best
            return secret
    return NULL


cdef bint is_first_of_realm(const DigestFields *found, int which) noexcept:
    cdef int i
    for i in range(which):
        if sip_text_equal(found[i].realm, found[which].realm):
            return False
    return True


cdef bint next_line(sip_text *rest, sip_text *line, int *status, sip_text *value) noexcept:
    """Take the next line of credentials off; `status`: which kind of challenge it answers, 401 or 407."""
    cdef uint32_t i = 0
    cdef uint32_t colon = 0
    while i + 1 < rest.length and not (rest.at[i] == c'\r' and rest.at[i + 1] == c'\n'):
        if colon == 0 and rest.at[i] == c':':
            colon = i
        i += 1
    if i + 1 >= rest.length or colon == 0:
        return False
    status[0] = 407 if rest.at[0] == c'P' else 401
    line[0] = text_of(rest.at, i + 2)
    value[0] = text_of(rest.at + colon + 1, i - colon - 1)
    rest[0] = text_of(rest.at + i + 2, rest.length - i - 2)
    return True


cdef bint find_sent(sip_text sent, int status, sip_text realm, DigestFields *fields) noexcept:
    """The credentials for this realm among those that were sent."""
    cdef sip_text line, value
    cdef int kind
    while next_line(&sent, &line, &kind, &value):
        if kind == status and parse_credentials(value, fields) and sip_text_equal(fields.realm, realm):
            return True
    return False


cdef uint16_t realm_bit(int status, sip_text realm) noexcept:
    """Two realms may share one: then the second is not tried again, no more."""
    cdef uint32_t hash = <uint32_t>status
    cdef uint32_t i
    for i in range(realm.length):
        hash = (hash ^ <uint8_t>realm.at[i]) * <uint32_t>16777619
    return <uint16_t>(1 << ((hash ^ hash >> 16) & 15))


cdef bint may_answer(const DigestFields *challenge, int status, AnswerNotes *notes) noexcept:
    """A realm that refuses our credentials gets others once, when it says that the nonce is stale or gives a new one."""
    cdef DigestFields sent
    cdef uint16_t bit
    if not find_sent(notes.sent, status, challenge.realm, &sent) or notes.foretold:
        return True
    bit = realm_bit(status, challenge.realm)
    if notes.retried & bit or sip_text_equal(sent.nonce, challenge.nonce) and not challenge.stale:
        return False
    notes.retried |= bit
    return True


cdef int answer_challenges(SipMessage response, const Secret *secrets, int count, sip_text method, sip_text uri,
                           sip_text body, text_writer *out, AnswerNotes *notes) noexcept:
    """Write whole (Proxy-)Authorization lines for a 401 or 407; how many challenges they answer.

    `secrets`: tried in this order; `method`, `uri`: of the request that will carry the lines, octet for octet. What was
    sent for other realms (notes.sent) is written again, before the new answers. 0, and nothing written, when nothing can
    be answered, when a realm has refused our credentials for good, or when `out` is too small; notes tells which.
    """
    cdef DigestFields found[CHALLENGES_CONSIDERED]
    cdef const Secret *owners[CHALLENGES_CONSIDERED]
    cdef int answers[CHALLENGES_CONSIDERED]
    cdef int status = response.index.status
    cdef int usable, i
    cdef int answered = 0
    cdef char *start = out.at
    notes.challenges = notes.unusable = notes.without_secret = notes.refused = 0
    notes.too_many = False
    if status not in (401, 407):
        return 0
    usable = read_challenges(response, found, notes)
    for i in range(usable):
        if not is_first_of_realm(found, i):
            continue
        owners[answered] = choose(found, usable, i, secrets, count, &answers[answered])
        if owners[answered] == NULL:
            notes.without_secret += 1
        elif not may_answer(&found[answers[answered]], status, notes):
            notes.refused += 1
        else:
            answered += 1
    if answered == 0 or notes.refused:
        return 0
    put_sent_again(notes.sent, status, found, answers, answered, secrets, count, method, uri, body, out, notes)
    for i in range(answered):
        put_credentials(status, owners[i], &found[answers[i]], 0, method, uri, body, out, notes)
    if out.overflow:
        out.at = start
        out.overflow = False
        notes.unusable += answered
        return 0
    return answered


cdef void put_sent_again(sip_text sent, int status, const DigestFields *found, const int *answers, int answered,
                         const Secret *secrets, int count, sip_text method, sip_text uri, sip_text body, text_writer *out,
                         AnswerNotes *notes) noexcept:
    """The credentials sent before for realms that were content with them (401 of one hop, then 407 of another)."""
    cdef DigestFields fields
    cdef sip_text line, value
    cdef int kind, i
    cdef bint replaced
    while next_line(&sent, &line, &kind, &value):
        if not parse_credentials(value, &fields):
            continue
        replaced = False
        for i in range(answered):
            replaced = replaced or kind == status and sip_text_equal(found[answers[i]].realm, fields.realm)
        if not replaced:
            put_again(kind, &fields, secrets, count, method, uri, body, out, notes)


cdef bint put_again(int kind, DigestFields *sent, const Secret *secrets, int count, sip_text method, sip_text uri,
                    sip_text body, text_writer *out, AnswerNotes *notes) noexcept:
    """Credentials as before, with the next nonce count and for this request; False when no secret fits them."""
    cdef uint64_t used = 0
    cdef int number
    cdef char digit
    cdef uint32_t i
    for i in range(sent.nc.length):
        digit = sent.nc.at[i]
        used = used << 4 | <uint64_t>(digit - c'0' if digit <= c'9' else (digit | 32) - c'a' + 10)
    for number in range(count):
        if ((secrets[number].realm.length == 0 or sip_text_equal(secrets[number].realm, sent.realm))
                and is_user(&secrets[number], sent.username) and secret_fits(&secrets[number], sent.algorithm)):
            put_credentials(kind, &secrets[number], sent, <uint32_t>used, method, uri, body, out, notes)
            return True
    return False


cdef bint is_user(const Secret *secret, sip_text quoted) noexcept:
    """Whether this is the secret's user name as put_quoted() wrote it."""
    cdef uint32_t i
    cdef uint32_t at = 0
    for i in range(secret.username.length):
        if secret.username.at[i] in (c'"', c'\\'):
            if at >= quoted.length or quoted.at[at] != c'\\':
                return False
            at += 1
        if at >= quoted.length or quoted.at[at] != secret.username.at[i]:
            return False
        at += 1
    return at == quoted.length


cdef int repeat_credentials(sip_text sent, const Secret *secrets, int count, sip_text method, sip_text uri, sip_text body,
                            text_writer *out, AnswerNotes *notes) noexcept:
    """Credentials for a request that nobody has challenged yet, from lines that were sent before (RFC 7616 §3.6).

    Only what has a qop is repeated: without a nonce count a server cannot tell a repetition from a replay. How many lines
    were written; 0, and nothing written, when `out` is too small.
    """
    cdef DigestFields fields
    cdef sip_text line, value
    cdef int kind
    cdef int written = 0
    cdef char *start = out.at
    while next_line(&sent, &line, &kind, &value):
        if parse_credentials(value, &fields) and (fields.qop_auth or fields.qop_auth_int):
            written += put_again(kind, &fields, secrets, count, method, uri, body, out, notes)
    if out.overflow:
        out.at = start
        out.overflow = False
        return 0
    return written


cdef bint asks_for_body(SipMessage response) noexcept:
    """Whether one of the challenges names auth-int, so that the body as it will be sent has to be known."""
    cdef int id = (SIP_HEADER_WWW_AUTHENTICATE if response.index.status == 401 else SIP_HEADER_PROXY_AUTHENTICATE)
    cdef const sip_header *header = sip_first_header(&response.index, id)
    cdef uint32_t i
    while header != NULL:
        for i in range(header.value.length):
            if (header.value.length - i >= 8 and header.value.at[i] | 32 == c'a'
                    and sip_text_is(text_of(header.value.at + i, 8), b"auth-int")):
                return True
        header = sip_next_header(&response.index, header)
    return False


# --- how an answer is written ----------------------------------------------------------------------------------------

cdef uint32_t next_count(NonceCounts *counts, const DigestFields *challenge, uint32_t used) noexcept:
    """The nonce count of one more request with this nonce, of which `used` are known to have been sent."""
    cdef uint64_t hash = <uint64_t>14695981039346656037ULL
    cdef uint32_t i, slot
    if counts == NULL:
        return used + 1
    for i in range(challenge.realm.length):
        hash = (hash ^ <uint8_t>challenge.realm.at[i]) * <uint64_t>1099511628211ULL
    for i in range(challenge.nonce.length):
        hash = (hash ^ <uint8_t>challenge.nonce.at[i]) * <uint64_t>1099511628211ULL
    slot = <uint32_t>((hash ^ hash >> 32) % NONCES_COUNTED)
    if counts.nonces[slot] != hash:
        counts.nonces[slot] = hash
        counts.counts[slot] = 0
    counts.counts[slot] = max(counts.counts[slot], used) + 1
    return counts.counts[slot]


cdef sip_text kamailio_cnonce(sip_text nonce, char *space) noexcept:
    """Kamailio's client nonce: a hash of the nonce in decimal (uac-semantics §3.6)."""
    cdef uint32_t hash = 0
    cdef uint32_t value
    cdef uint32_t i = 0
    cdef text_writer out
    while i + 4 <= nonce.length:
        value = (<uint32_t><uint8_t>nonce.at[i] << 24 | <uint32_t><uint8_t>nonce.at[i + 1] << 16
                 | <uint32_t><uint8_t>nonce.at[i + 2] << 8 | <uint32_t><uint8_t>nonce.at[i + 3])
        hash += value ^ value >> 3
        i += 4
    value = 0
    while i < nonce.length:
        value = value * 256 + <uint8_t>nonce.at[i]
        i += 1
    hash += value ^ value >> 3
    text_writer_start(&out, space, 16)
    text_put_uint(&out, <uint32_t>(hash + (hash >> 11) + (hash >> 13) + (hash >> 23)))
    return text_of(space, text_writer_length(&out))


cdef sip_text random_cnonce(char *space) noexcept:
    """64 random bits (engine H4)."""
    cdef uint64_t bits = 0
    cdef text_writer out
    getrandom(&bits, sizeof(bits), 0)
    text_writer_start(&out, space, 16)
    text_put_hex(&out, bits, 16)
    return text_of(space, text_writer_length(&out))


cdef void put_quoted(text_writer *out, const char *name, sip_text value, bint escape) noexcept:
    cdef uint32_t i
    text_put_string(out, name)
    text_put(out, b"=\"", 2)
    if escape:
        for i in range(value.length):
            if value.at[i] in (c'"', c'\\'):
                text_put(out, b"\\", 1)
            text_put(out, value.at + i, 1)
    else:
        text_put_text(out, value)
    text_put(out, b"\"", 1)


cdef void put_credentials(int status, const Secret *secret, const DigestFields *challenge, uint32_t used, sip_text method,
                          sip_text uri, sip_text body, text_writer *out, AnswerNotes *notes) noexcept:
    """One line; `challenge` may also be credentials that were sent before. auth is preferred to auth-int (engine H5)."""
    cdef DigestFields answer = challenge[0]
    cdef char ha1[DIGEST_HEX_MAX]
    cdef char response[DIGEST_HEX_MAX]
    cdef char cnonce[16]
    cdef char count[8]
    cdef text_writer digits
    cdef bint has_qop = answer.qop_auth or answer.qop_auth_int
    cdef bint has_cnonce = has_qop or <int>answer.algorithm & 1
    cdef int length
    if answer.qop_auth:
        answer.qop_auth_int = False
    answer.uri = uri
    if has_qop:
        text_writer_start(&digits, count, sizeof(count))
        text_put_hex(&digits, next_count(notes.counts, challenge, used), 8)
        answer.nc = text_of(count, 8)
    if has_cnonce:
        answer.cnonce = kamailio_cnonce(answer.nonce, cnonce) if notes.kamailio_cnonce else random_cnonce(cnonce)
    length = secret_ha1(secret, answer.algorithm, answer.realm, ha1)
    digest_response(&answer, text_of(ha1, <uint32_t>length), method, body, notes.raw_session, response)
    text_put_string(out, b"Authorization: Digest " if status == 401 else b"Proxy-Authorization: Digest ")
    put_quoted(out, b"username", secret.username, True)
    put_quoted(out, b", realm", answer.realm, False)
    put_quoted(out, b", nonce", answer.nonce, False)
    put_quoted(out, b", uri", uri, True)
    if answer.opaque.length:
        put_quoted(out, b", opaque", answer.opaque, False)
    if has_qop:
        text_put_string(out, b", qop=auth-int, nc=" if answer.qop_auth_int else b", qop=auth, nc=")
        text_put_text(out, answer.nc)
    if has_cnonce:
        put_quoted(out, b", cnonce", answer.cnonce, False)
    put_quoted(out, b", response", text_of(response, <uint32_t>length), False)
    text_put_string(out, b", algorithm=")
    text_put_string(out, digest_name(answer.algorithm))
    text_put(out, b"\r\n", 2)


# --- for Python: tests and tools -------------------------------------------------------------------------------------

def answers(bytes reply not None, credentials, bytes method not None, bytes uri not None, *, bytes body not None=b"",
            bytes sent=None, int retried=0, bint kamailio_cnonce=False, bint raw_session=False):
    """(lines, notes): what answer_challenges() writes for a whole 401 or 407, and the notes it takes, by name.

    `credentials` as SecretList takes them. ValueError when `reply` is no SIP message.
    """
    cdef SipMessage response = SipMessage()
    cdef sip_limits limits
    cdef SecretList secrets = SecretList(credentials)
    cdef AnswerNotes notes
    cdef text_writer out
    cdef char space[16384]
    cdef int answered
    limits.message = limits.header_part = limits.line = 65535
    limits.headers = SIP_HEADERS_CAPACITY
    memset(&notes, 0, sizeof(AnswerNotes))
    notes.kamailio_cnonce = kamailio_cnonce
    notes.raw_session = raw_session
    notes.retried = <uint16_t>retried
    if sent is not None:
        notes.sent = text_of(<const char *>sent, <uint32_t>len(sent))
    if response.scan(reply, <uint32_t>len(reply), &limits, False) != SIP_SCAN_OK:
        raise ValueError("This is no SIP message; give a whole response.")
    text_writer_start(&out, space, sizeof(space))
    answered = answer_challenges(response, secrets.at, secrets.count, text_of(<const char *>method, <uint32_t>len(method)),
                                 text_of(<const char *>uri, <uint32_t>len(uri)),
                                 text_of(<const char *>body, <uint32_t>len(body)), &out, &notes)
    return space[:text_writer_length(&out)], {
        "answered": answered, "challenges": notes.challenges, "unusable": notes.unusable,
        "without_secret": notes.without_secret, "refused": notes.refused, "retried": notes.retried,
        "too_many": bool(notes.too_many)}
