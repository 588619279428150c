"""Scripts on every message: relaying, branches, failures, replies, mistakes (kemi-python.md §1-§2)."""
import gc
import logging

import pytest

from kit.memory import CALLEE, CALLEE_B, CALLER, Dialog, MemoryProxy, reply, request
from kit.message import uri_parameters
from kit.script import ScriptedProxy
from uacfast.fault import Fault
from uacfast.routing.context import TransactionState

RELAY = """
def ksr_request_route(self, msg):
    if self.basics():
        return 1
    self.decide()
    return 1

"""


def decide(lines, more=""):
    """A script whose initial requests run these lines."""
    body = "".join(f"    {line}\n" for line in lines.strip().splitlines())
    return f"{RELAY}def decide(self):\n{body}\n{more}"


TO_CALLEE = 'KSR.setdsturi("sip:127.0.0.1:40002")\n'
FAILOVER = decide("""
KSR.rr.record_route()
KSR.uac.uac_replace_from("", "sip:anon@edge.example")
KSR.hdr.append("X-Edge: yes\\r\\n")
KSR.setdsturi("sip:127.0.0.1:40002")
KSR.tm.t_on_failure("ksr_failure")
self.seen("relay", KSR.tm.t_relay())
""", """
def ksr_failure(self, msg):
    self.seen("failure", KSR.tm.t_is_canceled(), KSR.tm.t_get_status_code(), KSR.pv.get("$T_reply_code"))
    if KSR.tm.t_is_canceled() > 0:
        return 1
    KSR.setdsturi("sip:127.0.0.1:40003")
    self.seen(KSR.tm.t_relay())
    return 1
""")


def refuse(proxy, message, status=486):
    proxy.answer(message, status)
    assert proxy.one(message.source).method == "ACK"


def test_call_with_replaced_from_and_dialog_both_ways(tmp_path):
    proxy = ScriptedProxy(tmp_path, FAILOVER)
    dialog = Dialog(proxy)
    assert dialog.received.from_uri == "sip:anon@edge.example"
    assert dialog.received.get("X-Edge") == "yes"
    assert "vsf" in uri_parameters(dialog.received.get("Record-Route").strip("<>"))
    assert dialog.ok.from_uri == "sip:alice@example.com"
    proxy.receive(dialog.downstream("ACK"))
    ack = proxy.one(CALLEE)
    assert (ack.method, ack.from_uri, ack.all("Route")) == ("ACK", "sip:anon@edge.example", [])
    proxy.receive(dialog.upstream("BYE"), CALLEE)
    bye = proxy.one(CALLER)
    assert (bye.method, bye.to_uri) == ("BYE", "sip:alice@example.com")
    proxy.answer(bye, 200)
    assert proxy.statuses(CALLEE) == [200]
    proxy.assert_empty()


def test_failure_route_goes_on_with_the_edits_of_the_request_route(tmp_path):
    proxy = ScriptedProxy(tmp_path, FAILOVER)
    first = proxy.start()
    refuse(proxy, first)
    second = proxy.one(CALLEE_B)
    assert (second.get("X-Edge"), second.from_uri, second.get("Record-Route")) == (
        "yes", "sip:anon@edge.example", first.get("Record-Route"))
    assert second.branch != first.branch and proxy.statuses() == []
    proxy.answer(second, 200)
    assert proxy.statuses() == [200]
    assert proxy.seen == [("relay", 1), ("failure", -1, 486, 486), 1]
    proxy.assert_empty()


def test_failure_route_is_armed_once(tmp_path):
    proxy = ScriptedProxy(tmp_path, FAILOVER)
    refuse(proxy, proxy.start())
    refuse(proxy, proxy.one(CALLEE_B), 503)
    assert proxy.statuses() == [486]      # the better one
    assert proxy.seen == [("relay", 1), ("failure", -1, 486, 486), 1]
    proxy.assert_empty()


def test_cancel(tmp_path):
    proxy = ScriptedProxy(tmp_path, FAILOVER)
    invite = request()
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.take()
    cancel = invite.replace(b"INVITE sip:", b"CANCEL sip:").replace(b"1 INVITE", b"1 CANCEL")
    proxy.receive(cancel)
    assert [(m.status, m.reason) for m in proxy.take(CALLER)] == [(200, "canceling")]
    sent = proxy.one(CALLEE)
    assert (sent.method, sent.branch) == ("CANCEL", relayed.branch)
    proxy.answer(sent, 200)
    refuse(proxy, relayed, 487)
    assert proxy.statuses() == [487]
    assert proxy.seen[1] == ("failure", 1, 487, 487)
    assert proxy.methods(CALLEE_B) == []
    proxy.assert_empty()


