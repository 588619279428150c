"""A KSR script in the running program: calls over sockets, reload, errors, workers, the watchdog."""

import signal
from dataclasses import replace

import pytest

from kit.call import Call
from kit.configuration import Configuration
from kit.endpoint import is_request
from kit.ports import free_port
from kit.programs import Uacfast, group_members, wait_until
from kit.script import script_text

pytestmark = pytest.mark.own

EDGE = """
def ksr_request_route(self, msg):
    if KSR.is_OPTIONS() and KSR.is_myself_ruri():
        KSR.sl.sl_send_reply(200, "VERSION")
        return 1
    if self.basics():
        return 1
    if KSR.pv.get("$rU") == "loop":
        while True:
            pass
    if KSR.pv.get("$rU") == "broken":
        return None.attribute
    if KSR.is_INVITE():
        KSR.rr.record_route()
        KSR.uac.uac_replace_from("", "sip:anon@anonymous.invalid")
        KSR.tm.t_on_failure("ksr_failure")
    KSR.tm.t_relay()
    return 1

def ksr_failure(self, msg):
    if KSR.tm.t_is_canceled() > 0:
        return 1
    if KSR.tm.t_check_status("486") > 0 and KSR.pv.get("$(rU{s.substr,0,4})") == "next":
        KSR.seturi("sip:bob@127.0.0.1:%s" % KSR.pv.get("$(rU{s.substr,4,0})"))
        KSR.tm.t_relay()
    return 1
"""


@pytest.fixture
def scripted(start, tmp_path):
    """Starts a proxy with this script; script options and [server] keys can be given."""

    def launch(text: str = EDGE, options: str = "", uac: dict | None = None, **server):
        path = tmp_path / "edge.py"
        path.write_text(script_text(text))
        configuration = Configuration(
            listen=(f"udp:127.0.0.1:{free_port()}",), routes=(), server=server, uac=uac or {},
            extra=f'\n[script]\nfile = "{path}"\n{options}\n')
        proxy = start(configuration)
        proxy.script = path
        return proxy

    return launch


@pytest.mark.parametrize("workers", [1, 2])
def test_calls(scripted, endpoint, callee, workers):
    proxy = scripted(workers=workers)
    for _ in range(6):
        call = Call(endpoint(), callee, proxy.address)
        call.establish()
        assert call.received_invite.from_uri == "sip:anon@anonymous.invalid"
        for who in ("caller", "callee"):
            exchange = call.exchange(who, "INVITE")
            assert exchange.reply.get("From") == exchange.sent.get("From")
        call.hang_up("callee")


def test_names_as_they_came_are_in_avps(scripted, caller, callee):
    """restore_from_avp, restore_to_avp: the next hop hears who called, and the caller what the script says."""
    armed = 'KSR.tm.t_on_failure("ksr_failure")'
    text = EDGE.replace(armed, f"""KSR.uac.uac_replace_to_uri("sip:carol@gotham.example")
        KSR.hdr.append("X-Caller: %s\\r\\n" % KSR.pv.get("$avp(caller)"))
        KSR.pv.sets("$avp(called)", "Bobby <sip:bob@example.org>")
        {armed}""")
    proxy = scripted(text, uac={"restore_from_avp": "$avp(caller)", "restore_to_avp": "$avp(called)"})
    call = Call(caller, callee, proxy.address)
    final, _ack = call.establish()
    assert call.received_invite.get("X-Caller") == '"Alice A" <sip:alice@example.com>'
    assert (call.received_invite.from_uri, call.received_invite.to_uri) == ("sip:anon@anonymous.invalid",
                                                                            "sip:carol@gotham.example")
    assert final.get("From") == call.sent_invite.get("From")
    assert final.get("To") == f"Bobby <sip:bob@example.org>;tag={call.to_tag}"


