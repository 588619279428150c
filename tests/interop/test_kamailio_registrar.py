"""Accounts of a table kept registered at a real Kamailio: registrar, usrloc, auth_db."""

import re
import sqlite3
import time
from hashlib import md5

import pytest

from kit.databases import KAMAILIO_SCRIPTS, SqliteFile
from kit.ports import free_port
from kit.programs import KamailioRegistrar, wait_until
from kit.uacreg import AccountsProgram

REALM = "carrier.example"
NUMBER = 20


@pytest.fixture
def kamailio(tmp_path):
    """Starts the registrar: kamailio(("module", "parameter", value), ...)."""
    started = []
    subscribers = SqliteFile(tmp_path / "subscribers.db")
    for name in ("standard", "auth_db"):
        subscribers.script(KAMAILIO_SCRIPTS / "db_sqlite" / f"{name}-create.sql")
    for name in (*(f"acc{n}" for n in range(NUMBER)), "hashed", "wrong", "stranger"):
        subscribers.sql(f"INSERT INTO subscriber (username, domain, password) VALUES ('{name}', '', 'pw-{name}')")

    def start(*parameters):
        one = KamailioRegistrar(tmp_path, f"udp:127.0.0.1:{free_port()}", subscribers.path, *parameters)
        started.append(one)
        return one.start()

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def accounts(tmp_path):
    """The program with accounts at a registrar: accounts(kamailio)."""
    made = []

    def make(registrar):
        one = AccountsProgram(tmp_path, SqliteFile(tmp_path / "accounts.db"), f"sip:{registrar.sent_by}")
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()


def add(program, *names, **columns):
    for name in names:
        program.add(name, **{"auth_username": name, "auth_password": f"pw-{name}", "realm": REALM} | columns)


def expires(contact):
    return int(re.search(r"Expires: (\d+)", contact)[1])


def sequence(contact):
    return int(re.search(r"CSeq: (\d+)", contact)[1])


