"""The FIFO of kamctl: documents in a stream of octets, replies into FIFOs of strangers."""
import asyncio
import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.control import fifo
from uacfast.control.fifo import Documents


def cut(octets, sizes=(), octets_max=8191):
    """(documents, what was given up) of octets that come in pieces of these sizes."""
    documents = Documents(octets_max)
    found, dropped = [], b""
    for size in [*sizes, len(octets)]:
        piece, octets = octets[:size], octets[size:]
        complete, too_long = documents.feed(piece)
        found += complete
        dropped += too_long
    return found, dropped, documents


@pytest.mark.parametrize("octets,expected", [
    (b'{"a":1}\n{"b":2}{"c":{}}', [b'{"a":1}', b'{"b":2}', b'{"c":{}}']),
    (b' x }} "{"a":"}"} ', [b'{"a":"}"}']), (b'{"a":"\\"}"}', [b'{"a":"\\"}"}']), (b"{'a':'}'}", [b"{'a':'}'}"]),
    (b'{"it\'s":"{"}', [b'{"it\'s":"{"}']), (b'{"a":"\\\\"}', [b'{"a":"\\\\"}']),
])
def test_documents(octets, expected):
    assert cut(octets)[0] == expected


@given(st.lists(st.text('{}"\\\' a\n', max_size=12), max_size=8), st.lists(st.integers(0, 9), max_size=20))
def test_pieces_do_not_matter(texts, sizes):
    octets = "".join(texts).encode()
    assert cut(octets, sizes)[:2] == cut(octets)[:2]


@given(st.binary(max_size=400), st.lists(st.integers(0, 60), max_size=20))
def test_memory_is_bounded(octets, sizes):
    found, dropped, documents = cut(octets, sizes, octets_max=50)
    assert len(documents._text) <= 50
    assert all(len(document) <= 50 + 400 for document in found)


def test_too_long():
    found, dropped, documents = cut(b'{"a":"' + b"x" * 100, octets_max=50)
    assert found == [] and len(dropped) == 106 and not documents.unfinished


class Client:
    """A client with a reply FIFO, as kamctl: a reader in a thread, then one write into the request FIFO."""

    def __init__(self, folder, name="reply_1"):
        self.folder = folder
        self.name = name
        self.path = folder / name
        self.text = None
        os.mkfifo(self.path)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        self.text = self.path.read_text()

    def send(self, octets):
        (self.folder / "requests").write_bytes(octets)

    async def reply(self):
        await asyncio.to_thread(self.thread.join, 20)
        assert self.text is not None, "no reply"
        return json.loads(self.text)


@pytest.fixture
def with_fifo(serve, tmp_path):
    def run(scenario, extra=""):
        async def play(server, listeners):
            await scenario(tmp_path)
        serve(f'fifo = "FOLDER/requests"\nfifo_reply_dir = "FOLDER"\n{extra}', play)
    return run


def document(method, *parameters, reply_name="reply_1", **members):
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": list(parameters), "reply_name": reply_name,
                       "id": 31147} | members).encode() + b"\n"


def test_a_command(with_fifo):
    async def scenario(folder):
        client = Client(folder)
        await asyncio.to_thread(client.send, document("test.back", "a", 1))
        assert await client.reply() == {"jsonrpc": "2.0", "result": ["a", 1], "id": 31147}
    with_fifo(scenario)


@pytest.mark.parametrize("octets,code", [
    (b'{"jsonrpc": "2.0", "method": "a", "params": [007], "reply_name": "reply_1", "id": 5}\n', -32700),
    (b'{"jsonrpc": "2.0", "method": "a", "params": ["x"y"], "reply_name": "reply_1", "id": 5}\n', -32700),
    (b'{"reply_name": "reply_1"}', -32600), (document("no.such"), 500),
    (b'{"jsonrpc": "2.0", "reply_name": "reply_1", "params": ["' + b"x" * 2000, -32700),
    (b'{"jsonrpc": "2.0", "reply_name": "reply_1", "params": [', -32700),
])
def test_whoever_waits_hears_something(with_fifo, monkeypatch, octets, code):
    monkeypatch.setattr(fifo, "PARTIAL_SECONDS", 0.1)

    async def scenario(folder):
        client = Client(folder)
        await asyncio.to_thread(client.send, octets)
        assert (await client.reply())["error"]["code"] == code
        after = Client(folder, "reply_2")
        await asyncio.to_thread(after.send, document("test.nothing", reply_name="reply_2"))
        assert (await after.reply())["result"] == {}
    with_fifo(scenario, "request_size = 1024\n")


