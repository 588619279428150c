from libc.stdint cimport uint64_t


cdef extern from "hash_table.h" nogil:
    ctypedef struct hash_table_entry:
        uint64_t hash
        void *value

    ctypedef struct hash_table:
        hash_table_entry *entries
        size_t capacity
        size_t count

    int hash_table_init(hash_table *table, size_t expected)
    void hash_table_free(hash_table *table)
    int hash_table_insert(hash_table *table, uint64_t hash, void *value)
    void *hash_table_find(const hash_table *table, uint64_t hash, size_t *cursor)
    bint hash_table_remove(hash_table *table, uint64_t hash, const void *value)
