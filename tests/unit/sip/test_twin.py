"""The C parsers against their readable twin, on grammar-shaped and on arbitrary octets."""
import twin
from hypothesis import example, given, settings
from hypothesis import strategies as st

from uacfast.sip import inspect

# Pieces that the grammars are made of, so that most inputs get far into the parsers.
PIECES = st.one_of(
    st.sampled_from([
        b" ", b"\t", b"\r\n", b"\r\n ", b"\n", b"\r", b"\0", b":", b";", b",", b"=", b"<", b">", b'"', b'\\"', b"\\",
        b"/",
        b"?", b"@", b"&", b"%", b"%41", b"%3B", b"[", b"]", b".", b"*", b"#", b"+", b"-",
        b"sip:", b"SIPS:", b"tel:", b"urn:", b"SIP/2.0", b"sip/2.0", b"SIP/7.0", b"SIP / 2.0 / UDP ", b"SIP/2.0/TCP ",
        b"INVITE ", b"BYE", b"a", b"Bob", b"host.example.com", b"192.0.2.1", b"[2001:db8::1]", b"[::ffff:192.0.2.1]",
        b"[2001:db8:::192.0.2.1]", b":5060", b":0", b":65536", b";branch=z9hG4bK1", b";rport", b"rport=", b";received=",
        b";maddr=", b";tag=", b";lr", b"0", b"7", b"4294967295", b"4294967296", b"Via", b"v", b"From", b"Call-ID",
        b"CSeq",
        b"Content-Length", b"l", b"Max-Forwards", b"X-Other", b": ", b"Content-Length: 3\r\n", b"\r\n\r\n",
        "ü".encode(),
    ]),
    st.binary(min_size=1, max_size=3),
)
TEXT = st.lists(PIECES, max_size=24).map(b"".join)
URI = st.builds(lambda scheme, rest: scheme + rest, st.sampled_from([b"sip:", b"sips:", b"tel:", b"sip:a@",
    b"mailto:"]), TEXT)
VIA = st.builds(lambda start, rest: start + rest,
                st.sampled_from([b"SIP/2.0/UDP host", b"SIP / 2.0 /\r\n TCP [::1]", b"SIP/2.0/TLS 192.0.2.1:5061;"]),
                TEXT)
ADDRESS = st.builds(lambda start, rest: start + rest,
                    st.sampled_from([b"<sip:a@b>", b'"Bob, \\"x" <sip:a@b>;', b"sip:a@b;tag=1", b"*", b"Bob <", b""]),
                    TEXT)
START_LINE = st.sampled_from([
    b"INVITE sip:a@b SIP/2.0\r\n", b"BYE sip:a@b sip/2.0\r\n", b"SIP/2.0 200 OK\r\n", b"SIP/2.0 180\r\n",
    b"\r\nACK sip:b SIP/3.0\r\n",
    b"X  sip:a@b SIP/2.0\r\n", b"INVITE sip:a@b SIP/2.0\n", b"INVITE ", b"",
])
HEADER = st.sampled_from([
    b"Via: SIP/2.0/UDP h\r\n", b"v:a,\r\n b\r\n", b"From: <sip:a>\r\n", b"f : x\r\n", b"l: 2\r\n",
    b"Content-Length:3\r\n",
    b"CSeq\t:\r\n 1 BYE\r\n", b"X: y\n", b"X: y\rz\r\n", b": no\r\n", b"none\r\n", b" fold\r\n", b"Max-Forwards: 7\r\n",
])
MESSAGE = st.builds(lambda start, lines, rest: start + b"".join(lines) + rest,
                    START_LINE, st.lists(st.one_of(HEADER, TEXT), max_size=8), st.one_of(st.just(b"\r\nbody"), TEXT))
LIMITS = st.one_of(st.none(), st.fixed_dictionaries({
    "message": st.integers(0, 200), "header_part": st.integers(0, 200), "line": st.integers(0, 60),
    "headers": st.integers(0, 5)}))


def same(compiled, slow, *arguments):
    """Both give the same, or both refuse."""
    try:
        expected = slow(*arguments)
    except ValueError:
        expected = ValueError
    try:
        found = compiled(*arguments)
    except ValueError:
        found = ValueError
    assert found == expected


@settings(max_examples=600, deadline=None)
@given(MESSAGE, st.booleans(), LIMITS)
@example(b"INVITE sip:a@b SIP/2.0\r\nVia: x\r\n", False, None)
@example(b"INVITE sip:a@b SIP/2.0\r\nVia: x\r", True, None)
@example(b"INVITE SIP/2.0\r\n\r\n", False, None)
@example(b"INVITE  SIP/2.0\r\n\r\n", False, None)
@example(b"INVITE SIP/2.0 SIP/2.0\r\n\r\n", False, None)
@example(b"sip/2.0 100 \r\n\r\n", False, None)
def test_scan(data, accept_lf, limits):
    same(inspect.scan, twin.scan, data, accept_lf, limits)


@settings(max_examples=600, deadline=None)
@given(st.one_of(URI, TEXT))
def test_uri(text):
    same(inspect.parse_uri, twin.parse_uri, text)


@settings(max_examples=600, deadline=None)
@given(st.one_of(VIA, TEXT))
def test_via(value):
    same(inspect.parse_via, twin.parse_via, value)


@settings(max_examples=600, deadline=None)
@given(st.one_of(ADDRESS, TEXT))
def test_address(value):
    same(inspect.parse_address, twin.parse_address, value)


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXT, st.builds(lambda number, rest: b"%d " % number + rest, st.integers(0, 2**33), TEXT)))
def test_cseq(value):
    same(inspect.parse_cseq, twin.parse_cseq, value)


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_list(value):
    same(inspect.list_elements, twin.list_elements, value)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(TEXT, st.sampled_from([b"lr", b"LR=on", b'vsf="a;b"', b"vsf=c"])), max_size=5).map(b";".join),
       st.sampled_from([b"lr", b"vsf", b"a"]), st.booleans())
def test_parameter(parameters, name, exact):
    same(inspect.parameter_find, twin.parameter_find, parameters, name, exact)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(st.sampled_from([b":", b"::", b"0", b"ffff", b"12345", b"1.2.3.4", b".", b":::"]),
                          st.integers(0, 65535).map(lambda group: b"%x" % group)), max_size=16).map(b"".join))
@example(b"1:2:3:4:5:6:7::")
@example(b"::1:2:3:4:5:6:7:8")
@example(b"1:2:3:4:5:6:1.2.3.4")
@example(b":::1.2.3.4")
@example(b"1::2:::1.2.3.4")
def test_ipv6_reference(address):
    text = b"[" + address + b"]"
    same(inspect.parse_uri, twin.parse_uri, b"sip:a@" + text)
    if len(address) < 60:
        assert (twin.host_end(text) is None) == (twin.ipv6(address) is None)
