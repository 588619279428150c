"""Message scanner: one test per rule of csrc/sip_scan.h and of the engine's reading rules."""
import pytest
import twin
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.sip import inspect

REQUEST = b"OPTIONS sip:a@example.com SIP/2.0\r\n"


def scan(headers=b"", body=b"", start=REQUEST, **options):
    return inspect.scan(start + headers + b"\r\n" + body, **options)


def flaws(headers=b"", body=b"", start=REQUEST, **options):
    return scan(headers, body, start, **options)["flaws"]


def not_sip(data, **options):
    with pytest.raises(ValueError, match="start line"):
        inspect.scan(data, **options)


# ---- start line ----

def test_request_line():
    message = scan()
    assert message["is_request"]
    assert (message["method"], message["request_uri"], message["version"]) == ("OPTIONS", b"sip:a@example.com",
    b"SIP/2.0")
    assert message["status"] == 0
    assert message["flaws"] == set()


@pytest.mark.parametrize("name", [name for name in inspect.METHOD_NAMES if name])
def test_methods_are_known_with_case(name):
    assert scan(start=name.encode() + b" sip:a SIP/2.0\r\n")["method"] == name
    assert inspect.method_id(name.lower().encode()) is None
    assert inspect.method_id(name.encode() + b"X") is None
    assert inspect.method_id(name.encode()[:-1]) is None


@pytest.mark.parametrize(("line", "status", "reason"), [
    (b"SIP/2.0 200 OK", 200, b"OK"),
    (b"sip/2.0 100 ", 100, b""),
    (b"SIP/2.0 699", 699, b""),
    (b"SIP/2.0 486 Busy  Here ", 486, b"Busy  Here "),
])
def test_status_line(line, status, reason):
    message = scan(start=line + b"\r\n")
    assert not message["is_request"]
    assert (message["status"], message["reason"], message["flaws"]) == (status, reason, set())
    assert message["method_text"] is None
    assert message["request_uri"] is None


@pytest.mark.parametrize("line", [
    b"SIP/2.0 99 x", b"SIP/2.0 099 x", b"SIP/2.0 700 x", b"SIP/2.0 2000 x", b"SIP/2.0 20 x", b"SIP/2.0 20x OK",
    b"SIP/2.0  200 OK",
    b"SIP/2.0 +20 OK", b"SIP/2.0\t200 OK", b"SIP/2.0", b"SIP/ 200 OK", b"SIP/x.0 200 OK", b"SIP/2.0 4294967301 x",
    b"GET / HTTP/1.1", b"INVITE sip:a@b", b"INVITE", b"SIP/2.0 SIP/2.0", b" INVITE sip:a SIP/2.0",
    b"INV@TE sip:a SIP/2.0",
    b"INVITE sip:a SIP/2", b"INVITE sip:a SIP/2.", b"INVITE sip:a SIP/.0", b"INVITE sip:a XSIP/2.0",
    b"INVITE sip:a SIP/2.0\rX", b"INVITE sip:a SIP/2.0\nVia: x", b"\x16\x03\x01\x02\x00\x01",
])
def test_no_start_line(line):
    not_sip(line + b"\r\n\r\n")


def test_no_end_of_start_line():
    not_sip(REQUEST[:-2])
    not_sip(REQUEST[:-1])


@pytest.mark.parametrize("line", [b"OPTIONS sip:a SIP/7.0", b"SIP/3.0 200 OK", b"OPTIONS sip:a SIP/2.1",
b"OPTIONS sip:a SIP/2.00"])
def test_other_version(line):
    assert flaws(start=line + b"\r\n") == {"version"}


