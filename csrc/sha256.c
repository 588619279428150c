#include "sha256.h"

#include <string.h>

static inline uint32_t load(const uint8_t *octets)
{
    uint32_t word;
    memcpy(&word, octets, 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline void store(uint8_t *octets, uint32_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    memcpy(octets, &word, 4);
}

/* FIPS 180-4 §4.2.2 */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static inline uint32_t rotate(uint32_t word, int count)
{
    return word >> count | word << (32 - count);
}

/* FIPS 180-4 §6.2.2; the message schedule is a ring of sixteen words. */
static void transform(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[16], a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

    for (int i = 0; i < 64; i++) {
        uint32_t first, second;
        if (i < 16) {
            w[i] = load(block + 4 * i);
        } else {
            uint32_t early = w[(i + 1) & 15], late = w[(i + 14) & 15];
            w[i & 15] += (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + w[(i + 9) & 15]
                         + (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
        }
        first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + constants[i] + w[i & 15];
        second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
        h = g;
        g = f;
        f = e;
        e = d + first;
        d = c;
        c = b;
        b = a;
        a = first + second;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void sha256_start(sha256_state *sha)
{
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
    };
    memcpy(sha->state, initial, sizeof initial);
    sha->length = 0;
}

void sha256_add(sha256_state *sha, const void *data, size_t length)
{
    const uint8_t *at = data;
    size_t filled = sha->length & 63;
    if (length == 0)   /* `data` may be NULL then */
        return;
    sha->length += length;
    if (filled) {
        size_t room = 64 - filled;
        if (length < room) {
            memcpy(sha->block + filled, at, length);
            return;
        }
        memcpy(sha->block + filled, at, room);
        transform(sha->state, sha->block);
        at += room;
        length -= room;
    }
    for (; length >= 64; at += 64, length -= 64)
        transform(sha->state, at);
    memcpy(sha->block, at, length);
}

void sha256_end(sha256_state *sha, uint8_t digest[32])
{
    size_t filled = sha->length & 63;
    sha->block[filled++] = 0x80;
    if (filled > 56) {
        memset(sha->block + filled, 0, 64 - filled);
        transform(sha->state, sha->block);
        filled = 0;
    }
    memset(sha->block + filled, 0, 56 - filled);
    store(sha->block + 56, (uint32_t)(sha->length >> 29));
    store(sha->block + 60, (uint32_t)(sha->length << 3));
    transform(sha->state, sha->block);
    for (int i = 0; i < 8; i++)
        store(digest + 4 * i, sha->state[i]);
}
