"""Digest authentication (RFC 7616, RFC 8760): challenges and credentials parsed, HA1 and responses computed.

The one home of it, for the client and for the server. Texts are octets as they stand between the quotes, escapes
included, which is also what is hashed (RFC 7616 §3.4.2, unq()). Nothing is allocated.
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset

from uacfast.leaves.md5 cimport md5_add, md5_end, md5_hex, md5_start, md5_state
from uacfast.leaves.sha256 cimport sha256_add, sha256_end, sha256_start, sha256_state
from uacfast.leaves.sha512_256 cimport sha512_256_add, sha512_256_end, sha512_256_start, sha512_256_state
from uacfast.leaves.sip_header cimport sip_list_next
from uacfast.leaves.sip_text cimport sip_text_is
from uacfast.sip.message cimport bytes_of, literal, no_text, text_of

cdef const char *ALGORITHM_NAMES[6]
ALGORITHM_NAMES[0] = b"MD5"
ALGORITHM_NAMES[1] = b"MD5-sess"
ALGORITHM_NAMES[2] = b"SHA-256"
ALGORITHM_NAMES[3] = b"SHA-256-sess"
ALGORITHM_NAMES[4] = b"SHA-512-256"
ALGORITHM_NAMES[5] = b"SHA-512-256-sess"


# --- hashing ---------------------------------------------------------------------------------------------------------

cdef union HashStates:
    md5_state md5
    sha256_state sha256
    sha512_256_state sha512_256


cdef struct Hash:
    int family                   # 0: MD5, 1: SHA-256, 2: SHA-512/256
    HashStates state


cdef inline int family_of(DigestAlgorithm algorithm) noexcept:
    return <int>algorithm >> 1


cdef inline bint is_session(DigestAlgorithm algorithm) noexcept:
    return <int>algorithm & 1


cdef void hash_start(Hash *hash, int family) noexcept:
    hash.family = family
    if family == 0:
        md5_start(&hash.state.md5)
    elif family == 1:
        sha256_start(&hash.state.sha256)
    else:
        sha512_256_start(&hash.state.sha512_256)


cdef void hash_add(Hash *hash, const void *at, size_t length) noexcept:
    if hash.family == 0:
        md5_add(&hash.state.md5, at, length)
    elif hash.family == 1:
        sha256_add(&hash.state.sha256, at, length)
    else:
        sha512_256_add(&hash.state.sha512_256, at, length)


cdef inline void hash_add_after_colon(Hash *hash, sip_text text) noexcept:
    hash_add(hash, b":", 1)
    hash_add(hash, text.at, text.length)


cdef int hash_end(Hash *hash, uint8_t *digest) noexcept:
    """Octets of the digest."""
    if hash.family == 0:
        md5_end(&hash.state.md5, digest)
        return 16
    if hash.family == 1:
        sha256_end(&hash.state.sha256, digest)
    else:
        sha512_256_end(&hash.state.sha512_256, digest)
    return 32


cdef int hash_end_hex(Hash *hash, char *hex) noexcept:
    """Hexadecimal digits of the digest."""
    cdef uint8_t[32] digest
    cdef int length = hash_end(hash, digest)
    md5_hex(digest, hex)
    if length == 32:
        md5_hex(digest + 16, hex + 32)
    return 2 * length


cdef int digest_length(DigestAlgorithm algorithm) noexcept:
    """Hexadecimal digits of HA1 and of the response."""
    return 32 if family_of(algorithm) == 0 else 64


cdef const char *digest_name(DigestAlgorithm algorithm) noexcept:
    return ALGORITHM_NAMES[<int>algorithm]


cdef int digest_ha1(DigestAlgorithm algorithm, sip_text username, sip_text realm, sip_text password, char *hex) noexcept:
    """H(username:realm:password) into `hex` (DIGEST_HEX_MAX octets); the session variants have the same. Its length."""
    cdef Hash hash
    hash_start(&hash, family_of(algorithm))
    hash_add(&hash, username.at, username.length)
    hash_add_after_colon(&hash, realm)
    hash_add_after_colon(&hash, password)
    return hash_end_hex(&hash, hex)


cdef sip_text known_ha1(const Secret *secret, DigestAlgorithm algorithm) noexcept:
    if family_of(algorithm) == 0:
        return secret.ha1_md5
    return secret.ha1_sha256 if family_of(algorithm) == 1 else secret.ha1_sha512_256


cdef bint secret_fits(const Secret *secret, DigestAlgorithm algorithm) noexcept:
    """Whether the secret can answer a challenge of this algorithm."""
    return algorithm != DIGEST_UNKNOWN and (
        known_ha1(secret, algorithm).length == <uint32_t>digest_length(algorithm) or secret.password.at != NULL)


cdef int secret_ha1(const Secret *secret, DigestAlgorithm algorithm, sip_text realm, char *hex) noexcept:
    """HA1 of a secret that fits, into `hex` (DIGEST_HEX_MAX octets), in lower case; its length."""
    cdef sip_text known = known_ha1(secret, algorithm)
    cdef uint32_t i
    if known.length != <uint32_t>digest_length(algorithm):
        return digest_ha1(algorithm, secret.username, realm, secret.password, hex)
    for i in range(known.length):
        hex[i] = known.at[i] | 32 if c'A' <= known.at[i] <= c'F' else known.at[i]
    return <int>known.length


cdef int digest_response(const DigestFields *credentials, sip_text ha1, sip_text method, sip_text body,
                         bint raw_session, char *hex) noexcept:
    """The response for these credentials into `hex` (DIGEST_HEX_MAX octets); its length (RFC 7616 §3.4.1).

    Read are nonce, uri, algorithm, and with a qop nc and cnonce; qop_auth goes before qop_auth_int. `raw_session`: the
    session variants hash the first digest's octets in place of its text, as the sample code of RFC 2617 did.
    """
    cdef Hash hash
    cdef int family = family_of(credentials.algorithm)
    cdef char[DIGEST_HEX_MAX] first
    cdef char[DIGEST_HEX_MAX] second
    cdef uint8_t[32] octets
    cdef int length = digest_length(credentials.algorithm)
    cdef bint whole_body = credentials.qop_auth_int and not credentials.qop_auth
    cdef uint32_t i
    if is_session(credentials.algorithm):
        hash_start(&hash, family)
        if raw_session:
            for i in range(<uint32_t>length // 2):
                octets[i] = <uint8_t>(hex_value(ha1.at[2 * i]) << 4 | hex_value(ha1.at[2 * i + 1]))
            hash_add(&hash, octets, length // 2)
        else:
            hash_add(&hash, ha1.at, ha1.length)
        hash_add_after_colon(&hash, credentials.nonce)
        hash_add_after_colon(&hash, credentials.cnonce)
        ha1 = text_of(first, <uint32_t>hash_end_hex(&hash, first))
    if whole_body:
        hash_start(&hash, family)
        hash_add(&hash, body.at, body.length)
        hash_end_hex(&hash, second)
    hash_start(&hash, family)
    hash_add(&hash, method.at, method.length)
    hash_add_after_colon(&hash, credentials.uri)
    if whole_body:
        hash_add_after_colon(&hash, text_of(second, <uint32_t>length))
    hash_end_hex(&hash, second)
    hash_start(&hash, family)
    hash_add(&hash, ha1.at, ha1.length)
    hash_add_after_colon(&hash, credentials.nonce)
    if credentials.qop_auth or credentials.qop_auth_int:
        hash_add_after_colon(&hash, credentials.nc)
        hash_add_after_colon(&hash, credentials.cnonce)
        hash_add_after_colon(&hash, literal(b"auth-int") if whole_body else literal(b"auth"))
    hash_add_after_colon(&hash, text_of(second, <uint32_t>length))
    return hash_end_hex(&hash, hex)


cdef inline int hex_value(char digit) noexcept:
    return digit - c'0' if c'0' <= digit <= c'9' else (digit | 32) - c'a' + 10


cdef bint verify_credentials(const DigestFields *credentials, sip_text ha1, sip_text method, sip_text body) noexcept:
    """Whether the response is the one that HA1 (of the credentials' algorithm) gives; takes the same time for all."""
    cdef char[DIGEST_HEX_MAX] expected
    cdef int length, i
    cdef uint8_t difference = 0
    if (credentials.algorithm == DIGEST_UNKNOWN or ha1.length != <uint32_t>digest_length(credentials.algorithm)
            or credentials.response.length != ha1.length):
        return False
    length = digest_response(credentials, ha1, method, body, False, expected)
    for i in range(length):
        difference |= <uint8_t>(expected[i] ^ (credentials.response.at[i] | 32 if credentials.response.at[i] >= c'A'
                                               else credentials.response.at[i]))
    return difference == 0


# --- parsing ---------------------------------------------------------------------------------------------------------

cdef inline bint is_space(char octet) noexcept:
    return octet in (c' ', c'\t', c'\r', c'\n')


cdef inline bint ends_token(char octet) noexcept:
    return is_space(octet) or octet in (c',', c'=', c'"')


cdef const char *skip_space(const char *at, const char *end) noexcept:
    while at < end and is_space(at[0]):
        at += 1
    return at


cdef const char *skip_token(const char *at, const char *end) noexcept:
    while at < end and not ends_token(at[0]):
        at += 1
    return at


cdef const char *skip_scheme(sip_text value) noexcept:
    """What follows "Digest" and white space; NULL when that is not how the value begins."""
    cdef const char *end = value.at + value.length
    cdef const char *at = skip_space(value.at, end)
    cdef const char *name = at
    at = skip_token(at, end)
    if at >= end or not is_space(at[0]) or not sip_text_is(text_of(name, <uint32_t>(at - name)), b"digest"):
        return NULL
    return skip_space(at, end)


cdef bint parse_fields(sip_text header_value, bint is_challenge, DigestFields *fields) noexcept:
    """The parameters that are known, the first of a name; in a challenge a quoted text ends at the next quote, as
    Kamailio reads it (uac-semantics §3.3). False when this is no list of parameters."""
    cdef const char *end = header_value.at + header_value.length
    cdef const char *at = skip_scheme(header_value)
    cdef const char *start
    cdef sip_text name, value
    cdef bint quoted
    memset(fields, 0, sizeof(DigestFields))
    if at == NULL:
        return False
    while True:
        while at < end and (is_space(at[0]) or at[0] == c','):
            at += 1
        if at >= end:
            return True
        start = at
        at = skip_token(at, end)
        name = text_of(start, <uint32_t>(at - start))
        at = skip_space(at, end)
        if name.length == 0 or at >= end or at[0] != c'=':
            return False
        at = skip_space(at + 1, end)
        quoted = at < end and at[0] == c'"'
        if quoted:
            at += 1
            start = at
            while at < end and at[0] != c'"':
                if <uint8_t>at[0] < 32 or at[0] == 127:
                    return False
                at += 2 if at[0] == c'\\' and not is_challenge else 1
            if at >= end:
                return False
            value = text_of(start, <uint32_t>(at - start))
            at += 1
        else:
            start = at
            at = skip_token(at, end)
            value = text_of(start, <uint32_t>(at - start))
        at = skip_space(at, end)
        if at < end and at[0] != c',':
            return False
        if not take_field(name, value, quoted, is_challenge, fields):
            return False


cdef bint take_field(sip_text name, sip_text value, bint quoted, bint is_challenge, DigestFields *fields) noexcept:
    cdef sip_text *field = NULL
    if sip_text_is(name, b"realm"):
        field = &fields.realm
    elif sip_text_is(name, b"nonce"):
        field = &fields.nonce
    elif sip_text_is(name, b"opaque"):
        field = &fields.opaque
    elif sip_text_is(name, b"domain"):
        field = &fields.domain
    if field != NULL:
        if is_challenge and not quoted:
            return False
    elif sip_text_is(name, b"algorithm"):
        field = &fields.algorithm_text
    elif sip_text_is(name, b"qop"):
        field = &fields.qop_text
    elif is_challenge:
        if sip_text_is(name, b"stale"):
            fields.stale = sip_text_is(value, b"true")
            return fields.stale or sip_text_is(value, b"false")
        return True
    elif sip_text_is(name, b"username"):
        field = &fields.username
    elif sip_text_is(name, b"uri"):
        field = &fields.uri
    elif sip_text_is(name, b"response"):
        field = &fields.response
    elif sip_text_is(name, b"cnonce"):
        field = &fields.cnonce
    elif sip_text_is(name, b"nc"):
        field = &fields.nc
    if field != NULL and field.at == NULL:
        field[0] = value
    return True


cdef DigestAlgorithm algorithm_of(sip_text text) noexcept:
    """Names are read without regard to case; none given is MD5."""
    if text.at == NULL or sip_text_is(text, b"md5"):
        return DIGEST_MD5
    if sip_text_is(text, b"sha-256"):
        return DIGEST_SHA256
    if sip_text_is(text, b"sha-512-256"):
        return DIGEST_SHA512_256
    if sip_text_is(text, b"md5-sess"):
        return DIGEST_MD5_SESS
    if sip_text_is(text, b"sha-256-sess"):
        return DIGEST_SHA256_SESS
    if sip_text_is(text, b"sha-512-256-sess"):
        return DIGEST_SHA512_256_SESS
    return DIGEST_UNKNOWN


cdef bint read_qop(DigestFields *fields) noexcept:
    """False when a qop is named and none of those that there are."""
    cdef sip_text rest = fields.qop_text
    cdef sip_text option
    while sip_list_next(&rest, &option):
        if sip_text_is(option, b"auth"):
            fields.qop_auth = True
        elif sip_text_is(option, b"auth-int"):
            fields.qop_auth_int = True
    return fields.qop_text.length == 0 or fields.qop_auth or fields.qop_auth_int


cdef bint parse_challenge(sip_text header_value, DigestFields *fields) noexcept:
    """One challenge, the value of a WWW-Authenticate or Proxy-Authenticate (uac-semantics §3.3, RFC 7616 §3.3).

    False when it is not Digest, malformed, lacks realm or nonce, or asks for another qop than auth and auth-int. An
    algorithm that is not known gives DIGEST_UNKNOWN.
    """
    if not parse_fields(header_value, True, fields) or fields.realm.length == 0 or fields.nonce.length == 0:
        return False
    if fields.opaque.length == 0:
        fields.opaque = no_text()
    fields.algorithm = algorithm_of(fields.algorithm_text)
    return read_qop(fields)


cdef bint parse_credentials(sip_text header_value, DigestFields *fields) noexcept:
    """The value of an Authorization or Proxy-Authorization (RFC 7616 §3.4).

    False when it is not Digest, malformed, or lacks username, realm, nonce, uri, response, or with a qop nc or cnonce.
    """
    if not parse_fields(header_value, False, fields) or not read_qop(fields):
        return False
    fields.algorithm = algorithm_of(fields.algorithm_text)
    return (fields.username.at != NULL and fields.realm.at != NULL and fields.nonce.length != 0
            and fields.uri.at != NULL and fields.response.length != 0
            and (fields.qop_text.length == 0 or fields.nc.length == 8 and fields.cnonce.at != NULL))


cdef bint next_challenge(sip_text *rest, sip_text *challenge) noexcept:
    """Take the next challenge off a header value that may hold several (RFC 9110 §11.6.1); False at the end."""
    cdef const char *end = rest.at + rest.length
    cdef const char *at = rest.at
    cdef const char *start
    cdef const char *after
    cdef bint quoted = False
    while at < end and (is_space(at[0]) or at[0] == c','):
        at += 1
    if at >= end:
        return False
    start = at
    while at < end:
        if at[0] == c'"':
            quoted = not quoted
        elif at[0] == c',' and not quoted:
            # A new challenge begins with its scheme: a word that is followed by another word.
            after = skip_space(at + 1, end)
            after = skip_token(after, end)
            if after < end and is_space(after[0]):
                after = skip_space(after, end)
                if after < end and not ends_token(after[0]):
                    break
        at += 1
    after = at
    while after > start and (is_space(after[-1]) or after[-1] == c','):
        after -= 1
    challenge[0] = text_of(start, <uint32_t>(after - start))
    rest[0] = text_of(at, <uint32_t>(end - at))
    return True


# --- for Python: tests and tools -------------------------------------------------------------------------------------

cdef sip_text text_in(bytes octets) noexcept:
    return no_text() if octets is None else text_of(<const char *>octets, <uint32_t>len(octets))


cdef DigestAlgorithm named(str algorithm) except *:
    cdef bytes name = algorithm.encode()
    cdef DigestAlgorithm found = algorithm_of(text_in(name))
    if found == DIGEST_UNKNOWN:
        raise ValueError(f"{algorithm!r} is no digest algorithm; use MD5, SHA-256 or SHA-512-256, or one of these "
                         "with -sess.")
    return found


def ha1(bytes username not None, bytes realm not None, bytes password not None, str algorithm not None="MD5"):
    """H(username:realm:password) in lower-case hexadecimal digits (RFC 7616 §3.4.2).

    Octets as they are inside the quotes of the header. ValueError for an unknown algorithm.
    """
    cdef char[DIGEST_HEX_MAX] hex
    cdef int length = digest_ha1(named(algorithm), text_in(username), text_in(realm), text_in(password), hex)
    return PyBytes_FromStringAndSize(hex, length)


def response(bytes ha1 not None, bytes nonce not None, bytes method not None, bytes uri not None,
             bytes qop=None, bytes nc=None, bytes cnonce=None, *, str algorithm not None="MD5",
             bytes body not None=b"", bint raw_session=False):
    """The `response` of credentials in hexadecimal digits (RFC 7616 §3.4.1).

    `ha1` is what ha1() returns. Without `qop` this is the form of RFC 2069; with b"auth" or b"auth-int", `nc` is the
    eight digits of the header and `cnonce` its text, which the session variants always need. ValueError when these do
    not fit together.
    """
    cdef DigestFields fields
    cdef char[DIGEST_HEX_MAX] hex
    memset(&fields, 0, sizeof(DigestFields))
    fields.algorithm = named(algorithm)
    if len(ha1) != digest_length(fields.algorithm):
        raise ValueError(f"HA1 has {len(ha1)} octets; give the {digest_length(fields.algorithm)} hexadecimal digits of "
                         f"H(user:realm:password) with {algorithm}.")
    fields.qop_text = text_in(qop)
    if not read_qop(&fields) or fields.qop_auth and fields.qop_auth_int:
        raise ValueError("Only qop=auth and qop=auth-int can be answered; choose one of the challenge, or none.")
    if qop is not None and (nc is None or cnonce is None):
        raise ValueError(f"qop={bytes_of(fields.qop_text).decode()} needs a nonce count and a client nonce; give nc and cnonce.")
    if is_session(fields.algorithm) and cnonce is None:
        raise ValueError(f"{algorithm} needs a client nonce; give cnonce.")
    fields.nonce, fields.uri = text_in(nonce), text_in(uri)
    fields.nc, fields.cnonce = text_in(nc), text_in(cnonce)
    return PyBytes_FromStringAndSize(
        hex, digest_response(&fields, text_in(ha1), text_in(method), text_in(body), raw_session, hex))


cdef dict fields_as_dict(const DigestFields *fields):
    cdef dict found = {}
    put(found, "realm", fields.realm)
    put(found, "nonce", fields.nonce)
    put(found, "opaque", fields.opaque)
    put(found, "domain", fields.domain)
    put(found, "username", fields.username)
    put(found, "uri", fields.uri)
    put(found, "response", fields.response)
    put(found, "cnonce", fields.cnonce)
    put(found, "nc", fields.nc)
    put(found, "qop", fields.qop_text)
    found["algorithm"] = None if fields.algorithm == DIGEST_UNKNOWN else digest_name(fields.algorithm).decode()
    return found


cdef void put(dict found, str name, sip_text text):
    if text.at != NULL:
        found[name] = bytes_of(text)


def challenge(bytes value not None):
    """A challenge's parameters, {name: octets} with `algorithm` (its name, None: unknown) and `stale`; None: unusable."""
    cdef DigestFields fields
    if not parse_challenge(text_in(value), &fields):
        return None
    return fields_as_dict(&fields) | {"stale": bool(fields.stale)}


def credentials(bytes value not None):
    """The parameters of credentials, {name: octets} with `algorithm` (its name, None: unknown); None: unusable."""
    cdef DigestFields fields
    return fields_as_dict(&fields) if parse_credentials(text_in(value), &fields) else None


def challenges(bytes value not None):
    """The challenges of one header value, apart."""
    cdef sip_text rest = text_in(value)
    cdef sip_text one
    found = []
    while next_challenge(&rest, &one):
        found.append(bytes_of(one))
    return found
