"""The scripts of examples/scripts do what they say."""
import logging
import sys
from pathlib import Path

import pytest

from kit.accounts import row
from kit.memory import CALLER, reply, request
from kit.message import Message
from uacfast.proxy.location import Binding
from uacfast.sip import digest
from uacfast.testing import ScriptHarness

EXAMPLES = Path(__file__).parents[3] / "examples" / "scripts"
CARRIER = ("127.0.0.1", 5080)
AVPS = '[uac]\nauth_realm_avp = "$avp(arealm)"\nauth_username_avp = "$avp(auser)"\nauth_password_avp = "$avp(apass)"\n'

ACCOUNTS = 'reg_db_url = "sqlite:///unused.db"\nreg_contact_addr = "127.0.0.1:5060"\n'


@pytest.fixture
def run(monkeypatch):
    """Starts an example; the modules that it imports are forgotten after the test."""
    harnesses = []
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def start(name, config=""):
        harnesses.append(ScriptHarness(EXAMPLES / name, config))
        return harnesses[-1]

    yield start
    for harness in harnesses:
        harness.close()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(EXAMPLES)):
            del sys.modules[name]


def message(sent):
    return Message.parse(sent.octets, sent.destination)


def test_anonymise(run):
    edge = run("anonymise.py")
    trying, invite = edge.receive(request(), CALLER)
    assert (trying.status, invite.destination) == (100, CARRIER)
    assert invite.header("From") == '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=ft1'
    assert invite.header("Max-Forwards") == "69" and invite.header("Record-Route")
    [ringing] = edge.receive(reply(message(invite), 180), CARRIER)
    assert ringing.header("From") == "Alice <sip:alice@example.com>;tag=ft1"


@pytest.mark.parametrize("name", ["trunk_auth.py", "trunk_auth_ha1.py"])
def test_trunk_auth(run, name):
    edge = run(name, AVPS)
    invite = edge.receive(request(), CALLER)[-1]
    challenge = 'Proxy-Authenticate: Digest realm="carrier.example", nonce="n1"\r\n'
    ack, again = edge.receive(reply(message(invite), 407, headers=challenge), CARRIER)
    assert (ack.method, again.method, again.destination) == ("ACK", "INVITE", CARRIER)
    ha1 = digest.ha1(b"test", b"carrier.example", b"test")
    expected = digest.response(ha1, b"n1", b"INVITE", b"sip:bob@example.com")
    assert f'response="{expected.decode()}"' in again.header("Proxy-Authorization")
    [ok] = edge.receive(reply(message(again), 200), CARRIER)
    assert ok.status == 200
    # A refused password is tried once; then the carrier's answer is the caller's.
    invite = edge.receive(request(), CALLER)[-1]
    again = edge.receive(reply(message(invite), 407, headers=challenge), CARRIER)[-1]
    assert [one.status for one in edge.receive(reply(message(again), 407, headers=challenge), CARRIER)] == [0, 407]


def test_options_ping(run, caplog):
    edge = run("options_ping.py", '[uac]\nevent_callback = "ksr_uac_event"\n')
    sent = edge.receive(request("MESSAGE", uri="sip:ping@edge.example"), CALLER)
    options = next(one for one in sent if one.method)
    assert [one.status for one in sent if one.status] == [202]
    assert (options.start_line, options.destination) == ("OPTIONS sip:carrier@127.0.0.1:5080 SIP/2.0", CARRIER)
    with caplog.at_level(logging.INFO):
        edge.receive(reply(message(options), 200), CARRIER)
    assert "sip:carrier@127.0.0.1:5080 answered 200" in caplog.text
    assert [one.status for one in edge.receive(request("MESSAGE"), CALLER)] == [403]


def test_registered_user_without_accounts(run):
    edge = run("registered_user.py", AVPS)
    assert [one.start_line for one in edge.receive(request(), CALLER)] == ["SIP/2.0 403 No account"]
    assert [one.status for one in edge.receive(request(uri="sip:u1@127.0.0.1"), CALLER)] == [404]


def test_registered_user(run):
    edge = run("registered_user.py", AVPS + ACCOUNTS)
    account = row("u1", l_username="alice", l_domain="127.0.0.1", r_username="4711", r_domain="carrier.example",
                  auth_proxy="sip:127.0.0.1:5080", auth_username="log in", auth_password="geheim", expires=0)
    assert edge._engine.commands["reg.rows"]([account]) == []
    invite = edge.receive(request(), CALLER)[-1]
    assert (invite.start_line, invite.destination) == ("INVITE sip:4711@carrier.example SIP/2.0", CARRIER)
    challenge = 'Proxy-Authenticate: Digest realm="carrier.example", nonce="n1"\r\n'
    again = edge.receive(reply(message(invite), 407, headers=challenge), CARRIER)[-1]
    ha1 = digest.ha1(b"log in", b"carrier.example", b"geheim")
    expected = digest.response(ha1, b"n1", b"INVITE", b"sip:4711@carrier.example")
    assert f'response="{expected.decode()}"' in again.header("Proxy-Authorization")
    # A call from the registrar to the Contact that was registered: first the user is away, then there.
    assert [one.status for one in edge.receive(request(uri="sip:u1@127.0.0.1:5060"), CARRIER)] == [480]
    location = edge._engine.features.registrar.location
    location.replace(b"alice", [Binding(b"sip:alice@127.0.0.1:5070", expires=10_000_000)], 0)
    invite = edge.receive(request(uri="sip:u1@127.0.0.1:5060"), CARRIER)[-1]
    assert (invite.start_line, invite.destination) == (
        "INVITE sip:alice@127.0.0.1:5070 SIP/2.0", ("127.0.0.1", 5070))


def test_what_all_examples_share(run):
    edge = run("anonymise.py")
    assert [one.start_line for one in edge.receive(request("OPTIONS", uri="sip:127.0.0.1:5060"), CALLER)] == [
        "SIP/2.0 200 Keepalive"]
    assert [one.status for one in edge.receive(request(max_forwards="0"), CALLER)] == [483]
    assert [one.status for one in edge.receive(request("BYE", to="<sip:bob@x>;tag=t"), CALLER)] == [404]
    assert edge.receive(request("ACK", to="<sip:bob@x>;tag=t"), CALLER) == []
