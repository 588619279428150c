"""KSR.tm, KSR.tmx and KSR.corex beyond relaying: other messages' transactions, serial forking, copies, lumps, flags."""
import ast
from pathlib import Path

import pytest

from kit.memory import CALLEE, CALLEE_B, CALLEE_C, CALLER, Dialog, request
from kit.message import uri_parameters
from kit.script import ScriptedProxy

CONFIG = "[tm]\nfr_timer = 4000\nfr_inv_timer = 8000\n"
STUBS = Path(__file__).resolve().parents[3] / "KSR-stubs" / "__init__.pyi"

BY_CALL_ID = """
def ksr_request_route(self, msg):
    if KSR.is_MESSAGE():
        self.seen({call})
        return 1
    if KSR.is_ACK():
        KSR.tm.t_check_trans()
        return 1
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.corex.append_branch_uri("sip:bob@127.0.0.1:40003")
    KSR.tm.t_on_reply("ksr_reply")
    KSR.tm.t_relay()
    return 1

def ksr_reply(self, msg):
    self.seen(KSR.isflagset(22))
    return 1
"""


def by_call_id(tmp_path, call):
    return ScriptedProxy(tmp_path, BY_CALL_ID.format(call=call), CONFIG)


def ringing(proxy):
    """An INVITE with Call-ID "abc" and CSeq 5 that rings at both callees; the provisional replies are taken."""
    proxy.receive(request(call_id="abc", cseq=5))
    invites = [proxy.one(CALLEE), proxy.one(CALLEE_B)]
    for invite in invites:
        proxy.answer(invite, 180)
    proxy.take()
    proxy.seen.clear()
    return invites


@pytest.mark.parametrize(("call", "reason", "flag"), [
    ('KSR.tmx.t_cancel_callid("abc", "5", 22)', [], True), ('KSR.tmx.t_cancel_callid("abc", "5", 0)', [], False),
    ('KSR.tmx.t_cancel_callid_reason("abc", "5", 22, 480)', ["SIP;cause=480"], True),
    ('KSR.tmx.t_cancel_callid_reason("abc", "5", 22, 200)', ['SIP;cause=200;text="Call completed elsewhere"'], True)])
def test_cancel_by_call_id(tmp_path, call, reason, flag):
    proxy = by_call_id(tmp_path, call)
    invites = ringing(proxy)
    proxy.receive(request("MESSAGE"))
    assert proxy.seen == [1]
    for callee in (CALLEE, CALLEE_B):
        cancel = proxy.one(callee)
        assert (cancel.method, cancel.all("Reason")) == ("CANCEL", reason)
    for invite in invites:
        proxy.answer(invite, 487)
    assert proxy.statuses() == [487]
    assert proxy.seen == [1, flag, flag]
    proxy.assert_empty()


def test_reply_by_call_id(tmp_path):
    proxy = by_call_id(tmp_path, 'KSR.tmx.t_reply_callid("abc", "5", 458, "Replied remotely")')
    ringing(proxy)
    proxy.receive(request("MESSAGE"))
    assert proxy.seen == [1]
    answer = proxy.one(CALLER)
    assert (answer.start_line, answer.call_id) == ("SIP/2.0 458 Replied remotely", "abc")
    assert (proxy.methods(CALLEE), proxy.methods(CALLEE_B)) == (["CANCEL"], ["CANCEL"])
    proxy.receive(request("MESSAGE"))
    assert proxy.seen == [1, -1]


@pytest.mark.parametrize("call", [
    't_cancel_callid("abcd", "5", 0)', 't_cancel_callid("ab", "5", 0)', 't_cancel_callid("abc", "6", 0)',
    't_cancel_callid("abc", "x", 0)', 't_cancel_callid("", "5", 0)', 't_reply_callid("nope", "5", 480, "x")',
    't_reply_callid("abc", "5", 99, "x")', 't_reply_callid("abc", "5", 480, "x\\r\\ny")'])
def test_nothing_of_that_call_id(tmp_path, call):
    proxy = by_call_id(tmp_path, f"KSR.tmx.{call}")
    ringing(proxy)
    proxy.receive(request("MESSAGE"))
    assert proxy.seen == [-1]
    assert proxy.sent == []


