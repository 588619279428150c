"""KSR.pv and KSR.pvx: names, results and their types (kemi-python.md §1.4, §3.2, §3.10)."""

import logging

import pytest

from kit.script_messages import REQUEST
from uacfast.routing.ksr.pv import PvModule
from uacfast.routing.ksr.pvx import PvxModule
from uacfast.routing.pv.reports import REPORTS
from uacfast.testing.message_context import ScriptMessage


@pytest.fixture(autouse=True)
def a_new_second(monkeypatch):
    """So that no line is left out of the log because of earlier tests."""
    monkeypatch.setattr(REPORTS, "second", 0.0)


@pytest.fixture
def pv():
    return PvModule(ScriptMessage(REQUEST).runtime)


@pytest.fixture
def pvx():
    return PvxModule(ScriptMessage(REQUEST).runtime)


@pytest.mark.parametrize(
    "name,values",
    [
        # get, gete, getw, geti, getvs("d"), getvn(9), is_null
        ("$vn(none)", [None, "", "<null>", 0, "d", 9, True]),
        ("$si", ["192.0.2.1"] * 3 + [192] + ["192.0.2.1"] * 2 + [False]),
        ("$sp", [5062] * 6 + [False]),
        ("$nope", [None, "", "<null>", 0, "d", 9, True]),
        ("a$ru", [None, "", "<null>", 0, "d", 9, True]),
        ("$rb", ["v=0\r\n"] * 3 + [0] + ["v=0\r\n"] * 2 + [False]),
        ("$T_reply_reason", ["", "", "", 0, "", "", False]),
    ],
)
def test_reading(pv, name, values):
    found = [
        pv.get(name),
        pv.gete(name),
        pv.getw(name),
        pv.geti(name),
        pv.getvs(name, "d"),
        pv.getvn(name, 9),
        pv.is_null(name),
    ]
    assert [(value, type(value)) for value in found] == [(value, type(value)) for value in values]


@pytest.mark.parametrize(
    "text,number",
    [
        ("127.0.0.1", 127),
        (" 12", 0),
        ("-5x", -5),
        ("+7", 7),
        ("0x10", 0),
        ("x", 0),
        ("99999999999", 2147483647),
        ("", 0),
        ("1e3", 1),
        ("-99999999999", -2147483648),
        ("9" * 5000, 2147483647),
    ],
)
def test_geti_takes_leading_digits(pv, text, number):
    pv.sets("$vn(a)", text)
    assert pv.geti("$vn(a)") == number


def test_writing(pv):
    for result, expected in (
        (pv.sets("$avp(x)", "a"), True),
        (pv.seti("$avp(x)", 5), True),
        (pv.unset("$avp(x)"), True),
        (pv.sets("$nope", "a"), False),
        (pv.seti("$ru", 5), False),
        (pv.sets("$mf", "1"), False),
        (pv.sets("$rm", "x"), False),
        (pv.unset("$ru"), False),
        (pv.unset("$nope"), False),
        (pv.setl("$avp(x)", 1 << 40), True),
        (pv.seti("$avp(x)", True), True),
    ):
        assert result is expected
    assert pv.get("$avp(x)") == 1 and type(pv.get("$avp(x)")) is int and pv.getl("$(avp(x)[1])") == 1 << 40


