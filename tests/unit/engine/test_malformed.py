"""What strangers' odd texts do to what we write: tags in Record-Route, replies to broken requests, broken replies."""
import re

import pytest

from kit.memory import CALLEE, CALLER, RELAY, MemoryProxy, reply, request, route
from kit.script import ScriptedProxy

HIDING = RELAY + 'record_route = true\nreplace_from = { display = "", uri = "sip:anon@x.example" }\n'

# --- tags in ftag ----------------------------------------------------------------------------------------------------

TAGS = {
    "abc": "abc", "a.!_+`'~-*": "a.!_+`'~-*", "a%41": "a%41", "a=b/c:d": "a=b/c:d",
    "a%": "a%25", "a%zz": "a%25zz", "a@b": "a%40b", "a?x=y": "a%3Fx=y", "a b": "a%20b", "a>b": "a%3Eb",
    '"x y"': "%22x%20y%22", '"x>,<sip:evil.example;lr>"': "%22x%3E%2C%3Csip:evil.example%3Blr%3E%22",
}


@pytest.mark.parametrize("seal", ["", 'restore_seal = ["a secret of ours"]\n'])
@pytest.mark.parametrize(("tag", "parameter"), TAGS.items())
def test_any_from_tag_tells_the_direction_later(tag, parameter, seal):
    """RFC 3261 §25.1: '%' is a token octet, but begins an escape in a URI; '@' ends its user part, '>' the value."""
    proxy = MemoryProxy(route(HIDING, uac=seal))
    caller = f"Alice <sip:alice@example.com>;tag={tag}"
    invite = proxy.start(request(from_=caller))
    own = invite.get("Record-Route")
    assert re.search(r";ftag=([^;>]*)[;>]", own).group(1) == parameter
    assert own.count("<") == own.count(">") == 1
    proxy.answer(invite, 200)
    callee = f"{invite.get('To')};tag=tt1"
    details = {"call_id": invite.call_id, "cseq": 2, "headers": f"Route: {own}\r\n"}
    proxy.take()
    proxy.receive(request("INFO", uri="sip:bob@127.0.0.1:40002", from_=caller, to=callee, **details))
    assert proxy.one(CALLEE).get("From") == f"<sip:anon@x.example>;tag={tag}"
    proxy.receive(request("BYE", uri="sip:alice@127.0.0.1:40001", source=CALLEE, from_=callee, to=invite.get("From"),
                          **details), CALLEE)
    assert proxy.one(CALLER).get("To") == f"<sip:alice@example.com>;tag={tag}"


def test_ftag_as_kamailio_writes_it_is_understood():
    proxy = MemoryProxy(route(HIDING))
    proxy.receive(request("INFO", uri="sip:alice@127.0.0.1:40001", source=CALLEE,
                          to="<sip:alice@example.com>;tag=b`'%41",
                          from_="<sip:bob@example.com>;tag=b`'%42",
                          headers="Route: <sip:127.0.0.1;lr;ftag=b`'%41;vsf=AAAAAAACBg0lOEsdGQwdHAlLY29t>\r\n"), CALLEE)
    assert proxy.methods(CALLER) == ["INFO"]


# --- replies to what is malformed ------------------------------------------------------------------------------------

def lines_are_whole(octets):
    head = octets.partition(b"\r\n\r\n")[0]
    return not re.search(rb"\r(?!\n)|(?<!\r)\n", head)


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
@pytest.mark.parametrize("octets", [b"\r", b"\n", b"\n ", b"\r\r\n ", b"\nX-Injected: 1"])
def test_no_reply_copies_a_cr_or_lf_that_ends_no_line(name, octets):
    """What one reader takes for the end of a line and another does not must not go out in our name (engine W3)."""
    proxy = MemoryProxy()
    data = re.sub(rb"(?m)^(" + name + rb": [^\r\n]*)\r$", lambda m: m[1] + b";x=a" + octets + b"b\r", request(),
                  count=1)
    assert octets in data
    proxy.receive(data)
    assert proxy.take() == []


def test_a_malformed_line_that_is_not_copied_is_answered():
    proxy = MemoryProxy()
    proxy.receive(request(headers="X: a\nb\r\n"))
    answer = proxy.one(CALLER)
    assert answer.start_line == "SIP/2.0 400 Malformed header field"
    assert lines_are_whole(answer.raw)


def test_a_request_cut_off_anywhere():
    """The 400 never has half a line in it, and nothing but whole requests is relayed."""
    whole = request(headers="Subject: x\r\n", body=b"12345")
    head = whole.index(b"\r\n\r\n") + 4
    for length in range(len(whole)):
        proxy = MemoryProxy()
        proxy.receive(whole[:length])
        for message in proxy.take():
            assert message.source == CALLER
            assert message.status == 400
            assert lines_are_whole(message.raw)
            assert message.raw.endswith(b"\r\nContent-Length: 0\r\n\r\n")
            for line in message.raw.split(b"\r\n")[1:-3]:
                copied = line.split(b";tag=")[0] if line.startswith(b"To") else line
                assert copied in whole[:head] or line.startswith(b"Server"), line


# --- replies that are malformed --------------------------------------------------------------------------------------

@pytest.mark.parametrize("status", [180, 200, 486])
@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
@pytest.mark.parametrize("config", [RELAY, HIDING])
def test_a_reply_without_a_mandatory_header_is_dropped(name, status, config):
    """RFC 3261 §8.1.1 and §8.2.6.2; Kamailio drops it too. The callee's next one still counts."""
    proxy = MemoryProxy(route(config))
    invite = proxy.start()
    good = reply(invite, status)
    proxy.receive(re.sub(rb"(?m)^" + name.encode() + rb":.*\r\n", b"", good), CALLEE)
    assert proxy.take() == []
    assert proxy.counter("dropped_bad_response") == 1
    proxy.receive(good, CALLEE)
    assert proxy.statuses() == [status]


# --- scripts ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("old", "new", "status"), [
    (b"SIP/2.0\r", b"SIP/7.0\r", 505), (b"Length: 0", b"Length: x", 400), (b"Length: 0", b"Length: -1", 400),
    (b"Length: 0", b"Length: 0\r\nl: 1", 400), (b"From:", b"X y: z\r\nFrom:", 400)])
def test_what_no_script_gets_to_see(tmp_path, old, new, status):
    """Kamailio's core drops these before the script; we answer, as for routes."""
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    self.seen("called")
    return 1
""")
    proxy.receive(request("OPTIONS").replace(old, new, 1))
    assert proxy.seen == []
    assert proxy.statuses() == [status]


# --- limits ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("values", "status"), [(69, 100), (70, 400)])
@pytest.mark.parametrize("joined", [False, True])
def test_the_limit_of_via_values_is_one_of_all_lines(values, status, joined):
    """Engine M14: 70; the topmost one stands on a line of its own here."""
    others = ["SIP/2.0/UDP 192.0.2.1;x=\"a,b\""] * values
    lines = f"Via: {', '.join(others)}\r\n" if joined else "".join(f"Via: {value}\r\n" for value in others)
    proxy = MemoryProxy()
    proxy.receive(request(headers=lines))
    assert proxy.statuses() == [status]
