"""The REGISTER of a record (uac-semantics §4.7; RFC 3261 §10.2).

Header fields come in Kamailio's order; the engine puts its Via in front. Authorization lines, if any, are appended by
whoever asked for the rest.
"""
from libc.stdint cimport uint64_t

from uacfast.leaves.siphash cimport siphash, siphash_key
from uacfast.leaves.text_writer cimport text_put, text_put_hex, text_put_string, text_put_text, text_put_uint
from uacfast.sip.message cimport text_of
from uacfast.uac.registration.record cimport (
    CONTACT_ADDR, CONTACT_USER, L_UUID, R_DOMAIN, R_USERNAME, text_field,
)

cdef siphash_key uuid_key
uuid_key.k0 = 0x63616c6c2d6964
uuid_key.k1 = 0


cdef sip_text contact_address(const Record *record, RegistrationSettings settings) noexcept:
    """host[:port][;parameters] of the record's Contact: its own, else reg_contact_addr."""
    cdef sip_text own = text_field(record, CONTACT_ADDR)
    if own.length:
        return own
    return text_of(<const char *>settings.contact_addr, <uint32_t>len(settings.contact_addr))


cdef uint32_t uuid_part(const Record *record) noexcept:
    cdef sip_text uuid = text_field(record, L_UUID)
    return <uint32_t>siphash(&uuid_key, uuid.at, uuid.length)


cdef void put_call_id(const Record *record, text_writer *out) noexcept:
    """A number of the attempt and one of the account: together they are no other account's."""
    text_put_hex(out, record.call_number, 16)
    text_put(out, b"-", 1)
    text_put_hex(out, uuid_part(record), 8)


cdef bint read_call_number(sip_text call_id, const Record *record, unsigned long long *number) noexcept:
    """The number in a Call-ID that this record had; False when it is not of our making or another account's."""
    cdef uint64_t value = 0
    cdef uint64_t account = 0
    cdef uint32_t i
    cdef int digit
    if call_id.length != CALL_ID_SIZE or call_id.at[16] != c'-':
        return False
    for i in range(CALL_ID_SIZE):
        if i == 16:
            continue
        digit = call_id.at[i]
        if c'0' <= digit <= c'9':
            digit -= c'0'
        elif c'a' <= digit <= c'f':
            digit -= c'a' - 10
        else:
            return False
        if i < 16:
            value = value << 4 | <uint64_t>digit
        else:
            account = account << 4 | <uint64_t>digit
    number[0] = value
    return value != 0 and account == uuid_part(record)


cdef bint write_register(const Record *record, uint32_t expires, RegistrationSettings settings,
                         text_writer *out) noexcept:
    """Everything but Via, credentials and the empty line; False when `out` is too small."""
    cdef sip_text r_domain = text_field(record, R_DOMAIN)
    cdef sip_text r_username = text_field(record, R_USERNAME)
    cdef sip_text uuid = text_field(record, L_UUID)
    cdef sip_text contact_user = text_field(record, CONTACT_USER)
    cdef sip_text user_agent = text_of(<const char *>settings.user_agent_line, <uint32_t>len(settings.user_agent_line))
    text_put(out, b"REGISTER sip:", 13)
    text_put_text(out, r_domain)
    text_put(out, b" SIP/2.0\r\nTo: <sip:", 19)
    text_put_text(out, r_username)
    text_put(out, b"@", 1)
    text_put_text(out, r_domain)
    text_put(out, b">\r\nFrom: <sip:", 14)
    text_put_text(out, r_username)
    text_put(out, b"@", 1)
    text_put_text(out, r_domain)
    text_put(out, b">;tag=", 6)
    text_put_hex(out, record.tag_number, TAG_SIZE)
    text_put(out, b"\r\nCSeq: ", 8)
    text_put_uint(out, record.cseq)
    text_put(out, b" REGISTER\r\nCall-ID: ", 20)
    put_call_id(record, out)
    text_put_string(out, b"\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n")
    text_put_text(out, user_agent)
    text_put(out, b"Contact: <sip:", 14)
    text_put_text(out, contact_user if contact_user.length else uuid)
    text_put(out, b"@", 1)
    text_put_text(out, contact_address(record, settings))
    if contact_user.length:
        text_put(out, b";line=", 6)
        text_put_text(out, uuid)
    text_put(out, b">\r\nExpires: ", 12)
    text_put_uint(out, expires)
    text_put(out, b"\r\n", 2)
    if settings.service_route:
        text_put_string(out, b"Supported: path\r\n")     # RFC 3327 §5.1: else proxies may not add Path
    return not out.overflow
