"""The ring between workers: against a model, between processes, and with damaged memory."""
import mmap
import os
import select
import subprocess
import sys
import textwrap
import zlib
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.transport.handover import Handover

RING = 131072
SOURCE = ("192.0.2.1", 5060)
CONTROL_OCTETS = 128        # the two positions, a cache line each
RECORD_OCTETS = 36          # length, socket index, sockaddr_in6


@pytest.fixture
def pair():
    control = Handover.create(2, RING)
    yield Handover.attach(control.memory_fd, control.event_fds, 0), Handover.attach(
        control.memory_fd, control.event_fds, 1)
    control.close()


def drain(handover):
    taken = []
    while (entry := handover.pop_datagram()) is not None:
        taken.append(entry)
    return taken


def woken(handover):
    return bool(select.select([handover.fileno()], [], [], 0)[0])


OPERATIONS = st.lists(st.one_of(st.binary(max_size=400), st.integers(0, 65536).map(bytes), st.none()), max_size=60)


@settings(deadline=None)
@given(OPERATIONS)
def test_behaves_as_a_bounded_queue(operations):
    control = Handover.create(2, RING)
    try:
        producer = Handover.attach(control.memory_fd, control.event_fds, 0)
        consumer = Handover.attach(control.memory_fd, control.event_fds, 1)
        model, used, refused = deque(), 0, 0
        for number, operation in enumerate(operations):
            if operation is None:
                entry = consumer.pop_datagram()
                assert entry == (model.popleft() if model else None)
                used -= RECORD_OCTETS + len(entry[0]) if entry else 0
                continue
            fits = used + RECORD_OCTETS + len(operation) <= RING
            assert producer.push_datagram(1, operation, SOURCE, number) == fits
            if fits:
                model.append((operation, SOURCE, number))
                used += RECORD_OCTETS + len(operation)
            else:
                refused += 1
        assert drain(consumer) == list(model)
        assert producer.statistics()["handover_refused"] == refused
        assert consumer.statistics()["handover_damaged"] == 0
    finally:
        control.close()


def test_keeps_the_source_of_both_families(pair):
    producer, consumer = pair
    producer.push_datagram(1, b"four", ("198.51.100.7", 65535), 3)
    producer.push_datagram(1, b"six", ("2001:db8::7", 1), 0)
    assert drain(consumer) == [(b"four", ("198.51.100.7", 65535), 3), (b"six", ("2001:db8::7", 1), 0)]


def test_wakes_only_who_got_something(pair):
    producer, consumer = pair
    producer.acknowledge()
    consumer.acknowledge()
    producer.push_datagram(1, b"x", SOURCE, 0)
    assert not woken(consumer)
    producer.flush_wakeups()
    assert woken(consumer) and not woken(producer)
    consumer.acknowledge()
    assert not woken(consumer)
    producer.flush_wakeups()
    assert not woken(consumer), "nothing was pushed since"


def test_refuses_itself_and_strangers(pair):
    producer, _ = pair
    assert not producer.push_datagram(0, b"x", SOURCE, 0)
    assert not producer.push_datagram(2, b"x", SOURCE, 0)
    assert not producer.push_datagram(-1, b"x", SOURCE, 0)
    assert not producer.push_datagram(1, b"x" * 65537, SOURCE, 0)


def test_takes_from_all_producers_in_turn():
    control = Handover.create(3, RING)
    workers = [Handover.attach(control.memory_fd, control.event_fds, index) for index in range(3)]
    for number in range(3):
        workers[0].push_datagram(2, b"a%d" % number, SOURCE, 0)
    workers[1].push_datagram(2, b"b", SOURCE, 0)
    assert [entry[0] for entry in drain(workers[2])] == [b"a0", b"b", b"a1", b"a2"]
    control.close()


def test_a_new_life_finds_what_was_left_but_not_what_killed_the_old_one(pair):
    producer, consumer = pair
    for data in (b"fatal", b"waiting"):
        producer.push_datagram(1, data, SOURCE, 0)
    assert consumer.pop_datagram()[0] == b"fatal"
    reborn = Handover.attach(consumer.memory_fd, consumer.event_fds, 1)
    assert woken(reborn)
    assert [entry[0] for entry in drain(reborn)] == [b"waiting"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, CONTROL_OCTETS + 4095), st.binary(min_size=1, max_size=64)), max_size=8),
       st.lists(st.binary(max_size=300), max_size=8))
