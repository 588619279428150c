"""Sanity checks and error answers: engine.md section 2. After every bad message a good one is served."""

import re

import pytest

from kit.configuration import Route
from kit.endpoint import is_reply, token
from kit.message import Message

SILENT = "silent"


@pytest.fixture(autouse=True)
def _serves_on(proxy):
    yield
    proxy.ping()


@pytest.fixture
def good(caller, callee):
    """Text of a good OPTIONS for the callee, to be spoiled by the test."""
    return caller.request("OPTIONS", callee.uri("bob"), from_tag="f1")


def without(text: str, name: str) -> str:
    return re.sub(rf"(?m)^{name}:.*\r\n", "", text)


def doubled(text: str, name: str) -> str:
    return re.sub(rf"(?m)^({name}:.*\r\n)", r"\1\1", text)


def with_line(text: str, name: str, line: str) -> str:
    return re.sub(rf"(?m)^{name}:.*\r\n", lambda _: line + "\r\n", text)


def refused(proxy, caller, callee, text: str, status: int | tuple[int, ...]) -> Message:
    """Send, check the answer's copied headers and that nothing reaches the callee."""
    caller.send(text, proxy.address)
    answer = caller.receive_reply()
    wanted = (status,) if isinstance(status, int) else status
    assert answer.status in wanted, answer.text
    sent = Message.parse(text.encode("latin-1"))
    assert len(answer.vias) == len(sent.vias)
    for name in ("From", "Call-ID"):
        if len(sent.all(name)) == 1:
            assert answer.raw_value(name).strip() == sent.raw_value(name).strip()
    if len(sent.all("To")) == 1:
        assert answer.to_uri == sent.to_uri
        assert answer.to_tag, "an error answer carries a To-tag"
    assert answer.get("Content-Length") == "0"
    callee.expect_nothing(0.05)
    return answer


def ignored(proxy, caller, callee, data: bytes | str) -> None:
    caller.send(data, proxy.address)
    caller.expect_nothing(predicate=lambda message: True)
    callee.expect_nothing(0.0)


@pytest.mark.parametrize(
    "data",
    [b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"\n", b"x", b"hello", b"", b"\0"],
    ids=["crlf-crlf", "crlf", "nul", "lf", "one-octet", "short", "empty", "one-nul"],
)
def test_keepalives_and_scraps_are_dropped_in_silence(proxy, caller, callee, data):
    ignored(proxy, caller, callee, data)


@pytest.mark.own
@pytest.mark.parametrize("start_line", ["HELLO", "OPTIONS", "OPTIONS sip:bob@example.com", "SIP/2.0"])
def test_a_broken_start_line_with_a_usable_via_is_answered_400(proxy, caller, callee, good, start_line):
    """Step S2; a line that begins like a reply may be dropped, as a reply is never answered."""
    text = start_line + good[good.index("\r\n") :]
    caller.send(text, proxy.address)
    if start_line.startswith("SIP/"):
        caller.expect_nothing()
    else:
        assert caller.receive_reply().status == 400


def test_a_broken_start_line_without_a_via_is_dropped(proxy, caller, callee, good):
    ignored(proxy, caller, callee, "HELLO" + without(good, "Via")[len("OPTIONS") :])


@pytest.mark.own
@pytest.mark.parametrize("version", ["SIP/7.0", "SIP/3.0", "SIP/2.1"])
def test_another_version_is_answered_505(proxy, caller, callee, good, version):
    refused(proxy, caller, callee, good.replace(" SIP/2.0\r\n", f" {version}\r\n", 1), 505)


def test_the_version_is_compared_without_case(proxy, caller, callee, good):
    caller.send(good.replace(" SIP/2.0\r\n", " sip/2.0\r\n", 1), proxy.address)
    callee.receive_request("OPTIONS")


