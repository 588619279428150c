"""restore_from_avp, restore_to_avp: From and To as they came, in AVPs; replies made from these (uac-semantics §1.8)."""
import pytest
from msgspec.structs import replace

from kit.memory import CALLEE, CALLEE_B, CALLER, Dialog, MemoryProxy, route
from kit.script import ScriptedProxy

AVPS = '[uac]\nrestore_from_avp = "$avp(from)"\nrestore_to_avp = "$(avp(i:5))"\n'
ALICE, BOB = "Alice <sip:alice@example.com>", "Bob <sip:bob@example.com>"
NAMES = '(KSR.pv.get("$(avp(from)[*])"), KSR.pv.get("$(avp(i:5)[*])"))'
SCRIPT = f"""
def ksr_request_route(self, msg):
    if self.basics():
        return 1
    KSR.rr.record_route()
    KSR.uac.uac_replace_from('"Anon"', "sip:anon@edge.example")
    KSR.uac.uac_replace_to_uri("sip:carol@gotham.example")
    self.seen("request", *{NAMES})
    CHANGE
    KSR.tm.t_on_reply("ksr_reply")
    KSR.tm.t_on_failure("ksr_failure")
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
    return 1

def ksr_reply(self, msg):
    self.seen("reply", KSR.pv.get("$rs"), *{NAMES})
    IN_REPLY

def ksr_failure(self, msg):
    self.seen("failure", *{NAMES})
    IN_FAILURE
"""


@pytest.fixture
def scripted(tmp_path):
    """Starts a proxy whose script runs these lines; `uac` are further keys."""
    def launch(change="pass", in_reply="pass", in_failure="pass", config=AVPS, script=SCRIPT):
        text = script.replace("CHANGE", change).replace("IN_REPLY", in_reply).replace("IN_FAILURE", in_failure)
        return ScriptedProxy(tmp_path, text, config)
    return launch


def shown(proxy, relayed, status):
    """From and To of the reply to the caller, without tags."""
    proxy.answer(relayed, status)
    message = next(message for message in proxy.take(CALLER) if message.status == status)
    return tuple(message.get(name).rpartition(";tag=")[0] for name in ("From", "To"))


def test_scripts_find_what_was_replaced(scripted):
    proxy = scripted()
    relayed = proxy.start()
    assert (relayed.get("From"), relayed.get("To")) == ('"Anon" <sip:anon@edge.example>;tag=ft1',
                                                        "Bob <sip:carol@gotham.example>")
    assert shown(proxy, relayed, 180) == shown(proxy, relayed, 486) == (ALICE, BOB)
    assert proxy.seen == [("request", ALICE, BOB), ("reply", 180, ALICE, BOB), ("reply", 486, ALICE, BOB),
                          ("failure", ALICE, BOB)]
    proxy.assert_empty()


def test_name_is_put_on_top_of_what_the_avp_holds(scripted):
    proxy = scripted(script=SCRIPT.replace("KSR.rr.record_route()", 'KSR.pv.sets("$avp(from)", "earlier")'))
    assert shown(proxy, proxy.start(), 486) == (ALICE, BOB)
    assert proxy.seen[0] == ("request", f"{ALICE}, earlier", BOB)


@pytest.mark.parametrize("value,expected", [
    ('"\\"Changed\\" <sip:changed@x.example>"', '"Changed" <sip:changed@x.example>'),
    ('"sip:bare@x.example"', "sip:bare@x.example"),
    ('"<sip:a@x.example;user=phone>"', "<sip:a@x.example;user=phone>"),
    ('"Zo\\u00eb\\udcff <sip:z@x.example>"', "Zo\u00eb\udcff <sip:z@x.example>".encode(errors="surrogateescape").decode(
        "latin-1")),
    # Not a name and nothing more: the request's own is shown.
    ('"what ever"', ALICE), ('"<sip:a@x.example>;tag=2"', ALICE), ('"<sip:a@x.example>\\r\\nX: y"', ALICE),
    ('"<sip:a@x.example"', ALICE), ('"\\"A <sip:a@x.example>"', ALICE), ('""', ALICE),
    ('"\\ud800 <sip:a@x.example>"', ALICE),
    ('" <sip:a@x.example>"', ALICE), ('"<sip:a@x.example>, <sip:b@x.example>"', ALICE),
])
def test_replies_show_what_a_script_puts_there(scripted, value, expected):
    proxy = scripted(f'KSR.pv.sets("$avp(from)", {value})')
    relayed = proxy.start()
    assert shown(proxy, relayed, 180) == shown(proxy, relayed, 486) == (expected, BOB)
    proxy.assert_empty()


