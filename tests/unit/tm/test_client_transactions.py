"""Client transactions by the virtual clock: RFC 3261 §17.1 and RFC 6026 §7.2, with Kamailio's timers."""
import pytest

from kit.memory import CALLEE, CALLER, RELAY, MemoryProxy, reply, request, route

LONG = "fr_timer = 32000\n"


@pytest.fixture
def proxy():
    return MemoryProxy()


def sending_times(proxy, duration, destination=CALLEE):
    """When the callee was sent something from now on, in ms."""
    began = proxy.now
    proxy.advance(duration)
    return [message.received_at - began for message in proxy.take(destination)]


def test_timer_a_doubles_without_cap_until_timer_b():
    """T6a: copies of the INVITE at .5, 1.5, 3.5 … and nothing behind 64*T1."""
    proxy = MemoryProxy(route(tm=LONG))
    proxy.start()
    assert sending_times(proxy, 31_990) == [500, 1500, 3500, 7500, 15_500, 31_500]
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [408]


def test_timer_e_doubles_up_to_t2_until_timer_f():
    proxy = MemoryProxy(route(tm=LONG))
    proxy.start(request("MESSAGE"))
    assert sending_times(proxy, 31_990) == [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [408]


def test_timers_follow_retr_timer1_and_retr_timer2():
    proxy = MemoryProxy(route(tm="retr_timer1 = 100\nretr_timer2 = 400\n"))
    proxy.start(request("MESSAGE"))
    assert sending_times(proxy, 2000) == [100, 300, 700, 1100, 1500, 1900]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_retransmission_is_the_same_octets(proxy, method):
    first = proxy.start(request(method))
    proxy.advance(500)
    assert proxy.one(CALLEE).raw == first.raw


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_fr_timer_ends_a_silent_branch(method):
    """T6a with Kamailio's fr_timer."""
    proxy = MemoryProxy(route(tm="fr_timer = 2000\n"))
    proxy.start(request(method))
    proxy.advance(1990)
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [408]
    assert proxy.counter("branch_timeouts") == 1


def test_the_times_of_a_route_win():
    config = route(RELAY + "fr_timer = 700\nfr_inv_timer = 900\n", tm="fr_timer = 9000\nfr_inv_timer = 9000\n")
    proxy = MemoryProxy(config)
    proxy.start()
    proxy.advance(690)
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [408]
    proxy = MemoryProxy(config)
    relayed = proxy.start()
    proxy.answer(relayed, 180)
    proxy.take()
    proxy.advance(890)
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [408]


@pytest.mark.parametrize("status", [100, 180, 183])
def test_a_provisional_stops_the_copies_of_an_invite(proxy, status):
    """T6b"""
    relayed = proxy.start()
    proxy.advance(400)
    proxy.answer(relayed, status)
    assert sending_times(proxy, 60_000) == []


def test_a_provisional_slows_the_copies_of_another_request_to_t2(proxy):
    """§17.1.2.2: timer E is T2 in Proceeding."""
    relayed = proxy.start(request("MESSAGE"))
    proxy.advance(1000)
    proxy.take()
    proxy.answer(relayed, 100)
    assert sending_times(proxy, 13_000) == [4000, 8000, 12_000]


def test_fr_inv_timer_begins_with_each_provisional():
    """T6c, timer C: 180, then silence: CANCEL to the callee and 408 to the caller."""
    proxy = MemoryProxy(route(tm="fr_inv_timer = 3000\n"))
    relayed = proxy.start()
    proxy.answer(relayed, 100)
    for _ in range(4):
        proxy.advance(2900)
        proxy.answer(relayed, 180)
        assert proxy.statuses() == [180]
    proxy.advance(2990)
    assert proxy.take() == []
    proxy.advance(10)
    assert proxy.methods() == ["CANCEL"]
    assert proxy.statuses() == [408]
    proxy.assert_empty()


def test_max_inv_lifetime_bounds_what_provisionals_prolong():
    proxy = MemoryProxy(route(tm="fr_inv_timer = 3000\nmax_inv_lifetime = 10000\n"))
    relayed = proxy.start()
    proxy.answer(relayed, 100)
    for _ in range(4):
        proxy.advance(2400)
        proxy.answer(relayed, 180)
    assert proxy.statuses() == [180] * 4
    proxy.advance(390)
    assert proxy.take() == []
    proxy.advance(10)
    assert (proxy.methods(), proxy.statuses()) == (["CANCEL"], [408])


def test_max_noninv_lifetime_bounds_other_requests():
    proxy = MemoryProxy(route(tm="fr_timer = 30000\nmax_noninv_lifetime = 5000\n"))
    relayed = proxy.start(request("MESSAGE"))
    proxy.advance(1000)
    proxy.answer(relayed, 100)
    proxy.advance(3990)
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [408]


def test_a_provisional_after_the_timeout_is_answered_with_cancel_and_not_forwarded():
    """§16.8, §9.1: a branch without provisional may not be cancelled before one comes."""
    proxy = MemoryProxy(route(tm="fr_timer = 1000\n"))
    relayed = proxy.start()
    proxy.advance(1000)
    assert proxy.statuses() == [408]
    assert "CANCEL" not in proxy.methods()
    proxy.answer(relayed, 180)
    assert (proxy.methods(), proxy.statuses()) == (["CANCEL"], [])
    proxy.answer(relayed, 487)
    assert (proxy.methods(), proxy.statuses()) == (["ACK"], [])
    proxy.assert_empty()


def test_a_late_2xx_is_forwarded_after_the_timeout():
    """§16.7 step 5: any 2xx to an INVITE is forwarded, also after another final response."""
    proxy = MemoryProxy(route(tm="fr_timer = 1000\n"))
    invite = request()
    relayed = proxy.start(invite)
    proxy.advance(1000)
    assert proxy.statuses() == [408]
    proxy.take()
    proxy.answer(relayed, 200)
    ok = proxy.one(CALLER)
    assert ok.status == 200
    proxy.advance(500)
    assert proxy.statuses() == [408]        # the caller has not sent its ACK: timer G goes on with the 408
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_timer_d_answers_copies_of_a_refusal_with_ack(proxy):
    """§17.1.1.2 Completed: each copy is acknowledged, none passed up; the ACK is the same."""
    relayed = proxy.start()
    proxy.answer(relayed, 486)
    first = proxy.one(CALLEE)
    assert first.method == "ACK"
    assert proxy.statuses() == [486]
    proxy.receive(request("ACK", call_id=relayed.call_id, branch=relayed.vias[1].partition("branch=")[2]))
    for _ in range(7):
        proxy.advance(4000)
        proxy.answer(relayed, 486)
        assert proxy.one(CALLEE).raw == first.raw
        assert proxy.statuses() == []
    proxy.advance(31_990 - 28_000)
    proxy.answer(relayed, 486)
    assert proxy.methods() == ["ACK"]
    proxy.advance(20)
    proxy.answer(relayed, 486)
    assert proxy.take() == []
    assert proxy.counter("transactions") == 0


def test_timer_m_passes_each_2xx_up(proxy):
    """RFC 6026 §7.2: Accepted lasts 64*T1; every 2xx in it is forwarded, a refusal is not; neither gets an ACK."""
    relayed = proxy.start()
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]
    for _ in range(6):
        proxy.advance(5000)
        proxy.answer(relayed, 200)
        proxy.answer(relayed, 486)
        assert [message.start_line[:11] for message in proxy.take()] == ["SIP/2.0 200"]
    proxy.advance(2020)
    assert proxy.counter("transactions") == 0


