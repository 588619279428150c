/* udp_relay: the floor of every comparison, a UDP relay that knows nothing of SIP.
 * One socket on 127.0.0.1: a datagram from CALLEE_PORT goes to the other peer seen last, any other goes to CALLEE_PORT.
 * With PAUSE_US it sleeps that long after each batch, so that one wake-up serves several datagrams: fewer wake-ups,
 * bigger batches, up to PAUSE_US more delay per hop. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define DATAGRAM_MAX 4096

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static int open_socket(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address)) {
        fprintf(stderr, "udp_relay: cannot use UDP port %d of 127.0.0.1: %s\n", port, strerror(errno));
        exit(1);
    }
    return fd;
}

int main(int count, char **arguments)
{
    static char received[BATCH][DATAGRAM_MAX], copied[BATCH][DATAGRAM_MAX];
    if (count != 3 && count != 4) {
        fprintf(stderr, "usage: udp_relay PORT CALLEE_PORT [PAUSE_US]\n");
        return 2;
    }
    int fd = open_socket((uint16_t)atoi(arguments[1])), pause_us = count == 4 ? atoi(arguments[3]) : 0;
    struct sockaddr_in callee = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[2]))}, peer = {0};
    callee.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (pause_us)
        prctl(PR_SET_TIMERSLACK, 1);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event watch = {.events = EPOLLIN}, ready;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &watch);

    struct mmsghdr in[BATCH] = {0}, out[BATCH] = {0};
    struct iovec in_vectors[BATCH], out_vectors[BATCH];
    struct sockaddr_in sources[BATCH];
    for (int i = 0; i < BATCH; i++) {
        in_vectors[i] = (struct iovec){received[i], DATAGRAM_MAX};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &in_vectors[i], .msg_iovlen = 1, .msg_name = &sources[i]};
        out_vectors[i].iov_base = copied[i];
        out[i].msg_hdr = (struct msghdr){.msg_iov = &out_vectors[i], .msg_iovlen = 1, .msg_namelen = sizeof callee};
    }
    while (!stopped) {
        if (epoll_wait(epoll, &ready, 1, -1) <= 0)
            continue;
        for (int i = 0; i < BATCH; i++)
            in[i].msg_hdr.msg_namelen = sizeof callee;
        int datagrams = recvmmsg(fd, in, BATCH, MSG_DONTWAIT, NULL), pending = 0, sent = 0;
        for (int i = 0; i < datagrams; i++) {
            struct sockaddr_in *to = &callee;
            if (sources[i].sin_port == callee.sin_port)
                to = &peer;
            else
                peer = sources[i];
            if (!to->sin_port)
                continue;
            memcpy(copied[pending], received[i], in[i].msg_len);   /* as a proxy must: its output is another buffer */
            out_vectors[pending].iov_len = in[i].msg_len;
            out[pending++].msg_hdr.msg_name = to;
        }
        while (sent < pending) {
            int count_sent = sendmmsg(fd, out + sent, pending - sent, 0);
            if (count_sent > 0)
                sent += count_sent;
            else if (errno != EINTR && errno != EAGAIN)
                sent++;
        }
        if (pause_us)
            nanosleep(&(struct timespec){pause_us / 1000000, pause_us % 1000000 * 1000L}, NULL);
    }
    return 0;
}
