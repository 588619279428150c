"""Requests of our own: transactions without a server side (RFC 3261 §8.1, §17.1)."""
import pytest

from kit.memory import CALLEE, MemoryProxy, reply, route
from uacfast.testing.local import RecordingUser

DESTINATION = b"sip:127.0.0.1:40002"


def own(method="OPTIONS", call_id="own1@proxy", uri="sip:svc@example.com"):
    return (f"{method} {uri} SIP/2.0\r\nTo: <sip:svc@example.com>\r\nFrom: <sip:me@example.com>;tag=f1\r\n"
            f"CSeq: 10 {method}\r\nCall-ID: {call_id}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode()


@pytest.fixture
def proxy():
    proxy = MemoryProxy(route())
    proxy.user = RecordingUser(proxy.engine.engine)
    yield proxy
    proxy.close()


def taken(proxy):
    proxy.collect()
    sent, proxy.sent = proxy.sent, []
    return sent


def send(proxy, octets, **arguments):
    assert proxy.user.send(octets, DESTINATION, **arguments)
    message, = taken(proxy)
    return message


def test_goes_out_with_a_via_of_ours_on_top(proxy):
    message = send(proxy, own())
    lines = message.raw.split(b"\r\n")
    assert lines[0] == b"OPTIONS sip:svc@example.com SIP/2.0"
    assert lines[1].startswith(b"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK")
    assert lines[2:] == own().split(b"\r\n")[1:]
    assert message.source == CALLEE


def test_final_is_told_once_with_its_tag(proxy):
    message = send(proxy, own(), tag=77)
    proxy.receive(reply(message, 100), CALLEE)
    for _copy in range(2):
        proxy.receive(reply(message, 200), CALLEE)
    assert [(tag, status) for tag, status, _ in proxy.user.told] == [(77, 100), (77, 200)]
    assert proxy.user.told[1][2].startswith(b"SIP/2.0 200")
    assert taken(proxy) == []


def test_is_sent_again_until_it_times_out(proxy):
    send(proxy, own(), fr_timer=2000)
    proxy.engine.advance(2500)
    assert len(taken(proxy)) == 2          # 500, 1500 ms
    assert proxy.user.told == [(0, 408, None)]


def test_memory_is_released(proxy):
    before = proxy.engine.statistics()["transactions"]
    message = send(proxy, own())
    proxy.receive(reply(message, 404), CALLEE)
    assert proxy.engine.active == 0
    proxy.engine.advance(60_000)
    assert proxy.engine.statistics()["transactions"] == before
    assert proxy.engine.statistics()["transaction_octets"] == 0


@pytest.mark.parametrize("destination,status", [
    (b"sip:127.0.0.1;transport=sctp", 478), (b"tel:1", 478), (b"sip:name.example", 478), (b"sip:[::1]:5060", 503),
])
def test_failure_at_once_is_told_later(proxy, destination, status):
    assert proxy.user.send(own(), destination, tag=5)
    assert proxy.user.told == []           # never from within send()
    proxy.engine.advance(10)
    assert proxy.user.told == [(5, status, None)]
    proxy.engine.advance(60_000)
    assert proxy.engine.statistics()["transactions"] == 0


@pytest.mark.parametrize("octets", [b"", b"SIP/2.0 200 OK\r\n\r\n", own("ACK"), own().replace(b"Call-ID", b"Call-XX")])
def test_what_is_no_request_is_refused(proxy, octets):
    assert not proxy.user.send(octets, DESTINATION)
    assert taken(proxy) == []


def test_2xx_to_an_invite_is_acknowledged_each_time(proxy):
    message = send(proxy, own("INVITE"))
    routes = "Record-Route: <sip:127.0.0.1:40003;lr>, <sip:127.0.0.1:40004;lr>\r\nContact: <sip:callee@10.0.0.1>\r\n"
    for _copy in range(2):
        proxy.receive(reply(message, 200, headers=routes), CALLEE)
        ack, = taken(proxy)
        assert ack.start_line == "ACK sip:callee@10.0.0.1 SIP/2.0"
        assert ack.source == ("127.0.0.1", 40004)
        assert ack.all("Route") == ["<sip:127.0.0.1:40004;lr>", "<sip:127.0.0.1:40003;lr>"]
        assert ack.all("CSeq") == ["10 ACK"]
        assert ack.to_tag == "tt1" and ack.all("From") == message.all("From")
        assert ack.all("Via") != message.all("Via")
    assert [status for _, status, _ in proxy.user.told] == [200]
    proxy.engine.advance(60_000)
    assert proxy.engine.statistics()["transactions"] == 0


def test_refusal_of_an_invite_is_acknowledged_hop_by_hop(proxy):
    message = send(proxy, own("INVITE"))
    proxy.receive(reply(message, 486), CALLEE)
    ack, = taken(proxy)
    assert ack.start_line == "ACK sip:svc@example.com SIP/2.0" and ack.all("Via") == message.all("Via")
    assert [status for _, status, _ in proxy.user.told] == [486]


def test_ack_of_ours_is_stateless(proxy):
    assert proxy.user.send_ack(own("ACK"), DESTINATION)
    assert [message.start_line for message in taken(proxy)] == ["ACK sip:svc@example.com SIP/2.0"]
    assert proxy.engine.statistics()["transactions"] == 0

