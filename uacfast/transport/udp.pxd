"""The UDP sockets of one worker: batches in, batches out."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport UDP_DATAGRAM_MAX, udp_address, udp_receive_ring, udp_send_ring

cdef enum:
    LOCAL_SOCKETS = 64
    OWN_NAMES = 256
    SENT_BY_SIZE = 272


cdef struct LocalSocket:
    int fd
    udp_address address
    char sent_by[SENT_BY_SIZE]      # host[:port] that peers are told: Via sent-by, Record-Route
    uint32_t sent_by_length


cdef struct OwnName:
    char host[256]                  # lower case, IPv6 with brackets
    uint32_t host_length
    uint16_t port


cdef class SendFailureListener:
    """Who must know that a datagram could not be delivered."""
    cdef void send_failed(self, uint64_t token, int error) noexcept
    cdef void destination_failed(self, const udp_address *destination, const char *sent, uint32_t length,
                                 int error) noexcept


cdef class UdpTransport:
    cdef LocalSocket sockets[LOCAL_SOCKETS]
    cdef readonly int socket_count
    cdef OwnName own_names[OWN_NAMES]
    cdef int own_name_count
    cdef udp_receive_ring *receive_ring
    cdef udp_send_ring *send_ring
    cdef list captured
    cdef char *capture_space
    cdef readonly uint64_t received_datagrams, sent_datagrams, send_errors
    cdef SendFailureListener listener

    cdef char *reserve(self, uint32_t capacity) noexcept
    cdef void commit(self, uint32_t length, int socket, const udp_address *destination, uint64_t token) noexcept
    cdef void flush(self) noexcept
    cdef int receive(self, int socket) noexcept
    cdef char *received(self, int index, uint32_t *length, const udp_address **source, bint *truncated) noexcept
    cdef void read_errors(self, int socket) noexcept
    cdef bint is_own(self, sip_text host, uint16_t port) noexcept
    cdef int own_socket(self, sip_text host, uint16_t port) noexcept
    cdef int socket_towards(self, const udp_address *destination, int preferred) noexcept


cdef inline uint32_t datagram_space(uint32_t capacity) noexcept nogil:
    """What to reserve for a text of at most `capacity` octets: a writer tells when the text is longer than a datagram."""
    return capacity if capacity < UDP_DATAGRAM_MAX else UDP_DATAGRAM_MAX


cdef bint parse_address(object host, int port, udp_address *address)
