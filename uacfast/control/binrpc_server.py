"""binrpc over streams (unix, TCP) and datagrams (unix, UDP): packets in, packets out, in order on each connection."""
import asyncio
import socket
from collections import deque
from typing import Any, NamedTuple

from uacfast import log
from uacfast.control import binrpc
from uacfast.control.dispatcher import Dispatcher
from uacfast.fault import Fault

PIPELINED_MAX = 64                  # requests of a connection that wait for the one before
UNREAD_SECONDS = 5.0                # a client that reads none of its replies for so long is dropped

logger = log.get("control")


class Connection(NamedTuple):
    """The two ends of a stream, as ctl.who shows them; no port for unix."""
    transport: str
    peer: str
    peer_port: str
    local: str
    local_port: str


class Binrpc:
    """What all transports share: a request's packet to a reply's packet."""

    def __init__(self, dispatcher: Dispatcher, octets_max: int, connections_max: int):
        self._dispatcher = dispatcher
        self.octets_max = octets_max
        self.connections_max = connections_max
        self.connections: set[StreamConnection] = set()

    async def answer(self, header: binrpc.Header, body: bytes) -> bytes:
        """The reply to one packet. CorruptedPacket: it is no request."""
        try:
            request = binrpc.read_request(header, body)
            result = await self._dispatcher.run(request.method, request.arguments)
            return binrpc.reply_packet(header.cookie, result)
        except Fault as fault:
            return binrpc.fault_packet(header.cookie, fault.code, fault.message)
        except TypeError as error:
            logger.error("a result cannot be sent over binrpc", exc_info=error)
            return binrpc.fault_packet(header.cookie, 500, "the result cannot be sent over binrpc")

    async def answer_datagram(self, octets: bytes) -> bytes | None:
        """The reply to a datagram, None where it is not complete."""
        try:
            header = binrpc.read_header(octets)
            if header is None or len(octets) < header.octets + header.body_octets:
                return None
            body = octets[header.octets:header.octets + header.body_octets]
            reply = await self.answer(header, body)
        except binrpc.CorruptedPacket as corrupted:
            return binrpc.fault_packet(corrupted.cookie, 400, corrupted.message)
        if len(reply) > 65_535:
            return binrpc.fault_packet(header.cookie, 500, "reply too big for a datagram; use a stream")
        return reply


class StreamConnection(asyncio.Protocol):
    """One client of a stream."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: Binrpc):
        self._loop = loop
        self._server = server
        self._transport: Any = None
        self._incoming = bytearray()
        self._waiting: deque[tuple[binrpc.Header, bytes]] = deque()
        self._last_words = b""          # what follows the last reply, then the connection is closed
        self._ending = False
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Refused at once when there are too many."""
        self._transport = transport
        if len(self._server.connections) >= self._server.connections_max:
            logger.warning("binrpc connection is refused: there are %d already (control.connections)",
                           self._server.connections_max)
            self._ending = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=binrpc.PACKET_OCTETS_MAX)
        self._server.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """What it asked for and has not got is given up."""
        self._server.connections.discard(self)
        self._ending = True
        if self._unread is not None:
            self._unread.cancel()
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """Ends it at once."""
        self._transport.abort()

    def describe(self) -> Connection:
        """Both ends."""
        opened = self._transport.get_extra_info("socket")
        if opened.family == socket.AF_UNIX:
            peer = opened.getpeername() or "<anonymous unix socket>"
            return Connection("unix_stream", _shown(peer), "", _shown(opened.getsockname()), "")
        peer, local = opened.getpeername(), opened.getsockname()
        return Connection("tcp", peer[0], str(peer[1]), local[0], str(local[1]))

    def data_received(self, data: bytes) -> None:
        """Takes whole packets out; reading pauses while too many wait."""
        if self._ending:
            return
        self._incoming += data
        try:
            while self._take_packet():
                pass
        except binrpc.CorruptedPacket as corrupted:
            self._end(binrpc.fault_packet(corrupted.cookie, 400, corrupted.message))
        if self._waiting and self._task is None:
            self._task = self._loop.create_task(self._serve())
        if len(self._waiting) >= PIPELINED_MAX and not self._ending:
            self._transport.pause_reading()

    def _take_packet(self) -> bool:
        header = binrpc.read_header(self._incoming)
        if header is None:
            return False
        if header.octets + header.body_octets > self._server.octets_max:
            raise binrpc.CorruptedPacket(f"bad request: more than {self._server.octets_max} octets", header.cookie)
        end = header.octets + header.body_octets
        if len(self._incoming) < end:
            return False
        self._waiting.append((header, bytes(self._incoming[header.octets:end])))
        del self._incoming[:end]
        return True

    async def _serve(self) -> None:
        while self._waiting:
            await self._writable.wait()
            header, body = self._waiting.popleft()
            if len(self._waiting) < PIPELINED_MAX // 2 and not self._ending:
                self._transport.resume_reading()
            try:
                self._transport.write(await self._server.answer(header, body))
            except binrpc.CorruptedPacket as corrupted:
                self._waiting.clear()
                self._end(binrpc.fault_packet(corrupted.cookie, 400, corrupted.message))
        self._task = None
        if self._ending:
            self._close()

    def _end(self, last_words: bytes) -> None:
        """No more is read; what was asked before is answered first."""
        self._ending = True
        self._last_words = last_words
        self._incoming.clear()
        self._transport.pause_reading()
        if self._task is None and not self._waiting:
            self._close()

    def _close(self) -> None:
        self._transport.write(self._last_words)
        self._transport.close()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._writable.clear()
        self._unread = self._loop.call_later(UNREAD_SECONDS, self._give_up)

    def resume_writing(self) -> None:
        """It has read some."""
        self._writable.set()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        logger.warning("a binrpc client does not read its replies and is dropped")
        self._transport.abort()


def _shown(path: str | bytes) -> str:
    return path.decode("utf-8", "replace") if isinstance(path, bytes) else path
