"""From/To replacement on one message: uac-semantics §1.1, §1.3, §1.6, §1.8, §1.10-§1.12."""
import pytest

from kit.memory import request
from kit.message import Message, parameters_of
from uacfast.testing.replacement import Replacement

TAG = ";tag=1"
URI = b"sip:r@y"
FROM = '"A" <sip:a@x>;tag=1'


def message(from_=FROM, to="<sip:b@z>", **more):
    return request(from_=from_, to=to, **more)


def sent_from(received, display, uri, **parameters):
    """The From value that leaves for (display, uri) given; None as display: the call with one argument."""
    replacement = Replacement(message(received), **parameters)
    assert replacement.replace_from(None if display is None else display.encode(), uri.encode())
    return Message.parse(replacement.write()).raw_value("From")[1:]


# --- §1.10 formatting -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("received", "display", "uri", "expected"), [
    ('"A" <sip:a@x>;tag=1', "", "sip:r@y", "<sip:r@y>;tag=1"),
    ("Alice  <sip:a@x>", '"B"', "sip:r@y", '"B"  <sip:r@y>'),
    ("<sip:a@x>;tag=1", "B", "", "B <sip:a@x>;tag=1"),
    ("sip:a@x;tag=1", "B", "", "B <sip:a@x>;tag=1"),
    ("sip:a@x;tag=1", None, "sip:r@y", "sip:r@y;tag=1"),
    ("sip:a@x;tag=1", None, "sip:r@y;user=phone", "<sip:r@y;user=phone>;tag=1"),
    ("sip:a@x;tag=1", "B", "sip:r@y;user=phone", "B <sip:r@y;user=phone>;tag=1"),
    ("<sip:a@x >;tag=1", None, "sip:r@y", "<sip:r@y >;tag=1"),
    ('"A"<sip:a@x>', "B", "sip:r@y", "B<sip:r@y>"),
    # [R]: exactly one pair of brackets where the URI needs them
    ("sip:a@x;tag=1", None, "sip:r@y?Subject=x", "<sip:r@y?Subject=x>;tag=1"),
    ("sip:a@x;tag=1", None, "sip:r,s@y", "<sip:r,s@y>;tag=1"),
    ("<sip:a@x>;tag=1", None, "sip:r@y;user=phone", "<sip:r@y;user=phone>;tag=1"),
    # what the table does not name
    ('"A" <sip:a@x>;tag=1', None, "sip:r@y", '"A" <sip:r@y>;tag=1'),
    ('"A" <sip:a@x>;tag=1', "", "", "<sip:a@x>;tag=1"),
    ('"A, B" <sip:a@x>;tag=1', "B", "sip:r@y", "B <sip:r@y>;tag=1"),
    ('"quoted \\" <sip:q@q>" <sip:a@x>;tag=1', None, "sip:r@y", '"quoted \\" <sip:q@q>" <sip:r@y>;tag=1'),
    ("<sip:a@x>;tag=1", "", "sip:r@y", "<sip:r@y>;tag=1"),
    ("sip:a@x;tag=1", "", "sip:r@y", "sip:r@y;tag=1"),
    ("sip:a@x", "", "sip:r@y", "sip:r@y"),
    ("A B C <sip:a@x>;tag=1;p=q", None, "sip:r@y", "A B C <sip:r@y>;tag=1;p=q"),
    ("<sip:a@x>;tag=1", None, "not-a-uri", "<not-a-uri>;tag=1"),
])
def test_format(received, display, uri, expected):
    assert sent_from(received, display, uri) == expected


def test_display_text_is_inserted_as_given():
    """§1.10: quotes are the caller's business."""
    assert sent_from(FROM, "Anonymous Coward", "sip:r@y") == "Anonymous Coward <sip:r@y>;tag=1"


@pytest.mark.parametrize("which", ["from", "to"])
def test_only_the_one_header_changes(which):
    octets = message()
    replacement = Replacement(octets)
    assert getattr(replacement, f"replace_{which}")(b"B", URI)
    before, after = Message.parse(octets), Message.parse(replacement.write())
    changed = [name for (name, old), (_, new) in zip(before.headers, after.headers, strict=True) if old != new]
    assert changed == [which.title()]
    assert (before.start_line, before.body) == (after.start_line, after.body)