@pytest.mark.parametrize(
    "via",
    [None, "Via:", "Via: ;;;,,,", "Via: SIP/2.0/UDP", "Via: \0\1\2", "Via: SIP/2.0/UDP [::1"],
    ids=["absent", "empty", "separators", "no-sent-by", "binary", "open-bracket"],
)
def test_no_usable_via_is_dropped(proxy, caller, callee, good, via):
    text = without(good, "Via") if via is None else with_line(good, "Via", via)
    ignored(proxy, caller, callee, text)


@pytest.mark.own
@pytest.mark.parametrize("name", ["To", "From", "Call-ID", "CSeq"])
@pytest.mark.parametrize("spoil", [without, doubled])
def test_a_mandatory_header_missing_or_repeated_is_answered_400(proxy, caller, callee, good, name, spoil):
    refused(proxy, caller, callee, spoil(good, name), 400)


@pytest.mark.own
def test_a_repeated_header_in_compact_form_is_found(proxy, caller, callee, good):
    refused(proxy, caller, callee, good.replace("\r\nCSeq", "\r\ni: second@endpoint\r\nCSeq"), 400)


@pytest.mark.parametrize(
    "cseq",
    [
        pytest.param("36893488147419103232 OPTIONS", id="overflow"),
        pytest.param("4294967296 OPTIONS", id="2^32", marks=pytest.mark.own),
        pytest.param("abc OPTIONS", id="letters"),
        pytest.param("-1 OPTIONS", id="negative", marks=pytest.mark.own),
        pytest.param("1 INVITE", id="other-method"),
        pytest.param("1 options", id="method-case"),
        pytest.param("1", id="no-method", marks=pytest.mark.own),
    ],
)
def test_a_bad_cseq_is_answered_400(proxy, caller, callee, good, cseq):
    refused(proxy, caller, callee, with_line(good, "CSeq", f"CSeq: {cseq}"), 400)


@pytest.mark.parametrize("cseq", ["0009 OPTIONS", "4294967295 OPTIONS", "0 OPTIONS", "1 \t OPTIONS"])
def test_an_unusual_but_valid_cseq_is_relayed_as_written(proxy, caller, callee, good, cseq):
    caller.send(with_line(good, "CSeq", f"CSeq: {cseq}"), proxy.address)
    assert callee.receive_request("OPTIONS").raw_value("CSeq") == f" {cseq}"


@pytest.mark.parametrize(
    "length",
    [
        pytest.param("100", id="larger"),
        pytest.param("-1", id="negative", marks=pytest.mark.own),
        pytest.param("abc", id="letters", marks=pytest.mark.own),
        pytest.param("4294967295", id="2^32-1", marks=pytest.mark.own),
        pytest.param("99999999999999999999", id="overflow", marks=pytest.mark.own),
    ],
)
def test_a_content_length_that_does_not_fit_is_answered_400(proxy, caller, callee, good, length):
    refused(proxy, caller, callee, with_line(good, "Content-Length", f"Content-Length: {length}"), 400)


@pytest.mark.own
def test_two_different_content_lengths_are_answered_400(proxy, caller, callee, good):
    refused(proxy, caller, callee, good.replace("Content-Length: 0", "Content-Length: 0\r\nl: 5") + "12345", 400)


@pytest.mark.own
def test_octets_after_the_body_are_ignored(proxy, caller, callee, good):
    """M12: a tail that looks like a second request never becomes one."""
    tail = caller.request("MESSAGE", callee.uri("bob"))
    caller.send(good + tail, proxy.address)
    assert callee.receive_request("OPTIONS").body == b""
    callee.expect_nothing()


def test_without_content_length_the_body_is_the_rest_of_the_datagram(proxy, caller, callee):
    text = caller.request("MESSAGE", callee.uri("bob"), body="Hello\r\n\r\nthere")
    caller.send(without(text, "Content-Length"), proxy.address)
    assert callee.receive_request("MESSAGE").body == b"Hello\r\n\r\nthere"


