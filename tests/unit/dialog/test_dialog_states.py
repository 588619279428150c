"""Tracked dialogs through the engine: states, did, matching, timeouts, BYEs of our own (engine.md §13)."""
import pytest

from kit.memory import CALLEE, CALLEE_B, CALLER, FORK, RELAY, SERIAL, Dialog, MemoryProxy, reply, request, route
from kit.message import Message, uri_parameters
from uacfast.config import parse
from uacfast.fault import Fault
from uacfast.proxy.dialog_table import read_did, write_did

TRACKED = "dialog = true\n"


def proxy_of(lines=RELAY, **tables):
    return MemoryProxy(route(TRACKED + lines, **tables))


def did_of(message):
    return uri_parameters(message.get("Record-Route").strip("<>"))["did"]


def states(proxy):
    return [entry["state"] for entry in proxy.engine.commands["dlg.list"]()]


def one(proxy):
    entry, = proxy.engine.commands["dlg.list"]()
    return entry


def acknowledge(dialog):
    own = [value for value in dialog.ok.values("Record-Route") if "did=" in value]
    dialog.proxy.receive(dialog.downstream("ACK", routes=f"Route: {own[0]}\r\n"), CALLER)
    return dialog.proxy.one(CALLEE)


def forgotten(proxy):
    """Nothing of any dialog is left in memory after what crosses a BYE had its time."""
    proxy.advance_fast(6_000)
    statistics = proxy.engine.statistics()
    return (statistics["dialogs_in_memory"], statistics["dialog_octets"]) == (0, 0)


# Values that Kamailio 5.6.3 wrote.
@pytest.mark.parametrize("h_entry, h_id, value", [
    (194, 5443, "2c.3451"), (358, 6271, "661.f781"), (0x56, 0xb70, "65.07b"), (0, 0, "0.0"),
    (0xffffffff, 0x80000000, "ffffffff.00000008")])
def test_did(h_entry, h_id, value):
    assert write_did(h_entry, h_id) == value
    assert read_did(value) == (h_entry, h_id)


@pytest.mark.parametrize("value", ["", ".", "1.", ".1", "1", "g.1", "1.g", "1.2.3", "1.2 ", "123456789.1",
                                   "1.123456789", "-1.2"])
def test_bad_did(value):
    assert read_did(value) is None


def test_states_of_a_call():
    proxy = proxy_of()
    received = proxy.start(request(headers="Contact: <sip:alice@127.0.0.1:40001>\r\n"))
    assert states(proxy) == [1]
    proxy.answer(received, 100)
    assert states(proxy) == [1]
    proxy.answer(received, 180, tag="")
    proxy.answer(received, 180)
    assert states(proxy) == [2]
    assert proxy.counter("early_dialogs") == 1
    proxy.answer(received, 200, headers="Contact: <sip:bob@127.0.0.1:40002>\r\n")
    assert states(proxy) == [3]
    assert proxy.engine.commands["dlg.stats_active"]() == {
        "starting": 0, "connecting": 0, "answering": 1, "ongoing": 0, "all": 1}


def test_confirmed_and_ended():
    proxy = proxy_of()
    dialog = Dialog(proxy)
    assert did_of(dialog.received) == did_of(dialog.ok)
    acknowledge(dialog)
    assert states(proxy) == [4]
    assert (proxy.counter("active_dialogs"), proxy.counter("processed_dialogs")) == (1, 1)
    proxy.receive(dialog.downstream("BYE"), CALLER)
    bye = proxy.one(CALLEE)
    assert states(proxy) == [4]
    proxy.answer(bye, 200)
    assert states(proxy) == []
    assert [proxy.counter(f"{name}_dialogs") for name in ("active", "early", "failed")] == [0, 0, 0]
    assert forgotten(proxy)


