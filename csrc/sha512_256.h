/* SHA-512/256 (FIPS 180-4 §6.7): SHA-512 from other initial values, cut to 256 bits; for the digest of RFC 7616. */
#ifndef UACFAST_SHA512_256_H
#define UACFAST_SHA512_256_H
#include <stddef.h>
#include <stdint.h>
typedef struct { uint64_t state[8]; uint64_t length; uint8_t block[128]; } sha512_256_state;
void sha512_256_start(sha512_256_state *sha);
void sha512_256_add(sha512_256_state *sha, const void *data, size_t length);
void sha512_256_end(sha512_256_state *sha, uint8_t digest[32]);
#endif
