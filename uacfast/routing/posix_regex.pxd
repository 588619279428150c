"""Extended regular expressions of POSIX, by the C library: what Kamailio's functions take."""
from uacfast.leaves.sip_text cimport sip_text

cdef extern from "<regex.h>" nogil:
    ctypedef struct regex_t:
        size_t re_nsub

    ctypedef struct regmatch_t:
        int rm_so
        int rm_eo

cdef enum:
    REGEX_GROUPS = 10            # the whole match and nine groups


cdef class PosixRegex:
    cdef regex_t compiled
    cdef bint is_compiled
    cdef readonly str source

    cdef bint search(self, sip_text text, size_t start, regmatch_t *groups) noexcept
    cdef bint matches(self, sip_text text) noexcept
