"""KSR.auth: callers are challenged and their credentials checked (kemi-python.md §2, §3.10).

Results of checks: 1 good; -1 error, -2 wrong password, -3 unknown user, -4 stale or foreign nonce, -5 no credentials,
-6 nonce used before, -8 the user is not who stands in From.
"""
import logging
import time

from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION, SIP_METHOD_ACK, SIP_METHOD_CANCEL, SIP_METHOD_REGISTER,
    sip_first_header, sip_header, sip_next_header,
)
from uacfast.proxy.server_digest cimport (
    AUTH_BY_METHOD, AUTH_ERROR, AUTH_NO_CREDENTIALS, AUTH_OK, AUTH_STALE_NONCE, AUTH_USER_MISMATCH,
    CHALLENGE_NO_ERROR_REPLY, user_may_speak,
)
from uacfast.routing.ksr.access cimport features_of, message_of, octets_of, replace_text, request_of, str_of
from uacfast.sip.digest cimport parse_credentials
from uacfast.sip.message cimport bytes_of, text_of

from libc.stdint cimport uint32_t

logger = logging.getLogger("uacfast.script")


cdef AuthResult find_fresh(KsrModule module, SipMessage request, int header_id, bytes realm, int flags,
                           DigestFields *credentials) except? AUTH_ERROR:
    """The credentials for this realm, with a nonce of ours that has not expired, of a user who may speak."""
    cdef AuthResult result
    if request is None or not request.parse_addresses():
        return AUTH_ERROR
    if features_of(module).digest.find_credentials(
            request, header_id, text_of(<const char *>realm, <uint32_t>len(realm)), credentials) < 0:
        return AUTH_NO_CREDENTIALS
    result = features_of(module).digest.check_nonce(credentials, <unsigned long>(time.time_ns() // 1_000_000_000))
    if result != AUTH_OK:
        return AUTH_STALE_NONCE          # a foreign one too: a new challenge helps in both cases
    return AUTH_OK if user_may_speak(request, credentials, flags) else AUTH_USER_MISMATCH


cdef AuthResult check_secret(KsrModule module, SipMessage request, int header_id, bytes realm,
                             UserSecret user) except? AUTH_ERROR:
    """Whether the credentials of this realm fit the secret; what was accepted is noted for consume_credentials()."""
    cdef DigestFields credentials
    cdef AuthResult result
    cdef int index = features_of(module).digest.find_credentials(
        request, header_id, text_of(<const char *>realm, <uint32_t>len(realm)), &credentials)
    if index < 0:
        return AUTH_NO_CREDENTIALS
    result = features_of(module).digest.verify(request, &credentials, user)
    if result == AUTH_OK:
        notes = module.runtime.context.state.notes
        notes["auth_nonce"] = bytes_of(credentials.nonce)
        notes["auth_realm"] = bytes_of(credentials.realm)
        notes["auth_user"] = bytes_of(credentials.username)
    return result


cdef int send_challenge(KsrModule module, bytes realm, int flags, int proxy) except -2:
    """401 (proxy = 0) or 407 (1), -1: 401 for a REGISTER. 1; -1: it cannot be sent."""
    cdef SipMessage request = request_of(module)
    if request is None or request.index.method in (SIP_METHOD_ACK, SIP_METHOD_CANCEL):
        return -1
    if proxy < 0:
        proxy = request.index.method != SIP_METHOD_REGISTER
    try:
        lines = features_of(module).digest.challenge_lines(
            b"Proxy-Authenticate" if proxy else b"WWW-Authenticate", realm, flags,
            <unsigned long>(time.time_ns() // 1_000_000_000))
    except ValueError as error:
        logger.error("a script's challenge cannot be made: %s", error)
        if not flags & CHALLENGE_NO_ERROR_REPLY:
            module.runtime.send_reply(500, "Server Internal Error", b"", False)
        return -1
    if proxy:
        return 1 if module.runtime.send_reply(407, "Proxy Authentication Required", lines, False) > 0 else -1
    return 1 if module.runtime.send_reply(401, "Unauthorized", lines, False) > 0 else -1


cdef class AuthModule(KsrModule):

    def auth_challenge(self, str realm not None, int flags):
        """Answer 401 (REGISTER) or 407 with a fresh nonce. `flags`: 1 qop=auth, 2 qop=auth-int, 4 no 500 on an error,
        16 stale=true. 1; -1: it cannot be sent."""
        return send_challenge(self, octets_of(realm), flags, -1) if realm else -1

    def www_challenge(self, str realm not None, int flags):
        """The same, always 401."""
        return send_challenge(self, octets_of(realm), flags, 0) if realm else -1

    def proxy_challenge(self, str realm not None, int flags):
        """The same, always 407."""
        return send_challenge(self, octets_of(realm), flags, 1) if realm else -1

    def consume_credentials(self):
        """Take the header with the credentials that were accepted out of the request. 1; -1: none were."""
        cdef SipMessage request = request_of(self)
        cdef DigestFields credentials
        cdef const sip_header *header
        cdef bytes nonce = self.runtime.context.state.notes.get("auth_nonce")
        cdef bytes realm = self.runtime.context.state.notes.get("auth_realm")
        cdef int id
        if request is None or nonce is None:
            return -1
        for id in (SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION):
            header = sip_first_header(&request.index, id)
            while header != NULL:
                if (parse_credentials(header.value, &credentials) and bytes_of(credentials.nonce) == nonce
                        and bytes_of(credentials.realm) == realm):
                    return 1 if replace_text(request, header.line, b"") else -1
                header = sip_next_header(&request.index, header)
        return -1

    def has_credentials(self, str realm not None):
        """1: the request has credentials for this realm; -1: it has none."""
        cdef DigestFields credentials
        cdef bytes octets = octets_of(realm)
        cdef sip_text text = text_of(<const char *>octets, <uint32_t>len(octets))
        cdef SipMessage request = request_of(self)
        if request is None:
            return -1
        return 1 if (features_of(self).digest.find_credentials(
                         request, SIP_HEADER_AUTHORIZATION, text, &credentials) >= 0
                     or features_of(self).digest.find_credentials(
                         request, SIP_HEADER_PROXY_AUTHORIZATION, text, &credentials) >= 0) else -1

    cdef int check(self, str realm, str secret, int flags, int checks, int header_id) except -9:
        cdef SipMessage request = request_of(self)
        cdef DigestFields credentials
        cdef AuthResult result
        cdef bytes octets = octets_of(realm)
        if request is None:
            return <int>AUTH_ERROR
        if request.index.method in (SIP_METHOD_ACK, SIP_METHOD_CANCEL):
            return 1
        result = find_fresh(self, request, header_id, octets, checks, &credentials)
        if result != AUTH_OK:
            return <int>result
        username = str_of(credentials.username)
        user = UserSecret(username, realm, ha1=secret) if flags & 1 else UserSecret(username, realm, password=secret)
        return <int>check_secret(self, request, header_id, octets, user)

    def pv_auth_check(self, str srealm not None, str spasswd not None, int vflags, int vchecks):
        """Check the credentials against a password. `vflags`: 1 it is an HA1; `vchecks`: as auth_db.auth_check()'s
        flags."""
        return self.check(srealm, spasswd, vflags, vchecks, AUTH_BY_METHOD)

    def pv_www_authenticate(self, str realm not None, str passwd not None, int flags):
        """The same for Authorization, whatever the method."""
        return self.check(realm, passwd, flags, 0, SIP_HEADER_AUTHORIZATION)

    def pv_proxy_authenticate(self, str realm not None, str passwd not None, int flags):
        """The same for Proxy-Authorization, whatever the method."""
        return self.check(realm, passwd, flags, 0, SIP_HEADER_PROXY_AUTHORIZATION)
