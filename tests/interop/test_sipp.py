"""SIPp's own caller and callee through the proxy: basic calls and cancelled calls."""

import pytest

from kit.configuration import Configuration, Replace, Route
from kit.ports import free_port
from kit.sipp import Sipp


@pytest.fixture
def sipp(session_directory):
    running = []

    def make(scenario, port, *arguments):
        running.append(Sipp(session_directory, scenario, port, *arguments).start())
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.mark.parametrize(("kind", "calls", "rate"), [("basic", 100, 50), ("cancel", 50, 25)])
def test_calls(start, sipp, kind, calls, rate):
    callee_port = free_port()
    route = Route("out", replace_from=Replace(uri="sip:anon@edge.example"), relay=(f"sip:127.0.0.1:{callee_port}",))
    proxy = start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,)))
    callee = sipp(f"uas_{kind}.xml", callee_port, "-m", str(calls))
    caller = sipp(f"uac_{kind}.xml", free_port(), "-m", str(calls), "-r", str(rate), proxy.sent_by)
    assert caller.wait(30.0) == 0, caller.report()
    assert callee.wait(10.0) == 0, callee.report()
    counters = caller.counters()
    assert int(counters["SuccessfulCall(C)"]) == calls
    assert int(counters["FailedCall(C)"]) == 0
    assert int(counters["Retransmissions(C)"]) <= calls // 10


@pytest.mark.parametrize("password", ["s3cret", "wrong"])
def test_sipp_verifies_the_digest(start, sipp, password):
    callee_port, calls = free_port(), 20
    credential = {"username": "trunk", "password": password}
    route = Route("out", relay=(f"sip:127.0.0.1:{callee_port}",), credential=credential)
    proxy = start(Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), routes=(route,)))
    callee = sipp("uas_auth.xml", callee_port, "-m", str(calls))
    caller = sipp("uac_basic.xml", free_port(), "-m", str(calls), "-r", "20", proxy.sent_by)
    code = caller.wait(30.0)
    counters = caller.counters()
    if password == "wrong":
        assert code != 0
        assert int(counters["FailedCall(C)"]) == calls
        return
    assert code == 0, f"{caller.report()} {callee.report()}"
    assert callee.wait(10.0) == 0, callee.report()
    assert int(counters["SuccessfulCall(C)"]) == calls