def test_only_an_invite_is_cancelled(tmp_path):
    proxy = by_call_id(tmp_path, 'KSR.tmx.t_cancel_callid("abc", "5", 0)')
    proxy.receive(request("INFO", call_id="abc", cseq=5))
    proxy.take()
    proxy.receive(request("MESSAGE"))
    assert proxy.seen == [-1]


LUMPS = """
def ksr_request_route(self, msg):
    if KSR.is_ACK():
        KSR.tm.t_check_trans()
        return 1
    self.seen(KSR.tm.t_save_lumps())
    KSR.tm.t_newtran()
    KSR.hdr.append("hf1: 1\\r\\n")
    self.seen(KSR.tm.t_save_lumps())
    KSR.hdr.append("hf2: 2\\r\\n")
    KSR.tm.t_on_failure("ksr_failure")
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1

def ksr_failure(self, msg):
    KSR.hdr.append("hf3: 3\\r\\n")
    KSR.setdsturi("sip:127.0.0.1:40003")
    KSR.tm.t_relay()
    return 1
"""


def test_saved_lumps(tmp_path):
    """The example of Kamailio's manual (tm §4.38)."""
    proxy = ScriptedProxy(tmp_path, LUMPS, CONFIG)
    invite = proxy.start(request())
    assert proxy.seen == [-1, 1]
    assert [invite.all(name) for name in ("hf1", "hf2", "hf3")] == [["1"], ["2"], []]
    proxy.answer(invite, 486)
    proxy.take(CALLEE)
    again = proxy.one(CALLEE_B)
    assert [again.all(name) for name in ("hf1", "hf2", "hf3")] == [["1"], [], ["3"]]


CONTACTS = """
def ksr_request_route(self, msg):
    if KSR.is_ACK():
        KSR.tm.t_check_trans()
        return 1
    KSR.seturi("sip:bob@127.0.0.1:40002")
    {branches}
    self.seen(KSR.tm.t_load_contacts(), KSR.tm.t_next_contacts())
    KSR.tm.t_on_failure("ksr_failure")
    KSR.tm.t_relay()
    return 1

def ksr_failure(self, msg):
    self.seen(KSR.tm.t_next_contacts())
    if self.last() > 0:
        KSR.tm.t_on_failure("ksr_failure")
        KSR.tm.t_relay()
    return 1

def last(self):
    return SEEN[-1]
"""


def test_contacts_by_q(tmp_path):
    """The higher q first, equals at once, none given last (tm §4.39, §4.40)."""
    branches = ('KSR.corex.append_branch_uri_q("sip:b@127.0.0.1:40003", "0.5"); '
                'KSR.corex.append_branch_uri_q("sip:c@127.0.0.1:40004", "0.5"); '
                'KSR.corex.append_branch_uri_q("sip:d@127.0.0.1:40005", "0.9")')
    proxy = ScriptedProxy(tmp_path, CONTACTS.format(branches=branches), CONFIG)
    first = proxy.start(request(), callee=("127.0.0.1", 40005))
    assert first.request_uri == "sip:d@127.0.0.1:40005"
    proxy.answer(first, 480)
    second = [proxy.one(CALLEE_B), proxy.one(CALLEE_C)]
    assert [message.request_uri for message in second] == ["sip:b@127.0.0.1:40003", "sip:c@127.0.0.1:40004"]
    assert proxy.take(CALLEE) == []
    for message in second:
        proxy.answer(message, 480)
    last = proxy.one(CALLEE)
    assert last.request_uri == "sip:bob@127.0.0.1:40002"
    proxy.answer(last, 404)
    assert proxy.seen == [(1, 1), 1, 1, -2]
    assert [message.status for message in proxy.take(CALLER)] == [404]


def test_one_contact_stays(tmp_path):
    proxy = ScriptedProxy(tmp_path, CONTACTS.format(branches="pass"), CONFIG)
    assert proxy.start(request()).request_uri == "sip:bob@127.0.0.1:40002"
    assert proxy.seen == [(1, -2)]


