from uacfast.proxy.counters cimport Counters
from uacfast.sip.message cimport SipMessage
from uacfast.uac.replace cimport Replacer


cdef class Replacement:
    cdef bytes octets
    cdef list kept                   # texts that the edits refer to
    cdef Counters counters
    cdef Replacer replacer
    cdef SipMessage message
