"""KSR.sanity: is a message well-formed (kemi-python.md §2.2). What fails is answered here, except ACK and replies."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse, sip_list_next, sip_via, sip_via_parse
from uacfast.leaves.sip_scan cimport (
    SIP_FLAW_BODY_SHORT, SIP_FLAW_CONTENT_LENGTH, SIP_FLAW_REQUEST_URI, SIP_FLAW_VERSION, SIP_HEADER_AUTHORIZATION,
    SIP_HEADER_CALL_ID, SIP_HEADER_CONTACT, SIP_HEADER_CSEQ, SIP_HEADER_EXPIRES, SIP_HEADER_FROM,
    SIP_HEADER_PROXY_AUTHORIZATION, SIP_HEADER_PROXY_REQUIRE, SIP_HEADER_TO, SIP_HEADER_VIA, SIP_METHOD_ACK,
    sip_first_header, sip_header, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text, sip_text_equal, sip_text_is, sip_text_to_uint
from uacfast.leaves.sip_uri cimport SIP_SCHEME_OTHER, sip_uri, sip_uri_parse
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport message_of
from uacfast.sip.digest cimport DigestFields, parse_credentials
from uacfast.sip.message cimport SipMessage, bytes_of, text_of

cdef enum:                       # bits of the first argument; 8 and 16 are not implemented by Kamailio either
    CHECK_RURI_VERSION = 1
    CHECK_RURI_SCHEME = 2
    CHECK_MANDATORY = 4
    CHECK_CSEQ_METHOD = 32
    CHECK_CSEQ_NUMBER = 64
    CHECK_CONTENT_LENGTH = 128
    CHECK_EXPIRES = 256
    CHECK_PROXY_REQUIRE = 512
    CHECK_URIS = 1024
    CHECK_DIGEST = 2048
    CHECK_DUPLICATE_TAGS = 4096
    CHECK_AUTHORIZATION = 8192
    CHECK_TOP_VIA = 16384
    DEFAULT_CHECKS = 999 | 1024 | 2048     # Kamailio's default_checks, its unimplemented bits left out
    URI_RURI = 1                 # bits of the second one
    URI_FROM = 2
    URI_TO = 4
    URI_CONTACT = 8
    MAX_CSEQ = 0x7fffffff        # RFC 3261 §8.1.1.5


cdef class SanityModule(KsrModule):

    def sanity_check(self, int mflags, int uflags):
        """1: everything asked for is fine; -1: it is not, and a request has been answered."""
        cdef SipMessage message = message_of(self)
        found = flaw(message, mflags, uflags)
        if found is None:
            return 1
        if message.index.is_request and message.index.method != SIP_METHOD_ACK:
            status, reason, lines = found
            self.runtime.send_reply(status, reason, lines, True)
        return -1

    def sanity_check_defaults(self):
        """The checks that Kamailio does by default, of Request-URI, From and To."""
        return self.sanity_check(DEFAULT_CHECKS, 7)

    def sanity_reply(self):
        """-1: sanity_check() has sent its answer itself."""
        return -1


cdef object flaw(SipMessage message, int checks, int uris):
    """(status, reason, extra lines) of the first check that fails, None: all is well."""
    cdef uint32_t flaws = message.index.flaws
    cdef bint is_request = message.index.is_request
    cdef sip_via via
    cdef const sip_header *header
    cdef uint64_t number
    cdef sip_uri uri
    if checks & CHECK_TOP_VIA:
        header = sip_first_header(&message.index, SIP_HEADER_VIA)
        if header == NULL or sip_via_parse(header.value, &via) != 0:
            return 400, "Missing or invalid Via", b""
    if is_request and checks & CHECK_RURI_VERSION and flaws & SIP_FLAW_VERSION:
        return 505, "Version Not Supported", b""
    if is_request and checks & CHECK_RURI_SCHEME and (sip_uri_parse(message.index.request_uri, &uri) != 0
                                                      or uri.scheme == SIP_SCHEME_OTHER):
        return 416, "Unsupported URI Scheme", b""
    if checks & CHECK_MANDATORY and not has_mandatory(message):
        return 400, "Missing Required Header in Request", b""
    if checks & (CHECK_CSEQ_METHOD | CHECK_CSEQ_NUMBER):
        if not message.parse_cseq():
            return 400, "CSeq number is illegal", b""
        if (is_request and checks & CHECK_CSEQ_METHOD
                and not sip_text_equal(message.cseq.method, message.index.method_text)):
            return 400, "CSeq method does not match request method", b""
        if checks & CHECK_CSEQ_NUMBER and message.cseq.number > MAX_CSEQ:
            return 400, "CSeq number is illegal", b""
    if checks & CHECK_CONTENT_LENGTH and flaws & (SIP_FLAW_CONTENT_LENGTH | SIP_FLAW_BODY_SHORT):
        return 400, "Content-Length mis-match", b""
    if checks & CHECK_EXPIRES:
        header = sip_first_header(&message.index, SIP_HEADER_EXPIRES)
        if header != NULL and not sip_text_to_uint(header.value, 0xffffffff, &number):
            return 400, "Expires value is illegal", b""
    if is_request and checks & CHECK_PROXY_REQUIRE:
        lines = unsupported(message)
        if lines:
            return 420, "Bad Extension", lines
    if checks & CHECK_URIS:
        found = bad_uri(message, uris, flaws)
        if found:
            return 400, found, b""
    if checks & CHECK_DUPLICATE_TAGS and (tags_in(message, SIP_HEADER_FROM) > 1 or tags_in(message, SIP_HEADER_TO) > 1):
        return 400, "Multiple tags in From or To", b""
    if checks & (CHECK_DIGEST | CHECK_AUTHORIZATION) and not digest_is_good(message):
        return 400, "Malformed digest credentials", b""
    return None


cdef bint has_mandatory(SipMessage message) noexcept:
    return (sip_first_header(&message.index, SIP_HEADER_TO) != NULL
            and sip_first_header(&message.index, SIP_HEADER_FROM) != NULL
            and sip_first_header(&message.index, SIP_HEADER_CALL_ID) != NULL
            and sip_first_header(&message.index, SIP_HEADER_CSEQ) != NULL
            and sip_first_header(&message.index, SIP_HEADER_VIA) != NULL)


cdef bytes unsupported(SipMessage message):
    """`Unsupported: …` with all that Proxy-Require lists (we support no proxy extension); b"" when it lists nothing."""
    cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_PROXY_REQUIRE)
    cdef sip_text rest, option
    cdef list options = []
    while header != NULL:
        rest = header.value
        while sip_list_next(&rest, &option):
            options.append(bytes_of(option))
        header = sip_next_header(&message.index, header)
    return b"Unsupported: %b\r\n" % b", ".join(options) if options else b""


cdef str bad_uri(SipMessage message, int uris, uint32_t flaws):
    """What to say about the first URI asked for that does not parse; None: all do."""
    cdef sip_uri uri
    cdef sip_address address
    cdef const sip_header *header
    if (message.index.is_request and uris & URI_RURI
            and (flaws & SIP_FLAW_REQUEST_URI or sip_uri_parse(message.index.request_uri, &uri) != 0)):
        return "Bad Request URI"
    for bit, header_id, reason in ((URI_FROM, SIP_HEADER_FROM, "Bad From header"),
                                   (URI_TO, SIP_HEADER_TO, "Bad To header"),
                                   (URI_CONTACT, SIP_HEADER_CONTACT, "Bad Contact header")):
        header = sip_first_header(&message.index, header_id)
        if not uris & <int>bit or header == NULL:
            continue
        if sip_address_parse(header.value, &address) != 0:
            return reason
        if sip_text_is(address.uri, b"*") and header_id == SIP_HEADER_CONTACT:
            continue
        if sip_uri_parse(address.uri, &uri) != 0:
            return reason
    return None


cdef int tags_in(SipMessage message, int header_id) noexcept:
    """How many tag parameters the header has."""
    cdef const sip_header *header = sip_first_header(&message.index, header_id)
    cdef sip_address address
    cdef const char *at
    cdef const char *end
    cdef const char *start
    cdef const char *name_end
    cdef int count = 0
    cdef bint quoted = False
    if header == NULL or sip_address_parse(header.value, &address) != 0 or address.parameters.at == NULL:
        return 0
    at = address.parameters.at
    end = at + address.parameters.length
    while at < end:
        start = at
        while at < end and (quoted or at[0] != c';'):
            if at[0] == c'"':
                quoted = not quoted
            at += 1
        name_end = start
        while name_end < at and name_end[0] not in (c'=', c' ', c'\t'):
            name_end += 1
        while start < name_end and start[0] in (c' ', c'\t', c'\r', c'\n'):
            start += 1
        count += sip_text_is(text_of(start, <uint32_t>(name_end - start)), b"tag")
        at += 1
    return count


cdef bint digest_is_good(SipMessage message) noexcept:
    """Whether every Authorization and Proxy-Authorization can be read."""
    cdef DigestFields fields
    cdef const sip_header *header
    cdef int id
    for id in (SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION):
        header = sip_first_header(&message.index, id)
        while header != NULL:
            if not parse_credentials(header.value, &fields):
                return False
            header = sip_next_header(&message.index, header)
    return True
