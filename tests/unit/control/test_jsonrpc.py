"""JSON-RPC documents: shapes, errors, and what is no document."""
import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.control import jsonrpc
from uacfast.control.dispatcher import Dispatcher, Members, Number, Records
from uacfast.control.jsonrpc import JsonRpc, reply_name_of
from uacfast.fault import Fault


def refuse(arguments):
    raise Fault(*arguments)


@pytest.fixture(scope="module")
def rpc():
    dispatcher = Dispatcher()
    dispatcher.add("back", lambda arguments: arguments, "")
    dispatcher.add("refuse", refuse, "")
    dispatcher.add("nothing", lambda arguments: None, "")
    for name, result in RESULTS.items():
        dispatcher.add(name, lambda arguments, result=result: result[0], "")
    return JsonRpc(dispatcher)


RESULTS = {
    "struct": ({"a": 1, "b": None, "c": True, "d": [], "e": Number(9)},
               {"a": 1, "b": None, "c": True, "d": [], "e": 9}),
    "records": (Records([{"a": 1}]), [{"a": 1}]),
    "no records": (Records(), []),
    "members": (Members([("socket", {"port": "1"}), ("socket", {"port": "2"})]),
                [{"socket": {"port": "1"}}, {"socket": {"port": "2"}}]),
    "text": ("é\"\n", "é\"\n"),
    "octets": ("a\udcff", "a\ufffd"),
    "nested": ({"x": Members([("y", "a\udcff")])}, {"x": [{"y": "a\ufffd"}]}),
}


def ask(rpc, document, batch=False):
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    reply = asyncio.run(rpc.answer(text, batch))
    return json.loads(reply.text), reply


def call(method, *arguments, **members):
    return {"jsonrpc": "2.0", "method": method, "params": list(arguments), "id": 7} | members


@pytest.mark.parametrize("name", RESULTS)
def test_results(rpc, name):
    assert ask(rpc, call(name))[0] == {"jsonrpc": "2.0", "result": RESULTS[name][1], "id": 7}


def test_order_and_lines(rpc):
    assert ask(rpc, call("struct"))[1].text.decode().splitlines()[:4] == [
        "{", '  "jsonrpc": "2.0",', '  "result": {', '    "a": 1,']
    assert list(ask(rpc, call("refuse", 404, "x"))[0]) == ["jsonrpc", "error", "id"]


@pytest.mark.parametrize("identity", ["abc", 1.5, 0, -3, None, 2**60, True])
def test_id_is_echoed(rpc, identity):
    assert ask(rpc, call("nothing", id=identity))[0] == {"jsonrpc": "2.0", "result": {}, "id": identity}


def test_without_id_there_is_none_in_the_reply(rpc):
    request = call("nothing")
    del request["id"]
    assert ask(rpc, request)[0] == {"jsonrpc": "2.0", "result": {}}


@pytest.mark.parametrize("parameters,expected", [
    ([1, "a"], [1, "a"]), ({"name": "a", "also": 2}, ["a", 2]), ([], []), (None, []),
    ([[1], {"a": None}], [[1], {"a": None}]),
])
def test_parameters(rpc, parameters, expected):
    assert ask(rpc, call("back", params=parameters))[0]["result"] == expected


def test_no_parameters_at_all(rpc):
    assert ask(rpc, {"jsonrpc": "2.0", "method": "back", "id": 1})[0]["result"] == []


@pytest.mark.parametrize("document,code,status", [
    (b"{", -32700, 400), (b"", -32700, 400), (b"\xff", -32700, 400), (b"[" * 100_000, -32700, 400),
    (b'{"a": 1e999}', -32700, 400), ([], -32600, 400), (5, -32600, 400), ("text", -32600, 400), (None, -32600, 400),
    ({"method": "back"}, -32600, 400), (call("back", jsonrpc="1.0"), -32600, 400), (call(5), -32600, 400),
    (call("back", params="x"), -32602, 400), (call("back", params=5), -32602, 400),
    (call("back", store_path="/etc/passwd"), -32600, 400), (call("no.such"), 500, 500),
    (call("refuse", 404, "Record not found"), 404, 404), (call("refuse", 409, "x"), 409, 409),
    (call("refuse", 700, "x"), 700, 500), (call("refuse", 1, "x"), 1, 500), (call("refuse", 200, "x"), 200, 500),
])
def test_errors(rpc, document, code, status):
    answer, reply = ask(rpc, document)
    assert answer["error"]["code"] == code
    assert reply.status == status


def test_texts_of_errors(rpc):
    assert ask(rpc, call("no.such"))[0]["error"] == {"code": 500, "message": "Method Not Found"}
    answer, reply = ask(rpc, call("refuse", 404, "Record not found"))
    assert answer["error"]["message"] == reply.reason == "Record not found"


def test_batch(rpc):
    answer, _ = ask(rpc, [call("back", 1), 5, call("no.such", id="x")], batch=True)
    assert [("result" in one, one["id"]) for one in answer] == [(True, 7), (False, None), (False, "x")]
    assert ask(rpc, [], batch=True)[0]["error"]["code"] == -32600
    assert ask(rpc, [call("back")] * (jsonrpc.BATCH_MAX + 1), batch=True)[0]["error"]["code"] == -32600


def test_too_big(rpc, monkeypatch):
    monkeypatch.setattr(jsonrpc, "RESULT_OCTETS_MAX", 100)
    answer, reply = ask(rpc, call("back", "x" * 100))
    assert (answer["error"]["code"], answer["id"], reply.status) == (500, 7, 500)
    assert answer["error"]["message"].startswith("reply too big")


@pytest.mark.parametrize("octets,name", [
    (b'{"reply_name": "kamailio_receiver_1", "params": [0x10]}', "kamailio_receiver_1"),
    (b'{"reply_name":"a" "x', "a"), (b'{"reply_name": "../x"', None), (b'{"reply_name": "a\\u002e"', None),
    (b'{"reply_name": ""', None), (b"{}", None), (b'{"reply_name": "' + b"a" * 129 + b'"', None),
])
def test_reply_name_of_what_is_no_json(octets, name):
    assert reply_name_of(octets) == name


def test_reply_name(rpc):
    assert ask(rpc, call("nothing", reply_name="r"))[1].reply_name == "r"
    assert ask(rpc, call("no.such", reply_name="r"))[1].reply_name == "r"
    assert ask(rpc, b'{"reply_name": "r", 007}')[1].reply_name == "r"
    assert ask(rpc, call("nothing", reply_name=5))[1].reply_name is None


names = st.sampled_from(["jsonrpc", "method", "params", "id", "reply_name"]) | st.text()
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6), max_leaves=20)


@given(st.one_of(documents.map(lambda document: json.dumps(document).encode()), st.binary(max_size=100)), st.booleans())
def test_any_document_is_answered(rpc, octets, batch):
    answer, _ = ask(rpc, octets, batch)
    for one in answer if isinstance(answer, list) else [answer]:
        assert one["jsonrpc"] == "2.0" and ("result" in one) != ("error" in one)


@given(st.lists(documents, max_size=5), st.one_of(st.text(), st.integers(), st.none()))
def test_any_parameters_come_back(rpc, parameters, identity):
    # What JSON cannot say is an error, and told as one.
    answer, _ = ask(rpc, call("back", *parameters, id=identity))
    assert answer.get("error", {}).get("code", -32700) == -32700
