"""Switches and limits of the proxy core."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport sip_limits

cdef enum StrayReplies:
    STRAY_DROP
    STRAY_RECORD_ROUTE       # forward what carries a Record-Route of ours
    STRAY_FORWARD


cdef class ProxySettings:
    cdef sip_limits limits
    cdef public int vias, routes, uri
    cdef public int max_forwards
    cdef public bint accept_bare_lf
    cdef public bint append_fromtag, enable_double_rr, enable_full_lr
    cdef public bint auto_inv_100
    cdef public bytes auto_inv_100_reason
    cdef public int stray_replies
    cdef public uint64_t max_transactions
