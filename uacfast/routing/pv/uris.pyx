"""The parts of a URI, read and replaced: what $ru, $fu, $tu and their kin have in common."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_uri cimport (
    SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL, sip_parameter_find, sip_uri, sip_uri_parse,
)
from uacfast.routing.pv.variable cimport encoded, str_value, text_value
from uacfast.sip.message cimport literal, no_text, text_of


cdef object uri_part(sip_text text, UriPart part, bint octets):
    """One part; None when the URI has no such part or is none."""
    cdef sip_uri uri
    cdef sip_text value
    if part == URI_WHOLE:
        return text_value(text, octets)
    if text.at == NULL or sip_uri_parse(text, &uri) != 0:
        return None
    if part == URI_USER:
        return text_value(uri.user, octets)
    if part == URI_HOST:
        return text_value(uri.host, octets)
    if part == URI_PORT:
        return str_value(str(uri.port), octets) if uri.port else None
    if part == URI_SCHEME:
        return text_value(scheme_of(text), octets)
    if uri.parameters.at != NULL and sip_parameter_find(uri.parameters, b"transport", &value) and value.length:
        return text_value(value, octets)
    return text_value(literal(b"tls" if uri.scheme == SIP_SCHEME_SIPS else b"udp"), octets)


cdef sip_text scheme_of(sip_text text) noexcept:
    cdef uint32_t i
    for i in range(text.length):
        if text.at[i] == c':':
            return text_of(text.at, i)
    return no_text()


cdef bytes with_uri_part(sip_text text, UriPart part, object value):
    """The URI with one part replaced, or with None removed; None when that makes no URI."""
    cdef sip_uri uri
    cdef bytes octets = b"" if value is None else encoded(value)
    cdef bytes new
    cdef Py_ssize_t host_end
    if part == URI_WHOLE:
        return octets if is_uri(octets) else None
    if text.at == NULL or sip_uri_parse(text, &uri) != 0:
        return None
    whole = text.at[:text.length]
    if uri.scheme == SIP_SCHEME_TEL:
        if part != URI_USER or not octets:
            return None
        new = whole[:uri.user.at - text.at] + octets + whole[uri.user.at + uri.user.length - text.at:]
        return new if is_uri(new) else None
    if uri.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS):
        return None
    host_end = uri.host.at + uri.host.length - text.at
    if part == URI_USER:
        new = scheme_of(text).at[:scheme_of(text).length] + b":"
        if value is not None:
            new += octets
            if uri.password.at != NULL:
                new += b":" + uri.password.at[:uri.password.length]
            new += b"@"
        new += whole[uri.host.at - text.at:]
    elif part == URI_HOST:
        if value is None:
            return None
        new = whole[:uri.host.at - text.at] + octets + whole[host_end:]
    elif part == URI_PORT:
        new = whole[:host_end]
        if value is not None:
            if not octets.isdigit() or not 0 < int(octets) <= 65535:
                return None
            new += b":" + octets
        while host_end < len(whole) and whole[host_end] in b":0123456789":
            host_end += 1
        new += whole[host_end:]
    else:
        return None
    return new if is_uri(new) and is_kept(new, part, octets) else None


cdef bint is_kept(bytes new, UriPart part, bytes octets):
    """Whether the part reads back as it was given: a user `a@b` or a host `h;x` would move the bounds."""
    cdef sip_uri uri
    if sip_uri_parse(text_of(<const char *>new, <uint32_t>len(new)), &uri) != 0:
        return False
    if part == URI_USER and uri.user.at != NULL:
        return b"@" not in octets and uri.user.at[:uri.user.length] == octets
    if part == URI_HOST:
        return uri.host.at[:uri.host.length] == octets
    return True


cdef bint is_uri(bytes text) noexcept:
    """Whether it is a URI that can stand in a start line or between angle brackets."""
    cdef sip_uri uri
    cdef const char *at = text
    cdef uint32_t i
    for i in range(<uint32_t>len(text)):
        if <unsigned char>at[i] <= 32 or at[i] in (c'<', c'>', c'"', 127):
            return False
    return sip_uri_parse(text_of(at, <uint32_t>len(text)), &uri) == 0
