/* Appends text to a bounded buffer. After an overflow nothing more is written and `overflow` stays set. */
#ifndef UACFAST_TEXT_WRITER_H
#define UACFAST_TEXT_WRITER_H
#include "sip_text.h"

typedef struct {
    char *start, *at, *end;
    int overflow;
} text_writer;

static inline void text_writer_start(text_writer *writer, char *buffer, size_t capacity)
{
    writer->start = writer->at = buffer;
    writer->end = buffer + capacity;
    writer->overflow = 0;
}

static inline uint32_t text_writer_length(const text_writer *writer)
{
    return (uint32_t)(writer->at - writer->start);
}

static inline void text_put(text_writer *writer, const char *at, size_t length)
{
    if ((size_t)(writer->end - writer->at) < length) {
        writer->overflow = 1;
        return;
    }
    if (length) {
        memcpy(writer->at, at, length);
        writer->at += length;
    }
}

static inline void text_put_text(text_writer *writer, sip_text text)
{
    text_put(writer, text.at, text.length);
}

/* A C string. */
static inline void text_put_string(text_writer *writer, const char *string)
{
    text_put(writer, string, strlen(string));
}

static inline void text_put_uint(text_writer *writer, uint64_t value)
{
    char digits[20];
    int n = 20;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    text_put(writer, digits + n, (size_t)(20 - n));
}

/* Lower-case hex; width 0: no leading zeros. */
static inline void text_put_hex(text_writer *writer, uint64_t value, int width)
{
    char digits[16];
    int n = 16;
    do {
        digits[--n] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (n > 0 && (value || 16 - n < width));
    text_put(writer, digits + n, (size_t)(16 - n));
}
#endif
