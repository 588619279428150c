"""KSR.auth_db: credentials against the subscriber table (kemi-python.md §2, §3.10). Results are those of KSR.auth.

The database is asked by the control part; only this message waits for the answer.
"""
import logging

from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION, SIP_METHOD_ACK, SIP_METHOD_CANCEL,
)
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.proxy.server_digest cimport (
    AUTH_BY_METHOD, AUTH_ERROR, AUTH_OK, AUTH_UNKNOWN_USER, AuthResult, UserSecret,
)
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport features_of, octets_of, request_of, str_of
from uacfast.routing.ksr.auth cimport check_secret, find_fresh
from uacfast.sip.digest cimport DigestFields
from uacfast.sip.message cimport SipMessage, text_of

from libc.stdint cimport uint32_t

logger = logging.getLogger("uacfast.script")


cdef class AuthDbModule(KsrModule):

    cdef int check(self, str realm, str table, int flags, int header_id) except -9:
        cdef SipMessage request = request_of(self)
        cdef DigestFields credentials
        cdef AuthResult result
        cdef UserSecret user
        cdef bytes octets = octets_of(realm)
        if request is None:
            return <int>AUTH_ERROR
        if request.index.method in (SIP_METHOD_ACK, SIP_METHOD_CANCEL):
            return 1             # neither can be challenged (RFC 3261 §22.1)
        result = find_fresh(self, request, header_id, octets, flags, &credentials)
        if result != AUTH_OK:
            return <int>result
        username = str_of(credentials.username)
        user = features_of(self).known_user(octets_of(username), octets)
        if user is None:
            try:
                user = (<object>self.runtime).wait(features_of(self).find_user(
                    table, username, realm, username.partition("@")[2] or realm))
            except Exception as error:
                logger.error("a caller cannot be authenticated: %s", error)
                return <int>AUTH_ERROR
        if user is None:
            return <int>AUTH_UNKNOWN_USER
        # The message may be another object after waiting.
        return <int>check_secret(self, request_of(self), header_id, octets, user)

    def auth_check(self, str srealm not None, str stable not None, int iflags):
        """Check the credentials against the subscriber table. `iflags`: 1 the user must be From's (REGISTER: and To's)
        and the
        domains the realm; 3 the same, but not for INVITE, BYE, PRACK, UPDATE, MESSAGE. ACK and CANCEL: always 1."""
        return self.check(srealm, stable, iflags, AUTH_BY_METHOD)

    def www_authenticate(self, str realm not None, str table not None):
        """The same for Authorization, without a check of the user."""
        return self.check(realm, table, 0, SIP_HEADER_AUTHORIZATION)

    def proxy_authenticate(self, str realm not None, str table not None):
        """The same for Proxy-Authorization."""
        return self.check(realm, table, 0, SIP_HEADER_PROXY_AUTHORIZATION)

    def is_subscriber(self, str suri not None, str stable not None, int iflags):
        """1: the user of this URI is in the table; -1: not. Bit 0 of `iflags`: look the domain up as well."""
        cdef bytes octets = octets_of(suri)
        cdef sip_uri uri
        if (sip_uri_parse(text_of(<const char *>octets, <uint32_t>len(octets)), &uri) != 0 or uri.user.at == NULL
                or features_of(self).subscribers is None):
            return -1
        try:
            row = (<object>self.runtime).wait(features_of(self).subscribers(
                stable, str_of(uri.user), str_of(uri.host) if iflags & 1 else None))
        except Exception as error:
            logger.error("a subscriber cannot be looked up: %s", error)
            return -1
        return 1 if row is not None else -1
