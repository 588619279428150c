"""The acceptance transcript of a KSR edge (kemi-python.md §2.1), against a real database of callers."""

import contextlib
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kit.configuration import Configuration
from kit.digest import expected_response, parameters
from kit.endpoint import Endpoint, is_reply, token
from kit.message import Message, uri_of
from kit.ports import free_port
from kit.programs import REPOSITORY, Uacfast

SCRIPT = Path(__file__).parents[1] / "kit" / "edge_script.py"
PASSWORD = "wonderland"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("callers") / "callers.db"
    subprocess.run(
        [sys.executable, "-m", "uacfast", "db", "init", f"sqlite:///{path}"],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
    )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO subscriber (username, domain, password) VALUES ('alice', '127.0.0.1', ?)", [PASSWORD]
        )
        connection.commit()
    return path


@pytest.fixture(scope="module")
def edge(session_directory, database):
    extra = (
        f'\n[script]\nfile = "{SCRIPT}"\n[auth_db]\ndb_url = "sqlite:///{database}"\ncalculate_ha1 = true\n'
        '[[htable]]\nname = "ipban"\nautoexpire = 300\n[pike]\nreqs_density_per_unit = 16\nsampling_time_unit = 2\n'
    )
    proxy = Uacfast(
        session_directory,
        Configuration(
            listen=(f"udp:127.0.0.1:{free_port()}",),
            routes=(),
            extra=extra,
            server={"alias": ["local.example"]},
            rr={"append_fromtag": False, "enable_full_lr": True},
            uac={"restore_mode": "none"},
        ),
    )
    proxy.start()
    yield proxy
    proxy.stop()
    assert "Error" not in proxy.stderr, proxy.stderr


@pytest.fixture
def phone(endpoint, edge):
    made = endpoint()
    yield made
    register(made, edge, contact="*", expires=0)


@pytest.fixture
def peer(endpoint):
    return endpoint()


def ask(sender, edge, method, uri, status, **details):
    """Send a request; its final reply, which must have this status."""
    sender.send(sender.request(method, uri, **details), edge.address)
    return sender.receive_reply(status)


def credentials(challenge, method, uri, username="alice", password=PASSWORD, header="Authorization"):
    line = challenge.get("WWW-Authenticate" if challenge.status == 401 else "Proxy-Authenticate")
    fields = parameters("X: " + line if not line.startswith(" ") else line)
    answer = {"username": username, "realm": fields["realm"], "nonce": fields["nonce"], "uri": uri}
    answer["response"] = expected_response(answer, method, password=password)
    return f"{header}: Digest " + ", ".join(f'{name}="{value}"' for name, value in answer.items())


def register(phone, edge, *headers, contact=None, password=PASSWORD, status=200, expires=600):
    """REGISTER alice with credentials; the last reply. The contact "*" removes all of hers."""
    uri = f"sip:{edge.sent_by}"
    details = {
        "from_": "<sip:alice@127.0.0.1>",
        "to": "<sip:alice@127.0.0.1>",
        "call_id": token("reg"),
        "contact": False,
    }
    contact = "*" if contact == "*" else f"<{contact or phone.uri('alice')}>"
    lines = (f"Contact: {contact}", f"Expires: {expires}", *headers)
    challenge = ask(phone, edge, "REGISTER", uri, 401, headers=lines, **details)
    return ask(
        phone,
        edge,
        "REGISTER",
        uri,
        status,
        cseq=2,
        headers=(*lines, credentials(challenge, "REGISTER", uri, password=password)),
        **details,
    )


FOREIGN = {"from_": "<sip:carol@elsewhere.example>", "to": "<sip:alice@local.example>"}


def test_options_of_our_own(edge, phone):
    assert ask(phone, edge, "OPTIONS", f"sip:{edge.sent_by}", 200).reason == "Keepalive"
    wrong = phone.request("OPTIONS", f"sip:{edge.sent_by}").replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE")
    phone.send(wrong, edge.address)
    assert phone.receive_reply(200).reason == "Keepalive"


@pytest.mark.parametrize("agent", ["friendly-scanner", "sipcli/1", "sipvicious"])
def test_scanners(edge, phone, agent):
    assert ask(phone, edge, "INVITE", "sip:x@y", 200, headers=(f"User-Agent: {agent}",)).reason == "Processed"


def test_max_forwards(edge, phone):
    assert ask(phone, edge, "INVITE", "sip:x@y", 483, max_forwards=0).reason == "Too Many Hops"


