/* Chunks of 256 KiB, aligned to their size so that a block finds its chunk by its address. Each chunk serves one size
 * class: blocks that were never used come from its end, freed ones from a list through the blocks themselves. */
#include "slab.h"

#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, size) __asan_poison_memory_region(at, size)
#define UNPOISON(at, size) __asan_unpoison_memory_region(at, size)
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif
/* Debug and AddressSanitizer builds know for each block whether it is handed out. */
#if defined(WITH_ASAN) || defined(UACFAST_DEBUG)
#include <stdio.h>
#define CHECKED 1
#endif

/* 256 KiB: even 12 GiB of blocks stay below the 65,530 mappings that Linux allows a process by default. */
#define CHUNK_SIZE ((size_t)256 << 10)
#define GRAIN 64   /* octets; every class is a multiple: blocks begin at cache lines */
#define LARGEST 8192

static const uint16_t CLASS_SIZES[] = {64, 128, 192, 256, 320, 384, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048,
                                       2560, 3072, 4096, 6144, LARGEST};
#define CLASS_COUNT (sizeof CLASS_SIZES / sizeof CLASS_SIZES[0])

typedef struct chunk {
    struct chunk *next, **link;   /* in one list of its class */
    void *freed;                  /* list of freed blocks */
    char *fresh, *end;            /* blocks never used */
    uint32_t used;                /* blocks handed out */
    uint32_t class;
#ifdef CHECKED
    uint64_t handed_out[CHUNK_SIZE / GRAIN / 64];
#endif
} chunk;

typedef struct {
    chunk *partial;   /* at least one block handed out and one free */
    chunk *full;
    chunk *spare;     /* none handed out; at most one */
} size_class;

/* In front of a block above the largest class, so that slab_free_all finds it. 16 octets keep malloc's alignment. */
typedef struct large_block {
    struct large_block *next, **link;
} large_block;

struct slab {
    size_t in_use, held;
    large_block *large;
    size_class classes[CLASS_COUNT];
    uint8_t class_of[LARGEST / GRAIN + 1];   /* by size in grains, rounded up */
};

#define CHUNK_HEADER ((sizeof(chunk) + GRAIN - 1) / GRAIN * GRAIN)

static void push_chunk(chunk **list, chunk *c)
{
    c->next = *list;
    c->link = list;
    if (c->next)
        c->next->link = &c->next;
    *list = c;
}

static void remove_chunk(chunk *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
}

static void *map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static char *map_aligned(void)
{
    /* The kernel usually puts a mapping right below the last one, so most are aligned already. */
    char *at = map(CHUNK_SIZE);
    if (!at || (uintptr_t)at % CHUNK_SIZE == 0)
        return at;
    munmap(at, CHUNK_SIZE);
    at = map(2 * CHUNK_SIZE);
    if (!at)
        return NULL;
    size_t before = (CHUNK_SIZE - (uintptr_t)at % CHUNK_SIZE) % CHUNK_SIZE;
    if (before)
        munmap(at, before);
    munmap(at + before + CHUNK_SIZE, CHUNK_SIZE - before);
    return at + before;
}

static void unmap_chunk(slab *pool, chunk *c)
{
    UNPOISON(c, CHUNK_SIZE);   /* the addresses may come back with other uses */
    munmap(c, CHUNK_SIZE);
    pool->held -= CHUNK_SIZE;
}

static chunk *new_chunk(slab *pool, uint32_t class)
{
    chunk *c = (chunk *)map_aligned();   /* zeroed by the system */
    if (!c)
        return NULL;
    c->fresh = (char *)c + CHUNK_HEADER;
    c->end = (char *)c + CHUNK_SIZE - (CHUNK_SIZE - CHUNK_HEADER) % CLASS_SIZES[class];
    c->class = class;
    POISON(c->fresh, CHUNK_SIZE - CHUNK_HEADER);
    pool->held += CHUNK_SIZE;
    return c;
}

static inline int is_full(const chunk *c)
{
    return !c->freed && c->fresh == c->end;
}

#ifdef CHECKED
static void check_misuse(int wrong, const char *what, const void *block)
{
    if (!wrong)
        return;
    fprintf(stderr, "slab: %s of %p; look for the owner that frees it a second time or with another size\n", what,
            block);
    abort();
}

