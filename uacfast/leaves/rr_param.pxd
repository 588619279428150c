from uacfast.leaves.sip_text cimport sip_text


cdef extern from "rr_param.h" nogil:
    enum:
        RR_PARAM_URI_MAX
        RR_PARAM_VALUE_MAX

    int rr_param_encode(sip_text original, sip_text replacement, sip_text password, char *out, size_t capacity)
    int rr_param_decode(sip_text value, sip_text current, sip_text password, char *out, size_t capacity)