def test_cancel_of_nothing_is_dropped_by_the_script(tmp_path):
    proxy = ScriptedProxy(tmp_path, FAILOVER)
    proxy.receive(request("CANCEL"))
    assert proxy.take() == []


def test_copies_are_answered_and_not_relayed(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + "KSR.tm.t_relay()"))
    invite = request()
    proxy.start(invite)
    proxy.receive(invite)
    assert proxy.statuses() == [100] and proxy.methods() == []


def test_copies_are_absorbed_by_t_relay_too(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    KSR.setdsturi("sip:127.0.0.1:40002")
    self.seen(KSR.tm.t_relay())
""")
    invite = request()
    proxy.start(invite)
    proxy.receive(invite)
    assert proxy.statuses() == [100] and proxy.methods() == []
    assert proxy.seen == [1, 1]


def test_branches_are_sent_at_once_and_each_has_its_branch_route(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
KSR.setbflag(6)
KSR.setflag(3)
KSR.setdsturi("sip:127.0.0.1:40002")
KSR.corex.append_branch_uri("sip:second@127.0.0.1:40003")
KSR.tm.t_on_branch("ksr_branch")
KSR.tm.t_relay()
self.seen(KSR.pv.get("$ru"), KSR.hdr.is_present("X-Branch"))
""", """
def ksr_branch(self, msg):
    index = KSR.tm.t_get_branch_index()
    self.seen(index, KSR.pv.get("$T_branch_idx"), KSR.pv.get("$ru"), KSR.pv.get("$du"), KSR.isflagset(3),
              KSR.tmx.t_is_branch_route(), KSR.tmx.t_is_request_route())
    KSR.hdr.append("X-Branch: %d\\r\\n" % index)
    if index == 1:
        KSR.uac.uac_replace_from("", "sip:other@edge.example")
    return 1
"""))
    proxy.receive(request())
    first, second = proxy.one(CALLEE), proxy.one(CALLEE_B)
    assert (first.get("X-Branch"), first.request_uri, first.from_uri) == ("0", "sip:bob@example.com",
                                                                          "sip:alice@example.com")
    assert (second.get("X-Branch"), second.request_uri, second.from_uri) == (
        "1", "sip:second@127.0.0.1:40003", "sip:other@edge.example")
    assert len(second.all("X-Branch")) == 1
    assert proxy.seen == [
        (0, 0, "sip:bob@example.com", "sip:127.0.0.1:40002", True, 1, -1),
        (1, 1, "sip:second@127.0.0.1:40003", None, True, 1, -1),
        ("sip:bob@example.com", -1)]
    proxy.answer(second, 200)
    ok = [message for message in proxy.take(CALLER) if message.status == 200]
    assert [message.from_uri for message in ok] == ["sip:alice@example.com"]


def test_a_dropped_branch_is_not_sent(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
KSR.setdsturi("sip:127.0.0.1:40002")
KSR.corex.append_branch_uri("sip:second@127.0.0.1:40003")
KSR.tm.t_on_branch("ksr_branch")
self.seen(KSR.tm.t_relay())
""", """
def ksr_branch(self, msg):
    if KSR.pv.get("$rU") == "bob":
        KSR.set_drop()
"""))
    proxy.receive(request())
    assert proxy.methods(CALLEE) == [] and proxy.methods(CALLEE_B) == ["INVITE"]
    assert proxy.seen == [1]


def test_second_attempt_of_a_failure_route_has_its_own_branch_route(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
KSR.setdsturi("sip:127.0.0.1:40002")
KSR.tm.t_on_branch("ksr_branch")
KSR.tm.t_on_failure("ksr_failure")
KSR.tm.t_relay()
""", """
def ksr_branch(self, msg):
    KSR.hdr.append("X-Branch: yes\\r\\n")

def ksr_failure(self, msg):
    self.seen(KSR.tm.t_is_set("branch_route"), KSR.tm.t_is_set("failure_route"), KSR.pv.get("$du"),
              KSR.tm.t_relay())
    KSR.seturi("sip:next@127.0.0.1:40003")
    KSR.resetdsturi()
    self.seen(KSR.tm.t_relay())
"""))
    refuse(proxy, proxy.start())
    second = proxy.one(CALLEE_B)
    assert second.request_uri == "sip:next@127.0.0.1:40003" and not second.has("X-Branch")
    # As Kamailio: armed for the first only; without a new destination there is nothing to relay to.
    assert proxy.seen == [(-1, -1, "sip:127.0.0.1:40002", -1), 1]


