"""The address forms of kamcmd and Kamailio's ctl module (rpc-wire §2)."""
import pytest

from uacfast.config import parse
from uacfast.config.control import control_address

LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'


@pytest.mark.parametrize("text,shown,local", [
    ("unixs:/run/a", "unixs:/run/a", True), ("unix:/run/a", "unixs:/run/a", True), ("/run/a", "unixs:/run/a", True),
    ("UNIXD:/run/a", "unixd:/run/a", True), ("tcp:127.0.0.1:2046", "tcp:127.0.0.1:2046", True),
    ("Tcp:localhost", "tcp:localhost:2049", True), ("udp:[::1]:7", "udp:[::1]:7", True),
    ("192.0.2.1:7", "udp:192.0.2.1:7", False), ("sip.example.com", "udp:sip.example.com:2049", False),
    ("tcp:0.0.0.0:7", "tcp:0.0.0.0:7", False),
])
def test_forms(text, shown, local):
    address = control_address(text)
    assert (str(address), address.is_local) == (shown, local)
    assert control_address(str(address)) == address


def test_nothing_listens_by_default():
    control = parse(LISTEN).control
    assert (control.http_address, control.unix, control.fifo, control.binrpc_addresses) == (None, "", "", ())
    assert not control.actions and not control.show_secrets


def test_remote_addresses_when_allowed():
    control = parse(LISTEN + "[control]\nallow_remote = true\nhttp = '[::]:80'\nbinrpc = 'udp:0.0.0.0:7'\n").control
    assert control.http_address == ("::", 80)
    assert str(control.binrpc_addresses[0]) == "udp:0.0.0.0:7"
