"""SIPp as the registrar of a table's accounts."""

import time

import pytest

from kit.databases import SqliteFile
from kit.ports import free_port
from kit.sipp import Sipp
from kit.uacreg import AccountsProgram


@pytest.fixture
def sipp(tmp_path):
    """Starts a registrar with a scenario: sipp("scenario.xml", calls)."""
    started = []

    def start(scenario, calls):
        port = free_port()
        one = Sipp(tmp_path, scenario, port, "-m", str(calls))
        started.append(one)
        one.start()
        one.uri = f"sip:127.0.0.1:{port}"
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def accounts(tmp_path):
    made = []

    def make(registrar):
        made.append(AccountsProgram(tmp_path, SqliteFile(tmp_path / "accounts.db"), registrar.uri))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_challenged_and_accepted(sipp, accounts):
    """SIPp itself verifies the digests; one account has the wrong password."""
    registrar = sipp("uas_register.xml", 101)
    program = accounts(registrar)
    program.add(*(f"acc{n}" for n in range(100)))
    program.add("wrong", auth_password="another")
    program.start(workers=2)
    program.wait_for(regtotal=101, regactive=100, regdisabled=1)
    assert registrar.wait() == 0, registrar.report()
    assert registrar.counters()["SuccessfulCall(C)"] == "101" and registrar.counters()["Retransmissions(C)"] == "0"
    assert program.explain("wrong")["summary"] == (
        "not registered: disabled after 403, the registrar forbids the account to register")


def test_too_brief(sipp, accounts):
    """423: Min-Expires is asked for at once, and remembered."""
    registrar = sipp("uas_register_brief.xml", 3)
    program = accounts(registrar)
    program.add("acc0")
    program.start()
    program.wait_for(regactive=1)
    program.result("uac.reg_register", "l_uuid", "acc0")
    assert registrar.wait() == 0, registrar.report()
    program.wait_for_state("acc0", "registered")
    explained = program.explain("acc0")
    assert explained["summary"].endswith("of 120 s granted")
    assert explained["expires"] == "120 s are asked for; the row says 60 s"
    assert program.info("acc0")["expires"] == 120


def test_busy(sipp, accounts):
    """503 with Retry-After: 4, reg_retry_interval = 1."""
    registrar = sipp("uas_register_busy.xml", 2)
    program = accounts(registrar)
    program.add("acc0")
    program.start(reg_timer_interval=1, reg_retry_interval=1, reg_retry_after=True)
    explained = program.wait_for_state("acc0", "failed")
    refused = time.monotonic()
    assert explained["summary"] == (
        "not registered: 503, the registrar has no capacity, or cannot be reached, 1 times in a row")
    assert explained["next_attempt"].endswith((", in 4 s", ", in 3 s"))
    program.wait_for(regactive=1)
    assert 2.5 < time.monotonic() - refused < 9
    assert registrar.wait() == 0, registrar.report()