def test_failure_route_answers(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + 'KSR.tm.t_on_failure("ksr_failure")\nKSR.tm.t_relay()', """
def ksr_failure(self, msg):
    self.seen(KSR.tm.t_reply(480, "Later"), KSR.tm.t_reply(481, "Again"))
"""))
    refuse(proxy, proxy.start())
    assert [(m.status, m.reason) for m in proxy.take(CALLER)] == [(480, "Later")]
    assert proxy.seen == [(1, -1)]


def test_failure_route_of_a_timeout(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + """
KSR.tm.t_set_fr(2000, 1000)
KSR.tm.t_on_failure("ksr_failure")
KSR.tm.t_relay()""", """
def ksr_failure(self, msg):
    self.seen(KSR.tm.t_branch_timeout(), KSR.tm.t_branch_replied(), KSR.tm.t_any_timeout(),
              KSR.tm.t_check_status("408"), KSR.pv.get("$T_reply_code"), KSR.tm.t_grep_status(408))
"""))
    proxy.start()
    proxy.advance(1100)
    assert proxy.seen == [(1, -1, 1, 1, 408, 1)]
    assert proxy.statuses() == [408]


def test_dropped_replies_are_not_sent_upstream(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + 'KSR.tm.t_on_failure("ksr_failure")\nKSR.tm.t_relay()', """
def ksr_failure(self, msg):
    KSR.tm.t_drop_replies_all()
    KSR.setdsturi("sip:127.0.0.1:40003")
    KSR.tm.t_relay()
"""))
    refuse(proxy, proxy.start(), 404)
    refuse(proxy, proxy.one(CALLEE_B), 503)
    assert proxy.statuses() == [500]


def test_branch_failure_comes_before_failure(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + """
KSR.tm.t_on_branch_failure("ksr_branch_failure")
KSR.tm.t_on_reply("ksr_onreply")
KSR.tm.t_on_failure("ksr_failure")
KSR.tm.t_relay()""", """
def ksr_reply_route(self, msg):
    self.seen("reply", msg.Status)

def ksr_onreply(self, msg):
    self.seen("onreply", KSR.tmx.t_is_reply_route(), KSR.pv.get("$rs"), KSR.pv.get("$ru"), KSR.tm.t_get_branch_index())

def ksr_branch_failure(self, msg):
    self.seen("branch failure", KSR.tm.t_get_status_code())

def ksr_failure(self, msg):
    self.seen("failure", KSR.tmx.t_is_failure_route(), KSR.pv.get("$rs"))
"""))
    refuse(proxy, proxy.start(), 401)
    assert proxy.statuses() == [401]
    assert proxy.seen == [("reply", 401), ("onreply", 1, 401, None, 0), ("branch failure", 401), ("failure", 1, None)]


def test_replies_can_be_dropped_and_edited(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + 'KSR.tm.t_on_reply("ksr_onreply")\nKSR.tm.t_relay()', """
def ksr_reply_route(self, msg):
    if KSR.pv.get("$rs") == 183:
        KSR.set_drop()

def ksr_onreply(self, msg):
    KSR.hdr.append("X-Seen: %d\\r\\n" % KSR.pv.get("$rs"))
    KSR.set_drop() if KSR.pv.get("$rs") == 181 else KSR.x.exit()
"""))
    relayed = proxy.start()
    for status in (183, 181):
        proxy.answer(relayed, status)
    assert proxy.take() == []
    proxy.answer(relayed, 180)
    assert proxy.one(CALLER).get("X-Seen") == "180"
    proxy.answer(relayed, 200)
    assert proxy.one(CALLER).get("X-Seen") == "200"


def test_sl_forward_reply(tmp_path):
    in_request = "self.seen(KSR.sl.sl_forward_reply('', ''))\n"
    proxy = ScriptedProxy(tmp_path, decide(in_request + TO_CALLEE + "KSR.tm.t_relay()", """
def ksr_reply_route(self, msg):
    status = KSR.pv.get("$rs")
    if status == 180:
        self.seen(KSR.sl.sl_forward_reply("183", "Ringing soon"))
        KSR.set_drop()
    elif status == 181:
        self.seen(KSR.sl.sl_forward_reply("", "Sent on"))
    else:
        for what in ("486", ""), ("20", ""), ("2OO", ""), ("", "a\\r\\nb"):
            self.seen(KSR.sl.sl_forward_reply(*what))
        KSR.hdr.append("X-Edited: yes\\r\\n")
        self.seen(KSR.sl.sl_forward_reply("", ""))
"""))
    relayed = proxy.start()
    for status, lines in ((180, [(183, "Ringing soon")]), (181, [(181, "Sent on"), (181, "Reason")])):
        proxy.answer(relayed, status, reason="Reason")
        replies = proxy.take(CALLER)
        assert [(reply.status, reply.reason) for reply in replies] == lines     # seen with Kamailio 5.6.3
        assert all(reply.raw.count(b"Via:") == 1 for reply in replies)
    proxy.answer(relayed, 200)
    forwarded, from_transaction = proxy.take(CALLER)
    assert forwarded.raw == from_transaction.raw and forwarded.get("X-Edited") == "yes"
    assert proxy.seen == [-1, 1, 1, -1, -1, -1, -1, 1]


