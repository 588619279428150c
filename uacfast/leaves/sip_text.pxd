from libc.stdint cimport uint32_t, uint64_t


cdef extern from "sip_text.h" nogil:
    ctypedef struct sip_text:
        const char *at
        uint32_t length

    bint sip_text_equal(sip_text a, sip_text b)
    bint sip_text_equal_nocase(sip_text a, sip_text b)
    bint sip_text_is(sip_text a, const char *lower)
    bint sip_text_to_uint(sip_text a, uint64_t max, uint64_t *value)
