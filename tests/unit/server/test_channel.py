"""Channels: one behaviour, whether the worker is a process or not; every test runs on asyncio and uvloop."""
import asyncio
import socket

import pytest
import uvloop

from uacfast import messages
from uacfast.channel import MESSAGE_OCTETS_MAX, LocalChannel, SocketChannel


class Ends:
    """Two connected channels, what each received, and the loop they live on."""

    def __init__(self, loop, kind):
        self.loop = loop
        self.raw = None
        if kind == "local":
            self.control, self.worker = LocalChannel.pair(loop)
        else:
            ours, theirs = socket.socketpair()
            self.control = SocketChannel(loop, ours, messages.ToControl)
            self.worker = SocketChannel(loop, theirs, messages.ToWorker)
        self.to_control, self.to_worker, self.closed = [], [], []
        self.control.on_message = self.to_control.append
        self.worker.on_message = self.to_worker.append
        self.control.on_closed = lambda: self.closed.append("control")
        self.worker.on_closed = lambda: self.closed.append("worker")

    def until(self, condition):
        async def wait():
            async with asyncio.timeout(20):
                while not condition():
                    await asyncio.sleep(0)
        self.loop.run_until_complete(wait())


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request):
    made = request.param()
    yield made
    made.close()


@pytest.fixture(params=["local", "socket"])
def ends(loop, request):
    made = Ends(loop, request.param)
    yield made
    made.control.close()
    made.worker.close()


START = messages.Start(worker=1, workers=2, config=b"\x00\xff", sockets=(messages.ListenSocket(7, "::1", 5060, 0),),
                       siphash_key=bytes(16), memory_fd=4, event_fds=(5, 6))
TO_WORKER = [START, messages.Reload(serial=1, config=b"x"), messages.Drain(), messages.StatisticsRequest(serial=2),
             messages.Stop()]
TO_CONTROL = [messages.Heartbeat(), messages.Ready(), messages.StartFailed(reason="no"), messages.Drained(active=3),
              messages.ReloadResult(serial=1, error=""), messages.Statistics(serial=2, counters={"a": 2**63})]


def test_every_message_arrives_in_order(ends):
    for message in TO_WORKER:
        ends.control.send(message)
    for message in TO_CONTROL:
        ends.worker.send(message)
    assert not ends.to_worker, "never from within send()"
    ends.until(lambda: len(ends.to_worker) == len(TO_WORKER) and len(ends.to_control) == len(TO_CONTROL))
    assert ends.to_worker == TO_WORKER
    assert ends.to_control == TO_CONTROL


def test_messages_larger_than_the_kernel_buffers(ends):
    sent = [messages.Reload(serial=number, config=bytes([number]) * 3_000_000) for number in range(5)]
    for message in sent:
        ends.control.send(message)
    ends.until(lambda: len(ends.to_worker) == 5)
    assert ends.to_worker == sent


def test_closing_tells_the_other_end_after_the_last_message(ends):
    ends.worker.send(messages.StartFailed(reason="no"))
    ends.worker.close()
    ends.until(lambda: ends.closed)
    assert ends.closed == ["control"]
    assert ends.to_control == [messages.StartFailed(reason="no")]
    ends.control.send(messages.Drain())
    ends.worker.send(messages.Ready())
    ends.worker.close()


@pytest.mark.parametrize("octets", [
    b"\x00\x00\x00\x01\xc1",                                            # no msgpack
    b"\x00\x00\x00\x0b\x81\xa4type\xa4Stop",                            # a message for workers only
    b"\x00\x00\x00\x00",
    (MESSAGE_OCTETS_MAX + 1).to_bytes(4, "big"),
])
def test_a_peer_that_sends_nonsense_is_cut_off(loop, octets):
    ours, theirs = socket.socketpair()
    control = SocketChannel(loop, ours, messages.ToControl)
    closed = []
    control.on_message = closed.append
    control.on_closed = lambda: closed.append("closed")
    ends = Ends(loop, "local")
    theirs.send(octets)
    ends.until(lambda: closed)
    assert closed == ["closed"]
    assert theirs.recv(1) == b""
    theirs.close()


def test_octet_by_octet(loop):
    ours, theirs = socket.socketpair()
    control = SocketChannel(loop, ours, messages.ToControl)
    received = []
    control.on_message = received.append
    ends = Ends(loop, "local")
    for octet in b"\x00\x00\x00\x0c\x81\xa4type\xa5Ready" * 2:
        theirs.send(bytes([octet]))
        ends.until(lambda: True)
        loop.run_until_complete(asyncio.sleep(0))
    ends.until(lambda: len(received) == 2)
    assert received == [messages.Ready()] * 2
    control.close()
    theirs.close()
