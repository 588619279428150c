"""Accounts in a real MariaDB whose table Kamailio's own script has made; the server dies and comes back."""

import pytest

from kit.databases import MariaDbDatabase
from kit.programs import wait_until
from kit.registrar import Registrar, field
from kit.uacreg import AccountsProgram

NUMBER = 30


@pytest.fixture
def registrar():
    one = Registrar()
    yield one
    one.close()


@pytest.fixture
def program(tmp_path, mariadb, registrar):
    one = AccountsProgram(tmp_path, MariaDbDatabase(mariadb), registrar.uri)
    one.add(*(f"acc{n}" for n in range(NUMBER)))
    yield one
    try:
        one.stop()
    finally:
        # Whatever became of the test, the next one finds the server running.
        if not mariadb.is_alive():
            mariadb.start()


def users(requests):
    """To users of REGISTERs."""
    return {field(octets, "To").split("@")[0].removeprefix("<sip:") for octets in requests}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_is_a_difference(program, registrar, workers):
    program.add("bad", auth_proxy="")
    program.start(workers=workers, reload_delta=1)
    program.wait_for(regtotal=NUMBER, regactive=NUMBER)
    assert program.quarantined() == ["bad"]
    assert len(registrar.requests) == 2 * NUMBER and registrar.repeated == 0
    before = {one["l_uuid"]: one for one in program.result("uac.reg_dump")}
    program.add("new")
    program.update("acc1", expires=90)
    program.delete("acc2")
    program.update("bad", auth_proxy=registrar.uri)
    assert program.result("uac.reg_reload", "dry") == {
        "added": 2, "changed": 1, "removed": 1, "unchanged": NUMBER - 2, "quarantined": 0,
        "added_uuids": "bad, new", "changed_uuids": "acc1", "removed_uuids": "acc2"}  # fmt: skip
    assert program.counts()["regtotal"] == NUMBER and len(registrar.requests) == 2 * NUMBER
    assert program.result("uac.reg_reload") == {}
    program.wait_for(regtotal=NUMBER + 1, regactive=NUMBER + 1)
    assert program.quarantined() == []
    assert users(registrar.requests[2 * NUMBER:]) == {"new", "acc1", "bad"}
    assert len(registrar.requests) == 2 * NUMBER + 6
    after = {one["l_uuid"]: one for one in program.result("uac.reg_dump")}
    assert after.keys() == before.keys() - {"acc2"} | {"new", "bad"}
    for uuid in before.keys() - {"acc1", "acc2"}:
        assert {**after[uuid], "diff_expires": 0} == {**before[uuid], "diff_expires": 0}
    assert (before["acc1"]["expires"], after["acc1"]["expires"]) == (60, 90)


def test_killed_and_started_again(program, registrar, mariadb):
    """Registrations in memory are refreshed while the database is away; afterwards it is used again."""
    registrar.granted = 5
    program.start(reg_timer_interval=1, reload_delta=0)
    program.wait_for(regactive=NUMBER)
    mariadb.kill()
    sent = len(registrar.requests)
    # Every account is refreshed twice without a database.
    registrar.wait_for(lambda one: len(one.requests) >= sent + 4 * NUMBER)
    assert users(registrar.requests[sent:]) == {f"acc{n}" for n in range(NUMBER)}
    assert program.counts()["regactive"] == NUMBER
    assert program.rpc("uac.reg_reload")[1] == (500, "Failed to reload records - check log messages")
    assert program.rpc("uac.reg_refresh", "acc1")[1] == (500, "Failed to refresh record - check log messages")
    assert program.counts() | {"regtotal": NUMBER, "regactive": NUMBER} == program.counts()
    mariadb.start()
    program.add("new")
    wait_until(lambda: program.rpc("uac.reg_reload")[1] is None, 30, "a reload that works")
    program.wait_for(regtotal=NUMBER + 1, regactive=NUMBER + 1)
    program.result("uac.reg_refresh", "acc1")
    wait_until(lambda: set(program.kept_states()) == {"new", *(f"acc{n}" for n in range(NUMBER))}, 15, "kept states")


def test_started_while_the_database_is_down(program, registrar, mariadb):
    mariadb.kill()
    program.start(workers=2)
    assert program.counts()["regtotal"] == 0 and program.result("uac.reg_dump") == []
    assert program.rpc("uac.reg_reload")[1] == (500, "Failed to reload records - check log messages")
    mariadb.start()
    program.wait_for(regtotal=NUMBER, regactive=NUMBER)
    assert len(registrar.requests) == 2 * NUMBER and registrar.repeated == 0


def test_names_are_told_apart_by_case(program, registrar):
    """MySQL compares without regard to case: refreshing ACC1 finds the row acc1, and no second record comes of it."""
    program.start()
    program.wait_for(regactive=NUMBER)
    assert program.rpc("uac.reg_info", "l_uuid", "ACC1")[1] == (404, "Record not found")
    program.result("uac.reg_refresh", "ACC1")
    program.wait_for(regtotal=NUMBER, regactive=NUMBER)
    registrar.wait_for(lambda one: len(one.of("acc1")) == 4)
    assert not registrar.of("ACC1")