def test_sl_forward_reply_without_a_transaction(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + "KSR.tm.t_relay()", """
def ksr_reply_route(self, msg):
    self.seen(KSR.sl.sl_forward_reply("", ""))
"""), '[tm]\nstray_replies = "drop"\nwt_timer = 1000\n')
    relayed = proxy.start(request("OPTIONS"))
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200, 200]
    proxy.advance(60000)
    assert proxy.counter("transactions") == 0
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200] and proxy.seen == [1, 1]


def test_a_final_reply_is_not_dropped_by_on_reply(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + 'KSR.tm.t_on_reply("ksr_onreply")\nKSR.tm.t_relay()', """
def ksr_onreply(self, msg):
    KSR.x.drop()
"""))
    refuse(proxy, proxy.start())
    assert proxy.statuses() == [486]


# --- answering -------------------------------------------------------------------------------------------------------

def test_stateless_reply_and_its_ack(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide('self.seen(KSR.sl.sl_send_reply(403, "Not relaying"))'))
    invite = request()
    proxy.receive(invite)
    refusal = proxy.one(CALLER)
    assert (refusal.status, refusal.reason) == (403, "Not relaying")
    ack = invite.replace(b"INVITE sip:", b"ACK sip:").replace(b"1 INVITE", b"1 ACK").replace(
        b"To: Bob <sip:bob@example.com>", b"To: " + refusal.get("To").encode())
    proxy.receive(ack)
    assert proxy.take() == [] and proxy.seen == [1]
    assert proxy.counter("transactions") == 0


def test_stateful_reply_is_repeated_until_the_ack(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
self.seen(KSR.tm.t_reply(480, "x"), KSR.tm.t_newtran(), KSR.tm.t_newtran(), KSR.tm.t_get_status_code())
self.seen(KSR.sl.send_reply(486, "Busy"), KSR.sl.send_reply(480, "x"), KSR.tm.t_get_status_code(), KSR.tm.t_relay())
"""))
    invite = request()
    proxy.receive(invite)
    assert proxy.statuses() == [486]
    assert proxy.seen == [(-1, 1, -1, -1), (1, -1, 486, -1)]
    proxy.advance(600)
    assert proxy.statuses() == [486]
    proxy.receive(invite)
    busy = proxy.one(CALLER)
    proxy.receive(invite.replace(b"INVITE sip:", b"ACK sip:").replace(b"1 INVITE", b"1 ACK").replace(
        b"To: Bob <sip:bob@example.com>", b"To: " + busy.get("To").encode()))
    proxy.advance(2000)
    assert proxy.take() == [] and len(proxy.seen) == 2
    proxy.assert_empty()


def test_t_send_reply_makes_the_transaction(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide('self.seen(KSR.tm.t_send_reply(486, "Busy"))'))
    proxy.receive(request())
    assert proxy.statuses() == [486] and proxy.seen == [1]
    assert proxy.counter("transactions") == 1


def test_transaction_that_nobody_answers_goes(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("KSR.tm.t_newtran()"))
    proxy.receive(request())
    assert proxy.take() == []
    proxy.assert_empty()


def test_request_that_nothing_is_done_with_is_dropped(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("pass"))
    proxy.receive(request())
    proxy.receive(request("OPTIONS"))
    assert proxy.take() == []


@pytest.mark.parametrize(("uri", "code", "answer"), [
    ("sip:bob@127.0.0.1:40002;transport=tcp", -7, "500 I'm terribly sorry, server error occurred (7/TM)"),
    ("sip:bob@[::1]:40002", -477, "477 Unfortunately error on sending to next hop occurred (477/TM)"),
    ("sip:bob@nowhere.example", -478, "478 Unresolvable destination (478/TM)"),
    ("nonsense", -400, "400 Regretfully, we were not able to process the URI (400/TM)"),
])
def test_failed_relay_is_answered_when_the_script_does_not(tmp_path, uri, code, answer):
    proxy = ScriptedProxy(tmp_path, decide(f'KSR.seturi("{uri}")\nself.seen(KSR.tm.t_relay())'))
    proxy.receive(request())
    assert [f"{m.status} {m.reason}" for m in proxy.take(CALLER)][1:] == [answer]
    assert proxy.seen == [code]
    proxy.assert_empty()


def test_failed_relay_is_answered_by_the_script(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
KSR.seturi("sip:bob@nowhere.example")
if KSR.tm.t_relay() < 0:
    self.seen(KSR.sl.sl_reply_error())
"""))
    proxy.receive(request())
    assert [m.reason for m in proxy.take(CALLER)][1:] == ["Unresolvable destination (478/SL)"]
    assert proxy.seen == [1]


