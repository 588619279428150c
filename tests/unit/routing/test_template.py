"""Texts with pseudo-variables, evaluated in a route: every variable, null, and what is refused when it is compiled."""
import json

import pytest

from kit.memory import CALLEE, CALLER, RELAY, MemoryProxy, request, route
from uacfast.routing.template import VARIABLES, Template

FULL = {"uri": "sip:+49123@carrier.example:5070;user=phone", "from_": '"Alice A" <sip:alice@example.com:5062>;tag=f',
        "to": "Bob <sip:bob@example.org>", "call_id": "the-call", "headers": "User-Agent: Phone/1.0\r\nX-Y:  z w \r\n"}


def evaluated(template, values=FULL, method="INVITE", source=CALLER):
    """The template's text, put before the brackets of From as a display name."""
    display = json.dumps("[" + template + "]", ensure_ascii=False)
    proxy = MemoryProxy(route(f"replace_from = {{ display = {display} }}\n" + RELAY))
    proxy.receive(request(method, **values), source)
    sent = proxy.one(CALLEE)
    return sent.raw_value("From").partition("[")[2].rpartition("]")[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("$ru", "sip:+49123@carrier.example:5070;user=phone"),
        ("$rU", "+49123"),
        ("$rd", "carrier.example"),
        ("$rp", "5070"),
        ("$fu", "sip:alice@example.com:5062"),
        ("$fU", "alice"),
        ("$fd", "example.com"),
        ("$fn", '"Alice A"'),
        ("$tu", "sip:bob@example.org"),
        ("$tU", "bob"),
        ("$td", "example.org"),
        ("$tn", "Bob"),
        ("$rm", "INVITE"),
        ("$ci", "the-call"),
        ("$si", "127.0.0.1"),
        ("$sp", "40001"),
        ("$ua", "Phone/1.0"),
        ("$Ri", "127.0.0.1"),
        ("$Rp", "5060"),
        ("$hdr(X-Y)", "z w"),
        ("$hdr(x-y)", "z w"),
        ("$hdr(Call-ID)", "the-call"),
        ("$(hdr(X-Y))", "z w"),
        ("$hdr(i)", "the-call"),
    ],
)
def test_variable(variable, value):
    assert evaluated(variable) == value


def test_every_variable_is_tested():
    names = {mark.args[1][number][0] for mark in test_variable.pytestmark for number in range(len(mark.args[1]))}
    assert {f"${name}" for name in VARIABLES} <= names


@pytest.mark.parametrize("received", ["Subject", "s", "SUBJECT", "S"])
@pytest.mark.parametrize("named", ["Subject", "subject", "s"])
def test_a_header_by_its_long_or_compact_name(received, named):
    """Engine specification M2: they are the same header."""
    assert evaluated(f"$hdr({named})", {"headers": f"{received}: hello\r\n"}) == "hello"


@pytest.mark.parametrize("variable", ["$rU", "$rp", "$fn", "$tU", "$tn", "$ua", "$hdr(X-None)"])
def test_null_writes_nothing(variable):
    bare = {"uri": "sip:example.com", "from_": "<sip:example.com>;tag=1", "to": "sip:example.com"}
    assert evaluated(f"a{variable}-b", bare) == "a-b" if variable.startswith("$hdr") else evaluated(
        f"a$({variable[1:]})b", bare) == "ab"


def test_other_schemes():
    assert evaluated("$rU|$rd|$ru", {"uri": "tel:+49123;phone-context=x"}) == "+49123||tel:+49123;phone-context=x"


@pytest.mark.parametrize(("text", "value"), [
    ("$rU@host", "+49123@host"), ("$(rU)x", "+49123x"), ("$rUx", "+49123x"), ("$$rU", "$rU"), ("a$$", "a$"),
    ("$rU$rd", "+49123carrier.example"), ("sip:$rU@$rd:$rp", "sip:+49123@carrier.example:5070"), ("plain", "plain"),
    ("", ""), ("$fU.$tU", "alice.bob"), ("$rd1", "carrier.example1"), ("Jörg".encode().decode(), "JÃ¶rg"),
])
def test_text_round_variables(text, value):
    assert evaluated(text) == value


@pytest.mark.parametrize(
    "text", ["$xx", "$(xx)", "$(rUx)", "$r", "$hdr()", "$(", "$hdr(", "$RU"]
)
def test_what_is_no_variable_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"pseudo-variable.*(know|\$\$)"):
        Template(text)


def test_too_many_parts():
    with pytest.raises(ValueError, match="more than"):
        Template("$ru-" * 200)


def test_a_value_too_long_for_a_template_is_answered_500():
    """It does not fit, so nothing is sent with half of it."""
    proxy = MemoryProxy(route('replace_from = { display = "$hdr(X)" }\n' + RELAY))
    proxy.receive(request(headers=f"X: {'y' * 8000}\r\n"))
    assert (proxy.statuses(), proxy.methods()) == ([100, 500][1:], [])


def test_folded_values_do_not_break_the_header():
    """A line end in a value must not reach another header field (engine specification W3)."""
    proxy = MemoryProxy(route('replace_from = { display = "$hdr(X)" }\n' + RELAY))
    proxy.receive(request(headers="X: a\r\n b\r\n"))
    for message in proxy.take(CALLEE):
        assert "\r\n" not in message.raw_value("From")


@pytest.mark.parametrize(("text", "written"), [("$", "$"), ("$1", "$1"), ("a$ b", "a$ b"), ("$$$", "$$"), ("$&", "$&")])
def test_a_dollar_that_begins_no_name_stands_for_itself(text, written):
    assert evaluated(text) == written
