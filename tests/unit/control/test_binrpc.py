"""The codec of binrpc: every recorded exchange octet by octet, limits, and octets that are none."""
import asyncio
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.control import binrpc
from uacfast.control.binrpc_server import Binrpc
from uacfast.control.dispatcher import Dispatcher, Members, Number, Records
from uacfast.fault import Fault

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "binrpc-vectors.json").read_text())
REQUEST_SIZE = 131_072


def values_of(decoded):
    """The values of a decoded form of the vectors."""
    values, name = [], None
    for item in decoded:
        (kind, content), = item.items()
        if kind == "name":
            name = content
            continue
        value = content
        if kind == "struct":
            value = values_of(content)
        elif kind == "double":
            value = float(content)
        values.append(value if name is None else (name, value))
        name = None
    named = [isinstance(value, tuple) for value in values]
    return Members(values) if values and all(named) else values


def server_that_says(method, result):
    """Whatever `method` is asked, this is the result."""
    dispatcher = Dispatcher()

    def answer(_arguments):
        if isinstance(result, Fault):
            raise result
        return result
    dispatcher.add(method, answer, "")
    return Binrpc(dispatcher, REQUEST_SIZE, 1)


def replied(server, octets):
    return asyncio.run(server.answer_datagram(octets))


@pytest.mark.parametrize("exchange", VECTORS["exchanges"], ids=lambda exchange: exchange["name"])
def test_recorded_exchange(exchange):
    request, reply = bytes.fromhex(exchange["request"]), bytes.fromhex(exchange["reply"])
    asked = [next(iter(item.values())) for item in exchange["request_decoded"]["items"]]
    cookie = exchange["request_decoded"]["cookie"]
    header = binrpc.read_header(request)
    assert header == (len(request) - header.body_octets, header.body_octets, binrpc.REQUEST, cookie)
    assert binrpc.read_request(header, request[header.octets:]) == (asked[0], asked[1:])
    assert binrpc.request_packet(cookie, asked[0], asked[1:]) == request

    values = values_of(exchange["reply_decoded"]["items"])
    if exchange["reply_decoded"]["type"] == "fault":
        server = server_that_says(asked[0] if asked[0] != "no.such" else "another", Fault(*values))
    else:
        server = server_that_says(asked[0], Records(values))
    assert replied(server, request) == reply
    header = binrpc.read_header(reply)
    if header.type == binrpc.FAULT:
        with pytest.raises(Fault) as fault:
            binrpc.read_reply(header, reply[header.octets:])
        assert [fault.value.code, fault.value.message] == values
    else:
        assert binrpc.read_reply(header, reply[header.octets:]) == values


@pytest.mark.parametrize("vector", VECTORS["argument_encoding"], ids=lambda vector: repr(vector["argument"][:12]))
def test_recorded_argument(vector):
    (kind, value), = vector["decoded"].items()
    if kind == "str":
        value = value.encode("latin-1").decode()        # the vectors show octets
    record = bytes.fromhex(vector["record"])
    assert binrpc.body_of([float("nan") if vector["argument"] == "nan" else value]) == record
    assert binrpc.read_reply(binrpc.Header(0, len(record), binrpc.REPLY, 0), record) == [value]


def raw_server():
    """The commands that the raw vectors use."""
    dispatcher = Dispatcher()
    dispatcher.add("core.version", lambda _: "kamailio 5.6.3 (x86_64/linux) ", "")
    dispatcher.add("core.echo", lambda arguments: [str(argument) for argument in arguments], "")
    dispatcher.add("core.printi", lambda arguments: arguments, "")

    def reg_info(arguments):
        raise Fault(400, "Invalid Parameters")
    dispatcher.add("uac.reg_info", reg_info, "")
    return Binrpc(dispatcher, REQUEST_SIZE, 1)


@pytest.mark.parametrize("vector", VECTORS["raw_protocol"], ids=lambda vector: vector["name"])
def test_recorded_octets(vector):
    sent, received = bytes.fromhex(vector["sent"]), bytes.fromhex(vector["received"])
    if vector["name"] != "two pipelined requests":
        assert replied(raw_server(), sent) == received


