"""{…}: every transformation (kemi-python.md §4.3; what the table leaves open as Kamailio 5.6.3 answered)."""

import hashlib

import pytest

from uacfast.testing.message_context import ScriptMessage

URI = "sip:alice:pw@ex.com:5070;x=1;transport=tcp;lr;maddr=1.1.1.1;ttl=3;user=phone?a=b&c=d"
LINES = "a=x\r\nb=yz\r\nb=2\r\n"
TABLE = [
    ("alice", "{s.len}", 5),
    ("", "{s.len}", 0),
    ("é", "{s.len}", 2),
    (17, "{s.len}", 2),
    ("616263", "{s.int}", 616263),
    ("-17", "{s.int}", -17),
    ("alice", "{s.int}", None),
    ("", "{s.int}", 0),
    ("12ab", "{s.int}", None),
    ("12345678901", "{s.int}", None),
    ("2147483648", "{s.int}", None),
    ("alice", "{s.md5}", hashlib.md5(b"alice").hexdigest()),
    ("alice", "{s.sha256}", hashlib.sha256(b"alice").hexdigest()),
    ("alice", "{s.sha384}", hashlib.sha384(b"alice").hexdigest()),
    ("alice", "{s.sha512}", hashlib.sha512(b"alice").hexdigest()),
    ("aLice", "{s.toupper}", "ALICE"),
    ("ALIcE", "{s.tolower}", "alice"),
    ("alice", "{s.substr,1,2}", "li"),
    ("alice", "{s.substr,-3,0}", "ice"),
    ("alice", "{s.substr,-3,2}", "ic"),
    ("alice", "{s.substr,2,0}", "ice"),
    ("alice", "{s.substr,2,100}", "ice"),
    ("alice", "{s.substr,30,2}", None),
    ("alice", "{s.substr,-30,2}", None),
    ("alice", "{s.substr,2,-1}", None),
    ("", "{s.substr,0,0}", None),
    ("a:b:c:d", "{s.select,0,:}", "a"),
    ("a:b:c:d", "{s.select, 1,:}", "b"),
    ("a:b:c:d", "{s.select,-1,:}", "d"),
    ("a:b:c:d", "{s.select,9,:}", ""),
    ("a:b:c:d", "{s.select,-9,:}", ""),
    ("a,b,c", "{s.select,1,,}", "b"),
    ("1 INVITE", "{s.select,1, }", "INVITE"),
    ("alice", "{s.select,0,:}", "alice"),
    ("", "{s.select,0,:}", ""),
    ("alice", "{s.strip,2}", "ice"),
    ("alice", "{s.strip,99}", ""),
    ("alice", "{s.strip,-1}", "alice"),
    ("alice", "{s.striptail,2}", "ali"),
    ("alice", "{s.striptail,99}", ""),
    ("alice", "{s.striptail,0}", "alice"),
    ("alice", "{s.prefixes}", "a,al,ali,alic,alice"),
    ("alice", "{s.prefixes,2}", "a,al"),
    ("", "{s.prefixes}", ""),
    ("ab", "{s.prefixes.quoted}", "'a','ab'"),
    ("x" * 5000, "{s.prefixes}", None),
    ("alice", "{s.replace,l,L}", "aLice"),
    ("alice", "{s.replace,li,}", "ace"),
    ("a;b", "{s.replace,;,,}", "a,b"),
    ("alice", "{s.rm,l}", "aice"),
    ("alice", "{s.rm,li}", "ace"),
    ("  x y \r\n", "{s.trim}", "x y"),
    ("  x y  ", "{s.ltrim}", "x y  "),
    ("  x y  ", "{s.rtrim}", "  x y"),
    ("a:b:c", "{s.before,:}", "a"),
    ("abc", "{s.before,:}", "abc"),
    ("a:b:c", "{s.after,:}", "b:c"),
    ("abc", "{s.after,:}", ""),
    ("a:b:c", "{s.rbefore,:}", "a:b"),
    ("abc", "{s.rbefore,:}", "abc"),
    ("a:b:c", "{s.rafter,:}", "c"),
    ("a:b:c", "{s.count,:}", 2),
    ("a,b", "{s.count,,}", 1),
    ('"qu"', "{s.unquote}", "qu"),
    ("'qu'", "{s.unquote}", "qu"),
    ('"', "{s.unquote}", '"'),
    ("'x\"", "{s.unquote}", "'x\""),
    ("<br>", "{s.unbracket}", "br"),
    ("<br", "{s.unbracket}", "<br"),
    ("alice", "{s.encode.hexa}", "616c696365"),
    ("616263", "{s.decode.hexa}", "abc"),
    ("abc", "{s.decode.hexa}", None),
    ("xy", "{s.decode.hexa}", None),
    ("alice", "{s.encode.base64}", "YWxpY2U="),
    ("YWxpY2U=", "{s.decode.base64}", "alice"),
    ("a b", "{s.decode.base64}", None),
    ("alice", "{s.encode.base64t}", "YWxpY2U"),
    ("YWxpY2U", "{s.decode.base64t}", "alice"),
    ("??>", "{s.encode.base64url}", "Pz8-"),
    ("Pz8-", "{s.decode.base64url}", "??>"),
    ("Pz8+", "{s.decode.base64url}", None),
    ("alice", "{s.encode.base64urlt}", "YWxpY2U"),
    ("YWxpY2U", "{s.decode.base64urlt}", "alice"),
    ("alice", "{s.encode.base58}", "BzWHaQU"),
    ("BzWHaQU", "{s.decode.base58}", "alice"),
    ("0", "{s.decode.base58}", None),
    ("\0\0a", "{s.encode.base58}{s.decode.base58}", "\0\0a"),
    ("a'b\"c\\d", "{s.escape.common}", "a\\'b\\\"c\\\\d"),
    ("a\\'b\\\\d\\x", "{s.unescape.common}", "a'b\\d\\x"),
    ("a@b:c d", "{s.escape.user}", "a%40b%3ac%20d"),
    ("é", "{s.escape.user}", None),
    ("a%40b", "{s.unescape.user}", "a@b"),
    ("a%4", "{s.unescape.user}", None),
    ("a%zz", "{s.unescape.user}", None),
    ("a:b;c", "{s.escape.param}", "a:b%3bc"),
    ("a%3bb", "{s.unescape.param}", "a;b"),
    ('a"b', "{s.escape.csv}", '"a""b"'),
    ("a@b:c d%41+é;&=", "{s.urlencode.param}", "a%40b%3ac%20d%2541%2b%c3%a9%3b%26%3d"),
    ("a%40b+c", "{s.urldecode.param}", "a@b c"),
    ("0x1F", "{s.numeric}", "01"),
    ("alice", "{s.numeric}", ""),
    ("+4930-12", "{s.numeric}", "493012"),
    ("alice", "{s.corehash}", "1834153949"),
    ("alice", "{s.corehash,16}", "13"),
    ("", "{s.corehash}", "0"),
    ("a:b:c:d", "{s.corehash}", "1839049333"),
    ("a@b:c d%41+é;&=", "{s.corehash}", "3416258384"),
    ("0", "{s.ftime,%Y-x}", "1970-x"),
    (URI, "{uri.user}", "alice"),
    (URI, "{uri.host}", "ex.com"),
    (URI, "{uri.port}", 5070),
    (URI, "{uri.passwd}", "pw"),
    (URI, "{uri.params}", "x=1;transport=tcp;lr;maddr=1.1.1.1;ttl=3;user=phone"),
    (URI, "{uri.headers}", "a=b&c=d"),
    (URI, "{uri.transport}", "tcp"),
    (URI, "{uri.scheme}", "sip"),
    (URI, "{uri.param,x}", "1"),
    (URI, "{uri.param,lr}", ""),
    (URI, "{uri.param,X}", "1"),
    (URI, "{uri.param,nope}", ""),
    (URI, "{uri.tosocket}", "tcp:ex.com:5070"),
    (URI, "{uri.maddr}", "1.1.1.1"),
    (URI, "{uri.ttl}", "3"),
    (URI, "{uri.uparam}", "phone"),
    ("sip:ex.com", "{uri.user}", ""),
    ("sip:ex.com", "{uri.port}", 0),
    ("sip:ex.com", "{uri.params}", ""),
    ("sip:ex.com", "{uri.transport}", ""),
    ("sip:ex.com", "{uri.tosocket}", ""),
    ("sips:a@[::1];transport=ws", "{uri.tosocket}", "ws:[::1]:5060"),
    ("tel:+49;x=3", "{uri.user}", "+49"),
    ("tel:+49;x=3", "{uri.host}", ""),
    ("nonsense", "{uri.user}", None),
    ("", "{uri.host}", None),
    ("http://x/y", "{uri.host}", None),
    ("nonsense", "{uri.param,x}", None),
    ("nonsense", "{uri.tosocket}", None),
    ("a=1;b=two", "{param.value,a}", "1"),
    ("a=1;b=two", "{param.value,B}", "two"),
    ("a=1;b=two", "{param.value,c}", ""),
    ("a=1&c=x&d", "{param.value,c,&}", "x"),
    ('a="1;2";b=3', "{param.value,b}", "3"),
    ('a="1;2";b=3', "{param.value,a}", "1;2"),
    ("a=1;b=two", "{param.name,1}", "b"),
    ("a=1;b=two", "{param.name,-1}", "b"),
    ("a=1;b=two", "{param.name,9}", ""),
    ("a=1;b=two", "{param.valueat,1}", "two"),
    ("a=1;b=two", "{param.valueat,-2}", "1"),
    ("a=1;b=two", "{param.in,a}", 1),
    ("a=1;b=two", "{param.in,z}", 0),
    ("a=1;b=two;", "{param.count}", 2),
    ("a=1&c=x&d", "{param.count,&}", 3),
    ("", "{param.count}", None),
    ("", "{param.value,a}", None),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{nameaddr.name}", '"Bob B" '),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{nameaddr.uri}", "sip:bob@b.com;p"),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{nameaddr.len}", 25),
    ("sip:bob@b.com;tag=1", "{nameaddr.name}", ""),
    ('"<x>" <sip:a@b>', "{nameaddr.uri}", "sip:a@b"),
    ("sip:bob@b.com;tag=1", "{nameaddr.uri}", "sip:bob@b.com;tag=1"),
    ("", "{nameaddr.uri}", None),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{tobody.uri}", "sip:bob@b.com;p"),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{tobody.display}", '"Bob B"'),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{tobody.user}", "bob"),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{tobody.host}", "b.com"),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{tobody.tag}", "x"),
    ('"Bob B" <sip:bob@b.com;p>;tag=x;y=1', "{tobody.params}", "tag=x;y=1"),
    ("<sip:b.com>", "{tobody.user}", ""),
    ("<sip:b.com>", "{tobody.tag}", ""),
    ("nonsense", "{tobody.uri}", None),
    (LINES, "{line.at,0}", "a=x"),
    (LINES, "{line.at,-1}", "b=2"),
    (LINES, "{line.at,9}", ""),
    (LINES, "{line.count}", "3"),
    (LINES, "{line.sw,b}", "b=yz"),
    (LINES, "{line.sw,zz}", ""),
    (LINES, "{line.in,z}", "b=yz"),
    (LINES, "{line.in,q}", ""),
    ("a\n\nb\n", "{line.count}", "3"),
    ("", "{line.count}", None),
    ("alala", "{re.subst,/a/A/}", "Alala"),
    ("alala", "{re.subst,/a/A/g}", "AlAlA"),
    ("alala", "{re.subst,/(.)l/\\1L/g}", "aLaLa"),
    ("alala", "{re.subst,/A/x/i}", "xlala"),
    ("alala", "{re.subst,#a#/#g}", "/l/l/"),
    ("alala", "{re.subst,/a/[\\0]/g}", "[a]l[a]l[a]"),
    ("alala", "{re.subst,/[[:alpha:]]{2}/_/}", "_ala"),
    ("alice\nbob", "{re.subst,/e$/X/}", "alicX\nbob"),
    ("alice\nbob", "{re.subst,/e$/X/s}", "alice\nbob"),
    ("a/b", "{re.subst,/\\//x/}", "axb"),
    ("xyz", "{re.subst,/a/A/}", "xyz"),
    ("", "{re.subst,/a/A/}", None),
    ("abc", "{re.subst,/x*/-/g}", "-a-b-c-"),
    ("a\udcffb", "{re.subst,/a.b/x/}", "x"),
    ("alice", "{val.ne}", "alice"),
    ('a"b\n', "{val.json}", 'a\\"b\\n'),
    (URI, "{uri.user}{s.toupper}", "ALICE"),
    ('"B" <sip:bob@b.com>', "{nameaddr.uri}{uri.host}{s.len}", 5),
    ("alice", "{s.len} ", 5),
]


