"""Compiled expressions held against Python's `re` as the model."""
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.routing.matcher import Regex
from uacfast.routing.regex import PROGRAM_MAX, STATES_MAX

LITERALS = ["a", "b", "B", "1", "_", "-", "@", r"\.", r"\+", r"\x20", "é"]
ATOMS = st.sampled_from(
    LITERALS + [".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[ab]", "[^a]", "[^ab1]", "[a-c1]", r"[\w.]", r"[^\s@]"]
    + [r"[\W]", "[B-Z]", "^", "$", r"\A", r"\Z", r"\b", r"\B", ""]
)
REPEATS = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,3}", "{,2}", "{2,}", "{1,2}?"])


def compounds(inner):
    group = st.sampled_from(["({})", "(?:{})", "(?i:{})", "(?s:{})", "(?-i:{})"])
    grouped = st.builds(str.format, group, inner)
    return st.one_of(
        grouped,
        st.builds(str.__add__, inner, inner),
        st.builds("{}|{}".format, inner, inner),
        st.builds(str.__add__, grouped, REPEATS),
    )


PATTERNS = st.one_of(
    st.recursive(ATOMS, compounds, max_leaves=8),
    st.builds("{}{}".format, st.sampled_from(LITERALS), REPEATS),
    st.builds("{}{}".format, st.sampled_from(["(?i)", "(?s)", "(?is)", "(?x)"]), st.recursive(ATOMS, compounds)),
)
# In a header's text no newline stands at the end, where Python's $ would look before it.
TEXTS = st.lists(st.sampled_from([b"a", b"b", b"A", b"B", b"1", b"_", b"-", b"@", b".", b" ", b"\n", "é".encode(),
                                  b"\xff", b"\0"]), max_size=9).map(lambda parts: b"".join(parts).rstrip(b"\n"))


def model(pattern):
    """Python's own expression over octets: a character above ASCII becomes a group of its octets."""
    return re.compile(pattern.replace("é", "(?:é)").encode())


@settings(max_examples=1500, deadline=None)
@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=12))
def test_agrees_with_re(pattern, texts):
    under_test, reference = Regex(pattern), model(pattern)
    for text in texts:
        assert under_test.search(text) == bool(reference.search(text)), (pattern, text)


@given(st.binary(min_size=1, max_size=3).map(re.escape), st.binary(max_size=6))
def test_octet_patterns_agree_with_re(pattern, text):
    assert Regex(pattern).search(text) == bool(re.search(pattern, text))
    assert Regex(pattern, ignore_case=True).search(text) == bool(re.search(pattern, text, re.IGNORECASE))


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        (r"^\+?[0-9]+$", [b"1", b"+4930123"], [b"", b"+", b"12a", b"a12", b"1 "]),
        (r"(?i)friendly-scanner|sipvicious|^sipcli\b", [b"Friendly-Scanner", b"x SIPVicious", b"sipcli/1.8"],
         [b"sipclient", b"a sipcli", b"friendly scanner"]),
        (r"^00?[1-9]\d{4,12}$", [b"0049301", b"049301"], [b"000493", b"00" + b"9" * 14]),
        ("^$", [b""], [b"a"]),
        ("", [b"", b"a"], []),
        ("caf\u00e9+$", ["café".encode(), "caféé".encode()], [b"cafe", b"caf\xc3"]),
        ("^[aéü]+$", [b"a", "éaü".encode()], [b"", b"\xc3", b"\xa9"]),
        (r"\bab\b", [b"ab", b"x ab-"], [b"xab", b"ab_"]),
        (r"\B", [b"ab", b"-"], [b"", b"a"]),
    ],
)
def test_expressions_of_routes(pattern, found, missed):
    under_test = Regex(pattern)
    assert [text for text in found if not under_test.search(text)] == []
    assert [text for text in missed if under_test.search(text)] == []


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("a(?=b)", "lookaround"),
        ("(?<=a)b", "lookaround"),
        ("a(?!b)", "negative lookaround"),
        (r"(a)\1", "reference back"),
        ("(?P<x>a)(?P=x)", "reference back"),
        ("(a)?(?(1)b|c)", "condition on a group"),
        ("(?>a)", "atomic group"),
        ("a*+b", "possessive repeat"),
        ("(?m)^a", r"flag \(\?m\)"),
        (b"(?L)a", r"flag \(\?L\)"),
        ("[^é]", "character 'é' in a range or negated class"),
        ("[a-é]", "character 'é' in a range or negated class"),
        ("(?u)a", "not valid"),
        ("(a", "not valid"),
        ("*", "not valid"),
        ("a{99999999999999999999}", "repeats too often"),
        ("(" * 20_000 + ")" * 20_000, "nests too deep"),
        ("a{5000}", f"more than {PROGRAM_MAX} steps"),
        ("(?:a{100}){100}", f"more than {PROGRAM_MAX} steps"),
        ("a.{15}b", f"more than {STATES_MAX} states"),
    ],
)
def test_what_cannot_be_compiled_is_named(pattern, named):
    with pytest.raises(ValueError, match=named) as caught:
        Regex(pattern)
    assert str(caught.value).startswith("The regular expression ")


def test_settled_outcomes_take_no_states():
    """Dead and matched are one state each, so that reading stops there."""
    assert Regex("").states == 2
    assert Regex("a|").states == 2
    assert Regex("^a").states == 3
    assert Regex("^[0-9]{1,1000}$").states <= 1003


def test_time_is_linear_where_backtracking_is_not():
    """(a+)+$ takes a backtracking matcher 2**40 steps on the first of these."""
    under_test = Regex("^(a+)+$")
    began = time.process_time()
    assert not under_test.search(b"a" * 40 + b"b")
    assert under_test.search(b"a" * 1_000_000)
    assert time.process_time() - began < 1
