from libc.stdint cimport uint32_t, uint64_t
from uacfast.leaves.sip_text cimport sip_text


cdef extern from "text_writer.h" nogil:
    ctypedef struct text_writer:
        char *start
        char *at
        char *end
        bint overflow

    void text_writer_start(text_writer *writer, char *buffer, size_t capacity)
    uint32_t text_writer_length(const text_writer *writer)
    void text_put(text_writer *writer, const char *at, size_t length)
    void text_put_text(text_writer *writer, sip_text text)
    void text_put_string(text_writer *writer, const char *string)
    void text_put_uint(text_writer *writer, uint64_t value)
    void text_put_hex(text_writer *writer, uint64_t value, int width)
