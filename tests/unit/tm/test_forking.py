"""Several targets, at once or in turn: which responses go upstream (RFC 3261 §16.7; engine specification §9)."""

import pytest

from kit.memory import CALLEE, CALLEE_B, CALLEE_C, CALLER, FORK, SERIAL, MemoryProxy, request, route

THREE = 'relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003", "sip:127.0.0.1:40004"]\n'


def fork(method="INVITE", lines=FORK, **tables):
    """A proxy, and the request as each of the parallel targets got it."""
    proxy = MemoryProxy(route(lines, **tables))
    proxy.receive(request(method))
    proxy.take(CALLER)
    return proxy, *(proxy.one(callee) for callee in (CALLEE, CALLEE_B, CALLEE_C)[:lines.count("sip:")])


def test_branches_differ_in_their_via_branch_only():
    _, first, second = fork()
    assert first.branch != second.branch
    assert first.branch.rpartition(".")[0] == second.branch.rpartition(".")[0]
    assert first.text.replace(first.branch, "") == second.text.replace(second.branch, "")


@pytest.mark.parametrize("status", [101, 180, 183, 199])
def test_f2_provisionals_of_every_branch_pass_at_once(status):
    proxy, first, second = fork()
    proxy.answer(first, 100)
    assert proxy.statuses() == []
    proxy.answer(first, status)
    proxy.answer(second, status)
    assert proxy.statuses() == [status, status]