@pytest.mark.parametrize("line", [
    b"OPTIONS  sip:a SIP/2.0", b"OPTIONS sip:a  SIP/2.0", b"OPTIONS sip:a SIP/2.0 ", b"OPTIONS sip:a SIP/2.0\t",
    b"OPTIONS sip:a; lr SIP/2.0", b"OPTIONS <sip:a> SIP/2.0", b"OPTIONS sip:a\tSIP/2.0", b"OPTIONS\tsip:a SIP/2.0",
    b"OPTIONS SIP/2.0", b"OPTIONS  SIP/2.0", b"OPTIONS sip:a SIP/2.0 now", b"OPTIONS sip:a\x01 SIP/2.0",
    b"OPTIONS sip:\"a\" SIP/2.0",
    b"OPTIONS sip:a\x00 SIP/2.0",
])
def test_request_uri_flaw(line):
    assert flaws(start=line + b"\r\n") == {"request_uri"}


def test_line_ends_before_the_start_line_are_skipped():
    message = inspect.scan(b"\r\n\r\n" + REQUEST + b"\r\n")
    assert (message["start"], message["length"], message["flaws"]) == (4, len(REQUEST) + 2, set())


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\r\n", b"\n", b"\0\0\0\0", b"\r", b"\r\n\0"])
def test_keepalive(data):
    assert inspect.scan(data) is None


# ---- header lines ----

def test_headers_keep_order_spelling_and_lines():
    lines = [b"vIA  :\tSIP/2.0/UDP a\r\n", b"f:b\r\n", b"X-Other : c \r\n", b"v: d\r\n"]
    message = scan(b"".join(lines))
    assert [header["line"] for header in message["headers"]] == lines
    assert [header["name"] for header in message["headers"]] == [b"vIA", b"f", b"X-Other", b"v"]
    assert [header["id"] for header in message["headers"]] == ["Via", "From", None, "Via"]
    assert [header["value"] for header in message["headers"]] == [b"SIP/2.0/UDP a", b"b", b"c", b"d"]
    assert message["headers_start"] == len(REQUEST)
    assert message["headers_end"] == len(REQUEST) + sum(map(len, lines))


def test_folding():
    message = scan(b"Subject:\r\n one\r\n\ttwo \r\n \r\nTo: x\r\n")
    subject, to = message["headers"]
    assert subject["value"] == b"one\r\n\ttwo"
    assert subject["line"] == b"Subject:\r\n one\r\n\ttwo \r\n \r\n"
    assert to["value"] == b"x"
    assert message["flaws"] == set()


def test_empty_values():
    message = scan(b"Subject:\r\ns:   \r\nSubject: \r\n \r\n")
    assert [header["value"] for header in message["headers"]] == [b"", b"", b""]
    assert message["flaws"] == set()


@pytest.mark.parametrize("name", [name for name in inspect.HEADER_NAMES if name])
def test_known_header_names(name):
    for spelled in (name, name.upper(), name.lower()):
        assert inspect.header_id(spelled.encode()) == name
        header, = scan(spelled.encode() + b": 1\r\n")["headers"]
        assert header["id"] == name
    assert inspect.header_id(name.encode() + b"x") is None
    assert name == "To" or inspect.header_id(name.encode()[:-1]) != name     # T is the compact To
    assert inspect.header_id(b"x" + name.encode()[1:]) is None


def test_compact_header_names():
    for letter in range(256):
        name = bytes([letter])
        assert inspect.header_id(name) == twin.COMPACT.get(name.lower()), name


@pytest.mark.parametrize("line", [
    b": empty name\r\n", b"No colon\r\n", b"N(ame: x\r\n", b"Na me: x\r\n", b"N\0me: x\r\n", b" fold of nothing\r\n",
    b"Name\r\n : x\r\n",
    b"Subject: a\nb\r\n", b"Subject: a\rb\r\n", b"Subject: a\r\r\n", b"Subject: a\n\r\n", "Näme: x\r\n".encode(),
    b"\rX: y\r\n",
])
def test_header_line_flaw(line):
    message = scan(b"To: a\r\n" * (line[0] != 32) + line + b"Call-ID: after\r\n")
    assert message["flaws"] == {"header_line"}
    assert message["headers"][-1]["value"] == b"after"


