/* SipHash-2-4 with a per-boot key: strangers choose branches and Call-IDs, so the tables are keyed. */
#ifndef UACFAST_SIPHASH_H
#define UACFAST_SIPHASH_H
#include <stddef.h>
#include <stdint.h>
typedef struct { uint64_t k0, k1; } siphash_key;
typedef struct { uint64_t v0, v1, v2, v3, tail; uint64_t length; } siphash_state;
uint64_t siphash(const siphash_key *key, const void *data, size_t length);
/* The same over several pieces; pieces are not separated, add your own separators. */
void siphash_start(siphash_state *state, const siphash_key *key);
void siphash_add(siphash_state *state, const void *data, size_t length);
uint64_t siphash_end(siphash_state *state);
#endif
