"""Python faces of the C leaves, for tests and benchmarks only."""
import os
import socket

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from uacfast.leaves.hash_table cimport hash_table_find, hash_table_free, hash_table_init, hash_table_insert, \
    hash_table_remove
from uacfast.leaves.md5 cimport md5_add, md5_end, md5_hex, md5_start, md5_state
from uacfast.leaves.sha256 cimport sha256_add, sha256_end, sha256_start, sha256_state
from uacfast.leaves.sha512_256 cimport sha512_256_add, sha512_256_end, sha512_256_start, sha512_256_state
from uacfast.leaves.siphash cimport siphash as c_siphash
from uacfast.leaves.siphash cimport siphash_add, siphash_end, siphash_key, siphash_start, siphash_state
from uacfast.leaves.slab cimport slab_alloc, slab_free, slab_free_all, slab_held, slab_in_use, slab_new
from uacfast.leaves.timer_wheel cimport timer_entry, timer_is_running, timer_wheel_advance, timer_wheel_init, \
    timer_wheel_next, timer_wheel_pop, timer_wheel_start, timer_wheel_stop
from uacfast.leaves.udp_batch cimport AF_INET, AF_INET6, UDP_BATCH, UDP_DATAGRAM_MAX, udp_address, udp_read_error, \
    udp_receive, udp_receive_ring_free, udp_receive_ring_new, udp_received, udp_send_commit, udp_send_flush, \
    udp_send_pending, udp_send_reserve, udp_send_ring_free, udp_send_ring_new


# === Hashes ===

cdef siphash_key key_of(bytes key) except *:
    cdef siphash_key words
    if len(key) != 16:
        raise ValueError(f"A SipHash key has 16 octets, not {len(key)}.")
    words.k0 = int.from_bytes(key[:8], "little")
    words.k1 = int.from_bytes(key[8:], "little")
    return words


def siphash(bytes key not None, bytes data not None):
    """SipHash-2-4 of `data` in one piece; the key has 16 octets."""
    cdef siphash_key words = key_of(key)
    return c_siphash(&words, PyBytes_AS_STRING(data), <size_t>PyBytes_GET_SIZE(data))


def siphash_pieces(bytes key not None, pieces):
    """SipHash-2-4 of the pieces one after the other."""
    cdef siphash_key words = key_of(key)
    cdef siphash_state state
    cdef bytes piece
    siphash_start(&state, &words)
    for piece in pieces:
        siphash_add(&state, PyBytes_AS_STRING(piece), <size_t>PyBytes_GET_SIZE(piece))
    return siphash_end(&state)


def md5_pieces(pieces):
    """MD5 of the pieces one after the other, in hexadecimal."""
    cdef md5_state md5
    cdef uint8_t[16] digest
    cdef char[32] hex
    cdef bytes piece
    md5_start(&md5)
    for piece in pieces:
        md5_add(&md5, PyBytes_AS_STRING(piece), <size_t>PyBytes_GET_SIZE(piece))
    md5_end(&md5, digest)
    md5_hex(digest, hex)
    return PyBytes_FromStringAndSize(hex, 32)


def sha256_pieces(pieces):
    """SHA-256 of the pieces one after the other, as octets."""
    cdef sha256_state sha
    cdef uint8_t[32] digest
    cdef bytes piece
    sha256_start(&sha)
    for piece in pieces:
        sha256_add(&sha, PyBytes_AS_STRING(piece), <size_t>PyBytes_GET_SIZE(piece))
    sha256_end(&sha, digest)
    return PyBytes_FromStringAndSize(<char *>digest, 32)


def sha512_256_pieces(pieces):
    """SHA-512/256 of the pieces one after the other, as octets."""
    cdef sha512_256_state sha
    cdef uint8_t[32] digest
    cdef bytes piece
    sha512_256_start(&sha)
    for piece in pieces:
        sha512_256_add(&sha, PyBytes_AS_STRING(piece), <size_t>PyBytes_GET_SIZE(piece))
    sha512_256_end(&sha, digest)
    return PyBytes_FromStringAndSize(<char *>digest, 32)


# === Hash table ===

