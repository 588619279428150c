"""What a final response to a REGISTER says (uac-semantics §4.6)."""
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CONTACT, SIP_HEADER_EXPIRES, SIP_HEADER_MIN_EXPIRES, SIP_HEADER_RETRY_AFTER, sip_first_header,
    sip_header, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_equal, sip_text_to_uint
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.sip.message cimport text_of
from uacfast.uac.registration.record cimport CONTACT_USER, L_UUID, text_field
from uacfast.uac.registration.request cimport contact_address

cdef enum:
    SECONDS_MAX = 0x7fffffff     # expires in the table is a signed 32-bit number


cdef void read_outcome(const Record *record, SipMessage response, int status, uint32_t wanted,
                       RegistrationSettings settings, Outcome *outcome) noexcept:
    """`response` None: the status is ours. `wanted`: seconds asked for, which count when the response states none.

    202 and other 2xx are refusals as in Kamailio; whether a challenge can be answered shows when it is answered.
    """
    outcome.granted = outcome.min_expires = outcome.retry_after = 0
    outcome.kind = OUTCOME_REFUSED
    if response is None:
        return
    if status == 200:
        read_contacts(record, response, wanted, settings, outcome)
    elif status == 401 or status == 407:
        outcome.kind = OUTCOME_CHALLENGED
    elif status == 423:
        outcome.kind = OUTCOME_TOO_BRIEF
        outcome.min_expires = seconds_of(response, SIP_HEADER_MIN_EXPIRES)
    elif status >= 400:
        outcome.retry_after = seconds_of(response, SIP_HEADER_RETRY_AFTER)


cdef uint32_t seconds_of(SipMessage response, int header_id) noexcept:
    """The number that a header value begins with, at most SECONDS_MAX; 0: no such header or no number."""
    cdef const sip_header *header = sip_first_header(&response.index, header_id)
    cdef uint64_t value = 0
    cdef uint32_t i
    if header == NULL:
        return 0
    for i in range(header.value.length):
        if not c'0' <= header.value.at[i] <= c'9':
            break
        value = min(value * 10 + <uint64_t>(header.value.at[i] - c'0'), <uint64_t>SECONDS_MAX)
    return <uint32_t>value


cdef void read_contacts(const Record *record, SipMessage response, uint32_t wanted, RegistrationSettings settings,
                        Outcome *outcome) noexcept:
    """The first Contact value that is ours, over all Contact lines."""
    cdef const sip_header *header = sip_first_header(&response.index, SIP_HEADER_CONTACT)
    cdef sip_address contact
    cdef sip_uri uri
    cdef sip_text rest, value
    cdef uint64_t seconds
    if header == NULL:
        return                   # a refusal (uac-semantics §4.6)
    while header != NULL:
        rest = header.value
        while rest.length:
            if sip_address_parse(rest, &contact) != 0:
                return
            if contact.uri.length == 1 and contact.uri.at[0] == c'*':
                outcome.kind = OUTCOME_UNBOUND
                return
            if sip_uri_parse(contact.uri, &uri) != 0:
                return
            if is_ours(record, &uri, settings):
                outcome.kind = OUTCOME_ACCEPTED
                if (contact.parameters.at != NULL and sip_parameter_find(contact.parameters, b"expires", &value)
                        and value.at != NULL and sip_text_to_uint(value, SECONDS_MAX, &seconds)):
                    outcome.granted = <uint32_t>seconds
                elif sip_first_header(&response.index, SIP_HEADER_EXPIRES) != NULL:
                    outcome.granted = seconds_of(response, SIP_HEADER_EXPIRES)
                else:
                    outcome.granted = wanted     # Kamailio takes 0 and registers at each tick
                return
            if contact.next == NULL:
                break
            rest = text_of(contact.next, <uint32_t>(header.value.at + header.value.length - contact.next))
        header = sip_next_header(&response.index, header)
    outcome.kind = OUTCOME_UNBOUND


cdef bint is_ours(const Record *record, const sip_uri *uri, RegistrationSettings settings) noexcept:
    """A Contact whose user is the l_uuid, whatever its host. With contact_user also one with our `line`, or, for a
    registrar that strips parameters, one with that user at our contact address."""
    cdef sip_text contact_user = text_field(record, CONTACT_USER)
    cdef sip_text value, own
    if uri.scheme != SIP_SCHEME_SIP and uri.scheme != SIP_SCHEME_SIPS:
        return False
    if uri.user.at != NULL and sip_text_equal(uri.user, text_field(record, L_UUID)):
        return True
    if contact_user.length == 0:
        return False
    if sip_parameter_find(uri.parameters, b"line", &value) and value.at != NULL:
        return sip_text_equal(value, text_field(record, L_UUID))
    own = contact_address(record, settings)
    return (uri.user.at != NULL and sip_text_equal(uri.user, contact_user) and own.length >= uri.host.length
            and memcmp(own.at, uri.host.at, uri.host.length) == 0)
