import errno
import select
import socket
import subprocess
from pathlib import Path

import pytest

from uacfast.testing.leaves import BATCH, UdpReceiver, UdpSender, read_error

CSRC = Path(__file__).parents[3] / "csrc"
IP_RECVERR, IPV6_RECVERR = 11, 25   # <linux/in.h>, <linux/in6.h>
HOSTS = {"IPv4": (socket.AF_INET, "127.0.0.1"), "IPv6": (socket.AF_INET6, "::1")}


@pytest.fixture(params=HOSTS)
def family(request):
    return request.param


@pytest.fixture
def bound(family):
    """Makes non-blocking sockets, bound to a free port of the loopback, that report ICMP errors."""
    opened = []
    number, host = HOSTS[family]

    def make():
        sock = socket.socket(number, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if number == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sock.bind((host, 0))
        opened.append(sock)
        return sock

    yield make
    for sock in opened:
        sock.close()


@pytest.fixture
def closed(bound):
    """An address where nobody listens."""
    sock = bound()
    address = sock.getsockname()[:2]
    sock.close()
    return address


def readable(sock):
    assert select.select([sock], [], [], 5)[0], "nothing came within 5 s"


def collect(receiver, sock, count):
    datagrams = []
    while len(datagrams) < count:
        readable(sock)
        datagrams += receiver.receive(sock.fileno())
    return datagrams


def wait_for_error(sock):
    poll = select.poll()
    poll.register(sock, 0)   # POLLERR is always reported
    assert poll.poll(5000), "no ICMP error came within 5 s"


def test_there_and_back(bound):
    here, there, sender, receiver = bound(), bound(), UdpSender(), UdpReceiver()
    texts = [b"OPTIONS %d " % i * (i + 1) for i in range(40)] + [b""]
    for text in texts:
        assert sender.queue(here.fileno(), text, there.getsockname())
    assert sender.pending == len(texts)
    assert sender.flush() == (len(texts), [])
    assert sender.pending == 0
    source = here.getsockname()[:2]
    assert collect(receiver, there, len(texts)) == [(text, source, False) for text in texts]
    assert receiver.receive(there.fileno()) == []


def test_the_largest_datagram(bound, family):
    here, there, sender, receiver = bound(), bound(), UdpSender(), UdpReceiver()
    text = bytes(range(256)) * 255 + bytes(65507 - 255 * 256)
    assert sender.queue(here.fileno(), text, there.getsockname())
    assert sender.flush() == (1, [])
    assert collect(receiver, there, 1) == [(text, here.getsockname()[:2], False)]


def test_a_batch_has_its_limit_and_forgets_the_last_one(bound):
    here, there, sender, receiver = bound(), bound(), UdpSender(), UdpReceiver()
    for i in range(BATCH + 3):
        assert sender.queue(here.fileno(), b"%d" % i, there.getsockname())
    assert sender.flush() == (BATCH + 3, [])
    readable(there)
    assert len(receiver.receive(there.fileno())) == BATCH
    assert receiver.holds(BATCH - 1)
    assert not receiver.holds(BATCH)
    assert not receiver.holds(-1)
    assert [data for data, _, _ in receiver.receive(there.fileno())] == [b"64", b"65", b"66"]
    assert receiver.holds(2)
    assert not receiver.holds(3)


def test_several_sockets_in_one_flush(bound):
    senders, there, sender, receiver = [bound() for _ in range(3)], bound(), UdpSender(), UdpReceiver()
    order = [0, 0, 1, 2, 2, 2, 0, 1]
    for i in order:
        assert sender.queue(senders[i].fileno(), b"x", there.getsockname())
    assert sender.flush() == (len(order), [])
    assert [source for _, source, _ in collect(receiver, there, len(order))] \
        == [senders[i].getsockname()[:2] for i in order]


def test_a_full_ring_asks_for_a_flush(bound):
    here, there, sender = bound(), bound(), UdpSender()
    queued = 0
    while sender.queue(here.fileno(), b"x", there.getsockname()):
        queued += 1
    assert queued == sender.pending >= 2 * BATCH
    assert sender.flush()[0] == queued
    assert sender.queue(here.fileno(), b"x", there.getsockname())

    sender = UdpSender()
    queued = 0
    while sender.queue(here.fileno(), bytes(60_000), there.getsockname()):
        queued += 1
    assert queued >= BATCH
    assert not sender.queue(here.fileno(), b"x", there.getsockname(), reserve=65_537)
    assert sender.queue(here.fileno(), b"x", there.getsockname())


def test_a_refused_datagram_is_reported_and_skipped(bound, family):
    here, there, sender, receiver = bound(), bound(), UdpSender(), UdpReceiver()
    elsewhere = HOSTS["IPv6" if family == "IPv4" else "IPv4"][1]
    queue = [(1, b"first", there.getsockname()), (2, bytes(65_536), there.getsockname()),
             (3, b"wrong family", (elsewhere, 9)), (4, b"last", there.getsockname())]
    for token, data, destination in queue:
        assert sender.queue(here.fileno(), data, destination, token)
    assert sender.queue(-1, b"no socket", there.getsockname(), 5)
    sent, failures = sender.flush()
    assert sent == 2
    reported = dict(failures)
    assert list(reported) == [2, 3, 5]
    assert reported[2] == errno.EMSGSIZE
    assert reported[3] in (errno.EAFNOSUPPORT, errno.EINVAL, errno.ENETUNREACH)
    assert reported[5] == errno.EBADF
    assert [data for data, _, _ in collect(receiver, there, 2)] == [b"first", b"last"]


def test_port_unreachable_is_read_with_its_destination_and_text(bound, closed):
    here, sender = bound(), UdpSender()
    assert read_error(here.fileno()) is None
    assert sender.queue(here.fileno(), b"OPTIONS sip:a SIP/2.0", closed, 7)
    assert sender.flush() == (1, [])
    wait_for_error(here)
    assert read_error(here.fileno()) == (closed, errno.ECONNREFUSED, b"OPTIONS sip:a SIP/2.0")
    assert read_error(here.fileno()) is None


def test_an_old_icmp_error_is_not_laid_on_the_next_datagram(bound, closed):
    here, there, sender, receiver = bound(), bound(), UdpSender(), UdpReceiver()
    for token in range(10):
        assert sender.queue(here.fileno(), b"lost", closed, token)
        assert sender.queue(here.fileno(), b"arrives", there.getsockname(), 100 + token)
    assert sender.flush() == (20, [])
    assert [data for data, _, _ in collect(receiver, there, 10)] == [b"arrives"] * 10
    wait_for_error(here)
    errors = []
    while (error := read_error(here.fileno())) is not None:
        errors.append(error)
    assert set(errors) == {(closed, errno.ECONNREFUSED, b"lost")}


def test_an_old_icmp_error_does_not_stop_receiving(bound, closed):
    here, there, sender, receiver = bound(), bound(), UdpSender(), UdpReceiver()
    assert sender.queue(here.fileno(), b"lost", closed)
    assert sender.flush() == (1, [])
    wait_for_error(here)
    assert receiver.receive(here.fileno()) == []
    assert sender.queue(there.fileno(), b"news", here.getsockname())
    assert sender.queue(here.fileno(), b"lost", closed)
    assert sender.flush() == (2, [])
    assert [data for data, _, _ in collect(receiver, here, 1)] == [b"news"]


def test_a_broken_descriptor_is_an_error():
    with pytest.raises(OSError, match="Bad file descriptor"):
        UdpReceiver().receive(-1)


# A kernel that answers as the script says: full buffers and errors in the middle cannot be had from the loopback.
SCRIPTED = r"""
#define sendmmsg scripted_sendmmsg
#define ppoll scripted_ppoll
#include "udp_batch.c"
#include <stdio.h>

static int sends[8], next_send, polls, room_after;
int scripted_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    (void)fd, (void)messages, (void)flags;
    int answer = sends[next_send];
    next_send++;
    if (answer < 0) {
        errno = -answer;
        return -1;
    }
    return answer < (int)count ? answer : (int)count;
}

int scripted_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    (void)fds, (void)count, (void)mask;
    if (timeout->tv_sec != 0 || timeout->tv_nsec > 2000000)
        printf("waits too long\n");
    polls++;
    return polls <= room_after;
}

static udp_send_ring *ring;
static void failed(void *context, uint64_t token, int error)
{
    udp_address nowhere = {.v4 = {.sin_family = AF_INET}};
    printf("failed %d %d\n", (int)token, error);
    if (context && udp_send_reserve(ring, 10)) {   /* the next target of a failover */
        udp_send_commit(ring, 10, 3, &nowhere, token + 100);
        printf("nested %d\n", udp_send_flush(ring, failed, NULL));
    }
}

int main(int count, char **arguments)
{
    udp_address nowhere = {.v4 = {.sin_family = AF_INET}};
    int again = atoi(arguments[1]);
    room_after = atoi(arguments[2]);
    for (int i = 3; i < count; i++)
        sends[i - 3] = atoi(arguments[i]);
    ring = udp_send_ring_new();
    for (int i = 0; i < 4; i++) {
        udp_send_reserve(ring, 10);
        udp_send_commit(ring, 10, 3, &nowhere, i);
    }
    printf("sent %d\n", udp_send_flush(ring, failed, again ? ring : NULL));
    printf("pending %d\n", udp_send_pending(ring));
    udp_send_ring_free(ring);
    return 0;
}
"""


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("udp")
    (folder / "scripted.c").write_text(SCRIPTED)
    subprocess.run(["cc", "-std=gnu11", "-w", f"-I{CSRC}", folder / "scripted.c", "-o", folder / "scripted"],
                   check=True)

    def run(*answers, again=0, room_after=0):
        ended = subprocess.run([folder / "scripted", str(again), str(room_after), *map(str, answers)],
                               capture_output=True, text=True, timeout=10, check=True)
        return ended.stdout.splitlines()

    return run


EPERM, EAGAIN, ECONNREFUSED, EINTR = -errno.EPERM, -errno.EAGAIN, -errno.ECONNREFUSED, -errno.EINTR


def test_an_error_after_a_part_of_the_batch(scripted):
    assert scripted(2, EPERM, 1) == ["failed 2 1", "sent 3", "pending 0"]


def test_an_error_that_stays_is_that_of_the_datagram(scripted):
    assert scripted(1, *[ECONNREFUSED] * 4, 2) == [f"failed 1 {errno.ECONNREFUSED}", "sent 3", "pending 0"]


def test_an_error_that_goes_away_belonged_to_another(scripted):
    assert scripted(1, ECONNREFUSED, EINTR, ECONNREFUSED, 3) == ["sent 4", "pending 0"]


def test_room_is_waited_for(scripted):
    assert scripted(1, EAGAIN, EAGAIN, 3, room_after=2) == ["sent 4", "pending 0"]


def test_without_room_each_datagram_is_reported(scripted):
    assert scripted(1, EAGAIN, EAGAIN, EAGAIN) == [
        *(f"failed {token} {errno.EAGAIN}" for token in (1, 2, 3)), "sent 1", "pending 0"]


def test_what_a_failure_adds_goes_out_with_the_same_flush(scripted):
    assert scripted(1, EPERM, 5, again=1) == ["failed 1 1", "nested 0", "sent 4", "pending 0"]
