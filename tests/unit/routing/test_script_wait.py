"""Functions that wait suspend only their message (field report 13: blocking stalls everything)."""
import asyncio
import logging
from pathlib import Path

import pytest

from kit.memory import CALLEE, CALLER, reply, request
from kit.message import Message
from kit.script import script_text
from uacfast.testing import ScriptHarness

HEAD = """
def ksr_request_route(self, msg):
    if KSR.is_OPTIONS():
        KSR.sl.sl_send_reply(200, "OK")
        return 1
    if self.basics():
        return 1
    self.decide()

"""


class Gate:
    """A service that answers when the test says so."""

    def __init__(self, result: object = "found"):
        self.result = result
        self.asked = []
        self.open = asyncio.Event()

    async def __call__(self, *arguments: object) -> object:
        self.asked.append(arguments)
        await self.open.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Waiting(ScriptHarness):
    """A script whose self.ask(x) waits for the control part's answer."""

    def __init__(self, directory: Path, lines: str, more: str = "", result: object = "found", config: str = ""):
        path = directory / "waits.py"
        body = "".join(f"    {line}\n" for line in lines.strip().splitlines())
        ask = "def ask(self, what):\n    return self.wait(self.control().call('service', what))\n\n"
        path.write_text(script_text(f"{HEAD}def decide(self):\n{body}\n{ask}{more}"))
        self.gate = Gate(result)
        super().__init__(path, config, services={"service": self.gate})
        runtime = self._engine.script
        self.script.wait = runtime.wait
        self.script.control = lambda: runtime.control

    @property
    def seen(self) -> list:
        return self.script.ksr_request_route.__globals__["SEEN"]

    def open(self):
        self.gate.open.set()
        self.settle()
        return self.take()


def messages(sent):
    return [Message.parse(one.octets, one.destination) for one in sent]


RELAY = """
KSR.hdr.append("X-Before: yes\\r\\n")
KSR.pv.sets("$avp(a)", "kept")
KSR.rr.record_route()
self.seen(self.ask(KSR.pv.get("$rU")), KSR.pv.get("$rU"), KSR.pv.get("$avp(a)"), msg_kept.Method)
KSR.hdr.append("X-After: yes\\r\\n")
KSR.setdsturi("sip:127.0.0.1:40002")
self.seen(KSR.tm.t_relay())
""".replace("msg_kept.Method", "KSR.pv.get('$rm')")

TO_CALLEE = 'KSR.setdsturi("sip:127.0.0.1:40002")\n'
WITH_FAILURE = TO_CALLEE + 'KSR.tm.t_on_failure("ksr_failure")\nKSR.tm.t_relay()'
WITH_ON_REPLY = TO_CALLEE + 'KSR.tm.t_on_reply("ksr_onreply")\nKSR.tm.t_relay()'


def test_only_this_message_waits(tmp_path):
    with Waiting(tmp_path, RELAY) as harness:
        assert harness.receive(request(), CALLER, wait=False) == []
        assert harness.waiting == 1 and harness.gate.asked == [("bob",)]
        for _ in range(5):
            assert [one.status for one in harness.receive(request("OPTIONS"), CALLER, wait=False)] == [200]
        trying, invite = harness.open()
        assert (trying.status, invite.destination) == (100, CALLEE)
        assert (invite.header("X-Before"), invite.header("X-After")) == ("yes", "yes")
        assert invite.header("Record-Route") and invite.start_line.startswith("INVITE sip:bob@example.com")
        assert harness.seen == [("found", "bob", "kept", "INVITE"), 1]
        [ok] = harness.receive(reply(messages([invite])[0], 200), CALLEE)
        assert (ok.status, ok.destination) == (200, CALLER)


def test_many_wait_at_once_and_each_goes_on_with_its_own(tmp_path):
    with Waiting(tmp_path, RELAY) as harness:
        for number in range(40):
            assert harness.receive(request(uri=f"sip:u{number}@example.com"), CALLER, wait=False) == []
        assert harness.waiting == 40
        sent = [one for one in harness.open() if one.method]
        assert sorted(one.start_line for one in sent) == sorted(
            f"INVITE sip:u{number}@example.com SIP/2.0" for number in range(40))
        assert harness.waiting == 0


def test_copies_of_a_waiting_request_are_absorbed(tmp_path):
    with Waiting(tmp_path, RELAY) as harness:
        invite = request()
        harness.receive(invite, CALLER, wait=False)
        assert harness.receive(invite, CALLER, wait=False) == []
        assert harness.waiting == 1
        assert [one.method for one in harness.open()] == ["", "INVITE"]
        assert [one.status for one in harness.receive(invite, CALLER)] == [100]


def test_what_is_waited_for_can_fail(tmp_path, caplog):
    with Waiting(tmp_path, RELAY, result=ConnectionError("the database is away")) as harness:
        harness.receive(request(), CALLER, wait=False)
        with caplog.at_level(logging.ERROR):
            assert [one.status for one in harness.open()] == [500]
        assert "ConnectionError: the database is away" in caplog.text
        assert [one.status for one in harness.receive(request("OPTIONS"), CALLER)] == [200]