@pytest.mark.parametrize("status, ends", [(200, True), (202, True), (408, True), (481, True), (401, False),
                                          (500, False), (603, False)])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_bye_ends_it(status, ends, who):
    proxy = proxy_of()
    dialog = Dialog(proxy)
    acknowledge(dialog)
    far, near = (CALLEE, CALLER) if who == "caller" else (CALLER, CALLEE)
    proxy.receive(dialog.downstream("BYE") if who == "caller" else dialog.upstream("BYE"), near)
    proxy.answer(proxy.one(far), status)
    assert states(proxy) == ([] if ends else [4])


@pytest.mark.parametrize("tm", ["", "noninv_timeout_408 = false\n"])
def test_unanswered_bye_ends_it(tm):
    proxy = proxy_of(tm=tm + "fr_timer = 2000")
    dialog = Dialog(proxy)
    acknowledge(dialog)
    proxy.receive(dialog.downstream("BYE"), CALLER)
    assert states(proxy) == [4]
    proxy.advance_fast(3_000)
    assert states(proxy) == []


@pytest.mark.parametrize("status", [302, 404, 486, 487, 503, 603])
def test_refused(status):
    proxy = proxy_of()
    received = proxy.start()
    proxy.answer(received, 180)
    proxy.answer(received, status)
    assert states(proxy) == []
    assert [proxy.counter(name) for name in ("failed_dialogs", "early_dialogs", "dialogs_in_memory")] == [1, 0, 0]


def test_never_answered():
    """Early dialogs die with their transaction."""
    proxy = proxy_of(tm="fr_timer = 2000")
    proxy.start()
    proxy.advance_fast(3_000)
    assert set(proxy.statuses()) == {408}
    assert proxy.counter("dialogs_in_memory") == 0 and proxy.counter("failed_dialogs") == 1


def test_ringing_for_ever():
    proxy = proxy_of(tm="fr_inv_timer = 20000")
    received = proxy.start()
    proxy.answer(received, 180)
    proxy.advance_fast(60_000)
    assert proxy.counter("dialogs_in_memory") == 0


def test_cancelled():
    proxy = proxy_of()
    received = proxy.start()
    proxy.answer(received, 180)
    sent = Message.parse(received.raw)
    proxy.receive(request("CANCEL", branch=sent.all("Via")[1].rpartition("branch=")[2], call_id=sent.call_id), CALLER)
    cancel = proxy.one(CALLEE)
    proxy.answer(cancel, 200)
    proxy.answer(received, 487)
    assert proxy.counter("dialogs_in_memory") == 0


def test_no_target():
    """An INVITE that cannot even be sent leaves no dialog behind."""
    proxy = proxy_of('relay = ["sip:nowhere.example"]\n')
    proxy.receive(request())
    assert proxy.statuses()[-1] >= 400
    assert proxy.counter("dialogs_in_memory") == 0


def test_only_invites_are_tracked():
    proxy = proxy_of()
    proxy.receive(request("MESSAGE"))
    message = proxy.one(CALLEE)
    assert message.all("Record-Route") == []
    assert states(proxy) == []


def test_untracked_route_has_no_did():
    proxy = MemoryProxy(route("record_route = true\n" + RELAY))
    received = proxy.start()
    assert "did" not in uri_parameters(received.get("Record-Route").strip("<>"))
    assert proxy.counter("dialogs_in_memory") == 0


def test_serial_fork_keeps_one_dialog():
    proxy = proxy_of(SERIAL)
    first = proxy.start()
    proxy.answer(first, 486)
    assert states(proxy) == [1]
    second = proxy.one(CALLEE_B)
    assert did_of(first) == did_of(second)
    proxy.answer(second, 200, tag="other")
    assert one(proxy)["callee"]["tag"] == "other"