@pytest.mark.parametrize("text", [b"a\r\nX: y", b"a\nb", b"a\0b", b"\r"])
def test_a_line_end_in_a_new_value_is_refused(text):
    """Engine specification W3, Z7."""
    octets = message()
    for display, uri in ((text, URI), (b"B", b"sip:" + text), (None, text)):
        replacement = Replacement(octets)
        assert not replacement.replace_from(display, uri)
        assert replacement.write() == octets
        assert replacement.parameters == b""


# --- §1.10 situations -----------------------------------------------------------------------------------------------

def test_display_only_stores_nothing_and_restores_nothing():
    for display in (b"", b"B"):
        replacement = Replacement(message())
        assert replacement.replace_from(display, b"")
        assert replacement.parameters == b""
        assert replacement.replies_show == (None, None)


def test_a_second_call_wins():
    """Better than the reference, which refuses it: one parameter, over the original."""
    replacement = Replacement(message())
    assert replacement.replace_from(b"B", b"sip:first@y")
    assert replacement.replace_from(None, b"sip:second@y")
    assert Message.parse(replacement.write()).raw_value("From")[1:] == "B <sip:second@y>;tag=1"
    single = Replacement(message())
    assert single.replace_from(b"B", b"sip:second@y")
    assert replacement.parameters == single.parameters
    assert replacement.replace_from(b"", b"")
    assert Message.parse(replacement.write()).raw_value("From")[1:] == "<sip:second@y>;tag=1"


@pytest.mark.parametrize("mode", ["none", "manual", "auto"])
def test_many_calls_leave_one_edit(mode):
    replacement = Replacement(message(), restore_mode=mode)
    for number in range(20):
        assert replacement.replace_from(b"N%d" % number, b"sip:n%d@y" % number)
        assert replacement.replace_to(None, b"sip:t%d@y" % number)
    after = Message.parse(replacement.write())
    assert (after.get("From"), after.get("To")) == ("N19 <sip:n19@y>;tag=1", "<sip:t19@y>")


def test_auto_refuses_a_uri_within_a_dialog():
    octets = message(to="<sip:b@z>;tag=2")
    replacement = Replacement(octets)
    assert not replacement.replace_from(None, URI)
    assert not replacement.replace_from(b"B", URI)
    assert replacement.write() == octets
    assert replacement.replace_from(b"B", b"")          # display only is allowed
    assert Message.parse(replacement.write()).get("From") == "B <sip:a@x>;tag=1"


@pytest.mark.parametrize("mode", ["manual", "none"])
def test_the_other_modes_replace_within_a_dialog(mode):
    assert Replacement(message(to="<sip:b@z>;tag=2"), restore_mode=mode).replace_from(None, URI)


def test_after_restoring_a_header_its_uri_is_not_replaced_again_in_auto():
    replacement = in_dialog("sip:alice@example.com", "sip:bob@example.com")
    assert not replacement.replace_from(None, URI)


@pytest.mark.parametrize(
    ("mode", "stores", "restores"), [("none", False, False), ("manual", True, True), ("auto", True, True)]
)
def test_what_each_mode_stores(mode, stores, restores):
    """uac-semantics §2."""
    replacement = Replacement(message(), restore_mode=mode)
    assert replacement.replace_from(None, URI)
    assert replacement.replace_to(None, URI)
    assert bool(replacement.parameters) == stores
    assert replacement.replies_show == ((b'"A" <sip:a@x>', b"<sip:b@z>") if restores else (None, None))


@pytest.mark.parametrize("mode", ["", "AUTO", "Manual", "nonE"])
def test_mode_names_without_case(mode):
    assert Replacement(message(), restore_mode=mode).replace_from(None, URI)


def test_parameters_stand_in_the_order_of_the_calls():
    """§1.2"""
    for order in (("from", "to"), ("to", "from")):
        replacement = Replacement(message(), restore_display=False)
        for which in order:
            assert getattr(replacement, f"replace_{which}")(b"B", URI)
        names = [part.partition(b"=")[0] for part in replacement.parameters.split(b";")[1:]]
        assert names == [{"from": b"vsf", "to": b"vst"}[which] for which in order]


def test_own_parameter_names():
    replacement = Replacement(message(), rr_from_store_param="ff", rr_to_store_param="tt", restore_display=False)
    replacement.replace_from(None, URI)
    replacement.replace_to(None, URI)
    assert [part.partition(b"=")[0] for part in replacement.parameters.split(b";")[1:]] == [b"ff", b"tt"]


