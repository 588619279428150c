"""uac_req_send(): what is sent, how challenges are answered, what is told (uac-semantics §6)."""
import hashlib
import re

import pytest

from kit.memory import CALLEE, CALLEE_B, MemoryProxy, reply, route
from uacfast.uac.request_description import RequestDescription

TARGET = "sip:svc@127.0.0.1:40002"
CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n1", qop="auth", algorithm=MD5\r\n'


class Sender:
    """A memory proxy and the sender of its requests; `outcomes` and `events` are what it told."""

    def __init__(self, config=None):
        self.proxy = MemoryProxy(config or route())
        self.requests = self.proxy.engine.requests
        self.outcomes, self.events = [], []
        self.requests.on_event = lambda description, response: self.events.append(description)

    def send(self, **values):
        return self.requests.send(RequestDescription(**values), self.outcomes.append)

    def sent(self):
        self.proxy.collect()
        messages, self.proxy.sent = self.proxy.sent, []
        return messages

    def begin(self, **values):
        assert self.send(**{"method": "OPTIONS", "ruri": TARGET} | values) == 1
        message, = self.sent()
        return message

    def answer(self, message, status, **arguments):
        self.proxy.receive(reply(message, status, **arguments), CALLEE)
        return self.sent()


@pytest.fixture
def sender():
    sender = Sender()
    yield sender
    sender.proxy.close()


def names(message):
    return [name for name, _value in message.headers]


def test_octets_are_those_of_the_reference(sender):
    message = sender.begin(turi='"Disp" <sip:to@ex.com;x=y>', furi="sip:from@ex.com", callid="c1", hdrs="X-A: 1",
                           body="hello")
    assert message.start_line == f"OPTIONS {TARGET} SIP/2.0"
    assert names(message) == ["Via", "To", "From", "CSeq", "Call-ID", "Max-Forwards", "Content-Length", "User-Agent",
                              "X-A"]
    assert message.get("To") == '"Disp" <sip:to@ex.com;x=y>'
    assert re.fullmatch(r"<sip:from@ex.com>;tag=\S+", message.get("From"))
    assert message.get("CSeq") == "10 OPTIONS"
    assert message.get("Call-ID") == "c1" and message.get("User-Agent") == "uacfast"
    assert message.body == b"hello" and message.get("Content-Length") == "5"


def test_to_and_from_default_to_the_request_uri(sender):
    message = sender.begin()
    assert message.get("To") == f"<{TARGET}>" and message.get("From").startswith(f"<{TARGET}>;tag=")


@pytest.mark.parametrize("given,kept", [
    ('"D" <sip:a@b>', '"D" <sip:a@b>'), ("<sip:a@b>;p=1", "<sip:a@b>;p=1"), ("sip:a@b;p=1", "<sip:a@b;p=1>"),
])
def test_brackets_are_put_where_they_are_missing(sender, given, kept):
    assert sender.begin(turi=given).get("To") == kept


def test_own_tags_cseq_and_max_forwards(sender):
    message = sender.begin(ftag="f9", ttag="t9", cseqno=77, hdrs="Max-Forwards: 5\r\n")
    assert message.from_tag == "f9" and message.to_tag == "t9" and message.get("CSeq") == "77 OPTIONS"
    assert message.all("Max-Forwards") == ["5"]


def test_outbound_proxy_decides_the_destination_alone(sender):
    message = sender.begin(ruri="sip:svc@example.com", ouri="sip:127.0.0.1:40003;lr")
    assert message.source == CALLEE_B and not message.has("Route")
    assert message.start_line == "OPTIONS sip:svc@example.com SIP/2.0"


@pytest.mark.parametrize("values", [
    {"method": ""}, {"ruri": ""}, {"ruri": "x"}, {"method": "A B"}, {"ruri": "tel:1"}, {"ruri": "sip:a b@c"},
])
def test_what_cannot_be_sent_is_refused(sender, values, caplog):
    assert sender.send(**{"method": "OPTIONS", "ruri": TARGET} | values) == -1
    assert "uac_req_send: " in caplog.text
    assert sender.sent() == [] and sender.outcomes == []


def test_the_outcome(sender):
    message = sender.begin()
    sender.answer(message, 486, reason="Busy Here", headers="X-Why: because\r\n", body=b"text")
    outcome, = sender.outcomes
    assert outcome.codes == (486,) and outcome.code == 486 and not outcome.timed_out
    assert outcome.reason == "Busy Here" and outcome.header("x-why") == "because" and outcome.header("v")
    assert outcome.header("X-None") is None and outcome.body == b"text"
    assert sender.events == []


def test_timeout(sender):
    sender.begin(fr_timeout=1000, evroute=1)
    sender.proxy.engine.advance(1100)
    outcome, = sender.outcomes
    assert outcome.codes == (408,) and outcome.timed_out and outcome.octets is None
    assert [(event.evcode, event.evtype) for event in sender.events] == [(408, 2)]


