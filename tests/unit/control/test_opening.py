"""What cannot be opened is told in a sentence, leftovers are replaced, what lives is left alone, all is tidied up."""
import grp
import json
import os
import pwd
import socket
import stat

import pytest

from kit.control import datagram, in_thread
from kit.ports import free_port
from uacfast.control.opening import Owner, open_fifo, open_unix

KINDS = {"unix": ('unix = "FOLDER/x"', socket.SOCK_DGRAM), "binrpc": ('binrpc = "unixs:FOLDER/x"', socket.SOCK_STREAM),
         "unixd": ('binrpc = "unixd:FOLDER/x"', socket.SOCK_DGRAM), "fifo": ('fifo = "FOLDER/x"', None)}
kinds = pytest.mark.parametrize("kind", KINDS)


async def nothing(server, listeners):
    """A scenario that only wants things open."""


@kinds
@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_permissions_and_tidying(serve, tmp_path, kind, mode):
    async def scenario(server, listeners):
        found = (tmp_path / "x").lstat()
        assert stat.S_IMODE(found.st_mode) == mode
        assert (stat.S_ISFIFO if kind == "fifo" else stat.S_ISSOCK)(found.st_mode)
    before = os.umask(0o022)
    try:
        serve(f"{KINDS[kind][0]}\nmode = {mode}\n", scenario)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []


@kinds
def test_leftovers_are_replaced(serve, tmp_path, kind):
    if kind == "fifo":
        os.mkfifo(tmp_path / "x")
    else:
        with socket.socket(socket.AF_UNIX, KINDS[kind][1]) as stale:
            stale.bind(str(tmp_path / "x"))
    serve(KINDS[kind][0], nothing)
    assert not (tmp_path / "x").exists()


@kinds
def test_what_lives_is_left_alone(serve, tmp_path, kind):
    path = str(tmp_path / "x")
    if kind == "fifo":
        living = os.fdopen(open_fifo(path, Owner(0o600), "other")[0], "rb")
    else:
        living = open_unix(path, KINDS[kind][1], Owner(0o600), "other")[0]
    with living, pytest.raises(OSError, match=f"{path}; stop it or choose another path"):
        serve(KINDS[kind][0], nothing)
    assert (tmp_path / "x").exists()


@kinds
@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_what_is_something_else_is_left_alone(serve, tmp_path, kind, there):
    if there == "file":
        (tmp_path / "x").write_text("mine")
    elif there == "folder":
        (tmp_path / "x").mkdir()
    else:
        (tmp_path / "x").symlink_to("/nowhere")
    with pytest.raises(OSError, match="exists and is not a .*; move it away or choose another path"):
        serve(KINDS[kind][0], nothing)
    assert (tmp_path / "x").is_symlink() or (tmp_path / "x").exists()


@kinds
def test_missing_folder(serve, tmp_path, kind):
    with pytest.raises(OSError, match="^control.*/x cannot be opened: No such file .*; create its folder first"):
        serve(KINDS[kind][0].replace("/x", "/no/x"), nothing)


@kinds
def test_folder_that_may_not_be_written(serve, tmp_path, kind):
    # /proc: not even root may.
    with pytest.raises(OSError, match="^control.* /proc/x cannot be opened"):
        serve(KINDS[kind][0].replace("FOLDER", "/proc"), nothing)


@pytest.mark.parametrize("text,words", [
    ('user = "no-such-user"', 'control.user = "no-such-user": there is no such user'),
    ('group = "no-such-group"', 'control.group = "no-such-group": there is no such group'),
    ('fifo = "FOLDER/x"\nfifo_reply_dir = "FOLDER/no"', "fifo_reply_dir: .*/no is not a folder; create it"),
    ('http = "127.0.0.1:PORT"\nbinrpc = "tcp:127.0.0.1:PORT"',
     "127.0.0.1:.* cannot be opened: .*; another program has it"),
    ('binrpc = ["unixs:FOLDER/x", "unixd:FOLDER/x"]', r"binrpc\[1\]: another process listens at"),
    ('http = "no-such-host.invalid:80"\nallow_remote = true', "control.http: no-such-host.invalid:80 cannot be opened"),
])
def test_what_else_cannot_be_opened(serve, tmp_path, text, words):
    with pytest.raises(OSError, match=words):
        serve(text, nothing)
    assert list(tmp_path.iterdir()) == []


def test_owner(serve, tmp_path):
    async def scenario(server, listeners):
        found = (tmp_path / "x").stat()
        assert (found.st_uid, found.st_gid) == (os.getuid(), os.getgid())
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    serve(f'unix = "FOLDER/x"\nuser = "{user}"\ngroup = "{group}"\n', scenario)


def test_a_file_that_another_process_put_there_stays(serve, tmp_path):
    async def scenario(server, listeners):
        (tmp_path / "x").unlink()
        (tmp_path / "x").write_text("another's")
    serve('unix = "FOLDER/x"', scenario)
    assert (tmp_path / "x").read_text() == "another's"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_udp_and_tcp_on_one_port(serve, host):
    async def scenario(server, listeners):
        assert len(server.config.control.binrpc_addresses) == 2
    port = free_port()
    serve(f'binrpc = ["tcp:{host}:{port}", "udp:{host}:{port}"]', scenario)


def test_json_datagrams(serve, tmp_path):
    async def scenario(server, listeners):
        async def ask(octets, patience=5.0):
            reply = await in_thread(datagram, server.config.control.unix, octets, tmp_path, patience)
            return None if reply is None else json.loads(reply)
        document = b'{"jsonrpc":"2.0","method":"test.back","params":[1],"id":"a"}'
        assert await ask(document) == {"jsonrpc": "2.0", "result": [1], "id": "a"}
        assert (await ask(b"{"))["error"]["code"] == -32700
        assert (await ask(b""))["error"]["code"] == -32700
        answer = await ask(b'{"jsonrpc":"2.0","method":"test.text","params":[70000],"id":5}')
        assert (answer["error"]["code"], answer["id"]) == (500, 5)
        assert answer["error"]["message"].startswith("reply too big")
        assert await ask(b" " * 2000, 0.05) is None
        assert await ask(document) is not None
    serve('unix = "FOLDER/rpc.sock"\nrequest_size = 1024', scenario)
