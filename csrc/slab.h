/* Size-class allocator for message buffers and transactions: no fragmentation over millions of calls, memory stays flat.
 * Not thread-safe: one per worker. Empty chunks are given back to the system (keep one spare per class). */
#ifndef UACFAST_SLAB_H
#define UACFAST_SLAB_H
#include <stddef.h>
#include <stdint.h>
typedef struct slab slab;
slab *slab_new(void);
void slab_free_all(slab *pool);
void *slab_alloc(slab *pool, size_t size);            /* NULL when memory ends; above the largest class: malloc */
void slab_free(slab *pool, void *block, size_t size); /* the size given at allocation */
size_t slab_in_use(const slab *pool);                 /* octets handed out, for leak checks and metrics */
size_t slab_held(const slab *pool);                   /* octets held from the system */
#endif
