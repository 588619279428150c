"""The Record-Route parameter that carries the difference of two URIs (Kamailio's vsf and vst)."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport UINT32_MAX, uint32_t
from uacfast.leaves.rr_param cimport RR_PARAM_URI_MAX, RR_PARAM_VALUE_MAX, rr_param_decode, rr_param_encode
from uacfast.leaves.sip_text cimport sip_text

# Octets of the longer of the two URIs.
URI_MAX = RR_PARAM_URI_MAX


cdef sip_text text_of(bytes data) except *:
    cdef sip_text text
    if PyBytes_GET_SIZE(data) > <Py_ssize_t>UINT32_MAX:
        raise ValueError("A text of more than 4 GiB cannot be a URI, a parameter or a password; pass a shorter one.")
    text.at = PyBytes_AS_STRING(data)
    text.length = <uint32_t>PyBytes_GET_SIZE(data)
    return text


def encode(bytes original not None, bytes replacement not None, bytes password not None=b""):
    """The parameter value from which either URI can be computed when the other one is known.

    Octets in, octets out: URI text without angle brackets; an empty password means none. ValueError when the longer
    URI has more than URI_MAX octets. The same as Kamailio's uac_replace_from() and uac_replace_to() put into
    Record-Route, with the password of its restore_passwd.
    """
    cdef char[RR_PARAM_VALUE_MAX] value
    cdef int length = rr_param_encode(text_of(original), text_of(replacement), text_of(password),
                                      value, RR_PARAM_VALUE_MAX)
    if length < 0:
        raise ValueError(f"A URI of {max(len(original), len(replacement))} octets does not fit into a Record-Route "
                         f"parameter; shorten it to {URI_MAX} at most.")
    return PyBytes_FromStringAndSize(value, length)


def decode(bytes value not None, bytes current not None, bytes password not None=b""):
    """The other URI of a value made by encode(), computed from the one that the header has now; None: not restored.

    None stands for a value outside the alphabet, shorter than `current`, or one that gives nothing printable. What
    comes back is printable ASCII and not yet known to be a URI: that is the caller's check. Kamailio's restoration
    inside loose_route().
    """
    cdef char[RR_PARAM_URI_MAX] uri
    cdef int length = rr_param_decode(text_of(value), text_of(current), text_of(password), uri, RR_PARAM_URI_MAX)
    if length < 0:
        return None
    return PyBytes_FromStringAndSize(uri, length)