def test_octets_in_values_are_free():
    value = bytes(octet for octet in range(256) if octet not in b"\r\n")
    header, = scan(b"X: a" + value + b"b\r\n")["headers"]
    assert header["value"] == b"a" + value + b"b"


@pytest.mark.parametrize("name", [b"From", b"t", b"Call-ID", b"i", b"CSeq", b"Max-Forwards"])
def test_repeated(name):
    assert flaws(name + b": 1\r\n" + name + b": 1\r\n") == {"repeated"}


@pytest.mark.parametrize("name", [b"Via", b"Route", b"Contact", b"Subject", b"Expires"])
def test_may_be_repeated(name):
    assert flaws(name + b": 1\r\n" + name + b": 1\r\n") == set()


@pytest.mark.parametrize("cut", range(1, len(b"Via: a\r\nTo: b\r\n\r\n")))
def test_cut_header_part(cut):
    data = (REQUEST + b"Via: a\r\nTo: b\r\n\r\n")[:-cut]
    message = inspect.scan(data)
    assert "no_empty_line" in message["flaws"]
    assert message["headers_end"] == message["length"] == len(data)
    assert message["body"] == b""


# ---- bare LF ----

def test_bare_line_feeds_are_refused_by_default():
    not_sip(REQUEST.replace(b"\r\n", b"\n") + b"To: a\n\n")


def test_bare_line_feeds_are_taken_when_asked():
    message = inspect.scan(b"\n" + REQUEST.replace(b"\r\n", b"\n") + b"To: a\n b\nFrom: c\r\n\nbody", accept_lf=True)
    assert message["flaws"] == set()
    assert [header["value"] for header in message["headers"]] == [b"a\n b", b"c"]
    assert (message["start"], message["body"]) == (1, b"body")


def test_a_line_feed_never_hides_or_makes_a_header():
    """With bare LF refused, what stands behind one is neither a header of its own nor the body."""
    message = scan(b"Subject: a\nVia: b\r\nTo: c\n\nContent-Length: 5\r\n")
    assert [header["id"] for header in message["headers"]] == ["Subject", "To"]
    assert message["flaws"] == {"header_line"}


# ---- body ----

def test_body_without_content_length_is_the_rest():
    assert scan(b"", b"rest\r\n\r\n")["body"] == b"rest\r\n\r\n"


@pytest.mark.parametrize(("lengths", "body", "expected"), [
    ([b"4"], b"1234", set()),
    ([b"0"], b"1234", set()),
    ([b"0004"], b"1234", set()),
    ([b"\r\n 4"], b"1234", set()),
    ([b"4", b"04"], b"1234", set()),
    ([b"5"], b"1234", {"body_short"}),
    ([b"4294967295"], b"1234", {"body_short"}),
    ([b"4294967296"], b"1234", {"content_length"}),
    ([b"18446744073709551620"], b"1234", {"content_length"}),
    ([b"4", b"3"], b"1234", {"content_length"}),
    ([b"4", b"x"], b"1234", {"content_length"}),
    ([b"x", b"4"], b"1234", {"content_length"}),
    ([b""], b"1234", {"content_length"}),
    ([b"-1"], b"1234", {"content_length"}),
    ([b"+4"], b"1234", {"content_length"}),
    ([b"4 4"], b"1234", {"content_length"}),
    ([b"4,4"], b"1234", {"content_length"}),
])
def test_content_length(lengths, body, expected):
    assert flaws(b"".join(b"l: " + length + b"\r\n" for length in lengths), body) == expected


def test_octets_after_the_body_are_outside_the_message():
    message = scan(b"Content-Length: 2\r\n", b"abINVITE sip:x SIP/2.0\r\n\r\n")
    assert message["body"] == b"ab"
    assert message["length"] == message["headers_end"] + 4


# ---- limits ----