def test_without_call_id_there_is_no_answer(edge, phone):
    text = re.sub(r"Call-ID: [^\r]*\r\n", "", phone.request("INVITE", f"sip:alice@{edge.sent_by}"))
    phone.send(text, edge.address)
    ask(phone, edge, "OPTIONS", f"sip:{edge.sent_by}", 200)
    phone.expect_nothing()


def test_register_is_challenged(edge, phone):
    reply = ask(
        phone, edge, "REGISTER", f"sip:{edge.sent_by}", 401, from_="<sip:alice@127.0.0.1>", to="<sip:alice@127.0.0.1>"
    )
    assert reply.reason == "Unauthorized"
    assert re.fullmatch(r'Digest realm="127\.0\.0\.1", nonce="[^"]+"', reply.get("WWW-Authenticate"))


def test_register(edge, phone):
    reply = register(phone, edge)
    assert (reply.reason, reply.get("Contact")) == ("OK", f"<{phone.uri('alice')}>;expires=600")


def test_register_from_behind_a_nat(edge, phone):
    reply = register(phone, edge, contact="sip:alice@10.0.0.9:5060")
    assert reply.get("Contact").startswith("<sip:alice@10.0.0.9:5060>;expires=600")
    assert f'received="sip:{phone.sent_by}"' in reply.get("Contact")


def test_wrong_password(edge, phone):
    register(phone, edge, password="wrong", status=401)


def test_a_refused_register_is_answered_once(edge, phone):
    assert register(phone, edge, expires=5, status=423).get("Min-Expires") == "60"
    phone.expect_nothing()


def test_not_relaying(edge, phone):
    assert ask(phone, edge, "INVITE", "sip:x@elsewhere.example", 403, **FOREIGN).reason == "Not relaying"


def test_local_caller_is_challenged(edge, phone):
    reply = ask(phone, edge, "INVITE", "sip:x@elsewhere.example", 407, from_="<sip:alice@127.0.0.1>")
    assert reply.reason == "Proxy Authentication Required"
    assert reply.get("Proxy-Authenticate").startswith('Digest realm="127.0.0.1", nonce="')


def test_address_incomplete(edge, phone):
    assert ask(phone, edge, "INVITE", "sip:local.example", 484, **FOREIGN).reason == "Address Incomplete"


def test_unknown_user(edge, phone):
    branch, call_id = token("z9hG4bK"), token("c")
    text = phone.request("INVITE", "sip:nobody@local.example", branch=branch, call_id=call_id, from_tag="f", **FOREIGN)
    phone.send(text, edge.address)
    reply = phone.receive_reply(404)
    assert reply.reason == "Not Found"
    phone.send(text, edge.address)
    again = phone.receive_reply(404)
    assert again.to_tag == reply.to_tag, "a transaction answers the copy"
    phone.send(
        phone.request(
            "ACK",
            "sip:nobody@local.example",
            branch=branch,
            call_id=call_id,
            from_tag="f",
            from_=FOREIGN["from_"],
            to=FOREIGN["to"],
            to_tag=reply.to_tag,
        ),
        edge.address,
    )
    phone.expect_nothing(0.7)


def call(phone, peer, edge, contact=None):
    """INVITE of a foreign caller to registered alice; (as sent, as alice got it)"""
    register(phone, edge)
    phone.forget()
    text = peer.request("INVITE", "sip:alice@local.example", call_id=token("call"), from_tag=token("f"), **FOREIGN)
    if contact:
        text = text.replace(f"Contact: <{peer.uri('here')}>", f"Contact: <{contact}>")
    peer.send(text, edge.address)
    trying = peer.receive_reply(100)
    assert trying.reason == "trying -- your call is important to us"
    return text, phone.receive_request("INVITE")


