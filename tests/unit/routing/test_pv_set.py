"""What becomes of a message and its context when variables are written."""

import logging

import pytest

from kit.script_messages import BARE, REPLY, REQUEST
from uacfast.routing.pv.reports import REPORTS
from uacfast.testing.message_context import ScriptMessage

PLAIN = (
    b"INVITE sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b'From: "Alice A" <sip:alice@ex.com:5070;x=1>;tag=1\r\nTo: Bob B <sip:bob@biloxi.com>\r\nCall-ID: c\r\n'
    b"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
)


@pytest.fixture(autouse=True)
def a_new_second(monkeypatch):
    """So that no line is left out of the log because of earlier tests."""
    monkeypatch.setattr(REPORTS, "second", 0.0)


def line(message, begin):
    return next(line for line in message.write().decode().split("\r\n") if line.startswith(begin))


@pytest.mark.parametrize(
    "writes,from_line",
    [
        ([("$fu", "sip:new@n.com;z")], 'From: "Alice A" <sip:new@n.com;z>;tag=1'),
        ([("$fU", "carl")], 'From: "Alice A" <sip:carl@ex.com:5070;x=1>;tag=1'),
        ([("$fU", None)], 'From: "Alice A" <sip:ex.com:5070;x=1>;tag=1'),
        ([("$fd", "new.org")], 'From: "Alice A" <sip:alice@new.org:5070;x=1>;tag=1'),
        ([("$fn", "Carl")], "From: Carl <sip:alice@ex.com:5070;x=1>;tag=1"),
        ([("$fn", '"Carl X"')], 'From: "Carl X" <sip:alice@ex.com:5070;x=1>;tag=1'),
        ([("$fn", "")], "From: <sip:alice@ex.com:5070;x=1>;tag=1"),
        ([("$fn", None)], "From: <sip:alice@ex.com:5070;x=1>;tag=1"),
        ([("$fn", "Carl"), ("$fu", "sip:q@q")], "From: Carl <sip:q@q>;tag=1"),
        ([("$fu", "sip:q@q"), ("$fn", "Carl")], "From: Carl <sip:q@q>;tag=1"),
        ([("$fU", "a"), ("$fd", "b")], 'From: "Alice A" <sip:a@b:5070;x=1>;tag=1'),
        ([("$fu", "sip:q@q"), ("$fU", "r"), ("$fn", None), ("$fd", "s.org")], "From: <sip:r@s.org>;tag=1"),
    ],
)
def test_from(writes, from_line):
    message = ScriptMessage(PLAIN)
    assert all(message.set(name, value) for name, value in writes)
    assert line(message, "From") == from_line
    assert [message.get(name) for name in ("$fu", "$fU", "$fd", "$fn")] == [
        "sip:alice@ex.com:5070;x=1",
        "alice",
        "ex.com",
        '"Alice A"',
    ]  # reading shows the original


@pytest.mark.parametrize(
    "writes,to_line",
    [
        ([("$tu", "sip:zz@zz")], "To: Bob B <sip:zz@zz>"),
        ([("$tU", "dave")], "To: Bob B <sip:dave@biloxi.com>"),
        ([("$td", "dave.org")], "To: Bob B <sip:bob@dave.org>"),
        ([("$tn", None)], "To: <sip:bob@biloxi.com>"),
        ([("$tn", "Carl"), ("$tU", "zz")], "To: Carl <sip:zz@biloxi.com>"),
    ],
)
def test_to(writes, to_line):
    message = ScriptMessage(PLAIN)
    assert all(message.set(name, value) for name, value in writes)
    assert line(message, "To") == to_line


def test_from_of_a_reply():
    message = ScriptMessage(REPLY, kind="reply")
    assert message.set("$fU", "alice")
    assert line(message, "From") == 'From: "Alice A" <sip:alice@ex.com>;tag=from1'


