"""Does a request come from behind a NAT, and the address that it came from as a URI parameter (Kamailio: nathelper).

The parameter is Kamailio's: `;alias=IP~PORT~PROTOCOL`, where the protocol is 1 for UDP, 2 TCP, 3 TLS, 5 WS, 6 WSS.
"""
from libc.string cimport memcmp

from uacfast.leaves.address cimport address_from_text, address_host_text, address_port, same_host
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport SIP_HEADER_CONTACT, sip_first_header, sip_header
from uacfast.leaves.sip_text cimport sip_text_is, sip_text_to_uint
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport text_put, text_put_string, text_put_uint
from uacfast.leaves.udp_batch cimport AF_INET, AF_INET6
from uacfast.sip.message cimport text_of

from libc.stdint cimport uint64_t


cdef bint is_private(const udp_address *address) noexcept:
    """RFC 1918, RFC 6598 (carrier-grade NAT), link-local; IPv6: unique local and link-local."""
    cdef const unsigned char *a
    if address.any.sa_family == AF_INET:
        a = <const unsigned char *>&address.v4.sin_addr
        return (a[0] == 10 or a[0] == 172 and a[1] & 0xf0 == 16 or a[0] == 192 and a[1] == 168
                or a[0] == 100 and a[1] & 0xc0 == 64 or a[0] == 169 and a[1] == 254)
    a = <const unsigned char *>&address.v6.sin6_addr
    return a[0] & 0xfe == 0xfc or a[0] == 0xfe and a[1] & 0xc0 == 0x80


cdef bint is_private_host(sip_text host) noexcept:
    """The same for a numeric host; a name is not private."""
    cdef udp_address address
    return address_from_text(host, 0, &address) and is_private(&address)


cdef bint first_contact(SipMessage message, sip_text *uri, bint *brackets) noexcept:
    """The URI of the first Contact value; False when there is none or it is "*"."""
    cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_CONTACT)
    cdef sip_address contact
    if header == NULL or sip_address_parse(header.value, &contact) != 0 or sip_text_is(contact.uri, b"*"):
        return False
    uri[0] = contact.uri
    brackets[0] = contact.brackets
    return True


cdef bint next_sdp_address(sip_text *rest, sip_text *address) noexcept:
    """The address of the next c= line of a session description (RFC 4566 §5.7); `rest` goes on behind it."""
    cdef const char *at = rest.at
    cdef const char *end = rest.at + rest.length
    cdef const char *line_end
    while at < end:
        line_end = at
        while line_end < end and line_end[0] != c'\r' and line_end[0] != c'\n':
            line_end += 1
        if line_end - at > 9 and memcmp(at, b"c=IN IP", 7) == 0 and at[8] == c' ':
            address.at = at + 9
            at += 9
            while at < line_end and at[0] != c' ' and at[0] != c'/':
                at += 1
            address.length = <unsigned int>(at - address.at)
            rest[0] = text_of(line_end, <unsigned int>(end - line_end))
            return True
        at = line_end + 1
    rest[0] = text_of(end, 0)
    return False


cdef bint sdp_test(SipMessage message, bint private) noexcept:
    """Whether a c= line names a private address, or (private = False) another than the source."""
    cdef sip_text rest = message.index.body
    cdef sip_text host
    cdef udp_address address
    while next_sdp_address(&rest, &host):
        if not address_from_text(host, 0, &address):
            continue
        if is_private(&address) if private else not same_host(&address, &message.source):
            return True
    return False


cdef bint contact_test(SipMessage message, int tests) noexcept:
    cdef sip_text contact
    cdef bint brackets
    cdef sip_uri uri
    cdef udp_address address
    if not first_contact(message, &contact, &brackets) or sip_uri_parse(contact, &uri) != 0 or uri.host.at == NULL:
        return False
    if tests & NAT_CONTACT_PRIVATE and is_private_host(uri.host):
        return True
    if tests & NAT_CONTACT_PORT_DIFFERS and (uri.port if uri.port else 5060) != address_port(&message.source):
        return True
    return (tests & NAT_CONTACT_HOST_DIFFERS
            and not (address_from_text(uri.host, 0, &address) and same_host(&address, &message.source)))


