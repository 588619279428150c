from libc.stdint cimport uint64_t


cdef extern from "siphash.h" nogil:
    ctypedef struct siphash_key:
        uint64_t k0
        uint64_t k1

    ctypedef struct siphash_state:
        uint64_t v0
        uint64_t v1
        uint64_t v2
        uint64_t v3
        uint64_t tail
        uint64_t length

    uint64_t siphash(const siphash_key *key, const void *data, size_t length)
    void siphash_start(siphash_state *state, const siphash_key *key)
    void siphash_add(siphash_state *state, const void *data, size_t length)
    uint64_t siphash_end(siphash_state *state)
