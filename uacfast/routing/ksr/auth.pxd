"""What the modules that authenticate share."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.server_digest cimport AuthResult, UserSecret
from uacfast.routing.context cimport KsrModule
from uacfast.sip.digest cimport DigestFields
from uacfast.sip.message cimport SipMessage


cdef AuthResult find_fresh(KsrModule module, SipMessage request, int header_id, bytes realm, int flags,
                           DigestFields *credentials) except? AuthResult.AUTH_ERROR
cdef AuthResult check_secret(KsrModule module, SipMessage request, int header_id, bytes realm,
                             UserSecret user) except? AuthResult.AUTH_ERROR
cdef int send_challenge(KsrModule module, bytes realm, int flags, int proxy) except -2
