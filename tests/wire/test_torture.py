"""The messages of RFC 4475 and RFC 5118 through the running proxy; what is expected of each is in the data folder."""

import itertools
import os
import re
import tomllib
from pathlib import Path

import pytest

from kit.configuration import Route
from kit.endpoint import Endpoint
from kit.message import Message, canonical

pytestmark = pytest.mark.own

FOLDER = Path(__file__).parents[1] / "data" / "torture"
EXPECTATIONS = tomllib.loads((FOLDER / "expectations.toml").read_text()) if FOLDER.exists() else {}
_addresses = itertools.count(1)


def test_every_message_has_an_expectation():
    assert {file.stem for file in FOLDER.glob("*.sip")} == set(EXPECTATIONS)
    assert EXPECTATIONS


def _ordinals() -> dict[str, int]:
    """How many earlier messages have the same branch: such messages would be copies of each other to one proxy."""
    seen: dict[bytes, int] = {}
    ordinals = {}
    for name in EXPECTATIONS:
        branch = re.search(rb"branch=([^;,\s]+)", (FOLDER / f"{name}.sip").read_bytes())
        key = branch.group(1) if branch else name.encode()
        ordinals[name] = seen.get(key, 0)
        seen[key] = ordinals[name] + 1
    return ordinals


ORDINALS = _ordinals()


@pytest.fixture(scope="module")
def next_hop():
    one = Endpoint()
    yield one
    one.close()


@pytest.fixture
def sender(data):
    """Bound where replies go, so that the message stays as it is: an address of its own and the sent-by port."""
    sent_by = re.search(rb"(?im)^(?:via|v)[ \t]*:\s*SIP[^,;\r\n]*?:\s*(\d{1,5})\s*(?:[;,\r\n]|$)", data)
    port = int(sent_by.group(1)) if sent_by and 0 < int(sent_by.group(1)) < 65536 else 5060
    number = next(_addresses)
    one = Endpoint(f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.{number}", port)
    yield one
    one.close()


@pytest.fixture
def data(name):
    return (FOLDER / f"{name}.sip").read_bytes()


def kept(message: Message) -> list[tuple[str, str]]:
    """The header lines that a proxy has no business with, as written."""
    touched = ("via", "max-forwards", "record-route", "route")
    return [(name, value) for name, value in message.headers if canonical(name) not in touched]


def assert_relayed(data: bytes, arrived: Message) -> None:
    sent = Message.parse(data.lstrip(b"\r\n"))
    assert arrived.start_line == sent.start_line
    assert kept(arrived) == kept(sent)
    body = sent.body
    if sent.has("Content-Length"):
        body = body[: int(sent.get("Content-Length"))]
    assert arrived.body == body
    assert len(arrived.vias) == len(sent.vias) + 1


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_message(shared_proxy, next_hop, sender, data, name):
    expected = EXPECTATIONS[name]
    outcomes = {expected["outcome"], *expected.get("also", ())}
    proxy = shared_proxy(routes=(Route(f"fixed-{ORDINALS[name]}", relay=(next_hop.uri(),)),))
    next_hop.forget()
    sender.send(data, proxy.address)
    outcome, arrived = observe(sender, next_hop, wait=0.25 if outcomes == {"drop"} else 2.0)
    proxy.ping()
    assert outcome in outcomes, f"{outcome}, expected {expected['outcome']}: {expected['reason']}"
    if outcome == "relay":
        assert_relayed(data, arrived)
        next_hop.reply(arrived, 480, "Not There", to_tag="t1")
        if arrived.method != "ACK":
            assert sender.receive_reply(timeout=2.0).status == 480


def observe(sender: Endpoint, next_hop: Endpoint, wait: float) -> tuple[str, Message | None]:
    """What became of the message: ("relay", it) or (status, None) or ("drop", None).

    The sender's address tells its message from copies of an earlier test's.
    """

    def is_ours(message: Message) -> bool:
        return f"={sender.host}" in message.text

    slices = int(wait / 0.01)
    for _ in range(slices):
        relayed = next_hop.collect(0.005, is_ours)
        if relayed:
            return "relay", relayed[0]
        replies = sender.collect(0.005, lambda m: m.status != 100)
        if replies:
            next_hop.expect_nothing(0.03, is_ours)
            return str(replies[0].status), None
    return "drop", None
