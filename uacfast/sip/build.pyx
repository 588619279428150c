"""Whole messages written out: replies of our own, ACK, CANCEL, and received ones with their edits.

The order of the lines is Kamailio's (engine.md §20.4, §20.5), so that traces of both read alike.
"""
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcmp

from uacfast.leaves.edit_list cimport edit_list_insert, edit_list_replace, edit_list_write
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport (
    SIP_FLAW_HEADER_LINE, SIP_FLAW_LIMIT, SIP_FLAW_NO_EMPTY_LINE, SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ, SIP_HEADER_FROM,
    SIP_HEADER_MAX_FORWARDS, SIP_HEADER_ROUTE, SIP_HEADER_TO, SIP_HEADER_VIA, sip_first_header, sip_header,
    sip_next_header,
)
from uacfast.leaves.sip_header cimport sip_cseq, sip_cseq_parse, sip_via, sip_via_parse
from uacfast.leaves.text_writer cimport (
    text_put, text_put_string, text_put_text, text_put_uint, text_writer_start, text_writer_length,
)
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.sip.message cimport literal, no_text, text_of
from uacfast.leaves.address cimport address_from_text, address_host_text, address_port, same_host

# RFC 3261 §21 and the RFCs that added codes.
cdef dict PHRASES = {
    100: b"Trying", 180: b"Ringing", 181: b"Call Is Being Forwarded", 182: b"Queued", 183: b"Session Progress",
    200: b"OK", 202: b"Accepted", 300: b"Multiple Choices", 301: b"Moved Permanently", 302: b"Moved Temporarily",
    305: b"Use Proxy", 380: b"Alternative Service", 400: b"Bad Request", 401: b"Unauthorized",
    402: b"Payment Required", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed",
    406: b"Not Acceptable", 407: b"Proxy Authentication Required", 408: b"Request Timeout", 410: b"Gone",
    413: b"Request Entity Too Large", 414: b"Request-URI Too Long", 415: b"Unsupported Media Type",
    416: b"Unsupported URI Scheme", 420: b"Bad Extension", 421: b"Extension Required", 423: b"Interval Too Brief",
    440: b"Max-Breadth Exceeded", 480: b"Temporarily Unavailable", 481: b"Call/Transaction Does Not Exist",
    482: b"Loop Detected", 483: b"Too Many Hops", 484: b"Address Incomplete", 485: b"Ambiguous", 486: b"Busy Here",
    487: b"Request Terminated", 488: b"Not Acceptable Here", 489: b"Bad Event", 491: b"Request Pending",
    493: b"Undecipherable", 500: b"Server Internal Error", 501: b"Not Implemented", 502: b"Bad Gateway",
    503: b"Service Unavailable", 504: b"Server Time-out", 505: b"Version Not Supported", 513: b"Message Too Large",
    600: b"Busy Everywhere", 603: b"Decline", 604: b"Does Not Exist Anywhere", 606: b"Not Acceptable",
}
cdef const char *phrase_table[700]
cdef int status_code
for status_code in range(700):
    phrase_table[status_code] = b"Unknown"
for status_code, phrase in PHRASES.items():
    phrase_table[status_code] = PyBytes_AS_STRING(phrase)   # the dict keeps it alive


cdef const char *reason_phrase(int status) noexcept:
    if status < 100 or status >= 700:
        return b"Unknown"
    return phrase_table[status]


cdef void put_lines(const sip_message *index, int header_id, text_writer *out) noexcept:
    cdef const sip_header *header = sip_first_header(index, header_id)
    while header != NULL:
        text_put_text(out, header.line)
        header = sip_next_header(index, header)


cdef bint mark_source(SipMessage request, bint force_rport) noexcept:
    """Edit received and rport into the topmost Via (RFC 3261 §18.2.1, RFC 3581 §4), as Kamailio places them."""
    cdef char host[64]
    cdef uint32_t length
    cdef text_writer out
    cdef char *space
    cdef bint has_rport = request.via.rport_parameter.at != NULL
    if not has_rport and not force_rport and via_names_source(request):
        return True
    length = address_host_text(&request.source, host)
    space = request.scratch_reserve(112)
    if space == NULL:
        return False
    text_writer_start(&out, space, 112)
    if has_rport:
        if request.via.received.at == NULL:
            text_put_string(&out, b"received=")
            text_put(&out, host, length)
            text_put(&out, b";", 1)
        text_put_string(&out, b"rport=")
        text_put_uint(&out, address_port(&request.source))
        return (request.replace(request.via.rport_parameter, text_of(space, text_writer_length(&out)))
                and (request.via.received.at == NULL
                     or request.replace(request.via.received, request.keep(host, length))))
    if request.via.received.at != NULL:
        text_put(&out, host, length)
        return request.replace(request.via.received, text_of(space, text_writer_length(&out)))
    text_put_string(&out, b";received=")
    text_put(&out, host, length)
    if force_rport:
        text_put_string(&out, b";rport=")
        text_put_uint(&out, address_port(&request.source))
    return edit_list_insert(&request.edits, request.offset(request.via.value.at) + request.via.value.length,
                            text_of(space, text_writer_length(&out))) == 0


