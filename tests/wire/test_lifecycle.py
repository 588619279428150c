"""Start, drain, reload and refusal: the command line of the program itself."""

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from kit.call import Call
from kit.configuration import Configuration, Replace, Route
from kit.ports import free_port
from kit.programs import REPOSITORY, wait_until

pytestmark = pytest.mark.own

QUICK = {"wt_timer": 200, "retr_timer1": 50, "retr_timer2": 200, "fr_timer": 2000}


@pytest.fixture
def configuration():
    return Configuration(listen=(f"udp:127.0.0.1:{free_port()}",), server={"drain_timeout": 30}, tm=QUICK)


def uacfast(*arguments: str, timeout: float = 20.0) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "uacfast", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
    )


def test_one_ready_line(start, configuration):
    proxy = start(configuration)
    assert sum(line.startswith("uacfast ready") for line in proxy.stderr.splitlines()) == 1
    proxy.ping()


def test_sigterm_ends_an_idle_program(start, configuration):
    proxy = start(configuration)
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    assert proxy.wait() == 0
    assert time.monotonic() - started < 2.0
    proxy.process = None


def test_sigterm_drains(start, configuration, caller, callee):
    """No new calls: 503; the ringing one is answered and ends; then the program ends with status 0."""
    proxy = start(configuration)
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    proxy.signal(signal.SIGTERM)
    wait_until(lambda: refuses_calls(proxy, caller, callee), 3.0, "the refusal of new calls")
    call.answer()
    call.learn(caller.receive_reply(200, "INVITE"))
    # The last transaction has its final response; the ACK of the call is carried nevertheless.
    time.sleep(0.3)
    call.acknowledge()
    assert proxy.wait(10.0) == 0
    assert "Traceback" not in proxy.stderr
    proxy.process = None


def test_a_call_answered_just_before_a_sigterm_gets_its_ack(start, configuration, caller, callee):
    proxy = start(configuration)
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer()
    call.learn(caller.receive_reply(200, "INVITE"))
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    time.sleep(0.3)
    call.acknowledge()
    call.exchange("caller", "INFO")
    assert proxy.wait(10.0) == 0
    assert 1.0 < time.monotonic() - started < 5.0
    proxy.process = None


def test_a_second_sigterm_does_not_wait_for_an_ack(start, configuration, caller, callee):
    proxy = start(configuration)
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer()
    caller.receive_reply(200, "INVITE")
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    time.sleep(0.2)
    assert proxy.is_alive()
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(3.0) == 0
    assert time.monotonic() - started < 1.5
    proxy.process = None


def test_refused_calls_and_other_requests_do_not_delay_the_end(start, configuration, caller, callee):
    proxy = start(configuration)
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(486, "Busy Here")
    caller.receive_reply(486)
    caller.send(caller.request("MESSAGE", callee.uri("bob")), proxy.address)
    callee.reply(callee.receive_request("MESSAGE"), 200, "OK", to_tag="t1")
    caller.receive_reply(200, "MESSAGE")
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    assert proxy.wait() == 0
    assert time.monotonic() - started < 1.5
    proxy.process = None


def refuses_calls(proxy, caller, callee) -> bool:
    """Whether a new INVITE is answered 503; one that still gets through is rejected by the callee."""
    probe = Call(caller, callee, proxy.address)
    probe.invite()
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        for reply in caller.collect(0.02, lambda m: m.call_id == probe.call_id and m.status >= 200):
            if reply.status == 503:
                assert reply.has("Retry-After")
                return True
            return False
        for invite in callee.collect(0.01, lambda m: m.method == "INVITE" and m.call_id == probe.call_id):
            callee.reply(invite, 486, "Busy Here", to_tag="t1")
    raise AssertionError("a new INVITE got no answer while draining")


def test_a_second_sigterm_stops_at_once(start, configuration, caller, callee):
    proxy = start(configuration)
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(180, "Ringing")
    caller.receive_reply(180)
    proxy.signal(signal.SIGTERM)
    time.sleep(0.3)
    assert proxy.is_alive(), "a ringing call keeps the program"
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(3.0) == 0
    proxy.process = None


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05, 0.1])
def test_a_sigterm_while_ending_does_not_change_the_exit_status(start, configuration, pause):
    proxy = start(configuration)
    proxy.signal(signal.SIGTERM)
    time.sleep(pause)
    with contextlib.suppress(ProcessLookupError):
        proxy.signal(signal.SIGTERM)
    status, proxy.process = proxy.wait(), None
    assert status == 0


def test_sigint_ends_too(start, configuration):
    proxy = start(configuration)
    proxy.signal(signal.SIGINT)
    assert proxy.wait() == 0
    proxy.process = None


