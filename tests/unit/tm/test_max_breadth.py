"""Max-Breadth: how many branches may be waiting at once, shared among those of a fork (RFC 5393 §5, engine V6)."""
import pytest

from kit.memory import CALLEE, CALLEE_B, CALLEE_C, CALLER, FORK, RELAY, SERIAL, Dialog, MemoryProxy, request, route
from kit.script import ScriptedProxy

FORK_OF_THREE = 'relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003", "sip:127.0.0.1:40004"]\nfork = true\n'


def breadths(proxy, *callees):
    """The Max-Breadth lines of what each callee got; one message each."""
    return [proxy.one(callee).all("Max-Breadth") for callee in callees]


def with_breadth(value, method="INVITE"):
    return request(method, headers=f"Max-Breadth: {value}\r\n")


@pytest.mark.parametrize(
    ("value", "expected"), [("1", "1"), ("007", "007"), ("60", "60"), ("61", "60"), ("9" * 40, "60")]
)
def test_one_branch_has_all_of_it_but_no_more_than_60(value, expected):
    proxy = MemoryProxy(route(RELAY))
    assert proxy.start(with_breadth(value)).all("Max-Breadth") == [expected]


def test_where_there_is_none_one_branch_gets_none():
    assert not MemoryProxy(route(RELAY)).start().has("Max-Breadth")


def test_a_fork_shares_it():
    proxy = MemoryProxy(route(FORK_OF_THREE))
    proxy.receive(with_breadth(8))
    assert breadths(proxy, CALLEE, CALLEE_B, CALLEE_C) == [["3"], ["3"], ["2"]]


def test_a_fork_of_a_request_without_it_shares_60():
    proxy = MemoryProxy(route(FORK))
    proxy.receive(request())
    relayed = proxy.one(CALLEE)
    assert relayed.all("Max-Breadth") == ["30"]
    assert breadths(proxy, CALLEE_B) == [["30"]]
    proxy.answer(relayed, 180)
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [100, 180, 200]
    proxy.assert_empty()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("value", [1, 2])
def test_a_fork_that_is_too_broad_is_answered_440(method, value):
    proxy = MemoryProxy(route(FORK_OF_THREE))
    proxy.receive(with_breadth(value, method))
    answer = proxy.one(CALLER)
    assert answer.start_line == "SIP/2.0 440 Max-Breadth Exceeded"
    assert proxy.take() == []
    proxy.assert_empty()


def test_a_fork_as_broad_as_allowed():
    proxy = MemoryProxy(route(FORK_OF_THREE))
    proxy.receive(with_breadth(3))
    assert breadths(proxy, CALLEE, CALLEE_B, CALLEE_C) == [["1"]] * 3


@pytest.mark.parametrize("relay", [RELAY, SERIAL, FORK])
def test_0_goes_nowhere(relay):
    proxy = MemoryProxy(route(relay))
    proxy.receive(with_breadth(0))
    assert proxy.statuses() == [440]
    assert proxy.take() == []


@pytest.mark.parametrize("value", ["", "abc", "-1", "1 2", "1,2", "1\r\nMax-Breadth: 1"])
def test_what_is_not_one_number_is_answered_400(value):
    proxy = MemoryProxy(route(RELAY))
    proxy.receive(with_breadth(value))
    assert proxy.one(CALLER).start_line == "SIP/2.0 400 Bad Max-Breadth"
    assert proxy.take() == []


def test_targets_in_turn_have_all_of_it_each():
    proxy = MemoryProxy(route(SERIAL))
    first = proxy.start(with_breadth(1))
    assert first.all("Max-Breadth") == ["1"]
    proxy.answer(first, 404)
    assert breadths(proxy, CALLEE_B) == [["1"]]
    proxy = MemoryProxy(route(SERIAL))
    proxy.answer(proxy.start(with_breadth(100)), 404)
    assert breadths(proxy, CALLEE_B) == [["60"]]