def response_of(message, password, ha1=None):
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', message.get("Authorization")))
    ha1 = ha1 or hashlib.md5(f"{fields['username']}:r:{password}".encode()).hexdigest()
    ha2 = hashlib.md5(f"{message.method}:{fields['uri']}".encode()).hexdigest()
    expected = hashlib.md5(f"{ha1}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:auth:{ha2}".encode())
    return fields["response"], expected.hexdigest()


HA1 = hashlib.md5(b"u:r:p").hexdigest()


@pytest.mark.parametrize("values", [{"apasswd": "p"}, {"apasswd": HA1.upper(), "flags": 1}])
def test_challenge_is_answered(sender, values):
    message = sender.begin(auser="u", hdrs="X-A: 1\r\n", body="b", evroute=1, **values)
    again, = sender.answer(message, 401, headers=CHALLENGE)
    assert again.get("CSeq") == "11 OPTIONS"
    assert again.get("Call-ID") == message.get("Call-ID") and again.from_tag == message.from_tag
    assert again.to_tag is None and again.body == b"b"
    assert names(again)[-2:] == ["X-A", "Authorization"]
    found, expected = response_of(again, "p", HA1)
    assert found == expected
    sender.answer(again, 200)
    assert [outcome.codes for outcome in sender.outcomes] == [(401, 200)]
    assert [(event.evcode, event.evtype) for event in sender.events] == [(401, 1), (200, 1)]
    assert sender.events[0].ruri == TARGET


def test_refused_credentials_are_final(sender):
    message = sender.begin(auser="u", apasswd="wrong")
    again, = sender.answer(message, 401, headers=CHALLENGE)
    assert sender.answer(again, 401, headers=CHALLENGE) == []
    assert [outcome.codes for outcome in sender.outcomes] == [(401, 401)]


@pytest.mark.parametrize("values,headers", [
    ({}, CHALLENGE), ({"auser": "u"}, CHALLENGE), ({"apasswd": "p"}, CHALLENGE),
    ({"auser": "u", "apasswd": "p", "evroute": 2}, CHALLENGE),
    ({"auser": "u", "apasswd": "p"}, ""), ({"auser": "u", "apasswd": "p"}, "WWW-Authenticate: Basic realm=\"r\"\r\n"),
])
def test_challenge_that_is_not_answered(sender, values, headers):
    assert sender.answer(sender.begin(**values), 401, headers=headers) == []
    assert [outcome.codes for outcome in sender.outcomes] == [(401,)]


@pytest.mark.parametrize("enabled,status,told", [(False, 486, []), (True, 486, [486]), (True, 200, [])])
def test_evroute_2_tells_of_failures(enabled, status, told):
    sender = Sender(route(tm=f"enable_uac_fr = {str(enabled).lower()}"))
    sender.answer(sender.begin(evroute=2), status)
    assert [event.evcode for event in sender.events] == told
    sender.proxy.close()


def test_ack_is_sent_without_state(sender):
    message = sender.begin(method="ACK")
    assert message.start_line == f"ACK {TARGET} SIP/2.0"
    assert sender.proxy.engine.statistics()["transactions"] == 0


def test_mistake_in_a_listener_is_logged(sender, caplog):
    sender.requests.on_event = lambda description, response: 1 / 0
    sender.answer(sender.begin(evroute=1), 200)
    assert "ZeroDivisionError" in caplog.text


def test_default_socket_and_sock():
    listen = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n[[listen]]\nuri = "udp:127.0.0.1:5070"\n'
    sender = Sender(route(listen=listen, uac='default_socket = "udp:127.0.0.1:5070"'))
    assert sender.begin().socket == 1
    assert sender.begin(sock="udp:127.0.0.1:5060").socket == 0
    assert sender.begin(sock="udp:192.0.2.1:5060").socket == 1      # none of ours: as if it were not given
    sender.proxy.close()


# --- $uac_req -------------------------------------------------------------------------------------------------------

def test_description_limits(caplog):
    description = RequestDescription()
    assert description.set("method", "OPTIONS") and not description.set("method", "X" * 32)
    assert description.get("method") == "OPTIONS"
    assert description.set("apasswd", "p" * 63) and not description.set("apasswd", "secret" * 20)
    assert not description.set("evroute", "1") and not description.set("ruri", 1) and not description.set("arealm", "r")
    assert not description.set("furi", "sip:a@b>\r\nX: y")
    assert "secret" not in caplog.text and "$uac_req(arealm) does not exist" in caplog.text


def test_description_values():
    description = RequestDescription(method="INFO", evroute=1, auser="u", apasswd="p", sock="udp:1.2.3.4:5")
    assert description.get("ruri") is None and description.get("evcode") == 0 and description.get("evroute") == 1
    assert description.set("method", None) and description.get("method") is None
    assert not description.set("all", 1)
    assert description.set("all", None)
    assert [description.get(key) for key in ("auser", "apasswd", "sock", "evroute")] == [None, None, None, 0]
    assert "p" not in repr(RequestDescription(apasswd="p")).replace("RequestDescription", "")


def test_unknown_key_of_a_new_description():
    with pytest.raises(ValueError, match=r"\$uac_req\(realm\) does not exist"):
        RequestDescription(realm="r")
