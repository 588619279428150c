from libc.stdint cimport uint8_t, uint16_t
from uacfast.leaves.sip_text cimport sip_text


cdef extern from "sip_uri.h" nogil:
    ctypedef enum sip_scheme:
        SIP_SCHEME_OTHER
        SIP_SCHEME_SIP
        SIP_SCHEME_SIPS
        SIP_SCHEME_TEL

    ctypedef struct sip_uri:
        sip_text text
        uint8_t scheme
        uint8_t host_is_ipv6
        uint16_t port
        sip_text user
        sip_text password
        sip_text host
        sip_text parameters
        sip_text headers

    int sip_uri_parse(sip_text text, sip_uri *uri)
    bint sip_parameter_find(sip_text parameters, const char *lower_name, sip_text *value)
    bint sip_parameter_find_exact(sip_text parameters, sip_text name, sip_text *value)
    bint sip_uri_equal(const sip_uri *a, const sip_uri *b)
