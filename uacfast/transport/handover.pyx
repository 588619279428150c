"""Handing a datagram to the worker that owns its call.

A message belongs to the worker `hash(Call-ID) mod N`, but the kernel spreads datagrams over the workers' sockets by
address. So each worker has one shared-memory ring to each other worker (csrc/shm_ring.h), all in one memfd, and one
eventfd that wakes it. No locks: a ring has one writer and one reader.
"""
import fcntl
import os

import socket

from libc.stdint cimport uint16_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport read, write

from uacfast.leaves.shm_ring cimport SHM_RING_CAPACITY_MIN, shm_ring_attach, shm_ring_pop, shm_ring_push, shm_ring_size
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport UDP_DATAGRAM_MAX
from uacfast.leaves.address cimport address_from_text, address_host_text, address_port

BYTES_PER_RING = 1 << 20    # about 1,300 messages of 800 octets

cdef enum:
    READ_AHEAD = 64         # zero octets after a datagram, so that a wide read past its end is harmless


cdef class Handover:
    """One worker's ends of the rings; in the control process (worker = -1) only the owner of the descriptors."""

    def __cinit__(self, int memory_fd, tuple event_fds not None, int worker):
        self.memory_fd = -1
        self.own_event_fd = -1
        cdef int workers = len(event_fds), other
        if not -1 <= worker < workers:
            raise ValueError(f"worker must be -1 (the control process) or 0 to {workers - 1}, not {worker}")
        cdef size_t size = os.fstat(memory_fd).st_size
        cdef size_t ring_size = size // (workers * workers) if workers else 0
        cdef uint64_t capacity = ring_size - (shm_ring_size(SHM_RING_CAPACITY_MIN) - SHM_RING_CAPACITY_MIN)
        if workers == 0 or shm_ring_size(capacity) != ring_size or size != ring_size * workers * workers:
            raise ValueError(f"shared memory of {size} octets does not hold the rings of {workers} workers")
        self.events = <int *>calloc(workers, sizeof(int))
        self.pending = <char *>calloc(workers, 1)
        self.outgoing = <shm_ring *>calloc(workers, sizeof(shm_ring))
        self.incoming = <shm_ring *>calloc(workers, sizeof(shm_ring))
        self.datagram = <char *>calloc(UDP_DATAGRAM_MAX + READ_AHEAD, 1)
        if not self.events or not self.pending or not self.outgoing or not self.incoming or not self.datagram:
            raise MemoryError
        self.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0)
        if self.memory == MAP_FAILED:
            self.memory = NULL
            raise MemoryError(f"cannot map {size} octets of shared memory for {workers} workers")
        self.memory_size = size
        self.memory_fd = memory_fd
        self.event_fds = event_fds
        self.worker = worker
        self.workers = workers
        for other in range(workers):
            self.events[other] = event_fds[other]
            if worker >= 0:
                shm_ring_attach(&self.outgoing[other], <char *>self.memory + (worker * workers + other) * ring_size,
                                capacity)
                shm_ring_attach(&self.incoming[other], <char *>self.memory + (other * workers + worker) * ring_size,
                                capacity)
        if worker >= 0:
            self.own_event_fd = self.events[worker]

    def __dealloc__(self):
        if self.memory != NULL:
            munmap(self.memory, self.memory_size)
        free(self.events)
        free(self.pending)
        free(self.outgoing)
        free(self.incoming)
        free(self.datagram)

    # === Public API, called from Cython ===

    cdef bint push(self, int worker, const char *data, uint32_t length, const udp_address *source,
                   int socket_index) noexcept:
        """Puts a datagram into the ring to `worker`; False (counted as refused) when that ring is full."""
        cdef shm_ring_record record
        if worker < 0 or worker >= self.workers or worker == self.worker or self.worker < 0:
            return False
        record.length = length
        record.socket_index = socket_index
        record.source = source[0]
        self.pending[worker] = 1    # also where the ring is full: its owner has something to do
        if not shm_ring_push(&self.outgoing[worker], &record, data):
            return False
        self.pushed += 1
        return True

    cdef void flush(self) noexcept:
        """Wakes the workers that got something since the last flush: one system call each, however much they got."""
        cdef int worker
        cdef uint64_t one = 1
        for worker in range(self.workers):
            if self.pending[worker]:
                self.pending[worker] = 0
                # Fails only when the counter is about to overflow: then the worker has its wake-up already.
                write(self.events[worker], &one, sizeof(one))

    cdef const char *pop(self, uint32_t *length, const udp_address **source, int *socket_index) noexcept:
        """The next datagram of any ring, in turn; valid until the next pop. NULL when all are empty.

        The index is not negative, but may lie beyond the caller's sockets where a worker died writing: check it.
        """
        cdef int tried, producer = self.next_producer
        if self.worker < 0:
            return NULL
        for tried in range(self.workers):
            if producer != self.worker and shm_ring_pop(&self.incoming[producer], &self.record, self.datagram):
                self.popped += 1
                self.next_producer = producer + 1 if producer + 1 < self.workers else 0
                memset(self.datagram + self.record.length, 0, READ_AHEAD)
                length[0] = self.record.length
                source[0] = &self.record.source
                socket_index[0] = self.record.socket_index
                return self.datagram
            producer = producer + 1 if producer + 1 < self.workers else 0
        return NULL

    cdef void wake_self(self) noexcept:
        """Lets the own eventfd fire again: for a reader that stops before the rings are empty."""
        cdef uint64_t one = 1
        if self.own_event_fd >= 0:
            write(self.own_event_fd, &one, sizeof(one))

    # === Public API ===

    @staticmethod
    def create(int workers, uint64_t bytes_per_ring=BYTES_PER_RING):
        """Makes the memory and the eventfds; called by the control process, which keeps them over a worker's death.

        `bytes_per_ring` is a power of two of at least 131,072; pages that were never written take no memory.
        Raises ValueError for other sizes and OSError when the system has no memory or descriptors left.
        """
        cdef size_t ring_size = shm_ring_size(bytes_per_ring)
        if workers < 1 or ring_size == 0:
            raise ValueError(f"cannot make rings of {bytes_per_ring} octets for {workers} workers: "
                             "the size must be a power of two from 131072 to 1073741824")
        memory_fd = os.memfd_create("uacfast-handover", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        event_fds = []
        try:
            os.ftruncate(memory_fd, ring_size * workers * workers)
            # A worker that shrank the file would kill the others with SIGBUS.
            fcntl.fcntl(memory_fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            for _ in range(workers):
                event_fds.append(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            return Handover(memory_fd, tuple(event_fds), -1)
        except BaseException:
            for fd in [memory_fd, *event_fds]:
                os.close(fd)
            raise

    @staticmethod
    def attach(int memory_fd, event_fds, int worker):
        """One worker's ends, from descriptors that it inherited. What a former life left unread is still there.

        Wakes itself once, so that nothing waits for the next push. Raises ValueError when memory and descriptors do
        not belong together.
        """
        cdef Handover handover = Handover(memory_fd, tuple(event_fds), worker)
        handover.wake_self()
        return handover

    @property
    def fds(self):
        """Every descriptor a worker must inherit: the memory and all eventfds."""
        return (self.memory_fd, *self.event_fds)

    def fileno(self):
        """The own eventfd, for loop.add_reader."""
        return self.own_event_fd

    def acknowledge(self):
        """Takes the wake-up off the own eventfd. Call it before popping: a push after it wakes anew."""
        cdef uint64_t count
        if self.own_event_fd >= 0:
            read(self.own_event_fd, &count, sizeof(count))

    def statistics(self):
        """Counters since this worker was started: datagrams pushed, popped, refused (ring full), damaged (skips)."""
        cdef uint64_t refused = 0, damaged = 0
        cdef int other
        for other in range(self.workers):
            refused += self.outgoing[other].refused
            damaged += self.incoming[other].damaged
        return {"handover_pushed": self.pushed, "handover_popped": self.popped, "handover_refused": refused,
                "handover_damaged": damaged}

    def close(self):
        """Closes the descriptors; the mapping goes with the object. Twice is once."""
        fds, self.event_fds = self.fds, ()
        self.memory_fd = self.own_event_fd = -1
        self.workers = 0
        for fd in fds:
            if fd >= 0:
                os.close(fd)

    def push_datagram(self, int worker, bytes data not None, tuple source not None, int socket_index):
        """push() for Python callers: source is (address, port), the address a literal. ValueError for a name."""
        cdef udp_address address
        cdef bytes host = source[0].encode()
        if not address_from_text(sip_text(<const char *>host, len(host)), source[1], &address):
            raise ValueError(f"{source[0]!r} is no IP address; write it as 192.0.2.1 or 2001:db8::1")
        return self.push(worker, data, len(data), &address, socket_index)

    def pop_datagram(self):
        """pop() for Python callers: (data, (address, port), socket_index), or None when all rings are empty."""
        cdef uint32_t length
        cdef const udp_address *source
        cdef int socket_index
        cdef char text[64]
        cdef const char *data = self.pop(&length, &source, &socket_index)
        if data == NULL:
            return None
        host = text[:address_host_text(source, text)].decode("ascii")
        return data[:length], (host, address_port(source)), socket_index

    def flush_wakeups(self):
        """flush() for Python callers."""
        self.flush()