def test_f3_the_first_2xx_cancels_the_others_and_every_2xx_passes():
    proxy, first, second, third = fork(lines=THREE + "fork = true\n")
    proxy.answer(first, 180)
    proxy.take()
    proxy.answer(second, 200)
    assert proxy.statuses() == [200]
    cancelled = proxy.one(CALLEE)
    assert (cancelled.method, cancelled.branch) == ("CANCEL", first.branch)
    assert "cause=200" in cancelled.get("Reason")
    assert proxy.take() == []                   # the third has not spoken yet
    proxy.answer(third, 200)
    assert proxy.statuses() == [200]
    proxy.answer(first, 487)
    assert (proxy.methods(CALLEE), proxy.statuses()) == (["ACK"], [])
    proxy.answer(second, 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_f3_provisionals_after_the_2xx_stay_here():
    proxy, first, second = fork()
    proxy.answer(first, 200)
    proxy.take()
    proxy.answer(second, 180)
    assert (proxy.statuses(), proxy.methods(CALLEE_B)) == ([], ["CANCEL"])


@pytest.mark.parametrize("status", [600, 603, 604])
def test_f4_a_6xx_cancels_the_others_and_waits_for_them(status):
    proxy, first, second = fork()
    proxy.answer(first, 180)
    proxy.take()
    proxy.answer(second, status)
    assert proxy.statuses() == []
    cancelled = proxy.one(CALLEE)
    assert (cancelled.method, cancelled.get("Reason")) == ("CANCEL", f"SIP;cause={status}")
    proxy.answer(first, 487)
    assert proxy.statuses() == [status]
    proxy.assert_empty()


def test_f4_a_2xx_that_crosses_the_6xx_wins():
    proxy, first, second = fork()
    proxy.answer(first, 180)
    proxy.answer(second, 603)
    proxy.take()
    proxy.answer(first, 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_disable_6xx_block_lets_the_others_go_on():
    proxy, first, second = fork(tm="disable_6xx_block = true\n")
    proxy.answer(first, 180)
    proxy.take()
    proxy.answer(second, 603)
    assert "CANCEL" not in proxy.methods(CALLEE)
    proxy.answer(first, 200)
    assert proxy.statuses() == [200]


@pytest.mark.parametrize(("answers", "chosen"), [
    ((486, 404), 404), ((404, 486), 404), ((486, 603), 603), ((603, 486), 603), ((500, 404), 404), ((404, 302), 302),
    ((404, 401), 401), ((407, 403), 407), ((415, 404), 415), ((420, 400), 420), ((484, 404), 484), ((408, 480), 480),
    ((503, 500), 500), ((408, 500), 408), ((500, 302), 302), ((600, 603), 600), ((480, 487), 480),
])
def test_f5_the_best_of_the_refusals(answers, chosen):
    proxy, first, second = fork()
    proxy.answer(first, 180)
    proxy.answer(second, 180)
    proxy.take()
    proxy.answer(first, answers[0])
    assert proxy.statuses() == []
    proxy.answer(second, answers[1])
    final = proxy.one(CALLER)
    assert (final.status, len(final.vias)) == (chosen, 1)


def test_f5_a_503_goes_up_as_500_without_retry_after():
    proxy = MemoryProxy()
    relayed = proxy.start()
    proxy.answer(relayed, 503, reason="Service Unavailable", headers="Retry-After: 10\r\n")
    final = proxy.one(CALLER)
    assert (final.start_line, final.has("Retry-After")) == ("SIP/2.0 500 Service Unavailable", False)


@pytest.mark.parametrize(("answers", "count"), [((401, 407), (1, 1)), ((407, 407), (0, 2)), ((401, 401), (2, 0))])
def test_f6_challenges_are_put_together(answers, count):
    proxy, first, second = fork()
    names = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}
    for message, status, realm in ((first, answers[0], "one"), (second, answers[1], "two")):
        proxy.answer(message, status, headers=f'{names[status]}: Digest realm="{realm}", nonce="n, \\"{realm}"\r\n')
    final = proxy.one(CALLER)
    assert final.status == min(answers)
    assert (len(final.all("WWW-Authenticate")), len(final.all("Proxy-Authenticate"))) == count
    assert {'Digest realm="one", nonce="n, \\"one"', 'Digest realm="two", nonce="n, \\"two"'} == {
        *final.all("WWW-Authenticate"), *final.all("Proxy-Authenticate")}


def test_f6_a_refusal_that_is_no_challenge_adds_nothing():
    proxy, first, second = fork()
    proxy.answer(first, 404, headers='WWW-Authenticate: Digest realm="x"\r\n')
    proxy.answer(second, 401, headers='WWW-Authenticate: Digest realm="y"\r\n')
    assert proxy.one(CALLER).all("WWW-Authenticate") == ['Digest realm="y"']


def test_f7_a_redirection_passes_with_its_contact():
    proxy = MemoryProxy()
    relayed = proxy.start()
    proxy.answer(relayed, 302, headers="Contact: <sip:other@example.org>\r\n")
    final = proxy.one(CALLER)
    assert (final.status, final.get("Contact")) == (302, "<sip:other@example.org>")


def test_f8_a_silent_branch_counts_less_than_a_real_refusal():
    """A silent, B 404: 404, and only after A's timer."""
    proxy, _, second = fork(tm="fr_timer = 3000\n")
    proxy.answer(second, 404)
    proxy.advance(2990)
    assert proxy.statuses() == []
    proxy.advance(10)
    assert proxy.statuses() == [404]
    proxy.assert_empty()


def test_f8_all_silent_408():
    proxy, *_ = fork(tm="fr_timer = 3000\n")
    proxy.advance(3000)
    assert proxy.statuses() == [408]


def test_f8_a_real_408_goes_before_our_own():
    proxy, _, second = fork(tm="fr_timer = 3000\n")
    proxy.answer(second, 408, reason="of the callee")
    proxy.advance(3000)
    assert proxy.one(CALLER).reason == "of the callee"


@pytest.mark.parametrize("status", [302, 404, 486, 500, 503])
def test_f9_the_next_target_after_a_refusal(status):
    proxy = MemoryProxy(route(SERIAL))
    first = proxy.start()
    proxy.answer(first, status)
    assert (proxy.methods(CALLEE), proxy.statuses()) == (["ACK"], [])
    second = proxy.one(CALLEE_B)
    assert second.method == "INVITE"
    assert second.branch != first.branch
    assert second.text.replace(second.branch, "") == first.text.replace(first.branch, "")
    proxy.answer(second, 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_f9_not_after_a_6xx():
    proxy = MemoryProxy(route(SERIAL))
    proxy.answer(proxy.start(), 603)
    assert (proxy.statuses(), proxy.take(CALLEE_B)) == ([603], [])


def test_f9_disable_6xx_block_goes_on_after_a_6xx():
    proxy = MemoryProxy(route(SERIAL, tm="disable_6xx_block = true\n"))
    proxy.answer(proxy.start(), 603)
    assert (proxy.statuses(), proxy.methods(CALLEE_B)) == ([], ["INVITE"])


def test_f9_the_next_target_by_time_cancels_the_first_and_a_late_200_wins():
    proxy = MemoryProxy(route(SERIAL, tm="fr_inv_timer = 2000\n"))
    first = proxy.start()
    proxy.answer(first, 180)
    proxy.take()
    proxy.advance(2000)
    assert proxy.methods(CALLEE) == ["CANCEL"]
    second = proxy.one(CALLEE_B)
    assert proxy.statuses() == []
    proxy.answer(second, 180)
    assert proxy.statuses() == [180]
    proxy.answer(first, 200)
    assert proxy.statuses() == [200]
    assert proxy.methods(CALLEE_B) == ["CANCEL"]
    proxy.answer(second, 487)
    assert proxy.statuses() == []
    proxy.assert_empty()


def test_f9_the_next_target_after_silence():
    proxy = MemoryProxy(route(THREE, tm="fr_timer = 1000\n"))
    proxy.receive(request())
    proxy.advance(3000)
    invites = [message for message in proxy.sent if message.is_request]
    assert [(message.source, message.received_at) for message in invites] == [
        (CALLEE, 0), (CALLEE, 500), (CALLEE_B, 1000), (CALLEE_B, 1500), (CALLEE_C, 2000), (CALLEE_C, 2500)]
    assert proxy.statuses() == [100, 408]
    proxy.assert_empty()


def test_f9_when_all_refuse_the_best_goes_up():
    proxy = MemoryProxy(route(THREE))
    message = proxy.start()
    for status, callee in ((500, CALLEE_B), (404, CALLEE_C), (486, None)):
        proxy.answer(message, status, reason=f"from {message.source[1]}")
        if callee:
            message = next(m for m in proxy.take(callee) if m.method == "INVITE")
    final = proxy.one(CALLER)
    assert final.start_line == "SIP/2.0 404 from 40003"
    proxy.assert_empty()


def test_f10_exactly_one_final():
    proxy, first, second = fork()
    for message in (first, second, first, second):
        proxy.answer(message, 486)
    assert proxy.statuses() == [486]


def test_f11_the_first_2xx_to_another_request_wins_and_nothing_is_cancelled():
    proxy, first, second = fork("MESSAGE")
    proxy.answer(first, 200, tag="first")
    proxy.answer(second, 200, tag="second")
    assert proxy.one(CALLER).to_tag == "first"
    assert proxy.take() == []
    proxy.assert_empty()


@pytest.mark.parametrize("wt_timer", [1000, 5000, 32_000])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("spoken", [False, True])
def test_a_branch_that_outlives_the_server_side_leaves_nothing_behind(wt_timer, method, spoken):
    proxy, first, second = fork(method, tm=f"wt_timer = {wt_timer}\n")
    if spoken:
        proxy.answer(second, 180)
    proxy.answer(first, 200)
    proxy.advance(10_000)
    proxy.answer(second, 200)
    proxy.assert_empty()
    proxy, first, second = fork(method, tm=f"wt_timer = {wt_timer}\n")
    if spoken:
        proxy.answer(second, 180)
    proxy.answer(first, 200)
    proxy.assert_empty()


def test_the_times_of_a_fork_begin_for_each_branch():
    proxy, first, second = fork(tm="fr_timer = 2000\nfr_inv_timer = 3000\n")
    proxy.advance(1000)
    proxy.answer(first, 180)
    proxy.take()
    proxy.advance(1000)                         # the second is silent: over
    assert "CANCEL" not in proxy.methods(CALLEE_B)
    assert proxy.statuses() == []
    proxy.advance(2000)                         # the first rang for 3 s
    assert proxy.methods(CALLEE) == ["CANCEL"]
    assert proxy.statuses() == [408]
    proxy.answer(first, 487)
    proxy.assert_empty()
