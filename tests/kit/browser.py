"""A headless Chromium, steered over its DevTools protocol."""
import asyncio
import contextlib
import itertools
import json
import os
import signal
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from kit.programs import required

START_TIMEOUT = 60.0


class Browser:
    """One page of a browser: `async with Browser(folder) as page`. `complaints` are errors of the page's script, of its
    security policy and of its requests; `requested` the URLs that it asked for."""

    def __init__(self, folder: Path):
        self._folder = folder / "chromium"
        self._process: asyncio.subprocess.Process | None = None
        self._session: ClientSession | None = None
        self._socket: ClientWebSocketResponse | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listening: asyncio.Task[None] | None = None
        self.complaints: list[str] = []
        self.requested: list[str] = []

    async def __aenter__(self) -> "Browser":
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self) -> None:
        self._folder.mkdir()
        # Without its own sandbox: tests may run as root, where it does not start with one.
        self._process = await asyncio.create_subprocess_exec(
            required("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--remote-debugging-port=0",
            f"--user-data-dir={self._folder}", "about:blank",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True)
        port = await self._port()
        self._session = ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as response:
            page = next(target for target in await response.json() if target["type"] == "page")
        self._socket = await self._session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        self._listening = asyncio.create_task(self._listen())
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.command(f"{domain}.enable")

    async def __aexit__(self, *_error: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):       # the processes that it has started, too
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def _port(self) -> int:
        """It writes its port into a file."""
        async with asyncio.timeout(START_TIMEOUT):
            while True:
                path = self._folder / "DevToolsActivePort"
                if path.exists() and "\n" in (text := path.read_text()):
                    return int(text.splitlines()[0])
                assert self._process.returncode is None, "chromium has ended before it was ready"
                await asyncio.sleep(0.02)

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type != WSMsgType.TEXT:
                return
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Runtime.exceptionThrown":
                self.complaints.append(said["params"]["exceptionDetails"]["text"])
            elif said["method"] == "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            elif said["method"] == "Network.requestWillBeSent":
                self.requested.append(said["params"]["request"]["url"])

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """The result of a command of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await answer
        assert "error" not in said, said
        return said["result"]

    async def open(self, url: str) -> None:
        """Goes to a page."""
        await self.command("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        result = await self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def until(self, script: str, wanted: Any = True) -> None:
        """Waits until an expression has this value."""
        found = None
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while (found := await self.evaluate(script)) != wanted:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{script} is {found!r} and not {wanted!r}") from None
