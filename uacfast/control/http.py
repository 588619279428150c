"""The HTTP port: POST /rpc (JSON-RPC), GET /metrics, and the dashboard.

A web page of a stranger that an operator's browser has open must not be able to command us: requests that come from
pages are taken for the dashboard only, from its own origin and with a header that other origins cannot send; and the
Host must be an address, localhost or a name from `http_names`, so that a name pointed at us by a stranger is no way in.
"""
import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from uacfast import log
from uacfast.control.jsonrpc import JsonRpc
from uacfast.control.metrics import CONTENT_TYPE, Metrics

RPC_PATHS = ("/rpc", "/RPC")
DASHBOARD_HEADER = "X-Uacfast-Dashboard"
CLOSE_SECONDS = 1.0
HEADER_OCTETS_MAX = 8190
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                               "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store", "Server": "uacfast",
}

logger = log.get("control")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpServer:
    """Serves an application on a bound, listening socket."""

    def __init__(self, application: web.Application, connections_max: int):
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_SECONDS,
                                     handle_signals=False, max_line_size=HEADER_OCTETS_MAX,
                                     max_field_size=HEADER_OCTETS_MAX)
        self._connections_max = connections_max
        self._server: asyncio.Server | None = None

    async def start(self, opened: socket.socket) -> None:
        """Begins to serve."""
        await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(self._protocol, sock=opened)

    async def close(self) -> None:
        """Requests under way are given a second."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _protocol(self) -> asyncio.Protocol:
        if len(self._runner.server.connections) >= self._connections_max:
            logger.warning("HTTP connection is refused: there are %d already (control.connections)",
                           self._connections_max)
            return _Refusing()
        return self._runner.server()


class _Refusing(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.abort()


def make_application(rpc: JsonRpc, metrics: Metrics, names: tuple[str, ...], request_size: int, fault_status: bool,
                     routes: list[web.RouteDef]) -> web.Application:
    """The application. `routes` are the dashboard's, below /dashboard except for GET / ."""
    known = {name.lower().rpartition(":")[0] or name.lower() for name in names} | {name.lower() for name in names}
    application = web.Application(client_max_size=request_size, middlewares=[_guard(known)])

    async def answer_rpc(request: web.Request) -> web.Response:
        reply = await rpc.answer(await request.read(), batch=True)
        status = reply.status if fault_status else 200
        reason = " ".join(reply.reason.split()).encode("latin-1", "replace").decode("latin-1")
        return web.Response(body=reply.text, status=status, reason=reason if fault_status else None,
                            content_type="application/json")

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    application.router.add_routes([*(web.post(path, answer_rpc) for path in RPC_PATHS),
                                   web.get("/metrics", show_metrics), *routes])
    return application


def _guard(known: set[str]) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = _refusal(request, known)
        if refused:
            return web.Response(status=403, text=f"{refused}\n", headers=_SECURITY_HEADERS)
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            answer.headers.update(_SECURITY_HEADERS)
            raise
        response.headers.update(_SECURITY_HEADERS)
        return response
    return guard


def _refusal(request: web.Request, known: set[str]) -> str:
    """Why a request is not taken; "" when it is."""
    host = request.headers.get("Host", "localhost")
    if not _is_ours(host.lower(), known):
        return "This name is not ours: add it to control.http_names."
    if request.method in ("GET", "HEAD"):
        return ""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
    if request.path.startswith("/dashboard"):
        if request.headers.get(DASHBOARD_HEADER) != "1" or site not in ("same-origin", "none"):
            return "Only the dashboard's own page may do this."
        return "" if origin in (None, f"http://{host}", f"https://{host}") else "This is another page's request."
    return "Web pages may not send commands." if origin is not None or site != "none" else ""


def _is_ours(host: str, known: set[str]) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit() or host.endswith("]"):
        name = host
    if name == "localhost" or name in known or host in known:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
