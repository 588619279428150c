"""A carrier that asks for credentials, over sockets: the caller knows nothing of it."""
import pytest

from kit.call import Call
from kit.configuration import Configuration, Route
from kit.digest import Realm, parameters
from kit.endpoint import is_request
from kit.ports import free_port

pytestmark = pytest.mark.own      # Kamailio needs a script for it, and keeps CSeq without tracked dialogs

MD5_OF_SECRET = "1f6cce7334e022e05db9e41446cc22b2"      # trunk:carrier.example:s3cret
CREDENTIALS = {
    "route": ({"username": "trunk", "password": "s3cret"}, {}),
    "route with HA1": ({"username": "trunk", "ha1": MD5_OF_SECRET}, {}),
    "route for a realm": ({"username": "trunk", "password": "s3cret", "realm": "carrier.example"}, {}),
    "list": (None, {"credential": [
        "trunk:carrier.example:wrong", "trunk:other:s3cret", "trunk:carrier.example:s3cret"]}),
    "list with HA1": (None, {"credential": [{
        "username": "trunk", "realm": "carrier.example", "ha1": {"MD5": MD5_OF_SECRET}}]}),
    "route before list": ({"username": "trunk", "password": "s3cret"}, {"credential": ["trunk:carrier.example:wrong"]}),
}


@pytest.fixture
def connect(shared_proxy, caller, callee):
    def make(credential, uac=None, **route):
        target = f"sip:{callee.sent_by}"
        proxy = shared_proxy(routes=(Route("out", relay=(target,), credential=credential, **route),), uac=uac or {})
        return Call(caller, callee, proxy.address)
    return make


def ask(callee, request, realm, stale=False):
    callee.reply(request, realm.status, "Who Are You", to_tag="challenge", headers=realm.challenge(stale))


def authenticated(callee, method, first, realm):
    """The challenged request as it comes again; an INVITE's ACK comes before it."""
    ask(callee, first, realm)
    if method == "INVITE":
        acknowledgement = callee.receive(lambda m: m.method in ("ACK", "INVITE"))
        assert (acknowledgement.method, acknowledgement.cseq[0]) == ("ACK", first.cseq[0])
        assert acknowledgement.branch == first.branch
    again = callee.receive(is_request(method))
    assert realm.check(again) is None
    assert again.cseq == (first.cseq[0] + 1, method)
    return again


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_call(connect, caller, callee, kind):
    credential, uac = CREDENTIALS[kind]
    realm = Realm()
    call = connect(credential, uac)
    call.invite(body="v=0\r\n")
    call.arrive()
    again = authenticated(callee, "INVITE", call.received_invite, realm)
    assert again.body == b"v=0\r\n"
    call.received_invite = again
    call._callee_learns(again)
    call.answer(180, "Ringing")
    call.answer()
    assert caller.receive_reply(180).cseq == call.sent_invite.cseq
    final = caller.receive_reply()
    assert (final.status, final.cseq) == (200, call.sent_invite.cseq)
    call.learn(final)
    assert call.acknowledge()[1].cseq[0] == again.cseq[0]
    sent = call.send_in_dialog("caller", "BYE")
    bye = authenticated(callee, "BYE", callee.receive_request("BYE"), realm)
    assert bye.cseq[0] == again.cseq[0] + 2
    callee.reply(bye, 200, "OK")
    assert caller.receive_reply(200, "BYE").cseq == sent.cseq


@pytest.mark.parametrize("qop", ["auth", "auth-int", None])
@pytest.mark.parametrize("status", [401, 407])
def test_a_message_with_a_body(connect, caller, callee, status, qop):
    realm = Realm(status=status, algorithms=("MD5", "SHA-256", "SHA-512-256"), qop=qop, opaque="op4que")
    call = connect({"username": "trunk", "password": "s3cret"})
    text = caller.request("MESSAGE", callee.uri("bob"), cseq=9, body="what?\r\n")
    caller.send(text, call.caller.next_hop)
    again = authenticated(callee, "MESSAGE", callee.receive_request("MESSAGE"), realm)
    name = "Authorization" if status == 401 else "Proxy-Authorization"
    assert parameters(f"{name}: {again.get(name)}")["algorithm"] == "SHA-512-256"
    callee.reply(again, 200, "OK")
    assert caller.receive_reply(200).cseq == (9, "MESSAGE")


def test_a_wrong_password(connect, caller, callee):
    realm = Realm()
    call = connect({"username": "trunk", "password": "wrong"})
    call.invite()
    for expected in range(3):
        request = callee.receive_request("INVITE")
        assert request.cseq[0] == call.sent_invite.cseq[0] + expected
        callee.reply(request, 407, "No", to_tag="t", headers=realm.check(request))
        assert callee.receive_request("ACK").cseq[0] == request.cseq[0]
    final = caller.receive_reply()
    assert (final.status, final.cseq) == (407, call.sent_invite.cseq)
    assert len(final.all("Proxy-Authenticate")) == 1
    callee.expect_nothing()


def test_secrets_are_not_logged(start, caller, callee):
    credential = {"username": "trunk", "password": "hunter2"}
    configuration = Configuration(
        listen=(f"udp:127.0.0.1:{free_port()}",), server={"log_level": "debug"},
        uac={"credential": ["lister:carrier.example:hunter3"]},
        routes=(Route("out", relay=(f"sip:{callee.sent_by}",), credential=credential),),
    )  # fmt: skip
    proxy = start(configuration)
    call = Call(caller, callee, proxy.address)
    realm = Realm(users={"trunk": "hunter2"})
    call.invite()
    authenticated(callee, "INVITE", call.arrive(), realm)
    proxy.stop()
    assert "hunter" not in proxy.stderr
