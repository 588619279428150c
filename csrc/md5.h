/* MD5 (RFC 1321) and the digest response of RFC 2617 §3.2.2 / RFC 7616 §3.4 built on it. */
#ifndef UACFAST_MD5_H
#define UACFAST_MD5_H
#include <stddef.h>
#include <stdint.h>
typedef struct { uint32_t state[4]; uint64_t length; uint8_t block[64]; } md5_state;
void md5_start(md5_state *md5);
void md5_add(md5_state *md5, const void *data, size_t length);
void md5_end(md5_state *md5, uint8_t digest[16]);
void md5_hex(const uint8_t digest[16], char hex[32]);
#endif
