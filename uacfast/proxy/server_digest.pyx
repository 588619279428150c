"""Digest authentication of callers: challenges of ours, and what comes back (RFC 7616; Kamailio: auth).

A nonce is its time and a keyed hash over time and realm, so that nothing is kept for a challenge: every worker and
every
node with the same secret accepts it until it expires. Times are seconds since 1970.
"""
import base64
import binascii
import hmac

from libc.string cimport memset

from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION, SIP_METHOD_BYE, SIP_METHOD_INVITE, SIP_METHOD_MESSAGE,
    SIP_METHOD_PRACK, SIP_METHOD_PUBLISH, SIP_METHOD_REGISTER, SIP_METHOD_UPDATE, sip_first_header, sip_header,
    sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_equal, sip_text_equal_nocase
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.sip.digest cimport (
    DIGEST_HEX_MAX, DIGEST_UNKNOWN, parse_credentials, secret_fits, secret_ha1, verify_credentials,
)
from uacfast.sip.message cimport bytes_of, text_of

cdef enum:
    NONCE_TIME = 5               # octets
    NONCE_HASH = 16
    CLOCK_SKEW = 5               # seconds that another node's clock may be ahead

FORBIDDEN_IN_QUOTES = bytes(range(32)) + b'"\\\x7f'


cdef inline sip_text text_in(bytes octets) noexcept:
    return text_of(<const char *>octets, <uint32_t>len(octets))


cdef class UserSecret:
    """A user's password or HA1s, hexadecimal; `ha1`: MD5 with 32 digits, SHA-256 with 64."""

    def __init__(self, str username not None, str realm not None, *, str password=None, str ha1="", str ha1_md5="",
                 str ha1_sha256="", str ha1_sha512_256=""):
        self.username = username.encode("utf-8", "surrogateescape")
        self.realm = realm.encode("utf-8", "surrogateescape")
        self.password = None if password is None else password.encode("utf-8", "surrogateescape")
        digits = ha1.encode("ascii", "replace")
        self.ha1_md5 = digits if len(digits) == 32 else ha1_md5.encode("ascii", "replace")
        self.ha1_sha256 = digits if len(digits) == 64 else ha1_sha256.encode("ascii", "replace")
        self.ha1_sha512_256 = ha1_sha512_256.encode("ascii", "replace")

    cdef void fill(self, Secret *secret) noexcept:
        memset(secret, 0, sizeof(Secret))
        secret.username = text_in(self.username)
        secret.realm = text_in(self.realm)
        if self.password is not None:
            secret.password = text_in(self.password)
        secret.ha1_md5 = text_in(self.ha1_md5)
        secret.ha1_sha256 = text_in(self.ha1_sha256)
        secret.ha1_sha512_256 = text_in(self.ha1_sha512_256)

    def __repr__(self):
        return f"UserSecret({self.username!r}, {self.realm!r})"


