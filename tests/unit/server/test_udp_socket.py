"""Opening sockets: options, who is in the way, wildcards."""
import errno
import os
import socket
import subprocess
import sys

import pytest

from uacfast.config import Listen
from uacfast.listening import expand_listen
from uacfast.transport import udp_socket
from uacfast.transport.port_holder import find_udp_port_holder
from uacfast.transport.udp_socket import (
    AddressInUse,
    ListenError,
    listen_addresses,
    open_udp_socket,
    open_udp_sockets,
    receive_buffer,
)

LOOPBACKS = ["127.0.0.1", "::1"]

HOLD = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
held = socket.socket(family, socket.SOCK_DGRAM)
if sys.argv[2] == "shared":
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
held.bind((sys.argv[1], 0))
print(held.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder():
    """Starts a process that holds a port: holder(address, "alone" or "shared") gives (pid, port)."""
    started = []

    def start(address, how):
        process = subprocess.Popen([sys.executable, "-c", HOLD, address, how], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process.pid, int(process.stdout.readline())
    yield start
    for process in started:
        process.communicate()


@pytest.mark.parametrize("address", LOOPBACKS)
def test_options(address):
    with open_udp_socket(address, 0) as opened:
        assert not opened.getblocking()
        assert not opened.get_inheritable()
        # /proc says what the kernel may grant to whom; either way no less than that.
        with open("/proc/sys/net/core/rmem_max") as limit:
            assert receive_buffer(opened) >= min(udp_socket.BUFFER_OCTETS, int(limit.read()))
        assert not opened.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        if address == "::1":
            assert opened.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            assert opened.getsockopt(socket.IPPROTO_IPV6, udp_socket.IPV6_RECVERR)
        else:
            assert opened.getsockopt(socket.IPPROTO_IP, udp_socket.IP_RECVERR)


@pytest.mark.parametrize("how", ["alone", "shared"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("address", LOOPBACKS)
def test_a_port_in_use_names_its_holder(holder, address, workers, how):
    pid, port = holder(address, how)
    with pytest.raises(AddressInUse) as refusal:
        open_udp_sockets(address, port, workers)
    shown = f"[{address}]" if ":" in address else address
    assert str(refusal.value) == (f"cannot listen on udp:{shown}:{port}: the address is in use by process {pid} "
                                  f"({refusal.value.process}); stop that process or choose another port in [[listen]]")
    assert refusal.value.pid == pid and refusal.value.process.startswith("python")
    assert refusal.value.errno == errno.EADDRINUSE


def test_a_wildcard_holder_is_found(holder):
    pid, port = holder("0.0.0.0", "alone")
    assert find_udp_port_holder("127.0.0.1", port).pid == pid
    pid, port = holder("::", "alone")
    assert find_udp_port_holder("127.0.0.1", port).pid == pid


def test_our_own_second_bind_is_told_apart():
    with open_udp_socket("127.0.0.1", 0) as first, pytest.raises(AddressInUse, match="by uacfast itself") as refusal:
        open_udp_socket("127.0.0.1", first.getsockname()[1])
    assert refusal.value.pid == os.getpid()


def test_a_free_port_has_no_holder():
    with open_udp_socket("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
    assert find_udp_port_holder("127.0.0.1", port) is None


def test_an_address_of_another_machine():
    with pytest.raises(ListenError, match=r"udp:192\.0\.2\.77:5060: no interface of this machine has that address"):
        open_udp_socket("192.0.2.77", 5060)


def test_the_sockets_of_several_workers_share_the_port():
    opened = open_udp_sockets("127.0.0.1", 0, 3)
    try:
        assert len({one.getsockname() for one in opened}) == 1
        assert len({one.fileno() for one in opened}) == 3
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger, pytest.raises(OSError):
            stranger.bind(opened[0].getsockname())
    finally:
        for one in opened:
            one.close()


def test_literal_addresses_stand_for_themselves():
    assert listen_addresses("192.0.2.1") == ["192.0.2.1"]
    assert listen_addresses("2001:DB8::0:1") == ["2001:db8::1"]


def test_a_wildcard_stands_for_every_interface_address():
    found = listen_addresses("0.0.0.0")
    assert "127.0.0.1" in found and "0.0.0.0" not in found
    assert len(found) == len(set(found))
    for address in found:
        open_udp_socket(address, 0).close()


def test_a_name_that_is_not_known():
    with pytest.raises(ListenError, match=r"cannot listen on no-such-host\.invalid: .*; write the address"):
        listen_addresses("no-such-host.invalid")


def test_an_entry_of_its_own_wins_over_the_wildcard():
    own = Listen(uri="udp:127.0.0.1:5060", advertise="203.0.113.5:5060")
    expanded = expand_listen((Listen(uri="udp:0.0.0.0:5060"), own, Listen(uri="udp:127.0.0.1:5070")))
    assert [entry for entry in expanded if entry.address == ("127.0.0.1", 5060)] == [own]
    assert ("127.0.0.1", 5070) in [entry.address for entry in expanded]
    assert all(entry.address[0] != "0.0.0.0" for entry in expanded)
