"""The parts of a URI, read and replaced."""
from uacfast.leaves.sip_text cimport sip_text

cdef enum UriPart:
    URI_WHOLE
    URI_USER
    URI_HOST
    URI_PORT
    URI_TRANSPORT
    URI_SCHEME


cdef object uri_part(sip_text uri, UriPart part, bint octets)
cdef bytes with_uri_part(sip_text uri, UriPart part, object value)
cdef bint is_uri(bytes text) noexcept
