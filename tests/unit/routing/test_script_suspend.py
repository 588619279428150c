"""t_suspend() and t_continue(): a transaction waits for another message (Kamailio tmx §4.10, §4.11)."""
import asyncio

import pytest

from kit.memory import CALLEE, CALLEE_B, CALLER, request
from kit.script import ScriptedProxy

CONFIG = "[tm]\nfr_timer = 2000\nfr_inv_timer = 9000\n"
SCRIPT = """
places = []

def ksr_request_route(self, msg):
    if KSR.is_MESSAGE():
        index, label, name = (KSR.hdr.get("X-Do") or "0 0 go").split(" ")
        self.seen("continued", KSR.tmx.t_continue(int(index), int(label), name), KSR.pv.get("$ci"))
        KSR.sl.sl_send_reply(200, "Done")
        return 1
    if KSR.is_CANCEL():
        KSR.tm.t_relay()
        return 1
    if KSR.tm.t_check_trans() == 0:
        return 1
    KSR.setflag(3)
    KSR.pv.sets("$avp(x)", "kept")
    KSR.uac.uac_replace_from("", "sip:anon@edge.example")
    KSR.hdr.append("X-Before: 1\\r\\n")
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_on_branch("ksr_branch")
    self.prepare()
    self.seen("suspended", KSR.tmx.t_suspend())
    self.places.append((KSR.pv.get("$T(id_index)"), KSR.pv.get("$T(id_label)")))
    return 1

def prepare(self):
    pass

def ksr_branch(self, msg):
    self.seen("branch", KSR.pv.get("$T_branch_idx"))
    return 1

def go(self, msg):
    self.seen("go", KSR.tmx.t_is_failure_route(), KSR.tmx.t_is_request_route(), KSR.pv.get("$ru"), KSR.isflagset(3),
              KSR.pv.get("$avp(x)"), KSR.pv.get("$T_reply_code"), KSR.pv.get("$T_branch_idx"),
              KSR.tm.t_get_status_code(), KSR.pv.get("$sp"), KSR.tm.t_is_canceled(), KSR.tm.t_check_trans())
    KSR.hdr.append("X-Go: 1\\r\\n")
    KSR.tm.t_on_failure("ksr_failure")
    self.seen("relay", KSR.tm.t_relay())
    return 1

def answer(self, msg):
    self.seen("reply", KSR.tm.t_reply(486, "No"))
    return 1

def nothing(self, msg):
    return 1

def again(self, msg):
    self.seen("suspended again", KSR.tmx.t_suspend())
    return 1

def broken(self, msg):
    raise ValueError("broken")

def ksr_failure(self, msg):
    self.seen("failure", KSR.pv.get("$T_reply_code"), KSR.tm.t_branch_timeout())
    KSR.hdr.append("X-Failure: 1\\r\\n")
    if KSR.tm.t_check_status("486") > 0:
        KSR.setdsturi("sip:127.0.0.1:40003")
        KSR.seturi("sip:next@example.com")
        KSR.tm.t_relay()
    return 1
"""


class Suspending(ScriptedProxy):
    def __init__(self, tmp_path, prepare="", config=CONFIG):
        text = SCRIPT.replace("    pass\n", f"    {prepare}\n") if prepare else SCRIPT
        super().__init__(tmp_path, text, config)

    def suspend(self, method="INVITE", **more):
        self.receive(request(method, **more))
        assert self.seen[-1] == ("suspended", 1)
        assert self.statuses() == ([100] if method == "INVITE" else [])
        return self.script.places[-1]

    def go_on(self, place, name="go"):
        """What t_continue() returned to another message's callback."""
        self.receive(request("MESSAGE", call_id="other", headers=f"X-Do: {place[0]} {place[1]} {name}\r\n",
                             source=CALLEE_B), CALLEE_B)
        assert self.statuses(CALLEE_B) == [200]
        kind, result, call_id = self.seen.pop()
        assert (kind, call_id) == ("continued", "other")
        return result


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_goes_on_as_it_was(tmp_path, method):
    proxy = Suspending(tmp_path)
    place = proxy.suspend(method)
    assert all(isinstance(number, int) for number in place)
    proxy.advance(1000)
    assert proxy.sent == []
    assert proxy.go_on(place) == 1
    assert proxy.seen[1:] == [
        ("go", 1, -1, "sip:bob@example.com", True, "kept", 0, 1, 500, CALLER[1], -1, 1), ("branch", 1), ("relay", 1)]
    relayed = proxy.one(CALLEE)
    assert (relayed.method, relayed.get("X-Before"), relayed.get("X-Go")) == (method, "1", "1")
    assert relayed.from_uri == "sip:anon@edge.example"
    proxy.answer(relayed, 200)
    ok = proxy.one(CALLER)
    assert (ok.status, ok.from_uri) == (200, "sip:alice@example.com")
    assert proxy.go_on(place) == -1
    proxy.assert_empty()