cdef bint via_names_source(SipMessage request) noexcept:
    cdef udp_address sent_by
    return address_from_text(request.via.host, 0, &sent_by) and same_host(&sent_by, &request.source)


cdef bint write_reply(SipMessage request, int status, sip_text reason, sip_text to_tag, sip_text extra_lines,
                      sip_text server_line, text_writer *out) noexcept:
    """A response of our own (RFC 3261 §8.2.6), from the request as received.

    `reason` absent: the usual phrase; `to_tag` absent: none is added. `extra_lines` are whole lines. False when the
    request lacks a header field that every response needs, when one that is to be copied is cut off or has a CR or LF that
    ends no line, or when `out` is too small.
    """
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_VIA)
    cdef sip_address to
    cdef uint32_t at, end
    cdef char host[64]
    cdef sip_text value
    if header == NULL or (request.index.flaws & (SIP_FLAW_HEADER_LINE | SIP_FLAW_NO_EMPTY_LINE | SIP_FLAW_LIMIT)
                          and not copied_lines_are_whole(&request.index)):
        return False
    text_put_string(out, b"SIP/2.0 ")
    text_put_uint(out, status)
    text_put(out, b" ", 1)
    if reason.at != NULL:
        text_put_text(out, reason)
    else:
        text_put_string(out, reason_phrase(status))
    text_put(out, b"\r\n", 2)
    put_marked_via(request, header, out)
    header = sip_next_header(&request.index, header)
    while header != NULL:
        text_put_text(out, header.line)
        header = sip_next_header(&request.index, header)
    put_lines(&request.index, SIP_HEADER_FROM, out)
    header = sip_first_header(&request.index, SIP_HEADER_TO)
    if header != NULL:
        if to_tag.at != NULL and sip_address_parse(header.value, &to) == 0 and to.tag.at == NULL:
            value = header.value
            at = <uint32_t>(value.at - header.line.at) + value.length
            text_put(out, header.line.at, at)
            text_put_string(out, b";tag=")
            text_put_text(out, to_tag)
            text_put(out, header.line.at + at, header.line.length - at)
        else:
            text_put_text(out, header.line)
    put_lines(&request.index, SIP_HEADER_CALL_ID, out)
    put_lines(&request.index, SIP_HEADER_CSEQ, out)
    text_put_text(out, extra_lines)
    text_put_text(out, server_line)
    text_put_string(out, b"Content-Length: 0\r\n\r\n")
    return not out.overflow


cdef bint copied_lines_are_whole(const sip_message *message) noexcept:
    """Whether what a response copies from a malformed request is well-formed lines: what ends a line for one reader and not
    for another must not go out in our name."""
    cdef const sip_header *header
    cdef const char *at
    cdef const char *end
    cdef int id
    for id in (SIP_HEADER_VIA, SIP_HEADER_FROM, SIP_HEADER_TO, SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ):
        header = sip_first_header(message, id)
        while header != NULL:
            at = header.line.at
            end = at + header.line.length
            if end - at < 2 or end[-1] != c'\n':
                return False
            while at < end:
                if at[0] == c'\r' and (at + 1 == end or at[1] != c'\n') or at[0] == c'\n' and at[-1] != c'\r':
                    return False
                at += 1
            header = sip_next_header(message, header)
    return True


cdef void put_marked_via(SipMessage request, const sip_header *header, text_writer *out) noexcept:
    """The first Via line with rport filled in and received after the topmost value (engine §20.1, without its quirk)."""
    cdef char host[64]
    cdef uint32_t length
    cdef const char *at = header.line.at
    cdef const char *value_end
    cdef sip_via via = request.via
    value_end = via.value.at + via.value.length
    if via.received.at != NULL:
        # A received that the sender wrote itself is not to be believed.
        if via.rport_parameter.at != NULL and via.rport_parameter.at < via.received.at:
            at = put_rport(request, at, out)
        text_put(out, at, <size_t>(via.received.at - at))
        text_put(out, host, address_host_text(&request.source, host))
        at = via.received.at + via.received.length
        if via.rport_parameter.at != NULL and via.rport_parameter.at > via.received.at:
            at = put_rport(request, at, out)
        text_put(out, at, <size_t>(header.line.at + header.line.length - at))
        return
    if via.rport_parameter.at != NULL:
        at = put_rport(request, at, out)
    text_put(out, at, <size_t>(value_end - at))
    if via.rport_parameter.at != NULL or request.force_rport or not via_names_source(request):
        length = address_host_text(&request.source, host)
        text_put_string(out, b";received=")
        text_put(out, host, length)
        if request.force_rport and via.rport_parameter.at == NULL:
            text_put_string(out, b";rport=")
            text_put_uint(out, address_port(&request.source))
    text_put(out, value_end, <size_t>(header.line.at + header.line.length - value_end))


