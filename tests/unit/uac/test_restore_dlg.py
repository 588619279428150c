"""restore_dlg: what restoring needs is kept in the dialog, not in Record-Route (uac-semantics §1.14)."""
import pytest

from kit.memory import CALLEE, CALLEE_B, CALLER, FORK, RELAY, SERIAL, Dialog, MemoryProxy, reply, request, route
from kit.message import Message, name_addr_of, uri_parameters

ALICE, BOB = '"Alice A" <sip:alice@example.com>', "Bob <sip:bob@example.com>"
ANON, CAROL = "sip:anon@anonymous.invalid", "sip:carol@gotham.org"
FROM = f'replace_from = {{ display = "Anon", uri = "{ANON}" }}\n'
TO = f'replace_to = {{ uri = "{CAROL}" }}\n'
BOTH = FROM + TO
INVITE = {"from_": f"{ALICE};tag=ft1", "to": BOB}
METHODS = ["ACK", "BYE", "INVITE", "UPDATE", "PRACK", "INFO", "OPTIONS", "REFER"]


def proxy_of(lines, uac="restore_dlg = true", **tables):
    return MemoryProxy(route("dialog = true\n" + lines, uac=uac, **tables))


def exchange(dialog, octets, near, far):
    """(the request as it arrived, the reply as it came back) of one in-dialog request; an ACK has no reply."""
    dialog.proxy.take()
    dialog.proxy.receive(octets, near)
    arrived = dialog.proxy.one(far)
    if arrived.method == "ACK":
        return arrived, None
    dialog.proxy.take()
    dialog.proxy.answer(arrived, 200)
    return arrived, dialog.proxy.one(near)


def shown(message):
    return name_addr_of(message.get("From")), name_addr_of(message.get("To"))


def variables(proxy):
    entry, = proxy.engine.commands["dlg.list"]()
    return entry["variables"]


def test_variables_and_record_route():
    """Names, content and order as Kamailio 5.6.3 lists them; no vsf or vst."""
    proxy = proxy_of(BOTH + RELAY)
    received = proxy.start(request(**INVITE))
    assert variables(proxy) == [
        {"_uac_tdpnew": ""}, {"_uac_tdp": "Bob"}, {"_uac_tonew": CAROL}, {"_uac_to": "sip:bob@example.com"},
        {"_uac_fdpnew": "Anon"}, {"_uac_fdp": '"Alice A"'}, {"_uac_funew": ANON}, {"_uac_fu": "sip:alice@example.com"}]
    assert list(uri_parameters(received.get("Record-Route").strip("<>"))) == ["lr", "ftag", "did"]
    assert shown(received) == (f"Anon <{ANON}>", f"Bob <{CAROL}>")


@pytest.mark.parametrize("method", METHODS)
def test_downstream(method):
    dialog = Dialog(proxy_of(BOTH + RELAY), request(**INVITE))
    assert shown(dialog.ringing) == shown(dialog.ok) == (ALICE, BOB)
    arrived, answer = exchange(dialog, dialog.downstream(method), CALLER, CALLEE)
    # To was replaced without a display name: the callee goes on seeing the caller's.
    assert shown(arrived) == (f"Anon <{ANON}>", f"Bob <{CAROL}>")
    assert answer is None or shown(answer) == (ALICE, BOB)


@pytest.mark.parametrize("method", METHODS)
def test_upstream(method):
    dialog = Dialog(proxy_of(BOTH + RELAY), request(**INVITE))
    octets = dialog.upstream(method)
    arrived, answer = exchange(dialog, octets, CALLEE, CALLER)
    assert shown(arrived) == (BOB, ALICE)
    assert answer is None or shown(answer) == shown(Message.parse(octets))


@pytest.mark.parametrize("lines, replaces_from, replaces_to", [(FROM, True, False), (TO, False, True)])
def test_reply_to_an_upstream_request_with_one_header_replaced(lines, replaces_from, replaces_to):
    """Kamailio before 6.0 shows the caller's identity to the callee here."""
    dialog = Dialog(proxy_of(lines + RELAY), request(**INVITE))
    octets = dialog.upstream("INFO")
    arrived, answer = exchange(dialog, octets, CALLEE, CALLER)
    assert shown(arrived) == (BOB, ALICE)
    sent = Message.parse(octets)
    assert shown(answer) == shown(sent)
    assert (ANON in answer.get("To")) == replaces_from and (CAROL in answer.get("From")) == replaces_to