# --- §1.3 limits ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("longer", ["original", "replacement"])
def test_up_to_1024_octets_are_replaced(longer):
    for length, fits in ((1024, True), (1025, False)):
        long = "sip:" + "u" * (length - 6) + "@x"
        octets = message(f"<{long if longer == 'original' else 'sip:a@x'}>;tag=1")
        replacement = Replacement(octets)
        assert replacement.replace_from(None, long.encode() if longer == "replacement" else URI) == fits
        if not fits:                                    # [R]: nothing has changed
            assert replacement.write() == octets
            assert (replacement.parameters, replacement.replies_show) == (b"", (None, None))


def test_both_headers_at_the_limit_with_long_display_names():
    long = "sip:" + "u" * 1018 + "@x"
    octets = request(from_=f'"{"D" * 6000}" <{long}>;tag=1', to=f'"{"E" * 6000}" <{long}>')
    replacement = Replacement(octets)
    assert replacement.replace_from(b"", long.encode())
    assert replacement.replace_to(b"F" * 500, long.encode())
    after = Message.parse(replacement.write())
    assert after.get("From") == f"<{long}>;tag=1"
    assert after.get("To") == f"{'F' * 500} <{long}>"


def test_a_refused_second_call_keeps_the_first():
    replacement = Replacement(message())
    assert replacement.replace_from(None, URI)
    stored = replacement.parameters
    assert not replacement.replace_from(None, b"sip:" + b"x" * 1021)
    assert replacement.parameters == stored
    assert Message.parse(replacement.write()).get("From") == '"A" <sip:r@y>;tag=1'


# --- §1.6, §1.12 in-dialog requests ---------------------------------------------------------------------------------

VSF = b"vsf=c2VjcmV2dWhGU25jfHF+cXUpPmNgBAQYGgE-"
VST = b"vst=c2VjcmR6Y0pqSmN2d2FnMSh0bAI-"
NORMAL = b"lr;ftag=ft1;" + VSF + b";" + VST
ALICE, BOB, ANON, CAROL = ("sip:alice@example.com", "sip:bob@example.com", "sip:anon@anonymous.invalid",
                           "sip:carol@gotham.org")


def in_dialog(from_uri, to_uri, parameters=NORMAL, *, tag="ft1", upstream=False, **settings):
    replacement = Replacement(request("BYE", from_=f"<{from_uri}>;tag={tag}", to=f"<{to_uri}>;tag=tt1"),
                              **({"restore_passwd": "secret"} | settings))
    replacement.loose_route(parameters, upstream)
    return replacement


def shown(replacement):
    after = Message.parse(replacement.write())
    return after.from_uri, after.to_uri


def test_the_stored_values_are_those_of_the_catalogue():
    replacement = Replacement(request(from_=f"<{ALICE}>;tag=ft1", to=f"<{BOB}>"), restore_passwd="secret")
    replacement.replace_from(None, ANON.encode())
    replacement.replace_to(None, CAROL.encode())
    assert replacement.parameters == b";" + VSF + b";" + VST