@pytest.mark.parametrize("change", [
    'KSR.pv.seti("$avp(from)", 7)', 'KSR.pv.unset("$avp(from)")', 'KSR.pv.unset("$(avp(from)[*])")'])
def test_without_a_text_replies_show_what_the_request_brought(scripted, change):
    proxy = scripted(change)
    assert shown(proxy, proxy.start(), 486) == (ALICE, BOB)


def test_a_change_in_the_reply_route_concerns_the_next_reply(scripted):
    proxy = scripted(in_reply='KSR.pv.sets("$avp(i:5)", "<sip:%s@x.example>" % KSR.pv.get("$rs"))')
    relayed = proxy.start()
    assert [shown(proxy, relayed, status)[1] for status in (180, 183, 200)] == [
        BOB, "<sip:180@x.example>", "<sip:183@x.example>"]
    proxy.assert_empty()


def test_what_a_reply_shows_can_be_taken_back(scripted):
    proxy = scripted('KSR.pv.sets("$avp(from)", "<sip:changed@x.example>")', 'KSR.pv.unset("$avp(from)")')
    relayed = proxy.start()
    assert [shown(proxy, relayed, status)[0] for status in (180, 183, 200)] == ["<sip:changed@x.example>", ALICE, ALICE]


def test_a_change_in_the_failure_route(scripted):
    """It concerns the replies to another attempt; the reply that failed is on its way already."""
    change = 'KSR.pv.sets("$avp(from)", "<sip:late@x.example>")'
    proxy = scripted(in_failure=change)
    assert shown(proxy, proxy.start(), 486) == (ALICE, BOB)
    proxy = scripted(in_failure=f'{change}; KSR.setdsturi("sip:127.0.0.1:40003"); KSR.tm.t_relay()')
    proxy.answer(proxy.start(), 486)
    relayed = proxy.one(CALLEE_B)
    assert relayed.from_uri == "sip:anon@edge.example"
    assert shown(proxy, relayed, 603) == ("<sip:late@x.example>", BOB)
    proxy.assert_empty()


def test_only_the_names_of_what_was_replaced(scripted):
    proxy = scripted('KSR.pv.sets("$avp(i:5)", "<sip:unused@x.example>")', script=SCRIPT.replace(
        'KSR.uac.uac_replace_to_uri("sip:carol@gotham.example")', """KSR.uac.uac_replace_to("Carol", "")"""))
    relayed = proxy.start()
    assert proxy.seen == [("request", ALICE, None)]
    assert shown(proxy, relayed, 200) == (ALICE, "Carol <sip:bob@example.com>")    # a display name alone stays (§1.8)


def test_a_branch_route_replaces_once_more(scripted):
    proxy = scripted('KSR.tm.t_on_branch("ksr_branch")', script=SCRIPT + """
def ksr_branch(self, msg):
    KSR.uac.uac_replace_from_uri("sip:branch@edge.example")
""")
    relayed = proxy.start()
    assert relayed.from_uri == "sip:branch@edge.example"
    assert shown(proxy, relayed, 486) == (ALICE, BOB)
    assert proxy.seen[1] == ("reply", 486, f"{ALICE}, {ALICE}", BOB)


def test_after_msg_apply_changes(scripted):
    proxy = scripted("self.seen(KSR.textopsx.msg_apply_changes())",
                     script=SCRIPT.replace("KSR.rr.record_route()", "pass"))
    assert shown(proxy, proxy.start(), 486) == (ALICE, BOB)
    assert proxy.seen[:2] == [("request", ALICE, BOB), 1]


IN_DIALOG = f"""
def ksr_request_route(self, msg):
    if KSR.siputils.has_totag() > 0:
        KSR.rr.loose_route()
        MANUAL
        self.seen(KSR.pv.get("$rm"), *{NAMES})
        if KSR.hdr.is_present("X-Set") > 0:
            KSR.pv.sets("$avp(from)", "<sip:set@x.example>")
    else:
        KSR.rr.record_route()
        KSR.uac.uac_replace_from("", "sip:anon@edge.example")
        KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_relay()
"""


