/* SHA-256 (FIPS 180-4 §6.2), for the digest of RFC 7616 and RFC 8760. */
#ifndef UACFAST_SHA256_H
#define UACFAST_SHA256_H
#include <stddef.h>
#include <stdint.h>
typedef struct { uint32_t state[8]; uint64_t length; uint8_t block[64]; } sha256_state;
void sha256_start(sha256_state *sha);
void sha256_add(sha256_state *sha, const void *data, size_t length);
void sha256_end(sha256_state *sha, uint8_t digest[32]);
#endif