def test_call(edge, phone, peer):
    text, invite = call(phone, peer, edge)
    assert invite.request_uri == phone.uri("alice")
    assert invite.get("Record-Route") == f"<sip:{edge.sent_by};lr=on>"
    assert invite.get("Max-Forwards").strip() == "69"
    vias = invite.values("Via")
    assert len(vias) == 2 and vias[0].startswith(f"SIP/2.0/UDP {edge.sent_by};") and f"rport={peer.port}" in vias[1]
    peer.send(text, edge.address)
    assert peer.receive_reply(100).status == 100
    phone.expect_nothing(0.1)
    contact = (f"Contact: <{phone.uri('alice')}>",)
    phone.reply(invite, 180, "Ringing", to_tag="t1", headers=contact)
    assert peer.receive_reply(180).to_tag == "t1"
    phone.reply(invite, 200, "OK", to_tag="t1", headers=contact)
    answer = peer.receive_reply(200)
    routes = list(reversed(answer.values("Record-Route")))
    details = {"call_id": answer.call_id, "from_tag": invite.from_tag, "to_tag": "t1", "routes": routes, **FOREIGN}
    target = uri_of(answer.get("Contact"))
    for method, cseq in (("ACK", 1), ("BYE", 2)):
        peer.send(peer.request(method, target, cseq=cseq, **details), edge.address)
        arrived = phone.receive_request(method)
        assert arrived.request_uri == target and arrived.values("Route") == []
    phone.reply(arrived, 200, "OK")
    peer.receive_reply(200, "BYE")


def test_contact_alias_and_back(edge, phone, peer):
    _, invite = call(phone, peer, edge, contact="sip:x@10.0.0.9:5060")
    assert invite.get("Contact") == f"<sip:x@10.0.0.9:5060;alias=127.0.0.1~{peer.port}~1>"
    assert "nat=yes" not in invite.get("Record-Route")
    phone.reply(invite, 200, "OK", to_tag="t1", headers=(f"Contact: <{phone.uri('alice')}>",))
    answer = peer.receive_reply(200)
    phone.send(
        phone.request(
            "BYE",
            uri_of(invite.get("Contact")),
            from_=FOREIGN["to"],
            from_tag="t1",
            to=FOREIGN["from_"],
            to_tag=invite.from_tag,
            call_id=answer.call_id,
            routes=invite.values("Record-Route"),
        ),
        edge.address,
    )
    bye = peer.receive_request("BYE")
    assert bye.request_uri == "sip:x@10.0.0.9:5060"
    peer.reply(bye, 200, "OK")
    phone.receive_reply(200, "BYE")


def test_cancel(edge, phone, peer):
    text, invite = call(phone, peer, edge)
    phone.reply(invite, 180, "Ringing", to_tag="t1")
    peer.receive_reply(180)
    sent = Message.parse(text.encode())
    cancel = peer.request(
        "CANCEL",
        "sip:alice@local.example",
        via=sent.get("Via"),
        call_id=sent.call_id,
        from_tag=sent.from_tag,
        **FOREIGN,
    )
    peer.send(cancel, edge.address)
    assert peer.receive_reply(200, "CANCEL").reason == "canceling"
    arrived = phone.receive_request("CANCEL")
    phone.reply(arrived, 200, "OK")
    phone.reply(invite, 487, "Request Terminated", to_tag="t1")
    phone.receive_request("ACK")
    assert peer.receive_reply(487, "INVITE").reason == "Request Terminated"


def test_callee_refuses(edge, phone, peer):
    _, invite = call(phone, peer, edge)
    phone.reply(invite, 404, "Not Found", to_tag="t1")
    phone.receive_request("ACK")
    assert peer.receive_reply(404, "INVITE").to_tag == "t1"


def test_in_dialog_without_a_route(edge, phone):
    assert ask(phone, edge, "BYE", "sip:alice@local.example", 404, to_tag="t", **FOREIGN).reason == "Not here"


def test_outbound_of_a_local_caller(edge, phone, peer):
    uri = peer.uri("bob")
    details = {"from_": "<sip:alice@127.0.0.1>", "call_id": token("out"), "from_tag": "f"}
    challenge = ask(phone, edge, "INVITE", uri, 407, **details)
    line = credentials(challenge, "INVITE", uri, header="Proxy-Authorization")
    phone.send(phone.request("INVITE", uri, cseq=2, headers=(line,), **details), edge.address)
    invite = peer.receive_request("INVITE")
    assert invite.get("P-Hint") == "outbound" and not invite.has("Proxy-Authorization")
    peer.reply(invite, 486, "Busy Here", to_tag="t")
    phone.receive_reply(486)


def test_flood(edge, endpoint):
    import time

    source: Endpoint = endpoint("127.0.0.2")
    for _ in range(60):
        source.send(source.request("OPTIONS", f"sip:{edge.sent_by}"), edge.address)
        time.sleep(0.05)
    assert len(source.collect(0.5, is_reply(200))) == 21
    assert edge.stderr.count("ALERT: pike blocking OPTIONS from") == 1
    source.send(source.request("OPTIONS", f"sip:{edge.sent_by}"), edge.address)
    source.expect_nothing()