cdef class HashTable:
    """Values are integers from 1 up, standing for pointers."""

    def __cinit__(self, size_t expected=0):
        if hash_table_init(&self.table, expected) != 0:
            raise MemoryError

    def __dealloc__(self):
        hash_table_free(&self.table)

    def __len__(self):
        return <Py_ssize_t>self.table.count

    @property
    def capacity(self):
        """Slots of the array in use."""
        return self.table.capacity

    def insert(self, uint64_t hash, uintptr_t value):
        if value == 0:
            raise ValueError("Value 0 stands for NULL and cannot be inserted; use 1 and up.")
        if hash_table_insert(&self.table, hash, <void *>value) != 0:
            raise MemoryError

    def insert_range(self, uint64_t first, uint64_t count, uint64_t multiplier):
        """Inserts value i + 1 under i * multiplier (64 bits, wrapping) for `count` values of i; for benchmarks."""
        cdef uint64_t i
        for i in range(first, first + count):
            if hash_table_insert(&self.table, i * multiplier, <void *><uintptr_t>(i + 1)) != 0:
                raise MemoryError

    def find(self, uint64_t hash):
        """All values with this hash."""
        cdef size_t cursor = 0
        cdef void *value = hash_table_find(&self.table, hash, &cursor)
        found = []
        while value:
            found.append(<uintptr_t>value)
            value = hash_table_find(&self.table, hash, &cursor)
        return found

    def find_range(self, uint64_t first, uint64_t count, uint64_t multiplier, uint64_t step, uint64_t modulus):
        """Looks up i * multiplier for i = first, first + step ... modulo `modulus`; how many were there."""
        cdef uint64_t n, i = first, found = 0
        cdef size_t cursor
        for n in range(count):
            cursor = 0
            found += hash_table_find(&self.table, i * multiplier, &cursor) == <void *><uintptr_t>(i + 1)
            i = (i + step) % modulus
        return found

    def remove(self, uint64_t hash, uintptr_t value):
        """True when the entry was there."""
        return bool(hash_table_remove(&self.table, hash, <void *>value))


# === Timer wheel ===

cdef class TimerWheel:
    """`capacity` timers, named by their index."""

    def __cinit__(self, Py_ssize_t capacity, uint64_t now=0, uint32_t resolution=1):
        self.timers = <timer_entry *>calloc(capacity, sizeof(timer_entry))
        if not self.timers:
            raise MemoryError
        self.capacity = capacity
        timer_wheel_init(&self.wheel, now, resolution)

    def __dealloc__(self):
        free(self.timers)

    cdef timer_entry *_timer(self, Py_ssize_t index) except NULL:
        if not 0 <= index < self.capacity:
            raise IndexError(f"There are timers 0 to {self.capacity - 1}, no {index}.")
        return &self.timers[index]

    @property
    def now(self):
        return self.wheel.now

    @property
    def running(self):
        return self.wheel.running

    def is_running(self, Py_ssize_t index):
        return bool(timer_is_running(self._timer(index)))

    def start(self, Py_ssize_t index, uint64_t due):
        timer_wheel_start(&self.wheel, self._timer(index), due)

    def stop(self, Py_ssize_t index):
        timer_wheel_stop(&self.wheel, self._timer(index))

    def start_and_stop(self, uint64_t rounds, uint64_t span):
        """Starts and stops every timer in turn, due up to `span` ms ahead; for benchmarks."""
        cdef uint64_t i
        for i in range(rounds):
            timer_wheel_start(&self.wheel, &self.timers[i % self.capacity], self.wheel.now + i * 7919 % span)
            timer_wheel_stop(&self.wheel, &self.timers[(i * 31 + 17) % self.capacity])

    def advance(self, uint64_t now):
        timer_wheel_advance(&self.wheel, now)

    def pop(self):
        """The index of the next expired timer, or None."""
        cdef timer_entry *timer = timer_wheel_pop(&self.wheel)
        return None if timer == NULL else timer - self.timers

    def next(self, uint64_t limit):
        """ms until the next advance is needed."""
        return timer_wheel_next(&self.wheel, limit)


# === Slab ===

cdef class Slab:
    """Blocks are named by their addresses; the caller keeps to blocks it was given and has not freed."""

    def __cinit__(self):
        self.pool = slab_new()
        if not self.pool:
            raise MemoryError

    def __dealloc__(self):
        slab_free_all(self.pool)

    @property
    def in_use(self):
        return slab_in_use(self.pool)

    @property
    def held(self):
        return slab_held(self.pool)

    def alloc(self, size_t size):
        cdef void *block = slab_alloc(self.pool, size)
        if not block:
            raise MemoryError
        return <uintptr_t>block

    def free(self, uintptr_t block, size_t size):
        slab_free(self.pool, <void *>block, size)

    def fill(self, uintptr_t block, size_t size, uint8_t octet):
        memset(<void *>block, octet, size)

    def is_filled(self, uintptr_t block, size_t size, uint8_t octet):
        cdef size_t i
        for i in range(size):
            if (<uint8_t *>block)[i] != octet:
                return False
        return True

    def alloc_and_free(self, uint64_t rounds, size_t size):
        """Keeps 64 blocks and replaces them in turn; for benchmarks."""
        cdef (void *)[64] blocks
        cdef uint64_t i
        memset(blocks, 0, sizeof(blocks))
        for i in range(rounds):
            slab_free(self.pool, blocks[i & 63], size)
            blocks[i & 63] = slab_alloc(self.pool, size)
        for i in range(64):
            slab_free(self.pool, blocks[i], size)


