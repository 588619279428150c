#include "rr_param.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
#define PADDING '-'
#define OUTSIDE 0xff

/* Sextet of each octet; OUTSIDE for those outside the alphabet, '=' and '-' included. */
#define O16 OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, \
            OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE
static const uint8_t SEXTETS[256] = {
    O16, O16,
    OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE,
    OUTSIDE, OUTSIDE, OUTSIDE, 62, OUTSIDE, OUTSIDE, OUTSIDE, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE,
    OUTSIDE, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE,
    OUTSIDE, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE,
    O16, O16, O16, O16, O16, O16, O16, O16
};

/* The password repeats to the end of the text; empty: none. */
static void xor_password(uint8_t *text, uint32_t length, sip_text password)
{
    if (password.length == 0)
        return;
    for (uint32_t start = 0; start < length; start += password.length) {
        uint32_t part = length - start < password.length ? length - start : password.length;
        for (uint32_t i = 0; i < part; i++)
            text[start + i] ^= (uint8_t)password.at[i];
        if (part < password.length)   /* keeps `start` from passing 2^32 */
            break;
    }
}

int rr_param_encode(sip_text original, sip_text replacement, sip_text password, char *out, size_t capacity)
{
    sip_text longer = original.length >= replacement.length ? original : replacement;
    sip_text shorter = original.length >= replacement.length ? replacement : original;
    uint32_t length = longer.length;
    size_t written = 4 * (((size_t)length + 2) / 3);
    uint8_t text[RR_PARAM_URI_MAX + 2];
    if (length > RR_PARAM_URI_MAX || written > capacity)
        return -1;
    if (length == 0)
        return 0;
    memcpy(text, longer.at, length);
    for (uint32_t i = 0; i < shorter.length; i++)
        text[i] ^= (uint8_t)shorter.at[i];
    xor_password(text, length, password);
    text[length] = text[length + 1] = 0;   /* the last group may be incomplete */
    for (uint32_t i = 0; i < length; i += 3, out += 4) {
        uint32_t group = (uint32_t)text[i] << 16 | (uint32_t)text[i + 1] << 8 | text[i + 2];
        out[0] = ALPHABET[group >> 18];
        out[1] = ALPHABET[group >> 12 & 63];
        out[2] = ALPHABET[group >> 6 & 63];
        out[3] = ALPHABET[group & 63];
    }
    if (length % 3)
        out[-1] = PADDING;
    if (length % 3 == 1)
        out[-2] = PADDING;
    return (int)written;
}

/* Base64 with the padding stripped, which may be short, missing or too long (Kamailio's length rule, §1.5).
 * Returns the octets written to text, or -1. */
static int decode_base64(sip_text value, uint8_t text[RR_PARAM_URI_MAX])
{
    const uint8_t *at = (const uint8_t *)value.at;
    uint32_t sextets = value.length;
    while (sextets > 0 && at[sextets - 1] == PADDING)
        sextets--;
    int64_t length = (int64_t)value.length * 6 / 8 - (value.length - sextets);
    if (length <= 0 || length > RR_PARAM_URI_MAX)
        return -1;

    uint8_t outside = 0;
    uint32_t group = 0;
    int bits = 0;
    int64_t written = 0;
    for (uint32_t i = 0; i < sextets; i++) {
        uint8_t sextet = SEXTETS[at[i]];
        outside |= sextet;
        group = group << 6 | (sextet & 63);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (written < length)
                text[written++] = (uint8_t)(group >> bits);
        }
    }
    return outside & 0xc0 ? -1 : (int)length;
}

int rr_param_decode(sip_text value, sip_text current, sip_text password, char *out, size_t capacity)
{
    uint8_t text[RR_PARAM_URI_MAX];
    int decoded = decode_base64(value, text);
    if (decoded < 0 || (uint32_t)decoded < current.length)
        return -1;
    uint32_t length = (uint32_t)decoded;
    xor_password(text, length, password);
    for (uint32_t i = 0; i < current.length; i++) {
        text[i] ^= (uint8_t)current.at[i];
        if (text[i] == 0) {   /* the header's URI was the longer one: its tail meets itself */
            length = i;
            break;
        }
    }
    if (length == 0 || length > capacity)
        return -1;
    for (uint32_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return -1;
    memcpy(out, text, length);
    return (int)length;
}
