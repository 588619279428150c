from libc.stdint cimport uint8_t, uint64_t


cdef extern from "sha512_256.h" nogil:
    ctypedef struct sha512_256_state:
        uint64_t[8] state
        uint64_t length
        uint8_t[128] block

    void sha512_256_start(sha512_256_state *sha)
    void sha512_256_add(sha512_256_state *sha, const void *data, size_t length)
    void sha512_256_end(sha512_256_state *sha, uint8_t *digest)