@pytest.mark.parametrize("value,steps,expected", TABLE)
def test_transformation(value, steps, expected):
    message = ScriptMessage(kind="none")
    message.set("$vn(x)", value)
    found = message.get(f"$(vn(x){steps})")
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("steps", sorted({steps for _, steps, _ in TABLE if not steps.startswith("{val")}))
def test_null_stays_null(steps):
    assert ScriptMessage(kind="none").get(f"$(vn(nope){steps})") is None


def test_null_with_a_replacement():
    message = ScriptMessage(kind="none")
    assert (message.get("$(vn(nope){val.ne})"), message.get("$(vn(nope){val.n0})")) == ("", 0)
    assert message.get("$(var(nope){s.len})") == 1  # its default is 0


def test_parameters_from_variables():
    message = ScriptMessage(kind="none")
    for name, value in (("$var(i)", 1), ("$var(s)", ";"), ("$vn(t)", "a;b;c"), ("$var(n)", "1"), ("$var(bad)", "x")):
        message.set(name, value)
    assert [
        message.get(name)
        for name in (
            "$(vn(t){s.select,$var(i),;})",
            "$(vn(t){s.select,1,$var(s)})",
            "$(vn(t){s.strip,$var(n)})",
            "$(vn(t){s.replace,;,$var(i)})",
            "$(vn(t){s.strip,$var(bad)})",
            "$(vn(t){s.strip,$vn(nope)})",
            "$(vn(t){s.select,1,$vn(t)})",
            "$(vn(t){re.subst,/b/<$var(s)$var(i)>/})",
        )
    ] == ["b", "b", ";b;c", "a1b1c", None, None, None, "a;<;1>;c"]


