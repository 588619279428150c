"""Kamailio's auth module as the carrier that challenges: it checks the digests that uacfast computes."""
import pytest

from kit.call import Call
from kit.configuration import Configuration, Route
from kit.ports import free_port
from kit.programs import Challenger

CREDENTIAL = {"username": "trunk", "password": "s3cret"}
KINDS = {
    "407": {"status": 407},
    "401": {"status": 401},
    "without qop": {"flags": 0},
    "SHA-256": {"algorithm": "SHA-256"},
    "one-time nonces": {"one_time_nonce": 1},
    "counted nonces": {"nonce_count": 1},
}


@pytest.fixture
def carrier(session_directory):
    started = []

    def launch(**parameters):
        one = Challenger(session_directory, f"udp:127.0.0.1:{free_port()}", **parameters)
        started.append(one)
        return one.start()

    yield launch
    for one in started:
        one.stop()


@pytest.fixture
def connect(start, caller, callee):
    """A call over uacfast and the challenging carrier."""
    def make(carrier, credential=None, uac=None):
        route = Route("out", relay=(f"sip:{carrier.sent_by}",), credential=credential)
        proxy = start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,), uac=uac or {}))
        return Call(caller, callee, proxy.address)
    return make


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_call(carrier, connect, caller, callee, kind):
    call = connect(carrier(**KINDS[kind]), CREDENTIAL)
    call.invite()
    arrived = call.arrive()
    assert not arrived.has("Authorization") and not arrived.has("Proxy-Authorization")    # the carrier keeps them
    shift = arrived.cseq[0] - call.sent_invite.cseq[0]
    assert shift == 1
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    call.answer()
    final = caller.receive_reply(200, "INVITE")
    assert final.cseq == call.sent_invite.cseq
    call.learn(final)
    acknowledgement = call.acknowledge()[1]
    assert acknowledgement.cseq[0] == arrived.cseq[0]
    last = acknowledgement.cseq[0]
    for method in ("INFO", "INVITE", "BYE"):
        sent = call.send_in_dialog("caller", method)
        arrived = callee.receive_request(method)
        assert arrived.cseq[0] > last
        last = arrived.cseq[0]
        callee.reply(arrived, 200, "OK", headers=(f"Contact: <{callee.uri('there')}>",))
        assert caller.receive_reply(200, method).cseq == sent.cseq
        if method == "INVITE":
            call.send_in_dialog("caller", "ACK", cseq=sent.cseq[0])
            assert callee.receive_request("ACK").cseq[0] == last
    caller.expect_nothing()


def test_the_callee_hangs_up(carrier, connect, caller, callee):
    call = connect(carrier(), CREDENTIAL)
    call.invite()
    call.arrive()
    call.answer()
    call.learn(caller.receive_reply(200, "INVITE"))
    call.acknowledge()
    bye = call.hang_up("callee")
    assert bye.arrived.cseq == bye.sent.cseq


def test_the_credential_list_and_ha1(carrier, connect, caller):
    call = connect(carrier(), uac={"credential": [{
        "username": "trunk", "realm": "carrier.example", "ha1": {"MD5": "1f6cce7334e022e05db9e41446cc22b2"}}]})
    call.invite()
    call.arrive()


def test_pre_emptive_credentials_are_taken(carrier, connect, caller, callee):
    call = connect(carrier(nonce_count=1), CREDENTIAL, {"auth_preemptive": True})
    for first in (True, False):
        call.invite()
        arrived = call.arrive()
        assert arrived.cseq[0] == call.sent_invite.cseq[0] + first
        call.answer(486, "Busy Here")
        assert caller.receive_reply(486).cseq == call.sent_invite.cseq
        callee.receive_request("ACK")
        call.call_id += "x"


def test_a_wrong_password_is_told_to_the_caller(carrier, connect, caller, callee):
    call = connect(carrier(), CREDENTIAL | {"password": "wrong"})
    call.invite()
    final = caller.receive_reply()
    assert (final.status, final.cseq) == (407, call.sent_invite.cseq)
    callee.expect_nothing()