def test_first_2xx_of_a_fork_wins():
    proxy = proxy_of(FORK)
    proxy.receive(request())
    first, second = proxy.one(CALLEE), proxy.one(CALLEE_B)
    proxy.answer(first, 180, tag="a")
    proxy.answer(second, 180, tag="b")
    proxy.answer(second, 200, tag="b")
    proxy.answer(first, 200, tag="a")
    assert one(proxy)["callee"]["tag"] == "b" and proxy.counter("processed_dialogs") == 1
    # The other one is hung up: that ends its leg, not the dialog.
    ok = [message for message in proxy.take(CALLER) if message.status == 200 and message.to_tag == "a"]
    routes = "".join(f"Route: {value}\r\n" for value in ok[-1].all("Record-Route"))
    proxy.take()
    for method, cseq in (("ACK", 1), ("BYE", 2)):
        proxy.receive(request(method, uri="sip:bob@127.0.0.1:40002", call_id=first.call_id, cseq=cseq,
                              from_=first.get("From"), to=ok[-1].get("To"), headers=routes))
    proxy.answer([message for message in proxy.take(CALLEE) if message.method == "BYE"][-1], 200)
    assert states(proxy) == [3]


@pytest.mark.parametrize("route_value", [
    "<sip:127.0.0.1:5060;lr;ftag=ft1>", "<sip:127.0.0.1:5060;lr;ftag=ft1;did=0.0>",
    "<sip:127.0.0.1:5060;lr;ftag=ft1;did=zz>", "<sip:127.0.0.1:5060;lr;ftag=ft1;did=ffffffff.ffffffff>",
    "<sip:127.0.0.1:5060;lr>"])
def test_found_without_a_good_did(route_value):
    proxy = proxy_of()
    dialog = Dialog(proxy)
    proxy.receive(dialog.downstream("ACK", routes=f"Route: {route_value}\r\n"), CALLER)
    assert states(proxy) == [4]


def test_did_of_another_call_changes_nothing():
    """A did is checked against Call-ID and tags."""
    proxy = proxy_of()
    victim, attacker = Dialog(proxy), Dialog(proxy)
    acknowledge(victim)
    acknowledge(attacker)
    stolen = "".join(f"Route: {value}\r\n" for value in victim.ok.all("Record-Route"))
    proxy.receive(attacker.downstream("BYE", routes=stolen), CALLER)
    proxy.answer(proxy.one(CALLEE), 200)
    assert [entry["call-id"] for entry in proxy.engine.commands["dlg.list"]()] == [victim.sent.call_id]


@pytest.mark.parametrize("change", [{"from_": "Alice <sip:alice@example.com>;tag=ft2"},
                                    {"to": "Bob <sip:bob@example.com>;tag=tt2"}])
def test_bye_with_another_tag_ends_nothing(change):
    proxy = proxy_of()
    dialog = Dialog(proxy)
    acknowledge(dialog)
    proxy.receive(dialog.downstream("BYE", **change), CALLER)
    proxy.answer(proxy.one(CALLEE), 481)
    assert states(proxy) == [4]


def test_challenged_invite_begins_anew():
    """A 407 ends the first dialog; the same Call-ID and From tag come again with credentials."""
    proxy = proxy_of()
    first = proxy.start(request(call_id="again@caller"))
    proxy.answer(first, 407)
    proxy.take()
    second = proxy.start(request(call_id="again@caller", cseq=2))
    proxy.answer(second, 200)
    assert states(proxy) == [3] and did_of(first) != did_of(second)


def test_bye_crossing_another():
    proxy = proxy_of()
    dialog = Dialog(proxy)
    acknowledge(dialog)
    proxy.receive(dialog.downstream("BYE"), CALLER)
    proxy.receive(dialog.upstream("BYE"), CALLEE)
    proxy.answer(proxy.one(CALLEE), 200)
    proxy.answer([m for m in proxy.take(CALLER) if m.method == "BYE"][0], 200)
    assert states(proxy) == [] and forgotten(proxy)


# --- what dlg.list shows ---------------------------------------------------------------------------------------------