@pytest.mark.parametrize(
    "name",
    [
        "$(ru{s.nope})",
        "$(ru{S.len})",
        "$(ru{s})",
        "$(ru{})",
        "$(ru{s.len)",
        "$(ru{s.len",
        "$(ru{s.len}{nope.x})",
        "$(ru{ s.len})",
        "$(ru {s.len})",
        "$(ru{s.strip})",
        "$(ru{s.strip,})",
        "$(ru{s.strip,x})",
        "$(ru{s.select,1})",
        "$(ru{s.select,1,})",
        "$(ru{s.select,1,ab})",
        "$(ru{s.replace,a})",
        "$(ru{s.replace,a,b,c})",
        "$(ru{s.substr,1})",
        "$(ru{s.len,1})",
        "$(ru{re.subst,a})",
        "$(ru{re.subst,/a/b})",
        "$(ru{re.subst,/a/b/z})",
        "$(ru{re.subst,/(/b/})",
        "$(ru{re.subst,//b/})",
        "$(ru{re.nope,/a/b/})",
        "$(ru{param.value})",
        "$(ru{s.strip,99999999999})",
        "$ru{s.len}",
    ],
)
def test_what_is_no_transformation(name):
    with pytest.raises(ValueError):
        ScriptMessage(kind="none").get(name)


def test_results_are_bounded():
    message = ScriptMessage(kind="none")
    message.set("$vn(x)", "x" * 60000)
    assert message.get("$(vn(x){s.replace,x,12345678})") is None
    assert message.get("$(vn(x){re.subst,/x/12345678/g})") is None
    assert message.get("$(vn(x){s.encode.base58})") is None
    assert message.get("$(vn(x){s.encode.hexa}{s.encode.hexa}{s.encode.hexa})") is None
    assert len(message.get("$(vn(x){s.encode.hexa})")) == 120000
