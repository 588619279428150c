"""The HTTP port: JSON-RPC, status codes, limits, what strangers' web pages may not, and octets that are no HTTP."""
import asyncio
import contextlib
import json

import pytest
from aiohttp import ClientSession, FormData
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.control.dispatcher import Records
from uacfast.fault import Fault

PARTS = [b"POST /rpc HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n", b"Host: 127.0.0.1\r\n", b"Content-Length: 5\r\n",
         b"\r\n", b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n",
         b"0\r\n\r\n",
         b"\x00\xff", b"{", b"}", b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n", b"hello", b"a" * 9000]


@pytest.fixture
def http(serve):
    """http(scenario): `await scenario(session, url, server)`."""
    def run(scenario, extra="", prepare=lambda server: None):
        async def play(server, _listeners):
            host, port = server.config.control.http_address
            async with ClientSession() as session:
                await scenario(session, f"http://{host}:{port}", server)
        serve(f'http = "127.0.0.1:PORT"\n{extra}', play, prepare)
    return run


def call(method, *arguments, **members):
    return {"jsonrpc": "2.0", "method": method, "params": list(arguments), "id": 1} | members


@pytest.mark.parametrize("path", ["/rpc", "/RPC"])
@pytest.mark.parametrize("document,status,reason", [
    (call("test.back", 1), 200, "OK"), (call("test.refuse", 404, "Record not found"), 404, "Record not found"),
    (call("test.refuse", 400, "non-existent counter a.b\n"), 400, "non-existent counter a.b"),
    (call("test.refuse", 409, "ändert\r\nSet-Cookie: a"), 409, "ändert Set-Cookie: a"),
    (call("no.such"), 500, "Method Not Found"), (call("test.refuse", 9, "x"), 500, "x"), ({}, 400, "Invalid Request"),
    ([call("no.such")], 200, "OK"),
])
def test_status(http, path, document, status, reason):
    async def scenario(session, url, _server):
        async with session.post(url + path, json=document) as response:
            assert (response.status, response.reason, response.content_type) == (status, reason, "application/json")
            assert "Set-Cookie" not in response.headers
            answer = await response.json()
            assert (answer[0] if isinstance(answer, list) else answer)["jsonrpc"] == "2.0"
    http(scenario)


def test_status_is_200_when_asked_for(http):
    async def scenario(session, url, _server):
        async with session.post(f"{url}/rpc", json=call("test.refuse", 404, "x")) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (200, 404)
    http(scenario, "http_fault_status = false\n")


def test_broken_and_too_large(http):
    async def scenario(session, url, _server):
        async with session.post(f"{url}/rpc", data=b"{") as response:
            assert (response.status, (await response.json())["error"]["code"]) == (400, -32700)
        async with session.post(f"{url}/rpc", data=b" " * 3000) as response:
            assert response.status == 413
        async with session.get(f"{url}/rpc") as response:
            assert response.status == 405
        async with session.get(f"{url}/nothing") as response:
            assert response.status == 404
        async with session.post(f"{url}/rpc", json=call("test.text", 3_000_000)) as response:
            assert len((await response.json())["result"]) == 3_000_000
    http(scenario, "request_size = 2048\n")


FOREIGN = {"Origin": "http://evil.example"}
OWN = {"X-Uacfast-Dashboard": "1"}


@pytest.mark.parametrize("path,headers,status", [
    ("/rpc", {}, 200), ("/rpc", FOREIGN, 403), ("/rpc", {"Origin": "null"}, 403), ("/rpc", {"Origin": "URL"}, 403),
    ("/rpc", {"Sec-Fetch-Site": "cross-site"}, 403), ("/rpc", {"Sec-Fetch-Site": "same-origin"}, 403),
    ("/rpc", {"Host": "evil.example:8088"}, 403), ("/rpc", {"Host": "localhost:1"}, 200),
    ("/rpc", {"Host": "[::1]"}, 200),
    ("/rpc", {"Host": "sip.example.com"}, 200), ("/rpc", {"Host": "sip.example.com:99"}, 200),
    ("/rpc", {"Host": "xsip.example.com"}, 403),
    ("/dashboard/action", {}, 403), ("/dashboard/action", OWN | FOREIGN, 403), ("/dashboard/action", OWN, 200),
    ("/dashboard/action", OWN | {"Origin": "URL"}, 200), ("/dashboard/action", {"Origin": "URL"}, 403),
    ("/dashboard/action", OWN | {"Sec-Fetch-Site": "cross-site"}, 403),
    ("/dashboard/action", OWN | {"Sec-Fetch-Site": "same-site"}, 403),
])
def test_pages_of_strangers(http, path, headers, status):
    async def scenario(session, url, server):
        ran = []
        server.dispatcher.add("uac.reg_enable", ran.append, "")
        sent = {name: url if value == "URL" else value for name, value in headers.items()}
        document = call("uac.reg_enable") if path == "/rpc" else {"action": "enable", "l_uuid": "a"}
        async with session.post(url + path, json=document, headers=sent) as response:
            assert response.status == status
            assert "Access-Control-Allow-Origin" not in response.headers
        assert bool(ran) == (status == 200)
    http(scenario, 'actions = true\nhttp_names = ["sip.example.com"]\n')


def test_forms_of_strangers(http):
    """A form needs no permission of the browser: it is known by its Origin."""
    async def scenario(session, url, _server):
        async with session.post(f"{url}/rpc", data=FormData({"a": "b"}), headers=FOREIGN) as response:
            assert response.status == 403
    http(scenario)


def records(server):
    rows = [{"l_uuid": f"id{number}", "r_username": "bob", "r_domain": "example.com", "auth_password": "geheim",
             "auth_ha1": "0123", "flags": 4, "diff_expires": 5} for number in range(1000)]
    server.dispatcher.add("uac.reg_search", lambda arguments: search(*arguments), "")

    def search(wanted, most):
        return Records([row for row in rows if wanted.lower() in row["l_uuid"]][:most])


def test_registrations_without_their_secrets(http):
    async def scenario(session, url, _server):
        async with session.get(f"{url}/dashboard/registrations") as response:
            answer = await response.json()
            assert (len(answer["rows"]), answer["more"]) == (200, True)
            assert not set(answer["rows"][0]) & {"auth_password", "auth_ha1"}
        async with session.get(f"{url}/dashboard/registrations", params={"search": "ID99"}) as response:
            assert [row["l_uuid"] for row in (await response.json())["rows"]] == ["id99", *(
                f"id99{digit}" for digit in range(10))]
        async with session.get(f"{url}/dashboard/registrations", params={"search": "geheim"}) as response:
            assert await response.json() == {"rows": [], "more": False}
    http(scenario, prepare=records)


def test_registrations_by_the_command_that_searches(http):
    asked = []

    def prepare(server):
        server.dispatcher.add("uac.reg_search", lambda arguments: asked.append(arguments) or Records(), "")

    async def scenario(session, url, _server):
        async with session.get(f"{url}/dashboard/registrations", params={"search": " bob "}) as response:
            assert await response.json() == {"rows": [], "more": False}
        assert asked == [["bob", 201]]
    http(scenario, prepare=prepare)


@pytest.mark.parametrize("allowed", [True, False])
def test_actions(http, allowed):
    ran = []

    def not_found(arguments):
        raise Fault(404, "Record not found")

    def prepare(server):
        server.dispatcher.add("uac.reg_disable", ran.append, "")
        server.dispatcher.add("uac.reg_refresh", not_found, "")
        server.dispatcher.add("uac.reg_explain", lambda arguments: {"reason": f"why {arguments[0]}"}, "")

    async def scenario(session, url, _server):
        async def act(document):
            async with session.post(f"{url}/dashboard/action", data=document, headers=OWN) as response:
                return response.status
        assert await act(b'{"action": "disable", "l_uuid": "a"}') == (200 if allowed else 403)
        assert ran == ([["l_uuid", "a"]] if allowed else [])
        if allowed:
            assert await act(b'{"action": "refresh", "l_uuid": "a"}') == 404
            for document in (b"{", b"{}", b'{"action": "remove", "l_uuid": "a"}', b'{"action": "enable"}',
                             b'{"action": "enable", "l_uuid": 5}'):
                assert await act(document) == 400
        async with session.get(f"{url}/dashboard/explain", params={"l_uuid": "x"}) as response:
            assert await response.json() == {"explanation": {"reason": "why x"}}
    http(scenario, f"actions = {str(allowed).lower()}\n", prepare)


def test_pages_need_nothing_from_elsewhere(http):
    async def scenario(session, url, _server):
        for path in ("/", "/dashboard/page.js", "/dashboard/page.css"):
            async with session.get(url + path) as response:
                text = await response.text()
                assert response.status == 200 and "://" not in text and "innerHTML" not in text
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    http(scenario)


def test_too_many_connections(http):
    async def scenario(session, url, server):
        host, port = server.config.control.http_address
        open_ones = [await asyncio.open_connection(host, port) for _ in range(2)]
        for reader, writer in open_ones:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        reader, writer = await asyncio.open_connection(host, port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        for _, writer in open_ones:
            writer.close()
    http(scenario, "connections = 2\n")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.binary(max_size=20), max_size=12))
def test_octets_that_are_no_http(fuzzed, parts):
    fuzzed(b"".join(parts))


@pytest.fixture(scope="module")
def fuzzed():
    """Sends octets to one server, and asks afterwards whether it lives."""
    from aiohttp import web

    from kit.ports import free_port
    from uacfast.control.dispatcher import Dispatcher
    from uacfast.control.http import HttpServer, make_application
    from uacfast.control.jsonrpc import JsonRpc
    from uacfast.control.opening import open_inet

    dispatcher = Dispatcher()
    dispatcher.add("back", lambda arguments: arguments, "")
    loop = asyncio.new_event_loop()
    port = free_port()

    async def nothing(_request):
        return web.Response()
    server = HttpServer(make_application(JsonRpc(dispatcher), None, (), 1000, True, [web.get("/", nothing)]), 1000)
    loop.run_until_complete(server.start(open_inet("127.0.0.1", port, 1, "test")))

    async def exchange(octets):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(octets)
        if writer.can_write_eof():
            writer.write_eof()
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                await reader.read()
        writer.close()
        body = json.dumps(call("back", 1)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /rpc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(body), body))
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()

    yield lambda octets: loop.run_until_complete(exchange(octets))
    loop.run_until_complete(server.close())
    loop.close()