@pytest.mark.parametrize(
    "name,value",
    [
        ("$fu", "nonsense"),
        ("$fu", "sip:a@b\r\nX: y"),
        ("$fu", "sip:a b@c"),
        ("$fu", "sip:a@b>;tag=2"),
        ("$fu", None),
        ("$fu", 5),
        ("$fn", "a\r\nX: y"),
        ("$fn", 5),
        ("$fU", "a@b"),
        ("$fU", "a b"),
        ("$fd", None),
        ("$fd", "x;y"),
        ("$fd", "x:5"),
        ("$fd", ""),
        ("$tU", 7),
        ("$ru", "bla"),
        ("$ru", ""),
        ("$ru", None),
        ("$ru", 5),
        ("$ru", "sip:a@b\r\nX: y"),
        ("$ru", "sip:a b"),
        ("$rU", 5),
        ("$rU", "a@b"),
        ("$rd", None),
        ("$rd", ""),
        ("$rp", "x"),
        ("$rp", 0),
        ("$rp", 65536),
        ("$rp", "-1"),
        ("$du", 5),
        ("$du", "bla"),
        ("$fs", 5),
        ("$mf", "1"),
        ("$bf", "1"),
        ("$sf", "1"),
        ("$mf", 1 << 32),
        ("$br", 5),
        ("$br", None),
        ("$br", "bla"),
        ("$branch(uri)", "sip:a@b"),
    ],
)
def test_what_is_not_taken_leaves_all_as_it_was(name, value, caplog):
    message = ScriptMessage(PLAIN)
    with caplog.at_level(logging.ERROR, "uacfast.script"):
        assert message.set(name, value) is False
    assert message.write() == PLAIN
    assert message.request_uri == b"sip:bob@192.0.2.9"
    assert name.split("(")[0] in caplog.text


READ_ONLY = (
    "$rm",
    "$si",
    "$hdr(X)",
    "$ft",
    "$ci",
    "$ua",
    "$ct",
    "$TS",
    "$rP",
    "$rz",
    "$ou",
    "$dd",
    "$ds",
    "$nh(u)",
    "$tt",
    "$cs",
    "$rs",
    "$rb",
    "$cl",
    "$proto",
    "$Ri",
    "$T_reply_code",
    "$T(id_index)",
    "$T_req($ru)",
    "$bR",
    "$null",
    "$rc",
    "$(ru{s.len})",
    "$(avp(x){s.len})",
    "$hfl(X)",
    "$expires(min)",
    "$version(num)",
    "$K(IPv4)",
    "$env(X)",
    "$pp",
    "$time(sec)",
    "$dlg(callid)",
    "$DLG_status",
    "$stat(x)",
    "$shtinc(t=>x)",
    "$conid",
    "$_s(x)",
)


@pytest.mark.parametrize("name", READ_ONLY)
@pytest.mark.parametrize("value", ["x", 5, None])
def test_read_only(name, value, caplog):
    message = ScriptMessage(PLAIN)
    before = message.get(name) if name not in ("$TS", "$time(sec)") else None
    with caplog.at_level(logging.ERROR, "uacfast.script"):
        assert message.set(name, value) is False
    assert message.write() == PLAIN
    if before is not None:
        assert message.get(name) == before


