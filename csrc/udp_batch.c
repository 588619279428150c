#define _GNU_SOURCE
#include "udp_batch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <linux/errqueue.h>

#define SEND_CAPACITY 256                                      /* datagrams waiting in a send ring */
#define SEND_ARENA ((size_t)UDP_BATCH * UDP_DATAGRAM_MAX)      /* octets waiting in a send ring */
#define SEND_ALIGNMENT 64                                      /* each datagram begins at a cache line */
#define SEND_ATTEMPTS 4                                        /* of one datagram, against errors left by others */
#define SEND_WAIT 2000000                                      /* ns that one flush may wait for room */

struct udp_receive_ring {
    int count;
    char *arena;
    struct mmsghdr messages[UDP_BATCH];
    struct iovec vectors[UDP_BATCH];
    udp_address sources[UDP_BATCH];
};

struct udp_send_ring {
    int count;
    int flushing;
    uint32_t reserved;                          /* octets; 0: none */
    size_t filled;                              /* octets of the arena */
    char *arena;
    struct mmsghdr messages[SEND_CAPACITY];
    struct iovec vectors[SEND_CAPACITY];
    udp_address destinations[SEND_CAPACITY];
    uint64_t tokens[SEND_CAPACITY];
    int descriptors[SEND_CAPACITY];
};