def test_sl_reply_error_without_an_error(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("KSR.sl.sl_reply_error()"))
    proxy.receive(request())
    assert [m.reason for m in proxy.take(CALLER)] == ["I'm terribly sorry, server error occurred (1/SL)"]


def test_relaying_twice_in_one_callback(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + "self.seen(KSR.tm.t_relay(), KSR.tm.t_relay())"))
    proxy.receive(request())
    assert proxy.seen == [(1, -1)] and proxy.methods() == ["INVITE"] and proxy.statuses() == [100]


def test_replies_go_where_force_rport_says(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide('self.seen(KSR.force_rport())\nKSR.sl.sl_send_reply(403, "No")'))
    proxy.receive(request(host="10.9.8.7:5062"))
    refusal = proxy.one(CALLER)
    assert refusal.get("Via").endswith(";received=127.0.0.1;rport=40001") and proxy.seen == [True]


def test_forced_rport_is_sent_on(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + "KSR.force_rport()\nKSR.tm.t_relay()"))
    proxy.receive(request(host="10.9.8.7:5062"))
    assert proxy.one(CALLEE).vias[1].endswith(";received=127.0.0.1;rport=40001")
    assert proxy.statuses() == [100]


# --- mistakes --------------------------------------------------------------------------------------------------------

def test_exception_is_logged_and_answered_500(tmp_path, caplog):
    proxy = ScriptedProxy(tmp_path, decide("return {}[0]"))
    invite = request(call_id="the-call@x")
    with caplog.at_level(logging.ERROR):
        proxy.receive(invite)
        proxy.receive(request("OPTIONS"))
    assert proxy.statuses() == [500, 500]
    record = caplog.records[0]
    assert "KeyError: 0" in record.getMessage() and str(proxy.path) in record.getMessage()
    assert record.fields == {"callback": "ksr_request_route", "method": "INVITE", "call_id": "the-call@x",
                             "source": "127.0.0.1:40001"}
    proxy.assert_empty()


def test_exception_after_relaying_changes_nothing(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + "KSR.tm.t_relay()\nraise RuntimeError"))
    relayed = proxy.start()
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]


@pytest.mark.parametrize("how", ["sys.exit()", "exit()", "KSR.x.exit()"])
def test_exit_ends_the_callback(tmp_path, caplog, how):
    proxy = ScriptedProxy(tmp_path, decide(f"{TO_CALLEE}KSR.tm.t_relay()\n{how}\nself.seen('after')"))
    assert proxy.start().method == "INVITE"
    assert proxy.seen == [] and caplog.records == []


@pytest.mark.parametrize("callback", ["ksr_branch", "ksr_onreply", "ksr_failure", "ksr_reply_route"])
def test_mistakes_in_other_callbacks(tmp_path, caplog, callback):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + """
KSR.tm.t_on_branch("ksr_branch")
KSR.tm.t_on_reply("ksr_onreply")
KSR.tm.t_on_failure("ksr_failure")
KSR.tm.t_relay()""", f"""
def {callback}(self, msg):
    raise ValueError("broken")
"""))
    with caplog.at_level(logging.ERROR):
        refuse(proxy, proxy.start())
    assert proxy.statuses() == [486]
    assert sum("ValueError: broken" in record.getMessage() for record in caplog.records) == 1
    missing = {"ksr_branch", "ksr_onreply", "ksr_failure"} - {callback}
    for name in missing:
        assert any(record.getMessage().endswith(f"has no method {name}") for record in caplog.records)
    proxy.assert_empty()


def test_missing_request_route_is_answered_500(tmp_path):
    proxy = ScriptedProxy(tmp_path, "x = 1")
    proxy.receive(request())
    assert proxy.statuses() == [500]


