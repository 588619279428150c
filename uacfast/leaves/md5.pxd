from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "md5.h" nogil:
    ctypedef struct md5_state:
        uint32_t[4] state
        uint64_t length
        uint8_t[64] block

    void md5_start(md5_state *md5)
    void md5_add(md5_state *md5, const void *data, size_t length)
    void md5_end(md5_state *md5, uint8_t *digest)
    void md5_hex(const uint8_t *digest, char *hex)