def test_members_are_kamailios():
    """Names, order and types as Kamailio 5.6.3 gives them over JSON-RPC."""
    proxy = proxy_of()
    invite = request(headers="Contact: \"A\" <sip:here@127.0.0.1:40001;x=1>;expires=3\r\n"
                     "Record-Route: <sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>\r\nRecord-Route: <sip:10.0.0.3;lr>\r\n",
                     cseq=101)
    received = proxy.start(invite)
    entry = one(proxy)
    assert list(entry) == ["h_entry", "h_id", "ref", "call-id", "from_uri", "to_uri", "state", "start_ts", "init_ts",
                           "end_ts", "duration", "timeout", "lifetime", "dflags", "sflags", "iflags", "caller",
                           "callee", "profiles", "variables"]
    assert (entry["h_entry"], entry["h_id"]) == read_did(did_of(received))
    assert entry["caller"] == {"tag": "ft1", "contact": "sip:here@127.0.0.1:40001;x=1", "cseq": "101",
                               "route_set": "<sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>, <sip:10.0.0.3;lr>",
                               "socket": "udp:127.0.0.1:5060"}
    assert entry["callee"] == dict.fromkeys(["tag", "contact", "cseq", "route_set", "socket"])
    assert [entry[name] for name in ("start_ts", "duration", "timeout", "lifetime", "ref")] == [0, 0, 0, 43200, 1]
    assert (entry["from_uri"], entry["to_uri"]) == ("sip:alice@example.com", "sip:bob@example.com")
    assert entry["profiles"] == entry["variables"] == []
    answer = reply(received, 200).replace(b"Record-Route: <sip:127", b"Record-Route: <sip:10.9.9.2;lr>\r\n"
                                          b"Record-Route: <sip:10.9.9.1;lr>\r\nRecord-Route: <sip:127", 1)
    proxy.receive(answer.replace(b"\r\n\r\n", b"\r\nContact: <sip:there@127.0.0.1:40002>\r\n\r\n"), CALLEE)
    entry = one(proxy)
    assert entry["callee"] == {"tag": "tt1", "contact": "sip:there@127.0.0.1:40002", "cseq": "0",
                               "route_set": "<sip:10.9.9.1;lr>, <sip:10.9.9.2;lr>", "socket": "udp:127.0.0.1:5060"}
    assert entry["timeout"] == entry["start_ts"] + 43200 and entry["ref"] == 2 and entry["end_ts"] == 0
    assert entry["init_ts"] <= entry["start_ts"]


def test_cseq_and_contacts_are_followed():
    proxy = proxy_of()
    dialog = Dialog(proxy)
    acknowledge(dialog)
    proxy.receive(dialog.downstream("INVITE", headers="Contact: <sip:new@127.0.0.1:40001>\r\n"), CALLER)
    proxy.answer(proxy.one(CALLEE), 200, headers="Contact: <sip:moved@127.0.0.1:40002>\r\n")
    proxy.receive(dialog.upstream("INFO", headers="Contact: <sip:ignored@127.0.0.1:40002>\r\n"), CALLEE)
    entry = one(proxy)
    assert (entry["caller"]["cseq"], entry["callee"]["cseq"]) == ("2", "77")
    assert (entry["caller"]["contact"], entry["callee"]["contact"]) == (
        "sip:new@127.0.0.1:40001", "sip:moved@127.0.0.1:40002")


def test_other_commands():
    proxy = proxy_of()
    dialog = Dialog(proxy)
    commands = proxy.engine.commands
    call_id = dialog.sent.call_id
    entry = one(proxy)
    assert commands["dlg.briefing"]() == [{"h_entry": entry["h_entry"], "h_id": entry["h_id"],
                                           "from_uri": "sip:alice@example.com", "to_uri": "sip:bob@example.com",
                                           "call-id": call_id, "from_tag": "ft1", "to_tag": "tt1"}]
    assert list(commands["dlg.briefing"]("sS")[0]) == ["h_entry", "h_id", "state", "start_ts"]
    assert commands["dlg.dlg_list"](call_id) == commands["dlg.dlg_list"](call_id, "ft1") == entry
    assert commands["dlg.dlg_list"](call_id, "x") is commands["dlg.dlg_list"]("x") is None
    assert commands["dlg.set_timeout"](entry["h_entry"], entry["h_id"], 60) is None and one(proxy)["lifetime"] == 60


