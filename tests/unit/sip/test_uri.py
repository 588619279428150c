"""URIs and their comparison: vectors of RFC 3261 §19.1, RFC 3966, RFC 5118, RFC 5954."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.sip import inspect
from uacfast.sip.inspect import parameter_find, parse_uri, uri_equal

ABSENT = {"user": None, "password": None, "host": None, "host_is_ipv6": False, "port": 0, "parameters": None,
          "headers": None}


@pytest.mark.parametrize(("text", "parts"), [
    (b"sip:example.com", {"host": b"example.com"}),
    (b"SIPS:example.com", {"scheme": "sips", "host": b"example.com"}),
    (b"sip:alice@example.com", {"user": b"alice", "host": b"example.com"}),
    (b"sip:alice:secret@example.com:5061;transport=tcp;lr?subject=x&priority=urgent",
     {"user": b"alice", "password": b"secret", "host": b"example.com", "port": 5061, "parameters": b"transport=tcp;lr",
      "headers": b"subject=x&priority=urgent"}),
    (b"sip:alice:@example.com", {"user": b"alice", "password": b"", "host": b"example.com"}),
    (b"sip:user;par=u%40example.net@example.com", {"user": b"user;par=u%40example.net", "host": b"example.com"}),
    (b"sip:a?b=c&d,e/f$g+h@example.com", {"user": b"a?b=c&d,e/f$g+h", "host": b"example.com"}),
    (b"sip:a@b@example.com", {"user": b"a@b", "host": b"example.com"}),
    (b"sip:*21#@example.com", {"user": b"*21#", "host": b"example.com"}),
    (b"sip:%00@example.com", {"user": b"%00", "host": b"example.com"}),
    (b"sip:192.0.2.1:05060", {"host": b"192.0.2.1", "port": 5060}),
    (b"sip:a@host_name", {"user": b"a", "host": b"host_name"}),
    (b"sip:example.com.", {"host": b"example.com."}),
    (b"sip:example.com;", {"host": b"example.com", "parameters": b""}),
    (b"sip:example.com?", {"host": b"example.com", "headers": b""}),
    (b"sip:example.com?a=b?c", {"host": b"example.com", "headers": b"a=b?c"}),
    (b"sip:[2001:db8::1]", {"host": b"[2001:db8::1]", "host_is_ipv6": True}),
    (b"sip:a@[::ffff:192.0.2.1]:5070;lr",
     {"user": b"a", "host": b"[::ffff:192.0.2.1]", "host_is_ipv6": True, "port": 5070, "parameters": b"lr"}),
    (b"sip:[2001:db8:::192.0.2.1]", {"host": b"[2001:db8:::192.0.2.1]", "host_is_ipv6": True}),
    (b"tel:+1-201-555-0123", {"scheme": "tel", "user": b"+1-201-555-0123"}),
    (b"tel:7042;phone-context=example.com", {"scheme": "tel", "user": b"7042",
     "parameters": b"phone-context=example.com"}),
    (b"tel:*69#;phone-context=+1", {"scheme": "tel", "user": b"*69#", "parameters": b"phone-context=+1"}),
    (b"urn:service:sos", {"scheme": "other"}),
    (b"http://www.example.com/?a=b", {"scheme": "other"}),
    (b"soap.beep://192.0.2.103:3002", {"scheme": "other"}),
    ("sip:zoë@example.com".encode(), {"user": "zoë".encode(), "host": b"example.com"}),
])
def test_parts(text, parts):
    assert parse_uri(text) == {**ABSENT, "scheme": "sip", **parts}


@pytest.mark.parametrize("text", [
    b"", b"sip", b"sip:", b":a", b"1sip:a", b"-sip:a", b"example.com", b"sip:@example.com", b"sip::x@example.com",
    b"sip:a@",
    b"sip:a@:5060", b"sip:a@b:", b"sip:a@b:0", b"sip:a@b:65536", b"sip:a@b:x", b"sip:a@b:50x60", b"sip:a@b/c",
    b"sip:a b@c",
    b"sip:a@b c", b"sip:<a@b>", b"sip:a@b>", b'sip:"a"@b', b"sip:a\r\n@b", b"sip:a\0@b", b"sip:a%@b", b"sip:a%4@b",
    b"sip:a%4g@b",
    b"sip:a@b;x=%", b"sip:a@b?x=%zz", b"sip:a@b%41", b"sip:2001:db8::10", b"sip:[2001:db8::10", b"sip:[]",
    b"sip:[1:2:3]",
    b"sip:[::1]x", b"sip:[1::2::3]", b"sip:[12345::]", b"sip:[::1.2.3]", b"sip:[::1.2.3.256]", b"sip:[::1.2.3.4.5]",
    b"sip:[1:2:3:4:5:6:7:8:9]", b"sip:[1:2:3:4:5:6:7:1.2.3.4]", b"sip:[:1::]", b"sip:[::1:]", b"sip:[:::1]",
    b"sip:[fe80::1%25eth0]",
    b"sip:[" + b"0" * 5000 + b"]", b"sip:a@.b", b"sip:a@-b", b"tel:", b"tel:+", b"tel:alice", b"tel:1+2", b"tel:1?x=y",
    b"tel:1;a?b",
    b"tel:1@example.com", b"urn:a b", b"urn:\x7f", b"sip:a@b\x7f",
])
def test_refused(text):
    with pytest.raises(ValueError, match="not a URI"):
        parse_uri(text)


EQUAL = [   # RFC 3261 §19.1.4
    (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtlanTa.CoM;Transport=tcp"),
    (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5"),
    (b"sip:carol@chicago.com", b"sip:carol@chicago.com;security=on"),
    (b"sip:carol@chicago.com;newparam=5", b"sip:carol@chicago.com;security=on"),
    (b"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
     b"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"),
    (b"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
     b"sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
    (b"SIP:a@b", b"sip:a@B"),
    (b"sip:a@b;lr", b"sip:a@b"),
    (b"sip:a@[2001:DB8:0:0::1]", b"sip:a@[2001:db8::1]"),          # RFC 5954 §4.2
    (b"sip:a@[::ffff:192.0.2.1]", b"sip:a@[::ffff:c000:201]"),
    (b"sip:a%2fb@c", b"sip:a%2Fb@c"),
    (b"tel:+1-201-555-0123", b"tel:+1(201)5550123"),               # RFC 3966 §4
    (b"tel:7042;a=1;phone-context=Example.com", b"tel:7042;phone-context=example.com;a=1"),
    (b"urn:service:sos", b"urn:service:sos"),
    (b"sip:a@b;" + b";".join(b"p%d" % i for i in range(65)),) * 2,
]
UNEQUAL = [
    (b"SIP:ALICE@AtLanTa.CoM;Transport=udp", b"sip:alice@AtLanTa.CoM;Transport=UDP"),
    (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060"),
    (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;transport=udp"),
    (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:6000;transport=tcp"),
    (b"sip:carol@chicago.com", b"sip:carol@chicago.com?Subject=next%20meeting"),
    (b"sip:bob@phone21.boxesbybob.com", b"sip:bob@192.0.2.4"),
    (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;security=off"),
    (b"sip:a@b", b"sips:a@b"),
    (b"sip:a@b", b"sip:b"),
    (b"sip:a:x@b", b"sip:a@b"),
    (b"sip:a:x@b", b"sip:a:X@b"),
    (b"sip:a;b@c", b"sip:a%3bb@c"),                                # reserved: not its own escape
    (b"sip:a@b;user=phone", b"sip:a@b"),
    (b"sip:a@b;ttl=1", b"sip:a@b"),
    (b"sip:a@b;method=INVITE", b"sip:a@b"),
    (b"sip:a@b;maddr=c", b"sip:a@b"),
    (b"sip:a@b;lr", b"sip:a@b;lr=on"),
    (b"sip:a@b?x=1&x=1", b"sip:a@b?x=1&x=2"),
    (b"sip:a@b?x=1", b"sip:a@b?x=1&x=1"),
    (b"sip:a@[::1]", b"sip:a@[::2]"),
    (b"tel:+12015550123", b"tel:12015550123"),
    (b"tel:7042;phone-context=a", b"tel:7042"),
    (b"tel:7042", b"tel:70421"),
    (b"urn:service:sos", b"urn:service:SOS"),
    (b"sip:a@b;" + b";".join(b"p%d" % i for i in range(65)), b"sip:a@b"),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal(a, b):
    assert uri_equal(a, b)
    assert uri_equal(b, a)


@pytest.mark.parametrize(("a", "b"), UNEQUAL)
def test_unequal(a, b):
    assert not uri_equal(a, b)
    assert not uri_equal(b, a)


def test_first_of_repeated_parameters_counts():
    assert uri_equal(b"sip:a@b;x=1;x=2", b"sip:a@b;x=1")
    assert not uri_equal(b"sip:a@b;x=1;x=2", b"sip:a@b;x=2;x=1")


@pytest.mark.parametrize(("parameters", "name", "found"), [
    (b"lr", b"lr", (True, None)),
    (b"a;LR;b", b"lr", (True, None)),
    (b"lr=", b"lr", (True, b"")),
    (b"transport=tcp;lr=on", b"lr", (True, b"on")),
    (b" a = b ; lr \r\n = \t on ", b"lr", (True, b"on")),
    (b'x="a;lr;b";lr=2', b"lr", (True, b"2")),
    (b'x="a\\";lr=1";lr=2', b"lr", (True, b"2")),
    (b'tag="q;r"', b"tag", (True, b'"q;r"')),
    (b"vsf=ab=cd", b"vsf", (True, b"ab=cd")),
    (b"x=1;x=2", b"x", (True, b"1")),
    (b";;lr", b"lr", (True, None)),
    (b"lrx;xlr;a=lr", b"lr", (False, None)),
    (b"", b"lr", (False, None)),
    (b'x="open;lr', b"lr", (False, None)),
])
def test_parameter_find(parameters, name, found):
    assert parameter_find(parameters, name) == found


def test_parameter_find_exact_heeds_case():
    assert parameter_find(b"VSF=1;vsf=2", b"vsf", exact=True) == (True, b"2")
    assert parameter_find(b"VSF=1;vsf=2", b"vsf") == (True, b"1")
    assert parameter_find(b"VSF=1", b"vsf", exact=True) == (False, None)


USER = st.text("abcXYZ019-_.!~*'()&=+$,;?/#", min_size=1, max_size=12).map(str.encode)
HOST = st.one_of(st.sampled_from([b"example.com", b"192.0.2.1", b"a"]),
                 st.ip_addresses(v=6).map(lambda address: f"[{address}]".encode()))
PORT = st.one_of(st.just(0), st.integers(1, 65535))
PARAMETERS = st.one_of(st.none(), st.text("abc;=%-[]/:&+$", max_size=12).map(lambda text: text.replace("%",
    "%41").encode()))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["sip", "sips"]), st.one_of(st.none(), USER), HOST, PORT, PARAMETERS, PARAMETERS)
def test_written_uris_parse_back(scheme, user, host, port, parameters, headers):
    text = scheme.encode() + b":"
    text += user + b"@" if user else b""
    text += host
    text += b":%d" % port if port else b""
    text += b";" + parameters if parameters is not None else b""
    text += b"?" + headers if headers is not None else b""
    assert parse_uri(text) == {"scheme": scheme, "user": user, "password": None, "host": host,
                               "host_is_ipv6": host[:1] == b"[", "port": port, "parameters": parameters,
                               "headers": headers}
    assert inspect.uri_equal(text, text)
