"""Digest authentication of callers: challenges of ours, and what comes back (RFC 7616; Kamailio: auth)."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.sip.digest cimport DigestFields, Secret
from uacfast.sip.message cimport SipMessage

cdef enum AuthResult:            # what auth_check() returns
    AUTH_OK = 1
    AUTH_ERROR = -1
    AUTH_WRONG_PASSWORD = -2
    AUTH_UNKNOWN_USER = -3
    AUTH_STALE_NONCE = -4
    AUTH_NO_CREDENTIALS = -5
    AUTH_NONCE_REUSED = -6
    AUTH_USER_MISMATCH = -8

cdef enum:                       # flags of auth_challenge()
    CHALLENGE_QOP_AUTH = 1
    CHALLENGE_QOP_AUTH_INT = 2
    CHALLENGE_NO_ERROR_REPLY = 4
    CHALLENGE_STALE = 16

cdef enum:
    AUTH_BY_METHOD = 0           # header id: Authorization for REGISTER, else Proxy-Authorization


cdef class UserSecret:
    cdef bytes username, realm, password, ha1_md5, ha1_sha256, ha1_sha512_256

    cdef void fill(self, Secret *secret) noexcept


cdef class DigestServer:
    cdef readonly bytes secret
    cdef readonly uint64_t nonce_expire  # seconds
    cdef readonly tuple algorithms       # names offered, strongest first; (): MD5, which is not named
    cdef readonly bint nonce_count
    cdef dict counts                     # nonce -> highest nc seen
    cdef size_t max_counts

    cpdef bytes make_nonce(self, bytes realm, uint64_t now)
    cdef bytes seal(self, bytes when, bytes realm)
    cdef AuthResult check_nonce(self, const DigestFields *credentials, uint64_t now) except? AUTH_ERROR
    cdef AuthResult count_nonce(self, const DigestFields *credentials) except? AUTH_ERROR
    cpdef bytes challenge_lines(self, bytes header_name, bytes realm, int flags, uint64_t now)
    cdef int find_credentials(self, SipMessage request, int header_id, sip_text realm,
                              DigestFields *credentials) noexcept
    cdef AuthResult verify(self, SipMessage request, const DigestFields *credentials,
                           UserSecret user) except? AUTH_ERROR


cdef bint user_may_speak(SipMessage request, const DigestFields *credentials, int flags) noexcept