def test_answered_where_it_goes_on(tmp_path):
    proxy = Suspending(tmp_path)
    assert proxy.go_on(proxy.suspend(), "answer") == 1
    assert proxy.seen[-1] == ("reply", 1)
    assert proxy.statuses() == [486]
    proxy.assert_empty()


@pytest.mark.parametrize("name", ["nothing", "missing", "broken"])
def test_nothing_done_is_answered_500(tmp_path, name):
    proxy = Suspending(tmp_path)
    assert proxy.go_on(proxy.suspend(), name) == 1
    answer = proxy.one(CALLER)
    assert answer.start_line == "SIP/2.0 500 I'm terribly sorry, server error occurred (1/TM)"
    proxy.assert_empty()


def test_suspended_once_more(tmp_path):
    proxy = Suspending(tmp_path, 'self.seen(KSR.tmx.t_suspend())')
    place = proxy.suspend()
    assert proxy.go_on(place, "again") == 1
    assert proxy.seen[-1] == ("suspended again", 1)
    proxy.advance(1500)
    assert proxy.go_on(place) == 1
    assert proxy.one(CALLEE).get("X-Before") == "1"


def test_failure_route_after_it(tmp_path):
    """It begins with what the request route made: what was done in the continued route is gone (as observed)."""
    proxy = Suspending(tmp_path)
    assert proxy.go_on(proxy.suspend()) == 1
    proxy.answer(proxy.one(CALLEE), 486)
    assert proxy.seen[-1] == ("failure", 486, -1)
    proxy.take(CALLEE)
    again = proxy.one(CALLEE_B)
    assert (again.request_uri, again.get("X-Before"), again.all("X-Go"), again.get("X-Failure")) == (
        "sip:next@example.com", "1", [], "1")
    proxy.answer(again, 480)
    assert proxy.statuses() == [480]
    proxy.assert_empty()


@pytest.mark.parametrize(("prepare", "after"), [("", 2000), ("KSR.tm.t_set_fr(900, 600)", 600),
                                                ("KSR.tm.t_set_max_lifetime(500, 500)", 500)])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_nobody_goes_on(tmp_path, prepare, after, method):
    proxy = Suspending(tmp_path, prepare)
    place = proxy.suspend(method)
    proxy.advance(after + 50)
    assert [(message.status, message.received_at) for message in proxy.take(CALLER)] == [(408, after)]
    assert proxy.go_on(place) == -1
    proxy.assert_empty()


def test_nobody_goes_on_and_a_failure_route_does(tmp_path):
    proxy = Suspending(tmp_path, 'KSR.tm.t_on_failure("ksr_failure")')
    proxy.suspend()
    proxy.advance(2010)
    assert proxy.seen[-1] == ("failure", 408, 1)
    assert proxy.statuses() == [408]


IN_FAILURE = """
def ksr_request_route(self, msg):
    if KSR.is_MESSAGE():
        self.seen(KSR.tmx.t_continue(*self.place, KSR.hdr.get("X-Do")))
        return 1
    if KSR.is_ACK():
        KSR.tm.t_check_trans()
        return 1
    KSR.tm.t_on_failure("failed")
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1

def failed(self, msg):
    self.seen(KSR.tmx.t_suspend())
    self.place = (KSR.pv.get("$T(id_index)"), KSR.pv.get("$T(id_label)"))
    return 1

def go(self, msg):
    KSR.setdsturi("sip:127.0.0.1:40003")
    self.seen(KSR.pv.get("$T_reply_code"), KSR.tm.t_get_status_code(), KSR.tm.t_relay())
    return 1

def nothing(self, msg):
    return 1
"""


