"""Timers of one transaction: t_set_retr(), t_set_max_lifetime() and their resets (Kamailio tm §4.23-4.26)."""
import pytest

from kit.memory import CALLEE, CALLER, reply, request
from kit.script import ScriptedProxy

CONFIG = "[tm]\nfr_timer = 4000\nfr_inv_timer = 8000\n"
RELAY = """
def ksr_request_route(self, msg):
    if KSR.is_ACK():
        KSR.tm.t_check_trans()
        return 1
    {before}
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_on_reply("ksr_reply")
    KSR.tm.t_relay()
    {after}
    return 1

def ksr_reply(self, msg):
    {on_reply}
    return 1
"""


def proxy_with(tmp_path, before="pass", after="pass", on_reply="pass", config=CONFIG):
    return ScriptedProxy(tmp_path, RELAY.format(before=before, after=after, on_reply=on_reply), config)


def copies(proxy, method, milliseconds):
    """When the callee got the request, in milliseconds since it came."""
    start = proxy.now
    proxy.receive(request(method))
    proxy.advance(milliseconds)
    return [message.received_at - start for message in proxy.take(CALLEE) if message.method == method]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_intervals_set_before_the_relay(tmp_path, method):
    proxy = proxy_with(tmp_path, "self.seen(KSR.tm.t_set_retr(100, 400))")
    assert copies(proxy, method, 2000) == [0, 100, 300, 700, 1100, 1500, 1900]
    assert proxy.seen == [1]


def test_a_zero_leaves_the_interval(tmp_path):
    proxy = proxy_with(tmp_path, "KSR.tm.t_set_retr(200, 0); KSR.tm.t_set_retr(0, 0)")
    assert copies(proxy, "OPTIONS", 3500) == [0, 200, 600, 1400, 3000]


def test_reset_before_the_relay(tmp_path):
    proxy = proxy_with(tmp_path, "KSR.tm.t_set_retr(100, 400); self.seen(KSR.tm.t_reset_retr())")
    assert copies(proxy, "INVITE", 2000) == [0, 500, 1500]
    assert proxy.seen == [1]


def test_what_is_repeated_takes_the_new_interval_after_its_next_copy(tmp_path):
    proxy = proxy_with(tmp_path, after="self.seen(KSR.tm.t_set_retr(150, 150))")
    assert copies(proxy, "INVITE", 1100) == [0, 500, 650, 800, 950, 1100]
    assert proxy.seen == [1]


def test_reset_of_a_running_transaction(tmp_path):
    proxy = proxy_with(tmp_path, "KSR.tm.t_set_retr(100, 100)", "KSR.tm.t_reset_retr()",
                       config="[tm]\nfr_timer = 6000\n")
    assert copies(proxy, "OPTIONS", 5000) == [0, 100, 4100]


def test_a_refusal_is_repeated_in_the_same_intervals(tmp_path):
    proxy = proxy_with(tmp_path, "KSR.tm.t_set_retr(100, 200)")
    invite = proxy.start(request("INVITE"))
    proxy.answer(invite, 486)
    proxy.advance(700)
    assert [(message.status, message.received_at) for message in proxy.take(CALLER)] == [
        (486, 0), (486, 100), (486, 300), (486, 500), (486, 700)]


def test_a_new_transaction_has_the_general_intervals(tmp_path):
    proxy = proxy_with(tmp_path, "if KSR.is_OPTIONS(): KSR.tm.t_set_retr(100, 100)")
    assert copies(proxy, "OPTIONS", 300) == [0, 100, 200, 300]
    assert copies(proxy, "INFO", 1600) == [0, 500, 1500]


@pytest.mark.parametrize("call", [
    "t_set_retr(-1, 0)", "t_set_retr(0, -1)", "t_set_retr(65536, 0)", "t_set_retr(1, 65536)",
    "t_set_max_lifetime(-5, 0)", "t_set_max_lifetime(0, -5)"])
def test_impossible_times(tmp_path, call):
    proxy = proxy_with(tmp_path, f"self.seen(KSR.tm.{call})")
    assert copies(proxy, "OPTIONS", 600) == [0, 500]
    assert proxy.seen == [-1]


def test_provisional_responses_do_not_prolong_a_life(tmp_path):
    proxy = proxy_with(tmp_path, "self.seen(KSR.tm.t_set_max_lifetime(3000, 0))")
    invite = proxy.start(request("INVITE"))
    for _ in range(7):
        proxy.receive(reply(invite, 180), CALLEE)
        proxy.advance(400)
    assert proxy.seen == [1]
    assert proxy.statuses() == [180] * 7
    proxy.advance(190)
    assert proxy.statuses() == []
    proxy.advance(30)
    assert [(message.status, message.received_at) for message in proxy.take(CALLER)] == [(408, 3000)]
    assert proxy.methods() == ["CANCEL"]
    proxy.answer(invite, 487)
    proxy.take()
    proxy.assert_empty()


def test_life_of_other_requests(tmp_path):
    proxy = proxy_with(tmp_path, "KSR.tm.t_set_max_lifetime(100, 700)")
    proxy.start(request("OPTIONS"))
    proxy.advance(800)
    assert [(message.status, message.received_at) for message in proxy.take(CALLER)] == [(408, 700)]


def test_a_life_set_in_a_reply_begins_there(tmp_path):
    proxy = proxy_with(tmp_path, on_reply="self.seen(KSR.tm.t_set_max_lifetime(1000, 0))")
    invite = proxy.start(request("INVITE"))
    proxy.advance(800)
    proxy.answer(invite, 180)
    proxy.advance(990)
    assert proxy.statuses() == [180]
    proxy.advance(20)
    assert proxy.statuses() == [408]


def test_reset_of_the_life(tmp_path):
    config = CONFIG.replace("[tm]\n", "[tm]\nmax_noninv_lifetime = 3000\n")
    proxy = proxy_with(tmp_path, "KSR.tm.t_set_max_lifetime(0, 700); self.seen(KSR.tm.t_reset_max_lifetime())",
                       config=config)
    proxy.start(request("OPTIONS"))
    proxy.advance(2900)
    assert proxy.statuses() == []
    proxy.advance(200)
    assert proxy.statuses() == [408]
    assert proxy.seen == [1]


def test_expired_by_its_own_life(tmp_path):
    proxy = proxy_with(tmp_path, "KSR.tm.t_on_failure('ksr_failure'); KSR.tm.t_set_max_lifetime(500, 0)")
    proxy.path.write_text(proxy.path.read_text() + "\n    def ksr_failure(self, msg):\n"
                          "        self.seen(KSR.tm.t_is_expired(), KSR.pv.get('$T_reply_code'))\n        return 1\n")
    proxy.reload()
    proxy.start(request("INVITE"))
    proxy.advance(600)
    assert proxy.seen == [(1, 408)]
