"""binrpc over its four transports: order, limits, slow and broken clients, connections."""
import asyncio
import contextlib

import pytest

from kit.control import datagram, in_thread
from uacfast.control import binrpc, binrpc_server

CORE_VERSION = binrpc.request_packet(5, "core.version", [])
VERSION = "uacfast 1.2.3 "


async def read_packet(reader):
    """(type, cookie, values or the fault) of the next packet, None at the end."""
    start = await reader.read(1)
    if not start:
        return None
    data = bytearray(start)
    while (header := binrpc.read_header(data)) is None:
        data += await reader.readexactly(1)
    body = await reader.readexactly(header.body_octets)
    try:
        return header.cookie, binrpc.read_reply(header, body)
    except binrpc.Fault as fault:
        return header.cookie, (fault.code, fault.message)


def is_version(values):
    return len(values) == 1 and values[0].startswith(VERSION)


@pytest.fixture(params=["unix", "tcp"])
def stream(request, serve, tmp_path):
    """stream(scenario): `await scenario(reader, writer, listeners)` for a client of a stream listener."""
    def run(scenario, extra=""):
        address = "unixs:FOLDER/ctl" if request.param == "unix" else "tcp:127.0.0.1:PORT"

        async def play(server, listeners):
            path = server.config.control.binrpc_addresses[0]
            if request.param == "unix":
                reader, writer = await asyncio.open_unix_connection(path.path)
            else:
                reader, writer = await asyncio.open_connection(path.host, path.port)
            try:
                return await scenario(reader, writer, listeners)
            finally:
                writer.close()
        return serve(f'binrpc = ["{address}"]\n{extra}', play)
    return run


def test_one_octet_at_a_time(stream):
    async def scenario(reader, writer, _listeners):
        for octet in CORE_VERSION:
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0)
        cookie, values = await read_packet(reader)
        assert cookie == 5 and is_version(values)
    stream(scenario)


def test_a_thousand_pipelined_requests_are_answered_in_order(stream):
    async def scenario(reader, writer, _listeners):
        writer.write(b"".join(binrpc.request_packet(cookie, "test.back" if cookie % 2 else "no.such", [cookie])
                              for cookie in range(1000)))
        for cookie in range(1000):
            expected = [cookie] if cookie % 2 else (500, "command no.such not found")
            assert await read_packet(reader) == (cookie, expected)
    stream(scenario)


def test_recorded_octets_and_who_is_closed(stream, vectors):
    """The recorded version and the command that only the recorded server has are left out."""
    compared = 0
    for vector in vectors["raw_protocol"]:
        sent, expected = bytes.fromhex(vector["sent"]), bytes.fromhex(vector["received"])
        if b"core.version" in sent or b"uac." in sent:
            continue

        async def scenario(reader, writer, _listeners, sent=sent, expected=expected, vector=vector):
            writer.write(sent)
            assert await reader.readexactly(len(expected)) == expected, vector["name"]
            if vector["server_closed_connection"]:
                assert await reader.read() == b""
            else:
                writer.write(CORE_VERSION)
                assert is_version((await read_packet(reader))[1])
        stream(scenario)
        compared += 1
    assert compared == 12


def test_what_was_asked_before_the_broken_packet_is_answered(stream):
    async def scenario(reader, writer, _listeners):
        writer.write(CORE_VERSION + CORE_VERSION + b"\xff\xff")
        assert is_version((await read_packet(reader))[1])
        assert is_version((await read_packet(reader))[1])
        assert await read_packet(reader) == (0, (400, "bad request: corrupted packet"))
        assert await reader.read() == b""
    stream(scenario)


def test_a_huge_length_is_refused_at_once(stream):
    async def scenario(reader, writer, _listeners):
        writer.write(bytes.fromhex("a10f7fffffff00000009"))
        assert await read_packet(reader) == (9, (400, "bad request: more than 4096 octets"))
        assert await reader.read() == b""
    stream(scenario, "request_size = 4096\n")


def test_a_reply_of_the_greatest_size(stream):
    async def scenario(reader, writer, _listeners):
        writer.write(binrpc.request_packet(1, "test.text", [130_000]))
        assert await read_packet(reader) == (1, ["x" * 130_000])
        writer.write(binrpc.request_packet(2, "test.text", [140_000]))
        cookie, (code, text) = await read_packet(reader)
        assert (cookie, code) == (2, 500) and text.startswith("reply too big")
    stream(scenario)