def test_limit_of_message():
    assert flaws(b"", b"x" * 10, limits={"message": len(REQUEST) + 12}) == set()
    assert flaws(b"", b"x" * 11, limits={"message": len(REQUEST) + 12}) == {"limit"}


def test_limit_of_header_part():
    lines = b"To: 1\r\n" + b"Via: 2\r\n"
    whole = len(REQUEST) + len(lines) + 2
    assert flaws(lines, limits={"header_part": whole}) == set()
    message = scan(lines, b"body", limits={"header_part": whole - 1})
    assert message["flaws"] == {"limit", "header_line"}
    assert message["body"] == b""
    assert scan(lines, limits={"header_part": whole - 10})["headers"][0]["value"] == b"1"


def test_limit_of_line_counts_folding():
    assert flaws(b"To: 1234\r\n", limits={"line": 40}) == set()
    assert flaws(b"To: 1234\r\n" + b"X: " + b"y" * 35 + b"\r\n", limits={"line": 40}) == set()
    assert flaws(b"X: " + b"y" * 36 + b"\r\n", limits={"line": 40}) == {"limit"}
    assert flaws(b"X: y\r\n " + b"y" * 32 + b"\r\n", limits={"line": 40}) == {"limit"}
    assert flaws(start=b"OPTIONS sip:" + b"a" * 30 + b" SIP/2.0\r\n", limits={"line": 40}) == {"limit"}


def test_limit_of_headers():
    assert flaws(b"X: y\r\n" * 256) == set()
    message = scan(b"X: y\r\n" * 257)
    assert message["flaws"] == {"limit"}
    assert len(message["headers"]) == 256
    assert flaws(b"X: y\r\n" * 4, limits={"headers": 3}) == {"limit"}
    assert flaws(b"X: y\r\n" * 300, limits={"headers": 100000}) == {"limit"}


# ---- round trip ----

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~", min_size=1, max_size=20)
VALUE = st.binary(max_size=40).map(lambda octets: octets.replace(b"\r", b"").replace(b"\n", b"").strip())
SPACE = st.sampled_from([b"", b" ", b"\t", b"  "])
FOLD = st.sampled_from([b"", b" ", b"\r\n ", b" \r\n\t"])
FIELD = st.tuples(TOKEN.map(str.encode), SPACE, FOLD, VALUE, FOLD)


@settings(max_examples=300, deadline=None)
@given(TOKEN.map(str.encode), st.text("abcxyz:;@.-_=", min_size=1, max_size=30).map(str.encode), st.lists(FIELD,
    max_size=20),
       st.binary(max_size=60))
def test_written_messages_scan_back(method, uri, fields, body):
    lines = [name + space + b":" + lead + value + trail + b"\r\n" for name, space, lead, value, trail in fields]
    lines.append(b"Content-Length: %d\r\n" % len(body))
    if any(inspect.header_id(name) == "Content-Length" for name, *_ in fields):
        lines.pop()
        body = b""
    head = method + b" " + uri + b" SIP/2.0\r\n" + b"".join(lines)
    message = inspect.scan(head + b"\r\n" + body)
    assert message["flaws"] <= {"repeated", "content_length", "body_short"}
    assert (message["method_text"], message["request_uri"], message["body"]) == (method, uri, body)
    assert [header["line"] for header in message["headers"]] == lines
    assert [(header["name"], header["value"]) for header in message["headers"]][:len(fields)] == [
        (name, value.strip(b" \t\r\n")) for name, _, _, value, _ in fields]
    assert message["headers_end"] == len(head)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_arbitrary_octets_give_spans_inside_the_buffer(data, accept_lf):
    """inspect raises SystemError for a span outside, and for broken chains."""
    for start in (b"", REQUEST, b"SIP/2.0 200 OK\r\n", REQUEST + b"Via: "):
        try:
            inspect.scan(start + data, accept_lf)
        except ValueError:
            assert start == b""
