from libc.stdint cimport int32_t, uint32_t, uint64_t

from uacfast.leaves.udp_batch cimport udp_address


cdef extern from "shm_ring.h" nogil:
    ctypedef struct shm_ring:
        uint64_t refused
        uint64_t damaged

    ctypedef struct shm_ring_record:
        uint32_t length
        int32_t socket_index
        udp_address source

    enum:
        SHM_RING_CAPACITY_MIN

    size_t shm_ring_size(uint64_t capacity)
    void shm_ring_attach(shm_ring *ring, void *memory, uint64_t capacity)
    bint shm_ring_push(shm_ring *ring, const shm_ring_record *record, const char *data)
    bint shm_ring_pop(shm_ring *ring, shm_ring_record *record, char *data)