def test_message_without_call_id_never_reaches_the_script(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("self.seen(1)"))
    octets = request(call_id="gone@x").replace(b"Call-ID: gone@x\r\n", b"")
    proxy.receive(octets)
    assert proxy.take() == [] and proxy.seen == [] and proxy.counter("dropped_bad_request") == 1


def test_wrong_cseq_method_is_the_scripts_affair(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide('KSR.sl.sl_send_reply(200, "Keepalive")'))
    proxy.receive(request("OPTIONS").replace(b"1 OPTIONS", b"1 INVITE"))
    assert [m.reason for m in proxy.take()] == ["Keepalive"]


# --- the msg argument ------------------------------------------------------------------------------------------------

def test_msg(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    self.kept = msg
    self.seen(msg.Type, msg.Method, msg.RURI, msg.src_address, msg.dst_address, msg.getHeader("call-id"),
              msg.getHeader("X-None"), dir(msg), msg.copy() is msg)
    for name in ("Status", "nonsense"):
        try:
            getattr(msg, name)
        except (RuntimeError, AttributeError) as error:
            self.seen(type(error).__name__)
    self.seen(msg.rewrite_ruri("sip:new@127.0.0.1:40002"), msg.set_dst_uri("sip:127.0.0.1:40003"), msg.RURI,
              msg.call_function("is_INVITE"), msg.call_function("is_method", "ACK"))
    KSR.tm.t_relay()

def ksr_reply_route(self, msg):
    self.seen(msg.Type, msg.Status)
""")
    proxy.receive(request(call_id="c@x"))
    relayed = proxy.one(CALLEE_B)
    assert relayed.request_uri == "sip:new@127.0.0.1:40002"
    proxy.answer(relayed, 180)
    assert proxy.seen == [
        ("SIP_REQUEST", "INVITE", "sip:bob@example.com", ("127.0.0.1", 40001), ("127.0.0.1", 5060), "c@x", None,
         ["Method", "RURI", "Status", "Type", "call_function", "copy", "dst_address", "getHeader", "rewrite_ruri",
          "set_dst_uri", "src_address"], True),
        "RuntimeError", "AttributeError", (1, 1, "sip:new@127.0.0.1:40002", True, False), ("SIP_REPLY", 180)]
    with pytest.raises(RuntimeError, match="until the callback"):
        print(proxy.script.kept.Method)


# --- starting and reloading ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "sentence"), [
    ("def nothing():\n    pass\n", r"has no mod_init\(\)"),
    ("def mod_init():\n    return None\n", "returned None"),
    ("def mod_init():\n    raise OSError('no')\n", r"mod_init\(\) of .*, line 2 fails: OSError: no"),
    ("import KSR\ndef mod_init():\n    return KSR\n", r"has no child_init\(\)"),
    ("class S:\n    def child_init(self, rank):\n        return -1\ndef mod_init():\n    return S()\n", "returned -1"),
    ("class S:\n    def child_init(self, rank):\n        pass\ndef mod_init():\n    return S()\n", "returned None"),
    ("def mod_init(:\n", "line 1 fails: SyntaxError"),
    ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    ("import KSR\nKSR.no_such()\n", "AttributeError"),
])
def test_script_that_cannot_start(tmp_path, text, sentence):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        MemoryProxy(f'[script]\nfile = "{path}"\n[[listen]]\nuri = "udp:127.0.0.1:5060"\n')


def test_start(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("pass", """
import KSR.pv
import KSR.x
VERSION = KSR.__version__
FACTS = (KSR.is_INVITE(), KSR.tm.t_relay(), KSR.pv.get("$ru"), KSR.info("started\\n"), type(KSR).__name__)
"""))
    script = type(proxy.script)
    assert (script.VERSION, proxy.script.rank) == (1002, 1)
    assert script.FACTS == (False, -1, None, 0, "module")


def test_reload_lets_calls_go_on(tmp_path):
    proxy = ScriptedProxy(tmp_path, FAILOVER)
    first = proxy.start()
    proxy.rewrite(FAILOVER.replace("40003", "40004").replace('"yes', '"new'))
    proxy.reload()
    refuse(proxy, first)
    second = proxy.one(("127.0.0.1", 40004))      # the new callback on the old call
    assert second.from_uri == "sip:anon@edge.example"
    proxy.answer(second, 200)
    assert proxy.statuses() == [200]


def test_broken_script_is_refused_at_reload(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide('KSR.sl.sl_send_reply(403, "Old")'))
    proxy.path.write_text("def mod_init(:\n")
    with pytest.raises(Fault, match="SyntaxError") as refusal:
        proxy.reload()
    assert refusal.value.code == 500
    with pytest.raises(ValueError, match="SyntaxError"):
        proxy.engine.apply(proxy.config)
    proxy.receive(request())
    assert [m.reason for m in proxy.take()] == ["Old"]
    proxy.rewrite(decide('KSR.sl.sl_send_reply(403, "New")'))
    proxy.engine.apply(proxy.config)
    proxy.receive(request())
    assert [m.reason for m in proxy.take()] == ["New"]


def test_api_list(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("pass"))
    names = {entry["name"] for entry in proxy.engine.commands["app_python.api_list"]()}
    assert {"KSR.info", "KSR.tm.t_relay", "KSR.uac.uac_replace_from", "KSR.pv.get"} <= names


# --- in dialogs ------------------------------------------------------------------------------------------------------

def test_route_parameters_and_direction(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    routed = KSR.rr.loose_route()
    self.seen(KSR.pv.get("$rm"), routed, KSR.rr.check_route_param("nat=yes"), KSR.rr.check_route_param("other"),
              KSR.rr.is_direction("downstream"), KSR.rr.is_direction("upstream"))
    if KSR.is_INVITE():
        self.seen(KSR.rr.add_rr_param(";nat=yes"), KSR.rr.record_route(), KSR.rr.record_route(),
                  KSR.rr.record_route_params(";x=y"), KSR.rr.add_rr_param(";b=2"))
        KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
""")
    dialog = Dialog(proxy)
    assert dialog.received.get("Record-Route") == "<sip:127.0.0.1;lr;ftag=ft1;nat=yes;b=2>"
    proxy.receive(dialog.downstream("ACK"))
    proxy.receive(dialog.upstream("BYE"), CALLEE)
    assert proxy.seen == [("INVITE", -1, -1, -1, 1, -1), (1, 1, -1, -1, 1), ("ACK", 1, 1, -1, 1, -1),
                          ("BYE", 1, 1, -1, -1, 1)]


