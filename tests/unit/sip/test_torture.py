"""The RFC 4475 and RFC 5118 messages at the parsers: what is noted, what is refused."""
import runpy
import tomllib
from pathlib import Path

import pytest

from uacfast.sip import inspect

FOLDER = Path(__file__).parents[2] / "data" / "torture"
EXPECTATIONS = tomllib.loads((FOLDER / "expectations.toml").read_text())
MESSAGES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.sip"))}
PARSERS = {"Via": inspect.parse_via, "From": inspect.parse_address, "To": inspect.parse_address,
           "Contact": inspect.parse_address, "Route": inspect.parse_address, "Record-Route": inspect.parse_address,
           "CSeq": inspect.parse_cseq}
OUTCOMES = {"relay", "drop", "200", "400", "416", "420", "483", "501", "505"}


def message(name):
    return inspect.scan(MESSAGES[name])


def values(name, header):
    """All values of all headers with this id, parsed."""
    found = message(name)["headers"]
    return [value for field in found if field["id"] == header for value in PARSERS[header](field["value"])]


def refused(scanned):
    names = set()
    for field in scanned["headers"]:
        try:
            parsed = PARSERS.get(field["id"], lambda _: [])(field["value"])
            if field["id"] not in ("Via", "CSeq"):
                for value in parsed:
                    inspect.parse_uri(value["uri"])
        except ValueError:
            names.add(field["id"])
    if scanned["is_request"]:
        try:
            inspect.parse_uri(scanned["request_uri"])
        except ValueError:
            names.add("Request-URI")
    return names


def test_every_message_has_an_expectation_and_a_reason():
    assert set(EXPECTATIONS) == set(MESSAGES)
    for name, expected in EXPECTATIONS.items():
        assert expected["reason"], name
        assert {expected["outcome"], *expected.get("also", [])} <= OUTCOMES, name


def test_files_are_what_the_generator_writes():
    generated = runpy.run_path(str(FOLDER / "make.py"))["messages"]()
    assert generated == MESSAGES


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_scan_and_values(name):
    expected = EXPECTATIONS[name]
    kind = expected.get("scan", "ok")
    if kind == "not_sip":
        with pytest.raises(ValueError, match="neither a SIP request nor"):
            message(name)
    elif kind == "keepalive":
        assert message(name) is None
    else:
        scanned = message(name)
        assert scanned["flaws"] == set(expected.get("flaws", []))
        assert refused(scanned) == set(expected.get("refused", []))


@pytest.mark.parametrize("name", sorted(name for name, item in EXPECTATIONS.items()
                                        if item["outcome"] == "relay" and "also" not in item))
def test_what_is_relayed_has_no_flaw_in_what_a_proxy_reads(name):
    scanned = message(name)
    assert not scanned["flaws"]
    assert not refused(scanned)


def test_wsinv_values():
    vias = values("wsinv", "Via")
    assert [(via["transport"], via["host"], via["branch"]) for via in vias] == [
        (b"UDP", b"192.0.2.2", b"390skdjuw"),
        (b"TCP", b"spindle.example.com", b"z9hG4bK9ikj8"),
        (b"UDP", b"192.168.255.111", b"z9hG4bK30239"),
    ]
    sender, = values("wsinv", "From")
    assert sender["display"] == rb'"J Rosenberg \\\""'
    assert sender["uri"] == b"sip:jdrosen@example.com"
    assert sender["tag"] == b"98asjd8"
    to, = values("wsinv", "To")
    assert (to["uri"], to["tag"], to["brackets"]) == (b"sip:vivekg@chair-dnrc.example.com", b"1918181833n", False)
    assert values("wsinv", "CSeq")[0] == 9
    contact, = values("wsinv", "Contact")
    assert inspect.parameter_find(contact["parameters"], b"newparam") == (True, b"newvalue")
    assert inspect.parameter_find(contact["parameters"], b"secondparam") == (True, None)
    assert inspect.parameter_find(contact["parameters"], b"q") == (True, b"0.33")
    fields = {field["name"]: field for field in message("wsinv")["headers"]}
    assert fields[b"s"]["value"] == b""
    assert fields[b"NewFangledHeader"]["value"] == b"newfangled value\r\n continued newfangled value"
    assert len(message("wsinv")["body"]) == 150


