"""A Python face of what script functions use to answer challenges, for tests only."""
from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memset

from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_SCAN_OK, sip_limits
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.sip.build cimport write_message
from uacfast.sip.digest cimport Secret
from uacfast.sip.message cimport SipMessage, bytes_of, text_of
from uacfast.tm.table cimport Branch
from uacfast.uac.authenticator cimport Authenticator, secret_of


cdef SipMessage scanned(bytes octets):
    cdef SipMessage message = SipMessage()
    cdef sip_limits limits
    limits.message = limits.header_part = limits.line = 65535
    limits.headers = SIP_HEADERS_CAPACITY
    if (message.scan(octets, <uint32_t>len(octets), &limits, False) != SIP_SCAN_OK or not message.parse_top_via()
            or not message.parse_addresses()):
        raise ValueError("This is no SIP message.")
    message.reset_plan()
    return message


cdef sip_text text_in(bytes octets) noexcept:
    return text_of(<const char *>octets, <uint32_t>len(octets))


def uac_auth(Authenticator authenticator not None, bytes request not None, bytes reply not None, user=None, *,
             bytes sent not None=b"", uint32_t cseq_shift=0, uint16_t retried=0):
    """(result, the request with its edits, credentials, cseq_shift) after authenticate().

    `user`: (user name, realm, password, whether that is an HA1), None: the credential list alone. `sent`, `cseq_shift` and
    `retried` are the challenged branch's.
    """
    cdef SipMessage message = scanned(request)
    cdef SipMessage response = scanned(reply)
    cdef Branch branch
    cdef Secret secret
    cdef text_writer out
    cdef char space[16384]
    cdef bint known = False
    cdef bytes username, realm, password
    memset(&branch, 0, sizeof(Branch))
    branch.credentials.at = sent
    branch.credentials.length = <uint32_t>len(sent)
    branch.cseq_shift = cseq_shift
    branch.auth_retried = retried
    if user is not None:
        username, realm, password, is_ha1 = user
        known = secret_of(text_in(username), text_in(realm), text_in(password), is_ha1, &secret)
    result = authenticator.authenticate(&secret if known else NULL, &branch, message, response)
    text_writer_start(&out, space, sizeof(space))
    write_message(message, &out)
    return result, space[:text_writer_length(&out)], bytes_of(message.credentials), message.cseq_shift
