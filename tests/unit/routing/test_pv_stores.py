"""What scripts keep in variables: AVPs, records, variables, tables, the dialog, the description of a request."""

import pytest

from kit.script_messages import REQUEST
from uacfast.proxy.hash_tables import HashTables
from uacfast.routing.context import ScriptRuntime
from uacfast.testing.message_context import ScriptMessage
from uacfast.uac.request_description import RequestDescription


@pytest.fixture
def message():
    return ScriptMessage(REQUEST)


def test_avps_are_stacks(message):
    for value in ("1", "2", 3):
        assert message.set("$avp(q)", value)
    message.set("$var(n)", "q")
    assert [
        message.get(name)
        for name in (
            "$avp(q)",
            "$avp(s:q)",
            "$(avp(q)[0])",
            "$(avp(q)[1])",
            "$(avp(q)[2])",
            "$(avp(q)[3])",
            "$(avp(q)[-1])",
            "$(avp(q)[*])",
            "$avp($var(n))",
            "$(avp($var(n))[1])",
            "$avp(Q)",
            "$cnt($avp(q))",
            "$(avp(q)[*]{s.len})",
        )
    ] == [3, 3, 3, "2", "1", None, None, "3, 2, 1", 3, "2", None, 3, 7]
    assert message.context.state.avps == {"q": [3, "2", "1"]}
    assert message.set("$avp(q)", None) and message.get("$avp(q)") == "2"
    assert message.set("$(avp(q)[1])", None) and message.get("$(avp(q)[*])") == "2"
    assert message.set("$(avp(q)[*])", "new") and message.context.state.avps == {"q": ["new"]}
    assert message.set("$(avp(q)[*])", None) and message.context.state.avps == {}
    assert message.set("$avp(q)", None)
    assert not message.set("$avp(q)", 1.5)


def test_avps_with_numbers_as_names(message):
    message.set("$avp(i:5)", "a")
    message.set("$avp(5)", "b")
    assert message.context.state.avps == {5: ["a"], "5": ["b"]}
    assert (message.get("$avp(i:5)"), message.get("$avp(i:6)")) == ("a", None)
    message.set("$var(n)", "i:x")
    assert message.get("$avp($var(n))") is None and not message.set("$avp($var(n))", "x")


@pytest.mark.parametrize("name,unset", [("$var(x)", 0), ("$vz(x)", 0), ("$vn(x)", None), ("$shv(x)", "")])
def test_variables_outlive_the_message(name, unset):
    runtime = ScriptRuntime()
    first = ScriptMessage(REQUEST, runtime=runtime)
    for value in ("text", 5, -1):
        assert first.set(name, value)
        assert ScriptMessage(REQUEST, runtime=runtime).get(name) == value
    assert not first.set(name, 1.5)
    assert first.set(name, None) and first.get(name) == unset
    assert ScriptMessage(REQUEST).get(name) in (0, None)


def test_var_and_vn_are_two(message):
    message.set("$var(x)", 1)
    assert message.get("$vz(x)") == 1 and message.get("$vn(x)") is None


