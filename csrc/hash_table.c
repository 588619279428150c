/* Linear probing; a removal moves the rest of its run back, so there are no tombstones. Growth moves the old entries
 * run by run during later inserts and removals: no call ever rehashes the whole table. */
#include "hash_table.h"

#include <stdlib.h>
#include <sys/mman.h>

#define SMALLEST_CAPACITY 16
#define LARGEST_CAPACITY (SIZE_MAX / sizeof(hash_table_entry) / 2 + 1)
/* Slots of the old array passed by one insert or removal. Two would be enough to end before the next growth. */
#define SLOTS_PER_STEP 8
/* Set in a cursor that has left the new array for the old one. */
#define IN_OLD ((size_t)1 << (8 * sizeof(size_t) - 1))

/* From here on zero pages come from the system as they are touched, and go back at once; calloc might clear a recycled
 * block of many MiB in one go. */
#define MAPPED_CAPACITY 16384

static hash_table_entry *new_entries(size_t capacity)
{
    if (capacity < MAPPED_CAPACITY)
        return calloc(capacity, sizeof(hash_table_entry));
    void *entries = mmap(NULL, capacity * sizeof(hash_table_entry), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return entries == MAP_FAILED ? NULL : entries;
}

static void free_entries(hash_table_entry *entries, size_t capacity)
{
    if (capacity < MAPPED_CAPACITY)
        free(entries);
    else
        munmap(entries, capacity * sizeof *entries);
}

static inline size_t entries_allowed(size_t capacity)
{
    return capacity / 4 * 3;
}

/* Fibonacci hashing takes the high bits of a product: the worker of a message is chosen by the low bits of such a hash,
 * so they may be the same for all entries of one table. */
static inline size_t home_slot(uint64_t hash, size_t capacity)
{
    return (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> (__builtin_clzll(capacity) + 1));
}

static void put(hash_table_entry *entries, size_t capacity, uint64_t hash, void *value)
{
    size_t slot = home_slot(hash, capacity);
    while (entries[slot].value)
        slot = (slot + 1) & (capacity - 1);
    entries[slot].hash = hash;
    entries[slot].value = value;
}

/* Moves whole runs, so that every run left in the old array can still be probed and shifted. (One that wraps round
 * loses its tail first, which nothing before the tail needs.) */
static void move_some(hash_table *table, size_t slots)
{
    for (; table->old_next < table->old_capacity; table->old_next++) {
        hash_table_entry *entry = &table->old_entries[table->old_next];
        if (entry->value) {
            put(table->entries, table->capacity, entry->hash, entry->value);
            entry->value = NULL;
        } else if (slots == 0) {
            return;
        }
        if (slots > 0)
            slots--;
    }
    free_entries(table->old_entries, table->old_capacity);
    table->old_entries = NULL;
    table->old_capacity = 0;
}

static int grow(hash_table *table)
{
    if (table->capacity >= LARGEST_CAPACITY / 2)
        return -1;
    hash_table_entry *entries = new_entries(table->capacity * 2);
    if (!entries)
        return -1;
    if (table->old_entries)
        move_some(table, SIZE_MAX);
    table->old_entries = table->entries;
    table->old_capacity = table->capacity;
    table->entries = entries;
    table->capacity *= 2;
    table->old_next = 0;
    return 0;
}

int hash_table_init(hash_table *table, size_t expected)
{
    size_t capacity = SMALLEST_CAPACITY;
    *table = (hash_table){0};
    while (entries_allowed(capacity) < expected) {
        if (capacity >= LARGEST_CAPACITY / 2)
            return -1;
        capacity *= 2;
    }
    table->entries = new_entries(capacity);
    if (!table->entries)
        return -1;
    table->capacity = capacity;
    return 0;
}

void hash_table_free(hash_table *table)
{
    free_entries(table->entries, table->capacity);
    free_entries(table->old_entries, table->old_capacity);
    *table = (hash_table){0};
}

int hash_table_insert(hash_table *table, uint64_t hash, void *value)
{
    if (table->count >= entries_allowed(table->capacity) && grow(table) != 0)
        return -1;
    if (table->old_entries)
        move_some(table, SLOTS_PER_STEP);
    put(table->entries, table->capacity, hash, value);
    table->count++;
    return 0;
}

/* The next value with this hash at or after `distance` slots from home, or NULL; moves the distance behind it. */
static inline void *probe(const hash_table_entry *entries, size_t capacity, uint64_t hash, size_t *distance)
{
    size_t home = home_slot(hash, capacity);
    for (size_t at = *distance;; at++) {
        const hash_table_entry *entry = &entries[(home + at) & (capacity - 1)];
        if (!entry->value || entry->hash == hash) {
            *distance = at + (entry->value != NULL);
            return entry->value;
        }
    }
}

void *hash_table_find(const hash_table *table, uint64_t hash, size_t *cursor)
{
    void *value;
    if (!(*cursor & IN_OLD)) {
        value = probe(table->entries, table->capacity, hash, cursor);
        if (value || !table->old_entries)
            return value;
        *cursor = IN_OLD;
    }
    size_t distance = *cursor & ~IN_OLD;
    value = probe(table->old_entries, table->old_capacity, hash, &distance);
    *cursor = IN_OLD | distance;
    return value;
}

static int take(hash_table_entry *entries, size_t capacity, uint64_t hash, const void *value)
{
    size_t mask = capacity - 1;
    size_t hole = home_slot(hash, capacity);
    for (; entries[hole].hash != hash || entries[hole].value != value; hole = (hole + 1) & mask)
        if (!entries[hole].value)
            return 0;
    for (size_t next = (hole + 1) & mask; entries[next].value; next = (next + 1) & mask) {
        size_t home = home_slot(entries[next].hash, capacity);
        /* An entry may move back to the hole unless its home lies behind the hole. */
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            entries[hole] = entries[next];
            hole = next;
        }
    }
    entries[hole].value = NULL;
    return 1;
}

int hash_table_remove(hash_table *table, uint64_t hash, const void *value)
{
    int found = take(table->entries, table->capacity, hash, value);
    if (!found && table->old_entries)
        found = take(table->old_entries, table->old_capacity, hash, value);
    if (found)
        table->count--;
    if (table->old_entries)
        move_some(table, SLOTS_PER_STEP);
    return found;
}
