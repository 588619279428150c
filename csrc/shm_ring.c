#include "shm_ring.h"

#include <stdatomic.h>
#include <string.h>

/* The positions count octets since the ring was made and never wrap in practice (2^64). Each is written by one side
 * only; a cache line each keeps the sides from slowing one another. */
struct shm_ring_control {
    _Alignas(64) _Atomic uint64_t head;     /* written by the producer: end of the last complete record */
    _Alignas(64) _Atomic uint64_t tail;     /* written by the consumer: start of the next record */
};

size_t shm_ring_size(uint64_t capacity)
{
    if (capacity < SHM_RING_CAPACITY_MIN || capacity > SHM_RING_CAPACITY_MAX || (capacity & (capacity - 1)) != 0)
        return 0;
    return sizeof(struct shm_ring_control) + capacity;
}

void shm_ring_attach(shm_ring *ring, void *memory, uint64_t capacity)
{
    ring->control = memory;
    ring->octets = (unsigned char *)memory + sizeof(struct shm_ring_control);
    ring->capacity = capacity;
    ring->refused = 0;
    ring->damaged = 0;
}

/* Both copies are split where the ring ends, so a record needs no contiguous room. */
static void copy_in(shm_ring *ring, uint64_t position, const void *data, size_t length)
{
    size_t offset = position & (ring->capacity - 1), first = ring->capacity - offset;
    if (first > length)
        first = length;
    memcpy(ring->octets + offset, data, first);
    if (length > first)
        memcpy(ring->octets, (const char *)data + first, length - first);
}

static void copy_out(const shm_ring *ring, uint64_t position, void *data, size_t length)
{
    size_t offset = position & (ring->capacity - 1), first = ring->capacity - offset;
    if (first > length)
        first = length;
    memcpy(data, ring->octets + offset, first);
    if (length > first)
        memcpy((char *)data + first, ring->octets, length - first);
}

int shm_ring_push(shm_ring *ring, const shm_ring_record *record, const char *data)
{
    uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire);
    uint64_t used = head - tail, needed = sizeof *record + (uint64_t)record->length;

    /* A `used` beyond the capacity means that one side died badly: the consumer mends it, until then there is no room. */
    if (record->length > UDP_DATAGRAM_MAX || used > ring->capacity || needed > ring->capacity - used) {
        ring->refused++;
        return 0;
    }
    copy_in(ring, head, record, sizeof *record);
    copy_in(ring, head + sizeof *record, data, record->length);
    atomic_store_explicit(&ring->control->head, head + needed, memory_order_release);
    return 1;
}

int shm_ring_pop(shm_ring *ring, shm_ring_record *record, char *data)
{
    uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_acquire);
    uint64_t available = head - tail;

    if (available == 0)
        return 0;
    if (available < sizeof *record || available > ring->capacity)
        goto damaged;
    copy_out(ring, tail, record, sizeof *record);
    if (record->length > UDP_DATAGRAM_MAX || record->length > available - sizeof *record || record->socket_index < 0
        || (record->source.any.sa_family != AF_INET && record->source.any.sa_family != AF_INET6))
        goto damaged;
    copy_out(ring, tail + sizeof *record, data, record->length);
    atomic_store_explicit(&ring->control->tail, tail + sizeof *record + record->length, memory_order_release);
    return 1;

damaged:
    ring->damaged++;
    atomic_store_explicit(&ring->control->tail, head, memory_order_release);
    return 0;
}