def test_a_q_shows_in_the_destination_set(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    for q in ("0.5", "", "x", "7"):
        self.seen(KSR.corex.append_branch_uri_q("sip:b@127.0.0.1", q))
    self.seen(KSR.pv.get("$bR"))
    return 1
""")
    proxy.receive(request())
    assert proxy.seen == [1, 1, 1, 1, "<sip:b@127.0.0.1>;q=0.5, sip:b@127.0.0.1, sip:b@127.0.0.1, sip:b@127.0.0.1"]


DROPPING = """
def ksr_request_route(self, msg):
    if KSR.is_ACK():
        KSR.tm.t_check_trans()
        return 1
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.corex.append_branch_uri("sip:bob@127.0.0.1:40003")
    self.seen(KSR.tm.t_drop_replies("a"))
    KSR.tm.t_on_failure("first")
    KSR.tm.t_relay()
    return 1

def first(self, msg):
    KSR.tm.t_on_failure("second")
    KSR.setdsturi("sip:127.0.0.1:40004")
    KSR.tm.t_relay()
    return 1

def second(self, msg):
    self.seen(KSR.tm.t_drop_replies("{which}"))
    KSR.setdsturi("sip:127.0.0.1:40005")
    KSR.tm.t_relay()
    return 1
"""


@pytest.mark.parametrize(("which", "final"), [("a", 503), ("l", 486), ("n", 404)])
def test_dropped_replies(tmp_path, which, final):
    """The first two answer 486 and 487, the next 404, the last 503: which of them goes upstream."""
    proxy = ScriptedProxy(tmp_path, DROPPING.format(which=which), CONFIG)
    proxy.receive(request())
    proxy.answer(proxy.one(CALLEE), 486)
    proxy.answer(proxy.one(CALLEE_B), 487)
    proxy.answer(proxy.one(CALLEE_C), 404)
    proxy.take(CALLER)
    proxy.answer(proxy.one(("127.0.0.1", 40005)), 503)
    assert proxy.seen == [1, 1]
    assert proxy.statuses() == [500 if final == 503 else final]


def test_cancel_with_the_flags_of_its_invite(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    if KSR.is_CANCEL():
        self.seen(KSR.tm.t_lookup_cancel(), KSR.isflagset(4), KSR.tm.t_lookup_cancel_flags(0), KSR.isflagset(4),
                  KSR.tm.t_lookup_cancel_flags(1), KSR.isflagset(4))
        return 1
    self.seen(KSR.tm.t_lookup_cancel(), KSR.tm.t_lookup_cancel_flags(1))
    KSR.setflag(4)
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1
""", CONFIG)
    proxy.receive(request("CANCEL", branch="z9hG4bKl", call_id="l"))
    proxy.receive(request("INVITE", branch="z9hG4bKl", call_id="l"))
    proxy.receive(request("CANCEL", branch="z9hG4bKl", call_id="l"))
    assert proxy.seen == [(-1, False, -1, False, -1, False), (-1, -1), (1, False, 1, False, 1, True)]


REPLICATE = """
def ksr_request_route(self, msg):
    KSR.hdr.append("X-Copy: 1\\r\\n")
    self.seen(KSR.tm.t_replicate("{uri}"))
    KSR.hdr.append("X-Relayed: 1\\r\\n")
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1

def ksr_reply_route(self, msg):
    self.seen(KSR.pv.get("$rs"))
    return 1
"""


def test_replicated(tmp_path):
    proxy = ScriptedProxy(tmp_path, REPLICATE.format(uri="sip:127.0.0.1:40003"), CONFIG)
    proxy.receive(request("REGISTER"))
    copy, relayed = proxy.one(CALLEE_B), proxy.one(CALLEE)
    assert (copy.method, copy.get("X-Copy"), copy.all("X-Relayed"), len(copy.all("Via"))) == ("REGISTER", "1", [], 2)
    assert (relayed.get("X-Copy"), relayed.get("X-Relayed")) == ("1", "1")
    assert copy.all("Via")[0] != relayed.all("Via")[0]
    proxy.answer(copy, 403)
    assert proxy.statuses() == []
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]
    assert proxy.seen[0] == 1
    proxy.assert_empty()


