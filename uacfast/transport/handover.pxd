from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.shm_ring cimport shm_ring, shm_ring_record
from uacfast.leaves.udp_batch cimport udp_address


cdef class Handover:
    cdef readonly int worker
    cdef readonly int workers
    cdef readonly int memory_fd
    cdef readonly tuple event_fds
    cdef int own_event_fd
    cdef int *events              # event_fds as C integers
    cdef char *pending            # per worker: pushed to since the last flush
    cdef void *memory
    cdef size_t memory_size
    cdef shm_ring *outgoing       # rings from this worker, by consumer
    cdef shm_ring *incoming       # rings to this worker, by producer
    cdef int next_producer
    cdef shm_ring_record record   # of the last pop
    cdef char *datagram           # of the last pop: UDP_DATAGRAM_MAX octets and some for wide reads
    cdef uint64_t pushed
    cdef uint64_t popped

    cdef bint push(self, int worker, const char *data, uint32_t length, const udp_address *source,
                   int socket_index) noexcept
    cdef void flush(self) noexcept
    cdef const char *pop(self, uint32_t *length, const udp_address **source, int *socket_index) noexcept
    cdef void wake_self(self) noexcept
