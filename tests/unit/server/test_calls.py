"""Calls between the control part and its workers, with one worker in this process and with several of their own."""
import asyncio
import logging
import os
import signal
import socket

import pytest
import uvloop

from uacfast import config
from uacfast.calls import RESULT_OCTETS_MAX
from uacfast.control.part import Part
from uacfast.fault import Fault, Unreachable
from uacfast.server import Server

PATIENCE = 30.0


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(tmp_path):
    """serve(workers, scenario): runs `await scenario(server)` beside a running server, whose exit status it checks."""
    root, own = logging.getLogger(), logging.getLogger("uacfast")
    before = root.handlers[:], root.level, own.level

    def run(workers, scenario, prepare=lambda server: None, status=0):
        path = tmp_path / "uacfast.toml"
        path.write_text(f'[server]\nworkers = {workers}\n[[listen]]\nuri = "udp:127.0.0.1:{free_port()}"\n')

        async def play():
            server = Server(str(path), config.load(str(path)), engine="stand_in_engine:Engine")
            prepare(server)
            running = asyncio.create_task(server.run())
            async with asyncio.timeout(PATIENCE):
                if scenario is not None:
                    while None in await server.statistics():
                        await asyncio.sleep(0.005)
                    await scenario(server)
                    signal.raise_signal(signal.SIGTERM)
                assert await running == status
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(play())
    yield run
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


both = pytest.mark.parametrize("workers", [1, 2])


@both
def test_every_worker_answers(serve, workers):
    async def scenario(server):
        given = [None, True, -5, 2**63, 1.5, "text", b"\x00\xff", ["a"], {"key": {"inner": []}}]
        assert await server.call_worker(workers - 1, "echo", *given) == [workers - 1, *given]
        assert await server.call_workers("echo", (1, 2)) == [[worker, [1, 2]] for worker in range(workers)]
    serve(workers, scenario)


@both
def test_results_are_copies(serve, workers):
    async def scenario(server):
        given = ["a"]
        assert (await server.call_worker(0, "echo", given))[1] is not given
    serve(workers, scenario)


@both
@pytest.mark.parametrize("call,code,words", [
    (("refuse", 404, "Record not found"), 404, "^Record not found$"),
    (("no such",), 500, "command no such not found"),
    (("break",), 500, "command break failed; the log says why"),
    (("object",), 500, "command object failed"),
    (("refuse", 404), 500, "command refuse failed"),
    (("much", RESULT_OCTETS_MAX), 500, "the result of much is larger than"),
    (("echo", object()), 500, "the arguments of echo cannot be sent"),
    (("echo", 2**80), 500, "the arguments of echo cannot be sent"),
])
def test_what_cannot_be_done_is_a_fault(serve, workers, call, code, words):
    async def scenario(server):
        with pytest.raises(Fault, match=words) as fault:
            await server.call_worker(0, *call)
        assert fault.value.code == code
        with pytest.raises(Fault, match=words):
            await server.call_workers(*call)
        assert await server.call_worker(0, "echo", "alive") == [0, "alive"]
    # str(Fault) begins with the code
    words = words.replace("^", f"^{code} ")
    serve(workers, scenario)


@both
def test_a_large_result_arrives_whole(serve, workers):
    async def scenario(server):
        assert len(await server.call_worker(workers - 1, "much", 40 << 20)) == 40 << 20
    serve(workers, scenario)


@both
def test_a_silent_command_times_out(serve, workers):
    async def scenario(server):
        with pytest.raises(Unreachable, match="worker 0 has not answered sleep within 0.05 s"):
            await server.call_worker(0, "sleep", timeout=0.05)
        assert await server.call_workers("sleep", timeout=0.05) == [None] * workers
        assert await server.call_worker(0, "echo") == [0]
    serve(workers, scenario)


@both
def test_workers_ask_and_tell_the_control_part(serve, workers):
    told = []

    async def slow(worker, name):
        await asyncio.sleep(0.01)
        return f"{name} of {worker}"

    def refuse(_worker):
        raise Fault(409, "not now")

    def prepare(server):
        server.services |= {"slow": slow, "refuse": refuse, "note": lambda *arguments: told.append(arguments)}

    async def scenario(server):
        assert await server.call_workers("ask", "slow", "row") == [f"row of {worker}" for worker in range(workers)]
        with pytest.raises(Fault, match="409 not now"):
            await server.call_worker(0, "ask", "refuse")
        with pytest.raises(Fault, match="command nothing not found"):
            await server.call_worker(0, "ask", "nothing")
        await server.call_worker(workers - 1, "tell", "note", 1, "two")
        await server.call_worker(workers - 1, "tell", "refuse")
        while not told:
            await asyncio.sleep(0.005)
        assert told == [(workers - 1, 1, "two")]
    serve(workers, scenario, prepare)


@pytest.mark.parametrize("running", ["sleep", "hang"])
def test_a_worker_that_dies_ends_the_calls_to_it(serve, running):
    async def scenario(server):
        waiting = asyncio.create_task(server.call_worker(1, running, timeout=PATIENCE))
        await asyncio.sleep(0.05)
        os.kill(server._supervisor.pids[1], signal.SIGKILL)
        with pytest.raises(Unreachable, match="worker 1 has ended"):
            await waiting
        answers = await server.call_workers("echo")
        assert answers[0] == [0]
        while await server.call_workers("echo") != [[0], [1]]:
            await asyncio.sleep(0.01)
    serve(2, scenario)


class Noting(Part):
    def __init__(self, server):
        self.server = server
        self.heard = []

    async def start(self):
        self.heard.append("start")

    async def worker_ready(self, index):
        self.heard.append(await self.server.call_worker(index, "echo", "ready"))

    async def close(self):
        self.heard.append(await self.server.call_worker(0, "echo", "close"))


@both
def test_parts_hear_of_the_life_of_the_server(serve, workers, capfd):
    parts = []

    def prepare(server):
        parts.append(Noting(server))
        server.parts += parts

    async def scenario(server):
        while "uacfast ready" not in capfd.readouterr().err:
            await asyncio.sleep(0.005)
        assert parts[0].heard[0] == "start"
        assert sorted(parts[0].heard[1:]) == [[worker, "ready"] for worker in range(workers)]
        if workers > 1:
            os.kill(server._supervisor.pids[1], signal.SIGKILL)
            while parts[0].heard.count([1, "ready"]) < 2:
                await asyncio.sleep(0.01)
    serve(workers, scenario, prepare)
    assert parts[0].heard[-1] == [0, "close"]


@both
def test_a_part_that_cannot_start_ends_the_program(serve, workers, capfd):
    class Failing(Noting):
        async def start(self):
            raise OSError("the room is locked")

        async def close(self):
            self.heard.append("closed")
    parts = []

    def prepare(server):
        parts.append(Failing(server))
        server.parts += parts
    serve(workers, None, prepare, status=1)
    assert "uacfast: the room is locked\n" in capfd.readouterr().err
    assert parts[0].heard == ["closed"]