@pytest.mark.parametrize("method", ["INVITE", "ACK"])
def test_not_replicated(tmp_path, method):
    proxy = ScriptedProxy(tmp_path, REPLICATE.format(uri="sip:127.0.0.1:40003"), CONFIG)
    proxy.receive(request(method))
    assert proxy.seen == [-1]
    assert proxy.take(CALLEE_B) == []


PRESET = """
def ksr_request_route(self, msg):
    if self.basics():
        return 1
    KSR.uac.uac_replace_from("", "sip:anon@edge.example")
    KSR.rr.add_rr_param(";p=1")
    self.seen({call}, KSR.rr.record_route())
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1
"""


@pytest.mark.parametrize(("call", "hosts"), [
    ('KSR.rr.record_route_preset_one("sip.example.net:5060;x=y")', ["sip.example.net:5060;x=y"]),
    ('KSR.rr.record_route_preset("127.0.0.1:5060", "5.6.7.8:5070")', ["127.0.0.1:5060", "5.6.7.8:5070"])])
def test_preset_record_route(tmp_path, call, hosts):
    """The parameters in Kamailio's order."""
    proxy = ScriptedProxy(tmp_path, PRESET.format(call=call), CONFIG)
    values = proxy.start(request()).all("Record-Route")
    stored = uri_parameters(values[0].strip("<>"))
    assert values == [f"<sip:{host};ftag=ft1;vsf={stored['vsf']};vsfd={stored['vsfd']};p=1;lr>" for host in hosts]
    assert proxy.seen == [(1, -1)]


def test_dialog_of_a_preset_record_route(tmp_path):
    """Where the address is an alias of ours, the dialog comes back and is restored."""
    proxy = ScriptedProxy(tmp_path, PRESET.format(call='KSR.rr.record_route_preset("sip.example.net:5060", "")'),
                          CONFIG + '[server]\nalias = ["sip.example.net:5060"]\n')
    dialog = Dialog(proxy)
    proxy.receive(dialog.upstream("BYE"), CALLEE)
    bye = proxy.one(CALLER)
    assert (bye.to_uri, bye.all("Route")) == ("sip:alice@example.com", [])


@pytest.mark.parametrize("address", ["", "a b", "a>", "a,b", "a\\r\\nX: y", 'a"', ";lr"])
def test_no_preset(tmp_path, address):
    proxy = ScriptedProxy(tmp_path, PRESET.format(call=f"KSR.rr.record_route_preset_one({address!r})"
                                                  .replace("\\\\", "\\")), CONFIG)
    assert len(proxy.start(request()).all("Record-Route")) == 1
    assert proxy.seen == [(-1, 1)]


SMALL = """
def ksr_request_route(self, msg):
    self.seen([{calls}])
    return 1
"""


def results(tmp_path, *calls, method="OPTIONS"):
    proxy = ScriptedProxy(tmp_path, SMALL.format(calls=", ".join(f"KSR.{call}" for call in calls)), CONFIG)
    proxy.receive(request(method))
    return proxy.seen[0], proxy.take()


def test_extended_flags(tmp_path):
    """As Kamailio 5.6.3 answers."""
    calls = [f"corex.{name}({flag})" for name in ("isxflagset", "setxflag", "isxflagset", "resetxflag", "isxflagset")
             for flag in (0, 40, 63, 64, -1)]
    assert results(tmp_path, *calls, "isflagset(0)", "tmx.t_flush_xflags()")[0] == [
        -1, -1, -1, -1, -1, 1, 1, 1, -1, -1, 1, 1, 1, -1, -1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, False, -1]


