"""CANCEL and ACK (RFC 3261 §9, §16.10, §17.1.1.3; engine specification §10 and §11), in memory."""
import pytest

from kit.memory import CALLEE, CALLEE_B, CALLER, FORK, RELAY, SERIAL, Dialog, MemoryProxy, reply, request, route

REPLACED = 'replace_from = { display = "", uri = "sip:anon@anonymous.invalid" }\nrecord_route = true\n'


def hop_request(method, invite, headers=b""):
    """The caller's CANCEL or hop-by-hop ACK: the INVITE's Via, From, To, Call-ID and CSeq number."""
    octets = invite.replace(b"INVITE ", method + b" ", 1).replace(b"1 INVITE", b"1 " + method)
    return octets.replace(b"Content-Length", headers + b"Content-Length")


def cancel(invite, headers=b""):
    return hop_request(b"CANCEL", invite, headers)


@pytest.fixture
def proxy():
    return MemoryProxy()


def test_c1_200_at_once_with_the_to_tag_of_our_own_final():
    proxy = MemoryProxy(route(tm="fr_timer = 1000\n"))
    invite = request()
    proxy.start(invite)
    proxy.receive(cancel(invite))
    ok = proxy.one(CALLER)
    assert (ok.start_line, ok.get("CSeq")) == ("SIP/2.0 200 canceling", "1 CANCEL")
    proxy.advance(1000)
    final = proxy.one(CALLER)
    assert (final.status, final.to_tag) == (487, ok.to_tag)


