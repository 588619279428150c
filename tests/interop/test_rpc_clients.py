"""The stock clients, kamcmd and kamctl, against uacfast on every transport, with one worker and with two."""
import json
import os
import re
import subprocess
import time

import pytest

from kit.call import Call
from kit.configuration import Configuration
from kit.ports import free_port
from kit.programs import required

PATIENCE = 30
TRANSPORTS = ("unixs", "unixd", "tcp", "udp")


class Server:
    """A running uacfast with all ways in, and the clients to ask it."""

    def __init__(self, proxy, folder, port):
        self.proxy = proxy
        self.folder = folder
        self.addresses = {"unixs": f"unixs:{folder}/ctl", "unixd": f"unixd:{folder}/ctld",
                          "tcp": f"tcp:127.0.0.1:{port}", "udp": f"udp:127.0.0.1:{port}"}

    def kamcmd(self, *arguments, transport="unixs", given=None):
        """(exit status, output)."""
        done = subprocess.run([required("kamcmd"), "-s", self.addresses[transport], *arguments], capture_output=True,
                              text=True, timeout=PATIENCE, input=given)
        return done.returncode, done.stdout

    def kamctl(self, *arguments):
        """(exit status, output)."""
        environment = dict(os.environ, RPCFIFOPATH=str(self.folder / "fifo"), TERM="dumb")
        done = subprocess.run([required("kamctl"), *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env=environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout

    def rpc(self, *arguments):
        """The document that kamctl rpc prints."""
        status, out = self.kamctl("rpc", *arguments)
        assert status == 0, out
        return json.loads(out)


@pytest.fixture(scope="module", params=[1, 2])
def server(request, tmp_path_factory):
    from kit.programs import Uacfast

    folder = tmp_path_factory.mktemp("rpc")
    port = free_port()
    binrpc = [f"unixs:{folder}/ctl", f"unixd:{folder}/ctld", f"tcp:127.0.0.1:{port}", f"udp:127.0.0.1:{port}"]
    control = (f'\n[control]\nunix = "{folder}/rpc.sock"\nfifo = "{folder}/fifo"\nhttp = "127.0.0.1:{free_port()}"\n'
               f"binrpc = {json.dumps(binrpc)}\n")
    proxy = Uacfast(folder, Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), server={"workers": request.param},
                                          extra=control))
    proxy.start()
    yield Server(proxy, folder, port)
    proxy.stop()
    assert [path.name for path in folder.iterdir() if not path.is_dir()] == [], "files of sockets are left"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_kamcmd_over_every_transport(server, transport):
    status, out = server.kamcmd("core.version", transport=transport)
    assert (status, out[:8]) == (0, "uacfast ")
    status, out = server.kamcmd("no.such", transport=transport)
    assert (status, out) == (0, "error: 500 - command no.such not found\n")
    status, out = server.kamcmd("core.echo", "1", "s:1", "abc", "2.5", "s:", "010", transport=transport)
    assert (status, out) == (0, "1\n1\nabc\n2.5\n\n10\n")
    assert server.kamcmd("--", "core.echo", "-5", transport=transport)[1] == "-5\n"
    status, out = server.kamcmd("core.uptime", transport=transport)
    assert re.fullmatch(r"\{\n\tnow: .*\n\tup_since: .*\n\tuptime: \d+\n\}\n", out)
    status, out = server.kamcmd("system.listMethods", transport=transport)
    assert out.splitlines() == sorted(out.splitlines()) and "tm.stats" in out


def test_kamcmd_aliases_and_formats(server):
    for alias in ("ps", "psx", "ls", "ver", "listen", "who"):
        status, out = server.kamcmd(alias)
        assert status == 0 and "error" not in out, alias
    status, out = server.kamcmd("ps")
    assert all(re.fullmatch(r"\d+\t.+", line) for line in out.splitlines())
    assert server.kamcmd("-f", "%v|", "core.echo", "a", "b")[1] == "a|b|"


def test_kamcmd_interactive(server):
    """It asks for the methods, the configuration and the counters before the first line is read."""
    status, out = server.kamcmd(given="core.echo x y\nhelp tm.stats\nstats.get_statistics tmx:UAS_transactions\nquit\n")
    assert status == 0
    assert "x\ny\n" in out and "Statistics of transactions." in out and "tmx:UAS_transactions = " in out
    assert "error" not in out.lower()


