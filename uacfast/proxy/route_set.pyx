"""The Route header fields of a request (RFC 3261 §16.4, §16.6 step 6, §16.12)."""
from libc.stdint cimport uint32_t

from uacfast.leaves.edit_list cimport edit_list_insert
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport SIP_HEADER_ROUTE, sip_first_header, sip_next_header
from uacfast.leaves.sip_text cimport sip_text_equal
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_parameter_find, sip_uri_parse
from uacfast.leaves.text_writer cimport (
    text_put, text_put_string, text_put_text, text_writer, text_writer_length, text_writer_start,
)
from uacfast.sip.message cimport literal, no_text, text_of


cdef bint read_route_set(SipMessage request, int header_id, int limit, RouteSet *routes) noexcept:
    """All values of all lines in order, however they are spread (engine M4); False: one is broken or there are too many."""
    cdef const sip_header *header = sip_first_header(&request.index, header_id)
    cdef sip_address address
    cdef sip_text rest
    routes.count = 0
    while header != NULL:
        rest = header.value
        while True:
            if routes.count >= limit or routes.count >= ROUTES_MAX or sip_address_parse(rest, &address) != 0:
                return False
            routes.values[routes.count].value = address.value
            routes.values[routes.count].uri = address.uri
            routes.values[routes.count].header = header
            routes.count += 1
            if address.next == NULL:
                break
            rest = text_of(address.next, <uint32_t>(header.value.at + header.value.length - address.next))
        header = sip_next_header(&request.index, header)
    return True


cdef bint is_own_uri(UdpTransport transport, const sip_uri *uri) noexcept:
    return uri.scheme in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS) and transport.is_own(uri.host, uri.port)


cdef RouteOutcome take_own_routes(SipMessage request, UdpTransport transport, RouteSet *routes, int limit,
                                  int *taken) noexcept:
    """Loose routing: take our own value off the top, both values of a double Record-Route (engine RR3, RR4).

    *taken is how many values were removed. Sets request.loose_routed, route_parameters, upstream, route_socket.
    """
    cdef sip_uri uri, second
    cdef sip_text found
    cdef bint double
    taken[0] = 0
    if not read_route_set(request, SIP_HEADER_ROUTE, limit, routes):
        return ROUTE_BROKEN
    if routes.count == 0:
        return ROUTE_ABSENT
    # A strict router before us put our own Record-Route value into the Request-URI (§16.4).
    if (sip_uri_parse(request.index.request_uri, &uri) == 0 and is_own_uri(transport, &uri)
            and sip_parameter_find(uri.parameters, b"lr", &found) and uri.user.at == NULL):
        if not request.replace_request_uri(routes.values[routes.count - 1].uri):
            return ROUTE_BROKEN
        remove_route(request, routes, routes.count - 1)
        routes.count -= 1
        note_own_route(request, &uri)
        return ROUTE_TAKEN
    if sip_uri_parse(routes.values[0].uri, &uri) != 0:
        return ROUTE_BROKEN
    if not is_own_uri(transport, &uri):
        return ROUTE_ABSENT
    note_own_route(request, &uri)
    double = sip_parameter_find(uri.parameters, b"r2", &found)
    taken[0] = 1
    if (double and routes.count > 1 and sip_uri_parse(routes.values[1].uri, &second) == 0
            and is_own_uri(transport, &second)):
        taken[0] = 2
        request.route_socket = transport.own_socket(second.host, second.port)
    remove_first_routes(request, routes, taken[0])
    return ROUTE_TAKEN


cdef void note_own_route(SipMessage request, const sip_uri *uri) noexcept:
    """Keep the parameters of our value and tell the direction (uac-semantics §1.4)."""
    cdef sip_text tag
    request.loose_routed = True
    request.route_parameters = uri.parameters
    request.upstream = (sip_parameter_find(uri.parameters, b"ftag", &tag) and tag.length != 0
                        and request.from_.tag.at != NULL and not names_tag(tag, request.from_.tag))


cdef sip_text tag_parameter(SipMessage request) noexcept:
    """The From tag as `ftag` of our Record-Route value carries it: what would end the URI or mean something else in it is
    escaped. Tags may hold '%' (RFC 3261 §25.1), and some callers put '@' or even quotes into theirs. Empty: there is none."""
    cdef sip_text tag = request.from_.tag
    cdef uint32_t i
    for i in range(tag.length):
        if is_unsafe(tag, i):
            return escaped(request, tag)
    return tag


cdef bint is_unsafe(sip_text tag, uint32_t at) noexcept:
    cdef unsigned char octet = <unsigned char>tag.at[at]
    if octet == c'%':
        return not (tag.length - at > 2 and hex_digit(tag.at[at + 1]) >= 0 and hex_digit(tag.at[at + 2]) >= 0)
    return octet <= c' ' or octet == 127 or octet in (c'"', c'<', c'>', c'@', c'?', c';', c',')


