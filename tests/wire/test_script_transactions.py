"""What scripts do with transactions, in the running program: their timers, suspending, other messages' transactions."""

import time

import pytest

from kit.call import Call
from kit.configuration import Configuration
from kit.endpoint import is_request
from kit.ports import free_port
from kit.programs import wait_until
from kit.script import script_text

pytestmark = pytest.mark.own

SCRIPT = """
def ksr_request_route(self, msg):
    if KSR.is_MESSAGE():
        self.command(KSR.pv.get("$rU"), (KSR.hdr.get("X-Do") or "").split(" "))
        return 1
    if self.basics():
        return 1
    user = KSR.pv.get("$rU")
    if user == "often":
        KSR.tm.t_set_retr(100, 200)
    elif user == "short":
        KSR.tm.t_set_max_lifetime(1000, 1000)
    elif user in ("wait", "forgotten"):
        KSR.tm.t_set_fr(9000, 1000 if user == "forgotten" else 9000)
        KSR.hdr.append("X-Before: yes\\r\\n")
        KSR.tmx.t_suspend()
        self.place = (KSR.pv.get("$T(id_index)"), KSR.pv.get("$T(id_label)"))
        return 1
    elif user == "contacts":
        for port, q in (("P1", "0.2"), ("P2", "0.8")):
            KSR.corex.append_branch_uri_q("sip:%s@127.0.0.1:%s" % (port, KSR.hdr.get("X-" + port)), q)
        KSR.seturi("sip:first@127.0.0.1:%s" % KSR.hdr.get("X-P0"))
        KSR.tm.t_load_contacts()
        KSR.tm.t_next_contacts()
        KSR.tm.t_on_failure("next_contact")
    if KSR.is_INVITE():
        KSR.rr.record_route()
    KSR.tm.t_relay()
    return 1

def next_contact(self, msg):
    if KSR.tm.t_next_contacts() > 0:
        KSR.tm.t_on_failure("next_contact")
        KSR.tm.t_relay()
    return 1

def command(self, what, arguments):
    result = 0
    if what == "place":
        result = "%d %d" % self.place
    elif what == "continue":
        result = KSR.tmx.t_continue(int(arguments[0]), int(arguments[1]), "go_on")
    elif what == "cancel":
        result = KSR.tmx.t_cancel_callid_reason(arguments[0], arguments[1], 0, 480)
    elif what == "answer":
        result = KSR.tmx.t_reply_callid(arguments[0], arguments[1], 486, "By Another")
    elif what == "copy":
        result = KSR.tm.t_replicate(arguments[0])
    elif what == "data":
        result = KSR.corex.send_data(arguments[0], "OPTIONS sip:a@b SIP/2.0\\r\\n\\r\\n")
    KSR.sl.sl_send_reply(200, str(result))

def go_on(self, msg):
    KSR.hdr.append("X-Go-On: yes\\r\\n")
    KSR.rr.record_route()
    KSR.tm.t_relay()
    return 1
"""
ONSEND = """
def ksr_onsend_route(self, msg):
    KSR.info("leaving: %s %s:%s %d\\n" % (KSR.pv.get("$rm"), KSR.pv.get("$sndto(ip)"), KSR.pv.get("$sndto(port)"),
                                          KSR.pv.get("$snd(len)")))
    KSR.corex.send_data("sip:127.0.0.1:WATCHER", KSR.pv.get("$snd(buf)"))
    return 1

def first_of_all(self, msg, event):
    KSR.info("before: %s %s\\n" % (event, msg.Type))
    if KSR.pv.get("$rU") == "dropped":
        KSR.set_drop()
    return 1
"""


@pytest.fixture
def scripted(start, tmp_path):
    """Starts a proxy with this script and these further lines of configuration."""

    def launch(text: str = SCRIPT, extra: str = "", **server):
        path = tmp_path / "edge.py"
        path.write_text(script_text(text))
        return start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(), server=server,
                                   extra=f'\n[script]\nfile = "{path}"\n{extra}\n'))

    return launch


@pytest.fixture
def command(endpoint):
    """Asks the script something by a MESSAGE of its own; returns the result as text."""
    operator = endpoint()

    def ask(proxy, what, *arguments):
        operator.send(operator.request("MESSAGE", f"sip:{what}@127.0.0.1:9", headers=(f"X-Do: {' '.join(arguments)}",)),
                      proxy.address)
        return operator.receive_reply(200).reason

    return ask


def test_intervals_of_one_transaction(scripted, caller, callee):
    proxy = scripted()
    caller.send(caller.request("OPTIONS", callee.uri("often")), proxy.address)
    times = [callee.receive_request("OPTIONS").received_at for _ in range(7)]
    # 100 ms, then 200 ms each; the general ones would be 0.5 s, 1 s, 2 s.
    assert 0.8 < times[-1] - times[0] < 2.5


def test_provisional_replies_do_not_prolong_a_short_life(scripted, caller, callee):
    proxy = scripted()
    began = time.monotonic()
    caller.send(caller.request("INVITE", callee.uri("short")), proxy.address)
    invite = callee.receive_request("INVITE")
    while time.monotonic() - began < 0.9:
        callee.reply(invite, 180, "Ringing", to_tag="tt")
        time.sleep(0.1)
    caller.receive_reply(408)
    assert 0.9 < time.monotonic() - began < 2.5
    callee.receive_request("CANCEL")


