"""The dashboard's page and what it asks for: numbers, registrations, and, where allowed, three actions on them."""
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from uacfast.control.dispatcher import Dispatcher
from uacfast.control.jsonrpc import to_json
from uacfast.control.metrics import Metrics
from uacfast.fault import Fault

STATIC = Path(__file__).with_name("static")
FILES = {"/": ("index.html", "text/html"), "/dashboard/page.js": ("dashboard.js", "text/javascript"),
         "/dashboard/page.css": ("dashboard.css", "text/css")}
ROWS_MAX = 200
SECRETS = {"auth_password", "auth_ha1"}
# What the buttons do: the command and its arguments before the record's id.
ACTIONS = {"enable": ("uac.reg_enable", ["l_uuid"]), "disable": ("uac.reg_disable", ["l_uuid"]),
           "refresh": ("uac.reg_refresh", [])}
SEARCH = "uac.reg_search"           # text, most rows -> records


class Dashboard:
    """Its routes. With `actions` false it only shows."""

    def __init__(self, dispatcher: Dispatcher, metrics: Metrics, version: str, actions: bool):
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._version = version
        self.actions = actions

    def routes(self) -> list[web.RouteDef]:
        """What HttpServer's application is to serve."""
        return [*(web.get(path, _file(name, kind)) for path, (name, kind) in FILES.items()),
                web.get("/dashboard/state", self._state), web.get("/dashboard/registrations", self._registrations),
                web.get("/dashboard/explain", self._explain), web.post("/dashboard/action", self._act)]

    async def _state(self, _request: web.Request) -> web.Response:
        samples = [[sample.name, sample.labels, sample.value] for metric in await self._metrics.read()
                   if metric.type != "histogram" for sample in metric.samples]
        return _json({"version": self._version, "actions": self.actions, "samples": samples,
                      "registrations": self._dispatcher.help_of(SEARCH) is not None})

    async def _registrations(self, request: web.Request) -> web.Response:
        wanted = request.query.get("search", "").strip()
        try:
            found = await self._dispatcher.run(SEARCH, [wanted, ROWS_MAX + 1])
        except Fault as fault:
            return _refused(fault)
        rows = [{name: value for name, value in row.items() if name not in SECRETS} for row in found[:ROWS_MAX]]
        return _json({"rows": rows, "more": len(found) > ROWS_MAX})

    async def _explain(self, request: web.Request) -> web.Response:
        try:
            return _json({"explanation": await self._dispatcher.run("uac.reg_explain",
                                                                    [request.query.get("l_uuid", "")])})
        except Fault as fault:
            return _refused(fault)

    async def _act(self, request: web.Request) -> web.Response:
        if not self.actions:
            return _refused(Fault(403, "Actions are off; control.actions = true allows them."))
        try:
            wanted = msgspec.json.decode(await request.read(), type=dict[str, str])
            command, arguments = ACTIONS[wanted["action"]]
            arguments = [*arguments, wanted["l_uuid"]]
        except (msgspec.DecodeError, KeyError):
            return _refused(Fault(400, "Expected an action (enable, disable or refresh) and a l_uuid."))
        try:
            await self._dispatcher.run(command, arguments)
        except Fault as fault:
            return _refused(fault)
        return _json({})


def _file(name: str, kind: str) -> Any:
    text = (STATIC / name).read_bytes()

    async def show(_request: web.Request) -> web.Response:
        return web.Response(body=text, content_type=kind, charset="utf-8")
    return show


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=to_json(value), status=status, content_type="application/json")


def _refused(fault: Fault) -> web.Response:
    return _json({"error": fault.message}, fault.code if 400 <= fault.code <= 599 else 500)