def call(contact):
    return re.search(r"Call-ID: (\S+)", contact)[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_accounts_come_online_and_go(kamailio, accounts, workers):
    registrar = kamailio()
    program = accounts(registrar)
    names = [f"acc{n}" for n in range(NUMBER)]
    add(program, *names)
    add(program, "hashed", auth_password="", auth_ha1=md5(f"hashed:{REALM}:pw-hashed".encode()).hexdigest().upper())
    program.start(workers=workers)
    program.wait_for(regtotal=NUMBER + 1, regactive=NUMBER + 1, regdisabled=0)
    assert registrar.registers() == 2 * (NUMBER + 1)
    for name in (*names, "hashed"):
        contact = registrar.contact(name)
        assert f"Address: sip:{name}@127.0.0.1:{program.port}\n" in contact
        assert 50 <= expires(contact) <= 60
        assert program.info(name)["flags"] == 20
    program.result("uac.reg_unregister", "l_uuid", "acc3")
    wait_until(lambda: registrar.contact("acc3") is None, 10, "the contact is gone")
    program.wait_for(regactive=NUMBER)
    # The 200 has no Contact any more: with reg_retry_interval = 0 that disables (uac-semantics 4.10).
    assert program.info("acc3")["flags"] == 17 and program.info("acc3")["expires"] == 0
    summary = "not registered: uac.reg_unregister has silenced it; uac.reg_refresh brings it back"
    assert program.explain("acc3")["summary"] == summary
    program.result("uac.reg_enable", "l_uuid", "acc3")
    assert program.explain("acc3")["summary"] == summary
    assert registrar.registers() == 2 * (NUMBER + 1) + 2
    program.result("uac.reg_refresh", "acc3")
    wait_until(lambda: registrar.contact("acc3") is not None, 10, "the contact is back")
    program.wait_for(regactive=NUMBER + 1)


def test_wrong_accounts_stay_offline_and_say_why(kamailio, accounts):
    registrar = kamailio()
    program = accounts(registrar)
    add(program, "acc0")
    add(program, "wrong", auth_password="another")
    add(program, "elsewhere", auth_username="acc1", auth_password="pw-acc1")        # another's name: 403
    add(program, "stranger", realm="other.example")
    program.start()
    program.wait_for(regactive=1, regdisabled=3)
    for name, status, sentence in (
        ("wrong", 401, "the registrar refuses the user name or password, or asks for a realm that is not the row's"),
        ("elsewhere", 403, "the registrar forbids the account to register"),
        ("stranger", 401, "the registrar refuses the user name or password, or asks for a realm that is not the row's"),
    ):
        explained = program.explain(name)
        assert explained["state"] == "disabled"
        assert explained["summary"] == f"not registered: disabled after {status}, {sentence}"
        assert explained["next_attempt"] == "none"
        assert registrar.contact(name) is None and program.info(name)["flags"] & 5 == 1
    assert registrar.contact("acc0") is not None
    # The right password, an enable, and it is online.
    program.update("wrong", auth_password="pw-wrong")
    program.result("uac.reg_refresh", "wrong")
    program.wait_for_state("wrong", "registered")
    assert registrar.contact("wrong") is not None


def test_a_failure_with_an_interval_is_tried_again(kamailio, accounts):
    registrar = kamailio()
    program = accounts(registrar)
    add(program, "wrong", auth_password="another")
    program.start(reg_timer_interval=1, reg_retry_interval=1)
    wait_until(lambda: registrar.registers() >= 4, 20, "a second attempt")
    explained = program.explain("wrong")
    assert program.counts()["regdisabled"] == 0 and program.counts()["regactive"] == 0
    assert explained["summary"].startswith("not registered")
    assert any("it was refused (401)" in text for name, text in explained.items() if name.startswith("transition_"))


@pytest.mark.parametrize("preemptive", [False, True])
def test_refreshes_keep_the_contact_alive(kamailio, accounts, preemptive):
    """The registrar grants 5 s of the 60; its nonces live for 1 s, so refreshes meet a stale one."""
    registrar = kamailio(("registrar", "max_expires", 5), ("auth", "nonce_expire", 1))
    program = accounts(registrar)
    add(program, "acc0", "acc1")
    program.start(reg_timer_interval=1, reg_preemptive=preemptive)
    program.wait_for(regactive=2)
    explained = program.explain("acc0")
    assert explained["summary"].endswith("of 5 s granted")
    first = registrar.registers()
    end = time.monotonic() + 7
    while time.monotonic() < end:
        assert registrar.contact("acc0") and registrar.contact("acc1")
        assert program.counts()["regactive"] == 2
        time.sleep(0.2)
    # Two accounts, refreshed every 1 to 2 s for 7 s.
    assert registrar.registers() - first >= 6
    assert "Failed" not in registrar.stderr


def test_a_refresh_with_a_living_nonce_is_one_request(kamailio, accounts):
    registrar = kamailio()
    program = accounts(registrar)
    add(program, "acc0")
    program.start(reg_preemptive=True, reg_keep_callid=True)
    program.wait_for(regactive=1)
    first = call(registrar.contact("acc0"))
    for number in (3, 4, 5):
        program.result("uac.reg_register", "l_uuid", "acc0")
        wait_until(lambda number=number: registrar.registers() == number, 10, f"{number} REGISTERs")
        program.wait_for_state("acc0", "registered")
    assert call(registrar.contact("acc0")) == first
    assert program.explain("acc0")["registrar"].endswith("0 refused, 0 not answered, breaker closed")


def test_killed_while_the_database_takes_nothing(kamailio, accounts):
    """What was sent after the last state that could be written is unknown after a SIGKILL; CSeq rises all the same.

    Kamailio answers a lower CSeq of the same Call-ID with 200 and leaves the contact as it is: it would run out.
    """
    registrar = kamailio()
    program = accounts(registrar)
    add(program, "acc0")
    program.start(reg_keep_callid=True)
    program.wait_for(regactive=1)
    wait_until(lambda: program.kept_states() == ["acc0"], 10, "a state that is kept")
    lock = sqlite3.connect(program.database.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    for number in range(1, 11):
        program.result("uac.reg_register", "l_uuid", "acc0")
        wait_until(lambda number=number: registrar.registers() == 2 + 2 * number, 10, "a REGISTER more")
        program.wait_for_state("acc0", "registered")
    before = registrar.contact("acc0")
    program.kill()
    lock.close()
    program.start(reg_keep_callid=True)
    program.wait_for(regactive=1)
    program.result("uac.reg_register", "l_uuid", "acc0")
    wait_until(lambda: sequence(registrar.contact("acc0")) > sequence(before), 10, "a higher CSeq at the registrar")
    assert call(registrar.contact("acc0")) == call(before)
