"""Webhooks: how much waits for one that is slow."""
import asyncio

import pytest

from uacfast.control import webhooks
from uacfast.control.webhooks import Webhooks


class Server:
    def __init__(self):
        self.services = {}


def test_what_waits_is_bounded(monkeypatch, caplog):
    monkeypatch.setattr(webhooks, "WAITING_MAX", 3)

    async def play():
        connections = []
        listener = await asyncio.start_server(lambda reader, writer: connections.append(writer), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        server = Server()
        part = Webhooks(server)
        for number in range(7):
            server.services["webhook"](0, f"http://127.0.0.1:{port}/secret", {"number": number})
        async with asyncio.timeout(10):
            while len(connections) < 3:
                await asyncio.sleep(0.01)
        assert len(part._tasks) == 3
        await part.close()
        for writer in connections:
            writer.close()
        listener.close()
    asyncio.run(play())
    lines = [record for record in caplog.records if "events are lost" in record.getMessage()]
    assert [record.fields["lost"] for record in lines] == [1, 3] and "secret" not in str([r.fields for r in lines])


def test_end_without_an_event():
    asyncio.run(Webhooks(Server()).close())


@pytest.mark.parametrize("url,place", [("https://u:p@hook.example/a?b", "https://hook.example"),
                                       ("http://[::1]:80/x", "http://[::1]:80")])
def test_what_is_logged_of_a_url(url, place):
    assert webhooks._place(url) == place