def test_records(message):
    for name, value in (
        ("$xavp(a=>b)", "1"),
        ("$xavp(a=>c)", "2"),
        ("$xavp(a[0]=>c)", "3"),
        ("$xavp(a=>b)", "4"),
        ("$xavp(a[0]=>b)", "5"),
        ("$xavp(z)", 7),
        ("$xavp(a[1]=>q)", "9"),
    ):
        assert message.set(name, value)
    message.set("$var(n)", "c")
    assert message.context.state.xavps == {
        "a": [{"b": ["5", "4"]}, {"c": ["3", "2"], "q": ["9"]}, {"b": ["1"]}],
        "z": [7],
    }
    assert [
        message.get(name)
        for name in (
            "$xavp(a=>b)",
            "$xavp(a=>c)",
            "$xavp(a[0]=>b)",
            "$xavp(a[1]=>b)",
            "$xavp(a[2]=>b)",
            "$xavp(a[1]=>c)",
            "$xavp(a=>b[1])",
            "$xavp(a[-1]=>b)",
            "$xavp(a[*]=>b)",
            "$xavp(z)",
            "$xavp(z=>b)",
            "$xavp(a[1]=>$var(n))",
            "$xavp(a[$var(x)]=>b)",
            "$xavp(A=>b)",
            "$xavp(a =>b)",
            "$cnt($xavp(a))",
            "$cnt($xavp(a[1]=>c))",
            "$xavp($rU=>b)",
        )
    ] == ["5", None, "5", None, "1", "3", "4", "1", "5", 7, None, "3", "5", None, "5", 3, 2, None]
    assert message.get("$xavp(a)").startswith("<<xavp:")
    assert not message.set("$xavp(a[5]=>q)", "9") and not message.set("$xavp(a)", 1.5)
    assert message.set("$xavp(a[0]=>b[1])", "44") and message.get("$xavp(a=>b[1])") == "44"
    assert message.set("$xavp(z[0])", 8) and message.context.state.xavps["z"] == [8]
    for name, left in (
        ("$xavp(a[0]=>b)", "44"),
        ("$xavp(a[0])", None),
        ("$xavp(a)", "1"),
        ("$xavp(a)", None),
        ("$xavp(a)", None),
    ):
        assert message.set(name, None) and message.get("$xavp(a=>b)") == left


def test_records_with_one_of_each(message):
    for name, value in (("$xavu(a)", "1"), ("$xavu(a)", "2")):
        message.set(name, value)
    assert message.context.state.xavus == {"a": ["2"]}
    message.set("$xavu(a=>b)", "x")
    message.set("$xavu(a=>b)", "y")
    message.set("$xavu(a=>c)", 3)
    assert message.context.state.xavus == {"a": [{"b": ["y"], "c": [3]}]}
    assert message.set("$xavu(a=>b)", None) and message.get("$xavu(a=>b)") is None and message.get("$xavu(a=>c)") == 3


def test_records_without_case(message):
    message.set("$xavi(WhatEver=>Foo)", "1")
    assert message.get("$xavi(whatever=>fOO)") == "1" and message.context.state.xavis == {"whatever": [{"foo": ["1"]}]}


def test_tables(message, caplog):
    assert message.get("$sht(t=>x)") is None and not message.set("$sht(t=>x)", "1")
    tables = message.runtime.hash_tables = HashTables()
    tables.define("t", auto_expire=100)
    assert message.set("$sht(t=>$si)", "v1") and message.set("$sht(t=>$si::$rU)", "v2") and message.set("$sht(t=>n)", 5)
    assert [
        message.get(name)
        for name in (
            "$sht(t=>192.0.2.1)",
            "$sht(t=>192.0.2.1::bob)",
            "$sht(t=>n)",
            "$shtinc(t=>n)",
            "$shtinc(t=>n)",
            "$shtdec(t=>n)",
            "$shtinc(t=>none)",
            "$sht(t=>none)",
            "$shtcn(t=>~~^192)",
            "$shtcn(t=>~%n)",
            "$shtcv(t=>==v1)",
            "$shtcn(t=>~~[)",
            "$shtex(t=>n)",
            "$shtex(t=>none)",
            "$sht(nope=>x)",
            "$shtex(nope=>x)",
            "$shtcn(nope=>x)",
        )
    ] == ["v1", "v2", 5, 6, 7, 6, None, None, 2, 1, 1, None, 100, None, None, None, None]
    assert message.set("$shtex(t=>n)", 7) and message.get("$shtex(t=>n)") == 7
    assert (
        not message.set("$shtex(t=>none)", 7)
        and not message.set("$shtex(t=>n)", "7")
        and not message.set("$sht(nope=>x)", 1)
    )
    assert message.set("$sht(t=>n)", None) and message.get("$sht(t=>n)") is None
    assert not message.set("$sht(t=>n)", 1.5)