def test_nonsense_in_the_memory_harms_nobody(writes, datagrams):
    """Whatever a dying worker wrote: no crash, no length beyond a datagram, and the ring works again."""
    control = Handover.create(2, RING)
    try:
        producer = Handover.attach(control.memory_fd, control.event_fds, 0)
        consumer = Handover.attach(control.memory_fd, control.event_fds, 1)
        for data in datagrams:
            producer.push_datagram(1, data, SOURCE, 0)
        with mmap.mmap(control.memory_fd, 0) as memory:
            start = CONTROL_OCTETS + RING       # the ring from worker 0 to worker 1 is the second
            for offset, octets in writes:
                memory[start + offset:start + offset + len(octets)] = octets
        # Each pop takes at least a record's head off the ring or skips to its end.
        for _ in range(RING // RECORD_OCTETS + 2):
            entry = consumer.pop_datagram()
            if entry is None:
                break
            assert len(entry[0]) <= 65536 and entry[2] >= 0
        assert consumer.pop_datagram() is None
        assert producer.push_datagram(1, b"after", SOURCE, 5)
        assert drain(consumer) == [(b"after", SOURCE, 5)]
    finally:
        control.close()


def test_attach_refuses_memory_of_another_size(pair):
    worker, _ = pair
    with pytest.raises(ValueError, match="does not hold the rings of 3 workers"):
        Handover.attach(worker.memory_fd, (*worker.event_fds, worker.event_fds[0]), 0)
    with pytest.raises(ValueError, match="power of two"):
        Handover.create(2, 100_000)


def test_the_memory_cannot_be_shrunk_under_the_others(pair):
    with pytest.raises(PermissionError):
        os.ftruncate(pair[0].memory_fd, 0)


HAMMER = textwrap.dedent("""
    import sys, zlib
    from uacfast.transport.handover import Handover
    memory_fd, event_fd_0, event_fd_1, count = map(int, sys.argv[1:])
    handover = Handover.attach(memory_fd, (event_fd_0, event_fd_1), 0)
    sent = 0
    while sent < count:
        body = bytes([sent % 251]) * (sent * 7919 % 3000)
        data = sent.to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body
        if handover.push_datagram(1, data, ("192.0.2.1", sent % 65536), sent % 7):
            sent += 1
            if sent % 16 == 0:
                handover.flush_wakeups()
        else:
            handover.flush_wakeups()
    handover.flush_wakeups()
""")


def test_two_processes_lose_and_change_nothing():
    count = 30_000
    control = Handover.create(2, RING)
    consumer = Handover.attach(control.memory_fd, control.event_fds, 1)
    producer = subprocess.Popen([sys.executable, "-c", HAMMER, *map(str, control.fds), str(count)],
                                pass_fds=control.fds)
    try:
        expected = 0
        while expected < count:
            assert select.select([consumer.fileno()], [], [], 30)[0], f"no wake-up after {expected} datagrams"
            consumer.acknowledge()
            for data, source, index in drain(consumer):
                assert int.from_bytes(data[:4], "big") == expected
                assert int.from_bytes(data[4:8], "big") == zlib.crc32(data[8:])
                assert (source, index) == (("192.0.2.1", expected % 65536), expected % 7)
                expected += 1
        assert producer.wait(30) == 0
        assert consumer.statistics()["handover_damaged"] == 0
    finally:
        producer.kill()
        producer.wait()
        control.close()


def test_a_producer_killed_at_any_moment_leaves_whole_datagrams():
    control = Handover.create(2, RING)
    consumer = Handover.attach(control.memory_fd, control.event_fds, 1)
    try:
        for life in range(6):
            producer = subprocess.Popen([sys.executable, "-c", HAMMER, *map(str, control.fds), "100000000"],
                                        pass_fds=control.fds)
            seen = 0
            while seen < 500 * (life + 1):
                assert select.select([consumer.fileno()], [], [], 30)[0]
                consumer.acknowledge()
                for _ in range(100):
                    if (entry := consumer.pop_datagram()) is None:
                        break
                    assert int.from_bytes(entry[0][:4], "big") == seen
                    assert len(entry[0]) == 8 + seen * 7919 % 3000
                    seen += 1
            producer.kill()
            producer.wait()
            drain(consumer)
        assert consumer.statistics()["handover_damaged"] == 0
    finally:
        control.close()