def test_within_the_dialog_names_are_those_before_restoring(scripted):
    proxy = scripted(script=IN_DIALOG.replace("MANUAL", "pass"))
    dialog = Dialog(proxy)
    proxy.receive(dialog.downstream("ACK"))
    proxy.take()
    proxy.receive(dialog.downstream("OPTIONS"))
    assert shown(proxy, proxy.one(CALLEE), 200)[0] == ALICE
    proxy.receive(dialog.downstream("OPTIONS", headers="X-Set: 1\r\n"))
    assert shown(proxy, proxy.one(CALLEE), 200)[0] == "<sip:set@x.example>"
    # From of the first request is To of the callee's own.
    proxy.receive(dialog.upstream("OPTIONS"), CALLEE)
    assert proxy.one(CALLER).to_uri == "sip:alice@example.com"
    assert proxy.seen == [("ACK", ALICE, None), ("OPTIONS", ALICE, None), ("OPTIONS", ALICE, None),
                          ("OPTIONS", None, "<sip:anon@edge.example>")]


def test_restored_by_hand(scripted):
    proxy = scripted(config=AVPS + 'restore_mode = "manual"\n', script=IN_DIALOG.replace(
        "MANUAL", "KSR.uac.uac_restore_from()"))
    dialog = Dialog(proxy)
    proxy.receive(dialog.downstream("OPTIONS", headers="X-Set: 1\r\n"))
    relayed = proxy.one(CALLEE)
    assert relayed.from_uri == "sip:anon@edge.example"
    assert shown(proxy, relayed, 200)[0] == "<sip:anon@edge.example>"     # replies are not restored then (§1.11)
    proxy.receive(dialog.upstream("OPTIONS"), CALLEE)
    assert proxy.seen == [("OPTIONS", ALICE, None), ("OPTIONS", None, "<sip:anon@edge.example>")]


@pytest.mark.parametrize("config", [AVPS + 'restore_mode = "none"\n', "", '[uac]\nrestore_to_avp = "$avp(other)"\n'])
def test_nothing_is_kept(scripted, config):
    proxy = scripted('KSR.pv.sets("$avp(from)", "<sip:changed@x.example>")', config=config)
    relayed = proxy.start()
    original = ALICE if "none" not in config else '"Anon" <sip:anon@edge.example>'
    assert shown(proxy, relayed, 486)[0] == original
    assert proxy.seen[0] == ("request", None, None)


def test_a_reload_brings_them_into_force(scripted):
    proxy = scripted(config="")
    assert shown(proxy, proxy.start(), 200) == (ALICE, BOB)
    uac = replace(proxy.config.uac, restore_from_avp="$avp(from)", restore_to_avp="$avp(i:5)")
    proxy.engine.apply(replace(proxy.config, uac=uac))
    proxy.start()
    assert proxy.seen[-1] == ("request", ALICE, BOB)


def test_routes_restore_without_them():
    lines = ('relay = ["sip:127.0.0.1:40002"]\nrecord_route = true\n'
             'replace_from = { display = "", uri = "sip:anon@e.example" }\n'
             'replace_to = { uri = "sip:carol@gotham.example" }\n')
    keys = 'restore_from_avp = "$avp(from)"\nrestore_to_avp = "$avp(to)"'
    proxies = MemoryProxy(route(lines)), MemoryProxy(route(lines, uac=keys))
    sent = []
    for proxy in proxies:
        dialog = Dialog(proxy)
        assert dialog.ringing.get("From") == dialog.ok.get("From") == f"{ALICE};tag=ft1"
        assert dialog.ok.get("To") == f"{BOB};tag=tt1"
        proxy.receive(dialog.upstream("BYE"), CALLEE)
        bye = proxy.one(CALLER)
        assert (bye.to_uri, bye.from_uri) == ("sip:alice@example.com", "sip:bob@example.com")
        sent.append((dialog.received.get("From"), dialog.received.get("To"), dialog.received.get("Record-Route")))
    assert sent[0] == sent[1]