@pytest.mark.parametrize(
    "uri,writes,expected",
    [
        ("sip:bob@h", [("$ru", "sip:new@7.7.7.7:99")], "sip:new@7.7.7.7:99"),
        ("sip:bob:pw@h:5070;x?a=b", [("$rU", "carl")], "sip:carl:pw@h:5070;x?a=b"),
        ("sip:bob:pw@h:5070;x?a=b", [("$rU", None)], "sip:h:5070;x?a=b"),
        ("sip:h", [("$rU", "carl")], "sip:carl@h"),
        ("sip:bob@h:5070;x", [("$rd", "[2001:db8::1]")], "sip:bob@[2001:db8::1]:5070;x"),
        ("sip:bob@[2001:db8::1]:5070;x", [("$rd", "h.org")], "sip:bob@h.org:5070;x"),
        ("sip:bob@h;x", [("$rp", "5080")], "sip:bob@h:5080;x"),
        ("sip:bob@h;x", [("$rp", 5080)], "sip:bob@h:5080;x"),
        ("sip:bob@h:5070;x", [("$rp", None)], "sip:bob@h;x"),
        ("sips:bob@h", [("$rU", "c"), ("$rd", "i"), ("$rp", 7)], "sips:c@i:7"),
        ("tel:+4930;phone-context=x", [("$rU", "+4940")], "tel:+4940;phone-context=x"),
        ("sip:bob@h", [("$rU", "b%20ob"), ("$rU", "z")], "sip:z@h"),
    ],
)
def test_request_uri(uri, writes, expected):
    message = ScriptMessage(PLAIN.replace(b"sip:bob@192.0.2.9", uri.encode()))
    assert all(message.set(name, value) for name, value in writes)
    assert message.get("$ru") == expected and message.request_uri == expected.encode()
    assert message.write().split(b"\r\n")[0] == f"INVITE {expected} SIP/2.0".encode()
    assert message.get("$ou") == uri
    assert message.get("$ds") == f"Contact: <{expected}>"


def test_request_uri_of_tel_keeps_its_form():
    message = ScriptMessage(PLAIN.replace(b"sip:bob@192.0.2.9", b"tel:+4930"))
    assert not message.set("$rd", "h") and not message.set("$rU", None) and not message.set("$rp", 5)
    assert message.get("$ru") == "tel:+4930"


def test_many_changes_end_with_the_room_for_them():
    message = ScriptMessage(PLAIN)
    done = 0
    while message.set("$ru", f"sip:user{done}@{'h' * 200}") and done < 1000:
        done += 1
    assert 20 < done < 1000
    assert message.get("$rU") == f"user{done - 1}"


def test_reply_has_no_request_uri_to_set():
    message = ScriptMessage(REPLY, kind="reply")
    assert not message.set("$ru", "sip:a@b") and not message.set("$du", "sip:a@b")
    assert message.write() == REPLY


def test_destination_uri():
    message = ScriptMessage(PLAIN)
    assert message.set("$du", "sip:proxy.example:5080;transport=tls")
    assert message.context.destination_uri == "sip:proxy.example:5080;transport=tls"
    assert [message.get(name) for name in ("$du", "$dd", "$dp", "$dP", "$nh(u)", "$nh(d)", "$nh(U)")] == [
        "sip:proxy.example:5080;transport=tls",
        "proxy.example",
        "5080",
        "tls",
        "sip:proxy.example:5080;transport=tls",
        "proxy.example",
        None,
    ]
    assert message.set("$du", None) and message.get("$du") is None and message.context.destination_uri is None
    assert message.set("$du", "sip:x") and message.set("$du", "") and message.get("$du") is None


def test_send_socket(caplog):
    message = ScriptMessage(PLAIN, sockets=(("127.0.0.1", 5060, ""), ("127.0.0.1", 5070, ""), ("::1", 5080, "")))
    for text, socket in (
        ("udp:127.0.0.1:5070", "udp:127.0.0.1:5070"),
        ("127.0.0.1:5070", "udp:127.0.0.1:5070"),
        ("udp:127.0.0.1", "udp:127.0.0.1:5060"),
        ("udp:[::1]:5080", "udp:[::1]:5080"),
    ):
        assert message.set("$fs", text) and message.get("$fs") == socket == message.context.send_socket
    for unknown in (
        "udp:192.0.2.1:5060",
        "tcp:127.0.0.1:5060",
        "nonsense",
        "udp:127.0.0.1:99999",
        "udp:127.0.0.1:x",
        "",
    ):
        caplog.clear()
        with caplog.at_level(logging.ERROR, "uacfast.script"):
            assert message.set("$fs", unknown)
        assert "no socket of ours" in caplog.text
        assert message.get("$fs") == "udp:[::1]:5080"
    assert message.set("$fsn", "name") and message.get("$fs") == "udp:[::1]:5080"
    assert message.set("$fs", None) and message.get("$fs") is None