def test_displays_as_kamailio_has_them():
    """restore_display = false: a display name that was not given counts as none, from the ACK on."""
    dialog = Dialog(proxy_of(BOTH + RELAY, uac="restore_dlg = true\nrestore_display = false"), request(**INVITE))
    assert shown(dialog.received)[1] == f"Bob <{CAROL}>"
    arrived, _ = exchange(dialog, dialog.downstream("ACK"), CALLER, CALLEE)
    assert shown(arrived) == (f"Anon <{ANON}>", f"<{CAROL}>")
    arrived, _ = exchange(dialog, dialog.upstream("INFO"), CALLEE, CALLER)
    assert shown(arrived) == (BOB, ALICE)


@pytest.mark.parametrize("display, downstream", [("", f"<{ANON}>"), ('\\"New\\"', f'"New" <{ANON}>')])
def test_display_given(display, downstream):
    lines = f'replace_from = {{ display = "{display}", uri = "{ANON}" }}\n'
    dialog = Dialog(proxy_of(lines + RELAY), request(**INVITE))
    arrived, _ = exchange(dialog, dialog.downstream("INFO"), CALLER, CALLEE)
    assert shown(arrived)[0] == downstream


def test_a_changed_from_is_still_forced():
    """What the header says now does not matter."""
    dialog = Dialog(proxy_of(BOTH + RELAY), request(**INVITE))
    octets = dialog.downstream("INFO", from_="<sip:a-much-longer-name-than-before@somewhere.else>;tag=ft1")
    arrived, answer = exchange(dialog, octets, CALLER, CALLEE)
    assert shown(arrived)[0] == f"Anon <{ANON}>"
    assert shown(answer)[0] == "<sip:a-much-longer-name-than-before@somewhere.else>"


@pytest.mark.parametrize("parameters", ["", ";ftag=ft1", ";ftag=wrong", ";ftag=ft1;did=0.0", ";did=1.1;vsf=AAAA"])
def test_route_without_did_or_ftag(parameters):
    """The dialog is found by Call-ID and tags, and tells the direction too."""
    dialog = Dialog(proxy_of(BOTH + RELAY), request(**INVITE))
    routes = f"Route: <sip:127.0.0.1:5060;lr{parameters}>\r\n"
    arrived, _ = exchange(dialog, dialog.upstream("INFO", routes=routes), CALLEE, CALLER)
    assert shown(arrived) == (BOB, ALICE)
    arrived, _ = exchange(dialog, dialog.downstream("INFO", routes=routes), CALLER, CALLEE)
    assert shown(arrived) == (f"Anon <{ANON}>", f"Bob <{CAROL}>")


def test_without_fromtag_in_record_route():
    dialog = Dialog(proxy_of(BOTH + RELAY, rr="append_fromtag = false"), request(**INVITE))
    arrived, _ = exchange(dialog, dialog.upstream("BYE"), CALLEE, CALLER)
    assert shown(arrived) == (BOB, ALICE)


@pytest.mark.parametrize("uac, lines", [
    ("restore_dlg = true", "record_route = true\n"),                               # no dialog is tracked
    ("restore_dlg = false", "dialog = true\n"),
    ("restore_dlg = true\nrestore_mode = 'manual'", "dialog = true\n")])
def test_falls_back_to_record_route(uac, lines):
    proxy = MemoryProxy(route(lines + BOTH + RELAY, uac=uac))
    received = proxy.start(request(**INVITE))
    names = list(uri_parameters(received.get("Record-Route").strip("<>")))
    assert [name for name in names if name != "did"] == ["lr", "ftag", "vsf", "vsfd", "vst"]
    if "did" in names:
        assert names.index("did") == 2 and variables(proxy) == []


def test_mode_none():
    proxy = proxy_of(BOTH + RELAY, uac="restore_dlg = true\nrestore_mode = 'none'")
    received = proxy.start(request(**INVITE))
    assert ANON in received.get("From") and variables(proxy) == []
    proxy.answer(received, 180)
    assert ANON in proxy.one(CALLER).get("From")


