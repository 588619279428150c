"""Digest authentication (RFC 7616, RFC 8760): challenges and credentials parsed, HA1 and responses computed."""
from uacfast.leaves.sip_text cimport sip_text

cdef enum DigestAlgorithm:       # the stronger is the greater; the odd ones are the session variants
    DIGEST_MD5
    DIGEST_MD5_SESS
    DIGEST_SHA256
    DIGEST_SHA256_SESS
    DIGEST_SHA512_256
    DIGEST_SHA512_256_SESS
    DIGEST_UNKNOWN

cdef enum:
    DIGEST_HEX_MAX = 64          # hexadecimal digits of the longest digest


cdef struct DigestFields:        # of one challenge or of credentials; texts stand in the header value, without their quotes
    sip_text realm, nonce, opaque, domain
    sip_text username, uri, response, cnonce, nc     # credentials only
    sip_text algorithm_text, qop_text
    DigestAlgorithm algorithm    # MD5 when none is given
    bint qop_auth, qop_auth_int  # which of these qop lists
    bint stale


cdef struct Secret:              # what answers challenges; all texts stay owned by the caller
    sip_text username
    sip_text realm               # .length 0: any realm
    sip_text password            # .at NULL: not known
    sip_text ha1_md5, ha1_sha256, ha1_sha512_256     # lower-case hex; .length 0: not known


cdef bint parse_challenge(sip_text header_value, DigestFields *fields) noexcept
cdef bint parse_credentials(sip_text header_value, DigestFields *fields) noexcept
cdef bint next_challenge(sip_text *rest, sip_text *challenge) noexcept
cdef int digest_length(DigestAlgorithm algorithm) noexcept
cdef const char *digest_name(DigestAlgorithm algorithm) noexcept
cdef int digest_ha1(DigestAlgorithm algorithm, sip_text username, sip_text realm, sip_text password, char *hex) noexcept
cdef int secret_ha1(const Secret *secret, DigestAlgorithm algorithm, sip_text realm, char *hex) noexcept
cdef bint secret_fits(const Secret *secret, DigestAlgorithm algorithm) noexcept
cdef int digest_response(const DigestFields *credentials, sip_text ha1, sip_text method, sip_text body,
                         bint raw_session, char *hex) noexcept
cdef bint verify_credentials(const DigestFields *credentials, sip_text ha1, sip_text method, sip_text body) noexcept