def test_failure_route_finds_another_callee(scripted, caller, callee, endpoint):
    proxy = scripted()
    other = endpoint()
    port = other.sent_by.rpartition(":")[2]
    call = Call(caller, callee, proxy.address, user=f"next{port}")
    call.invite()
    first = call.arrive()
    call.answer(486, "Busy Here")
    second = other.receive_request("INVITE")
    assert second.from_uri == first.from_uri == "sip:anon@anonymous.invalid"
    other.reply(second, 200, "OK", to_tag="other")
    assert caller.receive_reply(200).from_uri == call.sent_invite.from_uri


def test_sighup_executes_the_script_anew(scripted, caller, callee):
    proxy = scripted()
    call = Call(caller, callee, proxy.address)
    call.establish()
    proxy.script.write_text(script_text(EDGE.replace("VERSION", "new version")))
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: "the configuration is in force" in proxy.stderr, 10, "the reload")
    caller.send(caller.request("OPTIONS", f"sip:{proxy.sent_by}"), proxy.address)
    assert caller.receive_reply(200).reason == "new version"
    call.hang_up()


def test_broken_script_is_refused(scripted, caller):
    proxy = scripted()
    proxy.script.write_text("def mod_init(:\n")
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: "the old one goes on" in proxy.stderr, 10, "the refusal")
    assert "line 1 fails: SyntaxError" in proxy.stderr
    caller.send(caller.request("OPTIONS", f"sip:{proxy.sent_by}"), proxy.address)
    assert caller.receive_reply(200).reason == "VERSION"
    proxy.kill()
    proxy.process = None


def test_start_with_a_broken_script(tmp_path):
    path = tmp_path / "edge.py"
    path.write_text("def mod_init():\n    return None\n")
    configuration = Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(),
                                  extra=f'\n[script]\nfile = "{path}"\n')
    with pytest.raises(AssertionError, match="mod_init.. of .*edge.py returned None"):
        Uacfast(tmp_path, configuration).start()
    missing = replace(configuration, extra='\n[script]\nfile = "none.py"\n')
    with pytest.raises(AssertionError, match="there is no file .*none.py"):
        Uacfast(tmp_path, missing).start()


def test_an_exception_is_answered_and_logged(scripted, caller, callee):
    proxy = scripted()
    caller.send(caller.request("INVITE", callee.uri("broken")), proxy.address)
    caller.receive_reply(500)
    wait_until(lambda: "AttributeError" in proxy.stderr, 5, "the traceback")
    assert 'callback=ksr_request_route method=INVITE' in proxy.stderr
    Call(caller, callee, proxy.address).establish()
    proxy.kill()
    proxy.process = None


def test_watchdog_ends_a_worker_that_loops(scripted, caller, callee):
    proxy = scripted(options="watchdog_seconds = 1\nwatchdog_kill = true", workers=2)
    before = set(group_members(proxy.process.pid))
    caller.send(caller.request("INVITE", callee.uri("loop")), proxy.address)
    wait_until(lambda: "has been running for more than 1 s" in proxy.stderr, 15, "the watchdog")
    assert "in ksr_request_route" in proxy.stderr and "while True:" in proxy.stderr
    wait_until(lambda: len(group_members(proxy.process.pid)) == len(before)
               and set(group_members(proxy.process.pid)) != before, 10, "the worker's replacement")
    caller.forget()
    callee.expect_nothing(0.1, is_request("INVITE"))
    Call(caller, callee, proxy.address).establish()


def test_script_asks_the_control_part(scripted, caller):
    proxy = scripted("""
def ksr_request_route(self, msg):
    result = KSR.jsonrpcs.exec('{"jsonrpc": "2.0", "method": "core.echo", "params": ["heard"], "id": 1}')
    KSR.sl.sl_send_reply(200, "%d %s" % (result, "heard" in KSR.jsonrpcs.response()))
""")
    caller.send(caller.request("OPTIONS", f"sip:{proxy.sent_by}"), proxy.address)
    assert caller.receive_reply(200).reason == "1 True"
