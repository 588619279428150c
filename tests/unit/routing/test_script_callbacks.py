"""ksr_onsend_route, and the callbacks that [kemi] names (Kamailio's core parameters kemi.*)."""
import pytest

from kit.memory import CALLEE, CALLER, Dialog, reply, request
from kit.script import ScriptedProxy

ONSEND = """
def ksr_request_route(self, msg):
    if self.basics():
        return 1
    if KSR.is_OPTIONS():
        KSR.sl.sl_send_reply(200, "Here")
        return 1
    KSR.setflag(1)
    KSR.rr.record_route()
    KSR.tm.t_on_branch("ksr_branch")
    KSR.setdsturi("sip:127.0.0.1:40002")
    self.seen("relay", KSR.tm.t_relay())
    return 1

def ksr_branch(self, msg):
    KSR.hdr.append("X-Branch: 1\\r\\n")
    self.seen("branch")
    return 1

def {name}(self, msg):
    get = KSR.pv.get
    self.seen("onsend", msg.Type, get("$rm"), get("$rs"), get("$sndto(ip)"), get("$sndto(port)"), get("$sndfrom(port)"),
              get("$snd(proto)"), get("$snd(sproto)"), get("$snd(af)"), KSR.isflagset(1))
    self.datagram = get("$snd(buf)")
    self.numbers = (get("$snd(len)"), get("$snd(ip)"), get("$snd(port)"), get("$sndfrom(ip)"), get("$sndto(proto)"))
    self.kinds = (KSR.tmx.t_is_request_route(), KSR.tmx.t_is_branch_route(), KSR.tmx.t_is_reply_route(),
                  KSR.tmx.t_is_failure_route())
    self.more()
    return 1

def more(self):
    {more}
"""
REQUEST = ("SIP_REQUEST", "INVITE", None, "127.0.0.1", 40002, 5060, 1, "udp", 2, True)
REPLY = ("SIP_REPLY", "INVITE", 180, "127.0.0.1", 40001, 5060, 1, "udp", 2, True)


def proxy_with(tmp_path, name="ksr_onsend_route", more="pass", config=""):
    return ScriptedProxy(tmp_path, ONSEND.format(name=name, more=more), config)


def test_what_leaves(tmp_path):
    """New branches, replies on their way upstream, ACKs to 2xx; no copies, nothing of our own making."""
    proxy = proxy_with(tmp_path)
    dialog = Dialog(proxy)
    proxy.advance(600)
    assert proxy.seen == ["branch", ("onsend", *REQUEST), ("relay", 1), ("onsend", *REPLY),
                          ("onsend", *REPLY[:2], 200, *REPLY[3:])]
    assert proxy.script.kinds == (-1, -1, -1, -1)
    proxy.seen.clear()
    proxy.receive(dialog.downstream("ACK"))
    assert proxy.seen == [("onsend", "SIP_REQUEST", "ACK", *REQUEST[2:-1], False)]
    assert proxy.one(CALLEE).raw.decode() == proxy.script.datagram


def test_what_does_not(tmp_path):
    proxy = proxy_with(tmp_path)
    proxy.receive(request("OPTIONS"))
    assert proxy.statuses() == [200]
    assert proxy.seen == []
    invite = proxy.start(request(branch="z9hG4bKgone", call_id="gone"))
    proxy.advance(600)
    assert proxy.methods() == ["INVITE"]
    proxy.answer(invite, 180)
    proxy.receive(request("CANCEL", branch="z9hG4bKgone", call_id="gone"))
    assert proxy.methods() == ["CANCEL"]
    proxy.answer(invite, 487)
    assert proxy.methods() == ["ACK"]
    assert [what[1:4] for what in proxy.seen if what[0] == "onsend"] == [
        ("SIP_REQUEST", "INVITE", None), ("SIP_REPLY", "INVITE", 180), ("SIP_REPLY", "INVITE", 487)]


def test_the_datagram(tmp_path):
    proxy = proxy_with(tmp_path)
    invite = proxy.start(request())
    assert proxy.script.datagram == invite.raw.decode()
    assert invite.get("X-Branch") == "1"
    assert proxy.script.numbers == (len(invite.raw), "127.0.0.1", 40002, "127.0.0.1", 1)
    proxy.answer(invite, 180)
    assert proxy.script.datagram == proxy.one(CALLER).raw.decode()


