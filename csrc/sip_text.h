/* A piece of text inside somebody else's buffer: never terminated, never owned. */
#ifndef UACFAST_SIP_TEXT_H
#define UACFAST_SIP_TEXT_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *at;   /* NULL when the thing is absent; non-NULL with length 0 when it is there but empty */
    uint32_t length;  /* octets */
} sip_text;

static inline int sip_text_equal(sip_text a, sip_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* ASCII-only, locale-free comparison without regard to case. */
int sip_text_equal_nocase(sip_text a, sip_text b);

static inline char sip_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
/* `lower` is a C string already in lower case. Here in full: with a literal, all that remains is a comparison of the
 * length and of a few octets. */
static inline int sip_text_is(sip_text a, const char *lower)
{
    if (a.length != strlen(lower))
        return 0;
    for (uint32_t i = 0; i < a.length; i++)
        if (sip_lower(a.at[i]) != lower[i])
            return 0;
    return 1;
}
/* Digits only, 0 .. max; returns 0 and leaves *value alone when empty, not digits or above max (RFC 3261 §25.1). */
int sip_text_to_uint(sip_text a, uint64_t max, uint64_t *value);
#endif
