cdef extern from "slab.h" nogil:
    ctypedef struct slab:
        pass

    slab *slab_new()
    void slab_free_all(slab *pool)
    void *slab_alloc(slab *pool, size_t size)
    void slab_free(slab *pool, void *block, size_t size)
    size_t slab_in_use(const slab *pool)
    size_t slab_held(const slab *pool)