@pytest.mark.parametrize("name, arguments, code, words", [
    ("dlg.end_dlg", (77, 99), 404, "Dialog not found"),
    ("dlg.end_dlg", (-1, 2**40), 404, "Dialog not found"),
    ("dlg.end_dlg", (7,), 500, "Invalid parameters"),
    ("dlg.end_dlg", ("a", "b"), 500, "Invalid parameters"),
    ("dlg.terminate_dlg", ("x", "y", "z"), 404, "Dialog not found"),
    ("dlg.terminate_dlg", ("x", "y"), 400, "Need a Callid ,from tag ,to tag"),
    ("dlg.set_timeout", (1, 1, 60), 404, "Dialog not found"),
    ("dlg.set_timeout", (1, 1), 500, "Invalid parameters"),
    ("dlg.dlg_list", (), 400, "Need a Callid, and optionally a From tag"),
    ("dlg.briefing", (5,), 500, "Invalid parameters")])
def test_faults(name, arguments, code, words):
    """Kamailio's codes and words, where it has the command."""
    proxy = proxy_of()
    Dialog(proxy)
    with pytest.raises(Fault) as fault:
        proxy.engine.commands[name](*arguments)
    assert (fault.value.code, fault.value.message) == (code, words)


# --- time -----------------------------------------------------------------------------------------------------------

def test_default_timeout():
    proxy = proxy_of()
    dialog = Dialog(proxy)
    acknowledge(dialog)
    proxy.advance_fast(43_199_000)
    assert states(proxy) == [4]
    proxy.advance_fast(1_010)
    assert states(proxy) == [] and proxy.counter("expired_dialogs") == 1
    assert proxy.take() == []
    assert forgotten(proxy)


def test_timeout_of_a_route():
    proxy = proxy_of("dialog_timeout = 60\n" + RELAY, dialog="default_timeout = 1000")
    dialog = Dialog(proxy)
    acknowledge(dialog)
    assert one(proxy)["lifetime"] == 60
    proxy.advance_fast(61_000)
    assert states(proxy) == []


@pytest.mark.parametrize("fixed, alive", [("true", False), ("false", True)])
def test_requests_renew_the_timeout(fixed, alive):
    proxy = proxy_of(dialog=f"default_timeout = 100\ntimeout_noreset = {fixed}")
    dialog = Dialog(proxy)
    acknowledge(dialog)
    proxy.advance_fast(60_000)
    proxy.receive(dialog.downstream("INVITE"), CALLER)
    proxy.answer(proxy.one(CALLEE), 200)
    proxy.advance_fast(60_000)
    assert states(proxy) == ([4] if alive else [])


def test_byes_on_timeout():
    proxy = proxy_of(dialog="default_timeout = 100\nsend_bye = true")
    dialog = Dialog(proxy, request(headers="Contact: <sip:alice@127.0.0.1:40001>\r\n", cseq=5))
    acknowledge(dialog)
    proxy.advance(100_010)
    to_callee, to_caller = proxy.one(CALLEE), proxy.one(CALLER)
    assert (to_callee.method, to_callee.request_uri) == ("BYE", "sip:bob@127.0.0.1:40002")
    assert (to_caller.method, to_caller.request_uri) == ("BYE", "sip:alice@127.0.0.1:40001")
    assert to_callee.get("From") == "<sip:alice@example.com>;tag=ft1" == to_caller.get("To")
    assert to_callee.get("To") == "<sip:bob@example.com>;tag=tt1" == to_caller.get("From")
    assert (to_callee.cseq, to_caller.cseq) == ((6, "BYE"), (1, "BYE"))
    assert to_callee.call_id == to_caller.call_id == dialog.sent.call_id
    assert states(proxy) == [] and proxy.counter("expired_dialogs") == 1
    proxy.answer(to_callee, 200)
    proxy.answer(to_caller, 481)
    proxy.assert_empty()
    assert proxy.counter("dialogs_in_memory") == 0


