# cython: boundscheck=True, wraparound=True
"""{uri.…}, {nameaddr.…}, {tobody.…}: parts of URIs and of header values that hold one. What cannot be read is null."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport (
    SIP_SCHEME_OTHER, sip_parameter_find, sip_uri, sip_uri_parse,
)
from uacfast.sip.message cimport bytes_of, no_text, text_of


cdef sip_text view(bytes value) noexcept:
    return text_of(<const char *>value, <uint32_t>len(value))


cdef bint read_uri(bytes value, sip_uri *uri) noexcept:
    return len(value) != 0 and sip_uri_parse(view(value), uri) == 0 and uri.scheme != SIP_SCHEME_OTHER


def user(bytes value):
    cdef sip_uri uri
    return bytes_of(uri.user) if read_uri(value, &uri) else None


def host(bytes value):
    cdef sip_uri uri
    return bytes_of(uri.host) if read_uri(value, &uri) else None


def port(bytes value):
    cdef sip_uri uri
    return uri.port if read_uri(value, &uri) else None


def password(bytes value):
    cdef sip_uri uri
    return bytes_of(uri.password) if read_uri(value, &uri) else None


def parameters(bytes value):
    cdef sip_uri uri
    return bytes_of(uri.parameters) if read_uri(value, &uri) else None


def headers(bytes value):
    cdef sip_uri uri
    return bytes_of(uri.headers) if read_uri(value, &uri) else None


def scheme(bytes value):
    cdef sip_uri uri
    return value.partition(b":")[0] if read_uri(value, &uri) else None


def parameter(bytes value, bytes name):
    """A parameter's value; an empty text when it has none or is not there. Names have no case."""
    cdef sip_uri uri
    cdef sip_text found = no_text()
    cdef bytes lower = name.lower()
    if not read_uri(value, &uri):
        return None
    if uri.parameters.at != NULL and b"\0" not in lower:
        sip_parameter_find(uri.parameters, <const char *>lower, &found)
    return bytes_of(found)


def to_socket(bytes value):
    """transport:host:port; an empty text when the URI names no transport."""
    cdef sip_uri uri
    transport = parameter(value, b"transport")
    if not transport:
        return transport
    sip_uri_parse(view(value), &uri)
    port_of_transport = 5061 if transport.lower() == b"tls" else 5060
    return b"%b:%b:%d" % (transport.lower(), bytes_of(uri.host), uri.port or port_of_transport)


cdef object named_parameter(bytes name):
    return lambda value: parameter(value, name)


cdef bint split_name_addr(bytes value, Py_ssize_t *begin, Py_ssize_t *end):
    """Where "<" and ">" stand; False when there are none outside of quotes."""
    cdef Py_ssize_t at = 0
    cdef bint quoted = False
    begin[0] = -1
    while at < len(value):
        octet = value[at]
        if quoted and octet == c'\\':
            at += 1
        elif octet == c'"':
            quoted = not quoted
        elif not quoted and octet == c'<' and begin[0] < 0:
            begin[0] = at
        elif not quoted and octet == c'>' and begin[0] >= 0:
            end[0] = at
            return True
        at += 1
    return False


def name_addr_name(bytes value):
    """All before the bracket, quotes and white space included."""
    cdef Py_ssize_t begin, end
    if not value:
        return None
    return value[:begin] if split_name_addr(value, &begin, &end) else b""


def name_addr_uri(bytes value):
    cdef Py_ssize_t begin, end
    if not value:
        return None
    return value[begin + 1:end] if split_name_addr(value, &begin, &end) else value


def name_addr_length(bytes value):
    cdef Py_ssize_t begin, end
    if not value:
        return None
    return end + 1 if split_name_addr(value, &begin, &end) else len(value)


cdef bint read_address(bytes value, sip_address *address, sip_uri *uri) noexcept:
    return sip_address_parse(view(value), address) == 0 and sip_uri_parse(address.uri, uri) == 0


def address_uri(bytes value):
    cdef sip_address address
    cdef sip_uri uri
    return bytes_of(address.uri) if read_address(value, &address, &uri) else None


def address_display(bytes value):
    cdef sip_address address
    cdef sip_uri uri
    return bytes_of(address.display) if read_address(value, &address, &uri) else None


def address_user(bytes value):
    cdef sip_address address
    cdef sip_uri uri
    return bytes_of(uri.user) if read_address(value, &address, &uri) else None


def address_host(bytes value):
    cdef sip_address address
    cdef sip_uri uri
    return bytes_of(uri.host) if read_address(value, &address, &uri) else None


def address_tag(bytes value):
    cdef sip_address address
    cdef sip_uri uri
    return bytes_of(address.tag) if read_address(value, &address, &uri) else None


def address_parameters(bytes value):
    cdef sip_address address
    cdef sip_uri uri
    return bytes_of(address.parameters) if read_address(value, &address, &uri) else None


OPERATIONS = {
    "uri.user": ("", user), "uri.host": ("", host), "uri.port": ("", port), "uri.passwd": ("", password),
    "uri.params": ("", parameters), "uri.headers": ("", headers), "uri.scheme": ("", scheme),
    "uri.param": ("t", parameter), "uri.tosocket": ("", to_socket),
    "uri.transport": ("", named_parameter(b"transport")), "uri.maddr": ("", named_parameter(b"maddr")),
    "uri.method": ("", named_parameter(b"method")), "uri.ttl": ("", named_parameter(b"ttl")),
    "uri.uparam": ("", named_parameter(b"user")), "uri.lr": ("", named_parameter(b"lr")),
    "uri.r2": ("", named_parameter(b"r2")),
    "nameaddr.name": ("", name_addr_name), "nameaddr.uri": ("", name_addr_uri), "nameaddr.len": ("", name_addr_length),
    "tobody.uri": ("", address_uri), "tobody.display": ("", address_display), "tobody.user": ("", address_user),
    "tobody.host": ("", address_host), "tobody.tag": ("", address_tag), "tobody.params": ("", address_parameters),
}