# === UDP batches ===

BATCH = UDP_BATCH
DATAGRAM_MAX = UDP_DATAGRAM_MAX


cdef udp_address address_of(destination) except *:
    """(host, port) as a socket address; the host is an IPv4 or IPv6 address."""
    cdef udp_address address
    cdef bytes octets
    memset(&address, 0, sizeof(address))
    if ":" in destination[0]:
        octets = socket.inet_pton(socket.AF_INET6, destination[0])
        address.v6.sin6_family = AF_INET6
        address.v6.sin6_port = socket.htons(destination[1])
        memcpy(&address.v6.sin6_addr, PyBytes_AS_STRING(octets), 16)
    else:
        octets = socket.inet_pton(socket.AF_INET, destination[0])
        address.v4.sin_family = AF_INET
        address.v4.sin_port = socket.htons(destination[1])
        memcpy(&address.v4.sin_addr, PyBytes_AS_STRING(octets), 4)
    return address


cdef tuple_of(const udp_address *address):
    if address.any.sa_family == AF_INET6:
        return (socket.inet_ntop(socket.AF_INET6, PyBytes_FromStringAndSize(<char *>&address.v6.sin6_addr, 16)),
                socket.ntohs(address.v6.sin6_port))
    if address.any.sa_family == AF_INET:
        return (socket.inet_ntop(socket.AF_INET, PyBytes_FromStringAndSize(<char *>&address.v4.sin_addr, 4)),
                socket.ntohs(address.v4.sin_port))
    return None


cdef class UdpReceiver:
    def __cinit__(self):
        self.ring = udp_receive_ring_new()
        if not self.ring:
            raise MemoryError

    def __dealloc__(self):
        udp_receive_ring_free(self.ring)

    def receive(self, int fd):
        """One batch as [(data, source, truncated)]; OSError when the socket does not work."""
        cdef int count = udp_receive(self.ring, fd)
        cdef uint32_t length
        cdef const udp_address *source
        cdef int truncated
        cdef char *data
        if count < 0:
            raise OSError(-count, os.strerror(-count))
        batch = []
        for index in range(count):
            data = udp_received(self.ring, index, &length, &source, &truncated)
            batch.append((PyBytes_FromStringAndSize(data, length), tuple_of(source), bool(truncated)))
        return batch

    def holds(self, int index):
        """Whether the last batch has a datagram with this index."""
        cdef uint32_t length
        cdef const udp_address *source
        cdef int truncated
        return udp_received(self.ring, index, &length, &source, &truncated) != NULL


cdef void note_failure(void *context, uint64_t token, int error) noexcept:
    (<list>context).append((token, error))


cdef class UdpSender:
    def __cinit__(self):
        self.ring = udp_send_ring_new()
        if not self.ring:
            raise MemoryError

    def __dealloc__(self):
        udp_send_ring_free(self.ring)

    @property
    def pending(self):
        return udp_send_pending(self.ring)

    def queue(self, int fd, bytes data not None, destination, uint64_t token=0, reserve=None):
        """False when the ring is full. `reserve`: octets asked for, when not those of `data`."""
        cdef udp_address address = address_of(destination)
        cdef char *room = udp_send_reserve(self.ring, len(data) if reserve is None else reserve)
        if not room:
            return False
        memcpy(room, PyBytes_AS_STRING(data), <size_t>PyBytes_GET_SIZE(data))
        udp_send_commit(self.ring, <uint32_t>PyBytes_GET_SIZE(data), fd, &address, token)
        return True

    def flush(self):
        """(datagrams sent, [(token, errno)])"""
        failures = []
        sent = udp_send_flush(self.ring, note_failure, <void *>failures)
        return sent, failures


def read_error(int fd):
    """(destination, errno, what the ICMP message quotes of the datagram) of the next error on the socket, or None."""
    cdef udp_address destination
    cdef int error
    cdef char sent[1024]
    cdef uint32_t length = sizeof(sent)
    if not udp_read_error(fd, &destination, &error, sent, &length):
        return None
    return tuple_of(&destination), error, sent[:length]
