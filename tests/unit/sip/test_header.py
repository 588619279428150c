"""Via, address, CSeq and list values: RFC 3261 §7.3.1, §20, §25.1, RFC 3581."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.sip.inspect import list_elements, parse_address, parse_cseq, parse_via

VIA = {"protocol": b"SIP/2.0", "transport": b"UDP", "host": b"h", "port": 0, "sent_by": b"h", "parameters": None,
    "branch": None,
       "received": None, "maddr": None, "rport_parameter": None, "rport": 0}
ADDRESS = {"display": None, "parameters": None, "tag": None, "brackets": True}


# ---- Via ----

@pytest.mark.parametrize(("value", "parts"), [
    (b"SIP/2.0/UDP h", {}),
    (b"sip/2.0/udp h", {"protocol": b"sip/2.0", "transport": b"udp"}),
    (b"SIP/7.0/UDP h", {"protocol": b"SIP/7.0"}),
    (b"SIP/2.0/X-NEW h", {"transport": b"X-NEW"}),
    (b"SIP / 2.0 /\r\n UDP \t h", {"protocol": b"SIP / 2.0"}),
    (b"SIP/2.0/UDP h:5070", {"port": 5070, "sent_by": b"h:5070"}),
    (b"SIP/2.0/UDP h : 5070 ", {"port": 5070, "sent_by": b"h : 5070"}),
    (b"SIP/2.0/UDP [2001:db8::1]:5070", {"host": b"[2001:db8::1]", "port": 5070, "sent_by": b"[2001:db8::1]:5070"}),
    (b"SIP/2.0/UDP h;branch=z9hG4bK1", {"parameters": b"branch=z9hG4bK1", "branch": b"z9hG4bK1"}),
    (b"SIP/2.0/UDP h ; BRANCH\r\n = \tz ;a", {"parameters": b" BRANCH\r\n = \tz ;a", "branch": b"z"}),
    (b"SIP/2.0/UDP h;branch=1;branch=2", {"parameters": b"branch=1;branch=2", "branch": b"1"}),
    (b"SIP/2.0/UDP h;branch", {"parameters": b"branch"}),
    (b"SIP/2.0/UDP h;branch=", {"parameters": b"branch=", "branch": b""}),
    (b"SIP/2.0/UDP h;rport", {"parameters": b"rport", "rport_parameter": b"rport"}),
    (b"SIP/2.0/UDP h; RPort = 5062 ;x", {"parameters": b" RPort = 5062 ;x", "rport_parameter": b"RPort = 5062",
     "rport": 5062}),
    (b"SIP/2.0/UDP h;rport=", {"parameters": b"rport=", "rport_parameter": b"rport="}),
    (b"SIP/2.0/UDP h;rport= ;x", {"parameters": b"rport= ;x", "rport_parameter": b"rport="}),
    (b"SIP/2.0/UDP h;rport=0", {"parameters": b"rport=0", "rport_parameter": b"rport=0"}),
    (b"SIP/2.0/UDP h;received=192.0.2.1;maddr=224.2.0.1",
     {"parameters": b"received=192.0.2.1;maddr=224.2.0.1", "received": b"192.0.2.1", "maddr": b"224.2.0.1"}),
    (b"SIP/2.0/UDP h;received=[::1]", {"parameters": b"received=[::1]", "received": b"[::1]"}),
    (b"SIP/2.0/UDP h;received=::1;ttl=1", {"parameters": b"received=::1;ttl=1", "received": b"::1"}),
    (b'SIP/2.0/UDP h;x="a,b;branch=no\\"";branch=yes', {"parameters": b'x="a,b;branch=no\\"";branch=yes',
     "branch": b"yes"}),
    (b"SIP/2.0/UDP h;;branch=1;", {"parameters": b";branch=1;", "branch": b"1"}),
    (b"SIP/2.0/UDP h;", {"parameters": b""}),
])
def test_via(value, parts):
    via, = parse_via(value)
    assert via == {**VIA, "value": value.strip(), **parts}


def test_via_list():
    first, second, third = parse_via(b'SIP/2.0/UDP a;x="1,2" ,SIP/2.0/TCP b;branch=2,\r\n SIP/2.0/TLS c, ')
    assert [via["host"] for via in (first, second, third)] == [b"a", b"b", b"c"]
    assert [via["value"] for via in (first, second, third)] == [b'SIP/2.0/UDP a;x="1,2"', b"SIP/2.0/TCP b;branch=2",
    b"SIP/2.0/TLS c"]


@pytest.mark.parametrize("value", [
    b"", b" ", b"SIP/2.0/UDP", b"SIP/2.0/UDP ", b"SIP/2.0/UDPh", b"SIP/2.0/UDP[::1]", b"SIP/2.0 h", b"HTTP/1.1/TCP h",
    b"SIP/2/UDP h", b"SIP//UDP h", b"SIP/2.0/ h",
    b"SIP/x.y/UDP h", b"SIP/2.0/UDP ;branch=1", b"SIP/2.0/UDP h:", b"SIP/2.0/UDP h:0", b"SIP/2.0/UDP h:65536",
    b"SIP/2.0/UDP h:x",
    b"SIP/2.0/UDP h x", b"SIP/2.0/UDP h;a b", b"SIP/2.0/UDP h;=a", b'SIP/2.0/UDP h;a="b', b"SIP/2.0/UDP h;rport=x",
    b"SIP/2.0/UDP h;rport=65536",
    b"SIP/2.0/UDP 2001:db8::1", b"SIP/2.0/UDP [::1", b"SIP/2.0/UDP h;,;,,", b",SIP/2.0/UDP h", b"SIP/2.0/UDP h/x",
    b"SIP/2.0/UDP <h>",
])
def test_via_refused(value):
    with pytest.raises(ValueError, match="not a Via value"):
        parse_via(value)


# ---- addresses ----

@pytest.mark.parametrize(("value", "parts"), [
    (b"<sip:a@b>", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>"}),
    (b"sip:a@b", {"uri": b"sip:a@b", "name_addr": b"sip:a@b", "brackets": False}),
    (b"sip:a@b;tag=1;x", {"uri": b"sip:a@b", "name_addr": b"sip:a@b", "brackets": False, "parameters": b"tag=1;x",
     "tag": b"1"}),
    (b"sip:a@b ; tag = 1", {"uri": b"sip:a@b", "name_addr": b"sip:a@b", "brackets": False, "parameters": b"tag = 1",
     "tag": b"1"}),
    (b"*", {"uri": b"*", "name_addr": b"*", "brackets": False}),
    (b"<sip:a@b;lr>;x=y", {"uri": b"sip:a@b;lr", "name_addr": b"<sip:a@b;lr>", "parameters": b"x=y"}),
    (b"<sip:a@b?x=y,z>", {"uri": b"sip:a@b?x=y,z", "name_addr": b"<sip:a@b?x=y,z>"}),
    (b"Bob <sip:a@b>", {"display": b"Bob", "uri": b"sip:a@b", "name_addr": b"Bob <sip:a@b>"}),
    (b"Bob<sip:a@b>", {"display": b"Bob", "uri": b"sip:a@b", "name_addr": b"Bob<sip:a@b>"}),
    (b"T. Watson\t<sip:a@b>", {"display": b"T. Watson", "uri": b"sip:a@b", "name_addr": b"T. Watson\t<sip:a@b>"}),
    (b'"B, <o>; \\" b"  <sip:a@b>;tag=1',
     {"display": b'"B, <o>; \\" b"', "uri": b"sip:a@b", "name_addr": b'"B, <o>; \\" b"  <sip:a@b>',
     "parameters": b"tag=1", "tag": b"1"}),
    (b'""<sip:a@b>', {"display": b'""', "uri": b"sip:a@b", "name_addr": b'""<sip:a@b>'}),
    (b"< sip:a@b >;tag=1", {"uri": b"sip:a@b", "name_addr": b"< sip:a@b >", "parameters": b"tag=1", "tag": b"1"}),
    (b"<sip:a@b> \r\n ;\r\n tag=1", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b"tag=1",
     "tag": b"1"}),
    (b"<sip:a@b>;TAG=1;tag=2", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b"TAG=1;tag=2",
     "tag": b"1"}),
    (b"<sip:a@b>;tag", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b"tag"}),
    (b"<sip:a@b>;tag= ;x", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b"tag= ;x", "tag": b""}),
    (b"<sip:a@b>;tag=", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b"tag=", "tag": b""}),
    (b"<sip:a@b>;xtag=1;ta=2", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b"xtag=1;ta=2"}),
    (b"<sip:a@b>;;;", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b";;"}),
    (b"<sip:a@b>;", {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b""}),
    (b'<sip:a@b>;+sip.instance="<urn:uuid:1,2>"',
     {"uri": b"sip:a@b", "name_addr": b"<sip:a@b>", "parameters": b'+sip.instance="<urn:uuid:1,2>"'}),
    ("Zoë <sip:a@b>".encode(), {"display": "Zoë".encode(), "uri": b"sip:a@b", "name_addr": "Zoë <sip:a@b>".encode()}),
    (b"<not a uri>", {"uri": b"not a uri", "name_addr": b"<not a uri>"}),
])
def test_address(value, parts):
    address, = parse_address(value)
    assert address == {**ADDRESS, "value": value, **parts}


def test_address_list():
    values = parse_address(b'"a,b" <sip:a,b@c>;q="1,2" , sip:d@e;x,,<sip:f>,')
    assert [value["uri"] for value in values] == [b"sip:a,b@c", b"sip:d@e", b"sip:f"]
    assert [value["value"] for value in values] == [b'"a,b" <sip:a,b@c>;q="1,2"', b"sip:d@e;x", b"<sip:f>"]
    assert [value["parameters"] for value in values] == [b'q="1,2"', b"x", None]


@pytest.mark.parametrize("value", [
    b"", b" ", b"Bob", b"<>", b"< >", b"<sip:a", b"sip:a>", b"<sip:a>>", b"<<sip:a>>", b'"Bob <sip:a>', b'"Bob',
    b'"Bob" sip:a',
    b"sip:a b", b"sip:a?x=y", b"<sip:a> x", b"<sip:a>;a b", b"<sip:a>;=b", b'<sip:a>;tag="1',
    b"Bell, Alexander <sip:a@b>", b";tag=1",
    b"a;b <sip:c>", b"**", b",<sip:a>", b"<sip:a>, Bob",
])
def test_address_refused(value):
    with pytest.raises(ValueError, match="not an address"):
        parse_address(value)


# ---- CSeq ----

@pytest.mark.parametrize(("value", "expected"), [
    (b"1 INVITE", (1, b"1", b"INVITE")),
    (b"0009\r\n\tINVITE", (9, b"0009", b"INVITE")),
    (b"4294967295 BYE", (2**32 - 1, b"4294967295", b"BYE")),
    (b"0 RE%47ISTER", (0, b"0", b"RE%47ISTER")),
    (b"0" * 40 + b"7 ACK", (7, b"0" * 40 + b"7", b"ACK")),
])
def test_cseq(value, expected):
    assert parse_cseq(value) == expected


@pytest.mark.parametrize("value", [
    b"", b"1", b"1 ", b"INVITE", b"1INVITE", b"x INVITE", b"-1 INVITE", b"+1 INVITE", b"4294967296 INVITE",
    b"36893488147419103232 INVITE",
    b"1 IN VITE", b"1 INVITE, 2 BYE", b"1 (x)",
])
def test_cseq_refused(value):
    with pytest.raises(ValueError, match="not a CSeq value"):
        parse_cseq(value)


# ---- lists ----

@pytest.mark.parametrize(("value", "elements"), [
    (b"100rel, timer", [b"100rel", b"timer"]),
    (b"", []),
    (b" , ,\r\n ,", []),
    (b"a,,b , c", [b"a", b"b", b"c"]),
    (b'"a,b", <sip:c,d>;x="e,f" ,g', [b'"a,b"', b'<sip:c,d>;x="e,f"', b"g"]),
    (b'"a\\",b",c', [b'"a\\",b"', b"c"]),
    (b'a,"open, b', [b"a", b'"open, b']),
    (b"a,<open, b", [b"a", b"<open, b"]),
])
def test_list_elements(value, elements):
    assert list_elements(value) == elements


TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8).map(str.encode)
LWS = st.sampled_from([b"", b" ", b"\t", b"\r\n "])
QUOTED = st.binary(max_size=10).map(
    lambda octets: b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\r", b"").replace(b"\n",
    b"") + b'"')
PARAMETERS = st.lists(st.tuples(TOKEN.filter(lambda name: name.lower() not in (b"tag", b"rport")), LWS, LWS,
    st.one_of(TOKEN, QUOTED)),
                      max_size=4)


def written(parameters):
    return b"".join(b";" + name + before + b"=" + after + value for name, before, after, value in parameters)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), QUOTED), LWS, TOKEN, PARAMETERS, TOKEN), min_size=1, max_size=4), LWS)
def test_written_addresses_parse_back(values, lws):
    texts = [(display or b"") + space + b"<sip:" + user.replace(b"%",
    b"") + b"@example.com>" + written(parameters) + b";tag=" + tag
             for display, space, user, parameters, tag in values]
    parsed = parse_address((lws + b"," + lws).join(texts))
    assert [value["tag"] for value in parsed] == [tag for *_, tag in values]
    assert [value["display"] for value in parsed] == [display for display, *_ in values]
    assert [value["value"] for value in parsed] == [text.lstrip(b" \t\r\n") for text in texts]
