"""A control part without workers: the listeners on a stand-in server, in the loop of the test."""
import asyncio
import json
from pathlib import Path

import pytest
import uvloop

from kit.ports import free_port
from uacfast.config import parse
from uacfast.control.dispatcher import Records
from uacfast.control.listeners import Listeners
from uacfast.fault import Fault

PATIENCE = 30.0
DATA = Path(__file__).parents[2] / "data"


class StandInServer:
    """What Listeners need of uacfast.server.Server; `counters` has each worker's."""

    def __init__(self, text):
        from uacfast.control.dispatcher import Dispatcher
        self.config = parse(f'[[listen]]\nuri = "udp:127.0.0.1:5060"\n[control]\n{text}')
        self.dispatcher = Dispatcher()
        self.services = {}
        self.counters = [{}]
        self.commands = {}
        self.pids = [1]

    @property
    def workers(self):
        return len(self.counters)

    async def statistics(self):
        return self.counters

    async def total_statistics(self):
        total = {}
        for counters in self.counters:
            for name, count in (counters or {}).items():
                total[name] = total.get(name, 0) + count
        return total

    def own_statistics(self):
        return {}

    def settings(self):
        return {"tm": {"fr_timer": 30000}, "uac": {"restore_passwd": "***"}}

    async def call_worker(self, index, name, *arguments):
        if name not in self.commands:
            raise Fault(500, f"command {name} not found")
        return self.commands[name](*arguments)

    async def call_workers(self, name, *arguments):
        return [await self.call_worker(index, name, *arguments) for index in range(self.workers)]


async def _never(_arguments):
    await asyncio.sleep(3600)


def add_test_commands(dispatcher):
    dispatcher.add("test.rows", lambda arguments: Records({"number": row} for row in range(arguments[0])), "")
    dispatcher.add("test.text", lambda arguments: "x" * arguments[0], "")
    dispatcher.add("test.refuse", lambda arguments: _refuse(*arguments), "")
    dispatcher.add("test.nothing", lambda arguments: None, "")
    dispatcher.add("test.sleep", _never, "")
    dispatcher.add("test.back", lambda arguments: arguments, "")


def _refuse(code, text):
    raise Fault(code, text)


@pytest.fixture
def serve(tmp_path):
    """serve(text, scenario): `await scenario(server, listeners)` beside listeners with this [control] section. FOLDER
    and PORT in the text are the test's own."""
    def run(text, scenario, prepare=lambda server: None):
        text = text.replace("FOLDER", str(tmp_path))
        if "PORT" in text:
            text = text.replace("PORT", str(free_port()))

        async def play():
            server = StandInServer(text)
            add_test_commands(server.dispatcher)
            prepare(server)
            listeners = Listeners(server, "1.2.3")
            try:
                await listeners.start()
                async with asyncio.timeout(PATIENCE):
                    await listeners.worker_ready(0)
                    return await scenario(server, listeners)
            finally:
                await listeners.close()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(play())
    return run


@pytest.fixture(scope="session")
def vectors():
    return json.loads((DATA / "binrpc-vectors.json").read_text())
