from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "sha256.h" nogil:
    ctypedef struct sha256_state:
        uint32_t[8] state
        uint64_t length
        uint8_t[64] block

    void sha256_start(sha256_state *sha)
    void sha256_add(sha256_state *sha, const void *data, size_t length)
    void sha256_end(sha256_state *sha, uint8_t *digest)
