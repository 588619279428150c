"""SIGKILL to a worker and to the whole program while 2,000 accounts come online: none lost, none stuck, no storm."""

import os
import signal
import time
from collections import Counter

import pytest

from kit.databases import MariaDbDatabase, SqliteFile
from kit.programs import wait_until
from kit.registrar import Registrar, field
from kit.uacreg import AccountsProgram

NUMBER = 2000
RATE = 500          # registrations begun per second and worker: the ramp lasts long enough to be met in the middle
ACCOUNTS = [f"acc{n}" for n in range(NUMBER)]


@pytest.fixture
def registrar():
    one = Registrar()
    yield one
    one.close()


@pytest.fixture
def made(request, tmp_path, registrar):
    """Makes the program with its accounts: made("sqlite")."""
    programs = []

    def make(kind):
        database = (SqliteFile(tmp_path / "accounts.db") if kind == "sqlite"
                    else MariaDbDatabase(request.getfixturevalue("mariadb")))
        programs.append(AccountsProgram(tmp_path, database, registrar.uri))
        programs[0].add(*ACCOUNTS, expires=600)
        return programs[0]

    yield make
    for one in programs:
        one.stop()


def user(octets):
    return field(octets, "To").split("@")[0].removeprefix("<sip:")


def branch(octets):
    return field(octets, "Via").partition("branch=")[2]


def attempts(requests):
    """Registrations begun by account: REGISTERs without credentials, copies not counted."""
    return Counter(user(octets) for octets in {branch(octets): octets for octets in requests
                                               if not field(octets, "Authorization")}.values())


def check_settled(program, registrar):
    """All are registered and the registrar hears nothing more."""
    program.wait_for(regtotal=NUMBER, regactive=NUMBER, regdisabled=0)
    dump = program.result("uac.reg_dump")
    assert sorted(one["l_uuid"] for one in dump) == sorted(ACCOUNTS)
    assert {one["flags"] for one in dump} == {20}
    sent = len(registrar.requests)
    time.sleep(0.7)
    assert len(registrar.requests) == sent


@pytest.mark.parametrize("kind,reg_keep_states", [("sqlite", True), ("mariadb", True), ("sqlite", False)])
def test_a_worker_is_killed_in_the_ramp(made, registrar, kind, reg_keep_states):
    program = made(kind)
    program.start(workers=2, reg_max_rate=RATE, reg_keep_states=reg_keep_states)
    before = program.workers()
    registrar.wait_for(lambda one: len(one.requests) >= NUMBER, 30, "half of the ramp")
    os.kill(before[1], signal.SIGKILL)
    at_kill = len(registrar.requests)
    wait_until(lambda: len(program.workers()) == 2 and before[1] not in program.workers(), 20, "a new worker")
    check_settled(program, registrar)
    begun = attempts(registrar.requests)
    assert begun.keys() == set(ACCOUNTS)
    assert max(begun.values()) <= 2 and registrar.repeated <= RATE
    again = sum(count - 1 for count in begun.values())
    if reg_keep_states:
        # What the dead worker had told nobody of: a moment's work.
        assert again <= RATE // 2 + RATE // 10, (again, at_kill)
    else:
        # All that it drove itself: about half of what was online.
        assert again <= at_kill // 2 * 0.6 + RATE // 10, (again, at_kill)
    # The new worker drives what the dead one drove.
    for account in ACCOUNTS[::700]:
        heard = len(registrar.of(account))
        program.result("uac.reg_register", "l_uuid", account)
        registrar.wait_for(lambda one, account=account, heard=heard: len(one.of(account)) == heard + 2)


@pytest.mark.parametrize("kind,workers", [("sqlite", 1), ("mariadb", 2)])
def test_the_program_is_killed_in_the_ramp(made, registrar, kind, workers):
    program = made(kind)
    program.start(workers=workers, reg_max_rate=RATE, reg_keep_callid=True)
    registrar.wait_for(lambda one: len(one.requests) >= NUMBER, 30, "half of the ramp")
    program.kill()
    time.sleep(0.3)     # what still lies in the registrar's socket
    first = list(registrar.requests)
    kept = set(program.kept_states())
    online = {user(octets) for octets in first if field(octets, "Authorization")}
    assert kept <= online
    # States are written a moment after the reply.
    assert len(kept) >= len(online) - RATE, (len(kept), len(online))
    program.start(workers=workers, reg_max_rate=RATE, reg_keep_callid=True)
    check_settled(program, registrar)
    second = registrar.requests[len(first):]
    begun = attempts(second)
    # Only what is due: all others, once, with two requests each.
    assert begun.keys() == set(ACCOUNTS) - kept
    assert max(begun.values()) == 1 and len(second) == 2 * len(begun)
    # A kept one goes on with its Call-ID and a higher CSeq.
    account = sorted(kept)[0]
    program.result("uac.reg_register", "l_uuid", account)
    registrar.wait_for(lambda one: len(one.of(account)) == 4)
    assert len({field(octets, "Call-ID") for octets in registrar.of(account)}) == 1
    numbers = [int(field(octets, "CSeq").split()[0]) for octets in registrar.of(account)]
    assert numbers == sorted(set(numbers))


def test_killed_again_and_again(made, registrar):
    """Three ends in one ramp; each start goes on where the last one was."""
    program = made("sqlite")
    for goal in (NUMBER // 2, NUMBER, 3 * NUMBER // 2):
        program.start(workers=2, reg_max_rate=RATE)
        registrar.wait_for(lambda one, goal=goal: len(one.requests) - one.repeated >= goal, 30, f"{goal}")
        program.kill()
    program.start(workers=2, reg_max_rate=RATE)
    check_settled(program, registrar)
    begun = attempts(registrar.requests)
    assert begun.keys() == set(ACCOUNTS)
    # Each end costs at most what was told nobody of in its last moment.
    assert sum(begun.values()) <= NUMBER + 3 * RATE