def test_a_client_that_does_not_read_is_dropped_and_stops_nobody(stream, monkeypatch):
    monkeypatch.setattr(binrpc_server, "UNREAD_SECONDS", 0.2)

    async def scenario(reader, writer, listeners):
        connections = listeners._binrpc.connections
        writer.transport.pause_reading()
        writer.write(b"".join(binrpc.request_packet(cookie, "test.text", [100_000]) for cookie in range(200)))
        while not connections:
            await asyncio.sleep(0.005)
        hoarded = 0
        while connections:
            hoarded = max(hoarded, *(one._transport.get_write_buffer_size() for one in connections), 0)
            await asyncio.sleep(0.005)
        assert 0 < hoarded < 1 << 20
    stream(scenario)


def test_too_many_connections(serve):
    async def scenario(server, _listeners):
        path = server.config.control.binrpc_addresses[0].path
        open_ones = [await asyncio.open_unix_connection(path) for _ in range(3)]
        for reader, writer in open_ones:
            writer.write(CORE_VERSION)
            assert is_version((await read_packet(reader))[1])
        reader, writer = await asyncio.open_unix_connection(path)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        open_ones[0][1].close()
        for _ in range(200):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(CORE_VERSION)
            with contextlib.suppress(ConnectionError):
                if await read_packet(reader) is not None:
                    break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("the place of a connection that was closed is not given again")
        for _, one in [*open_ones, (reader, writer)]:
            one.close()
    serve('binrpc = "unixs:FOLDER/ctl"\nconnections = 3\n', scenario)


@pytest.mark.parametrize("kind", ["unixd", "udp"])
def test_datagrams(serve, tmp_path, kind):
    async def scenario(server, _listeners):
        address = server.config.control.binrpc_addresses[0]
        target = address.path or (address.host, address.port)

        def ask(octets, patience=5.0):
            return datagram(target, octets, tmp_path, patience)
        reply = await in_thread(ask, CORE_VERSION)
        header = binrpc.read_header(reply)
        assert is_version(binrpc.read_reply(header, reply[header.octets:]))
        assert await in_thread(ask, b"\xff") == bytes.fromhex(
            "a1302300200190911e62616420726571756573743a20636f72727570746564207061636b657400")
        for too_big in (70_000, 200_000):
            reply = await in_thread(ask, binrpc.request_packet(1, "test.text", [too_big]))
            header = binrpc.read_header(reply)
            assert header.type == binrpc.FAULT and b"reply too big" in reply
        assert await in_thread(ask, CORE_VERSION[:-1], 0.05) is None
        assert await in_thread(ask, CORE_VERSION) is not None
    serve(f'binrpc = "{"unixd:FOLDER/ctl" if kind == "unixd" else "udp:127.0.0.1:PORT"}"\n', scenario)


def test_who_listens_and_who_is_connected(serve):
    async def scenario(server, _listeners):
        unix, tcp = server.config.control.binrpc_addresses[:2]
        assert await server.dispatcher.run("ctl.listen", []) == [
            "binrpc", "unix_stream", unix.path, "", "binrpc", "tcp", "127.0.0.1", str(tcp.port),
            "binrpc", "udp", "127.0.0.1", str(tcp.port)]
        reader, writer = await asyncio.open_unix_connection(unix.path)
        writer.write(binrpc.request_packet(1, "ctl.who", []))
        assert await read_packet(reader) == (
            1, ["binrpc", "unix_stream", "<anonymous unix socket>", "", unix.path, ""])
        other, other_writer = await asyncio.open_connection("127.0.0.1", tcp.port)
        other_writer.write(binrpc.request_packet(1, "ctl.connections", []))
        assert await read_packet(other) == (1, [2])
        writer.close()
        while await server.dispatcher.run("ctl.connections", []) != 1:
            await asyncio.sleep(0.005)
        other_writer.write(binrpc.request_packet(1, "ctl.who", []))
        port = other_writer.get_extra_info("sockname")[1]
        assert await read_packet(other) == (
            1, ["binrpc", "tcp", "127.0.0.1", str(port), "127.0.0.1", str(tcp.port)])
        other_writer.close()
    serve('binrpc = ["unixs:FOLDER/ctl", "tcp:127.0.0.1:PORT", "udp:127.0.0.1:PORT"]\n', scenario)


def test_a_client_that_goes_away_takes_its_requests_with_it(stream):
    async def scenario(_reader, writer, listeners):
        writer.write(binrpc.request_packet(1, "test.sleep", []))
        connections = listeners._binrpc.connections
        while not any(one._task for one in connections):
            await asyncio.sleep(0.005)
        task = next(iter(connections))._task
        writer.close()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert not connections
    stream(scenario)