cdef bint nat_uac_test(SipMessage message, int tests) noexcept:
    """Whether one of the tests says that the sender sits behind a NAT. The topmost Via is parsed already."""
    cdef udp_address address
    if (tests & NAT_VIA_PORT_DIFFERS
            and (message.via.port if message.via.port else 5060) != address_port(&message.source)):
        return True
    if tests & NAT_VIA_DIFFERS and not (address_from_text(message.via.host, 0, &address)
                                        and same_host(&address, &message.source)):
        return True
    if tests & NAT_VIA_PRIVATE and is_private_host(message.via.host):
        return True
    if tests & NAT_SOURCE_PRIVATE and is_private(&message.source):
        return True
    if tests & NAT_WEBSOCKET and (sip_text_is(message.via.transport, b"ws")
                                  or sip_text_is(message.via.transport, b"wss")):
        return True
    if (tests & (NAT_CONTACT_PRIVATE | NAT_CONTACT_PORT_DIFFERS | NAT_CONTACT_HOST_DIFFERS)
            and contact_test(message, tests)):
        return True
    if tests & NAT_SDP_PRIVATE and sdp_test(message, True):
        return True
    return tests & NAT_SDP_DIFFERS and sdp_test(message, False)


cdef void put_alias(const udp_address *source, int protocol, text_writer *out) noexcept:
    """`;alias=IP~PORT~PROTOCOL` of a source."""
    cdef char host[64]
    cdef unsigned int length = address_host_text(source, host)
    text_put_string(out, b";alias=")
    if source.any.sa_family == AF_INET6:
        text_put_string(out, b"[")
    text_put(out, host, length)
    text_put_string(out, b"]~" if source.any.sa_family == AF_INET6 else b"~")
    text_put_uint(out, address_port(source))
    text_put_string(out, b"~")
    text_put_uint(out, protocol)


cdef bint find_alias(sip_text uri, sip_text *whole, sip_text *value) noexcept:
    """The alias parameter of a URI: `whole` with its semicolon, and its value."""
    cdef sip_uri parsed
    cdef const char *at
    cdef const char *end
    cdef const char *start
    if sip_uri_parse(uri, &parsed) != 0 or parsed.parameters.at == NULL:
        return False
    at = parsed.parameters.at
    end = at + parsed.parameters.length
    while at < end:
        start = at
        while at < end and at[0] != c';':
            at += 1
        if at - start > 6 and memcmp(start, b"alias=", 6) == 0:
            whole[0] = text_of(start - 1, <unsigned int>(at - start + 1))
            value[0] = text_of(start + 6, <unsigned int>(at - start - 6))
            return True
        at += 1
    return False


cdef bint read_alias(sip_text value, sip_text *host, sip_text *port, int *protocol) noexcept:
    """The parts of `IP~PORT~PROTOCOL`; False when they are not an address, a port and a known protocol."""
    cdef const char *at = value.at
    cdef const char *end = value.at + value.length
    cdef const char *first = at
    cdef const char *second
    cdef udp_address address
    cdef uint64_t number
    while first < end and first[0] != c'~':
        first += 1
    second = first + 1
    while second < end and second[0] != c'~':
        second += 1
    if second >= end:
        return False
    host[0] = text_of(at, <unsigned int>(first - at))
    port[0] = text_of(first + 1, <unsigned int>(second - first - 1))
    if (not sip_text_to_uint(port[0], 65535, &number) or number == 0 or not address_from_text(host[0], 0, &address)
            or not sip_text_to_uint(text_of(second + 1, <unsigned int>(end - second - 1)), 6, &number)
            or number not in (1, 2, 3, 5, 6)):
        return False
    protocol[0] = <int>number
    return True