def test_a_transaction_that_is_cancelled_meanwhile(tmp_path):
    with Waiting(tmp_path, "KSR.tm.t_newtran()\n" + RELAY) as harness:
        invite = request()
        harness.receive(invite, CALLER, wait=False)
        cancel = invite.replace(b"INVITE sip:", b"CANCEL sip:").replace(b"1 INVITE", b"1 CANCEL")
        assert [one.status for one in harness.receive(cancel, CALLER, wait=False)] == [200, 487]
        harness.open()
        assert harness.seen == [("found", "bob", "kept", "INVITE"), -1]


def test_failure_route_waits(tmp_path):
    with Waiting(tmp_path, WITH_FAILURE, """
def ksr_failure(self, msg):
    self.seen(self.ask("next"), KSR.pv.get("$T_reply_code"), KSR.tm.t_check_status("486"))
    KSR.setdsturi("sip:127.0.0.1:40003")
    self.seen(KSR.tm.t_relay())
""") as harness:
        invite = messages(harness.receive(request(), CALLER))[1]
        assert [one.method for one in harness.receive(reply(invite, 486), CALLEE, wait=False)] == ["ACK"]
        second, = harness.open()
        assert second.destination == ("127.0.0.1", 40003) and harness.seen == [("found", 486, 1), 1]
        [ok] = harness.receive(reply(messages([second])[0], 200), ("127.0.0.1", 40003))
        assert ok.status == 200


def test_failure_route_that_waits_and_does_nothing(tmp_path):
    with Waiting(tmp_path, WITH_FAILURE, """
def ksr_failure(self, msg):
    self.ask("next")
""") as harness:
        invite = messages(harness.receive(request(), CALLER))[1]
        harness.receive(reply(invite, 486, "Busy"), CALLEE, wait=False)
        [busy] = harness.open()
        assert (busy.start_line, busy.destination) == ("SIP/2.0 486 Busy", CALLER)


def test_failure_route_waits_while_the_caller_cancels(tmp_path):
    with Waiting(tmp_path, WITH_FAILURE, """
def ksr_failure(self, msg):
    self.ask("next")
    KSR.setdsturi("sip:127.0.0.1:40003")
    self.seen(KSR.tm.t_relay())
""") as harness:
        octets = request()
        invite = messages(harness.receive(octets, CALLER))[1]
        harness.receive(reply(invite, 486), CALLEE, wait=False)
        cancel = octets.replace(b"INVITE sip:", b"CANCEL sip:").replace(b"1 INVITE", b"1 CANCEL")
        assert [one.status for one in harness.receive(cancel, CALLER, wait=False)] == [200, 487]
        assert harness.open() == [] and harness.seen == [-1]


@pytest.mark.parametrize("drop", [False, True])
def test_reply_route_waits(tmp_path, drop):
    with Waiting(tmp_path, WITH_ON_REPLY, f"""
def ksr_onreply(self, msg):
    self.seen(self.ask("reply"), KSR.pv.get("$rs"))
    KSR.hdr.append("X-Seen: yes\\r\\n")
    if {drop}:
        KSR.set_drop()
""") as harness:
        invite = messages(harness.receive(request(), CALLER))[1]
        assert harness.receive(reply(invite, 180), CALLEE, wait=False) == []
        sent = harness.open()
        assert [(one.status, one.header("X-Seen")) for one in sent] == ([] if drop else [(180, "yes")])
        assert harness.seen == [("found", 180)]


def test_branch_route_waits(tmp_path):
    with Waiting(tmp_path, """
KSR.setdsturi("sip:127.0.0.1:40002")
KSR.corex.append_branch_uri("sip:second@127.0.0.1:40003")
KSR.tm.t_on_branch("ksr_branch")
self.seen(KSR.tm.t_relay())""", """
def ksr_branch(self, msg):
    KSR.hdr.append("X-Branch: %s\\r\\n" % self.ask(KSR.pv.get("$rU")))
""") as harness:
        harness.receive(request(), CALLER, wait=False)
        sent = [one for one in harness.open() if one.method]
        assert [(one.destination[1], one.headers("X-Branch")) for one in sent] == [
            (40002, ["found"]), (40003, ["found"])]
        assert harness.seen == [1]


def test_nothing_waits_where_there_is_no_message(tmp_path):
    with Waiting(tmp_path, RELAY) as harness:
        async def never():
            raise AssertionError
        with pytest.raises(RuntimeError, match="while a message is worked on"):
            harness._engine.script.wait(never())


def test_what_is_there_already_does_not_suspend(tmp_path):
    with Waiting(tmp_path, """
future = asyncio.get_running_loop().create_future()
future.set_result(7)
self.seen(self.wait(future))
KSR.sl.sl_send_reply(403, "No")
""") as harness:
        harness.script.ksr_request_route.__globals__["asyncio"] = asyncio
        assert [one.status for one in harness.receive(request(), CALLER, wait=False)] == [403]
        assert harness.seen == [7]


def test_closing_ends_what_waits(tmp_path, caplog):
    harness = Waiting(tmp_path, RELAY)
    harness.receive(request(), CALLER, wait=False)
    harness.close()
    assert caplog.records == []
