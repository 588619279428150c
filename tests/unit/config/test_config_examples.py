"""The examples and the starter are complete, true to the defaults, and pass."""
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from uacfast.config import Config, Listen, Route, load, parse
from uacfast.config.model import Event, HashTable
from uacfast.config.schema import keys_of
from uacfast.starter import STARTER

EXAMPLES = Path(__file__).parents[3] / "examples"
SECTIONS = {name: key.value.struct for name, key in keys_of(Config).items()}


def chapters(text):
    """The text of each top-level table, by its name."""
    parts = re.split(r"^\[+([a-z_]+)\]+", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_example_passes_without_warning(path):
    assert load(str(path)).without_effect() == []


@pytest.mark.parametrize("section", SECTIONS)
def test_full_names_every_key(section):
    chapter = chapters((EXAMPLES / "full.toml").read_text())[section]
    shown = re.findall(r"^(?:# )?([a-z0-9_]+) = ", chapter, flags=re.MULTILINE)
    assert sorted(shown) == sorted(keys_of(SECTIONS[section]))


def test_full_shows_the_defaults():
    config = load(str(EXAMPLES / "full.toml"))
    assert config == Config(listen=(Listen(uri="udp:127.0.0.1:5060"),), event=(Event(log=config.event[0].log),),
                            htable=(HashTable(name="ipban"),), route=(Route(name="everything"),))


def test_commented_values_of_full_are_valid():
    text = re.sub(r"^# (?=(?:replace_|credential|request_to|authenticate|initval)[a-z_]* = )", "",
                  (EXAMPLES / "full.toml").read_text(), flags=re.MULTILINE)
    text = text.replace("user = []", 'user = [{ username = "alice", password = "secret" }]').replace(
        '\ndb_url = ""  ', '\ndb_url = "sqlite:///x.db"')
    route, = parse(text).route
    assert route.authenticate.table == "subscriber"
    assert route.replace_from.display == "" and route.replace_to.display is msgspec.UNSET
    assert route.credential.username == "u" and route.request_to.user == "$fU"


def test_starter_hides_from_and_relays():
    config = parse(STARTER)
    assert config.without_effect() == []
    assert config.listen[0].address == ("127.0.0.1", 5060)
    route, = config.route
    assert route.method == ("INVITE",) and route.relay == ("sip:127.0.0.1:5080",) and route.record_route
    assert route.replace_from.uri == "sip:anonymous@anonymous.invalid"


def test_starter_comments_show_the_defaults():
    """Every `# key = value` is a default; uncommented, the file means the same."""
    head, tail = STARTER.split("# Everything else")
    uncommented = re.sub(r"^# (?=[a-z0-9_]+ = )", "", head, flags=re.MULTILINE)
    assert uncommented.count("\n") == head.count("\n") and uncommented != head
    assert parse(uncommented) == parse(STARTER)
    shown = tomllib.loads(uncommented)
    for section in ("server", "tm", "rr", "limits"):
        assert sorted(shown[section]) == sorted(keys_of(SECTIONS[section]))


def test_starter_refusing_route_is_valid():
    _, tail = STARTER.split("# Everything else that begins something could be refused:\n")
    config = parse(STARTER + tail.replace("# ", ""))
    assert config.route[1].reply.code == 403