def test_intmeth_values():
    scanned = message("intmeth")
    assert scanned["method"] is None
    assert scanned["method_text"] == b"!interesting-Method0123456789_*+`.%indeed'~"
    uri = inspect.parse_uri(scanned["request_uri"])
    assert uri["user"] == b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri["password"] == b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert uri["host"] == b"example.com"
    to, = values("intmeth", "To")
    assert to["display"] == b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"'
    sender, = values("intmeth", "From")
    assert sender["display"] == b"token1~` token2'+_ token3*%!.-"
    assert sender["tag"] == b"_token~1'+`*%!-."
    assert values("intmeth", "CSeq") == [139122385, b"139122385", scanned["method_text"]]


def test_user_part_ends_at_the_last_at_sign():
    assert inspect.parse_uri(message("esc01")["request_uri"])["host"] == b"example.net"
    semicolon = inspect.parse_uri(message("semiuri")["request_uri"])
    assert (semicolon["user"], semicolon["host"]) == (b"user;par=u%40example.net", b"example.com")


def test_percent_is_no_escape_in_names():
    scanned = message("esc02")
    assert scanned["method"] is None
    assert [field["id"] for field in scanned["headers"]].count("Contact") == 2


def test_octets_after_the_body_are_no_message():
    scanned = message("dblreq")
    assert scanned["body"] == b""
    assert scanned["length"] < len(MESSAGES["dblreq"])
    assert MESSAGES["dblreq"][scanned["length"]:].strip().startswith(b"INVITE")


def test_binary_body_is_kept():
    assert bytes(range(256)) in message("mpart01")["body"]


def test_long_request():
    vias = values("longreq", "Via")
    assert len(vias) == 34
    assert vias[-1]["branch"] == b"very" + b"long" * 50 + b"branchvalue"
    assert values("longreq", "To")[0]["display"].endswith(b' proportion"')


def test_reason_phrases():
    assert message("unreason")["reason"].decode() == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert message("noreason")["reason"] == b""


def test_request_uri_headers_are_shown():
    assert inspect.parse_uri(message("escruri")["request_uri"])["headers"] == b"Route=%3Csip:example.com%3E"


def test_parameter_belongs_to_header_without_brackets():
    bare, = values("cparam01", "Contact")
    assert (bare["uri"], bare["parameters"]) == (b"sip:+19725552222@gw1.example.net", b"unknownparam")
    bracketed, = values("cparam02", "Contact")
    assert bracketed["parameters"] is None
    assert inspect.parse_uri(bracketed["uri"])["parameters"] == b"unknownparam"


def test_ipv6_hosts():
    assert inspect.parse_uri(message("port-ambiguous")["request_uri"])["port"] == 0
    assert inspect.parse_uri(message("port-unambiguous")["request_uri"])["port"] == 5070
    assert values("via-received-param-with-delim", "Via")[0]["received"] == b"[2001:db8::9:255]"
    assert values("via-received-param-no-delim", "Via")[0]["received"] == b"2001:db8::9:255"
    top, middle, bottom = values("mult-ip-in-header", "Via")
    assert (top["host"], top["port"], middle["host"], bottom["received"]) == (
        b"[2001:db8::9:1]", 6050, b"192.0.2.1", b"192.0.2.200")
    assert inspect.uri_equal(message("ipv6-bug-abnf-3-colons")["request_uri"],
                             message("ipv6-correct-abnf-2-colons")["request_uri"])


def test_line_ends_before_the_start_line_are_not_part_of_the_message():
    scanned = message("own-crlf-before-request")
    assert scanned["start"] == 4
    assert scanned["length"] == len(MESSAGES["own-crlf-before-request"]) - 4


def test_version_seven_keeps_a_usable_via():
    via, = values("badvers", "Via")
    assert (via["protocol"], via["host"], via["branch"]) == (b"SIP/7.0", b"c.example.com", b"z9hG4bKkdjuw")