static void mark(chunk *c, const void *block, int handed_out)
{
    size_t offset = (size_t)((const char *)block - (const char *)c);
    size_t bit = offset / GRAIN;
    uint64_t mask = (uint64_t)1 << bit % 64;
    check_misuse(offset < CHUNK_HEADER || (offset - CHUNK_HEADER) % CLASS_SIZES[c->class] != 0, "misplaced free",
                 block);
    check_misuse(((c->handed_out[bit / 64] & mask) != 0) == handed_out, "double free", block);
    c->handed_out[bit / 64] ^= mask;
}
#endif

slab *slab_new(void)
{
    slab *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    uint8_t class = 0;
    for (size_t grains = 0; grains <= LARGEST / GRAIN; grains++) {
        if (grains * GRAIN > CLASS_SIZES[class])
            class++;
        pool->class_of[grains] = class;
    }
    return pool;
}

static void unmap_list(slab *pool, chunk *c)
{
    while (c) {
        chunk *next = c->next;
        unmap_chunk(pool, c);
        c = next;
    }
}

void slab_free_all(slab *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        unmap_list(pool, pool->classes[i].partial);
        unmap_list(pool, pool->classes[i].full);
        if (pool->classes[i].spare)
            unmap_chunk(pool, pool->classes[i].spare);
    }
    for (large_block *large = pool->large; large;) {
        large_block *next = large->next;
        free(large);
        large = next;
    }
    free(pool);
}

static void *alloc_large(slab *pool, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    large_block *large = malloc(sizeof *large + size);
    if (!large)
        return NULL;
    large->next = pool->large;
    large->link = &pool->large;
    if (large->next)
        large->next->link = &large->next;
    pool->large = large;
    pool->in_use += size;
    pool->held += sizeof *large + size;
    return large + 1;
}

static void free_large(slab *pool, void *block, size_t size)
{
    large_block *large = (large_block *)block - 1;
    *large->link = large->next;
    if (large->next)
        large->next->link = large->link;
    pool->in_use -= size;
    pool->held -= sizeof *large + size;
    free(large);
}

void *slab_alloc(slab *pool, size_t size)
{
    if (size > LARGEST)
        return alloc_large(pool, size);
    uint32_t class = pool->class_of[(size + GRAIN - 1) / GRAIN];
    size_class *sizes = &pool->classes[class];
    chunk *c = sizes->partial;
    if (!c) {
        c = sizes->spare;
        sizes->spare = NULL;
        if (!c && !(c = new_chunk(pool, class)))
            return NULL;
        push_chunk(&sizes->partial, c);
    }
    void *block = c->freed;
    if (block) {
        UNPOISON(block, sizeof(void *));
        c->freed = *(void **)block;
    } else {
        block = c->fresh;
        c->fresh += CLASS_SIZES[class];
    }
    c->used++;
    if (is_full(c)) {
        remove_chunk(c);
        push_chunk(&sizes->full, c);
    }
#ifdef CHECKED
    mark(c, block, 1);
#endif
    /* Only what was asked for: the sanitizer also sees an overrun into the rest of the block. */
    POISON(block, CLASS_SIZES[class]);
    UNPOISON(block, size);
    pool->in_use += size;
    return block;
}

void slab_free(slab *pool, void *block, size_t size)
{
    if (!block)
        return;
    if (size > LARGEST) {
        free_large(pool, block, size);
        return;
    }
    chunk *c = (chunk *)((uintptr_t)block & ~(uintptr_t)(CHUNK_SIZE - 1));
    size_class *sizes = &pool->classes[c->class];
#ifdef CHECKED
    check_misuse(c->class != pool->class_of[(size + GRAIN - 1) / GRAIN], "free with a wrong size", block);
    mark(c, block, 0);
#endif
    if (is_full(c)) {
        remove_chunk(c);
        push_chunk(&sizes->partial, c);
    }
    UNPOISON(block, sizeof(void *));
    *(void **)block = c->freed;
    c->freed = block;
    POISON(block, CLASS_SIZES[c->class]);
    pool->in_use -= size;
    if (--c->used > 0)
        return;
    remove_chunk(c);
    if (sizes->spare)
        unmap_chunk(pool, c);
    else
        sizes->spare = c;
}

size_t slab_in_use(const slab *pool)
{
    return pool->in_use;
}

size_t slab_held(const slab *pool)
{
    return pool->held;
}
