"""KSR.hdr, textops, textopsx: edits as they leave, and what get() shows meanwhile."""

import pytest

from uacfast.routing.ksr.hdr import HdrModule
from uacfast.routing.ksr.textops import TextopsModule
from uacfast.routing.ksr.textopsx import TextopsxModule

from .conftest import no, reply, request, yes


@pytest.fixture
def hdr(runtime):
    return HdrModule(runtime)


@pytest.fixture
def textops(runtime):
    return TextopsModule(runtime)


@pytest.fixture
def textopsx(runtime):
    return TextopsxModule(runtime)


def lines(runtime):
    return runtime.written.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_append_stands_last_and_insert_first(runtime, hdr):
    runtime.take(request())
    assert yes(hdr.append("P-Hint: outbound\r\n"))
    assert yes(hdr.append("X-Two: 2\r\n"))
    assert yes(hdr.insert("X-First: 1\r\n"))
    found = lines(runtime)
    assert found[1] == "X-First: 1" and found[-2:] == ["P-Hint: outbound", "X-Two: 2"]
    assert len(found) == 3 + len(request().partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_beside_a_header(runtime, hdr):
    runtime.take(request())
    assert yes(hdr.append_after("X-After: 1\r\n", "from")) and yes(hdr.insert_before("X-Before: 1\r\n", "f"))
    found = lines(runtime)
    at = next(i for i, line in enumerate(found) if line.startswith("From:"))
    assert (found[at - 1], found[at + 1]) == ("X-Before: 1", "X-After: 1")
    assert yes(hdr.append_after("X-End: 1\r\n", "No-Such"))
    assert lines(runtime)[-1] == "X-End: 1"


def test_remove_takes_all_and_is_never_no(runtime, hdr, textops):
    runtime.take(request("INVITE", "sip:b@x", "Route: <sip:a;lr>", "route: <sip:b;lr>", "X: 1"))
    assert yes(hdr.remove("Route")) and yes(hdr.remove("Route")) and yes(hdr.remove("No-Such"))
    assert not any(line.lower().startswith("route") for line in lines(runtime))
    assert hdr.get("Route") == "<sip:a;lr>"
    assert yes(textops.remove_hf("X")) and no(textops.remove_hf("No-Such"))


def test_compact_names_are_the_same_header(runtime, hdr):
    runtime.take(request("INVITE", "sip:b@x", "s: hello"))
    assert hdr.get("Subject") == "hello" and hdr.get("S") == "hello" and yes(hdr.is_present("subject"))
    assert yes(hdr.remove("Subject"))
    assert "s: hello" not in lines(runtime)


def test_values_and_indexes(runtime, hdr):
    runtime.take(request("INVITE", "sip:b@x", "X-A: 1", "x-a: 2", "X-A: 3"))
    assert [hdr.get_idx("X-A", i) for i in (0, 1, 2, 3, -1, -3, -4)] == ["1", "2", "3", None, "3", "1", None]
    assert (hdr.get("N"), hdr.gete("N"), hdr.getw("N")) == (None, "", "<null>")
    assert (hdr.gete_idx("X-A", 9), hdr.getw_idx("X-A", 9)) == ("", "<null>")
    assert no(hdr.is_present("N"))


def test_match_content_is_a_bool(runtime, hdr):
    runtime.take(request("INVITE", "sip:b@x", "X-A: one", "X-A: two"))
    assert hdr.match_content("X-A", "eq", "two", "f") is False
    assert hdr.match_content("X-A", "eq", "two", "l") is True
    assert hdr.match_content("X-A", "eq", "two", "a") is True
    assert hdr.match_content("X-A", "sw", "o", "f") is True
    assert hdr.match_content("X-A", "in", "w", "a") is True
    assert hdr.match_content("X-A", "re", "^t.o$", "a") is True
    assert hdr.match_content("X-A", "ne", "one", "f") is False
    assert hdr.match_content("X-A", "re", "(", "a") is False
    assert hdr.match_content("N", "eq", "", "a") is False


@pytest.mark.parametrize(
    "text", ["X-B", "a b: c\r\n", "X: 1\r\nbroken\r\n", "X: 1\r\n\r\n", "X: \x00\r\n", "", ": 1\r\n"]
)
def test_what_is_no_header_line_does_not_leave(runtime, hdr, textops, text):
    runtime.take(request())
    assert yes(hdr.append(text))  # as Kamailio answers
    assert no(textops.append_hf(text))
    assert runtime.written == request()


def test_a_forgotten_line_end_is_added(runtime, hdr):
    runtime.take(request())
    assert yes(hdr.append("X-B: 1")) and lines(runtime)[-1] == "X-B: 1"


def test_rmappend_and_rminsert(runtime, hdr):
    runtime.take(request("INVITE", "sip:b@x", "X-A: 1", "X-B: 1"))
    assert yes(hdr.rmappend("X-A", "X-A: 2\r\n")) and yes(hdr.rminsert("X-B", "X-B: 2\r\n"))
    assert [line for line in lines(runtime) if line.startswith("X-")] == ["X-B: 2", "X-A: 2"]


def test_append_to_reply_collects(runtime, hdr):
    runtime.take(request())
    assert yes(hdr.append_to_reply("X-A: 1\r\n")) and yes(hdr.append_to_reply("X-B: 2\r\n"))
    assert runtime.context.state.notes["reply_lines"] == b"X-A: 1\r\nX-B: 2\r\n"


def test_apply_changes_shows_them(runtime, hdr, textopsx):
    runtime.take(request("INVITE", "sip:b@x", "X-Test: 1", body="v=0\r\n"))
    hdr.remove("X-Test")
    hdr.append("X-New: 2\r\n")
    assert (hdr.get("X-Test"), hdr.get("X-New")) == ("1", None)
    before = runtime.written
    assert yes(textopsx.msg_apply_changes())
    assert (hdr.get("X-Test"), hdr.get("X-New")) == (None, "2")
    assert runtime.written == before
    hdr.append("X-Third: 3\r\n")
    assert yes(textopsx.msg_apply_changes()) and hdr.get("X-Third") == "3"
    assert runtime.written.endswith(b"X-New: 2\r\nX-Third: 3\r\n\r\nv=0\r\n")


def test_apply_changes_in_a_reply(runtime, hdr, textopsx):
    runtime.take(reply(180, "Ringing", "X: 1"))
    assert yes(textopsx.change_reply_status(183, "Session Progress")) and yes(hdr.remove("X"))
    assert yes(textopsx.msg_apply_changes())
    assert runtime.written.startswith(b"SIP/2.0 183 Session Progress\r\n") and hdr.get("X") is None


def test_apply_changes_keeps_a_message_a_message(runtime, textops, textopsx):
    runtime.take(request())
    assert yes(textops.replace("Call-ID", "X-Gone"))
    assert no(textopsx.msg_apply_changes())
    assert b"X-Gone: c1@x" in runtime.written


@pytest.mark.parametrize("code,done", [(183, True), (200, False), (99, False), (700, False)])
def test_change_reply_status_stays_in_its_class(runtime, textopsx, code, done):
    runtime.take(reply(180, "Ringing"))
    assert textopsx.change_reply_status(code, "x y") == (1 if done else -1)
    assert (f"SIP/2.0 {code} x y" in lines(runtime)) == done


def test_change_reply_status_of_finals(runtime, textopsx):
    runtime.take(reply(404, "Not Found"))
    assert no(textopsx.change_reply_status(404, "a\r\nX: y")) and no(textopsx.change_reply_status(200, "OK"))
    assert yes(textopsx.change_reply_status(486, "Busy Here"))
    runtime.take(request())
    assert no(textopsx.change_reply_status(486, "Busy Here"))


def test_bodies(runtime, textops, textopsx):
    runtime.take(request(body="v=0\r\n", Content_Type="application/sdp;x=1"))
    assert yes(textops.has_body()) and yes(textops.has_body_type("application/SDP"))
    assert no(textops.has_body_type("text/plain"))
    assert yes(textops.set_body("hello", "text/plain"))
    assert runtime.written.endswith(b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
    assert yes(textops.replace_body("l+", "L"))
    assert runtime.written.endswith(b"Content-Length: 4\r\n\r\nheLo")
    assert yes(textopsx.msg_apply_changes()) and yes(textops.has_body_type("text/plain"))
    assert yes(textopsx.remove_body())
    assert runtime.written.endswith(b"Content-Length: 0\r\n\r\n") and b"Content-Type" not in runtime.written


def test_body_where_there_was_none(runtime, textops):
    runtime.take(request().replace(b"Content-Length: 0\r\n", b""))
    assert no(textops.has_body()) and no(textops.has_body_type("text/plain"))
    assert yes(textops.set_body("hello", "text/plain")) and yes(textops.append_hf("X: 1\r\n"))
    assert yes(textops.subst_body("/hello/hi/"))
    assert runtime.written.endswith(b"X: 1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")
    assert no(textops.set_body("", "text/plain")) and no(textops.set_body("x", "a\r\nb"))


def test_searching(runtime, textops):
    runtime.take(request("INVITE", "sip:b@x", "X-A: apple", "X-A: pear", body="v=0\r\nm=audio\r\n"))
    assert yes(textops.search("pe[a]r")) and no(textops.search("plum")) and no(textops.search("("))
    assert yes(textops.search_body("m=audio")) and no(textops.search_body("apple"))
    assert yes(textops.search_hf("X-A", "pear", "a")) and no(textops.search_hf("X-A", "pear", "f"))
    assert yes(textops.search_hf("X-A", "pear", "l")) and no(textops.search_hf("N", "x", "a"))
    assert yes(textops.is_present_hf("X-A")) and no(textops.is_present_hf("N"))
    assert yes(textops.is_present_hf_re("^X-")) and no(textops.is_present_hf_re("^Y-"))


def test_substitutions(runtime, textops):
    runtime.take(request("INVITE", "sip:+4930123@x", "X-A: one two one", body="one\r\n"))
    assert yes(textops.subst_user("/^\\+49(.*)$/0\\1/")) and runtime.request_uri == "sip:030123@x"
    assert yes(textops.subst_uri("/@x$/@y.example/")) and runtime.request_uri == "sip:030123@y.example"
    assert no(textops.subst_uri("/nothing/x/"))
    assert yes(textops.subst_hf("X-A", "/one/1/g", "a")) and "X-A: 1 two 1" in lines(runtime)
    assert no(textops.subst_hf("X-A", "/nothing/x/", "a"))
    assert no(textops.subst_hf("X-A", "/two/a\r\nb/", "a"))
    for broken in ("", "/a", "/(/x/", "/a/\\2/", "/a/b/q"):
        assert no(textops.subst(broken))
    runtime.take(request(body="one\r\n"))
    assert yes(textops.subst("/one/uno/g")) and runtime.written.endswith(b"Content-Length: 5\r\n\r\nuno\r\n")


def test_replacing(runtime, textops):
    runtime.take(request("INVITE", "sip:b@x", "X-A: one one", body="one one"))
    assert yes(textops.replace("one", "1")) and "X-A: 1 one" in lines(runtime)
    assert yes(textops.replace_all("one", "2"))
    assert runtime.written.endswith(b"Content-Length: 3\r\n\r\n2 2") and "X-A: 2 2" in lines(runtime)
    assert no(textops.replace("nothing", "x")) and no(textops.replace("(", "x"))


def test_remove_by_expression(runtime, textops, textopsx):
    runtime.take(request("INVITE", "sip:b@x", "X-A: 1", "X-B: 2", "Y: 3"))
    assert yes(textops.remove_hf_re("^X-")) and no(textops.remove_hf_re("^Z"))
    assert not any(line.startswith("X-") for line in lines(runtime))
    runtime.take(request("INVITE", "sip:b@x", "X-A: 1", "X-B: 2"))
    assert yes(textops.remove_hf_exp("^X-", "B$")) and "X-B: 2" in lines(runtime) and "X-A: 1" not in lines(runtime)
    assert yes(textopsx.keep_hf_re("^X-B")) and "X-B: 2" in lines(runtime)
    assert not any(line.startswith("Contact") for line in lines(runtime))
    assert yes(textopsx.msg_apply_changes())


def test_lists_and_texts(runtime, textops):
    assert (
        yes(textops.in_list("b", "a, b,c", ","))
        and no(textops.in_list("d", "a,b", ","))
        and no(textops.in_list("a", "a", ""))
    )
    assert yes(textops.in_list_prefix("bcd", "a,b", ",")) and no(textops.in_list_prefix("x", "a,b", ","))
    assert (
        yes(textops.starts_with("abc", "ab"))
        and no(textops.starts_with("abc", "b"))
        and no(textops.starts_with("abc", ""))
    )
    assert yes(textops.ends_with("abc", "bc")) and no(textops.ends_with("abc", "b"))
    assert yes(textops.cmp_str("a", "a")) and no(textops.cmp_str("a", "A")) and yes(textops.cmp_istr("a", "A"))
    runtime.take(request("INVITE", "sip:b@x", "Privacy: id;critical"))
    assert yes(textops.is_privacy("ID")) and no(textops.is_privacy("header"))
    runtime.take(request(body="v=0\r\na=sendonly\r\n"))
    assert yes(textops.is_audio_on_hold())
    runtime.take(request())
    assert no(textops.is_audio_on_hold()) and no(textops.is_privacy("id"))


@pytest.mark.parametrize(
    "call",
    [
        lambda hdr: hdr.append(5),
        lambda hdr: hdr.append(None),
        lambda hdr: hdr.append(),
        lambda hdr: hdr.append("a", "b"),
        lambda hdr: hdr.get_idx("X", "1"),
        lambda hdr: hdr.remove(b"X"),
    ],
)
def test_wrong_arguments_are_type_errors(runtime, hdr, call):
    runtime.take(request())
    with pytest.raises(TypeError):
        call(hdr)


def test_no_message_no_function(runtime, hdr):
    runtime.forget()
    with pytest.raises(RuntimeError):
        hdr.get("X")


def test_edits_that_do_not_fit_are_refused(runtime, hdr):
    runtime.take(request())
    results = [hdr.append(f"X-{i}: {'x' * 500}\r\n") for i in range(60)]
    assert results[0] == 1 and results[-1] == -1
    assert runtime.written.count(b"X-") == results.count(1)


def test_octets_that_are_no_utf8_survive(runtime, hdr):
    runtime.take(request("INVITE", "sip:b@x", "X-A: \udcff\udcfe"))
    value = hdr.get("X-A")
    assert yes(hdr.append(f"X-B: {value}\r\n")) and b"X-B: \xff\xfe\r\n" in runtime.written
