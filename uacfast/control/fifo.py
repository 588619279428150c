"""The request FIFO of kamctl: JSON-RPC documents in, replies into the FIFO that each request names.

kamctl waits for its reply without end, so whoever named a reply FIFO hears something, even where its document is no
JSON.
"""
import asyncio
import errno
import os
import re
import stat
from collections.abc import Awaitable, Callable

from uacfast import log
from uacfast.control.jsonrpc import Reply, reply_name_of

REPLY_PATH_OCTETS_MAX = 128
OPEN_RETRIES = 4                # the reader of the reply may not have opened it yet
RETRY_SECONDS = 0.08
WRITE_SECONDS = 5.0             # how long a reader that does not read is waited for
PARTIAL_SECONDS = 2.0           # a document that is not finished by then is given up
RUNNING_MAX = 64
_READ_OCTETS = 65_536
_BACKSLASH = 0x5C
_MARKS = re.compile(rb"\\.|[{}\"']", re.DOTALL)
_CUT_SHORT = b"{"               # no JSON: what a document that is given up is answered as

logger = log.get("control")


class Documents:
    """Cuts a stream of octets into documents: from a `{` to the `}` that balances it, outside of quotes."""

    def __init__(self, octets_max: int):
        self._octets_max = octets_max
        self._text = bytearray()
        self._at = 0
        self._depth = 0
        self._quote = b""

    @property
    def unfinished(self) -> bool:
        """A document has begun and has not ended."""
        return self._depth > 0

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """(the documents that are complete now, what was given up because it is too long)."""
        self._text += data
        found: list[bytes] = []
        while mark := _MARKS.search(self._text, self._at):
            self._at = mark.end()
            octet = mark[0]
            if octet[0] == _BACKSLASH:
                if self._quote == b"" and len(octet) == 2:
                    self._at -= 1       # outside of quotes it escapes nothing
            elif self._quote:
                if octet == self._quote:
                    self._quote = b""
            elif octet == b"{":
                if self._depth == 0:
                    self._forget(self._at - 1)
                self._depth += 1
            elif self._depth == 0:
                continue                # before a document anything is tolerated
            elif octet == b"}":
                self._depth -= 1
                if self._depth == 0:
                    found.append(bytes(self._text[:self._at]))
                    self._forget(self._at)
            else:
                self._quote = octet
        if self._depth == 0:
            self._forget(len(self._text))
        elif len(self._text) > self._octets_max:
            return found, self.give_up()
        else:
            # A backslash at the end waits for what it escapes.
            self._at = len(self._text) - self._text.endswith(b"\\")
        return found, b""

    def give_up(self) -> bytes:
        """Forgets what has not ended, and returns it."""
        given_up = bytes(self._text)
        self._forget(len(self._text))
        self._depth = 0
        self._quote = b""
        return given_up

    def _forget(self, count: int) -> None:
        del self._text[:count]
        self._at -= count


class FifoServer:
    """Answers documents from `fd`, a FIFO open for reading and writing, by `answer(document)`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, octets_max: int, reply_folder: str,
                 answer: Callable[[bytes], Awaitable[Reply]]):
        self._loop = loop
        self._fd = fd
        self._reply_folder = reply_folder
        self._answer = answer
        self._documents = Documents(octets_max)
        self._partial: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._watching = False
        self._watch()

    def close(self) -> None:
        """Documents under way are given up."""
        if self._partial is not None:
            self._partial.cancel()
        if self._watching:
            self._loop.remove_reader(self._fd)
        for task in self._running:
            task.cancel()
        os.close(self._fd)
        self._fd = -1

    def _watch(self) -> None:
        self._loop.add_reader(self._fd, self._readable)
        self._watching = True

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_OCTETS)
        except BlockingIOError:
            return
        documents, too_long = self._documents.feed(data)
        for document in documents:
            self._run(self._serve(document))
        if too_long:
            self._discard(too_long, "is too long (control.request_size)")
        if self._partial is not None:
            self._partial.cancel()
            self._partial = None
        if self._documents.unfinished:
            self._partial = self._loop.call_later(PARTIAL_SECONDS, self._partial_expired)
        if len(self._running) >= RUNNING_MAX:
            self._loop.remove_reader(self._fd)
            self._watching = False

    def _partial_expired(self) -> None:
        self._partial = None
        self._discard(self._documents.give_up(), f"has not ended within {PARTIAL_SECONDS:g} s")

    def _discard(self, octets: bytes, why: str) -> None:
        logger.warning("a document in the FIFO %s and is dropped", why)
        # Documents of others may hang behind the broken one: all who wait are told.
        for part in octets.split(b'"reply_name"')[1:]:
            name = reply_name_of(b'"reply_name"' + part)
            if name is not None:
                self._run(self._refuse(name))

    def _run(self, work: Awaitable[None]) -> None:
        task = self._loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.result()
        if not self._watching and self._fd >= 0 and len(self._running) < RUNNING_MAX:
            self._watch()

    async def _serve(self, document: bytes) -> None:
        reply = await self._answer(document)
        if reply.reply_name is not None:
            await self._deliver(reply.reply_name, reply.text)

    async def _refuse(self, name: str) -> None:
        await self._deliver(name, (await self._answer(_CUT_SHORT)).text)

    async def _deliver(self, name: str, text: bytes) -> None:
        path = os.path.join(self._reply_folder, name)
        if not name or set(name) & set("./\\\0") or len(os.fsencode(path)) > REPLY_PATH_OCTETS_MAX:
            logger.warning("reply_name is not the name of a FIFO; it may not hold . / or \\",
                           extra=log.fields(reply_name=name[:REPLY_PATH_OCTETS_MAX]))
            return
        try:
            fd = await self._open(path)
        except OSError as error:
            logger.warning("reply FIFO cannot be written: %s", error.strerror or error, extra=log.fields(path=path))
            return
        try:
            await self._write(fd, text)
        except OSError as error:
            logger.warning("reply FIFO was not read to the end: %s", error.strerror or error,
                           extra=log.fields(path=path))
        finally:
            os.close(fd)

    async def _open(self, path: str) -> int:
        # The folder is everybody's: a link or a plain file there could make us write where the client may not.
        for attempt in range(OPEN_RETRIES + 1):
            before = os.lstat(path)
            if not stat.S_ISFIFO(before.st_mode) or before.st_nlink != 1:
                raise OSError(errno.EPERM, "it is not a FIFO with one name")
            try:
                fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError as error:
                if error.errno != errno.ENXIO or attempt == OPEN_RETRIES:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
                continue
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino, found.st_nlink) == (before.st_dev, before.st_ino, 1):
                return fd
            os.close(fd)
            raise OSError(errno.EPERM, "it was replaced while it was opened")
        raise OSError(errno.ENXIO, "nobody reads it")

    async def _write(self, fd: int, text: bytes) -> None:
        rest = memoryview(text)
        deadline = self._loop.time() + WRITE_SECONDS
        while rest:
            try:
                rest = rest[os.write(fd, rest):]
                deadline = self._loop.time() + WRITE_SECONDS
            except BlockingIOError:
                if self._loop.time() > deadline:
                    raise OSError(errno.ETIMEDOUT, "its reader does not read") from None
                await asyncio.sleep(RETRY_SECONDS / 8)
