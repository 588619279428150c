"""Server transactions by the virtual clock: RFC 3261 §17.2 and RFC 6026 §7.1."""
import pytest

from kit.memory import CALLEE, CALLER, RELAY, Dialog, MemoryProxy, request, route


@pytest.fixture
def proxy():
    return MemoryProxy()


def ack_for(invite, relayed):
    """The caller's hop-by-hop ACK to a refusal: same branch as the INVITE."""
    return invite.replace(b"INVITE sip", b"ACK sip", 1).replace(b"1 INVITE", b"1 ACK")


def test_100_is_sent_at_once(proxy):
    invite = request()
    proxy.receive(invite)
    trying = proxy.one(CALLER)
    assert (trying.status, trying.to_tag) == (100, None)
    assert trying.reason == "trying -- your call is important to us"


def test_auto_inv_100_off():
    proxy = MemoryProxy(route(tm="auto_inv_100 = false\n"))
    proxy.receive(request())
    assert proxy.statuses() == []


def test_three_copies_are_one_request(proxy):
    """T5a: one INVITE forwarded, each copy answered with the last provisional, here the 100."""
    invite = request()
    for _ in range(3):
        proxy.receive(invite)
    assert len(proxy.take(CALLEE)) == 1
    assert proxy.statuses() == [100, 100, 100]
    assert proxy.counter("retransmitted_requests") == 2


def test_a_copy_after_180_gets_the_180_again(proxy):
    """T5b"""
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    ringing = proxy.one(CALLER)
    proxy.receive(invite)
    assert proxy.one(CALLER).raw == ringing.raw
    assert proxy.take(CALLEE) == []


def test_timer_g_repeats_a_refusal_until_ack(proxy):
    """T5c: at .5, 1.5, 3.5, 7.5, then every T2; the ACK ends it."""
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 486)
    refusal = proxy.one(CALLER)
    began = proxy.now
    proxy.advance(16_000)
    copies = proxy.take(CALLER)
    assert [message.received_at - began for message in copies] == [500, 1500, 3500, 7500, 11_500, 15_500]
    assert {message.raw for message in copies} == {refusal.raw}
    proxy.receive(ack_for(invite, relayed))
    proxy.advance(20_000)
    assert proxy.take(CALLER) == []
    assert "ACK" in proxy.methods(CALLEE)      # ours; the caller's is absorbed
    assert proxy.counter("missing_acks") == 0
    proxy.assert_empty()


def test_a_copy_gets_the_refusal_again(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 486)
    refusal = proxy.one(CALLER)
    proxy.receive(invite)
    assert proxy.one(CALLER).raw == refusal.raw


def test_timer_h_gives_up_without_ack(proxy):
    relayed = proxy.start()
    proxy.answer(relayed, 486)
    proxy.advance(31_990)
    assert len(proxy.take(CALLER)) == 11        # the first, then .5, 1.5, 3.5, 7.5 … 27.5, 31.5
    assert proxy.counter("missing_acks") == 0
    proxy.advance(20)
    assert proxy.counter("missing_acks") == 1
    proxy.advance(60_000)
    assert proxy.take(CALLER) == []
    assert proxy.counter("transactions") == 0


def test_timer_i_absorbs_copies_of_the_ack_and_the_invite(proxy):
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 486)
    proxy.take()
    for _ in range(4):
        proxy.receive(ack_for(invite, relayed))
        proxy.receive(invite)
        assert proxy.take() == []
        proxy.advance(1000)
    assert proxy.counter("requests") == 9


def test_a_copy_after_2xx_is_absorbed(proxy):
    """T5d, RFC 6026 §7.1: Accepted sends nothing on its own."""
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 200)
    proxy.take()
    proxy.receive(invite)
    proxy.advance(31_000)
    proxy.receive(invite)
    assert proxy.take() == []
    proxy.advance(1010)
    assert proxy.counter("transactions") == 0      # timer L


def test_the_wt_timer_shortens_what_lingers():
    proxy = MemoryProxy(route(tm="wt_timer = 5000\n"))
    relayed = proxy.start()
    proxy.answer(relayed, 200)
    proxy.advance(4980)
    assert proxy.counter("transactions") == 1
    proxy.advance(30)
    assert proxy.counter("transactions") == 0


def test_timer_j_repeats_the_final_of_another_request(proxy):
    """T5e"""
    message = request("MESSAGE")
    relayed = proxy.start(message)
    proxy.answer(relayed, 202)
    accepted = proxy.one(CALLER)
    for _ in range(3):
        proxy.advance(10_000)
        proxy.receive(message)
        assert proxy.one(CALLER).raw == accepted.raw
        assert proxy.take(CALLEE) == []
    proxy.advance(2020)
    assert proxy.counter("transactions") == 0


def test_a_copy_in_trying_is_absorbed(proxy):
    message = request("MESSAGE")
    proxy.start(message)
    proxy.receive(message)
    assert proxy.take() == []


def test_a_copy_in_proceeding_gets_the_provisional_again(proxy):
    message = request("MESSAGE")
    relayed = proxy.start(message)
    proxy.answer(relayed, 183)
    proxy.take()
    proxy.receive(message)
    assert proxy.statuses() == [183]


