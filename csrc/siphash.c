#include "siphash.h"

#include <string.h>

static inline uint64_t rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline uint64_t load64(const uint8_t *octets)
{
    uint64_t word;
    memcpy(&word, octets, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Fewer than eight octets, little endian. */
static inline uint64_t load_tail(const uint8_t *octets, size_t length)
{
    uint64_t word = 0;
    for (size_t i = 0; i < length; i++)
        word |= (uint64_t)octets[i] << (8 * i);
    return word;
}

static inline void sip_round(siphash_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void compress(siphash_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t finish(siphash_state *s)
{
    compress(s, s->tail | s->length << 56);
    s->v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

void siphash_start(siphash_state *state, const siphash_key *key)
{
    state->v0 = key->k0 ^ 0x736f6d6570736575;
    state->v1 = key->k1 ^ 0x646f72616e646f6d;
    state->v2 = key->k0 ^ 0x6c7967656e657261;
    state->v3 = key->k1 ^ 0x7465646279746573;
    state->tail = 0;
    state->length = 0;
}

void siphash_add(siphash_state *kept, const void *data, size_t length)
{
    /* In registers, which compilers dare only for a copy: octets read through `at` could be those of the state. */
    siphash_state copy = *kept, *state = &copy;
    const uint8_t *at = data;
    size_t waiting = state->length & 7;   /* octets already in state->tail */
    state->length += length;
    if (waiting) {
        size_t wanted = 8 - waiting;
        size_t taken = length < wanted ? length : wanted;
        state->tail |= load_tail(at, taken) << (8 * waiting);
        if (taken < wanted) {
            *kept = copy;
            return;
        }
        compress(state, state->tail);
        state->tail = 0;
        at += taken;
        length -= taken;
    }
    for (; length >= 8; at += 8, length -= 8)
        compress(state, load64(at));
    state->tail = load_tail(at, length);
    *kept = copy;
}

uint64_t siphash_end(siphash_state *state)
{
    return finish(state);
}

uint64_t siphash(const siphash_key *key, const void *data, size_t length)
{
    /* On the stack and inlined: the four words stay in registers. */
    siphash_state state;
    const uint8_t *at = data;
    siphash_start(&state, key);
    state.length = length;
    for (; length >= 8; at += 8, length -= 8)
        compress(&state, load64(at));
    state.tail = load_tail(at, length);
    return finish(&state);
}