def test_sighup_takes_the_new_routes_and_keeps_calls(start, configuration, caller, callee):
    first = dataclasses.replace(configuration, routes=(Route("one", replace_from=Replace(uri="sip:one@x.example")),))
    proxy = start(first)
    established = Call(caller, callee, proxy.address)
    established.establish()
    ringing = Call(caller, callee, proxy.address)
    ringing.invite()
    ringing.arrive()
    ringing.answer(180, "Ringing")
    caller.receive_reply(180)
    proxy.write(dataclasses.replace(first, routes=(Route("two", replace_from=Replace(uri="sip:two@x.example")),)))
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: from_uri_of_new_call(proxy, caller, callee) == "sip:two@x.example", 5.0, "the new route")
    assert established.exchange("caller", "INFO").arrived.from_uri == "sip:one@x.example"
    ringing.answer()
    final = caller.receive_reply(200, "INVITE")
    assert final.get("From") == ringing.sent_invite.get("From")
    ringing.learn(final)
    ringing.acknowledge()
    for call in (established, ringing):
        call.hang_up()


def from_uri_of_new_call(proxy, caller, callee) -> str:
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    call.answer(486, "Busy Here")
    caller.receive(lambda m: m.status == 486 and m.call_id == call.call_id)
    return call.received_invite.from_uri


def test_sighup_with_a_bad_file_keeps_the_old_configuration(start, configuration, caller, callee):
    proxy = start(configuration)
    proxy.file.write_text("[server]\nno_such_key = 1\n")
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: "no_such_key" in proxy.stderr, 5.0, "the complaint about no_such_key")
    call = Call(caller, callee, proxy.address)
    call.establish()
    call.hang_up()


def test_a_port_in_use_is_a_sentence_and_status_1(tmp_path, configuration):
    host, port = "127.0.0.1", int(configuration.listen[0].rpartition(":")[2])
    file = tmp_path / "uacfast.toml"
    file.write_text(configuration.toml())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((host, port))
        done = uacfast("run", str(file))
    assert done.returncode == 1
    assert f"{host}:{port}" in done.stderr
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert "uacfast ready" not in done.stderr


def test_bad_configuration_is_refused_with_every_error_and_its_line(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text(
        '[server]\nworkers = "many"\nunknown_key = 1\n\n[[listen]]\nuri = "udp:127.0.0.1:99999"\n\n'
        '[tm]\nfr_timer = -5\n\n[[route]]\nname = "r"\nruri_user = "["\n'
    )
    for command in ("check", "run"):
        done = uacfast(command, str(file))
        assert done.returncode == 1
        for expected in ("workers", "many", "unknown_key", "99999", "fr_timer", "-5", "ruri_user"):
            assert expected in done.stderr + done.stdout, f"{command} does not name {expected}"
        assert "Traceback" not in done.stderr


def test_a_missing_file_is_a_sentence(tmp_path):
    done = uacfast("run", str(tmp_path / "absent.toml"))
    assert done.returncode == 1
    assert "absent.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_accepts_a_good_file_and_init_writes_one(tmp_path, configuration):
    file = tmp_path / "good.toml"
    file.write_text(configuration.toml())
    assert uacfast("check", str(file)).returncode == 0
    starter = tmp_path / "starter.toml"
    assert uacfast("init", str(starter)).returncode == 0
    assert uacfast("check", str(starter)).returncode == 0
    assert uacfast("init", str(starter)).returncode == 1, "an existing file is left alone"


def test_secrets_are_not_logged(start, configuration, caller, callee):
    proxy = start(
        dataclasses.replace(
            configuration,
            server={"log_level": "debug", "drain_timeout": 0},
            uac={"restore_passwd": "topsecretword"},
            routes=(Route("r", replace_from=Replace(uri="sip:one@x.example")),),
        )
    )
    call = Call(caller, callee, proxy.address)
    call.establish()
    call.hang_up()
    assert "topsecretword" not in proxy.stderr


def test_a_reply_after_a_restart_is_restored_from_its_record_route(start, configuration, caller, callee):
    """A reply whose transaction is unknown goes on by its Via and is restored."""
    with_replace = dataclasses.replace(
        configuration, routes=(Route("r", replace_from=Replace(uri="sip:anon@anonymous.invalid")),)
    )
    proxy = start(with_replace)
    call = Call(caller, callee, proxy.address)
    call.invite()
    call.arrive()
    proxy.kill()
    proxy.process = None
    start(with_replace)
    call.answer()
    final = caller.receive_reply(200)
    assert final.from_uri == "sip:alice@example.com"
    call.learn(final)
    call.acknowledge()
    call.hang_up("callee")
