"""How many requests a source sends in a time unit, and whether that is too many (Kamailio: pike).

A fixed table: who comes when its set is full takes the place of who was silent longest, so strangers cannot make it
grow.
Sources are told apart by a keyed hash of their network prefix, so they cannot aim at each other's places either.
"""
import os

from libc.stdint cimport uint16_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from uacfast.leaves.siphash cimport siphash
from uacfast.leaves.udp_batch cimport AF_INET
from uacfast.proxy.source_list cimport parsed

cdef enum:
    SET_SIZE = 8                 # entries that one source may lie in


cdef class FloodGuard:
    """`density` requests per `unit` (ms) are let through from each source; a source that stays below that in one whole
    unit
    is free again, one that is silent for `remove_latency` (ms) is forgotten. `capacity`: sources that are known at a
    time.
    """

    def __cinit__(self, *, uint32_t density, uint32_t unit, uint32_t remove_latency=120_000, int ipv4_prefix=32,
                  int ipv6_prefix=64, uint32_t capacity=65536, bytes key=None):
        cdef uint32_t sets = 1
        if density == 0 or unit == 0 or not 1 <= ipv4_prefix <= 32 or not 1 <= ipv6_prefix <= 128:
            raise ValueError("A flood guard needs a density and a time unit above 0, and prefixes of 1 to 32 and 1 to "
                             "128.")
        while sets * SET_SIZE < capacity:
            sets *= 2
        self.set_count = sets
        self.capacity = sets * SET_SIZE
        self.counts = <SourceCount *>calloc(self.capacity, sizeof(SourceCount))
        if self.counts == NULL:
            raise MemoryError()
        self.density = density
        self.unit = unit
        self.remove_latency = max(remove_latency, 2 * unit)
        self.ipv4_prefix = ipv4_prefix
        self.ipv6_prefix = ipv6_prefix
        key = os.urandom(16) if key is None else key
        memcpy(&self.key, <const char *>key, 16)

    def __dealloc__(self):
        free(self.counts)

    cdef SourceCount *count_of(self, const udp_address *source, uint64_t now) noexcept:
        """The source's entry, a fresh one when it has none."""
        cdef uint8_t[18] prefix
        cdef int bits, i
        cdef uint64_t key
        cdef SourceCount *entries
        cdef SourceCount *oldest
        memset(prefix, 0, sizeof(prefix))
        if source.any.sa_family == AF_INET:
            memcpy(prefix, &source.v4.sin_addr, 4)
            bits = self.ipv4_prefix
            prefix[16] = 4
        else:
            memcpy(prefix, &source.v6.sin6_addr, 16)
            bits = self.ipv6_prefix
            prefix[16] = 6
        i = bits // 8
        if bits % 8:
            prefix[i] &= <uint8_t>(0xff00 >> (bits % 8))
            i += 1
        if i < 16:
            memset(&prefix[i], 0, 16 - i)
        key = siphash(&self.key, prefix, 17)
        if key == 0:
            key = 1
        entries = self.counts + (key & (self.set_count - 1)) * SET_SIZE
        oldest = entries
        for i in range(SET_SIZE):
            if entries[i].key == key:
                if now - entries[i].last_seen < self.remove_latency:
                    return &entries[i]
                oldest = &entries[i]
                break
            if entries[i].key == 0 or entries[i].last_seen < oldest.last_seen and oldest.key != 0:
                oldest = &entries[i]
        if oldest.key != 0 and oldest.key != key and now - oldest.last_seen < self.remove_latency:
            self.evicted += 1
        memset(oldest, 0, sizeof(SourceCount))
        oldest.key = key
        oldest.unit_began = now
        oldest.newcomer = True
        return oldest

    cdef FloodResult check(self, const udp_address *source, uint64_t now) noexcept:
        """Count one request of this source at `now` (ms)."""
        cdef SourceCount *count = self.count_of(source, now)
        cdef uint64_t units = (now - count.unit_began) // self.unit
        if units:
            count.hits_before = count.hits if units == 1 else 0
            count.hits = 0
            count.unit_began += units * self.unit
            count.newcomer = False
        count.last_seen = now
        if count.hits < 0xffffffff:
            count.hits += 1
        # Kamailio learns an address octet by octet, so a new one gets this many more through at first.
        if (count.hits <= self.density + (self.density // 4 + 1 if count.newcomer else 0)
                and count.hits_before <= self.density):
            count.blocked = False
            return FLOOD_OK
        if count.blocked:
            return FLOOD_BLOCKED
        count.blocked = True
        self.blocked_total += 1
        return FLOOD_NEWLY_BLOCKED

    def check_text(self, str host not None, uint64_t now):
        """check() for a numeric address; 1 for what is no address."""
        cdef udp_address address
        return self.check(&address, now) if parsed(host, 0, &address) else 1

    @property
    def known(self):
        """Sources in the table."""
        cdef uint32_t i
        cdef uint32_t count = 0
        for i in range(self.capacity):
            count += self.counts[i].key != 0
        return count