@pytest.mark.parametrize(
    ("from_uri", "parameters", "expected"),
    [
        (ALICE, NORMAL, (ANON, CAROL)),
        ("sip:al@example.com", NORMAL, ("sip:al@example.com", CAROL)),
        ("sip:" + "long" * 20 + "@example.com", NORMAL, ("sip:" + "long" * 20 + "@example.com", CAROL)),
        ("sip:bobby@example.com", NORMAL, ("sip:bobby@example.com", CAROL)),  # [R]: not the garbage of the reference
        (ALICE, NORMAL.replace(b"ftag=ft1;", b""), (ANON, CAROL)),
        (ALICE, NORMAL.replace(VSF + b";", b""), (ALICE, CAROL)),
        (ALICE, NORMAL.replace(VSF, b"vsf="), (ALICE, CAROL)),
        (ALICE, NORMAL.replace(VSF, b"vsf"), (ALICE, CAROL)),
        (ALICE, NORMAL.replace(b"vsf", b"VSF"), (ALICE, CAROL)),
        (ALICE, NORMAL.replace(b"GgE-", b"GgE="), (ALICE, CAROL)),
        (ALICE, NORMAL.replace(b"GgE-", b"GgE"), (ANON, CAROL)),
        (ALICE, NORMAL.replace(VSF, VSF[:20]), (ALICE, CAROL)),
        (ALICE, NORMAL.replace(VSF, b"vsf=--------"), (ALICE, CAROL)),
        (ALICE, NORMAL.replace(VSF, b'vsf="' + VSF[4:] + b'"'), (ANON, CAROL)),
        (ALICE, NORMAL.replace(VSF, b"vsf='" + VSF[4:] + b"'"), (ANON, CAROL)),
        (ALICE, b";".join((VST, b"lr=on", VSF, b"ftag=ft1")), (ANON, CAROL)),
        (ALICE, NORMAL + b";vsf=AAAA", (ANON, CAROL)),  # the first one counts
        (ALICE, b"vsf=AAAA;" + NORMAL, (ALICE, CAROL)),
        (ALICE, NORMAL.replace(VST, b"vst=????"), (ANON, BOB)),
        (ALICE, b"lr;ftag=ft1", (ALICE, BOB)),
        (ALICE, b"", (ALICE, BOB)),
    ],
    ids=[
        "normal",
        "shortened",
        "longer",
        "other text",
        "no ftag",
        "removed",
        "empty",
        "no =",
        "upper case",
        "= padded",
        "padding stripped",
        "truncated",
        "all dashes",
        "quoted",
        "single quotes",
        "re-ordered",
        "twice",
        "twice, first bad",
        "the other one bad",
        "both missing",
        "no parameters",
    ],
)
def test_the_failure_catalogue_downstream(from_uri, parameters, expected):
    assert shown(in_dialog(from_uri, BOB, parameters)) == expected


def test_upstream():
    assert shown(in_dialog(CAROL, ANON, tag="tt1", upstream=True)) == (BOB, ALICE)


def test_upstream_taken_for_downstream_changes_nothing():
    """Without ftag an upstream request looks like a downstream one: decoding fails, nothing goes out wrong."""
    assert shown(in_dialog(CAROL, ANON, NORMAL.replace(b"ftag=ft1;", b""), tag="tt1")) == (CAROL, ANON)


def test_downstream_taken_for_upstream_changes_nothing():
    assert shown(in_dialog(ALICE, BOB, tag="changed", upstream=True)) == (ALICE, BOB)


def test_a_wrong_password_restores_nothing_and_counts():
    replacement = in_dialog(ALICE, BOB, restore_passwd="other")
    assert shown(replacement) == (ALICE, BOB)
    assert (replacement.counts()["restore_failed"], replacement.counts()["restored_requests"]) == (2, 0)


def test_octets_beyond_ascii_are_not_restored_in_dialog():
    """§1.5 step 8"""
    original = "sip:j\xf6rg@example.com"
    first = Replacement(request(from_=f"<{original}>;tag=ft1"))
    assert first.replace_from(None, ANON.encode())
    assert first.replies_show == (f"<{original}>".encode("latin-1"), None)
    later = Replacement(request("BYE", from_=f"<{BOB}>;tag=tt1", to=f"<{ANON}>;tag=ft1"))
    later.loose_route(b"lr;ftag=ft1" + first.parameters, True)
    assert shown(later) == (BOB, ANON)


def test_what_replies_to_an_in_dialog_request_show():
    """§1.5: at least one parameter worked: replies are restored."""
    assert in_dialog(ALICE, BOB).replies_show == (f"<{ALICE}>".encode(), f"<{BOB}>".encode())
    assert in_dialog("sip:al@example.com", BOB).replies_show == (None, f"<{BOB}>".encode())


@pytest.mark.parametrize("mode", ["manual", "none"])
def test_only_auto_restores_by_itself(mode):
    assert shown(in_dialog(ALICE, BOB, restore_mode=mode)) == (ALICE, BOB)


# --- §1.11 uac_restore_* --------------------------------------------------------------------------------------------

def test_restoring_by_hand_downstream():
    replacement = in_dialog(ALICE, BOB, restore_mode="manual")
    assert replacement.restore_from()
    assert shown(replacement) == (ANON, BOB)
    assert replacement.restore_to()
    assert shown(replacement) == (ANON, CAROL)
    assert replacement.replies_show == (None, None)     # replies are not restored