def test_extended_flags_live_with_the_transaction(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    KSR.corex.setxflag(50)
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1

def ksr_reply_route(self, msg):
    self.seen(KSR.corex.isxflagset(50), KSR.corex.isxflagset(51))
    return 1
""", CONFIG)
    proxy.answer(proxy.start(request("OPTIONS")), 200)
    assert proxy.seen == [(1, -1)]


def test_octets_of_the_script(tmp_path):
    values, sent = results(
        tmp_path, 'corex.send_data("sip:127.0.0.1:40009", "hello data")',
        'corex.sendx("sip:127.0.0.1:40008", "udp:127.0.0.1:5060", "hello sendx")',
        'corex.send_data("bad", "x")', 'corex.send_data("sip:127.0.0.1:9;transport=tcp", "x")',
        'corex.sendx("sip:127.0.0.1:40008", "udp:127.0.0.1:5061", "x")', 'corex.send_data("sip:127.0.0.1:40009", "")')
    assert values == [1, 1, -1, -1, -1, -1]
    assert [(message.source[1], message.raw) for message in sent] == [(40009, b"hello data"), (40008, b"hello sendx")]


def test_small_ones_without_a_transaction(tmp_path):
    """As Kamailio 5.6.3 answers in a request route."""
    assert results(tmp_path, "tm.t_clean()", "tm.t_release()", "tm.t_save_lumps()", "tm.t_use_uac_headers()",
                   "tm.t_drop_replies_all()")[0] == [1, 1, -1, 1, 1]


TIMED = """
def ksr_request_route(self, msg):
    if KSR.is_MESSAGE():
        self.seen([KSR.dialog.dlg_set_timeout_id(9, *self.place), KSR.dialog.dlg_set_timeout_id(9, 1, 1),
                   KSR.dialog.dlg_set_timeout_id(0, *self.place), KSR.dialog.dlg_set_timeout_id(9, -1, -1),
                   KSR.dialog.dlg_set_timeout(5)])
        return 1
    if self.basics():
        return 1
    KSR.rr.record_route()
    KSR.dialog.dlg_manage()
    self.place = (KSR.pv.get("$dlg(h_entry)"), KSR.pv.get("$dlg(h_id)"))
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1
"""


def test_timeout_of_a_dialog_by_its_numbers(tmp_path):
    """From another message, as Kamailio 5.6.3 answers."""
    proxy = ScriptedProxy(tmp_path, TIMED, CONFIG + "[dialog]\nsend_bye = true\n")
    dialog = Dialog(proxy)
    proxy.receive(dialog.downstream("ACK"))
    proxy.receive(request("MESSAGE"))
    assert proxy.seen == [[1, -1, -1, -1, -1]]
    proxy.take()
    proxy.advance(8000)
    assert proxy.sent == []
    proxy.advance(2000)
    assert {message.method for message in proxy.take()} == {"BYE"}


def functions_with_numbers():
    """(function, argument types) of every KSR function that takes an int, from the stubs."""
    tree = ast.parse(STUBS.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    modules = {node.target.id: node.annotation.id for node in tree.body if isinstance(node, ast.AnnAssign)
               and isinstance(node.annotation, ast.Name) and node.annotation.id in classes}
    scopes = {"": tree.body} | {f"{name}.": classes[kind].body for name, kind in modules.items()}
    for prefix, body in scopes.items():
        for node in body:
            if isinstance(node, ast.FunctionDef):
                types = [ast.unparse(argument.annotation) for argument in node.args.args if argument.arg != "self"]
                if "int" in types:
                    yield f"{prefix}{node.name}", types


def test_there_are_such_functions():
    assert {"tm.t_reply", "setflag", "maxfwd.process_maxfwd", "tm.t_set_retr"} < dict(functions_with_numbers()).keys()


def test_a_float_is_no_int(tmp_path):
    """Kamailio's binding refuses it: 'float' object cannot be interpreted as an integer."""
    calls = []
    for name, types in functions_with_numbers():
        for place, kind in enumerate(types):
            if kind == "int":
                arguments = ", ".join("480.0" if index == place else {"int": "1"}.get(each, "'x'")
                                      for index, each in enumerate(types))
                calls.append(f"KSR.{name}({arguments})")
    body = "".join(f"    try:\n        self.seen({call!r}, {call})\n    except TypeError:\n        pass\n"
                   for call in calls)
    script = f"def ksr_request_route(self, msg):\n{body}    self.seen('end')\n    return 1\n"
    proxy = ScriptedProxy(tmp_path, script, CONFIG)
    proxy.receive(request())
    assert proxy.seen == ["end"]
