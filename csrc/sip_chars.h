/* Character classes of RFC 3261 §25.1, shared by the parsers of this folder; not for their callers. */
#ifndef UACFAST_SIP_CHARS_H
#define UACFAST_SIP_CHARS_H
#include "sip_text.h"

enum {
    SIP_CHAR_TOKEN = 1 << 0,    /* token */
    SIP_CHAR_DIGIT = 1 << 1,
    SIP_CHAR_HEX = 1 << 2,
    SIP_CHAR_LWS = 1 << 3,      /* SP HTAB, and CR LF because a value may hold folding */
    SIP_CHAR_HOST = 1 << 4,     /* alphanum - . and the _ of names in use that RFC 3261 has not foreseen */
    SIP_CHAR_URI = 1 << 5,      /* all but controls, white space, <, > and ": those would break the header round it */
    SIP_CHAR_SCHEME = 1 << 6,
    SIP_CHAR_PHONE = 1 << 7,    /* RFC 3966: phonedigit-hex, visual separators, the leading + */
    SIP_CHAR_VALUE = 1 << 8,    /* what neither ends nor quotes a header parameter's value: all but ; , and " */
    SIP_CHAR_UNESCAPED = 1 << 9 /* SIP_CHAR_URI without the % that begins an escape */
};
extern const uint16_t sip_char_class[256];

static inline int sip_char_is(char c, uint16_t classes)
{
    return sip_char_class[(uint8_t)c] & classes;
}
/* The first octet from `at` on that is in none of these classes; sip_skip_back: the same from the end. */
static inline const char *sip_skip(const char *at, const char *end, uint16_t classes)
{
    while (at < end && sip_char_is(*at, classes))
        at++;
    return at;
}
static inline const char *sip_skip_back(const char *start, const char *end, uint16_t classes)
{
    while (end > start && sip_char_is(end[-1], classes))
        end--;
    return end;
}
static inline sip_text sip_text_between(const char *start, const char *end)
{
    return (sip_text){start, (uint32_t)(end - start)};
}
/* `at` is the opening quote: the octet after the closing one, or NULL when there is none. A backslash takes the next
 * octet with it (RFC 3261 §25.1 quoted-pair). */
const char *sip_skip_quoted(const char *at, const char *end);
/* Any IPv6 text form without brackets into 16 octets; three colons before an embedded IPv4 address are taken for two
 * (RFC 5118 §4.10). 0 or -1. */
int sip_ipv6_parse(sip_text text, uint8_t address[16]);
/* Host at `at`: a name, an IPv4 address, or an IPv6 reference with its brackets. Returns its end, or NULL. */
const char *sip_host_end(const char *at, const char *end);
/* Digits for 1..65535. 0 or -1. */
int sip_port_parse(sip_text text, uint16_t *port);
#endif
