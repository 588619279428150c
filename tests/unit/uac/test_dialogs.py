"""From/To replaced and restored through the engine: whole dialogs, both directions (uac-semantics §1.5-§1.9, §1.13)."""
import json
from pathlib import Path

import pytest

from kit.memory import CALLEE, CALLER, FORK, RELAY, SERIAL, Dialog, MemoryProxy, reply, request, route
from kit.message import Message, display_of, name_addr_of, uri_of

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "rr-param-vectors.json").read_text())["vectors"]
ALICE, BOB = '"Alice A" <sip:alice@example.com>', "Bob <sip:bob@example.com>"
ANON, CAROL = "sip:anon@anonymous.invalid", "sip:carol@gotham.org"
BOTH = f'replace_from = {{ uri = "{ANON}" }}\nreplace_to = {{ uri = "{CAROL}" }}\nrecord_route = true\n'
INVITE = {"from_": f"{ALICE};tag=ft1", "to": BOB}
METHODS = ["BYE", "INVITE", "UPDATE", "PRACK", "INFO", "OPTIONS", "REFER", "NOTIFY", "MESSAGE", "SUBSCRIBE"]


def toml(text):
    return json.dumps(text, ensure_ascii=False)


def names(message):
    """(From, To) URIs of a message."""
    return message.from_uri, message.to_uri


def through(proxy, octets, source, destination):
    proxy.receive(octets, source)
    proxy.take(source)
    return proxy.one(destination)


@pytest.fixture
def dialog():
    return Dialog(MemoryProxy(route(BOTH + RELAY)), request(**INVITE))


# --- the vectors ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
@pytest.mark.parametrize("brackets", [True, False])
def test_vector(vector, brackets):
    """§1.13: the stored value, the in-dialog requests of both sides, and their replies."""
    original, replacement, password = (vector[name] for name in ("original_uri", "replacement_uri", "password"))
    is_from = vector["header"] == "From"
    key = "replace_from" if is_from else "replace_to"
    if not brackets and any(character in original for character in ";,?"):
        return                                  # such a URI does not come without brackets (RFC 3261 §20)
    proxy = MemoryProxy(route(f"{key} = {{ uri = {toml(replacement)} }}\nrecord_route = true\n" + RELAY,
                              uac=f"restore_passwd = {toml(password)}"))
    own = f"<{original}>" if brackets else original
    dialog = Dialog(proxy, request(**({"from_": f"{own};tag=ft1"} if is_from else {"to": own})))
    which = "From" if is_from else "To"
    other = "To" if is_from else "From"
    assert uri_of(dialog.received.get(which)) == replacement
    assert uri_of(dialog.received.get(other)) == uri_of(dialog.sent.get(other))
    assert dialog.stored(vector["param"]) == vector["value"]
    for message in (dialog.ringing, dialog.ok):
        assert name_addr_of(message.get(which)) == own
    for method in ("ACK", "INVITE", "BYE"):
        downstream = through(proxy, dialog.downstream(method), CALLER, CALLEE)
        assert uri_of(downstream.get(which)) == vector["in_dialog_downstream_uri"]
        if method != "ACK":
            proxy.answer(downstream, 200)
            assert name_addr_of(proxy.one(CALLER).get(which)) == own
    for method in ("INVITE", "BYE"):
        octets = dialog.upstream(method)
        upstream = through(proxy, octets, CALLEE, CALLER)
        assert uri_of(upstream.get(other)) == vector["in_dialog_upstream_uri"]
        proxy.answer(upstream, 200)
        assert names(proxy.one(CALLEE)) == names(Message.parse(octets))
    proxy.assert_empty()


# --- §1.9 what each leg shows ---------------------------------------------------------------------------------------

def test_the_request_and_its_replies(dialog):
    assert (dialog.received.get("From"), dialog.received.get("To")) == (
        f'"Alice A" <{ANON}>;tag=ft1', f"Bob <{CAROL}>")
    for message in (dialog.ringing, dialog.ok):
        assert (message.get("From"), message.get("To")) == (f"{ALICE};tag=ft1", f"{BOB};tag=tt1")