def test_wrong_arguments_are_type_errors(pv):
    for call in (
        lambda: pv.get(5),
        lambda: pv.get(None),
        lambda: pv.get(b"$ru"),
        lambda: pv.get(),
        lambda: pv.get("$ru", 1),
        lambda: pv.sets("$ru", 5),
        lambda: pv.sets("$ru", None),
        lambda: pv.seti("$mf", "5"),
        lambda: pv.seti("$mf", None),
        lambda: pv.seti("$mf", 1.5),
        lambda: pv.getvs("$ru", 5),
        lambda: pv.getvn("$ru", "5"),
        lambda: pv.unset(5),
        lambda: pv.is_null(None),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(OverflowError):
        pv.seti("$var(x)", 1 << 63)


def test_what_is_no_variable_is_logged(pv, caplog):
    with caplog.at_level(logging.ERROR, "uacfast.script"):
        assert pv.get("$definitely_not(x)") is None
    assert "$definitely_not(x) is no pseudo-variable: there is none of that name." in caplog.text


def test_text_with_a_surrogate_of_its_own_making(pv):
    assert pv.sets("$avp(x)", "a\ud800") and pv.get("$avp(x)") == "a\ud800"
    assert pv.get("$(avp(x){s.encode.hexa})") == "613f"
    assert pv.sets("$ru", "sip:\ud800@h") is True


def test_pvx_values(pvx):
    assert [
        pvx.var_sets("a", "1"),
        pvx.var_seti("a", 5),
        pvx.var_get("a"),
        pvx.var_get("zz"),
        pvx.shv_sets("a", "q"),
        pvx.shv_seti("b", 7),
        pvx.shv_get("a"),
        pvx.shv_get("b"),
        pvx.shv_get("zz"),
    ] == [1, 1, 5, 0, 1, 1, "q", 7, 0]
    assert [
        pvx.avp_sets("x", "1"),
        pvx.avp_seti("x", 3),
        pvx.avp_get("x"),
        pvx.avp_gete("no"),
        pvx.avp_getw("no"),
        pvx.avp_get("no"),
        pvx.avp_is_null("x"),
        pvx.avp_is_null("no"),
        pvx.avp_rm("x"),
        pvx.avp_get("x"),
        pvx.avp_rm("x"),
        pvx.avp_rm("x"),
        pvx.avp_get("x"),
    ] == [1, 1, 3, "", "<null>", None, -1, 1, 1, "1", 1, 1, None]


@pytest.mark.parametrize("kind", ["xavp", "xavu", "xavi"])
def test_pvx_records(pvx, kind):
    def call(name, *arguments):
        return getattr(pvx, f"{kind}_{name}")(*arguments)

    assert [
        call("sets", "r", "v"),
        call("get", "r"),
        call("seti", "r", 4),
        call("get", "r"),
        call("is_null", "r"),
        call("is_null", "no"),
        call("gete", "no"),
        call("getw", "no"),
        call("get", "no"),
    ] == [1, "v", 1, 4, -1, 1, "", "<null>", None]
    assert [
        call("child_sets", "r", "f", "1"),
        call("child_seti", "r", "f", 2),
        call("child_get", "r", "f"),
        call("child_sets", "r2", "f", "1"),
        call("child_sets", "r2", "g", "2"),
        call("child_get", "r2", "f"),
        call("child_get", "r2", "g"),
        call("child_gete", "r2", "no"),
        call("child_getw", "r2", "no"),
        call("child_is_null", "r2", "f"),
        call("child_is_null", "r2", "no"),
        call("child_rm", "r2", "f"),
        call("child_rm", "r2", "no"),
        call("child_get", "r2", "f"),
        call("rm", "r2"),
        call("rm", "no"),
        call("get", "r2"),
    ] == [1, 1, 2, 1, 1, "1", "2", "", "<null>", -1, 1, 1, 1, None, 1, 1, None]
    assert call("sets", "a=>", "x") == -1 and call("get", "a=>") is None
    with pytest.raises(TypeError):
        call("child_seti", "r", "f", "2")


def test_pvx_whole_records(pvx):
    pvx.xavp_child_sets("d", "a", "1")
    pvx.xavp_child_seti("d", "b", 2)
    assert pvx.xavp_getd("d") == [{"a": ["1"], "b": [2]}] and pvx.xavp_getd_p1("d", 0) == {"a": ["1"], "b": [2]}
    assert pvx.xavp_get_keys("d", 0) == ["a", "b"] and pvx.xavp_get_keys("d", 1) is None and pvx.xavp_getd("no") is None
    assert [
        pvx.xavp_copy("d", 0, "e"),
        pvx.xavp_child_get("e", "a"),
        pvx.xavp_copy("no", 0, "e"),
        pvx.xavp_copy_dst("d", 0, "e", 0),
        pvx.xavp_copy_dst("d", 0, "e", 5),
    ] == [1, "1", -1, 1, -1]


def test_pvx_texts(pvx):
    assert [
        pvx.xavp_params_explode("a=1;b=two;c", "p"),
        pvx.xavp_child_get("p", "b"),
        pvx.xavp_child_get("p", "c"),
        pvx.xavp_params_implode("p", "$var(out)"),
        pvx.var_get("out"),
        pvx.xavp_params_implode("no", "$var(out)"),
        pvx.xavp_params_explode("", "p"),
        pvx.xavu_params_explode("a=1", "u"),
        pvx.xavu_child_get("u", "a"),
        pvx.xavu_params_implode("u", "$nope"),
        pvx.xavp_slist_explode("a,b, c", ",", "t", "s"),
        pvx.xavp_getd("s"),
    ] == [1, "two", "", 1, "a=1;b=two;c;", -1, -1, 1, "1", -1, 1, [{"v": ["a", "b", "c"]}]]
    pvx.var_sets("q", "zz")
    assert [
        pvx.pv_var_to_xavp("q", "vx"),
        pvx.xavp_child_get("vx", "q"),
        pvx.pv_var_to_xavp("none", "vx"),
        pvx.pv_var_to_xavp("*", "vy"),
        pvx.xavp_child_get("vy", "q"),
        pvx.xavp_child_sets("tv", "newv", "val"),
        pvx.pv_xavp_to_var("tv"),
        pvx.var_get("newv"),
        pvx.pv_xavp_to_var("no"),
        pvx.evalx("$var(e)", "a $rU $var(q)"),
        pvx.var_get("e"),
        pvx.evalx("$nope", "x"),
        pvx.evalx("$var(e)", "$nope"),
        pvx.evalx("$rm", "x"),
        pvx.pv_xavp_print(),
        pvx.pv_xavu_print(),
        pvx.pv_xavi_print(),
    ] == [1, "zz", -1, 1, "zz", 1, 1, "val", -1, 1, "a bob zz", -1, -1, -1, 1, 1, 1]


def test_pvx_static_branch():
    message = ScriptMessage(REQUEST)
    pvx = PvxModule(message.runtime)
    assert pvx.sbranch_append() == -1 and pvx.sbranch_set_ruri() == -1
    assert (
        message.set("$sbranch(uri)", "sip:s@s")
        and message.set("$sbranch(dst_uri)", "sip:d@d")
        and message.set("$sbranch(flags)", 2)
    )
    assert (
        message.set("$sbranch(q)", 500)
        and not message.set("$sbranch(q)", "1")
        and not message.set("$sbranch(uri)", "x")
    )
    assert [message.get(f"$sbranch({field})") for field in ("uri", "dst_uri", "flags", "q", "path")] == [
        "sip:s@s",
        "sip:d@d",
        2,
        500,
        None,
    ]
    assert pvx.sbranch_append() == 1 and [
        message.get(name) for name in ("$branch(uri)", "$branch(dst_uri)", "$branch(q)")
    ] == ["sip:s@s", "sip:d@d", 500]
    assert pvx.sbranch_set_ruri() == 1 and [message.get(name) for name in ("$ru", "$du", "$bf")] == [
        "sip:s@s",
        "sip:d@d",
        2,
    ]
    assert (
        pvx.sbranch_reset() == 1 and message.get("$sbranch(uri)") is None and message.get("$branch(uri)") == "sip:s@s"
    )
