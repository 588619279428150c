"""A name server for tests: answers over UDP and TCP on one port of 127.0.0.1 from a table, and misbehaves on demand.

Encodes DNS messages itself (RFC 1035 §4), so that the resolver under test is not held against its own library.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import struct
from collections import defaultdict

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "AAAA": 28, "SRV": 33}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 2, 3, 4, 5


def encoded_name(name: str) -> bytes:
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def encoded_record(owner: str, kind: str, ttl: int, data: bytes) -> bytes:
    return encoded_name(owner) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


def read_question(message: bytes) -> tuple[str, str, int]:
    """(name in lower case, type, offset behind the question)"""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    number, = struct.unpack_from("!H", message, at + 1)
    return ".".join(labels).lower(), TYPE_NAMES.get(number, str(number)), at + 5


class DnsStub(asyncio.DatagramProtocol):
    """`async with DnsStub() as stub`: `stub.address` is "127.0.0.1:port".

    questions   (name, type, "udp" | "tcp") in the order of arrival
    rcodes      the answer code to all questions of a (name, type); the key None stands for every question
    silent      nothing is answered
    hold        answers wait until this event is set
    truncated   (name, type) that get an empty, truncated answer over UDP
    tamper      takes (answer, question's end) and returns the octets to send, None for none
    """

    def __init__(self):
        self.questions: list[tuple[str, str, str]] = []
        self.rcodes: dict[tuple[str, str] | None, int] = {}
        self.silent = False
        self.hold = asyncio.Event()
        self.hold.set()
        self.truncated: set[tuple[str, str]] = set()
        self.tamper = None
        self._records: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        self._names: set[str] = set()
        self._tasks: set[asyncio.Task] = set()

    def add(self, owner: str, kind: str, data: bytes, ttl: int = 300, answers: str | None = None) -> None:
        """Adds a record to the answer for (`answers` or `owner`, `kind`)."""
        self._names.add((answers or owner).lower())
        self._records[(answers or owner).lower(), kind].append(encoded_record(owner, kind, ttl, data))

    def address_record(self, owner: str, address: str, ttl: int = 300) -> None:
        packed = ipaddress.ip_address(address).packed
        self.add(owner, "A" if len(packed) == 4 else "AAAA", packed, ttl)

    def service_record(self, owner: str, priority: int, weight: int, port: int, target: str, ttl: int = 300) -> None:
        self.add(owner, "SRV", struct.pack("!HHH", priority, weight, port) + encoded_name(target), ttl)

    def alias(self, owner: str, target: str, kind: str = "A", ttl: int = 300, answers: str | None = None) -> None:
        """Puts a CNAME into the answer to a question of type `kind`."""
        self._names.add((answers or owner).lower())
        self._records[(answers or owner).lower(), kind].append(encoded_record(owner, "CNAME", ttl,
                                                                              encoded_name(target)))

    def also(self, question: str, kind: str, record: bytes) -> None:
        """Puts any encoded record into the answer to a question."""
        self._records[question.lower(), kind].append(record)

    def clear(self) -> None:
        self._records.clear()
        self._names.clear()

    def asked(self, name: str, kind: str) -> int:
        """How often this was asked."""
        return sum(question[:2] == (name, kind) for question in self.questions)

    async def __aenter__(self) -> DnsStub:
        loop = asyncio.get_running_loop()
        while True:
            self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
            port = self._udp.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", port)
            except OSError:
                self._udp.close()   # somebody has the TCP port of that number
                continue
            self.address = f"127.0.0.1:{port}"
            return self

    async def __aexit__(self, *_) -> None:
        self._udp.close()
        self._tcp.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def datagram_received(self, data: bytes, address) -> None:
        task = asyncio.create_task(self._answer_udp(data, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_udp(self, data: bytes, address) -> None:
        answer = await self._answer(data, "udp")
        if answer is not None:
            self._udp.sendto(answer, address)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                length, = struct.unpack("!H", await reader.readexactly(2))
                answer = await self._answer(await reader.readexactly(length), "tcp")
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()

    async def _answer(self, query: bytes, way: str) -> bytes | None:
        name, kind, end = read_question(query)
        self.questions.append((name, kind, way))
        await self.hold.wait()
        if self.silent:
            return None
        records = self._records.get((name, kind), [])
        known = name in self._names
        rcode = self.rcodes.get((name, kind), self.rcodes.get(None, NOERROR if known else NXDOMAIN))
        flags = 0x8180 | rcode
        if rcode != NOERROR:
            records = []
        if way == "udp" and (name, kind) in self.truncated:
            records, flags = [], flags | 0x0200
        authority = [] if records else [encoded_record(".", "SOA", 3600, encoded_name("ns.") * 2
                                                       + struct.pack("!5I", 1, 3600, 600, 86400, 3600))]
        head = query[:2] + struct.pack("!5H", flags, 1, len(records), len(authority), 0)
        answer = head + query[12:end] + b"".join(records + authority)
        return self.tamper(answer, end) if self.tamper else answer