def test_a_further_2xx_with_another_tag_is_forwarded(proxy):
    """A fork further down gives more than one dialog (§13.2.2.4)."""
    relayed = proxy.start()
    for tag in ("one", "two"):
        proxy.answer(relayed, 200, tag=tag)
        assert proxy.one(CALLER).to_tag == tag


def test_timer_k_absorbs_copies_of_a_final(proxy):
    relayed = proxy.start(request("MESSAGE"))
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]
    proxy.answer(relayed, 200)
    assert proxy.take() == []


def test_a_1xx_after_the_final_is_absorbed(proxy):
    relayed = proxy.start()
    proxy.answer(relayed, 486)
    proxy.take()
    proxy.answer(relayed, 180)
    assert proxy.take() == []


def test_a_response_with_another_method_in_cseq_is_dropped(proxy):
    """§17.1.3: the method of CSeq matters, for instance of an INFO answered with the INVITE's branch."""
    relayed = proxy.start()
    proxy.receive(reply(relayed, 200).replace(b"CSeq: 1 INVITE", b"CSeq: 1 INFO"), CALLEE)
    assert proxy.take() == []
    assert proxy.counter("dropped_bad_response") == 1


@pytest.mark.parametrize("change", [
    lambda octets: octets.replace(b"branch=z9hG4bK1.", b"branch=z9hG4bK2."),
    lambda octets: octets.replace(b"branch=z9hG4bK1.", b"branch=z9hG4bKffffffff."),
    lambda octets: octets.replace(b".0\r\n", b".1\r\n", 1),
    lambda octets: octets.replace(b".0\r\n", b".fff\r\n", 1),
    lambda octets: octets.replace(b".0\r\n", b".\r\n", 1),
])
def test_a_response_to_no_branch_of_ours_matches_none(change):
    proxy = MemoryProxy(route(tm='stray_replies = "drop"\n'))
    relayed = proxy.start()
    changed = change(reply(relayed, 200))
    assert changed != reply(relayed, 200)
    proxy.receive(changed, CALLEE)
    assert proxy.take() == []
    assert proxy.counter("dropped_stray_response") == 1