/* Mapped, not allocated: pages that no datagram has reached cost nothing. */
static char *map_arena(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* Errors that an ICMP message about an earlier datagram leaves on the socket for whoever calls next (Linux
 * icmp_err_convert and icmpv6_err_convert). The error queue tells whose they are. */
static int may_be_from_icmp(int error)
{
    switch (error) {
    case ECONNREFUSED: case EHOSTUNREACH: case ENETUNREACH: case EHOSTDOWN: case ENONET: case ENOPROTOOPT:
    case EMSGSIZE: case EOPNOTSUPP: case EPROTO: case EACCES: case ETIMEDOUT:
        return 1;
    default:
        return 0;
    }
}

udp_receive_ring *udp_receive_ring_new(void)
{
    udp_receive_ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return NULL;
    ring->arena = map_arena((size_t)UDP_BATCH * UDP_DATAGRAM_MAX);
    if (!ring->arena) {
        free(ring);
        return NULL;
    }
    for (int i = 0; i < UDP_BATCH; i++) {
        ring->vectors[i].iov_base = ring->arena + (size_t)i * UDP_DATAGRAM_MAX;
        ring->vectors[i].iov_len = UDP_DATAGRAM_MAX;
        struct msghdr *header = &ring->messages[i].msg_hdr;
        header->msg_name = &ring->sources[i];
        header->msg_namelen = sizeof ring->sources[i];
        header->msg_iov = &ring->vectors[i];
        header->msg_iovlen = 1;
    }
    return ring;
}

void udp_receive_ring_free(udp_receive_ring *ring)
{
    if (!ring)
        return;
    munmap(ring->arena, (size_t)UDP_BATCH * UDP_DATAGRAM_MAX);
    free(ring);
}

int udp_receive(udp_receive_ring *ring, int fd)
{
    for (int i = 0; i < ring->count; i++)
        ring->messages[i].msg_hdr.msg_namelen = sizeof ring->sources[i];
    ring->count = 0;
    for (int attempt = 0; attempt < UDP_BATCH; attempt++) {
        int count = recvmmsg(fd, ring->messages, UDP_BATCH, MSG_DONTWAIT, NULL);
        if (count >= 0)
            return ring->count = count;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        if (errno != EINTR && !may_be_from_icmp(errno))
            return -errno;
    }
    return 0;   /* a storm of ICMP: the descriptor stays readable, so the owner comes back */
}

char *udp_received(udp_receive_ring *ring, int index, uint32_t *length, const udp_address **source, int *truncated)
{
    if (index < 0 || index >= ring->count)
        return NULL;
    const struct mmsghdr *message = &ring->messages[index];
    *length = message->msg_len;
    *source = &ring->sources[index];
    *truncated = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
    return ring->vectors[index].iov_base;
}

udp_send_ring *udp_send_ring_new(void)
{
    udp_send_ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return NULL;
    ring->arena = map_arena(SEND_ARENA);
    if (!ring->arena) {
        free(ring);
        return NULL;
    }
    for (int i = 0; i < SEND_CAPACITY; i++) {
        struct msghdr *header = &ring->messages[i].msg_hdr;
        header->msg_iov = &ring->vectors[i];
        header->msg_iovlen = 1;
    }
    return ring;
}

void udp_send_ring_free(udp_send_ring *ring)
{
    if (!ring)
        return;
    munmap(ring->arena, SEND_ARENA);
    free(ring);
}

char *udp_send_reserve(udp_send_ring *ring, uint32_t capacity)
{
    if (capacity > UDP_DATAGRAM_MAX || ring->count == SEND_CAPACITY || ring->filled + capacity > SEND_ARENA)
        return NULL;
    ring->reserved = capacity;
    return ring->arena + ring->filled;
}

void udp_send_commit(udp_send_ring *ring, uint32_t length, int fd, const udp_address *destination, uint64_t token)
{
    if (length > ring->reserved || ring->count == SEND_CAPACITY)
        abort();   /* written past the reservation or without one: what follows cannot be trusted */
    int index = ring->count++;
    struct msghdr *header = &ring->messages[index].msg_hdr;
    ring->destinations[index] = *destination;
    header->msg_name = &ring->destinations[index];
    header->msg_namelen = destination->any.sa_family == AF_INET ? sizeof destination->v4 : sizeof destination->v6;
    ring->vectors[index].iov_base = ring->arena + ring->filled;
    ring->vectors[index].iov_len = length;
    ring->tokens[index] = token;
    ring->descriptors[index] = fd;
    ring->filled += ((size_t)length + SEND_ALIGNMENT - 1) / SEND_ALIGNMENT * SEND_ALIGNMENT;
    ring->reserved = 0;
}

int udp_send_pending(const udp_send_ring *ring)
{
    return ring->count;
}

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Waits until `fd` has room, not past *deadline, which the first wait of a flush sets. 1 when it is worth a retry. */
static int wait_for_room(int fd, int64_t *deadline)
{
    int64_t now = monotonic_ns();
    if (*deadline == 0)
        *deadline = now + SEND_WAIT;
    if (now >= *deadline)
        return 0;
    struct timespec rest = {.tv_sec = 0, .tv_nsec = *deadline - now};
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    return ppoll(&room, 1, &rest, NULL) > 0;
}

int udp_send_flush(udp_send_ring *ring, udp_send_failed failed, void *context)
{
    int sent = 0, attempts = 0;
    int64_t deadline = 0;
    if (ring->flushing)   /* called from `failed`: the outer flush also sends what was added meanwhile */
        return 0;
    ring->flushing = 1;
    for (int next = 0; next < ring->count;) {
        int fd = ring->descriptors[next], end = next + 1;
        while (end < ring->count && ring->descriptors[end] == fd)
            end++;
        int count = sendmmsg(fd, &ring->messages[next], (unsigned)(end - next), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            next += count;
            sent += count;
            attempts = 0;
            continue;
        }
        /* The error is that of the first datagram left, or one that ICMP left on the socket for an earlier one: then
         * a second attempt goes through. */
        int error = errno;
        if (error == EINTR || (may_be_from_icmp(error) && ++attempts < SEND_ATTEMPTS))
            continue;
        if ((error == EAGAIN || error == EWOULDBLOCK) && wait_for_room(fd, &deadline))
            continue;
        attempts = 0;
        if (failed)
            failed(context, ring->tokens[next], error);
        next++;
    }
    ring->count = 0;
    ring->filled = 0;
    ring->reserved = 0;
    ring->flushing = 0;
    return sent;
}

int udp_read_error(int fd, udp_address *destination, int *error, char *sent, uint32_t *length)
{
    const uint32_t capacity = *length;
    union {
        struct cmsghdr align;
        char octets[512];
    } control;
    for (;;) {
        struct iovec piece = {.iov_base = sent, .iov_len = capacity};
        struct msghdr message = {.msg_name = destination, .msg_namelen = sizeof *destination,
                                 .msg_iov = &piece, .msg_iovlen = 1,
                                 .msg_control = control.octets, .msg_controllen = sizeof control.octets};
        memset(destination, 0, sizeof *destination);
        const ssize_t got = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return 0;
        }
        *length = (uint32_t)got;
        for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
            if (!(part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) &&
                !(part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR))
                continue;
            struct sock_extended_err what;
            if (part->cmsg_len < CMSG_LEN(sizeof what))
                continue;
            memcpy(&what, CMSG_DATA(part), sizeof what);
            if (what.ee_origin == SO_EE_ORIGIN_ICMP || what.ee_origin == SO_EE_ORIGIN_ICMP6 ||
                what.ee_origin == SO_EE_ORIGIN_LOCAL) {
                *error = (int)what.ee_errno;
                return 1;
            }
        }
    }
}
