/* Open-addressing table from a 64-bit keyed hash to a pointer. Several entries may share a hash. */
#ifndef UACFAST_HASH_TABLE_H
#define UACFAST_HASH_TABLE_H
#include <stddef.h>
#include <stdint.h>
typedef struct { uint64_t hash; void *value; } hash_table_entry;
typedef struct {
    hash_table_entry *entries;
    size_t capacity, count;                  /* capacity: power of two; count: entries in both arrays */
    hash_table_entry *old_entries;           /* while growing: the array that is being moved, else NULL */
    size_t old_capacity, old_next;           /* old_next: first slot not yet moved */
} hash_table;
int hash_table_init(hash_table *table, size_t expected);     /* 0, or -1: no memory */
void hash_table_free(hash_table *table);
int hash_table_insert(hash_table *table, uint64_t hash, void *value);   /* value not NULL; grows; 0 or -1 */
/* First (cursor = 0) or further value with this hash, NULL at the end. No insert or remove in between. */
void *hash_table_find(const hash_table *table, uint64_t hash, size_t *cursor);
int hash_table_remove(hash_table *table, uint64_t hash, const void *value);   /* 1 when it was there */
#endif