def test_no_further_final_goes_upstream(proxy):
    """F10, §17.2.2: one final response to a request, except further 2xx to an INVITE."""
    for method, answers in (
        ("INVITE", (486, 480)),
        ("MESSAGE", (200, 200)),
        ("MESSAGE", (404, 200)),
        ("INVITE", (486, 486)),
    ):
        relayed = proxy.start(request(method))
        for status in answers:
            proxy.answer(relayed, status)
        assert proxy.statuses() == [answers[0]]
        proxy.take()


def test_ack_to_2xx_with_the_branch_of_the_invite_travels_on(proxy):
    """A4: some callers reuse the branch; it is an end-to-end ACK nevertheless."""
    proxy = MemoryProxy(route(RELAY + "record_route = true\n"))
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 200)
    ok = proxy.one(CALLER)
    ack = ack_for(invite, relayed).replace(b"To: Bob <sip:bob@example.com>", b"To: " + ok.get("To").encode())
    ack = ack.replace(b"ACK sip:bob@example.com", b"ACK sip:bob@127.0.0.1:40002")
    proxy.receive(ack.replace(b"From: ", b"Route: " + ok.get("Record-Route").encode() + b"\r\nFrom: ", 1))
    relayed_ack = proxy.one(CALLEE)
    assert relayed_ack.method == "ACK"
    assert relayed_ack.branch != relayed.branch


def test_our_own_refusal_is_repeated_until_ack():
    proxy = MemoryProxy(route('reply = { code = 403, reason = "No way" }\n'))
    invite = request()
    proxy.receive(invite)
    refusal = proxy.one(CALLER)
    assert refusal.start_line == "SIP/2.0 403 No way"
    assert refusal.to_tag
    proxy.advance(1500)
    assert [message.raw for message in proxy.take(CALLER)] == [refusal.raw] * 2
    proxy.receive(ack_for(invite, None))
    proxy.advance(20_000)
    assert proxy.take() == []
    assert proxy.counter("transactions") == 0


def test_our_own_refusal_of_another_request_needs_no_transaction():
    proxy = MemoryProxy(route('reply = { code = 403 }\n'))
    message = request("MESSAGE")
    proxy.receive(message)
    proxy.receive(message)
    first, second = proxy.take(CALLER)
    assert first.raw == second.raw
    assert (first.start_line, proxy.counter("transactions")) == ("SIP/2.0 403 Forbidden", 0)


def test_two_requests_with_a_bare_cookie_are_two_transactions(proxy):
    """X2: the branch alone does not tell them apart."""
    for number in range(2):
        proxy.receive(request(branch="z9hG4bK", call_id=f"bare-{number}"))
    assert len(proxy.take(CALLEE)) == 2


@pytest.mark.parametrize("change", [
    {"branch": "z9hG4bKother"}, {"host": "127.0.0.1:40009"}, {"host": "otherhost:40001"}, {"method": "MESSAGE"},
])
def test_another_branch_sent_by_or_method_is_another_transaction(proxy, change):
    """X1"""
    same = {"branch": "z9hG4bKsame", "host": "127.0.0.1:40001", "method": "INFO"}
    for values in (same, same | change):
        proxy.receive(request(values["method"], branch=values["branch"], host=values["host"], call_id="x1"))
    assert len(proxy.take(CALLEE)) == 2


@pytest.mark.parametrize("host", ["HOST.example.com", "host.EXAMPLE.com"])
def test_the_case_of_sent_by_does_not_matter(proxy, host):
    for name in ("host.example.com", host):
        proxy.receive(request("INFO", branch="z9hG4bKsame", host=name, call_id="x1"))
    assert len(proxy.take(CALLEE)) == 1


def test_draining_refuses_new_invites_only(proxy):
    relayed = proxy.start()
    proxy.engine.drain()
    proxy.receive(request())
    refusal = proxy.one(CALLER)
    assert (refusal.status, 5 <= int(refusal.get("Retry-After")) <= 30) == (503, True)
    proxy.receive(request("MESSAGE"))
    assert proxy.methods() == ["MESSAGE"]
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]


def test_max_transactions():
    proxy = MemoryProxy(route(server="max_transactions = 1\n"))
    proxy.start()
    proxy.receive(request())
    assert proxy.statuses() == [503]
    assert proxy.take(CALLEE) == []
    assert proxy.counter("overload_replies") == 1


def test_what_a_finished_call_keeps():
    """Two transactions, each of one branch, linger for 32 s: blocks of the size classes 320 and 192, and a reply."""
    proxy = MemoryProxy()
    dialog = Dialog(proxy)
    proxy.receive(dialog.downstream("ACK"))
    proxy.take()
    proxy.receive(dialog.downstream("BYE"))
    proxy.answer(proxy.one(CALLEE), 200)
    reply = proxy.one(CALLER)
    assert proxy.counter("transactions") == 2
    assert proxy.counter("transaction_octets") - len(reply.raw) <= 2 * (320 + 192)
    proxy.assert_empty()
