"""The Python face of a dialog: what scripts get of it."""
import pytest

from kit.memory import CALLEE, CALLER, RELAY, Dialog, MemoryProxy, request, route
from uacfast.proxy.dialog_table import write_did
from uacfast.testing.dialogs import Request, raise_cseq

CONTACT = "Contact: <sip:alice@127.0.0.1:40001>\r\n"


@pytest.fixture
def proxy():
    return MemoryProxy(route("dialog = true\n" + RELAY))


@pytest.fixture
def call(proxy):
    dialog = Dialog(proxy, request(headers=CONTACT))
    dialog.proxy.receive(dialog.downstream("ACK"), CALLER)
    proxy.take()
    return dialog


@pytest.fixture
def dialogs(proxy):
    return proxy.engine.engine.dialogs


@pytest.fixture
def tracked(dialogs, call):
    return dialogs.get(call.sent.call_id, "ft1", "tt1")


def test_get(dialogs, call, tracked):
    assert tracked.state == 4
    assert dialogs.get(call.sent.call_id, "tt1", "ft1").field("h_id") == tracked.field("h_id")
    assert dialogs.get(call.sent.call_id, "ft1", "tt2") is None and dialogs.get("x", "ft1", "tt1") is None


def test_variables(tracked):
    variables = tracked.variables
    assert dict(variables) == {} and variables.get("a") is None and variables.get("a", "b") == "b"
    variables["a"] = "1"
    variables["empty"] = ""
    variables["näme"] = "wörth \udcff"
    variables["a"] = "longer than before"
    assert dict(variables) == {"näme": "wörth \udcff", "empty": "", "a": "longer than before"}
    assert variables["a"] == "longer than before" and variables["empty"] == "" and "empty" in variables
    assert variables["näme"] == "wörth \udcff" and list(variables.keys())[0] == "a"
    del variables["a"]
    assert "a" not in variables and len(variables) == 2
    with pytest.raises(KeyError):
        variables["a"]
    with pytest.raises(KeyError):
        del variables["a"]
    with pytest.raises(TypeError):
        variables["a"] = None
    with pytest.raises(TypeError):
        variables["a"] = 1
    assert tracked.as_dict()["variables"][-1] == {"empty": ""}


def test_variables_have_a_limit(tracked):
    tracked.variables["a"] = "x" * 30_000
    with pytest.raises(ValueError, match="32 KB"):
        tracked.variables["b"] = "x" * 5_000
    assert not tracked.variables.set("", "nameless") and not tracked.variables.set("b" * 70_000, "1")
    assert len(tracked.variables["a"]) == 30_000 and len(tracked.variables) == 1


def test_fields(tracked, call):
    """$dlg(...): types and null as Kamailio 5.6.3 has them."""
    expected = {"callid": call.sent.call_id, "from_uri": "sip:alice@example.com", "to_uri": "sip:bob@example.com",
                "state": 4, "from_tag": "ft1", "to_tag": "tt1", "from_rs": None, "to_rs": None, "from_cseq": "1",
                "to_cseq": "0", "from_contact": "sip:alice@127.0.0.1:40001", "to_contact": "sip:bob@127.0.0.1:40002",
                "from_bindaddr": "udp:127.0.0.1:5060", "lifetime": 43200, "sflags": 0, "toroute": 0}
    assert {name: tracked.field(name) for name in expected} == expected
    with pytest.raises(ValueError, match="expected one of callid"):
        tracked.field("nothing")


def test_flags(tracked):
    assert tracked.set_flag(3) and tracked.set_flag(31) and not tracked.set_flag(32) and not tracked.set_flag(-1)
    assert tracked.is_flag_set(3) and not tracked.is_flag_set(4) and not tracked.is_flag_set(40)
    assert tracked.field("sflags") == 1 << 31 | 8
    assert tracked.reset_flag(31) and tracked.field("sflags") == 8


def test_timeout(proxy, tracked):
    assert tracked.set_timeout(10) and tracked.field("lifetime") == 10
    assert not tracked.set_timeout(0) and not tracked.set_timeout(-1) and not tracked.set_timeout(2**40)
    tracked.set_bye_on_timeout(True)
    assert tracked.as_dict()["iflags"] == 1
    proxy.advance(5_000)
    assert tracked.lifetime == 5 and tracked.as_dict()["duration"] == 5
    tracked.set_timeout(6)
    proxy.advance(5_000)
    assert tracked.state == 4
    proxy.advance(1_010)
    assert tracked.state == 5 and sorted(message.method for message in proxy.take()) == ["BYE", "BYE"]