@pytest.mark.parametrize("status", [100, 180, 302, 404, 486, 500, 603])
def test_every_reply_shows_the_original(status):
    proxy = MemoryProxy(route(BOTH + RELAY, tm="relay_100 = true\n"))
    relayed = proxy.start(request(**INVITE))
    proxy.answer(relayed, status)
    message = proxy.one(CALLER)
    assert (message.status, message.get("From"), name_addr_of(message.get("To"))) == (status, f"{ALICE};tag=ft1", BOB)


def test_our_own_replies_show_the_original():
    proxy = MemoryProxy(route(BOTH + RELAY, tm="fr_timer = 1000\n"))
    invite = request(**INVITE)
    proxy.receive(invite)
    proxy.receive(invite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
    proxy.advance(1000)
    messages = proxy.take(CALLER)
    assert [message.status for message in messages] == [100, 200, 487]
    for message in messages:
        assert (message.get("From"), name_addr_of(message.get("To"))) == (f"{ALICE};tag=ft1", BOB)


def test_hop_by_hop_requests_show_the_replacement():
    proxy = MemoryProxy(route(BOTH + RELAY))
    invite = request(**INVITE)
    relayed = proxy.start(invite)
    proxy.answer(relayed, 180)
    proxy.receive(invite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
    assert names(proxy.one(CALLEE)) == (ANON, CAROL)
    proxy.answer(relayed, 487)
    ack = proxy.one(CALLEE)
    assert (ack.method, names(ack)) == ("ACK", (ANON, CAROL))


def test_a_repeated_invite_gets_the_restored_reply_again():
    proxy = MemoryProxy(route(BOTH + RELAY))
    invite = request(**INVITE)
    proxy.answer(proxy.start(invite), 180)
    first = proxy.one(CALLER)
    proxy.receive(invite)
    assert proxy.one(CALLER).raw == first.raw


@pytest.mark.parametrize("method", ["ACK", *METHODS])
def test_downstream(dialog, method):
    sent = through(dialog.proxy, dialog.downstream(method), CALLER, CALLEE)
    assert (sent.method, *names(sent)) == (method, ANON, CAROL)
    if method != "ACK":
        dialog.proxy.answer(sent, 200)
        answer = dialog.proxy.one(CALLER)
        assert (answer.get("From"), answer.get("To")) == (f"{ALICE};tag=ft1", f"{BOB};tag=tt1")


@pytest.mark.parametrize("method", METHODS)
def test_upstream(dialog, method):
    octets = dialog.upstream(method)
    sent = through(dialog.proxy, octets, CALLEE, CALLER)
    assert (sent.method, *names(sent)) == (method, "sip:bob@example.com", "sip:alice@example.com")
    dialog.proxy.answer(sent, 200)
    answer = dialog.proxy.one(CALLEE)
    before = Message.parse(octets)
    assert (answer.get("From"), answer.get("To")) == (before.get("From"), before.get("To"))


@pytest.mark.parametrize("side", ["downstream", "upstream"])
@pytest.mark.parametrize("status", [180, 486])
def test_replies_in_a_dialog(dialog, side, status):
    source, destination = (CALLER, CALLEE) if side == "downstream" else (CALLEE, CALLER)
    octets = getattr(dialog, side)("INVITE")
    sent = through(dialog.proxy, octets, source, destination)
    dialog.proxy.answer(sent, status)
    answer = dialog.proxy.one(source)
    before = Message.parse(octets)
    assert (answer.status, answer.get("From"), answer.get("To")) == (status, before.get("From"), before.get("To"))
    if status >= 300:
        ack = dialog.proxy.one(destination)
        assert (ack.method, names(ack)) == ("ACK", names(sent))


@pytest.mark.parametrize("lines", [SERIAL, FORK])
def test_every_branch_shows_the_replacement(lines):
    proxy = MemoryProxy(route(BOTH + lines))
    proxy.receive(request(**INVITE))
    if lines == SERIAL:
        proxy.answer(next(m for m in proxy.take() if m.is_request), 486)
    requests = [message for message in proxy.take() if message.method == "INVITE" and message.is_request]
    assert requests
    for message in requests:
        assert names(message) == (ANON, CAROL)
        assert message.get("Record-Route").count(";vsf=") == 1


def test_an_untouched_header_is_not_touched_in_replies():
    proxy = MemoryProxy(route(f'replace_from = {{ uri = "{ANON}" }}\n' + RELAY))
    relayed = proxy.start(request(**INVITE))
    proxy.receive(reply(relayed, 200).replace(b"To: Bob <", b"To:   Robert  <"), CALLEE)
    answer = proxy.one(CALLER)
    assert answer.raw_value("To") == "   Robert  <sip:bob@example.com>;tag=tt1"
    assert answer.get("From") == f"{ALICE};tag=ft1"


def test_a_reply_with_changed_names_and_spaces_is_restored():
    """§1.8: the whole name-addr text is that of the request; parameters of the reply stay."""
    proxy = MemoryProxy(route(BOTH + RELAY))
    relayed = proxy.start(request(from_='"Alice \\"A\\""   <sip:alice@example.com >;tag=ft1;x=y', to=BOB))
    octets = reply(relayed, 200).replace(b"From: ", b"f :  ").replace(ANON.encode(), b"sip:changed@x")
    proxy.receive(octets, CALLEE)
    answer = proxy.one(CALLER)
    assert answer.get("From") == '"Alice \\"A\\""   <sip:alice@example.com >;tag=ft1;x=y'


@pytest.mark.parametrize(
    "line", ["From: {} ;tag=ft1", "f:{};tag=ft1", "From:\r\n {};tag=ft1", "FROM \t: {}\r\n\t;tag=ft1"]
)
def test_spelling_of_the_header_stays(line):
    proxy = MemoryProxy(route(BOTH + RELAY))
    octets = request(**INVITE).replace(f"From: {ALICE};tag=ft1".encode(), line.format(ALICE).encode())
    relayed = proxy.start(octets)
    assert line.format(f'"Alice A" <{ANON}>') + "\r\n" in relayed.text


# --- display names --------------------------------------------------------------------------------------------------

def display_config(display, **more):
    return route(
        f'replace_from = {{ display = {toml(display)}, uri = "{ANON}" }}\nrecord_route = true\n' + RELAY, **more
    )


@pytest.mark.parametrize(
    ("display", "shown"), [("", ""), ("Anonymous", "Anonymous"), ('"A, B"', '"A, B"'), ("Jörg", "Jörg")]
)
def test_the_display_name_follows_the_uri(display, shown):
    """Engine specification U4: neither side sees the name that the other side shows."""
    dialog = Dialog(MemoryProxy(display_config(display)), request(**INVITE))
    assert display_of(dialog.received.raw.decode().split("From:")[1].split("\r\n")[0]) == shown
    for method in ("ACK", "BYE"):
        sent = through(dialog.proxy, dialog.downstream(method), CALLER, CALLEE)
        value = next(line for line in sent.raw.decode().split("\r\n") if line.startswith("From:"))
        assert "Alice" not in value
        assert display_of(value.removeprefix("From:")) == (shown if shown.isascii() else "")
    sent = through(dialog.proxy, dialog.upstream("BYE"), CALLEE, CALLER)
    assert sent.get("To") == "<sip:alice@example.com>;tag=ft1"


def test_the_display_name_stays_as_the_reference_leaves_it_without_restore_display():
    dialog = Dialog(MemoryProxy(display_config("Anonymous", uac="restore_display = false")), request(**INVITE))
    assert "vsfd" not in dialog.received.get("Record-Route")
    assert through(dialog.proxy, dialog.downstream("ACK"), CALLER, CALLEE).get("From") == f'"Alice A" <{ANON}>;tag=ft1'
    upstream = through(dialog.proxy, dialog.upstream("BYE"), CALLEE, CALLER)
    assert upstream.get("To") == "Anonymous <sip:alice@example.com>;tag=ft1"


def test_a_display_name_that_was_not_replaced_stays(dialog):
    assert "vsfd" not in dialog.received.get("Record-Route")
    sent = through(dialog.proxy, dialog.downstream("BYE"), CALLER, CALLEE)
    assert (sent.get("From"), sent.get("To")) == (f'"Alice A" <{ANON}>;tag=ft1', f"Bob <{CAROL}>;tag=tt1")


@pytest.mark.parametrize("value", ["", "????", "AAAA", "-", "=", "Pg--"])
def test_a_broken_display_parameter_shows_no_name(value):
    """What does not decode to a display name leaves none, rather than the caller's."""
    dialog = Dialog(MemoryProxy(display_config("Anonymous")), request(**INVITE))
    own = dialog.ok.get("Record-Route")
    changed = own.replace(f"vsfd={dialog.stored('vsfd')}", f"vsfd={value}")
    assert changed != own
    sent = through(dialog.proxy, dialog.downstream("BYE", routes=f"Route: {changed}\r\n"), CALLER, CALLEE)
    assert (sent.from_uri, display_of(sent.get("From"))) == (ANON, "")


# --- after a restart ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("uac", ["", 'restore_passwd = "secret"', 'restore_seal = ["one"]'])
def test_a_dialog_goes_on_in_a_new_engine(uac):
    config = route(BOTH + RELAY, uac=uac)
    dialog = Dialog(MemoryProxy(config), request(**INVITE))
    dialog.proxy = MemoryProxy(config)
    for octets, source, destination, expected in (
            (dialog.downstream("ACK"), CALLER, CALLEE, (ANON, CAROL)),
            (dialog.downstream("INVITE"), CALLER, CALLEE, (ANON, CAROL)),
            (dialog.upstream("BYE"), CALLEE, CALLER, ("sip:bob@example.com", "sip:alice@example.com"))):
        assert names(through(dialog.proxy, octets, source, destination)) == expected


@pytest.mark.parametrize("status", [180, 200, 486])
def test_a_reply_to_the_request_of_another_life_is_restored(status):
    """Its Record-Route tells the originals; the display name does not travel."""
    config = route(BOTH + RELAY)
    relayed = MemoryProxy(config).start(request(**INVITE))
    proxy = MemoryProxy(config, key=b"q" * 16)
    proxy.answer(relayed, status)
    answer = proxy.one(CALLER)
    assert (answer.status, names(answer)) == (status, ("sip:alice@example.com", "sip:bob@example.com"))
    assert len(answer.vias) == 1
    assert proxy.counter("stray_responses_forwarded") == 1
    assert proxy.counter("transactions") == 0


def test_a_stray_reply_upstream_is_restored(dialog):
    """A reply of the caller to the callee's request, in a dialog whose Record-Route it carries."""
    octets = dialog.upstream("INVITE")
    sent = through(dialog.proxy, octets, CALLEE, CALLER)
    stray = reply(sent, 200, headers="Record-Route: " + dialog.ok.get("Record-Route") + "\r\n")
    proxy = MemoryProxy(route(BOTH + RELAY))
    proxy.receive(stray, CALLER)
    assert names(proxy.one(CALLEE)) == (CAROL, ANON)


@pytest.mark.parametrize(("mode", "with_record_route", "passes"), [
    ("drop", True, False), ("drop", False, False), ("record_route", True, True), ("record_route", False, False),
    ("forward", True, True), ("forward", False, True)])
def test_stray_replies(mode, with_record_route, passes):
    config = route((BOTH if with_record_route else "") + RELAY, tm=f'stray_replies = "{mode}"')
    relayed = MemoryProxy(config).start(request(**INVITE))
    proxy = MemoryProxy(config, key=b"q" * 16)
    proxy.answer(relayed, 200)
    assert bool(proxy.take(CALLER)) == passes
    assert proxy.counter("dropped_stray_response") == (0 if passes else 1)


# --- modes and reload -----------------------------------------------------------------------------------------------

def test_mode_none():
    """uac-semantics §2: the reply carries the replaced values, nothing is stored."""
    dialog = Dialog(MemoryProxy(route(BOTH + RELAY, uac='restore_mode = "none"')), request(**INVITE))
    assert names(dialog.received) == names(dialog.ok) == (ANON, CAROL)
    assert "vs" not in dialog.received.get("Record-Route")
    octets = dialog.downstream("BYE")
    assert names(through(dialog.proxy, octets, CALLER, CALLEE)) == names(Message.parse(octets))


def test_mode_manual():
    dialog = Dialog(MemoryProxy(route(BOTH + RELAY, uac='restore_mode = "manual"')), request(**INVITE))
    assert names(dialog.ok) == ("sip:alice@example.com", "sip:bob@example.com")
    assert dialog.stored("vsf") and dialog.stored("vst")
    assert names(through(dialog.proxy, dialog.downstream("BYE"), CALLER, CALLEE)) == (
        "sip:alice@example.com", "sip:bob@example.com")


def test_without_record_route_only_replies_are_restored():
    dialog = Dialog(MemoryProxy(route(BOTH.replace("record_route = true\n", "") + RELAY)), request(**INVITE))
    assert not dialog.received.has("Record-Route")
    assert names(dialog.ok) == ("sip:alice@example.com", "sip:bob@example.com")


def test_both_values_of_a_double_record_route_carry_the_parameters():
    """§1.2"""
    two = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n[[listen]]\nuri = "udp:[::1]:5060"\n'
    proxy = MemoryProxy(route(BOTH + 'relay = ["sip:[::1]:40002"]\n', listen=two))
    relayed = proxy.start(request(**INVITE), callee=("::1", 40002))
    first, second = relayed.all("Record-Route")
    assert first.startswith("<sip:[::1];r2=on;lr;ftag=ft1;vsf=")
    assert second.startswith("<sip:127.0.0.1;r2=on;lr;ftag=ft1;vsf=")
    assert first.partition(";")[2] == second.partition(";")[2]
    proxy.answer(relayed, 200)
    ok = proxy.one(CALLER)
    for routes in ("".join(f"Route: {value}\r\n" for value in reversed(ok.all("Record-Route"))),
                   "Route: " + ", ".join(reversed(ok.all("Record-Route"))) + "\r\n"):
        octets = request("BYE", uri="sip:bob@[::1]:40002", call_id=ok.call_id, from_=ok.get("From"), to=ok.get("To"),
                         headers=routes)
        sent = through(proxy, octets, CALLER, ("::1", 40002))
        assert (names(sent), sent.has("Route"), sent.socket) == ((ANON, CAROL), False, 1)


def test_strict_routing_restores_too():
    """§1.6: the parameters stand in the Request-URI that a strict router before us wrote."""
    dialog = Dialog(MemoryProxy(route(BOTH + RELAY)), request(**INVITE))
    own = uri_of(dialog.ok.get("Record-Route"))
    octets = request("BYE", uri=own, call_id=dialog.sent.call_id, from_=dialog.ok.get("From"), to=dialog.ok.get("To"),
                     headers="Route: <sip:bob@127.0.0.1:40002>\r\n")
    sent = through(dialog.proxy, octets, CALLER, CALLEE)
    assert (sent.request_uri, names(sent), sent.has("Route")) == ("sip:bob@127.0.0.1:40002", (ANON, CAROL), False)


def test_two_calls_do_not_mix():
    """Parameters of one message never show in the next."""
    proxy = MemoryProxy(route('ruri_user = "^x"\n' + BOTH + RELAY) + "[[route]]\nrecord_route = true\n" + RELAY)
    replaced = proxy.start(request(uri="sip:x@example.com", **INVITE))
    plain = proxy.start(request(uri="sip:y@example.com", **INVITE))
    assert ";vsf=" in replaced.get("Record-Route")
    assert plain.get("Record-Route") == "<sip:127.0.0.1;lr;ftag=ft1>"
    proxy.answer(plain, 200)
    proxy.answer(replaced, 200)
    for answer in proxy.take(CALLER):
        assert names(answer) == ("sip:alice@example.com", "sip:bob@example.com")