def test_kamctl_rpc(server):
    answer = server.rpc("core.echo", "abc", "s:5", "5", "2.5", "-5", "two words")
    assert answer["result"] == ["abc", "5", "5", "2.5", "-5", "two words"]
    assert isinstance(answer["id"], int)
    assert server.rpc("no.such")["error"] == {"code": 500, "message": "Method Not Found"}
    assert server.rpc("cnt.get", "uac", "no")["error"]["code"] == 400


@pytest.mark.parametrize("argument", ["007", "+1", "0x10", 'a"b'])
def test_kamctl_never_waits_for_ever(server, argument):
    """What kamctl writes for these is no JSON."""
    assert server.rpc("core.echo", argument)["error"]["code"] == -32700


def test_kamctl_commands(server):
    status, out = server.kamctl("uptime")
    assert status == 0 and re.search(r'"uptime":\s*\d+', out)
    status, out = server.kamctl("stats", "tmx")
    assert status == 0 and '"tmx:UAS_transactions = ' in out
    status, out = server.kamctl("stats")
    assert status == 0 and '"core:rcv_requests = ' in out and '"shmem:used_size = ' in out
    status, out = server.kamctl("ps")
    assert status == 0 and '"SIP worker 0"' in out or "control part and SIP worker 0" in out


def test_kamctl_monitor(server):
    status, out = server.kamctl("monitor", "1")
    assert "uacfast" in out and "UAS_transactions = " in out and "rcv_requests = " in out and "used_size" in out
    assert "up_since" in out


def test_kamctl_and_kamcmd_say_the_same(server):
    for command in ("core.sockets_list", "tm.stats", "sl.stats"):
        _, out = server.kamcmd(command)
        names = re.findall(r"^\t(\S+):", out, re.MULTILINE)
        result = server.rpc(command)["result"]
        found = [name for one in result for name in one] if isinstance(result, list) else list(result)
        assert names == found, command


def test_counters_count(server, endpoint):
    """One call and an OPTIONS: the numbers that Kamailio would show. Reset brings them back to 0."""
    before = dict(re.findall(r"^\t(\S+): (\d+)$", server.kamcmd("stats.fetchn", "all")[1], re.MULTILINE))
    call = Call(endpoint(), endpoint(), server.proxy.address)
    call.establish()
    call.hang_up()
    server.proxy.ping()

    def grown(name):
        now = dict(re.findall(r"^\t(\S+): (\d+)$", server.kamcmd("stats.fetchn", "all")[1], re.MULTILINE))
        return int(now[name]) - int(before[name])
    assert grown("core.rcv_requests_invite") == 1 and grown("core.rcv_requests_ack") == 1
    assert grown("core.rcv_requests_bye") == 1 and grown("core.rcv_requests_options") >= 1
    assert grown("core.rcv_replies_2xx") == 2 and grown("core.rcv_replies_2xx_invite") == 1
    assert grown("tmx.UAS_transactions") == 2 and grown("tmx.2xx_transactions") == 2
    assert grown("sl.200_replies") >= 1 and grown("core.fwd_requests") == 3
    assert server.rpc("stats.clear_statistics", "core:rcv_requests_invite")["result"][0].startswith(
        "core:rcv_requests_invite = ")
    assert server.rpc("cnt.get", "core", "rcv_requests_invite")["result"] == 0


def test_a_dead_worker_is_missing_from_nothing_for_long(server):
    """Statistics go on while a worker is replaced, and its place is filled again."""
    if "SIP worker 1" not in server.kamcmd("ps")[1]:
        return
    os.kill(int(re.search(r"^(\d+)\tSIP worker 1$", server.kamcmd("ps")[1], re.MULTILINE)[1]), 9)
    deadline = time.monotonic() + PATIENCE
    while "SIP worker 1" not in server.kamcmd("ps")[1]:
        assert server.kamcmd("tm.stats")[1].startswith("{\n\tcurrent: ")
        assert time.monotonic() < deadline
    assert server.kamcmd("core.shmmem")[0] == 0