def test_c2_a_branch_that_rang_is_cancelled_at_once(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(cancel(invite))
    assert proxy.methods() == ["CANCEL"]


def test_c2_a_silent_branch_is_cancelled_when_it_speaks(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.receive(cancel(invite))
    proxy.advance(500)
    assert proxy.methods() == ["INVITE"]        # still repeated
    proxy.answer(relayed, 100)
    assert proxy.methods() == ["CANCEL"]
    proxy.answer(relayed, 180)
    assert proxy.take(CALLEE) == []             # only one


def test_c3_what_a_cancel_looks_like():
    proxy = MemoryProxy(route(REPLACED + RELAY))
    invite = request(
        headers="Require: 100rel\r\nRecord-Route: <sip:192.0.2.9;lr>\r\nContact: <sip:a@b>\r\n", body=b"v=0\r\n"
    )
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(
        cancel(
            request(headers="X: y\r\n", branch=relayed.vias[1].partition("branch=")[2], call_id=relayed.call_id),
            b'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n',
        )
    )
    cancelled = proxy.one(CALLEE)
    assert cancelled.start_line == "CANCEL sip:bob@example.com SIP/2.0"
    assert [name for name, _ in cancelled.headers] == [
        "Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Content-Length", "Reason"]
    assert cancelled.vias == relayed.vias[:1]
    for name in ("Max-Forwards", "From", "To", "Call-ID"):
        assert cancelled.raw_value(name) == relayed.raw_value(name)
    assert cancelled.get("CSeq") == "1 CANCEL"
    assert cancelled.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert (cancelled.get("Content-Length"), cancelled.body) == ("0", b"")


def test_c3_the_reason_waits_with_the_cancel(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.receive(cancel(invite, b"Reason: Q.850;cause=16\r\n"))
    assert proxy.take(CALLEE) == []
    proxy.answer(relayed, 180)
    assert proxy.one(CALLEE).get("Reason") == "Q.850;cause=16"
    proxy.answer(relayed, 487)
    proxy.assert_empty()


def test_c3_routes_stand_in_the_cancel_too():
    proxy = MemoryProxy(route(RELAY + "record_route = true\n"))
    dialog = Dialog(proxy)
    reinvite = dialog.downstream("INVITE", headers="Route: <sip:127.0.0.1:40003;lr>\r\n")
    proxy.receive(reinvite)
    relayed = proxy.one(CALLEE_B)
    assert relayed.all("Route") == ["<sip:127.0.0.1:40003;lr>"]
    proxy.answer(relayed, 180)
    proxy.take()
    proxy.receive(reinvite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"2 INVITE", b"2 CANCEL"))
    cancelled = proxy.one(CALLEE_B)
    assert (cancelled.method, cancelled.all("Route")) == ("CANCEL", ["<sip:127.0.0.1:40003;lr>"])


def test_c4_a_cancel_is_repeated_until_it_is_answered(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(cancel(invite))
    first = proxy.one(CALLEE)
    began = proxy.now
    proxy.advance(8000)
    copies = proxy.take(CALLEE)
    assert [message.received_at - began for message in copies] == [500, 1500, 3500, 7500]
    assert {message.raw for message in copies} == {first.raw}
    proxy.answer(first, 200)
    proxy.advance(20_000)
    assert proxy.take(CALLEE) == []


def test_c4_without_a_final_the_branch_ends_64_t1_after_the_cancel(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.advance(5000)
    proxy.receive(cancel(invite))
    proxy.answer(proxy.one(CALLEE), 200)
    proxy.take()
    proxy.advance(31_990)
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [487]
    proxy.assert_empty()


def test_c5_the_487_of_the_callee_is_passed_on(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(cancel(invite))
    proxy.answer(proxy.one(CALLEE), 200, tag="of-cancel")
    proxy.take()
    proxy.answer(relayed, 487, tag="of-callee")
    assert proxy.methods() == ["ACK"]
    final = proxy.one(CALLER)
    assert (final.status, final.to_tag) == (487, "of-callee")
    proxy.assert_empty()


def test_c6_a_200_that_crosses_the_cancel_wins(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(cancel(invite))
    proxy.take()
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]
    proxy.advance(40_000)
    assert proxy.take(CALLER) == []
    proxy.assert_empty()


def test_c7_no_transaction_481(proxy):
    proxy.receive(cancel(request()))
    assert proxy.one(CALLER).status == 481
    assert proxy.take() == []


def test_c8_a_cancel_of_another_method_does_nothing(proxy):
    """It matches no INVITE (§9.2)."""
    message = request("MESSAGE")
    relayed = proxy.start(message)
    proxy.receive(message.replace(b"MESSAGE ", b"CANCEL ", 1).replace(b"1 MESSAGE", b"1 CANCEL"))
    assert proxy.statuses() == [481]
    assert proxy.take(CALLEE) == []
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]


@pytest.mark.parametrize("status", [200, 486])
def test_c8_a_cancel_after_the_final_gets_200_and_does_nothing(proxy, status):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, status)
    proxy.take()
    proxy.receive(cancel(invite))
    assert proxy.one(CALLER).start_line == "SIP/2.0 200 canceling"
    assert proxy.take() == []


def test_c9_provisionals_after_the_cancel_are_not_forwarded(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(cancel(invite))
    proxy.take()
    proxy.answer(relayed, 183)
    assert proxy.take() == []


def test_c10_proxy_require_does_not_stop_a_cancel(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.take()
    proxy.receive(cancel(invite, b"Proxy-Require: gold\r\n"))
    assert proxy.methods() == ["CANCEL"]


def test_a_repeated_cancel_is_answered_again_and_sent_once(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.take()
    for _ in range(3):
        proxy.receive(cancel(invite))
    assert proxy.methods() == ["CANCEL"]
    assert proxy.statuses() == [200, 200, 200]


def test_all_branches_are_cancelled():
    proxy = MemoryProxy(route(FORK))
    invite = request()
    proxy.receive(invite)
    first, second = proxy.one(CALLEE), proxy.one(CALLEE_B)
    proxy.answer(first, 180)
    proxy.take()
    proxy.receive(cancel(invite))
    assert (proxy.methods(CALLEE), proxy.methods(CALLEE_B)) == (["CANCEL"], [])
    proxy.answer(second, 180)
    assert proxy.methods(CALLEE_B) == ["CANCEL"]
    proxy.take()
    proxy.answer(first, 487)
    assert proxy.statuses() == []
    proxy.answer(second, 487)
    assert proxy.statuses() == [487]
    proxy.assert_empty()


def test_no_further_target_after_a_cancel():
    proxy = MemoryProxy(route(SERIAL, tm="fr_timer = 1000\n"))
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(cancel(invite))
    proxy.answer(relayed, 487)
    assert proxy.take(CALLEE_B) == []
    proxy.take()
    invite = request()
    proxy.start(invite)
    proxy.receive(cancel(invite))
    proxy.advance(1000)
    assert proxy.take(CALLEE_B) == []
    proxy.assert_empty()


def test_the_cancel_shows_what_the_invite_showed():
    proxy = MemoryProxy(route(REPLACED + RELAY))
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.take()
    proxy.receive(cancel(invite))
    assert proxy.one(CALLEE).get("From") == "<sip:anon@anonymous.invalid>;tag=ft1"
    assert proxy.one(CALLER).get("From") == "Alice <sip:alice@example.com>;tag=ft1"


# --- ACK ------------------------------------------------------------------------------------------------------------

def test_a1_the_ack_to_a_refusal():
    proxy = MemoryProxy(route(REPLACED + RELAY))
    relayed = proxy.start(request(headers="Route: <sip:127.0.0.1:40002;lr>\r\nContact: <sip:a@b>\r\n", body=b"v=0\r\n"))
    proxy.answer(relayed, 486)
    ack = proxy.one(CALLEE)
    assert ack.start_line == "ACK sip:bob@example.com SIP/2.0"
    assert [name for name, _ in ack.headers] == [
        "Via", "Max-Forwards", "Route", "From", "To", "Call-ID", "CSeq", "Content-Length"]
    assert ack.vias == relayed.vias[:1]
    assert ack.get("To") == relayed.get("To") + ";tag=tt1"
    assert (ack.get("From"), ack.get("CSeq"), ack.body) == (relayed.get("From"), "1 ACK", b"")


def test_a2_the_ack_to_a_refusal_ends_here(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 486)
    proxy.take()
    proxy.receive(hop_request(b"ACK", invite))
    assert proxy.take() == []


def test_a3_the_ack_to_a_2xx_travels_without_a_transaction():
    proxy = MemoryProxy(route(RELAY + "record_route = true\n"))
    dialog = Dialog(proxy)
    before = proxy.counter("transactions")
    octets = dialog.downstream("ACK", headers="Content-Type: application/sdp\r\n")
    for _ in range(2):                          # A5: each copy
        proxy.receive(octets)
    first, second = proxy.take()
    assert first.raw == second.raw              # V4: copies get the same branch
    assert (first.source, first.method, first.get("Max-Forwards")) == (CALLEE, "ACK", "69")
    assert first.branch.startswith("z9hG4bK") and first.branch != dialog.received.branch
    assert not first.has("Route")
    assert proxy.counter("transactions") == before


def test_a5_each_copy_of_a_2xx_is_forwarded(proxy):
    relayed = proxy.start()
    for _ in range(3):
        proxy.answer(relayed, 200)
    assert proxy.statuses() == [200, 200, 200]


@pytest.mark.parametrize("change", [b"Max-Forwards: 0\r\n", b"Max-Forwards: x\r\n"])
def test_an_ack_is_never_answered(proxy, change):
    for octets in (
        request("ACK"),
        request("ACK", to="<sip:b@b>;tag=1"),
        request("ACK", to="<sip:b@b>;tag=1", headers="Route: <sip:127.0.0.1:5060;lr>\r\n", uri="sip:x@127.0.0.1:0"),
    ):
        for changed in (
            octets,
            octets.replace(b"Max-Forwards: 70\r\n", change),
            octets.replace(b"CSeq: 1 ACK", b"CSeq: 1 BYE"),
            octets.replace(b"From", b"Fro"),
        ):
            proxy.receive(changed)
    assert proxy.take() == []
    assert proxy.counter("dropped_stray_ack") + proxy.counter("dropped_bad_ack") == 12


def test_a_large_invite_is_cancelled_and_acknowledged_too(proxy):
    """ACK and CANCEL are short, however long the INVITE was."""
    invite = request(headers="Content-Type: x/y\r\n", body=b"x" * 63_000)
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.take()
    proxy.receive(cancel(request(branch=relayed.vias[1].partition("branch=")[2], call_id=relayed.call_id)))
    assert proxy.methods() == ["CANCEL"]
    proxy.answer(relayed, 487)
    assert proxy.methods() == ["ACK"]
    proxy.assert_empty()


def test_a_large_response_passes():
    proxy = MemoryProxy(route('replace_from = { uri = "sip:anon@anonymous.invalid" }\n' + RELAY))
    relayed = proxy.start()
    octets = reply(relayed, 200)
    body = b"x" * (65_500 - len(octets))
    proxy.receive(octets.replace(b"Content-Length: 0", b"Content-Length: %d" % len(body)) + body, CALLEE)
    ok = proxy.one(CALLER)
    assert (ok.status, ok.body) == (200, body)