def test_rfc_4320_switch_keeps_silent_when_a_non_invite_times_out():
    """RFC 4320 §4.1; copies that still come are absorbed and not sent on again."""
    proxy = MemoryProxy(route(tm="fr_timer = 1000\nnoninv_timeout_408 = false\n"))
    message = request("MESSAGE")
    proxy.start(message)
    proxy.advance(1000)
    proxy.take(CALLEE)
    proxy.advance(1000)
    assert proxy.take() == []
    assert proxy.counter("active_transactions") == 0
    proxy.receive(message)
    assert proxy.take() == []
    proxy.assert_empty()


def test_rfc_4320_switch_leaves_an_invite_alone():
    proxy = MemoryProxy(route(tm="fr_timer = 1000\nnoninv_timeout_408 = false\n"))
    proxy.start()
    proxy.advance(1000)
    assert proxy.statuses() == [408]


def test_a_real_408_of_the_callee_passes_the_rfc_4320_switch():
    proxy = MemoryProxy(route(tm="noninv_timeout_408 = false\n"))
    relayed = proxy.start(request("MESSAGE"))
    proxy.answer(relayed, 408)
    assert proxy.statuses() == [408]


def test_relay_100():
    relayed = (proxy := MemoryProxy(route(tm="relay_100 = true\nauto_inv_100 = false\n"))).start()
    proxy.answer(relayed, 100)
    assert proxy.statuses() == [100]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "FOO"])
@pytest.mark.parametrize("status", [200, 302, 404, 486, 500, 603])
def test_nothing_stays_in_memory_after_a_final(proxy, method, status):
    relayed = proxy.start(request(method))
    proxy.answer(relayed, status)
    proxy.assert_empty()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("provisional", [None, 100, 180])
def test_nothing_stays_in_memory_after_a_timeout(proxy, method, provisional):
    relayed = proxy.start(request(method))
    if provisional:
        proxy.answer(relayed, provisional)
    proxy.assert_empty(400_000)


@pytest.mark.parametrize("broken", [
    lambda octets: octets.replace(b"From: ", b"X-From: "),
    lambda octets: octets.replace(b"To: ", b"X-To: "),
    lambda octets: octets.replace(b"Call-ID: ", b"X-Call: "),
    lambda octets: octets.replace(b"From: ", b"From: <"),
    lambda octets: octets.replace(b"From: ", b"From: \"open "),
], ids=["no From", "no To", "no Call-ID", "From without >", "From with an open quote"])
@pytest.mark.parametrize("replaced", ["", 'replace_from = { uri = "sip:anon@anonymous.invalid" }\n'])
@pytest.mark.parametrize("status", [200, 486])
def test_a_broken_final_leaves_nothing_behind(broken, replaced, status):
    """Dropped or passed on, the transaction ends and the caller gets a final response."""
    proxy = MemoryProxy(route(replaced + RELAY, tm="fr_timer = 2000\nfr_inv_timer = 4000\n"))
    relayed = proxy.start()
    proxy.receive(broken(reply(relayed, status)), CALLEE)
    proxy.advance(3000)
    assert [code for code in proxy.statuses() if code >= 200]
    proxy.assert_empty()


def test_a_response_that_is_for_nobody_but_us_is_dropped(proxy):
    """§16.7 step 3: no Via is left when ours is taken off."""
    relayed = proxy.start()
    octets = reply(relayed, 200)
    proxy.receive(octets.replace(b"Via: " + relayed.vias[1].encode() + b"\r\n", b""), CALLEE)
    assert proxy.take() == []