@pytest.mark.parametrize(
    "uri",
    [
        "<sip:bob@example.com>",
        "foo:bar",
        "sip:",
        "sip:bob@",
        "sip:bob@[::1",
        "sip:bob@example.com:99999",
        "sip:bob@example.com:port",
        "bob",
    ],
)
def test_a_bad_request_uri_is_answered_400_or_416(proxy, caller, callee, good, uri):
    refused(proxy, caller, callee, f"OPTIONS {uri} SIP/2.0" + good[good.index("\r\n") :], (400, 416))


def test_max_forwards_0_is_answered_483(proxy, caller, callee):
    refused(proxy, caller, callee, caller.request("INVITE", callee.uri("bob"), max_forwards=0), 483)


@pytest.mark.own
@pytest.mark.parametrize("value", ["abc", "-1", "70x", ""])
def test_max_forwards_that_is_not_a_number_is_answered_400(proxy, caller, callee, value):
    refused(proxy, caller, callee, caller.request("INVITE", callee.uri("bob"), max_forwards=value), 400)


@pytest.mark.own
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "MESSAGE"])
def test_an_unknown_proxy_require_is_answered_420_listing_the_unknown_tags(proxy, caller, callee, method):
    text = caller.request(method, callee.uri("bob"), headers=("Proxy-Require: nothingSupportsThis, norThat",))
    answer = refused(proxy, caller, callee, text, 420)
    assert answer.values("Unsupported") == ["nothingSupportsThis", "norThat"]


def test_require_is_not_the_proxys_business(proxy, caller, callee):
    caller.send(caller.request("OPTIONS", callee.uri("bob"), headers=("Require: nothingSupportsThis",)), proxy.address)
    assert callee.receive_request("OPTIONS").get("Require") == "nothingSupportsThis"


@pytest.mark.own
def test_cancel_and_ack_are_exempt_from_proxy_require(proxy, caller, callee):
    branch = token("z9hG4bK")
    details = {"from_tag": "f1", "call_id": token("c"), "branch": branch}
    caller.send(caller.request("INVITE", callee.uri("bob"), **details), proxy.address)
    invite = callee.receive_request("INVITE")
    callee.reply(invite, 180, "Ringing", to_tag="t1")
    caller.receive_reply(180)
    extra = ("Proxy-Require: nothingSupportsThis",)
    caller.send(caller.request("CANCEL", callee.uri("bob"), headers=extra, contact=False, **details), proxy.address)
    assert caller.receive_reply(method="CANCEL").status == 200
    callee.reply(callee.receive_request("CANCEL"), 200, "OK")
    callee.reply(invite, 487, "Request Terminated", to_tag="t1")
    final = caller.receive_reply(487)
    callee.receive_request("ACK")
    acknowledge = caller.request(
        "ACK", callee.uri("bob"), to_tag=final.to_tag, headers=extra, contact=False, **details
    )
    caller.send(acknowledge, proxy.address)
    caller.expect_nothing()


@pytest.mark.parametrize("name", ["CSeq", "Call-ID", "From", "To"])
def test_a_broken_ack_is_never_answered(proxy, caller, callee, name):
    ignored(proxy, caller, callee, without(caller.request("ACK", callee.uri("bob")), name))


def test_an_ack_with_max_forwards_0_is_never_answered(proxy, caller, callee):
    ack = caller.request("ACK", callee.uri("bob"), to_tag="t1", max_forwards=0, routes=(f"<sip:{proxy.sent_by};lr>",))
    caller.send(ack, proxy.address)
    callee.expect_nothing(0.1)
    caller.expect_nothing(0.1, is_reply())


@pytest.mark.parametrize(
    "status_line",
    [
        "SIP/2.0 200",
        "SIP/2.0 4294967301 OK",
        "SIP/2.0 99 Low",
        pytest.param("SIP/2.0 700 High", marks=pytest.mark.own),
        "SIP/2.0 abc OK",
    ],
)
def test_a_broken_response_is_never_answered_nor_relayed(proxy, caller, callee, good, status_line):
    own = f"Via: SIP/2.0/UDP {proxy.sent_by};branch=z9hG4bK1.1.0"
    ignored(proxy, caller, callee, status_line + "\r\n" + own + good[good.index("\r\n") :])


