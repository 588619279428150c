/* Clock, sockets, batched sending and the delay queues of the load generator. */
#define _GNU_SOURCE
#include "load.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int open_socket(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = 16 << 20;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* Deep buffers, so that what is lost was lost by the system under test. FORCE needs CAP_NET_ADMIN. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address)) {
        fprintf(stderr, "sip_load: cannot use UDP port %d of 127.0.0.1: %s\n", port, strerror(errno));
        exit(3);
    }
    return fd;
}

void batch_flush(send_batch *batch)
{
    int sent = 0;
    while (sent < batch->pending) {
        int count = sendmmsg(batch->fd, batch->headers + sent, batch->pending - sent, 0);
        if (count > 0)
            sent += count;
        else if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
            sent++;   /* refused (no listener yet, or no more): the retransmission timer takes care */
    }
    batch->pending = 0;
}

char *batch_slot(send_batch *batch)
{
    if (batch->pending == BATCH)
        batch_flush(batch);
    return batch->data[batch->pending];
}

void batch_commit(send_batch *batch, int length, const struct sockaddr_in *destination)
{
    if (length <= 0)
        return;
    int slot = batch->pending++;
    batch->destinations[slot] = *destination;
    batch->vectors[slot] = (struct iovec){batch->data[slot], length};
    batch->headers[slot] = (struct mmsghdr){.msg_hdr = {.msg_iov = &batch->vectors[slot],
                                                        .msg_iovlen = 1,
                                                        .msg_name = &batch->destinations[slot],
                                                        .msg_namelen = sizeof batch->destinations[slot]}};
}

void delay_push(delay_queue *queue, int64_t due, uint32_t number, resend_kind kind, int level)
{
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity ? queue->capacity * 2 : 1024;
        delay_entry *entries = malloc(capacity * sizeof *entries);
        if (!entries) {
            fprintf(stderr, "sip_load: out of memory\n");
            exit(3);
        }
        for (size_t i = 0; i < queue->count; i++)
            entries[i] = queue->entries[(queue->head + i) % queue->capacity];
        free(queue->entries);
        *queue = (delay_queue){entries, 0, queue->count, capacity};
    }
    queue->entries[(queue->head + queue->count++) % queue->capacity] =
        (delay_entry){due, number, (uint8_t)kind, (uint8_t)level};
}

int delay_pop(delay_queue *queue, int64_t now, delay_entry *entry)
{
    if (!queue->count || queue->entries[queue->head].due > now)
        return 0;
    *entry = queue->entries[queue->head];
    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
    return 1;
}

int64_t delay_next(const delay_queue *queue)
{
    return queue->count ? queue->entries[queue->head].due : INT64_MAX;
}
