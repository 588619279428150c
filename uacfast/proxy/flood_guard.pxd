"""How many requests a source sends in a time unit, and whether that is too many (Kamailio: pike)."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.udp_batch cimport udp_address

cdef enum FloodResult:           # what pike_check_req() returns
    FLOOD_OK = 1
    FLOOD_BLOCKED = -1           # was blocked before
    FLOOD_NEWLY_BLOCKED = -2


cdef struct SourceCount:
    uint64_t key                 # keyed hash of the prefix, 0: free
    uint64_t last_seen           # ms
    uint64_t unit_began          # ms; time units are each source's own
    uint32_t hits, hits_before   # in this unit and the one before it
    uint8_t blocked, newcomer


cdef class FloodGuard:
    cdef readonly uint32_t density       # requests per time unit
    cdef readonly uint32_t unit          # ms
    cdef readonly uint32_t remove_latency    # ms
    cdef readonly int ipv4_prefix, ipv6_prefix
    cdef readonly uint32_t capacity
    cdef readonly uint64_t blocked_total, evicted
    cdef siphash_key key
    cdef SourceCount *counts
    cdef uint32_t set_count

    cdef FloodResult check(self, const udp_address *source, uint64_t now) noexcept
    cdef SourceCount *count_of(self, const udp_address *source, uint64_t now) noexcept