def test_a_branch_with_credentials_keeps_its_share():
    proxy = MemoryProxy(route(FORK + 'credential = { username = "u", password = "p" }\n'))
    proxy.receive(with_breadth(5))
    first = proxy.one(CALLEE_B)
    proxy.answer(first, 407, headers='Proxy-Authenticate: Digest realm="r", nonce="n"\r\n')
    again = proxy.take(CALLEE_B)[-1]
    assert again.has("Proxy-Authorization")
    assert first.all("Max-Breadth") == again.all("Max-Breadth") == ["2"]


def test_an_ack_travels_whatever_it_says():
    dialog = Dialog(MemoryProxy(route(RELAY + "record_route = true\n")))
    for value in ("0", "x"):
        dialog.proxy.receive(dialog.downstream("ACK", headers=f"Max-Breadth: {value}\r\n"))
        assert dialog.proxy.methods() == ["ACK"]


def test_within_a_dialog():
    dialog = Dialog(MemoryProxy(route(RELAY + "record_route = true\n")))
    dialog.proxy.receive(dialog.downstream("INFO", headers="Max-Breadth: 99\r\n"))
    assert breadths(dialog.proxy, CALLEE) == [["60"]]
    dialog.proxy.receive(dialog.downstream("INFO", headers="Max-Breadth: 0\r\n"))
    assert dialog.proxy.statuses() == [440]


SCRIPT = """
def ksr_request_route(self, msg):
    if self.basics():
        return 1
    KSR.setdsturi("sip:127.0.0.1:40002")
    if "Bob2" in KSR.pv.gete("$hdr(Subject)"):
        KSR.corex.append_branch_uri("sip:second@127.0.0.1:40003")
    if KSR.pv.gete("$hdr(X-Remove)"):
        KSR.hdr.remove("Max-Breadth")
    KSR.tm.t_on_failure("ksr_failure")
    self.seen(KSR.tm.t_relay())
    return 1

def ksr_failure(self, msg):
    if KSR.tm.t_is_canceled() < 0 and KSR.tm.t_check_status("404") > 0:
        KSR.setdsturi("sip:127.0.0.1:40004")
        self.seen(KSR.tm.t_relay())
    return 1
"""


def test_a_script_shares_it_too(tmp_path):
    proxy = ScriptedProxy(tmp_path, SCRIPT)
    proxy.receive(request(headers="Subject: Bob2\r\nMax-Breadth: 5\r\n"))
    first, second = proxy.one(CALLEE), proxy.one(CALLEE_B)
    assert (first.all("Max-Breadth"), second.all("Max-Breadth")) == (["3"], ["2"])
    proxy.answer(first, 404)
    proxy.answer(second, 404)
    assert breadths(proxy, CALLEE_C) == [["5"]]


def test_a_script_that_forks_too_broadly(tmp_path):
    proxy = ScriptedProxy(tmp_path, SCRIPT)
    proxy.receive(request(headers="Subject: Bob2\r\nMax-Breadth: 1\r\n"))
    assert proxy.statuses()[-1] == 440
    assert proxy.take() == []
    assert proxy.seen == [-440]
    proxy.assert_empty()


def test_a_script_that_relays_to_one(tmp_path):
    proxy = ScriptedProxy(tmp_path, SCRIPT)
    assert not proxy.start(request()).has("Max-Breadth")
    assert proxy.start(with_breadth(1)).all("Max-Breadth") == ["1"]
    assert proxy.start(with_breadth(70)).all("Max-Breadth") == ["60"]
    proxy.receive(with_breadth("x"))
    assert proxy.statuses()[-1] == 440


def test_a_script_that_takes_the_line_away(tmp_path):
    proxy = ScriptedProxy(tmp_path, SCRIPT)
    proxy.receive(request(headers="Subject: Bob2\r\nMax-Breadth: 6\r\nX-Remove: 1\r\n"))
    assert breadths(proxy, CALLEE, CALLEE_B) == [["3"], ["3"]]
