"""What systemd hears."""
import re
import secrets
import socket
import time

import pytest

from uacfast import notify


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """A service manager's socket, in the file system and in the abstract name space."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@uacfast-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(name if request.param == "path" else "\0" + name[1:])
        server.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield server


def test_messages(manager):
    for send, heard in [
        (lambda: notify.ready(), "READY=1"),
        (lambda: notify.ready("3 sockets\nopen"), "READY=1\nSTATUS=3 sockets open"),
        (lambda: notify.stopping(), "STOPPING=1"),
        (lambda: notify.stopping("draining"), "STOPPING=1\nSTATUS=draining"),
        (lambda: notify.status("5 calls"), "STATUS=5 calls"),
        (lambda: notify.status(""), "STATUS="),
        (lambda: notify.watchdog(), "WATCHDOG=1"),
    ]:
        assert send() is True
        assert manager.recv(1024).decode() == heard


def test_reloading_tells_the_time(manager):
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert notify.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    match = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", manager.recv(1024).decode())
    assert before <= int(match[1]) <= after


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1", "/nonexistent/notify", "@uacfast-test-nobody",
                                     "/" + "x" * 200])
def test_nobody_listens(address, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify.ready() is False


def test_a_full_socket_does_not_block(manager):
    sent = [notify.watchdog() for _ in range(5000)]
    assert sent[0] is True and sent[-1] is False


@pytest.mark.parametrize("microseconds, process, seconds", [
    ("30000000", None, 15.0), ("30000000", "own", 15.0), ("30000000", "1", None), (None, None, None), ("", None, None),
    ("x", None, None), ("0", None, None)])
def test_watchdog_interval(microseconds, process, seconds, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if microseconds is not None:
        monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    if process is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(notify.os.getpid()) if process == "own" else process)
    assert notify.watchdog_interval() == seconds
