"""The way of a message between the control part and a worker: a socket between processes, the loop within one.

Both kinds of channel have the same three things: send(), close() and the two callbacks `on_message(message)` and
`on_closed()`, which are called from the loop, never from within send(). Set the callbacks before the loop runs on.
"""
import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

MESSAGE_OCTETS_MAX = 64 << 20   # a configuration with very many routes; anything longer is nonsense
UNSENT_OCTETS_MAX = 128 << 20   # a peer that reads nothing for so long is given up
_READ_OCTETS = 1 << 18
_PREFIX_OCTETS = 4              # length of the message, big-endian


class SocketChannel:
    """Messages as msgpack, each after its length, over one end of a stream socketpair.

    `received` is the union of message types that the peer may send. A peer that sends anything else is cut off: the
    channel closes as if the peer had.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, stream: socket.socket, received: Any):
        self.on_message: Callable[[Any], None] | None = None
        self.on_closed: Callable[[], None] | None = None
        self._loop = loop
        self._stream: socket.socket | None = stream
        self._decoder = msgspec.msgpack.Decoder(received)
        self._encoder = msgspec.msgpack.Encoder()
        self._incoming = bytearray()
        self._unsent: deque[memoryview] = deque()
        self._unsent_octets = 0
        stream.setblocking(False)
        loop.add_reader(stream, self._readable)

    def send(self, message: msgspec.Struct) -> None:
        """Queues a message; the order is kept. After the channel has closed it does nothing."""
        if self._stream is None:
            return
        body = self._encoder.encode(message)
        if self._unsent_octets + len(body) > UNSENT_OCTETS_MAX:
            self._fail()
            return
        self._unsent.append(memoryview(len(body).to_bytes(_PREFIX_OCTETS, "big") + body))
        self._unsent_octets += _PREFIX_OCTETS + len(body)
        if len(self._unsent) == 1:
            self._write()

    def close(self) -> None:
        """Closes without calling on_closed. What is unsent is lost."""
        if self._stream is None:
            return
        self._loop.remove_reader(self._stream)
        self._loop.remove_writer(self._stream)
        self._stream.close()
        self._stream = None

    def _write(self) -> None:
        while self._unsent:
            try:
                sent = self._stream.send(self._unsent[0])
            except BlockingIOError:
                self._loop.add_writer(self._stream, self._write)
                return
            except OSError:
                self._fail()
                return
            self._unsent_octets -= sent
            if sent < len(self._unsent[0]):
                self._unsent[0] = self._unsent[0][sent:]
            else:
                self._unsent.popleft()
        self._loop.remove_writer(self._stream)

    def _readable(self) -> None:
        try:
            data = self._stream.recv(_READ_OCTETS)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail()
            return
        self._incoming += data
        while self._stream is not None and (body := self._next_body()) is not None:
            try:
                message = self._decoder.decode(body)
            except msgspec.MsgspecError:
                self._fail()
                return
            self.on_message(message)

    def _next_body(self) -> bytes | None:
        if len(self._incoming) < _PREFIX_OCTETS:
            return None
        length = int.from_bytes(self._incoming[:_PREFIX_OCTETS], "big")
        if length > MESSAGE_OCTETS_MAX:
            self._fail()
            return None
        if len(self._incoming) < _PREFIX_OCTETS + length:
            return None
        body = bytes(self._incoming[_PREFIX_OCTETS:_PREFIX_OCTETS + length])
        del self._incoming[:_PREFIX_OCTETS + length]
        return body

    def _fail(self) -> None:
        if self._stream is None:
            return
        self.close()
        if self.on_closed is not None:
            self._loop.call_soon(self.on_closed)


class LocalChannel:
    """One end of a channel within a process; made in pairs. The messages are passed as they are: they are frozen."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self.on_message: Callable[[Any], None] | None = None
        self.on_closed: Callable[[], None] | None = None
        self._loop = loop
        self._peer: LocalChannel | None = None

    @classmethod
    def pair(cls, loop: asyncio.AbstractEventLoop) -> "tuple[LocalChannel, LocalChannel]":
        """Two connected ends."""
        one, other = cls(loop), cls(loop)
        one._peer, other._peer = other, one
        return one, other

    def send(self, message: msgspec.Struct) -> None:
        """Queues a message; the order is kept. After the channel has closed it does nothing."""
        if self._peer is not None:
            self._loop.call_soon(self._peer._deliver, message)

    def close(self) -> None:
        """Closes without calling on_closed here; the peer's is called. Messages on their way still arrive there."""
        peer, self._peer = self._peer, None
        if peer is not None:
            self._loop.call_soon(peer._peer_closed)

    def _deliver(self, message: msgspec.Struct) -> None:
        if self._peer is not None and self.on_message is not None:
            self.on_message(message)

    def _peer_closed(self) -> None:
        if self._peer is not None:
            self._peer = None
            if self.on_closed is not None:
                self.on_closed()
