/* Single-producer single-consumer ring of datagrams in shared memory: how one worker hands a message to another.
 * The memory is shared by processes that may die at any instruction, so each side keeps its own geometry in private
 * memory and believes nothing it reads from the other beyond what it has checked. */
#ifndef UACFAST_SHM_RING_H
#define UACFAST_SHM_RING_H
#include "udp_batch.h"

/* One side's view of a ring: private memory, never shared. */
typedef struct {
    struct shm_ring_control *control;   /* in the shared memory: the two positions */
    unsigned char *octets;              /* in the shared memory: the records */
    uint64_t capacity;
    uint64_t refused;                   /* pushes that found the ring full */
    uint64_t damaged;                   /* times the consumer found nonsense and skipped to the producer's position */
} shm_ring;

/* What goes with the octets of one datagram. */
typedef struct {
    uint32_t length;
    int32_t socket_index;
    udp_address source;
} shm_ring_record;

#define SHM_RING_CAPACITY_MIN (2 * UDP_DATAGRAM_MAX)
#define SHM_RING_CAPACITY_MAX ((uint64_t)1 << 30)

/* Octets of shared memory that a ring of `capacity` (a power of two, SHM_RING_CAPACITY_MIN .. _MAX) takes, a multiple
 * of 64; 0 when the capacity is not one. Memory that is all zero is an empty ring. */
size_t shm_ring_size(uint64_t capacity);
/* Binds the view to shared memory of shm_ring_size(capacity) octets, aligned to 64. Does not change the memory. */
void shm_ring_attach(shm_ring *ring, void *memory, uint64_t capacity);
/* Producer. Returns 1; or 0 and counts `refused` when there is no room, or when the datagram is longer than
 * UDP_DATAGRAM_MAX. A push that the process does not live to finish is never seen by the consumer. */
int shm_ring_push(shm_ring *ring, const shm_ring_record *record, const char *data);
/* Consumer. Copies the next datagram to data[UDP_DATAGRAM_MAX] and returns 1; 0 when the ring is empty. The record has
 * left the ring on return, so a worker that dies of a message does not find it again in its next life. */
int shm_ring_pop(shm_ring *ring, shm_ring_record *record, char *data);
#endif