def test_two_who_hang_on_one_broken_document_both_hear(with_fifo, monkeypatch):
    monkeypatch.setattr(fifo, "PARTIAL_SECONDS", 0.1)

    async def scenario(folder):
        clients = [Client(folder, "reply_1"), Client(folder, "reply_2")]
        await asyncio.to_thread(clients[0].send, b'{"method": {"reply_name": "reply_1"')
        await asyncio.to_thread(clients[1].send, document("test.nothing", reply_name="reply_2"))
        for client in clients:
            assert (await client.reply())["error"]["code"] == -32700
    with_fifo(scenario)


def test_a_large_reply_to_a_slow_reader(with_fifo):
    async def scenario(folder):
        client = Client(folder)
        await asyncio.to_thread(client.send, document("test.text", 1_000_000))
        assert (await client.reply())["result"] == "x" * 1_000_000
    with_fifo(scenario)


def test_the_reader_may_come_late(with_fifo):
    async def scenario(folder):
        os.mkfifo(folder / "late")
        await asyncio.to_thread((folder / "requests").write_bytes, document("test.nothing", reply_name="late"))
        await asyncio.sleep(0.1)
        text = await asyncio.to_thread((folder / "late").read_text)
        assert json.loads(text)["result"] == {}
    with_fifo(scenario)


@pytest.mark.parametrize("make", ["link", "file", "hard link", "missing", "folder"])
def test_what_is_no_fifo_is_not_written(with_fifo, caplog, make):
    async def scenario(folder):
        victim = folder / "victim"
        victim.write_text("untouched")
        if make == "link":
            (folder / "reply_1").symlink_to(victim)
        elif make == "file":
            (folder / "reply_1").write_text("untouched")
        elif make == "hard link":
            os.mkfifo(folder / "fifo")
            os.link(folder / "fifo", folder / "reply_1")
        elif make == "folder":
            (folder / "reply_1").mkdir()
        await asyncio.to_thread((folder / "requests").write_bytes, document("test.nothing"))
        while "reply FIFO cannot be written" not in caplog.text:
            await asyncio.sleep(0.005)
        assert victim.read_text() == "untouched"
        if make == "file":
            assert (folder / "reply_1").read_text() == "untouched"
    with_fifo(scenario)


@pytest.mark.parametrize("name", ["../reply_1", "a/b", "a.b", "a\\b", "", "a\0b", "x" * 200])
def test_names_that_lead_elsewhere(with_fifo, caplog, name):
    async def scenario(folder):
        await asyncio.to_thread((folder / "requests").write_bytes, document("test.nothing", reply_name=name))
        while "is not the name of a FIFO" not in caplog.text:
            await asyncio.sleep(0.005)
    with_fifo(scenario)


def test_a_reader_that_stops_reading_holds_up_nobody(with_fifo, monkeypatch, caplog):
    monkeypatch.setattr(fifo, "WRITE_SECONDS", 0.2)

    async def scenario(folder):
        os.mkfifo(folder / "stuck")
        reader = os.open(folder / "stuck", os.O_RDONLY | os.O_NONBLOCK)
        await asyncio.to_thread((folder / "requests").write_bytes,
                                document("test.text", 1_000_000, reply_name="stuck"))
        client = Client(folder)
        await asyncio.to_thread(client.send, document("test.nothing"))
        assert (await client.reply())["result"] == {}
        while "its reader does not read" not in caplog.text:
            await asyncio.sleep(0.005)
        os.close(reader)
    with_fifo(scenario)


def test_many_at_once(with_fifo):
    async def scenario(folder):
        clients = [Client(folder, f"reply_{number}") for number in range(100)]
        octets = b"".join(document("test.back", number, reply_name=client.name)
                          for number, client in enumerate(clients))
        await asyncio.to_thread(clients[0].send, octets)
        for number, client in enumerate(clients):
            assert (await client.reply())["result"] == [number]
    with_fifo(scenario)
