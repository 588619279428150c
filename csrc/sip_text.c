#include "sip_text.h"
#include "sip_chars.h"

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define IS_HEX(c) (IS_DIGIT(c) || ((c) >= 'a' && (c) <= 'f') || ((c) >= 'A' && (c) <= 'F'))
#define IS_TOKEN(c) (IS_ALPHA(c) || IS_DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '!' || (c) == '%' || (c) == '*' \
                     || (c) == '_' || (c) == '+' || (c) == '`' || (c) == '\'' || (c) == '~')
#define IS_LWS(c) ((c) == ' ' || (c) == '\t' || (c) == '\r' || (c) == '\n')
#define IS_HOST(c) (IS_ALPHA(c) || IS_DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_')
#define IS_URI(c) ((c) > ' ' && (c) != 127 && (c) != '<' && (c) != '>' && (c) != '"')
#define IS_SCHEME(c) (IS_ALPHA(c) || IS_DIGIT(c) || (c) == '+' || (c) == '-' || (c) == '.')
#define IS_PHONE(c) (IS_HEX(c) || (c) == '*' || (c) == '#' || (c) == '+' || (c) == '-' || (c) == '.' || (c) == '(' \
                     || (c) == ')')
#define IS_VALUE(c) ((c) != ';' && (c) != ',' && (c) != '"')
#define IS_UNESCAPED(c) (IS_URI(c) && (c) != '%')
#define CLASS(c) \
    (IS_TOKEN(c) ? SIP_CHAR_TOKEN : 0) | (IS_DIGIT(c) ? SIP_CHAR_DIGIT : 0) | (IS_HEX(c) ? SIP_CHAR_HEX : 0) \
    | (IS_LWS(c) ? SIP_CHAR_LWS : 0) | (IS_HOST(c) ? SIP_CHAR_HOST : 0) | (IS_URI(c) ? SIP_CHAR_URI : 0) \
    | (IS_SCHEME(c) ? SIP_CHAR_SCHEME : 0) | (IS_PHONE(c) ? SIP_CHAR_PHONE : 0) \
    | (IS_VALUE(c) ? SIP_CHAR_VALUE : 0) | (IS_UNESCAPED(c) ? SIP_CHAR_UNESCAPED : 0)
#define FOUR(c) CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define ROW(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)

const uint16_t sip_char_class[256] = {
    ROW(0), ROW(16), ROW(32), ROW(48), ROW(64), ROW(80), ROW(96), ROW(112),
    ROW(128), ROW(144), ROW(160), ROW(176), ROW(192), ROW(208), ROW(224), ROW(240),
};

int sip_text_equal_nocase(sip_text a, sip_text b)
{
    if (a.length != b.length)
        return 0;
    for (uint32_t i = 0; i < a.length; i++)
        if (sip_lower(a.at[i]) != sip_lower(b.at[i]))
            return 0;
    return 1;
}

int sip_text_to_uint(sip_text a, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;
    if (a.length == 0)
        return 0;
    for (uint32_t i = 0; i < a.length; i++) {
        uint64_t digit = (uint8_t)(a.at[i] - '0');
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return 0;
        sum = sum * 10 + digit;
        if (sum > max)
            return 0;
    }
    *value = sum;
    return 1;
}

const char *sip_skip_quoted(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\')
            at++;
    }
    return NULL;
}

int sip_port_parse(sip_text text, uint16_t *port)
{
    uint64_t number;
    if (!sip_text_to_uint(text, 65535, &number) || number == 0)
        return -1;
    *port = (uint16_t)number;
    return 0;
}

static int ipv4_parse(const char *at, const char *end, uint8_t address[4])
{
    for (int part = 0; part < 4; part++) {
        const char *start = at;
        uint64_t number;
        at = sip_skip(at, end, SIP_CHAR_DIGIT);
        if (at - start > 3 || !sip_text_to_uint(sip_text_between(start, at), 255, &number))
            return -1;
        address[part] = (uint8_t)number;
        if (part < 3 && (at == end || *at++ != '.'))
            return -1;
    }
    return at == end ? 0 : -1;
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

int sip_ipv6_parse(sip_text text, uint8_t address[16])
{
    const char *at = text.at, *end = text.at + text.length;
    int count = 0, gap = -1;     /* octets written; where the "::" stands */
    memset(address, 0, 16);
    if (text.length < 2)
        return -1;
    if (*at == ':') {
        if (at[1] != ':')
            return -1;
        at++;
    }
    /* Here `at` is a group, or the second colon of a "::". */
    while (at < end) {
        if (*at == ':') {
            if (gap >= 0)
                return -1;
            gap = count;
            at++;
            if (at < end && *at == ':' && memchr(at, '.', (size_t)(end - at)))
                at++;
            if (at == end)
                break;
            if (*at == ':')
                return -1;
        }
        const char *start = at;
        unsigned group = 0;
        at = sip_skip(at, end, SIP_CHAR_HEX);
        if (at < end && *at == '.') {
            if (count > 12 || ipv4_parse(start, end, address + count) < 0)
                return -1;
            count += 4;
            break;
        }
        if (at == start || at - start > 4 || count > 14)
            return -1;
        for (; start < at; start++)
            group = group << 4 | hex_value(*start);
        address[count++] = (uint8_t)(group >> 8);
        address[count++] = (uint8_t)group;
        if (at == end)
            break;
        if (*at++ != ':' || at == end)
            return -1;
    }
    if (gap < 0)
        return count == 16 ? 0 : -1;
    if (count > 14)
        return -1;
    memmove(address + 16 - (count - gap), address + gap, (size_t)(count - gap));
    memset(address + gap, 0, (size_t)(16 - count));
    return 0;
}

const char *sip_host_end(const char *at, const char *end)
{
    if (at < end && *at == '[') {
        uint8_t address[16];
        const char *close = memchr(at, ']', (size_t)(end - at < 64 ? end - at : 64));
        if (!close || sip_ipv6_parse(sip_text_between(at + 1, close), address) < 0)
            return NULL;
        return close + 1;
    }
    if (at == end || *at == '.' || *at == '-')
        return NULL;
    const char *host_end = sip_skip(at, end, SIP_CHAR_HOST);
    return host_end == at ? NULL : host_end;
}
