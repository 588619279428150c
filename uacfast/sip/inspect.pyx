"""Python faces of the message scanner and the value parsers, for tests and tools.

The proxy itself calls the C functions of csrc/ and makes no Python objects per header; this module shows what they
found. All text is bytes. A value that the C function refuses raises ValueError.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_scan cimport (
    SIP_FLAW_BODY_SHORT, SIP_FLAW_CONTENT_LENGTH, SIP_FLAW_HEADER_LINE, SIP_FLAW_LIMIT, SIP_FLAW_NO_EMPTY_LINE,
    SIP_FLAW_REPEATED, SIP_FLAW_REQUEST_URI, SIP_FLAW_VERSION, SIP_HEADERS_CAPACITY, SIP_HEADER_ID_COUNT,
    SIP_SCAN_KEEPALIVE, SIP_SCAN_NOT_SIP, sip_first_header, sip_header, sip_header_id, sip_header_id_of, sip_limits,
    sip_message, sip_method_id, sip_method_id_of, sip_next_header, sip_scan, sip_scan_result,
)
from uacfast.leaves.sip_uri cimport (
    sip_parameter_find, sip_parameter_find_exact, sip_uri, sip_uri_equal, sip_uri_parse,
)
from uacfast.leaves.sip_header cimport (
    sip_address, sip_address_parse, sip_cseq, sip_cseq_parse, sip_list_next, sip_via, sip_via_parse,
)


# In the order of sip_header_id and sip_method_id.
HEADER_NAMES = (
    None, "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Route", "Record-Route", "Content-Length",
    "Content-Type", "Expires", "Require", "Proxy-Require", "Supported", "Unsupported", "Allow", "Authorization",
    "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "User-Agent", "Server", "Event", "Subject",
    "Refer-To", "Referred-By", "Session-Expires", "Min-SE", "Min-Expires", "Retry-After", "Reason", "RAck", "RSeq",
    "Path", "Service-Route", "Max-Breadth", "Content-Encoding", "Accept-Contact", "Reject-Contact",
    "Request-Disposition", "Allow-Events", "Identity", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy",
    "Diversion",
)
METHOD_NAMES = (
    None, "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY",
    "REFER", "MESSAGE", "PUBLISH",
)
FLAWS = {
    "version": SIP_FLAW_VERSION, "header_line": SIP_FLAW_HEADER_LINE, "no_empty_line": SIP_FLAW_NO_EMPTY_LINE,
    "content_length": SIP_FLAW_CONTENT_LENGTH, "body_short": SIP_FLAW_BODY_SHORT, "limit": SIP_FLAW_LIMIT,
    "request_uri": SIP_FLAW_REQUEST_URI, "repeated": SIP_FLAW_REPEATED,
}
SCHEMES = ("other", "sip", "sips", "tel")
DEFAULT_LIMITS = {"message": 65535, "header_part": 32768, "line": 8192, "headers": SIP_HEADERS_CAPACITY}


cdef sip_text _text(bytes data):
    cdef sip_text text
    text.at = data
    text.length = <uint32_t>len(data)
    return text


cdef _copy(sip_text text, bytes data):
    """The octets of a span of `data`, or None when the thing is absent."""
    cdef const char *start = data
    if text.at == NULL:
        return None
    if text.at < start or text.at + text.length > start + len(data):
        raise SystemError("the parser gave a span outside its buffer: report the input as a fault of uacfast")
    return text.at[:text.length]


cdef sip_text _rest(sip_text value, const char *next):
    cdef sip_text rest
    rest.at = next
    rest.length = <uint32_t>(value.at + value.length - next)
    return rest


def scan(bytes data not None, bint accept_lf=False, limits=None):
    """One datagram as a dict, or None when it is a keepalive (only CR, LF, NUL, or empty).

    `limits` overrides entries of DEFAULT_LIMITS (octets, header lines). ValueError when there is no request or status
    line. Keys: is_request, method (None when unknown), method_text, request_uri, version, status, reason, headers (list
    of dicts with id, name, value, line), flaws (set of names), body, start (offset of the start line), and, counted
    from `start`, length, headers_start, headers_end. RFC 3261 §7, §18.3.
    """
    cdef sip_limits bounds
    cdef sip_message *message = <sip_message *>malloc(sizeof(sip_message))
    cdef sip_scan_result result
    cdef int i
    if message == NULL:
        raise MemoryError
    try:
        wanted = {**DEFAULT_LIMITS, **(limits or {})}
        bounds.message = wanted["message"]
        bounds.header_part = wanted["header_part"]
        bounds.line = wanted["line"]
        bounds.headers = wanted["headers"]
        result = sip_scan(message, data, <uint32_t>len(data), &bounds, accept_lf)
        if result == SIP_SCAN_KEEPALIVE:
            return None
        if result == SIP_SCAN_NOT_SIP:
            raise ValueError("neither a SIP request nor a SIP response: the start line does not read as one")
        headers = []
        for i in range(message.header_count):
            headers.append({
                "id": HEADER_NAMES[message.headers[i].id],
                "name": _copy(message.headers[i].name, data),
                "value": _copy(message.headers[i].value, data),
                "line": _copy(message.headers[i].line, data),
            })
        _check_chains(message)
        return {
            "is_request": bool(message.is_request),
            "method": METHOD_NAMES[message.method],
            "method_text": _copy(message.method_text, data),
            "request_uri": _copy(message.request_uri, data),
            "version": _copy(message.version, data),
            "status": message.status,
            "reason": _copy(message.reason, data),
            "headers": headers,
            "flaws": {name for name, bit in FLAWS.items() if message.flaws & bit},
            "body": _copy(message.body, data),
            "start": message.data - <const char *>data,
            "length": message.length,
            "headers_start": message.headers_start,
            "headers_end": message.headers_end,
        }
    finally:
        free(message)


cdef _check_chains(const sip_message *message):
    """The chains of equal ids must visit just the headers with that id, in order."""
    cdef const sip_header *header
    cdef int id, i
    for id in range(1, SIP_HEADER_ID_COUNT):
        header = sip_first_header(message, <sip_header_id>id)
        for i in range(message.header_count):
            if message.headers[i].id == id:
                if header != &message.headers[i]:
                    raise SystemError("the chain of equal headers is broken: report the input as a fault of uacfast")
                header = sip_next_header(message, header)
        if header != NULL:
            raise SystemError("the chain of equal headers is too long: report the input as a fault of uacfast")


def header_id(bytes name not None):
    """Canonical name (str) of a header field that the proxy knows, by long or compact name; None for others."""
    return HEADER_NAMES[sip_header_id_of(_text(name))]


def method_id(bytes name not None):
    """Name (str) of a method that the proxy knows, with case; None for others."""
    return METHOD_NAMES[sip_method_id_of(_text(name))]


cdef dict _uri(const sip_uri *uri, bytes text):
    return {
        "scheme": SCHEMES[uri.scheme],
        "user": _copy(uri.user, text),
        "password": _copy(uri.password, text),
        "host": _copy(uri.host, text),
        "host_is_ipv6": bool(uri.host_is_ipv6),
        "port": uri.port,
        "parameters": _copy(uri.parameters, text),
        "headers": _copy(uri.headers, text),
    }


def parse_uri(bytes text not None):
    """Parts of a sip, sips, tel or other URI (RFC 3261 §19.1, RFC 3966); port 0 when there is none."""
    cdef sip_uri uri
    if sip_uri_parse(_text(text), &uri) < 0:
        raise ValueError(f"not a URI: {text!r}")
    return _uri(&uri, text)


def uri_equal(bytes a not None, bytes b not None):
    """Whether two URIs are equivalent (RFC 3261 §19.1.4)."""
    cdef sip_uri parsed_a, parsed_b
    if sip_uri_parse(_text(a), &parsed_a) < 0 or sip_uri_parse(_text(b), &parsed_b) < 0:
        raise ValueError(f"not two URIs: {a!r}, {b!r}")
    return bool(sip_uri_equal(&parsed_a, &parsed_b))


def parse_via(bytes value not None):
    """All values of a Via header field, a list of dicts (RFC 3261 §20.42, RFC 3581); ports 0 when absent."""
    cdef sip_via via
    cdef sip_text rest = _text(value)
    values = []
    while True:
        if sip_via_parse(rest, &via) < 0:
            raise ValueError(f"not a Via value: {rest.at[:rest.length]!r}")
        values.append({
            "value": _copy(via.value, value),
            "protocol": _copy(via.protocol, value),
            "transport": _copy(via.transport, value),
            "host": _copy(via.host, value),
            "port": via.port,
            "sent_by": _copy(via.sent_by, value),
            "parameters": _copy(via.parameters, value),
            "branch": _copy(via.branch, value),
            "received": _copy(via.received, value),
            "maddr": _copy(via.maddr, value),
            "rport_parameter": _copy(via.rport_parameter, value),
            "rport": via.rport,
        })
        if via.next == NULL:
            return values
        rest = _rest(rest, via.next)


def parse_address(bytes value not None):
    """All values of a From, To, Contact, Route, Record-Route ... field, a list of dicts (RFC 3261 §20.10)."""
    cdef sip_address address
    cdef sip_text rest = _text(value)
    values = []
    while True:
        if sip_address_parse(rest, &address) < 0:
            raise ValueError(f"not an address: {rest.at[:rest.length]!r}")
        values.append({
            "value": _copy(address.value, value),
            "display": _copy(address.display, value),
            "uri": _copy(address.uri, value),
            "name_addr": _copy(address.name_addr, value),
            "parameters": _copy(address.parameters, value),
            "tag": _copy(address.tag, value),
            "brackets": bool(address.brackets),
        })
        if address.next == NULL:
            return values
        rest = _rest(rest, address.next)


def parse_cseq(bytes value not None):
    """(number, number as written, method) of a CSeq value (RFC 3261 §20.16)."""
    cdef sip_cseq cseq
    if sip_cseq_parse(_text(value), &cseq) < 0:
        raise ValueError(f"not a CSeq value: {value!r}")
    return cseq.number, _copy(cseq.number_text, value), _copy(cseq.method, value)


def list_elements(bytes value not None):
    """The elements of a comma list, trimmed, without empty ones (RFC 3261 §7.3.1)."""
    cdef sip_text rest = _text(value), element
    elements = []
    while sip_list_next(&rest, &element):
        elements.append(_copy(element, value))
    return elements


def parameter_find(bytes parameters not None, bytes name not None, bint exact=False):
    """(found, value) of a parameter of "a;b=c"; the value is None when it has no "=".

    With `exact` the name's case counts, else `name` must be in lower case.
    """
    cdef sip_text value
    cdef bint found
    if exact:
        found = sip_parameter_find_exact(_text(parameters), _text(name), &value)
    else:
        found = sip_parameter_find(_text(parameters), name, &value)
    return (True, _copy(value, parameters)) if found else (False, None)