def test_early_dialog():
    """PRACK and UPDATE before the 2xx, of both sides, while the callee's tag is not settled."""
    proxy = proxy_of(BOTH + RELAY)
    received = proxy.start(request(**INVITE))
    proxy.answer(received, 183)
    progress = proxy.one(CALLER)
    routes = f"Route: {received.get('Record-Route')}\r\n"
    proxy.receive(request("PRACK", uri="sip:bob@127.0.0.1:40002", call_id=received.call_id, cseq=2,
                          from_=progress.get("From"), to=progress.get("To"), headers=routes), CALLER)
    assert shown(proxy.one(CALLEE)) == (f"Anon <{ANON}>", f"Bob <{CAROL}>")
    proxy.receive(request("UPDATE", uri="sip:alice@127.0.0.1:40001", call_id=received.call_id, cseq=5, source=CALLEE,
                          from_=f"{received.get('To')};tag=tt1", to=received.get("From"), headers=routes), CALLEE)
    assert shown(proxy.one(CALLER)) == (BOB, ALICE)


def test_serial_fork_keeps_the_original():
    """The second target gets the same replacement, and the dialog still knows who called."""
    proxy = proxy_of(BOTH + SERIAL)
    proxy.answer(proxy.start(request(**INVITE)), 486)
    second = proxy.one(CALLEE_B)
    assert shown(second) == (f"Anon <{ANON}>", f"Bob <{CAROL}>")
    assert {"_uac_fu": "sip:alice@example.com"} in variables(proxy)
    proxy.answer(second, 200)
    assert shown(proxy.one(CALLER)) == (ALICE, BOB)


def test_another_forks_leg_is_restored_too():
    proxy = proxy_of(BOTH + FORK)
    proxy.receive(request(**INVITE))
    first, second = proxy.one(CALLEE), proxy.one(CALLEE_B)
    proxy.answer(first, 200, tag="a")
    proxy.answer(second, 200, tag="b")
    last = [message for message in proxy.take(CALLER) if message.to_tag == "b"][-1]
    proxy.take()
    proxy.receive(request("ACK", uri="sip:bob@127.0.0.1:40003", call_id=first.call_id, from_=last.get("From"),
                          to=last.get("To"), headers=f"Route: {first.get('Record-Route')}\r\n"), CALLER)
    assert shown(proxy.one(CALLEE_B)) == (f"Anon <{ANON}>", f"Bob <{CAROL}>")


def test_a_late_2xx_is_restored_from_the_dialog():
    """Its transaction is gone; the did of its Record-Route leads to the dialog."""
    proxy = proxy_of(BOTH + RELAY, tm="wt_timer = 1000")
    dialog = Dialog(proxy, request(**INVITE))
    proxy.advance_fast(60_000)
    assert proxy.counter("transactions") == 0
    proxy.receive(reply(dialog.received, 200), CALLEE)
    assert shown(proxy.one(CALLER)) == (ALICE, BOB)


def test_removed_variable_restores_nothing():
    """Restoring never guesses."""
    proxy = proxy_of(FROM + RELAY)
    dialog = Dialog(proxy, request(**INVITE))
    tracked = proxy.engine.engine.dialogs.get(dialog.sent.call_id, "ft1", "tt1")
    assert tracked.variables["_uac_fu"] == "sip:alice@example.com"
    del tracked.variables["_uac_fu"]
    tracked.variables["_uac_funew"] = "no uri\r\nEvil: 1"
    before = proxy.counter("restore_failed")
    arrived, _ = exchange(dialog, dialog.upstream("INFO"), CALLEE, CALLER)
    assert shown(arrived)[1] == f"Anon <{ANON}>"
    arrived, _ = exchange(dialog, dialog.downstream("INFO"), CALLER, CALLEE)
    assert shown(arrived)[0] == ALICE and not arrived.has("Evil")
    assert proxy.counter("restore_failed") == before + 2


def test_after_a_reload_without_it():
    """A dialog that keeps its values goes on being restored from them."""
    from uacfast.config import parse
    proxy = proxy_of(BOTH + RELAY)
    dialog = Dialog(proxy, request(**INVITE))
    proxy.engine.apply(parse(route(RELAY)))
    arrived, _ = exchange(dialog, dialog.upstream("BYE"), CALLEE, CALLER)
    assert shown(arrived) == (BOB, ALICE)
