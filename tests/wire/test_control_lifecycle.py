"""The control part of the running program: start, refusal to start, death, end."""
import json
import signal
import socket
import time
from urllib.request import urlopen

import pytest

from kit.configuration import Configuration
from kit.control import datagram
from kit.ports import free_port
from kit.programs import Uacfast

PATIENCE = 20.0


def uacfast(folder, control, workers=1):
    return Uacfast(folder, Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), server={"workers": workers},
                                         extra=f"\n[control]\n{control}\n"))


def all_ways(folder):
    return (f'unix = "{folder}/rpc.sock"\nfifo = "{folder}/fifo"\nhttp = "127.0.0.1:{free_port()}"\n'
            f'binrpc = ["unixs:{folder}/ctl", "unixd:{folder}/ctld"]')


FILES = ["ctl", "ctld", "fifo", "rpc.sock"]


def files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.is_dir())


def ask(folder, method):
    reply = datagram(f"{folder}/rpc.sock", json.dumps({"jsonrpc": "2.0", "method": method, "id": 1}).encode(), folder)
    for path in folder.glob("client-*"):
        path.unlink()
    answer = json.loads(reply)
    assert "result" in answer, answer
    return answer["result"]


@pytest.mark.parametrize("workers", [1, 2])
def test_files_come_and_go(tmp_path, workers):
    proxy = uacfast(tmp_path, all_ways(tmp_path), workers)
    proxy.start()
    assert files(tmp_path) == FILES
    assert ask(tmp_path, "core.version").startswith("uacfast ")
    proxy.stop()
    assert files(tmp_path) == []


def test_after_kill_it_starts_again(tmp_path):
    control = all_ways(tmp_path)
    first = uacfast(tmp_path, control)
    first.start()
    first.signal(signal.SIGKILL)
    first.wait()
    assert files(tmp_path) == FILES, "nobody took the files away"
    second = uacfast(tmp_path, control)
    second.start()
    assert ask(tmp_path, "core.version").startswith("uacfast ")
    second.stop()
    assert files(tmp_path) == []


def test_a_second_program_is_refused_and_the_first_goes_on(tmp_path):
    first = uacfast(tmp_path, all_ways(tmp_path))
    first.start()
    second = uacfast(tmp_path, all_ways(tmp_path))
    second.spawn()
    assert second.wait() == 1
    assert f"uacfast: control.unix: another process listens at {tmp_path}/rpc.sock; stop it" in second.stderr
    assert ask(tmp_path, "core.version").startswith("uacfast ")
    assert files(tmp_path) == FILES
    first.stop()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("control,sentence", [
    ('fifo = "FOLDER/no/fifo"', "control.fifo: FOLDER/no/fifo cannot be opened: No such file or directory; create its"),
    ('binrpc = "unixs:/proc/ctl"', "control.binrpc[0]: /proc/ctl cannot be opened: "),
    ('http = "127.0.0.1:TAKEN"', "control.http: 127.0.0.1:TAKEN cannot be opened: Address already in use; another"),
    ('unix = "FOLDER/rpc.sock"\ngroup = "no-such-group"', 'control.group = "no-such-group": there is no such group'),
])
def test_what_cannot_be_opened_ends_the_start(tmp_path, workers, control, sentence):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        values = {"FOLDER": str(tmp_path), "TAKEN": str(taken.getsockname()[1])}
        for name, value in values.items():
            control, sentence = control.replace(name, value), sentence.replace(name, value)
        proxy = uacfast(tmp_path, control, workers)
        began = time.monotonic()
        proxy.spawn()
        assert proxy.wait() == 1
        assert time.monotonic() - began < PATIENCE
    assert f"uacfast: {sentence}" in proxy.stderr and "Traceback" not in proxy.stderr
    assert "uacfast ready" not in proxy.stderr
    assert files(tmp_path) == []


def test_reload(tmp_path):
    """Addresses need a restart and keep on; what the dashboard may changes at once."""
    port = free_port()
    proxy = uacfast(tmp_path, f'unix = "{tmp_path}/rpc.sock"\nhttp = "127.0.0.1:{port}"\nactions = false')
    proxy.start()

    def actions():
        with urlopen(f"http://127.0.0.1:{port}/dashboard/state", timeout=PATIENCE) as response:
            return json.load(response)["actions"]
    assert actions() is False
    text = proxy.file.read_text()
    proxy.file.write_text(text.replace("actions = false", "actions = true").replace("rpc.sock", "other.sock"))
    proxy.signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while not actions():
        assert time.monotonic() < deadline
    assert "control.unix has changed: this needs a restart and is not applied" in proxy.stderr
    assert files(tmp_path) == ["rpc.sock"]
    proxy.stop()


@pytest.mark.parametrize("workers", [1, 2])
def test_script_is_read_again_on_command(tmp_path, workers):
    script = tmp_path / "script" / "edge.py"
    script.parent.mkdir()
    text = "import KSR\n\n\ndef mod_init():\n    return Edge()\n\n\nclass Edge:\n" \
           "    def child_init(self, rank):\n        return 0\n\n" \
           "    def ksr_request_route(self, msg):\n        KSR.sl.sl_send_reply(CODE, 'first')\n        return 1\n"
    script.write_text(text.replace("CODE", "480"))
    proxy = Uacfast(tmp_path, Configuration(
        listen=(f"udp:127.0.0.1:{free_port()}",), server={"workers": workers}, routes=(),
        extra=f'\n[script]\nfile = "{script}"\n[control]\nunix = "{tmp_path}/rpc.sock"\n'))
    proxy.start()
    try:
        assert ask(tmp_path, "app_python.reload") == {"old": 0, "new": 1}
        script.write_text("def broken(:\n")
        reply = datagram(f"{tmp_path}/rpc.sock", b'{"jsonrpc":"2.0","method":"app_python.reload","id":1}', tmp_path)
        error = json.loads(reply)["error"]
        assert error["code"] == 500 and "edge.py" in error["message"]
        script.write_text(text.replace("CODE", "486"))
        assert ask(tmp_path, "app_python.reload") == {"old": 1, "new": 2}
        proxy.signal(signal.SIGTERM)        # not stop(): the script's traceback belongs into the log
        assert proxy.wait() == 0
    finally:
        proxy.kill()