def test_dialogs_and_their_variables(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    if KSR.is_INVITE():
        self.seen(KSR.dialog.is_known_dlg(), KSR.dialog.var_sets("k", "v"), KSR.dialog.dlg_manage(),
                  KSR.dialog.var_sets("k", "v"), KSR.pv.get("$dlg_var(k)"))
        KSR.rr.record_route()
        KSR.tm.t_on_reply("ksr_onreply")
        KSR.setdsturi("sip:127.0.0.1:40002")
    else:
        self.seen(KSR.rr.loose_route(), KSR.dialog.is_known_dlg(), KSR.dialog.var_get("k"))
    KSR.tm.t_relay()

def ksr_onreply(self, msg):
    self.seen(KSR.dialog.var_gete("k"), KSR.dialog.var_is_null("x"))
""")
    dialog = Dialog(proxy)
    proxy.receive(dialog.downstream("ACK"))
    assert len(proxy.engine.engine.dialogs.list()) == 1
    proxy.receive(dialog.downstream("BYE"))
    proxy.answer(proxy.take(CALLEE)[-1], 200)
    assert proxy.seen == [(-1, -1, 1, 1, "v"), ("v", 1), ("v", 1), (1, 1, "v"), (1, 1, "v")]
    assert proxy.engine.engine.dialogs.list() == []


def test_second_replacement_on_one_message(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + """
uac = KSR.uac
self.seen(uac.uac_replace_from('"D"', ""), uac.uac_replace_from('"E"', "sip:a@b.example"),
          uac.uac_replace_from_uri("sip:c@b.example"), uac.uac_replace_from('"F"', ""),
          uac.uac_replace_to_uri("sip:to@b.example"), uac.uac_replace_to("", ""), uac.uac_restore_from())
KSR.tm.t_relay()
"""))
    relayed = proxy.start()
    assert proxy.seen == [(1, 1, -1, -1, 1, -1, -1)]
    assert relayed.get("From") == '"E" <sip:a@b.example>;tag=ft1' and relayed.to_uri == "sip:to@b.example"


def test_request_of_our_own_tells_the_event_callback(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
self.seen(KSR.uac.uac_req_send())
for key, value in (("method", "OPTIONS"), ("ruri", "sip:svc@127.0.0.1:40003"), ("furi", "sip:me@x")):
    KSR.pv.sets("$uac_req(%s)" % key, value)
KSR.pv.seti("$uac_req(evroute)", 1)
self.seen(KSR.uac.uac_req_send())
KSR.sl.sl_send_reply(200, "OK")
""", """
def ksr_uac_event(self, msg, event):
    self.seen(event, KSR.pv.get("$uac_req(evcode)"), KSR.pv.get("$uac_req(evtype)"), KSR.pv.get("$rs"),
              KSR.pv.get("$uac_req(method)"))
"""), '[uac]\nevent_callback = "ksr_uac_event"')
    proxy.receive(request("MESSAGE"))
    assert proxy.statuses() == [200]
    sent = proxy.one(CALLEE_B)
    assert sent.method == "OPTIONS"
    proxy.receive(reply(sent, 200), CALLEE_B)
    assert proxy.seen == [-1, 1, ("uac:reply", 200, 1, 200, "OPTIONS")]