@pytest.mark.parametrize("more", [
    "KSR.set_drop()", "exit()", "raise ValueError('no')", "KSR.hdr.append('X-Late: 1\\r\\n')",
    "self.seen(KSR.tm.t_reply(480, 'x'), KSR.sl.sl_send_reply(480, 'x'), KSR.tm.t_relay(), KSR.tmx.t_suspend(), "
    "KSR.tmx.t_continue(1, 1, 'x'))",
    "KSR.corex.send_data('sip:127.0.0.1:40009', 'X' * 3000)",
])
def test_nothing_changes_what_leaves(tmp_path, more):
    proxy = proxy_with(tmp_path, more=more)
    proxy.receive(request())
    invite = proxy.one(CALLEE)
    assert (invite.method, invite.all("X-Late"), invite.get("X-Branch")) == ("INVITE", [], "1")
    assert invite.raw.decode() == proxy.script.datagram
    assert proxy.statuses() == [100]
    proxy.receive(reply(invite, 200), CALLEE)
    assert proxy.statuses() == [200]
    assert [what for what in proxy.seen if what[0] == -1] in ([], [(-1,) * 5] * 2)
    assert [message.raw for message in proxy.take()] in ([], [b"X" * 3000] * 2)
    proxy.assert_empty()


def test_nothing_waits_there(tmp_path):
    async def forever():
        raise AssertionError("it must not run")

    proxy = proxy_with(tmp_path)
    script = proxy.engine.script
    type(proxy.script).more = lambda self: script.wait(forever())
    assert proxy.start(request()).method == "INVITE"
    assert script.waiting == 0


def test_outside_of_it_there_is_no_datagram(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    self.seen(*[KSR.pv.get(name) for name in ("$snd(buf)", "$snd(ip)", "$sndto(ip)", "$sndfrom(port)")])
    self.seen(KSR.pv.get("$snd(nope)"), KSR.pv.get("$sndto(buf)"))
    return 1
""")
    proxy.receive(request())
    assert proxy.seen == [(None,) * 4, (None,) * 2]


@pytest.mark.parametrize(("config", "called"), [
    ("", 0), ('[kemi]\nonsend_route_callback = "mine"\n', 1), ('[kemi]\nonsend_route_callback = "missing"\n', 0)])
def test_another_name(tmp_path, config, called):
    proxy = proxy_with(tmp_path, name="mine", config=config)
    proxy.start(request())
    assert [what[0] for what in proxy.seen if what[0] == "onsend"] == ["onsend"] * called


def test_switched_off(tmp_path):
    proxy = proxy_with(tmp_path, config='[kemi]\nonsend_route_callback = "none"\n')
    proxy.start(request())
    assert proxy.seen == ["branch", ("relay", 1)]


def test_a_reload_brings_and_takes_it(tmp_path):
    proxy = proxy_with(tmp_path, name="other")
    for name, called in (("ksr_onsend_route", 1), ("other", 0)):
        proxy.rewrite(ONSEND.format(name=name, more="pass"))
        proxy.reload()
        proxy.start(request())
        assert [what[0] for what in proxy.seen].count("onsend") == called


PRE = """
def ksr_request_route(self, msg):
    self.seen("request")
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_on_reply("on_reply")
    KSR.tm.t_relay()
    return 1

def ksr_reply_route(self, msg):
    self.seen("usual")
    return 1

def my_reply(self, msg):
    self.seen("mine")
    return 1

def on_reply(self, msg):
    self.seen("on_reply")
    return 1

def before(self, msg, event):
    self.seen("before", event, msg.Type, KSR.pv.get("$rm"), KSR.pv.get("$si"))
    if KSR.pv.get("$ua") == "drop":
        KSR.set_drop()
    if KSR.pv.get("$ua") == "exit":
        exit()
    return 0
"""


@pytest.mark.parametrize(("config", "expected"), [
    ("", ["usual", "on_reply"]), ('[kemi]\nreply_route_callback = "my_reply"\n', ["mine", "on_reply"]),
    ('[kemi]\nreply_route_callback = "none"\n', ["on_reply"])])
def test_reply_callback(tmp_path, config, expected):
    proxy = ScriptedProxy(tmp_path, PRE, config)
    proxy.answer(proxy.start(request("OPTIONS")), 200)
    assert proxy.seen == ["request", *expected]
    assert proxy.statuses() == [200]


def test_before_requests_and_replies(tmp_path):
    proxy = ScriptedProxy(tmp_path, PRE, '[kemi]\npre_routing_callback = "before"\n')
    relayed = proxy.start(request("OPTIONS", headers="User-Agent: exit\r\n"))
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]
    assert proxy.seen == [
        ("before", "core:pre-routing", "SIP_REQUEST", "OPTIONS", "127.0.0.1"), "request",
        ("before", "core:pre-routing", "SIP_REPLY", "OPTIONS", "127.0.0.1"), "usual", "on_reply"]


def test_dropped_before(tmp_path):
    proxy = ScriptedProxy(tmp_path, PRE, '[kemi]\npre_routing_callback = "before"\n')
    proxy.receive(request("OPTIONS", headers="User-Agent: drop\r\n"))
    assert (proxy.sent, len(proxy.seen)) == ([], 1)
    relayed = proxy.start(request("OPTIONS"))
    proxy.seen.clear()
    proxy.answer(relayed, 180, headers="User-Agent: drop\r\n")
    assert (proxy.sent, len(proxy.seen)) == ([], 1)
