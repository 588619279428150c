"""`uacfast rpc` against every transport: typing of arguments, output, exit status."""
import asyncio
import io
import json

import pytest
from rich.console import Console

from kit.control import in_thread
from uacfast import cli
from uacfast.control.client import show, typed
from uacfast.control.dispatcher import Members, Records

WAYS = {"http": 'http = "127.0.0.1:PORT"', "json": 'unix = "FOLDER/sock"', "unixs": 'binrpc = "unixs:FOLDER/sock"',
        "unixd": 'binrpc = "unixd:FOLDER/sock"', "tcp": 'binrpc = "tcp:127.0.0.1:PORT"',
        "udp": 'binrpc = "udp:127.0.0.1:PORT"'}


@pytest.mark.parametrize("text,value", [
    ("5", 5), ("+7", 7), ("-5", -5), ("010", 10), ("", 0), ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0),
    ("0x1F", 31.0), ("s:1", "1"), ("s:1.5", "1.5"), ("s:", ""), ("s:s:1", "s:1"), ("S:1", "S:1"), ("i:5", "i:5"),
    ("abc", "abc"), ("1 ", "1 "), ("nan", "nan"), ("inf", "inf"), ("-inf", "-inf"), ("1_0", "1_0"), ("1e999", "1e999"),
    ("true", "true"), ("0x", "0x"), ("4294967296", 4294967296),
])
def test_typing_of_arguments(text, value):
    found = typed(text)
    assert (found, type(found)) == (value, type(value))


@pytest.fixture
def rpc(serve, tmp_path, capsys):
    """rpc(way, *arguments): (exit status, output, error output) of `uacfast rpc` against a server with this way in."""
    def run(way, *arguments, prepare=lambda server: None):
        async def scenario(server, _listeners):
            control = server.config.control
            lines = []
            for name in ("http", "unix", "fifo"):
                lines.append(f"{name} = {json.dumps(getattr(control, name))}")
            lines.append(f"binrpc = {json.dumps(list(control.binrpc))}")
            path = tmp_path / "uacfast.toml"
            path.write_text('[[listen]]\nuri = "udp:127.0.0.1:5060"\n[control]\n' + "\n".join(lines))
            return await in_thread(cli.main, ["rpc", "--config", str(path), *arguments])
        status = serve(WAYS[way], scenario, prepare)
        found = capsys.readouterr()
        return status, found.out, found.err
    return run


ways = pytest.mark.parametrize("way", WAYS)


@ways
def test_every_way(rpc, way):
    status, out, err = rpc(way, "test.back", "5", "s:5", "2.5", "--json", "--", "-5")
    assert (status, json.loads(out), err) == (0, [5, "5", 2.5, -5], "")


@pytest.mark.parametrize("arguments,back", [
    (["-5", "a"], [-5, "a"]), (["s:--json", "--", "-x"], ["--json", "-x"]),
    (["a", "--json", "-x", "b"], ["a", "-x", "b"]), ([], []),
    (["--js"], ["--js"]),
])
def test_options_and_arguments(rpc, arguments, back):
    status, out, err = rpc("json", "--json", "test.back", *arguments)
    assert (status, json.loads(out), err) == (0, back, "")


@ways
def test_faults(rpc, way):
    status, out, err = rpc(way, "test.refuse", "404", "Record not found")
    assert (status, out, err) == (1, "", "error: 404 - Record not found\n")


@ways
def test_success_without_data(rpc, way):
    assert rpc(way, "test.nothing") == (0, "", "")


@ways
def test_records(rpc, way):
    assert rpc(way, "test.rows", "3") == (0, "number\n     0\n     1\n     2\n", "")


@ways
def test_structs(rpc, way):
    members = {"a": "x", "inner": {"b": 2}, "list": ["y"], "same": Members([("s", {"p": 1}), ("s", {"p": 2})])}
    status, out, _ = rpc(way, "show", prepare=lambda server: server.dispatcher.add("show", lambda _: members, ""))
    assert (status, out.split()) == (
        0, ["a", "x", "inner", "b", "2", "list", "y", "same", "s", "p", "1", "s", "p", "2"])


def test_no_server(tmp_path, capsys):
    assert cli.main(["rpc", "-s", f"unixs:{tmp_path}/none", "core.version"]) == 3
    assert capsys.readouterr().err == (
        f"uacfast: unixs:{tmp_path}/none cannot be asked: No such file or directory; does the server run, and may this "
        "user ask it?\n")
    assert cli.main(["top", "--once", "-s", "http://127.0.0.1:9"]) == 3
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("address,words", [("unixs:relative", "expected an absolute path"), ("ftp://a", "is not http://"),
                                           ("tcp:a:b", "expected unixs:/path, unixd:/path, tcp:")])
def test_address_that_is_none(capsys, address, words):
    assert cli.main(["rpc", "-s", address, "core.version"]) == 3
    assert words in capsys.readouterr().err


def test_configuration_that_opens_nothing(tmp_path, capsys):
    path = tmp_path / "uacfast.toml"
    path.write_text('[[listen]]\nuri = "udp:127.0.0.1:5060"\n')
    assert cli.main(["rpc", "--config", str(path), "core.version"]) == 3
    assert "opens no way in: set http, unix or binrpc" in capsys.readouterr().err
    assert cli.main(["top", "--config", str(tmp_path / "none")]) == 3
    assert "there is no such file" in capsys.readouterr().err


def shown(result, width=80):
    out = io.StringIO()
    show(result, Console(file=out, width=width))
    return out.getvalue()


def test_records_that_do_not_fit_are_shown_one_by_one():
    rows = Records([{"name": "a" * 30, "other": "b" * 30}, {"name": None, "other": True}])
    assert shown(rows, 100).splitlines()[0].split() == ["name", "other"]
    assert shown(rows, 40) == f"name   {'a' * 30}\nother  {'b' * 30}\n\nname   -\nother  true\n"


def test_what_could_steer_the_terminal_is_made_visible():
    text = "\x1b[2Jevil\n[red]x"
    assert shown(text) == "\\x1b[2Jevil\\n[red]x\n"
    assert "\x1b" not in shown([{"a\x1b": text}]) + shown({"a\x1b": text}) + shown([text])


class Broken(asyncio.Protocol):
    answer = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, _data):
        self.transport.write(self.answer)
        self.transport.close()


@pytest.mark.parametrize("answer", [b"", b"\xa1", b"HTTP/1.1 200 OK\r\n\r\n[]", b"\xa1\x17\xff\xff\0\0\0\0",
                                    b"\xff" * 9, b"\xa1\x10\x01\x05\x03"])
@pytest.mark.parametrize("kind", ["tcp:127.0.0.1:{}", "http://127.0.0.1:{}"])
def test_what_is_no_answer(capsys, kind, answer):
    async def play():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(type("One", (Broken,), {"answer": answer}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        status = await in_thread(cli.main, ["rpc", "-s", kind.format(port), "core.version"])
        server.close()
        return status
    assert asyncio.run(play()) == 3
    assert capsys.readouterr().err.startswith("uacfast: ")