def test_a_status_line_with_an_empty_phrase_is_relayed(proxy, caller, callee):
    """M11."""
    caller.send(caller.request("OPTIONS", callee.uri("bob")), proxy.address)
    request = callee.receive_request("OPTIONS")
    callee.reply(request, 200, "")
    assert caller.receive_reply(200).start_line == "SIP/2.0 200 "


def test_an_error_answer_is_stateless_and_the_same_each_time(proxy, caller, callee):
    text = caller.request("INVITE", callee.uri("bob"), max_forwards=0, branch=token("z9hG4bK"))
    answers = []
    for _ in range(2):
        caller.send(text, proxy.address)
        answers.append(caller.receive_reply(483))
    assert answers[0].raw == answers[1].raw
    caller.expect_nothing(0.3)


def test_compact_names_and_folding_are_copied_into_an_error_answer(proxy, caller, callee):
    text = (
        f"INVITE {callee.uri('bob')} SIP/2.0\r\n"
        f"v: SIP/2.0/UDP {caller.sent_by};branch=z9hG4bKfold\r\n"
        "Max-Forwards: 0\r\n"
        'f: "Al\\"ice"\r\n <sip:alice@example.com>;tag=f1\r\n'
        "t: <sip:bob@example.com>\r\n"
        f"i: {token()}\r\n"
        "CSeq: 1 INVITE\r\nl: 0\r\n\r\n"
    )
    caller.send(text, proxy.address)
    answer = caller.receive_reply(483)
    assert answer.raw_value("From").strip() == '"Al\\"ice"\r\n <sip:alice@example.com>;tag=f1'


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text.replace("\r\n\r\n", ""), id="no-empty-line"),
        pytest.param(lambda text: text[:60], id="cut-in-a-header"),
        pytest.param(lambda text: text.replace("From", "\0\1From"), id="nul-in-a-name"),
        pytest.param(lambda text: text.replace("Max-Forwards: 70", ": 70"), id="empty-header-name"),
        pytest.param(lambda text: text.replace("Max-Forwards: 70", "no colon here"), id="no-colon"),
        pytest.param(lambda text: text.replace("\r\n", "\n"), id="bare-lf"),
        pytest.param(lambda text: text.replace("\r\n", "\r"), id="bare-cr"),
        pytest.param(lambda text: text.replace("From: <", 'From: "open <'), id="open-quote"),
        pytest.param(lambda text: text.replace("From: <", "From: <<<<"), id="brackets"),
        pytest.param(lambda text: text.replace("From", "x" * 9000), id="long-name"),
    ],
)
def test_other_broken_messages_are_dropped_or_answered_400_the_same_every_time(proxy, caller, callee, good, spoil):
    results = []
    for _ in range(2):
        caller.send(spoil(good), proxy.address)
        results.append([message.status for message in caller.collect(0.2)])
    assert results[0] == results[1]
    assert results[0] in ([], [400]) or callee.history


def test_an_options_for_our_own_address_without_user_part_is_answered_200(proxy, caller):
    caller.send(caller.request("OPTIONS", f"sip:{proxy.sent_by}"), proxy.address)
    assert caller.receive_reply().status == 200


def test_a_request_that_no_route_takes_is_answered_404(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=(Route("only-invites", method=("INVITE",)),))
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    assert caller.receive_reply().status == 404


def test_a_route_that_replies(shared_proxy, caller, callee):
    proxy = shared_proxy(routes=(Route("refuse", reply=(403, "Forbidden")),))
    caller.send(caller.request("INVITE", callee.uri("bob")), proxy.address)
    answer = caller.receive_reply()
    assert (answer.status, answer.reason) == (403, "Forbidden")
    callee.expect_nothing(0.05)
