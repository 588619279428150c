"""Every key of a document is found on its line, whatever the style it is written in."""
import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.config.locator import locate


def paths(value, path=()):
    """Every path inside a document that tomllib has read."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, path + (key,))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, path + (index,))


@pytest.mark.parametrize("text, expected", [
    pytest.param("a = 1\nb = 2\n", {("a",): 1, ("b",): 2}, id="plain"),
    pytest.param("\n# a = 1\n  a = 1 # b = 2\n\tb=2", {("a",): 3, ("b",): 4}, id="comments and blanks"),
    pytest.param("a = 1\r\n\r\nb = 2\r\n", {("a",): 1, ("b",): 3}, id="CRLF"),
    pytest.param("[t]\na = 1\n[t.u]\nb = 2\n", {("t",): 1, ("t", "a"): 2, ("t", "u"): 3, ("t", "u", "b"): 4},
                 id="tables"),
    pytest.param("[t.u]\n[t]\na = 1", {("t",): 2, ("t", "u"): 1, ("t", "a"): 3}, id="outer table after inner"),
    pytest.param("[ t . 'u v' ]\na = 1", {("t",): 1, ("t", "u v"): 1, ("t", "u v", "a"): 2}, id="blanks in a header"),
    pytest.param("[[r]]\na = 1\n[[r]]\n\na = 2\n", {("r",): 1, ("r", 0): 1, ("r", 0, "a"): 2, ("r", 1): 3,
                                                 ("r", 1, "a"): 5}, id="array of tables"),
    pytest.param("[[r]]\n[r.s]\na = 1\n[[r]]\n[r.s]\na = 2\n[[r.l]]\n[[r.l]]\nb = 1", {
        ("r",): 1, ("r", 0): 1, ("r", 0, "s"): 2, ("r", 0, "s", "a"): 3, ("r", 1): 4, ("r", 1, "s"): 5,
        ("r", 1, "s", "a"): 6, ("r", 1, "l"): 7, ("r", 1, "l", 0): 7, ("r", 1, "l", 1): 8, ("r", 1, "l", 1, "b"): 9},
        id="tables inside an array of tables"),
    pytest.param("a.b.c = 1\na . d = 2\n", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1, ("a", "d"): 2}, id="dotted"),
    pytest.param('"a b" = 1\n\'c.d\' = 2\n"\\u0065\\"" = 3\n"" = 4', {("a b",): 1, ("c.d",): 2, ('e"',): 3, ("",): 4},
                 id="quoted keys"),
    pytest.param("a = [\n  1, # one ]\n  [ 2,\n 3 ],\n\n]\nb = []", {
        ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, 0): 3, ("a", 1, 1): 4, ("b",): 7}, id="arrays"),
    pytest.param("a = { b = 1, c.d = [\n{ e = 2 }], f = {} }\ng = 1", {
        ("a",): 1, ("a", "b"): 1, ("a", "c"): 1, ("a", "c", "d"): 1, ("a", "c", "d", 0): 2, ("a", "c", "d", 0, "e"): 2,
        ("a", "f"): 2, ("g",): 3}, id="inline tables"),
    pytest.param('a = """\nb = 1 \\\n  "" \\""" \n"""\nc = 1', {("a",): 1, ("c",): 5}, id="multi-line basic"),
    pytest.param("a = '''\nb = 1 '' \\\n'''\nc = 1", {("a",): 1, ("c",): 4}, id="multi-line literal"),
    pytest.param('a = """x"""""\nb = \'\'\'y\'\'\'\'\'\nc = ""\nd = \'\'\ne = """"""\nf = 1',
                 {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4, ("e",): 5, ("f",): 6}, id="quotes at the end"),
    pytest.param('a = "# [x] \\" = 1"\nb = \'c:\\\'\nc = 1', {("a",): 1, ("b",): 2, ("c",): 3}, id="signs in strings"),
    pytest.param("a = 1979-05-27 07:32:00\nb = [ 1e5,-inf, 0x1F]\nc = true#x\nd = 1",
                 {("a",): 1, ("b",): 2, ("b", 0): 2, ("b", 1): 2, ("b", 2): 2, ("c",): 3, ("d",): 4}, id="scalars"),
    pytest.param("", {}, id="empty"),
])
def test_lines(text, expected):
    assert locate(text) == expected
    assert set(expected) == set(paths(tomllib.loads(text)))


