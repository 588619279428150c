"""ul.* and htable.* of a worker over real tables, and how they look over binrpc."""
import json
from pathlib import Path

import pytest

from uacfast.control import binrpc
from uacfast.fault import Fault
from uacfast.proxy.feature_commands import feature_commands
from uacfast.proxy.features import EdgeFeatures
from uacfast.proxy.location import Binding
from uacfast.tm.table import TransactionTable

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "binrpc-vectors.json").read_text())
NOW = 1_000_000


@pytest.fixture
def features():
    made = EdgeFeatures(TransactionTable(bytes(16), NOW), bytes(32))
    made.hash_tables.define("ipban", auto_expire=300)
    return made


@pytest.fixture
def run(features):
    """run(command, *arguments): its result, or the text of its fault."""
    commands = feature_commands(features, lambda: NOW, lambda number: "udp:127.0.0.1:17000")

    def go(name, *arguments):
        try:
            return commands[name](*arguments)
        except Fault as fault:
            return fault.code, fault.message
    return go


def names_of(packet):
    """The names in a packet, in order."""
    header = binrpc.read_header(packet)
    found = []

    def walk(value):
        for name, inner in value if isinstance(value, binrpc.Members) else ():
            found.append(name)
            walk(inner)
    for value in binrpc.read_reply(header, packet[header.octets:]):
        walk(value)
    return found


def add_alice(features):
    features.registrar.location.replace(b"alice", [Binding(
        b"sip:alice@127.0.0.1:17037", expires=NOW + 477_000, call_id=b"c334089@t", cseq=1, user_agent=b"test",
        modified=NOW)], NOW)


@pytest.mark.parametrize("exchange,filled,call", [
    ("ul_dump_empty", False, ("ul.dump",)), ("ul_dump_one", True, ("ul.dump",)),
    ("ul_lookup", True, ("ul.lookup", "location", "alice")),
])
def test_shape_of_the_recorded_reply(features, run, exchange, filled, call):
    if filled:
        add_alice(features)
    recorded = next(one for one in VECTORS["exchanges"] if one["name"] == exchange)
    assert names_of(binrpc.reply_packet(1, run(*call))) == names_of(bytes.fromhex(recorded["reply"]))


def test_contacts(features, run):
    add_alice(features)
    contact = run("ul.lookup", "location", "alice")["Contacts"][0]["Contact"]
    assert contact["Expires"] == 477 and contact["Q"] == -1.0 and contact["Methods"] == 4294967295
    assert (contact["Received"], contact["Path"], contact["Instance"]) == ("[not set]",) * 3
    assert run("ul.dump", "brief")["Domains"][0]["Domain"]["AoRs"][0]["Info"]["Contacts"] == [
        {"Contact": {"Address": "sip:alice@127.0.0.1:17037"}}]
    assert run("ul.lookup", "location", "nobody") == (500, "AOR not found in location table")
    assert run("ul.rm_contact", "location", "alice", "sip:other@a") == (404, "Contact not found")
    assert run("ul.rm_contact", "location", "alice", "sip:alice@127.0.0.1:17037") is None
    assert run("ul.rm", "location", "alice") == (500, "AOR not found in location table")
    add_alice(features)
    assert run("ul.rm", "location", "alice") is None
    assert run("ul.dump")["Domains"][0]["Domain"]["Stats"] == {"Records": 0, "Max-Slots": 0}


def test_hash_tables(run):
    assert run("htable.sets", "ipban", "a", "b") == "Ok. Key set to new value."
    assert run("htable.seti", "ipban", "c", 5) == "Ok. Key set to new value."
    assert run("htable.sets", "ipban", 12, 13) == "Ok. Key set to new value."
    item = run("htable.get", "ipban", "a")["item"]
    assert list(item) == ["name", "value", "flags", "expire"] and item["value"] == "b"
    assert [entry["slot"][0] for entry in run("htable.dump", "ipban")] == [
        {"name": "a", "value": "b", "type": "str"}, {"name": "c", "value": 5, "type": "int"},
        {"name": "12", "value": "13", "type": "str"}]
    assert run("htable.delete", "ipban", "a") == "Ok. Key deleted."
    assert run("htable.get", "ipban", "a") == (500, "Key name doesn't exist in htable.")
    assert run("htable.flush", "ipban") == "Ok. Htable flushed."
    assert run("htable.dump", "ipban") == []
    assert run("htable.dump", "nosuch") == (500, "No such htable")
    assert run("htable.listTables") == [{"name": "ipban", "dbtable": "", "dbmode": 0, "expire": 300, "updateexpire": 1,
                                         "size": 1024, "dmqreplicate": 0}]
