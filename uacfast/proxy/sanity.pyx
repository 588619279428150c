"""The checks that a request passes before anything is done with it (RFC 3261 §16.3, engine.md §2)."""
from libc.stdint cimport uint64_t
from libc.string cimport memchr

from uacfast.leaves.sip_header cimport sip_list_next, sip_via, sip_via_parse
from uacfast.leaves.sip_scan cimport (
    SIP_FLAW_BODY_SHORT, SIP_FLAW_CONTENT_LENGTH, SIP_FLAW_HEADER_LINE, SIP_FLAW_LIMIT, SIP_FLAW_NO_EMPTY_LINE,
    SIP_FLAW_REPEATED, SIP_FLAW_REQUEST_URI, SIP_FLAW_VERSION, SIP_HEADER_MAX_BREADTH, SIP_HEADER_MAX_FORWARDS,
    SIP_HEADER_PROXY_REQUIRE, SIP_HEADER_VIA, sip_first_header, sip_header, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_equal, sip_text_to_uint
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport text_put_string, text_put_text, text_writer, text_writer_length, text_writer_start
from uacfast.sip.message cimport no_text, text_of
from uacfast.tm.table cimport is_cookie, read_hex


cdef void refuse(Refusal *refusal, int status, const char *reason) noexcept:
    refusal.status = status
    refusal.reason = reason
    refusal.extra_lines = no_text()


cdef void check_form(SipMessage request, ProxySettings settings, Refusal *refusal) noexcept:
    """Steps S3 and S5-S8; parses From, To, CSeq and Call-ID on the way. The topmost Via is parsed already."""
    cdef uint32_t flaws = request.index.flaws
    cdef bint parsed = request.parse_addresses()
    cdef sip_uri uri
    refuse(refusal, 0, NULL)
    if flaws & SIP_FLAW_VERSION:
        refuse(refusal, 505, NULL)
    elif flaws & SIP_FLAW_LIMIT:
        refuse(refusal, 400, b"Message exceeds a limit")
    elif flaws & (SIP_FLAW_HEADER_LINE | SIP_FLAW_NO_EMPTY_LINE):
        refuse(refusal, 400, b"Malformed header field")
    elif flaws & SIP_FLAW_REPEATED:
        refuse(refusal, 400, b"Repeated header field")
    elif not parsed or request.from_.next != NULL or request.to.next != NULL:
        refuse(refusal, 400, b"Missing or malformed mandatory header field")
    elif not vias_are_good(request, settings.vias):
        refuse(refusal, 400, b"Malformed Via")
    elif not sip_text_equal(request.cseq.method, request.index.method_text):
        refuse(refusal, 400, b"CSeq method does not match request method")
    elif flaws & (SIP_FLAW_CONTENT_LENGTH | SIP_FLAW_BODY_SHORT):
        refuse(refusal, 400, b"Content-Length mis-match")
    elif (flaws & SIP_FLAW_REQUEST_URI or request.index.request_uri.length > <uint32_t>settings.uri
          or sip_uri_parse(request.index.request_uri, &uri) != 0 or uri.headers.at != NULL):
        refuse(refusal, 400, b"Bad Request URI")


cdef void check_octets(SipMessage request, ProxySettings settings, Refusal *refusal) noexcept:
    """The part of the form that a script need not check: what makes the message unreadable, or what Kamailio's core does
    not hand to scripts either."""
    cdef uint32_t flaws = request.index.flaws
    refuse(refusal, 0, NULL)
    if flaws & SIP_FLAW_VERSION:
        refuse(refusal, 505, NULL)
    elif flaws & SIP_FLAW_LIMIT:
        refuse(refusal, 400, b"Message exceeds a limit")
    elif flaws & (SIP_FLAW_HEADER_LINE | SIP_FLAW_NO_EMPTY_LINE):
        refuse(refusal, 400, b"Malformed header field")
    elif flaws & SIP_FLAW_REPEATED:
        refuse(refusal, 400, b"Repeated header field")
    elif not vias_are_good(request, settings.vias):
        refuse(refusal, 400, b"Malformed Via")
    elif flaws & SIP_FLAW_CONTENT_LENGTH:
        refuse(refusal, 400, b"Content-Length mis-match")


cdef bint vias_are_good(SipMessage request, int limit) noexcept:
    """Whether the values beside the topmost one on its line parse, and there are not more than the limit."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_VIA)
    cdef sip_via via = request.via
    cdef sip_text rest, value
    cdef int count = 1
    while via.next != NULL:
        count += 1
        if count > limit or sip_via_parse(
                text_of(via.next, <uint32_t>(header.value.at + header.value.length - via.next)), &via) != 0:
            return False
    while header.next and count <= limit:
        header = sip_next_header(&request.index, header)
        rest = header.value
        if memchr(rest.at, c',', rest.length) == NULL:
            count += 1
            continue
        while sip_list_next(&rest, &value):
            count += 1
    return count <= limit


cdef void check_forwarding(SipMessage request, ProxySettings settings, Refusal *refusal) noexcept:
    """Steps S9 and S10; sets request.max_forwards (256: the header field is missing)."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_MAX_FORWARDS)
    cdef uint64_t value
    cdef sip_text rest, option
    cdef text_writer out
    cdef char *space
    refuse(refusal, 0, NULL)
    if header != NULL:
        if not sip_text_to_uint(header.value, 255, &value):
            refuse(refusal, 400, b"Bad Max-Forwards")
            return
        request.max_forwards = <uint32_t>value
        if value == 0:
            refuse(refusal, 483, NULL)
            return
    header = sip_first_header(&request.index, SIP_HEADER_PROXY_REQUIRE)
    if header == NULL:
        return
    # We support no proxy extension, so whatever is listed is unsupported.
    space = request.scratch_reserve(512)
    if space == NULL:
        return
    text_writer_start(&out, space, 512)
    while header != NULL:
        rest = header.value
        while sip_list_next(&rest, &option):
            text_put_string(&out, b"Unsupported: " if text_writer_length(&out) == 0 else b", ")
            text_put_text(&out, option)
        header = sip_next_header(&request.index, header)
    if text_writer_length(&out):
        text_put_string(&out, b"\r\n")
        refuse(refusal, 420, NULL)
        if not out.overflow:
            refusal.extra_lines = text_of(space, text_writer_length(&out))


cdef int breadth_of(SipMessage request) noexcept:
    """How many branches may be waiting for a final response at once (RFC 5393 §5, engine V6): Max-Breadth, at most 60, which
    is also what its absence means. -1: it is not one number."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_MAX_BREADTH)
    cdef uint64_t value
    cdef uint32_t i
    if header == NULL:
        return MAX_BREADTH
    if header.next or header.value.length == 0:
        return -1
    for i in range(header.value.length):
        if not c'0' <= header.value.at[i] <= c'9':
            return -1
    return <int>value if sip_text_to_uint(header.value, MAX_BREADTH, &value) else MAX_BREADTH


cdef bint has_looped(SipMessage request, UdpTransport transport, uint32_t loop_hash) noexcept:
    """Whether a Via of ours in this request was written for the very same routing decision (RFC 5393, engine V5)."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_VIA)
    cdef sip_via via = request.via
    cdef sip_text rest
    cdef uint64_t loop
    cdef const char *at
    cdef bint parsed = True       # the topmost is
    while header != NULL:
        rest = header.value
        while parsed or sip_via_parse(rest, &via) == 0:
            parsed = False
            # z9hG4bK<slot>.<16 digits><8 digits of loop hash>.<branch>
            if via.branch.length > 34 and is_cookie(via.branch.at) and transport.is_own(via.host, via.port):
                at = via.branch.at + 7
                while at < via.branch.at + via.branch.length and at[0] != c'.':
                    at += 1
                if (via.branch.at + via.branch.length - at > 25 and read_hex(at + 17, at + 25, 8, &loop) == at + 25
                        and loop == loop_hash):
                    return True
            if via.next == NULL:
                break
            rest = text_of(via.next, <uint32_t>(header.value.at + header.value.length - via.next))
        header = sip_next_header(&request.index, header)
    return False
