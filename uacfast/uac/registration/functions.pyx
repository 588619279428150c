"""The uac_reg_* functions of scripts and routes (uac-semantics §5). Results are Kamailio's numbers."""
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint32_t

from uacfast.fault import Fault
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_uri, sip_uri_parse
from uacfast.sip.message cimport bytes_of, text_of
from uacfast.uac.registration.record cimport (
    AUTH_HA1, AUTH_PASSWORD, AUTH_PROXY, AUTH_USERNAME, DISABLED, L_DOMAIN, L_USERNAME, L_UUID, ONGOING, ONLINE,
    R_DOMAIN, R_USERNAME, REALM, text_field,
)
from uacfast.uac.registration.management import ATTRIBUTES

cdef enum:
    HA1_MD5 = 32
    HA1_SHA256 = 64


cdef sip_text argument(str text) except *:
    cdef Py_ssize_t length
    cdef const char *at = PyUnicode_AsUTF8AndSize(text, &length)
    return text_of(at, <uint32_t>length)


cdef str text_str(sip_text text):
    return bytes_of(text).decode("utf-8", "surrogateescape")


class AccountSecrets:
    """HA1 by algorithm of a record; "": not known."""

    def __init__(self, str ha1):
        self.md5 = ha1[:HA1_MD5] if len(ha1) != HA1_SHA256 else ""
        self.sha256 = ha1[-HA1_SHA256:] if len(ha1) >= HA1_SHA256 else ""
        self.sha512_256 = ""


class AccountCredential:
    """User name, realm ("": any) and secret of a record; auth_ha1 wins over the password."""

    def __init__(self, dict account):
        self.username, self.realm = account["username"], account["realm"]
        self.password = "" if account["ha1"] else account["secret"]
        self.ha1 = AccountSecrets(account["ha1"]) if account["ha1"] else None


cdef class RegistrationFunctions:
    """Every worker knows all records; what has to be sent is sent by the worker that drives the record."""

    def __init__(self, Management management not None, act):
        self.management = management
        self.act = act

    def uac_reg_lookup(self, str uuid not None):
        """(1, "sip:l_username@l_domain") or (-1, None)."""
        cdef Record *record = self.management.table.find(argument(uuid))
        if record == NULL:
            return -1, None
        return 1, f"sip:{text_str(text_field(record, L_USERNAME))}@{text_str(text_field(record, L_DOMAIN))}"

    def uac_reg_lookup_uri(self, str uri not None):
        """(1, l_uuid) of the record whose l_username, and with reg_use_domain l_domain, the SIP URI has; (-1, None): no
        record, or no user in the URI; (-2, None): no SIP URI."""
        cdef int result = -1
        cdef Record *record
        cdef sip_uri parsed
        if sip_uri_parse(argument(uri), &parsed) != 0 or parsed.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS):
            return -2, None
        if parsed.user.at == NULL:
            return -1, None
        record = self.management.table.find_user(parsed.user, parsed.host,
                                                 self.management.registrations.settings.use_domain)
        return (-1, None) if record == NULL else (1, text_str(text_field(record, L_UUID)))

    def uac_reg_status(self, str uuid not None):
        """1 registered, -1 unknown, -2 an attempt is under way, -3 disabled, -99 anything else."""
        cdef Record *record = self.management.table.find(argument(uuid))
        if record == NULL:
            return -1
        if record.flags & ONLINE and record.timer_expires > self.management.table.now:
            return 1
        if record.flags & ONGOING:
            return -2
        return -3 if record.flags & DISABLED else -99

    cdef Record *record_of(self, sip_text user, int mode, int *result) noexcept:
        cdef sip_uri parsed
        result[0] = -1
        if not 0 <= mode <= 3:
            return NULL
        if not mode & 1:
            return self.management.table.find(user)
        if not self.management.registrations.settings.use_domain:
            return self.management.table.find_user(user, user, False)
        if sip_uri_parse(user, &parsed) != 0 or parsed.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS):
            result[0] = -2
            return NULL
        return NULL if parsed.user.at == NULL else self.management.table.find_user(parsed.user, parsed.host, True)

    def uac_reg_request_to(self, str user not None, int mode):
        """(1, {"ruri", "destination", "realm", "username", "password", "ha1", "secret", "route"}), or (-1, None) or
        (-2, None).

        Mode bit 0: `user` is an l_username (with reg_use_domain a SIP URI), else an l_uuid; bit 1: "password" is the
        record's MD5 HA1, "" when it has none. `ha1`, `secret`: as they stand in the record; `route`: Service-Route.
        """
        cdef int result = -1
        cdef Record *record = self.record_of(argument(user), mode, &result)
        if record == NULL:
            return result, None
        ha1 = text_str(text_field(record, AUTH_HA1))
        return 1, {"ruri": f"sip:{text_str(text_field(record, R_USERNAME))}@{text_str(text_field(record, R_DOMAIN))}",
                   "destination": text_str(text_field(record, AUTH_PROXY)),
                   "realm": text_str(text_field(record, REALM)),
                   "username": text_str(text_field(record, AUTH_USERNAME)),
                   "password": ha1[:HA1_MD5] if mode & 2 else text_str(text_field(record, AUTH_PASSWORD)), "ha1": ha1,
                   "secret": text_str(text_field(record, AUTH_PASSWORD)),
                   "route": record.service_route.at[:record.service_route.length].decode("utf-8", "replace")}

    def credential(self, dict account not None):
        """What answers challenges for an account that uac_reg_request_to() found, as uac.auth.SecretList takes it."""
        return AccountCredential(account)

    cdef int command(self, str action, str attribute, str value, int not_found, int unsupported):
        if not attribute or not value:
            return -1
        if attribute not in ATTRIBUTES:
            return unsupported
        try:
            uuid, _owner = self.management.find(attribute, value)
        except Fault:
            return not_found
        self.act(action, uuid)
        return 1

    def uac_reg_enable(self, str attribute not None, str value not None):
        """1; -1 empty argument, -2 no match, -3 attribute not supported."""
        return self.command("enable", attribute, value, -2, -3)

    def uac_reg_disable(self, str attribute not None, str value not None):
        """As uac_reg_enable()."""
        return self.command("disable", attribute, value, -2, -3)

    def uac_reg_send_register(self, str attribute not None, str value not None):
        """1; -1 no match or attribute not supported."""
        return self.command("register", attribute, value, -1, -1)

    def uac_reg_send_unregister(self, str attribute not None, str value not None):
        """1; -1 no match or attribute not supported."""
        return self.command("unregister", attribute, value, -1, -1)

    def uac_reg_refresh(self, str uuid not None):
        """1: the row is being read again; -1: empty, or no such record here. The database is asked without waiting, so
        a row that has gone is only logged."""
        if not uuid or self.management.table.find(argument(uuid)) == NULL:
            return -1
        self.act("refresh", uuid)
        return 1
