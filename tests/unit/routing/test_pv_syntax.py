"""The syntax of variables, nested names, and what is kept of the compiled ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.script_messages import REQUEST
from uacfast.routing.pv import pseudo_variable, text_template
from uacfast.routing.pv.catalogue import cached
from uacfast.routing.pv.reports import Reports
from uacfast.testing.message_context import ScriptMessage


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$",
        "ru",
        "a$ru",
        "$ru ",
        " $ru",
        "$ru$rd",
        "$(ru",
        "$ru)",
        "$()",
        "$( ru)",
        "$nope",
        "$(nope)",
        "$nope(x)",
        "$vn()",
        "$vn",
        "$(vn)",
        "$vn(t)x",
        "$hdr(X)[1]",
        "$(hdr(X)[1)",
        "$(hdr(X)[])",
        "$(hdr(X)[x])",
        "$(hdr(X)[1.5])",
        "$ru(x)",
        "$hdr()",
        "$avp()",
        "$avp(i:x)",
        "$var($nope)",
        "$hdr($ru",
        "$nh(x)",
        "$time(x)",
        "$TV(x)",
        "$T(x)",
        "$branch(x)",
        "$uac_req(nope)",
        "$K(x)",
        "$version(x)",
        "$expires(x)",
        "$rdir(x)",
        "$sel(nope)",
        "$sht(t)",
        "$sht(=>x)",
        "$xavp(a=>)",
        "$xavp(a[x]=>b)",
        "$T_branch(x)",
        "$jsonrpl(x)",
        "$msg(x)",
        "$cnt($ru)",
        "$cnt(x)",
        "$via0(x)",
        "$dlg()",
        "$dlg_var()",
        "$shv()",
        "$sbranch(x)",
        "$" + "(avp(" * 20,
        "$" * 9000,
        "$avp(" * 40 + "x" + ")" * 40,
        "$RANDOM",
        "$x_fU",
        "$tcp(x)",
    ],
)
def test_what_is_no_variable(text):
    with pytest.raises(ValueError) as raised:
        pseudo_variable(text)
    assert str(raised.value).endswith((".", ".)"))


@pytest.mark.parametrize("text", [None, 5, b"$ru"])
def test_names_are_texts(text):
    with pytest.raises(TypeError):
        pseudo_variable(text)
    with pytest.raises(TypeError):
        text_template(text)


def test_names_with_variables_are_evaluated_each_time():
    message = ScriptMessage(REQUEST)
    message.set("$var(h)", "X-List")
    message.set("$var(i)", 1)
    names = ("$hdr($var(h))", "$(hdr($var(h))[$var(i)])", "$(hdr(X-List)[$var(i)])", "$(hdr(X-List)[$vn(none)])")
    assert [message.get(name) for name in names] == ['a, b;q="1,2"', "c", "c", 'a, b;q="1,2"']
    message.set("$var(h)", "Max-Forwards")
    message.set("$var(i)", 0)
    assert [message.get(name) for name in names] == ["70", "70", 'a, b;q="1,2"', 'a, b;q="1,2"']
    message.set("$avp($rU-$var(i))", "deep")
    assert message.get("$avp(bob-0)") == "deep" == message.get("$avp(s:$(ru{uri.user})-0)")


@pytest.mark.parametrize(
    "text,expected",
    [
        ("", ""),
        ("plain", "plain"),
        ("$rU", "bob"),
        ("<$rU>", "<bob>"),
        ("$rU@$rd:$rp", "bob@192.0.2.9:5070"),
        ("$rU_x", "bob_x"),
        ("$rU.", "bob."),
        ("$rUx", "bobx"),
        ("$$rU", "$rU"),
        ("5$", "5$"),
        ("$ 5", "$ 5"),
        ("$5", "$5"),
        ("$(fu{uri.user})!", "alice!"),
        ("$avp(none)", "<null>"),
        ("a(b$rU)c", "a(bbob)c"),
        ("$hdr(Max-Forwards)$cs", "707"),
        ("$sp", "5062"),
        ("é$rU", "ébob"),
    ],
)
def test_texts_with_variables(text, expected):
    assert ScriptMessage(REQUEST).text(text) == expected


def test_texts_with_what_is_no_variable():
    for text in ("$nope", "a $(rU", "$hdr(", "$(ru{s.nope})"):
        with pytest.raises(ValueError):
            text_template(text)


def test_compiled_once():
    assert pseudo_variable("$ru") is pseudo_variable("$ru")
    assert text_template("$ru to $du") is text_template("$ru to $du")


def test_many_names_do_not_grow_memory():
    message = ScriptMessage(REQUEST)
    for number in range(10_000):
        assert message.get(f"$avp(name{number})") is None
        assert message.text(f"text {number}") == f"text {number}"
    assert max(cached()) <= 4096
    assert message.get("$rU") == "bob"
    long = "$avp(" + "x" * 600 + ")"
    before = cached()
    assert message.get(long) is None and cached() == before


FRAGMENTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "$",
                "$(",
                "(",
                ")",
                "{",
                "}",
                "[",
                "]",
                ",",
                "=>",
                "*",
                "\\",
                "/",
                "$$",
                " ",
                "ru",
                "rU",
                "avp",
                "hdr",
                "var",
                "xavp",
                "xavu",
                "xavi",
                "sht",
                "T_req",
                "time",
                "branch",
                "s.len",
                "s.select",
                "s.substr",
                "re.subst",
                "uri.user",
                "param.value",
                "{s.len}",
                "{s.select,1,;}",
                "[1]",
                "[*]",
                "[-1]",
                "$ru",
                "$avp(x)",
                "1",
                "-1",
                "x",
                "i:5",
                "é",
                "\0",
                "\udcff",
                "\ud800",
            ]
        ),
        st.text(max_size=3),
    ),
    max_size=20,
).map("".join)


@given(FRAGMENTS)
def test_any_text_is_a_variable_or_a_value_error(text):
    message = ScriptMessage(REQUEST)
    for candidate in (text, f"${text}", f"$({text})", f"$avp({text})", f"$(ru{{{text}}})", f"$(hdr({text}))"):
        try:
            variable = pseudo_variable(candidate)
        except ValueError:
            continue
        assert isinstance(variable.read(message.context), (str, int, type(None)))
        variable.assign(message.context, "sip:x@y")
        variable.assign(message.context, 5)
        variable.assign(message.context, None)


@given(FRAGMENTS)
def test_any_text_is_a_template_or_a_value_error(text):
    try:
        template = text_template(text)
    except ValueError:
        return
    assert isinstance(template.evaluate(ScriptMessage(REQUEST).context), str)


def test_reports_are_bounded(caplog):
    now = [100.0]
    reports = Reports(lambda: now[0])
    for number in range(50):
        reports.report("line %d", number)
    assert len(caplog.records) == 10
    now[0] += 1
    reports.report("next")
    assert [record.getMessage() for record in caplog.records[10:]] == [
        "40 more lines about variables were left out.",
        "next",
    ]