def test_suspended_until_another_message_comes(scripted, caller, callee, command):
    proxy = scripted()
    call = Call(caller, callee, proxy.address, user="wait")
    call.invite()
    callee.expect_nothing()
    place = command(proxy, "place").split(" ")
    assert command(proxy, "continue", *place) == "1"
    received = call.arrive()
    assert (received.get("X-Before"), received.get("X-Go-On")) == ("yes", "yes")
    assert command(proxy, "continue", *place) == "-1"
    call.answer(200, "OK")
    call.learn(caller.receive_reply(200))
    call.acknowledge()
    call.hang_up()


def test_suspended_and_forgotten(scripted, caller, callee):
    proxy = scripted()
    began = time.monotonic()
    caller.send(caller.request("INVITE", callee.uri("forgotten")), proxy.address)
    caller.receive_reply(408)
    assert 0.9 < time.monotonic() - began < 2.5
    callee.expect_nothing()


def test_suspended_and_cancelled(scripted, caller, callee, command):
    proxy = scripted()
    details = {"branch": "z9hG4bKsuspended", "from_tag": "ft", "call_id": "suspended@caller"}
    caller.send(caller.request("INVITE", callee.uri("wait"), **details), proxy.address)
    place = command(proxy, "place").split(" ")
    caller.send(caller.request("CANCEL", callee.uri("wait"), **details), proxy.address)
    caller.receive_reply(200, "CANCEL")
    caller.receive_reply(487)
    assert command(proxy, "continue", *place) == "1"
    callee.expect_nothing()


def test_call_ended_from_elsewhere(scripted, caller, callee, command):
    proxy = scripted()
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    assert command(proxy, "cancel", call.call_id, "999") == "-1"
    assert command(proxy, "cancel", call.call_id, str(call.sent_invite.cseq[0])) == "1"
    assert callee.receive_request("CANCEL").get("Reason") == "SIP;cause=480"


def test_call_answered_from_elsewhere(scripted, caller, callee, command):
    proxy = scripted()
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    assert command(proxy, "answer", call.call_id, str(call.sent_invite.cseq[0])) == "1"
    assert caller.receive_reply(486).reason == "By Another"
    callee.receive_request("CANCEL")


def test_contacts_one_after_the_other(scripted, caller, endpoint):
    proxy = scripted()
    callees = [endpoint(), endpoint(), endpoint()]
    caller.send(caller.request("INVITE", "sip:contacts@127.0.0.1:9",
                               headers=tuple(f"X-P{i}: {one.port}" for i, one in enumerate(callees))), proxy.address)
    for number in (2, 1, 0):      # q 0.8, 0.2, none
        invite = callees[number].receive_request("INVITE")
        for other in callees[:number]:
            other.expect_nothing(0.05)
        callees[number].reply(invite, 480, "Unavailable", to_tag="tt")
        callees[number].receive_request("ACK")
    caller.receive_reply(480)


def test_a_copy_and_octets(scripted, caller, callee, command):
    proxy = scripted()
    assert command(proxy, "copy", callee.uri("logger")) == "1"
    copy = callee.receive_request("MESSAGE")
    assert len(copy.all("Via")) == 2
    callee.reply(copy, 403, "No", to_tag="tt")
    assert command(proxy, "data", callee.uri()) == "1"
    assert callee.receive(is_request("OPTIONS")).raw == b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"


def test_what_leaves_is_told(scripted, caller, callee, endpoint):
    """The script also sends meanwhile: every datagram goes to both, whole."""
    watcher = endpoint()
    proxy = scripted(SCRIPT + ONSEND.replace("WATCHER", str(watcher.port)))
    call = Call(caller, callee, proxy.address)
    call.establish()
    call.hang_up()
    sent = [message.raw for message in callee.history] + [m.raw for m in caller.history if m.status != 100]
    wait_until(lambda: watcher._poll(0.1) or len(watcher.history) >= len(sent), 5, "the watcher's datagrams")
    assert sorted(message.raw for message in watcher.history) == sorted(sent)
    assert f"leaving: INVITE {callee.host}:{callee.port} {len(call.received_invite.raw)}" in proxy.stderr


def test_named_callbacks(scripted, caller, callee):
    proxy = scripted(SCRIPT + ONSEND.replace("WATCHER", "9"),
                     '[kemi]\nonsend_route_callback = "none"\npre_routing_callback = "first_of_all"\n')
    caller.send(caller.request("INFO", callee.uri("dropped")), proxy.address)
    caller.send(caller.request("OPTIONS", callee.uri("taken")), proxy.address)
    options = callee.receive()
    assert options.method == "OPTIONS"
    callee.reply(options, 200, "OK", to_tag="tt")
    caller.receive_reply(200)
    callee.expect_nothing()
    assert "before: core:pre-routing SIP_REPLY" in proxy.stderr
    assert "leaving" not in proxy.stderr
