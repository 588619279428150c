#include "md5.h"

#include <string.h>

static inline uint32_t load32(const uint8_t *octets)
{
    uint32_t word;
    memcpy(&word, octets, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline void store32(uint8_t *octets, uint32_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    memcpy(octets, &word, 4);
}

/* RFC 1321 §3.4. F is rewritten to need one operation less; in G the two halves share no bit, so '+' may stand for
 * '|', which lets the processor start one half early. */
#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) (((x) & (z)) + ((y) & ~(z)))
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))
#define STEP(f, a, b, c, d, k, s, t) \
    a += f(b, c, d) + x[k] + (uint32_t)(t); \
    a = (a << (s) | a >> (32 - (s))) + b;
#define FOUR(f, k0, k1, k2, k3, s0, s1, s2, s3, t0, t1, t2, t3) \
    STEP(f, a, b, c, d, k0, s0, t0) \
    STEP(f, d, a, b, c, k1, s1, t1) \
    STEP(f, c, d, a, b, k2, s2, t2) \
    STEP(f, b, c, d, a, k3, s3, t3)

static void transform(uint32_t state[4], const uint8_t *block)
{
    uint32_t x[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++)
        x[i] = load32(block + 4 * i);

    FOUR(F, 0, 1, 2, 3, 7, 12, 17, 22, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee)
    FOUR(F, 4, 5, 6, 7, 7, 12, 17, 22, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501)
    FOUR(F, 8, 9, 10, 11, 7, 12, 17, 22, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be)
    FOUR(F, 12, 13, 14, 15, 7, 12, 17, 22, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821)

    FOUR(G, 1, 6, 11, 0, 5, 9, 14, 20, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa)
    FOUR(G, 5, 10, 15, 4, 5, 9, 14, 20, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8)
    FOUR(G, 9, 14, 3, 8, 5, 9, 14, 20, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed)
    FOUR(G, 13, 2, 7, 12, 5, 9, 14, 20, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a)

    FOUR(H, 5, 8, 11, 14, 4, 11, 16, 23, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c)
    FOUR(H, 1, 4, 7, 10, 4, 11, 16, 23, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70)
    FOUR(H, 13, 0, 3, 6, 4, 11, 16, 23, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05)
    FOUR(H, 9, 12, 15, 2, 4, 11, 16, 23, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665)

    FOUR(I, 0, 7, 14, 5, 6, 10, 15, 21, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039)
    FOUR(I, 12, 3, 10, 1, 6, 10, 15, 21, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1)
    FOUR(I, 8, 15, 6, 13, 6, 10, 15, 21, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1)
    FOUR(I, 4, 11, 2, 9, 6, 10, 15, 21, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391)

    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_start(md5_state *md5)
{
    md5->state[0] = 0x67452301;
    md5->state[1] = 0xefcdab89;
    md5->state[2] = 0x98badcfe;
    md5->state[3] = 0x10325476;
    md5->length = 0;
}

void md5_add(md5_state *md5, const void *data, size_t length)
{
    const uint8_t *at = data;
    size_t filled = md5->length & 63;
    if (length == 0)   /* `data` may be NULL then */
        return;
    md5->length += length;
    if (filled) {
        size_t room = 64 - filled;
        if (length < room) {
            memcpy(md5->block + filled, at, length);
            return;
        }
        memcpy(md5->block + filled, at, room);
        transform(md5->state, md5->block);
        at += room;
        length -= room;
    }
    for (; length >= 64; at += 64, length -= 64)
        transform(md5->state, at);
    memcpy(md5->block, at, length);
}

void md5_end(md5_state *md5, uint8_t digest[16])
{
    size_t filled = md5->length & 63;
    md5->block[filled++] = 0x80;
    if (filled > 56) {
        memset(md5->block + filled, 0, 64 - filled);
        transform(md5->state, md5->block);
        filled = 0;
    }
    memset(md5->block + filled, 0, 56 - filled);
    store32(md5->block + 56, (uint32_t)(md5->length << 3));
    store32(md5->block + 60, (uint32_t)(md5->length >> 29));
    transform(md5->state, md5->block);
    for (int i = 0; i < 4; i++)
        store32(digest + 4 * i, md5->state[i]);
}

void md5_hex(const uint8_t digest[16], char hex[32])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
}