def test_timeout_of_an_early_dialog(proxy, dialogs):
    received = proxy.start(request(headers=CONTACT))
    entry, = dialogs.list()
    assert dialogs.set_timeout_of(entry["h_entry"], entry["h_id"], 7)
    proxy.answer(received, 200)
    proxy.advance(6_900)
    assert len(dialogs.list()) == 1
    proxy.advance(200)
    assert dialogs.list() == []


@pytest.mark.parametrize("side, methods", [("caller", (1, 0)), ("callee", (0, 1)), ("all", (1, 1))])
def test_bye(proxy, tracked, side, methods):
    assert tracked.bye(side) is True
    proxy.engine.engine.flush_now()
    proxy.collect()
    to_caller, to_callee = proxy.take(CALLER), proxy.take(CALLEE)
    assert (len(to_caller), len(to_callee)) == methods
    proxy.answer((to_caller + to_callee)[0], 200)
    assert tracked.state == 5


def test_bye_of_nobody(tracked):
    with pytest.raises(ValueError, match='"caller", "callee" or "all"'):
        tracked.bye("both")


def test_bye_without_contact(proxy, dialogs):
    call = Dialog(proxy)
    tracked = dialogs.get(call.sent.call_id, "ft1", "tt1")
    assert tracked.bye("caller") is False and tracked.state == 3


def test_ended(proxy, call, tracked):
    """A script may hold it longer than it lives."""
    tracked.variables["a"] = "1"
    proxy.receive(call.downstream("BYE"), CALLER)
    proxy.answer(proxy.one(CALLEE), 200)
    for _ in range(2):
        assert tracked.state == 5 and tracked.as_dict() is None and tracked.field("callid") is None
        assert tracked.lifetime == 0 and not tracked.set_timeout(5) and not tracked.bye("all")
        assert dict(tracked.variables) == {} and not tracked.set_flag(1) and not tracked.is_flag_set(1)
        assert tracked.variables.get("a") is None and not tracked.variables.set("a", "2")
        with pytest.raises(ValueError, match="has ended"):
            tracked.variables["a"] = "2"
        proxy.advance_fast(10_000)      # now it is out of memory
        Dialog(proxy)                   # and its place is taken


# --- dlg_manage() and is_known_dlg() --------------------------------------------------------------------------------

def test_manage_begins(dialogs):
    message = Request(request(headers=CONTACT))
    assert message.known(dialogs) is None
    tracked = message.manage(dialogs)
    assert tracked.state == 1 and message.known(dialogs).field("h_id") == tracked.field("h_id")
    assert message.parameter.decode() == f";did={write_did(tracked.field('h_entry'), tracked.field('h_id'))}"
    assert message.manage(dialogs).field("h_id") == tracked.field("h_id") and len(dialogs.list()) == 1


def test_managed_but_never_relayed(proxy, dialogs):
    """A script may track a call and then drop it."""
    tracked = Request(request()).manage(dialogs)
    proxy.advance_fast(200_000)
    assert tracked.state == 5 and proxy.counter("dialogs_in_memory") == 0 and proxy.counter("failed_dialogs") == 1


@pytest.mark.parametrize("octets", [request("MESSAGE"), request("OPTIONS"), request(to="<sip:b@x>;tag=unknown")])
def test_manage_of_what_begins_no_dialog(dialogs, octets):
    message = Request(octets)
    assert message.manage(dialogs) is None and message.known(dialogs) is None and message.parameter == b""


def test_manage_finds(dialogs, call, tracked):
    for octets, upstream in ((call.downstream("INFO"), False), (call.upstream("INFO"), True)):
        message = Request(octets)
        assert message.manage(dialogs).field("h_id") == tracked.field("h_id")
        assert message.upstream == upstream


def test_cseq_difference(proxy, dialogs, call):
    """It only rises, and our own BYE to the callee counts on from there."""
    message = Request(call.downstream("INFO"))
    message.manage(dialogs)
    assert [raise_cseq(dialogs, message, difference) for difference in (0, 2, 1, 3)] == [0, 2, 2, 3]
    message.known(dialogs).bye("callee")
    proxy.engine.engine.flush_now()
    proxy.collect()
    assert proxy.one(CALLEE).cseq == (1 + 1 + 3, "BYE")
    assert raise_cseq(dialogs, Request(request()), 5) == 0