# --- BYEs of our own ------------------------------------------------------------------------------------------------

def test_end_dlg():
    """The callee goes on seeing whom it was shown; a route set is followed."""
    proxy = proxy_of('replace_from = { display = "", uri = "sip:anon@anonymous.invalid" }\n'
                     'replace_to = { uri = "sip:carol@gotham.org" }\n' + RELAY)
    dialog = Dialog(proxy, request(headers="Contact: <sip:alice@10.0.0.9>\r\n"
                                   "Record-Route: <sip:127.0.0.1:40001;lr>\r\n"))
    entry = one(proxy)
    acknowledge(dialog)
    proxy.take()
    proxy.engine.commands["dlg.end_dlg"](entry["h_entry"], entry["h_id"])
    proxy.collect()
    to_callee, to_caller = proxy.one(CALLEE), proxy.one(CALLER)
    assert (to_callee.from_uri, to_callee.to_uri) == ("sip:anon@anonymous.invalid", "sip:carol@gotham.org")
    assert (to_caller.from_uri, to_caller.to_uri) == ("sip:bob@example.com", "sip:alice@example.com")
    assert to_caller.request_uri == "sip:alice@10.0.0.9" and to_caller.all("Route") == ["<sip:127.0.0.1:40001;lr>"]
    assert states(proxy) == [4]
    proxy.answer(to_callee, 200)
    assert states(proxy) == []
    proxy.answer(to_caller, 200)
    assert forgotten(proxy)


def test_strict_router_towards_the_caller():
    proxy = proxy_of()
    dialog = Dialog(proxy, request(headers="Contact: <sip:alice@10.0.0.9>\r\n"
                                   "Record-Route: <sip:127.0.0.1:40001>, <sip:10.0.0.7;lr>\r\n"))
    acknowledge(dialog)
    entry = one(proxy)
    proxy.engine.commands["dlg.end_dlg"](entry["h_entry"], entry["h_id"])
    proxy.collect()
    bye = proxy.one(CALLER)
    assert bye.request_uri == "sip:127.0.0.1:40001"
    assert bye.values("Route") == ["<sip:10.0.0.7;lr>", "<sip:alice@10.0.0.9>"]


def test_unanswered_dialogs_cannot_be_ended():
    proxy = proxy_of()
    proxy.start(request(headers="Contact: <sip:alice@127.0.0.1:40001>\r\n"))
    entry = one(proxy)
    with pytest.raises(Fault) as fault:
        proxy.engine.commands["dlg.end_dlg"](entry["h_entry"], entry["h_id"])
    assert fault.value.code == 500 and states(proxy) == [1]


def test_unanswered_bye_of_our_own():
    proxy = proxy_of(tm="fr_timer = 2000")
    dialog = Dialog(proxy, request(headers="Contact: <sip:alice@127.0.0.1:40001>\r\n"))
    acknowledge(dialog)
    entry = one(proxy)
    proxy.engine.commands["dlg.end_dlg"](entry["h_entry"], entry["h_id"])
    proxy.advance_fast(3_000)
    assert states(proxy) == [] and forgotten(proxy)


# --- reload ---------------------------------------------------------------------------------------------------------

def test_reload_leaves_dialogs_alone():
    proxy = proxy_of()
    dialog = Dialog(proxy)
    proxy.engine.apply(parse(route(RELAY)))
    acknowledge(dialog)
    assert states(proxy) == [4]
    proxy.receive(dialog.upstream("BYE"), CALLEE)
    proxy.answer(proxy.one(CALLER), 200)
    assert states(proxy) == []