cdef class DigestServer:
    """`nonce_expire`: seconds; `algorithms`: of MD5, SHA-256, SHA-512-256, each offered in a header line of its own;
    `nonce_count`: with a qop, refuse a nonce count that was there before (at most `max_counts` nonces are remembered).
    """

    def __init__(self, bytes secret not None, *, nonce_expire=300, algorithms=(), nonce_count=False,
                 max_counts=100_000):
        self.secret = secret
        self.counts = {}
        self.max_counts = max_counts
        self.nonce_expire = nonce_expire
        self.algorithms = tuple(algorithms)
        self.nonce_count = nonce_count

    cpdef bytes make_nonce(self, bytes realm, uint64_t now):
        """A nonce for this realm."""
        cdef bytes when = now.to_bytes(NONCE_TIME)
        return base64.urlsafe_b64encode(when + self.seal(when, realm))

    cdef bytes seal(self, bytes when, bytes realm):
        return hmac.digest(self.secret, when + realm, "sha256")[:NONCE_HASH]

    cdef AuthResult check_nonce(self, const DigestFields *credentials, uint64_t now) except? AUTH_ERROR:
        """AUTH_OK; AUTH_STALE_NONCE: ours, but too old; AUTH_ERROR: not ours, or of another realm."""
        cdef uint64_t made
        try:
            octets = base64.b64decode(bytes_of(credentials.nonce), b"-_", validate=True)
        except binascii.Error:
            return AUTH_ERROR
        if len(octets) != NONCE_TIME + NONCE_HASH or not hmac.compare_digest(
                self.seal(octets[:NONCE_TIME], bytes_of(credentials.realm)), octets[NONCE_TIME:]):
            return AUTH_ERROR
        made = int.from_bytes(octets[:NONCE_TIME])
        return AUTH_STALE_NONCE if now > made + self.nonce_expire or made > now + CLOCK_SKEW else AUTH_OK

    cdef AuthResult count_nonce(self, const DigestFields *credentials) except? AUTH_ERROR:
        """AUTH_NONCE_REUSED when the nonce count does not rise; to be asked after the response has proved right."""
        cdef bytes nonce
        if not self.nonce_count or credentials.qop_text.length == 0:
            return AUTH_OK
        try:
            count = int(bytes_of(credentials.nc), 16)
        except ValueError:
            return AUTH_NONCE_REUSED
        nonce = bytes_of(credentials.nonce)
        if count <= self.counts.get(nonce, 0):
            return AUTH_NONCE_REUSED
        if nonce not in self.counts and <size_t>len(self.counts) >= self.max_counts:
            del self.counts[next(iter(self.counts))]     # the oldest
        self.counts[nonce] = count
        return AUTH_OK

    cpdef bytes challenge_lines(self, bytes header_name, bytes realm, int flags, uint64_t now):
        """One whole header line per algorithm: `WWW-Authenticate: Digest realm="…", nonce="…"`.

        `flags`: of auth_challenge(). ValueError when the realm cannot stand between quotes.
        """
        if realm.translate(None, FORBIDDEN_IN_QUOTES) != realm:
            raise ValueError("A realm cannot hold quotes, backslashes or control characters.")
        tail = b', nonce="%b"' % self.make_nonce(realm, now)
        if flags & (CHALLENGE_QOP_AUTH | CHALLENGE_QOP_AUTH_INT):
            tail += b', qop="%b"' % (b"auth,auth-int" if flags & 3 == 3 else
                                     b"auth" if flags & CHALLENGE_QOP_AUTH else b"auth-int")
        if flags & CHALLENGE_STALE:
            tail += b", stale=true"
        lines = b""
        for name in self.algorithms or ("",):
            lines += b'%b: Digest realm="%b"%b%b\r\n' % (
                header_name, realm, tail, b", algorithm=%b" % name.encode() if name else b"")
        return lines

    cdef int find_credentials(self, SipMessage request, int header_id, sip_text realm,
                              DigestFields *credentials) noexcept:
        """Index of the header line whose credentials are for this realm (one of length 0: any), -1: there is none.

        `header_id`: SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION or AUTH_BY_METHOD.
        """
        cdef const sip_header *header
        if header_id == AUTH_BY_METHOD:
            header_id = (SIP_HEADER_AUTHORIZATION if request.index.method == SIP_METHOD_REGISTER
                         else SIP_HEADER_PROXY_AUTHORIZATION)
        header = sip_first_header(&request.index, header_id)
        while header != NULL:
            if parse_credentials(header.value, credentials) and (realm.length == 0
                                                                 or sip_text_equal(credentials.realm, realm)):
                return <int>(header - &request.index.headers[0])
            header = sip_next_header(&request.index, header)
        return -1

    cdef AuthResult verify(self, SipMessage request, const DigestFields *credentials,
                           UserSecret user) except? AUTH_ERROR:
        """Whether the response fits the user's secret, and the nonce count rises."""
        cdef Secret secret
        cdef char[DIGEST_HEX_MAX] ha1
        cdef int length
        user.fill(&secret)
        secret.username = credentials.username       # "user@domain" is hashed as it was written
        if credentials.algorithm == DIGEST_UNKNOWN or not secret_fits(&secret, credentials.algorithm):
            return AUTH_WRONG_PASSWORD
        length = secret_ha1(&secret, credentials.algorithm, credentials.realm, ha1)
        if not verify_credentials(credentials, text_of(ha1, <uint32_t>length), request.index.method_text,
                                  request.index.body):
            return AUTH_WRONG_PASSWORD
        return self.count_nonce(credentials)


cdef bint user_may_speak(SipMessage request, const DigestFields *credentials, int flags) noexcept:
    """The check of auth_check()'s flags: who logs in is who stands in From (REGISTER: and in To, PUBLISH: and in the
    Request-URI), and the domains are the realm."""
    cdef sip_text user = credentials.username
    cdef uint32_t i
    if not flags & 1:
        return True
    if flags & 2 and request.index.method in (SIP_METHOD_INVITE, SIP_METHOD_BYE, SIP_METHOD_PRACK, SIP_METHOD_UPDATE,
                                              SIP_METHOD_MESSAGE):
        return True
    for i in range(user.length):
        if user.at[i] == c'@':
            user.length = i
            break
    if not is_user_of(request.from_.uri, user, credentials.realm):
        return False
    if request.index.method == SIP_METHOD_REGISTER and not is_user_of(request.to.uri, user, credentials.realm):
        return False
    return (request.index.method != SIP_METHOD_PUBLISH
            or is_user_of(request.index.request_uri, user, credentials.realm))


cdef bint is_user_of(sip_text uri, sip_text user, sip_text realm) noexcept:
    cdef sip_uri parsed
    return (sip_uri_parse(uri, &parsed) == 0 and sip_text_equal(parsed.user, user)
            and sip_text_equal_nocase(parsed.host, realm))