def test_event_callback_of_a_timeout(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
for key, value in (("method", "OPTIONS"), ("ruri", "sip:svc@127.0.0.1:40003")):
    KSR.pv.sets("$uac_req(%s)" % key, value)
KSR.pv.seti("$uac_req(evroute)", 1)
self.seen(KSR.uac.uac_req_send())
""", """
def ksr_uac_event(self, msg, event):
    self.seen(event, KSR.pv.get("$uac_req(evcode)"), KSR.pv.get("$uac_req(evtype)"), KSR.pv.get("$rs"))
"""), '[uac]\nevent_callback = "ksr_uac_event"\n[tm]\nfr_timer = 1000')
    proxy.receive(request("MESSAGE"))
    proxy.advance(1500)
    assert proxy.seen == [1, ("uac:reply", 408, 2, None)]


def test_two_calls_at_once_do_not_mix(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + """
KSR.pv.sets("$avp(call)", KSR.pv.get("$ci"))
KSR.tm.t_on_reply("ksr_onreply")
KSR.tm.t_relay()""", """
def ksr_onreply(self, msg):
    self.seen(KSR.pv.get("$avp(call)") == KSR.pv.get("$ci"))
"""))
    first, second = proxy.start(), proxy.start()
    for message in (first, second, first, second):
        proxy.answer(message, 180)
    assert proxy.seen == [True] * 4


def count_states():
    gc.collect()
    return sum(isinstance(item, TransactionState) for item in gc.get_objects())


def test_state_of_finished_calls_is_freed(tmp_path):
    proxy = ScriptedProxy(tmp_path, FAILOVER)
    before = count_states()
    for _ in range(50):
        proxy.answer(proxy.start(), 200)
        proxy.take()
    assert count_states() - before >= 50
    proxy.assert_empty()
    assert count_states() - before <= 3


def test_failure_route_that_never_gives_up_ends(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + 'KSR.tm.t_on_failure("ksr_failure")\nKSR.tm.t_relay()', """
def ksr_failure(self, msg):
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_on_failure("ksr_failure")
    self.seen(KSR.tm.t_relay())
"""))
    relayed = proxy.start()
    for _ in range(300):
        proxy.answer(relayed, 486)
        sent = [message for message in proxy.take(CALLEE) if message.method == "INVITE"]
        if not sent:
            break
        relayed = sent[0]
    assert proxy.statuses() == [486] and proxy.seen == [1] * 199 + [-1]
    proxy.assert_empty()


def test_failure_route_sees_the_reply_after_a_branch_failure_route(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide(TO_CALLEE + """
KSR.tm.t_on_branch_failure("ksr_branch_failure")
KSR.tm.t_on_failure("ksr_failure")
KSR.tm.t_relay()""", """
def ksr_branch_failure(self, msg):
    KSR.setdsturi("sip:127.0.0.1:40003")
    self.seen(KSR.tm.t_relay())

def ksr_failure(self, msg):
    self.seen(KSR.pv.get("$T_reply_code"), KSR.pv.get("$T_rpl($rr)"))
"""))
    refuse(proxy, proxy.start(), 404)
    refuse(proxy, proxy.one(CALLEE_B), 500)
    assert proxy.seen == [1, (404, "Reason")] and proxy.statuses() == [404]


def test_own_request_by_tm(tmp_path):
    proxy = ScriptedProxy(tmp_path, decide("""
self.seen(KSR.tm.t_uac_send("INFO", "sip:x@y.example", "sip:127.0.0.1:40003", "", "X-A: b\\r\\n", "text"),
          KSR.tm.t_uac_send("", "sip:x@y.example", "", "", "", ""))
KSR.tm.t_set_auto_inv_100(0)
KSR.setdsturi("sip:127.0.0.1:40002")
KSR.tm.t_relay()
"""))
    proxy.receive(request())
    sent = proxy.one(CALLEE_B)
    assert (sent.method, sent.request_uri, sent.get("X-A"), sent.body) == ("INFO", "sip:x@y.example", "b", b"text")
    assert proxy.seen == [(1, -1)] and proxy.statuses() == [] and proxy.methods() == ["INVITE"]