TOMLISH = st.lists(st.sampled_from([
    "a", "b", "key", "1", "2.5", "true", "1979-05-27 07:32:00", "'l i t'", '"s"', '"\\"#"', '"""', "'''", "[", "]",
    "[[", "]]", "{", "}", ",", ".", "=", " = ", "\n", "\n", "\n", "\r\n", " ", "\t", "# c ]", "[t]\n", "[[r]]\n",
    "[r.s]\n", "a = 1\n", "b = [1,\n2]\n", "c = {d = 1}\n", "\\", "\x00", "é", '"é" = 1\n', "m = '''\n\n'''\n"]),
    max_size=30)


@given(TOMLISH)
def test_finds_exactly_the_paths_of_any_document(pieces):
    text = "".join(pieces)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = locate(text)
    assert set(lines) == set(paths(tables))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


KEYS = st.text("abcé .#=\"'[]", min_size=0, max_size=4)
TEXTS = st.text("ab é#=[]{},'\"\\\n", max_size=12)
LEAVES = st.one_of(st.integers(-10**6, 10**6), st.booleans(), TEXTS, st.floats(allow_nan=False))
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3)
                      | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6)


class Writer:
    """Writes a document in a style that hypothesis draws, and keeps its own book of lines."""

    def __init__(self, draw):
        self.draw = draw
        self.text = ""
        self.lines = {}

    def here(self, path):
        self.lines[path] = self.text.count("\n") + 1

    def gap(self, newlines):
        self.text += self.draw(st.sampled_from(["", " ", "\n", " # ' \" ]\n"] if newlines else ["", " ", "\t"]))

    def key(self, key):
        if key.isascii() and key.isalnum() and self.draw(st.booleans()):
            self.text += key
        elif "'" not in key and self.draw(st.booleans()):
            self.text += f"'{key}'"
        else:
            self.text += json.dumps(key, ensure_ascii=self.draw(st.booleans()))

    def value(self, value, path):
        if isinstance(value, dict):
            self.text += "{"
            for number, (key, inner) in enumerate(value.items()):
                self.text += ", " if number else " "
                self.here(path + (key,))
                self.key(key)
                self.text += "="
                self.gap(False)
                self.value(inner, path + (key,))
            self.text += "}"
        elif isinstance(value, list):
            self.text += "["
            for index, inner in enumerate(value):
                self.gap(True)
                self.here(path + (index,))
                self.value(inner, path + (index,))
                self.gap(True)
                self.text += ","
            self.gap(True)
            self.text += "]"
        elif isinstance(value, str):
            self.string(value)
        else:
            self.text += str(value).lower()

    def string(self, value):
        styles = ["basic"] + ["literal"] * ("'" not in value and "\n" not in value)
        style = self.draw(st.sampled_from(styles + ["multi-line", "multi-line literal"]))
        if style == "literal":
            self.text += f"'{value}'"
        elif style == "multi-line literal" and "'''" not in value and not value.endswith("'''"):
            self.text += f"'''\n{value}'''" if not value.endswith("'") else json.dumps(value)
        elif style == "multi-line":
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            self.text += f'"""\n{escaped}"""'
        else:
            self.text += json.dumps(value)

    def pairs(self, table, path):
        for key, value in table.items():
            self.gap(False)
            self.here(path + (key,))
            self.key(key)
            self.gap(False)
            self.text += "="
            self.gap(False)
            self.value(value, path + (key,))
            self.text += self.draw(st.sampled_from(["\n", " # x = 1\n", "\n\n"]))

    def header(self, key, path, array):
        self.here(path)
        self.text += "[[" if array else "["
        self.key(key)
        self.text += "]]\n" if array else "] # [t]\n"


@given(st.data())
def test_lines_of_generated_documents(data):
    writer = Writer(data.draw)
    document = data.draw(st.dictionaries(KEYS, VALUES, max_size=3))
    writer.pairs(document, ())
    tables = data.draw(st.dictionaries(KEYS.filter(lambda key: key not in document), st.one_of(
        st.dictionaries(KEYS, VALUES, max_size=3),
        st.lists(st.dictionaries(KEYS, VALUES, max_size=2), min_size=1, max_size=3)), max_size=3))
    for key, table in tables.items():
        if isinstance(table, dict):
            writer.header(key, (key,), array=False)
            writer.pairs(table, (key,))
            continue
        first = writer.text.count("\n") + 1
        for index, element in enumerate(table):
            writer.header(key, (key, index), array=True)
            writer.pairs(element, (key, index))
        writer.lines[key,] = first
    assert tomllib.loads(writer.text) == document | tables
    assert locate(writer.text) == writer.lines
