/* recvmmsg / sendmmsg over preallocated rings. The receive ring is drained by its owner between calls. */
#ifndef UACFAST_UDP_BATCH_H
#define UACFAST_UDP_BATCH_H
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>
#define UDP_BATCH 64
#define UDP_DATAGRAM_MAX 65536
typedef union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } udp_address;

typedef struct udp_receive_ring udp_receive_ring;
typedef struct udp_send_ring udp_send_ring;

udp_receive_ring *udp_receive_ring_new(void);
void udp_receive_ring_free(udp_receive_ring *ring);
/* Non-blocking; datagrams read (0 .. UDP_BATCH), or -errno (EAGAIN gives 0; ECONNREFUSED and the like are read and
 * skipped). */
int udp_receive(udp_receive_ring *ring, int fd);
/* `truncated`: longer than UDP_DATAGRAM_MAX. */
char *udp_received(udp_receive_ring *ring, int index, uint32_t *length, const udp_address **source, int *truncated);

/* One send ring serves all sockets of a worker: each datagram names its descriptor; runs of one descriptor go out in
 * one sendmmsg. */
udp_send_ring *udp_send_ring_new(void);
void udp_send_ring_free(udp_send_ring *ring);
/* Room for one datagram of up to `capacity` octets (<= UDP_DATAGRAM_MAX); NULL when the ring is full: flush first. */
char *udp_send_reserve(udp_send_ring *ring, uint32_t capacity);
/* `token` comes back with an error. */
void udp_send_commit(udp_send_ring *ring, uint32_t length, int fd, const udp_address *destination, uint64_t token);
int udp_send_pending(const udp_send_ring *ring);
typedef void (*udp_send_failed)(void *context, uint64_t token, int error);
/* Sends all; a datagram that the kernel refuses is reported and skipped, EAGAIN is retried by poll for at most
 * 2 ms, then reported. Returns datagrams sent. */
int udp_send_flush(udp_send_ring *ring, udp_send_failed failed, void *context);
/* Reads the socket's error queue (IP_RECVERR / IPV6_RECVERR): ICMP errors with the destination they belong to and the
 * beginning of the datagram that met them, as much as the ICMP message quotes, into sent[*length].
 * Returns 1 and fills all, or 0 at the end. */
int udp_read_error(int fd, udp_address *destination, int *error, char *sent, uint32_t *length);
#endif