cdef const char *put_rport(SipMessage request, const char *at, text_writer *out) noexcept:
    text_put(out, at, <size_t>(request.via.rport_parameter.at - at))
    text_put_string(out, b"rport=")
    text_put_uint(out, address_port(&request.source))
    return request.via.rport_parameter.at + request.via.rport_parameter.length


cdef bint write_hop_request(const sip_message *sent, sip_text method, sip_text to_line_value, sip_text last_line,
                            text_writer *out) noexcept:
    """What ACK and CANCEL share: Request-URI, topmost Via, From, Call-ID, CSeq number and Route of the INVITE sent
    (RFC 3261 §9.1, §17.1.1.3)."""
    cdef const sip_header *header
    cdef sip_via via
    cdef sip_cseq cseq
    cdef sip_text line
    text_put_text(out, method)
    text_put(out, b" ", 1)
    text_put_text(out, sent.request_uri)
    text_put_string(out, b" SIP/2.0\r\n")
    header = sip_first_header(sent, SIP_HEADER_VIA)
    if header == NULL or sip_via_parse(header.value, &via) != 0:
        return False
    text_put(out, header.line.at, <size_t>(via.value.at + via.value.length - header.line.at))
    text_put(out, b"\r\n", 2)
    put_lines(sent, SIP_HEADER_MAX_FORWARDS, out)
    put_lines(sent, SIP_HEADER_ROUTE, out)
    put_lines(sent, SIP_HEADER_FROM, out)
    header = sip_first_header(sent, SIP_HEADER_TO)
    if header == NULL:
        return False
    if to_line_value.at != NULL:
        text_put(out, header.line.at, <size_t>(header.value.at - header.line.at))
        text_put_text(out, to_line_value)
        line = header.line
        text_put(out, header.value.at + header.value.length,
                 <size_t>(line.at + line.length - header.value.at - header.value.length))
    else:
        text_put_text(out, header.line)
    put_lines(sent, SIP_HEADER_CALL_ID, out)
    header = sip_first_header(sent, SIP_HEADER_CSEQ)
    if header == NULL or sip_cseq_parse(header.value, &cseq) != 0:
        return False
    text_put(out, header.line.at, <size_t>(cseq.method.at - header.line.at))
    text_put_text(out, method)
    text_put(out, b"\r\n", 2)
    text_put_string(out, b"Content-Length: 0\r\n")
    text_put_text(out, last_line)
    text_put(out, b"\r\n", 2)
    return not out.overflow


cdef bint write_ack(const sip_message *sent, sip_text response_to, text_writer *out) noexcept:
    """The hop-by-hop ACK to a 300-699; `response_to` is the To value of that response (RFC 3261 §17.1.1.3)."""
    return write_hop_request(sent, literal(b"ACK"), response_to, no_text(), out)


cdef bint write_cancel(const sip_message *sent, sip_text reason_line, text_writer *out) noexcept:
    """The CANCEL of an INVITE that was sent; `reason_line` is a whole Reason line or absent (RFC 3261 §9.1, RFC 3326)."""
    return write_hop_request(sent, literal(b"CANCEL"), no_text(), reason_line, out)


cdef bint write_message(SipMessage message, text_writer *out) noexcept:
    """The received message with its edits."""
    edit_list_write(&message.edits, message.index.data, 0, message.index.length, out)
    return not out.overflow


cdef bint is_last_via(SipMessage message) noexcept:
    """Whether the topmost Via value is the only one."""
    return message.via.next == NULL and sip_first_header(&message.index, SIP_HEADER_VIA).next == 0


cdef bint remove_top_via(SipMessage message) noexcept:
    """Take the topmost Via value off; its line goes too when it held no other (RFC 3261 §16.7 step 3)."""
    cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_VIA)
    cdef sip_text gone = no_text()
    cdef const char *next
    if message.via.next == NULL:
        return message.replace(header.line, literal(b""))
    next = message.via.next
    while next < header.value.at + header.value.length and next[0] in (c' ', c'\t', c'\r', c'\n'):
        next += 1
    gone = text_of(header.value.at, <uint32_t>(next - header.value.at))
    return message.replace(gone, literal(b""))