@pytest.mark.parametrize("value,octets", [
    (True, "1001"), (False, "00"), (None, "910e3c6e756c6c20737472696e673e00"),
    (2**31, "6201f400000000"), (Number(9), "222328"),
    (2**80, "827fffffffffffffff"), (-2**80, "828000000000000000"), ("a\0b", "31616200"), ("\udcff", "21ff00"),
    (["a", "b"], "0321610021620083"), ([{"a": 1}, {"b": 2}], "032561001001256200100283"),
    ([{"a": 1, "b": 2}], "0303256100100125620010028383"), ({}, "0383"), ([], "0383"),
])
def test_values_within_a_struct(value, octets):
    assert binrpc.body_of({"v": value}).hex() == f"03257600{octets}83"


def test_what_is_too_big_is_a_fault():
    for result in ("x" * binrpc.PACKET_OCTETS_MAX, Records({"a": "b"} for _ in range(20_000))):
        packet = binrpc.reply_packet(7, result)
        header = binrpc.read_header(packet)
        with pytest.raises(Fault, match="500 reply too big"):
            binrpc.read_reply(header, packet[header.octets:])
    whole = binrpc.reply_packet(7, "x" * (binrpc.PACKET_OCTETS_MAX - 11))
    assert binrpc.read_header(whole).type == binrpc.REPLY and len(whole) == binrpc.PACKET_OCTETS_MAX


def test_a_fault_is_cut_at_whole_characters():
    packet = binrpc.fault_packet(1, 500, "é" * 200)
    header = binrpc.read_header(packet)
    with pytest.raises(Fault) as fault:
        binrpc.read_reply(header, packet[header.octets:])
    assert fault.value.message == "é" * 127


def test_lengths_and_cookies_that_are_longer_than_needed():
    packet = bytes.fromhex("a10f0000000700000009") + b"\x51ping\0"
    header = binrpc.read_header(packet)
    assert (header.octets, header.body_octets, header.cookie) == (10, 7, 9)


def test_what_is_no_plain_data_is_a_fault():
    packet = replied(server_that_says("a", {"object": object()}), binrpc.request_packet(1, "a", []))
    header = binrpc.read_header(packet)
    with pytest.raises(Fault, match="cannot be sent over binrpc"):
        binrpc.read_reply(header, packet[header.octets:])


def test_too_many_arguments():
    packet = binrpc.request_packet(1, "a", [1] * 257)
    header = binrpc.read_header(packet)
    with pytest.raises(Fault, match="more than 256 arguments"):
        binrpc.read_request(header, packet[header.octets:])


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
scalars = st.one_of(texts, st.integers(-2**31, 2**31 - 1), st.integers(-2**40, 2**40).map(lambda n: n / 8))
structs = st.recursive(scalars, lambda inner: st.one_of(
    st.lists(st.tuples(texts, inner), min_size=1, max_size=4).map(Members),
    st.lists(inner.filter(lambda value: not isinstance(value, dict)), max_size=4)), max_leaves=12)


@given(st.lists(structs, max_size=6), st.integers(0, 2**32 - 1))
def test_what_is_written_can_be_read(values, cookie):
    packet = binrpc.packet(binrpc.REPLY, cookie, binrpc.body_of(values))
    header = binrpc.read_header(packet)
    assert header.cookie == cookie and header.octets + header.body_octets == len(packet)
    assert binrpc.read_reply(header, packet[header.octets:]) == values


@given(st.binary(max_size=200), st.booleans())
def test_any_octets_are_read_or_refused(octets, valid_header):
    if valid_header:
        octets = binrpc.packet(binrpc.REQUEST, 5, octets)
    reply = replied(raw_server(), octets)
    if reply is not None:
        header = binrpc.read_header(reply)
        assert header.type in (binrpc.REPLY, binrpc.FAULT)
        assert len(reply) == header.octets + header.body_octets
    try:
        header = binrpc.read_header(octets)
        if header is not None:
            binrpc.read_reply(header, octets[header.octets:])
    except (binrpc.CorruptedPacket, Fault):
        pass


@given(st.data())
def test_cut_packets_never_pass(data):
    exchange = data.draw(st.sampled_from(VECTORS["exchanges"]))
    request = bytes.fromhex(exchange["request"])
    cut = data.draw(st.integers(0, len(request) - 1))
    assert replied(raw_server(), request[:cut]) is None


def test_nesting_has_a_limit():
    body = b"\x03" * 100_000
    with pytest.raises(binrpc.CorruptedPacket, match="too many structs"):
        binrpc.read_reply(binrpc.Header(0, len(body), binrpc.REPLY, 0), body)


def test_double_is_truncated():
    assert binrpc.body_of(1.9999) == b"\x22" + struct.pack(">H", 1999)
