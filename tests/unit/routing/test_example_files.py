"""The configurations of examples/ do what they say, and what their counterparts in examples/scripts do."""
import logging
from pathlib import Path

import pytest

from kit.accounts import row
from kit.digest import verify
from kit.memory import CALLER, MemoryProxy, reply, request
from uacfast.uac.request_description import RequestDescription

EXAMPLES = Path(__file__).parents[3] / "examples"
CARRIER = ("127.0.0.1", 5080)
PBX = ("127.0.0.1", 5070)
REGISTRAR = ("127.0.0.1", 5090)
CHALLENGE = 'Proxy-Authenticate: Digest realm="{}", nonce="n1"\r\n'


@pytest.fixture
def run():
    proxies = []

    def start(name):
        proxies.append(MemoryProxy((EXAMPLES / name).read_text()))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.close()


def test_every_example_has_a_test_here():
    named = {path.name for path in EXAMPLES.glob("*.toml")}
    assert named - {"minimal.toml", "full.toml"} == {
        "anonymise.toml", "trunk_auth.toml", "trunk_auth_ha1.toml", "registered_user.toml", "reply_events.toml"}


def test_minimal(run):
    edge = run("minimal.toml")
    invite = edge.start(callee=CARRIER)
    assert invite.get("From") == "<sip:anonymous@anonymous.invalid>;tag=ft1"
    edge.receive(request("MESSAGE"))
    assert [status for status in edge.statuses() if status >= 300] == [404]


def test_anonymise(run):
    edge = run("anonymise.toml")
    invite = edge.start(callee=CARRIER)
    assert invite.get("From") == '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=ft1'
    assert invite.get("Max-Forwards") == "69" and invite.get("Record-Route")
    edge.answer(invite, 180)
    assert edge.one(CALLER).get("From") == "Alice <sip:alice@example.com>;tag=ft1"
    edge.receive(request("MESSAGE"))
    assert edge.one(CARRIER).get("From") == "Alice <sip:alice@example.com>;tag=ft1"


@pytest.mark.parametrize("name,realms", [("trunk_auth.toml", ["carrier.example", "other"]),
                                         ("trunk_auth_ha1.toml", ["carrier.example"])])
def test_trunk_auth(run, name, realms):
    edge = run(name)
    for realm in realms:
        edge.answer(edge.start(callee=CARRIER), 407, headers=CHALLENGE.format(realm))
        ack, again = edge.take(CARRIER)
        assert (ack.method, again.method, again.cseq[0]) == ("ACK", "INVITE", 2)
        assert verify(f"Proxy-Authorization: {again.get('Proxy-Authorization')}", "INVITE", password="test",
                      uri="sip:bob@example.com")
        edge.answer(again, 200)
        assert edge.one(CALLER).status == 200
        # A refused password is tried once; then the carrier's answer is the caller's.
        edge.answer(edge.start(callee=CARRIER), 407, headers=CHALLENGE.format(realm))
        edge.answer(edge.take(CARRIER)[-1], 407, headers=CHALLENGE.format(realm))
        assert edge.one(CALLER).status == 407
        assert edge.methods(CARRIER) == ["ACK"]


def test_an_ha1_is_for_its_realm_alone(run):
    edge = run("trunk_auth_ha1.toml")
    edge.answer(edge.start(callee=CARRIER), 407, headers=CHALLENGE.format("other"))
    assert edge.one(CALLER).status == 407 and edge.methods(CARRIER) == ["ACK"]


def test_registered_user(run):
    edge = run("registered_user.toml")
    account = row("u1", l_username="alice", l_domain="pbx.example", r_username="4711", r_domain="carrier.example",
                  auth_proxy="sip:127.0.0.1:5090", auth_username="log in", auth_password="geheim", expires=0)
    assert edge.engine.commands["reg.rows"]([account]) == []
    invite = edge.start(callee=REGISTRAR)
    assert invite.request_uri == "sip:4711@carrier.example"
    edge.answer(invite, 407, headers=CHALLENGE.format("carrier.example"))
    again = edge.take(REGISTRAR)[-1]
    assert 'username="log in"' in again.get("Proxy-Authorization")
    assert verify(f"Proxy-Authorization: {again.get('Proxy-Authorization')}", "INVITE", password="geheim",
                  uri="sip:4711@carrier.example")
    edge.receive(request(from_="<sip:stranger@example.com>;tag=ft1"))
    assert edge.statuses()[-1] == 404
    # A call from the registrar to the Contact that was registered.
    edge.receive(request(uri="sip:u1@127.0.0.1:5060", source=REGISTRAR), REGISTRAR)
    assert edge.one(PBX).request_uri == "sip:alice@pbx.example"
    edge.receive(request(uri="sip:nobody@127.0.0.1:5060", source=REGISTRAR), REGISTRAR)
    assert 404 in edge.statuses(REGISTRAR)


class ControlPart:
    """Notes what it is told."""

    def __init__(self):
        self.posts = []

    def post(self, *what):
        self.posts.append(what)


def test_reply_events(run, caplog):
    edge = run("reply_events.toml")
    edge.engine.control = ControlPart()
    caplog.set_level(logging.INFO)

    def ask(**values):
        values = {"method": "OPTIONS", "ruri": "sip:carrier@127.0.0.1:5080", "evroute": 1} | values
        assert edge.engine.requests.send(RequestDescription(**values)) == 1
        edge.collect()
        return edge.one(CARRIER)

    edge.receive(reply(ask(evparam="p", apasswd="geheim", auser="me"), 200, "Fine"), CARRIER)
    assert "sip:carrier@127.0.0.1:5080 ended with 200" in caplog.text
    (name, url, event), = edge.engine.control.posts
    assert (name, url) == ("webhook", "http://127.0.0.1:8090/uac-reply")
    assert (event["event"], event["evcode"], event["evtype"], event["evparam"], event["auser"]) == (
        "uac:reply", 200, 1, "p", "me")
    assert event["reply"].startswith("SIP/2.0 200 Fine\r\n") and "geheim" not in str(event) + caplog.text
    ask(fr_timeout=1000)
    edge.advance(1500)
    edge.take()
    event = edge.engine.control.posts[-1][2]
    assert (event["evcode"], event["evtype"], event["reply"]) == (408, 2, None)
    assert "sip:carrier@127.0.0.1:5080 ended with 408" in caplog.text
    edge.receive(reply(ask(evparam="a\udcffb"), 200), CARRIER)          # octets that are no UTF-8
    assert edge.engine.control.posts[-1][2]["evparam"] == "a\ufffdb"
    before = len(edge.engine.control.posts)
    edge.receive(reply(ask(evroute=0), 200), CARRIER)
    assert len(edge.engine.control.posts) == before


def test_an_event_that_cannot_be_told_does_not_cost_the_outcome(run, caplog):
    edge = run("reply_events.toml")
    outcomes = []
    for control in (None, object()):        # nobody to tell, and one who cannot be told
        edge.engine.control = control
        description = RequestDescription(method="OPTIONS", ruri="sip:127.0.0.1:5080", evroute=1)
        assert edge.engine.requests.send(description, outcomes.append) == 1
        edge.collect()
        edge.receive(reply(edge.one(CARRIER), 200), CARRIER)
    assert [outcome.codes for outcome in outcomes] == [(200,), (200,)]
    assert "the event of a request of our own could not be told" in caplog.text