class TrackedDialog:
    """What the dialog room hands out, as far as variables use it."""

    state, lifetime = 4, 17

    def __init__(self):
        self.variables = {}
        self.timeout = self.bye = None

    def field(self, name):
        fields = {
            "callid": "c1",
            "h_id": 5,
            "h_entry": 6,
            "to_uri": "sip:t",
            "from_uri": "sip:f",
            "state": 4,
            "lifetime": 900,
        }
        if name not in fields:
            raise ValueError(f"$dlg({name}) is not known.")
        return fields[name]

    def set_timeout(self, seconds):
        self.timeout = seconds
        return True

    def set_bye_on_timeout(self, on):
        self.bye = on


def test_dialog(message, caplog):
    assert not message.set("$dlg_var(k)", "v")
    dialog = message.context.dialog = TrackedDialog()
    assert (
        message.set("$dlg_var(k)", "v")
        and message.set("$dlg_var($rU)", "w")
        and dialog.variables == {"k": "v", "bob": "w"}
    )
    assert not message.set("$dlg_var(k)", 5)
    assert [
        message.get(name)
        for name in (
            "$dlg_var(k)",
            "$dlg_var(bob)",
            "$dlg_var(no)",
            "$dlg(callid)",
            "$dlg(h_id)",
            "$dlg(lifetime)",
            "$dlg_ctx(timeout)",
            "$DLG_lifetime",
            "$DLG_status",
            "$dlg(nope)",
            "$(dlg(to_uri){s.len})",
        )
    ] == ["v", "w", None, "c1", 5, 900, 900, 17, 4, None, 5]
    assert message.set("$dlg_var(k)", None) and message.set("$dlg_var(k)", None) and "k" not in dialog.variables
    assert message.set("$dlg_ctx(timeout)", 60) and message.set("$dlg_ctx(timeout_bye)", 1)
    assert (dialog.timeout, dialog.bye) == (60, True)
    assert (
        not message.set("$dlg_ctx(timeout)", "60")
        and not message.set("$dlg_ctx(flags)", 1)
        and not message.set("$dlg(state)", 1)
    )


def test_uac_request(message, caplog):
    assert not message.set("$uac_req(method)", "OPTIONS")
    request = message.runtime.uac_request = RequestDescription()
    assert message.set("$uac_req(method)", "OPTIONS") and message.set("$uac_req(evroute)", 1)
    assert (request.method, request.evroute) == ("OPTIONS", 1)
    assert not message.set("$uac_req(evroute)", "1") and not message.set("$uac_req(method)", 5)
    assert not message.set("$uac_req(method)", "x" * 32)
    assert [message.get(f"$uac_req({key})") for key in ("method", "evroute", "ruri", "flags", "all")] == [
        "OPTIONS",
        1,
        None,
        0,
        0,
    ]
    assert message.set("$uac_req(method)", None) and message.get("$uac_req(method)") is None
    assert message.set("$uac_req(all)", None) and request.evroute == 0


def test_statistics_and_definitions(message):
    message.runtime.statistics = lambda: {"rcv_requests": 7, "active_dialogs": 2}
    message.runtime.definitions.update(PORT=5060, NAME="edge")
    message.runtime.rpc_reply = {"code": 200, "text": "OK", "body": "{}"}
    message.set("$var(s)", "rcv_requests")
    assert [
        message.get(name)
        for name in (
            "$stat(rcv_requests)",
            "$stat($var(s))",
            "$stat(nope)",
            "$DLG_count",
            "$def(NAME)",
            "$def(PORT)",
            "$defn(PORT)",
            "$defn(NAME)",
            "$def(NOPE)",
            "$jsonrpl(code)",
            "$jsonrpl(text)",
            "$jsonrpl(body)",
        )
    ] == [7, 7, None, 2, "edge", "5060", 5060, 0, None, 200, "OK", "{}"]