def test_suspended_in_a_failure_route(tmp_path):
    proxy = ScriptedProxy(tmp_path, IN_FAILURE, CONFIG)
    proxy.answer(proxy.start(), 486)
    assert proxy.methods(CALLEE) == ["ACK"]
    assert (proxy.seen, proxy.sent) == ([1], [])
    proxy.receive(request("MESSAGE", headers="X-Do: go\r\n"))
    assert proxy.seen[1:] == [(0, 500, 1), 1]
    proxy.answer(proxy.one(CALLEE_B), 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_suspended_in_a_failure_route_and_nothing_done(tmp_path):
    """500, although there is a refusal: as Kamailio does."""
    proxy = ScriptedProxy(tmp_path, IN_FAILURE, CONFIG)
    proxy.answer(proxy.start(), 486)
    proxy.receive(request("MESSAGE", headers="X-Do: nothing\r\n"))
    assert proxy.statuses() == [500]
    proxy.take()
    proxy.assert_empty()


def test_suspended_in_a_failure_route_and_forgotten(tmp_path):
    """A real refusal goes before a 408 of ours (engine F8)."""
    proxy = ScriptedProxy(tmp_path, IN_FAILURE, CONFIG)
    proxy.answer(proxy.start(), 486)
    proxy.advance(2100)
    assert [(message.status, message.received_at) for message in proxy.take(CALLER)] == [(486, 2000)]


def test_refused_while_it_waits(tmp_path):
    """A callback that relays and then waits hears of no refusal meanwhile; it goes upstream afterwards."""

    async def run():
        proxy = Suspending(tmp_path)
        place = proxy.suspend()
        woken = asyncio.Event()
        script = proxy.engine.script

        def relaying(_self, _msg):
            assert script.ksr.tm.t_relay() == 1
            script.wait(woken.wait())
            return 1

        type(proxy.script).relaying = relaying
        proxy.receive(request("MESSAGE", headers=f"X-Do: {place[0]} {place[1]} relaying\r\n", source=CALLEE_B),
                      CALLEE_B)
        proxy.answer(proxy.one(CALLEE), 404)
        assert proxy.statuses() == []
        woken.set()
        while script.waiting:
            await asyncio.sleep(0)
        proxy.collect()
        assert proxy.statuses() == [404]

    asyncio.run(run())


def test_cancelled_meanwhile(tmp_path):
    proxy = Suspending(tmp_path)
    place = proxy.suspend(branch="z9hG4bKsus", call_id="sus")
    proxy.receive(request("CANCEL", branch="z9hG4bKsus", call_id="sus"))
    assert sorted(proxy.statuses()) == [200, 487]
    seen = list(proxy.seen)
    assert proxy.go_on(place) == 1
    assert proxy.seen == seen
    assert proxy.sent == []
    proxy.assert_empty()


def test_copies_are_absorbed(tmp_path):
    proxy = Suspending(tmp_path)
    proxy.suspend(branch="z9hG4bKsus", call_id="sus")
    proxy.receive(request("INVITE", branch="z9hG4bKsus", call_id="sus"))
    assert proxy.statuses() == [100]
    assert len(proxy.script.places) == 1


def test_unknown_places(tmp_path):
    proxy = Suspending(tmp_path)
    index, label = proxy.suspend()
    for place in ((index, label ^ 1), (index + 1, label), (999_999, label), (0, 0), (-1, label), (index, -1)):
        assert proxy.go_on(place) == -1
    assert proxy.go_on((index, label)) == 1


def test_not_in_replies(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1

def ksr_reply_route(self, msg):
    self.seen(KSR.tmx.t_suspend())
    return 1
""", CONFIG)
    proxy.answer(proxy.start(request("OPTIONS")), 200)
    assert proxy.seen == [-1]
    assert proxy.statuses() == [200]


def test_goes_on_outside_of_callbacks(tmp_path):
    """As code does that the script left with the loop: a timer, an answer from elsewhere."""
    proxy = Suspending(tmp_path)
    place = proxy.suspend()
    ksr = proxy.engine.script.ksr
    assert ksr.tmx.t_continue(*place, "go") == 1
    proxy.collect()
    assert proxy.one(CALLEE).method == "INVITE"


def test_a_callback_that_waits(tmp_path):
    """Both wait: the callback that goes on and the one that called t_continue()."""

    async def run():
        proxy = Suspending(tmp_path)
        place = proxy.suspend()
        woken = asyncio.Event()
        script = proxy.engine.script

        def waiting(_self, _msg):
            script.wait(woken.wait())
            proxy.seen.append(("woken", script.ksr.pv.get("$rm"), script.ksr.tm.t_relay()))
            return 1

        type(proxy.script).waiting_callback = waiting
        proxy.receive(request("MESSAGE", headers=f"X-Do: {place[0]} {place[1]} waiting_callback\r\n", source=CALLEE_B,
                              branch="z9hG4bKw", call_id="w"), CALLEE_B)
        assert (script.waiting, proxy.sent) == (1, [])
        proxy.receive(request("MESSAGE", source=CALLEE_B, branch="z9hG4bKw", call_id="w"), CALLEE_B)
        assert script.waiting == 1        # a copy of what waits
        woken.set()
        while script.waiting:
            await asyncio.sleep(0)
        proxy.collect()
        assert proxy.seen[-3:] == [("branch", 1), ("woken", "INVITE", 1), ("continued", 1, "w")]
        assert proxy.statuses(CALLEE_B) == [200]
        proxy.answer(proxy.one(CALLEE), 200)
        assert proxy.statuses() == [200]
        proxy.assert_empty()

    asyncio.run(run())