def test_flags():
    message = ScriptMessage(PLAIN, kind="branch")
    message.begin_transaction(branches=3)
    for name, text in (("$mf", "$mF"), ("$bf", "$bF"), ("$sf", "$sF")):
        assert message.set(name, 0x80000005)
        assert (message.get(name), message.get(text)) == (0x80000005, "80000005")
        assert message.set(text, -1) and message.get(name) == 0xFFFFFFFF
        assert message.set(name, 5)
    assert message.context.state.flags == 5
    assert message.context.state.branch_flags == [0, 0, 5]  # of the branch in hand
    assert message.set("$mf", None) and message.get("$mf") == 0


def test_further_destinations():
    message = ScriptMessage(PLAIN)
    assert message.set("$br", "sip:a@1") and message.set("$br", "sip:b@2")
    assert [
        message.get(name)
        for name in (
            "$br",
            "$bR",
            "$ds",
            "$branch(uri)",
            "$(branch(uri)[1])",
            "$(branch(uri)[-1])",
            "$(branch(uri)[2])",
            "$branch(count)",
            "$branch(q)",
            "$branch(flags)",
            "$branch(dst_uri)",
        )
    ] == [
        "sip:a@1",
        "sip:a@1, sip:b@2",
        "Contact: <sip:a@1>, <sip:b@2>",
        "sip:a@1",
        "sip:b@2",
        "sip:b@2",
        None,
        2,
        None,
        0,
        None,
    ]
    assert message.set("$branch(dst_uri)", "sip:9.9.9.9") and message.set("$(branch(flags)[1])", 3)
    assert message.set("$(branch(q)[1])", 500) and message.set("$(branch(path)[1])", "<sip:p;lr>")
    assert [
        message.get(name)
        for name in ("$branch(dst_uri)", "$(branch(flags)[1])", "$(branch(q)[1])", "$(branch(path)[1])", "$bR")
    ] == ["sip:9.9.9.9", 3, 500, "<sip:p;lr>", "sip:a@1, <sip:b@2>;q=0.5"]
    for name, value in (
        ("$(branch(q)[1])", "0.7"),
        ("$(branch(q)[1])", 1001),
        ("$branch(uri)", "x"),
        ("$branch(count)", 1),
        ("$(branch(uri)[7])", "sip:a@b"),
    ):
        assert not message.set(name, value)
    assert message.set("$branch(uri)", None)
    assert message.context.state.branches == [
        {"uri": "sip:b@2", "dst_uri": "", "path": "<sip:p;lr>", "q": 500, "send_socket": "", "flags": 3}
    ]
    for number in range(10):
        assert message.set("$br", f"sip:{number}@h")
    assert not message.set("$br", "sip:twelfth@h") and message.get("$branch(count)") == 11


def test_what_a_writer_does_shows_in_log_texts():
    message = ScriptMessage(PLAIN)
    message.set("$avp(x)", "5")
    assert (
        message.text("$rm of $fU@$fd: $avp(x), $avp(y) for $$3 ($(ru{s.len}))")
        == "INVITE of alice@ex.com: 5, <null> for $3 (17)"
    )


def test_bare_request_has_fields_to_set():
    message = ScriptMessage(BARE)
    assert message.set("$fU", "alice") and message.set("$fn", '"A"')
    assert line(message, "From") == 'From: "A" <sip:alice@ex.com>;tag=1'


def test_a_request_with_everything_can_be_changed_everywhere():
    message = ScriptMessage(REQUEST)
    assert message.set("$tU", "carol") and message.set("$fd", "h.org") and message.set("$rU", "dave")
    octets = message.write()
    assert b"t: Bob B <sip:carol@biloxi.com>\r\n" in octets and b"<sip:alice@h.org:5070;y=1>" in octets
    assert octets.startswith(b"INVITE sip:dave:pw@192.0.2.9:5070;transport=tcp;x=1?h=v SIP/2.0\r\n")
    assert message.get("$ou") == "sip:bob:pw@192.0.2.9:5070;transport=tcp;x=1?h=v"