cdef sip_text escaped(SipMessage request, sip_text tag) noexcept:
    cdef char *space = request.scratch_reserve(3 * tag.length)
    cdef const char *digits = b"0123456789ABCDEF"
    cdef uint32_t i
    cdef uint32_t length = 0
    if space == NULL:
        return no_text()
    for i in range(tag.length):
        if is_unsafe(tag, i):
            space[length] = c'%'
            space[length + 1] = digits[<unsigned char>tag.at[i] >> 4]
            space[length + 2] = digits[<unsigned char>tag.at[i] & 15]
            length += 3
        else:
            space[length] = tag.at[i]
            length += 1
    return text_of(space, length)


cdef bint names_tag(sip_text parameter, sip_text tag) noexcept:
    """Whether `ftag` is this tag, as it is or with tag_parameter()'s escapes."""
    cdef uint32_t i = 0
    cdef uint32_t j = 0
    cdef bint is_escape
    if sip_text_equal(parameter, tag):
        return True
    while i < parameter.length and j < tag.length:
        is_escape = (parameter.at[i] == c'%' and parameter.length - i > 2 and hex_digit(parameter.at[i + 1]) >= 0
                     and hex_digit(parameter.at[i + 2]) >= 0)
        if is_escape and is_unsafe(tag, j):
            if hex_digit(parameter.at[i + 1]) * 16 + hex_digit(parameter.at[i + 2]) != <unsigned char>tag.at[j]:
                return False
            i += 2
        elif parameter.at[i] != tag.at[j]:
            return False
        i += 1
        j += 1
    return i == parameter.length and j == tag.length


cdef int hex_digit(char c) noexcept:
    """Its value, -1 when it is none."""
    if c'0' <= c <= c'9':
        return c - c'0'
    c |= 32
    return c - c'a' + 10 if c'a' <= c <= c'f' else -1


cdef void remove_first_routes(SipMessage request, RouteSet *routes, int number) noexcept:
    cdef int i = 0
    cdef const sip_header *header
    cdef const char *start
    while i < number:
        header = routes.values[i].header
        start = routes.values[i].value.at
        while i < number and routes.values[i].header == header:
            i += 1
        if i < routes.count and routes.values[i].header == header:
            request.replace(text_of(start, <uint32_t>(routes.values[i].value.at - start)), literal(b""))
        else:
            request.replace(header.line, literal(b""))


cdef void remove_route(SipMessage request, RouteSet *routes, int which) noexcept:
    """Take off the last value, with the comma before it."""
    cdef const sip_header *header = routes.values[which].header
    cdef const char *start
    cdef sip_text value = routes.values[which].value
    if which > 0 and routes.values[which - 1].header == header:
        start = routes.values[which - 1].value.at + routes.values[which - 1].value.length
        request.replace(text_of(start, <uint32_t>(value.at + value.length - start)), literal(b""))
    else:
        request.replace(header.line, literal(b""))


cdef bint follow_route(SipMessage request, const RouteSet *routes, int taken) noexcept:
    """Set the next hop from what is left of the route set; a strict next hop gets the Request-URI swapped (engine RR5).

    Without a route value next_hop stays as it was.
    """
    cdef sip_uri uri
    cdef sip_text found, old_request_uri, line
    cdef text_writer out
    cdef char *space
    cdef uint32_t capacity
    if taken >= routes.count:
        return True
    if sip_uri_parse(routes.values[taken].uri, &uri) != 0:
        return False
    request.next_hop = routes.values[taken].uri
    if sip_parameter_find(uri.parameters, b"lr", &found):
        return True
    old_request_uri = request.request_uri
    capacity = old_request_uri.length + 16
    space = request.scratch_reserve(capacity)
    if space == NULL or not request.replace_request_uri(routes.values[taken].uri):
        return False
    text_writer_start(&out, space, capacity)
    text_put_string(&out, b"Route: <")
    text_put_text(&out, old_request_uri)
    text_put_string(&out, b">\r\n")
    line = text_of(space, text_writer_length(&out))
    # Taken values were removed from the front already, so removing one more from there is the same operation.
    remove_from(request, routes, taken)
    return edit_list_insert(&request.edits, request.index.headers_end, line) == 0


cdef void remove_from(SipMessage request, const RouteSet *routes, int which) noexcept:
    """Take off the topmost value that is left."""
    cdef const sip_header *header = routes.values[which].header
    cdef const char *start = routes.values[which].value.at
    cdef int first = which
    while first > 0 and routes.values[first - 1].header == header:
        first -= 1
    start = routes.values[first].value.at
    if which + 1 < routes.count and routes.values[which + 1].header == header:
        request.replace(text_of(start, <uint32_t>(routes.values[which + 1].value.at - start)), literal(b""))
    else:
        request.replace(header.line, literal(b""))
