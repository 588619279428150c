from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


# Not nogil, so that the callback may be a function that holds the GIL: udp_send_flush is then called with the GIL held.
cdef extern from "udp_batch.h":
    ctypedef void (*udp_send_failed)(void *context, uint64_t token, int error) noexcept


cdef extern from "udp_batch.h" nogil:
    enum:
        UDP_BATCH
        UDP_DATAGRAM_MAX
        AF_INET
        AF_INET6

    # The socket address structures of <sys/socket.h> and <netinet/in.h>, which udp_batch.h includes.
    struct sockaddr:
        uint16_t sa_family

    struct in_addr:
        uint32_t s_addr

    struct in6_addr:
        uint8_t[16] s6_addr

    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr

    struct sockaddr_in6:
        uint16_t sin6_family
        uint16_t sin6_port
        uint32_t sin6_flowinfo
        in6_addr sin6_addr
        uint32_t sin6_scope_id

    ctypedef union udp_address:
        sockaddr any
        sockaddr_in v4
        sockaddr_in6 v6

    ctypedef struct udp_receive_ring:
        pass

    ctypedef struct udp_send_ring:
        pass

    udp_receive_ring *udp_receive_ring_new()
    void udp_receive_ring_free(udp_receive_ring *ring)
    int udp_receive(udp_receive_ring *ring, int fd)
    char *udp_received(udp_receive_ring *ring, int index, uint32_t *length, const udp_address **source, int *truncated)

    udp_send_ring *udp_send_ring_new()
    void udp_send_ring_free(udp_send_ring *ring)
    char *udp_send_reserve(udp_send_ring *ring, uint32_t capacity)
    void udp_send_commit(udp_send_ring *ring, uint32_t length, int fd, const udp_address *destination, uint64_t token)
    int udp_send_pending(const udp_send_ring *ring)
    int udp_send_flush(udp_send_ring *ring, udp_send_failed failed, void *context)
    bint udp_read_error(int fd, udp_address *destination, int *error, char *sent, uint32_t *length)