def test_restoring_by_hand_upstream_rewrites_the_other_header():
    replacement = in_dialog(CAROL, ANON, tag="tt1", upstream=True, restore_mode="manual")
    assert replacement.restore_from()
    assert shown(replacement) == (CAROL, ALICE)
    assert replacement.restore_to()
    assert shown(replacement) == (BOB, ALICE)


def test_restoring_by_hand_after_auto_is_refused():
    """[R]: the reference duplicates the text."""
    replacement = in_dialog(ALICE, BOB)
    assert (replacement.restore_from(), replacement.restore_to()) == (False, False)
    assert shown(replacement) == (ANON, CAROL)


def test_restoring_in_mode_none_or_without_route_is_refused():
    """[R]: the reference crashes."""
    assert not in_dialog(ALICE, BOB, restore_mode="none").restore_from()
    replacement = Replacement(message(), restore_mode="manual")
    assert not replacement.restore_from()


# --- the seal -------------------------------------------------------------------------------------------------------

def sealed(keys=("first key",), **more):
    replacement = Replacement(
        request(from_=f"<{ALICE}>;tag=ft1", to=f"<{BOB}>", call_id="c1"), restore_seal=keys, **more
    )
    replacement.replace_from(b"", ANON.encode())
    replacement.replace_to(None, CAROL.encode())
    return b"lr;ftag=ft1" + replacement.parameters


def open_sealed(parameters, keys=("first key",), call_id="c1"):
    replacement = Replacement(request("BYE", from_=f"<{ALICE}>;tag=ft1", to=f"<{BOB}>;tag=tt1", call_id=call_id),
                              restore_seal=keys)
    replacement.loose_route(parameters)
    return replacement


def test_a_good_seal_passes():
    assert shown(open_sealed(sealed())) == (ANON, CAROL)
    assert set(parameters_of(sealed().decode())) >= {"ftag", "vsf", "vst", "vsc"}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"vst=", b"vst=A", 1),
        lambda text: text.replace(b"ftag=ft1", b"ftag=ft2"),
        lambda text: text.replace(b"ftag=ft1;", b""),
        lambda text: text[: text.index(b";vsc=")],
        lambda text: text[:-1] + (b"0" if text[-1:] != b"0" else b"1"),
        lambda text: text[:-1],
        lambda text: text + b"0",
        lambda text: text.replace(b";vsf=", b";vsx=", 1),
        lambda text: b"vsc=0123456789abcdef;" + text,
    ],
    ids=[
        "value changed",
        "tag changed",
        "tag removed",
        "seal removed",
        "seal changed",
        "seal shortened",
        "seal lengthened",
        "parameter renamed",
        "another seal first",
    ],
)
def test_a_broken_seal_restores_nothing_and_counts(change):
    changed = change(sealed())
    assert changed != sealed()
    replacement = open_sealed(changed)
    assert shown(replacement) == (ALICE, BOB)
    assert replacement.counts()["seal_broken"] > 0
    assert replacement.counts()["restored_requests"] == 0


def test_a_seal_of_another_call_does_not_pass():
    assert shown(open_sealed(sealed(), call_id="c2")) == (ALICE, BOB)


def test_keys_are_rotated():
    """The first key signs, all verify."""
    old = sealed(("old",))
    assert shown(open_sealed(old, ("new", "old"))) == (ANON, CAROL)
    assert shown(open_sealed(sealed(("new", "old")), ("new",))) == (ANON, CAROL)
    assert shown(open_sealed(old, ("new",))) == (ALICE, BOB)


def test_the_order_of_the_parameters_does_not_matter_to_the_seal():
    """§1.2: restoration does not depend on parameter order."""
    parameters = sealed().split(b";")
    for turn in range(len(parameters)):
        turned = b";".join(parameters[turn:] + parameters[:turn])
        assert shown(open_sealed(turned)) == (ANON, CAROL), turned
    assert shown(open_sealed(sealed() + b";x=y")) == (ANON, CAROL)


def test_without_keys_a_seal_is_ignored():
    assert shown(open_sealed(sealed(), ())) == (ANON, CAROL)


def test_too_many_keys():
    with pytest.raises(ValueError, match="At most 8 keys"):
        Replacement(message(), restore_seal=["k"] * 9)
