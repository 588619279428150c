"""The store on real databases: SQLite, MariaDB, PostgreSQL; tables of our own making and of Kamailio's scripts."""
import asyncio
import os
import time
from pathlib import Path

import pytest
import uvloop

from kit.databases import KAMAILIO_SCRIPTS, MariaDbDatabase, PostgreSqlDatabase, SqliteFile, account
from uacfast.store import REGISTRATION_COLUMNS, StoreError, open_store

KINDS = ("sqlite", "mariadb", "postgresql")
KAMAILIO_TABLES = {"standard": "version", "uac": "uacreg", "auth_db": "subscriber", "permissions": "address"}
MANY = 200_000


def make(request, tmp_path, kind):
    if kind == "sqlite":
        return SqliteFile(tmp_path / "uacfast.db")
    server = request.getfixturevalue(kind)
    return (MariaDbDatabase if kind == "mariadb" else PostgreSqlDatabase)(server)


@pytest.fixture(params=KINDS)
def database(request, tmp_path):
    """An empty database."""
    return make(request, tmp_path, request.param)


@pytest.fixture(params=KINDS)
def kamailios(request, tmp_path):
    """A database whose tables Kamailio's own scripts have made."""
    found = make(request, tmp_path, request.param)
    run_scripts(found)
    return found


def run_scripts(database):
    for name in KAMAILIO_TABLES:
        path = KAMAILIO_SCRIPTS / database.scripts / f"{name}-create.sql"
        assert path.exists(), f"{path} is missing: apt-get install kamailio-{{mysql,sqlite,postgres}}-modules"
        database.script(path)


def with_store(database, work):
    """What `work(store)` returns, on uvloop."""
    async def run():
        store = await open_store(database if isinstance(database, str) else database.url)
        try:
            return await work(store)
        finally:
            await store.close()
    return uvloop.run(run())


def call(database, name, *arguments, **named):
    return with_store(database, lambda store: getattr(store, name)(*arguments, **named))


async def collect(chunks):
    return [rows async for rows in chunks]


def registrations(database, table="uacreg", chunk=1000):
    return with_store(database, lambda store: collect(store.registrations(table, chunk)))


def state(l_uuid, **values):
    row = {"l_uuid": l_uuid, "fingerprint": "f", "call_id": "c", "from_tag": "t", "cseq": 10, "flags": 4,
           "granted_until": 1_800_000_000, "next_attempt": 0, "failures": 0, "last_status": 200, "min_expires": 0,
           "challenge": "", "nonce_count": 0, "service_route": "", "target": "", "updated_at": 1_790_000_000}
    return tuple((row | values).values())


def states(database):
    return sorted(row for rows in with_store(database, lambda store: collect(store.states(300))) for row in rows)


# === Creating ===

def test_tables_are_as_kamailio_makes_them(request, tmp_path):
    for kind in KINDS:
        (tmp_path / "own").mkdir(exist_ok=True)
        own, reference = make(request, tmp_path / "own", kind), make(request, tmp_path, kind)
        run_scripts(reference)
        call(own, "create_tables")
        for table in KAMAILIO_TABLES.values():
            assert own.columns(table) == reference.columns(table), (kind, table)
            assert own.columns(table), (kind, table)
            assert own.indexes(table) == reference.indexes(table), (kind, table)
            versions = [one.sql(f"SELECT table_version FROM version WHERE table_name = '{table}'")
                        for one in (own, reference)]
            assert versions[0] == versions[1], (kind, table)


def test_creating_twice_changes_nothing(database):
    first = call(database, "create_tables")
    assert [sentence for sentence in first if "uacreg" in sentence] == ["table uacreg is created (version 5)"]
    database.fill(3)
    assert call(database, "create_tables") == []
    assert len(registrations(database)[0]) == 3


def test_kamailios_tables_stay_as_they_are(kamailios):
    before = kamailios.columns("uacreg")
    assert call(kamailios, "create_tables") == ["table uacfast_regstate is created (version 1)"]
    assert kamailios.columns("uacreg") == before


def test_a_missing_version_row_is_added(kamailios):
    kamailios.sql("DELETE FROM version WHERE table_name = 'uacreg'")
    with pytest.raises(StoreError, match="table uacreg has no version in table version.*db init"):
        registrations(kamailios)
    assert "table uacreg has its row in table version now (5)" in call(kamailios, "create_tables")
    assert registrations(kamailios) == []
    kamailios.sql("DELETE FROM version WHERE table_name = 'uacreg'")
    kamailios.sql("ALTER TABLE uacreg DROP COLUMN contact_addr")
    assert call(kamailios, "create_tables")[0].startswith("table uacreg is older than version 5 and gets no row")
    assert call(kamailios, "version_of") is None


def test_version_6(database):
    call(database, "create_tables", version=6)
    assert call(database, "version_of") == 6
    names = [column[0] for column in database.columns("uacreg")]
    assert names[-3:] == ["contact_addr", "contact_user", "socket"]
    database.fill(1)
    database.sql("UPDATE uacreg SET contact_user = 'trunk', socket = 'udp:192.0.2.1:5060'")
    assert registrations(database)[0][0][-3:] == ("192.0.2.1:5060", "udp:192.0.2.1:5060", "trunk")
    with pytest.raises(StoreError, match="expected 5 or 6"):
        call(database, "create_tables", version=4)


def test_another_table_name(database):
    call(database, "create_tables", "trunks")
    assert call(database, "version_of", "trunks") == 5
    assert registrations(database, "trunks") == []


def test_ensure_ready(database):
    async def work(store):
        return [await store.ensure_ready(), await store.ensure_ready(), await store.columns_of("uacreg")]
    made, again, columns = with_store(database, work)
    assert any("uacfast_regstate is created" in sentence for sentence in made) and again == []
    # In a server the accounts' table is the operator's affair.
    assert bool(columns) == isinstance(database, SqliteFile)


def test_ensure_ready_without_the_permission_goes_on(mariadb, caplog):
    database = MariaDbDatabase(mariadb)
    run_scripts(database)
    mariadb.sql(f"CREATE USER IF NOT EXISTS reader@localhost; GRANT SELECT ON {database.name}.* TO reader@localhost")
    url = f"mysql://reader@/{database.name}?unix_socket={mariadb.socket}"
    assert call(url, "ensure_ready") == []
    assert "uacfast_regstate cannot be created" in caplog.text
    assert registrations(url) == []


# === Accounts ===

def test_accounts_of_kamailios_table(kamailios):
    kamailios.fill(2500)
    chunks = registrations(kamailios)
    assert [len(rows) for rows in chunks] == [1000, 1000, 500]
    rows = [row for rows in chunks for row in rows]
    assert sorted(rows) == sorted(account(number) for number in range(1, 2501))
    assert {type(value) for row in rows for value in row} == {str, int}
    assert call(kamailios, "count") == 2500
    assert call(kamailios, "version_of") == 5


@pytest.mark.parametrize("missing", [["contact_addr"], ["socket", "contact_addr", "reg_delay", "flags", "auth_ha1"]])
def test_columns_of_newer_versions_may_be_missing(kamailios, missing):
    for column in missing:
        kamailios.sql(f"ALTER TABLE uacreg DROP COLUMN {column}")
    if "contact_addr" in missing:
        kamailios.sql("ALTER TABLE uacreg ADD COLUMN contact_addr VARCHAR(255)")
        kamailios.fill(1)
        kamailios.sql("ALTER TABLE uacreg DROP COLUMN contact_addr")
    names = [column.name for column in REGISTRATION_COLUMNS]
    expected = list(account(1))
    expected[names.index("contact_addr")] = ""
    assert registrations(kamailios) == [[tuple(expected)]]
    assert call(kamailios, "registration", "uacreg", "uuid-1") == tuple(expected)


def test_an_essential_column_must_not_be_missing(kamailios):
    kamailios.sql("ALTER TABLE uacreg DROP COLUMN realm")
    with pytest.raises(StoreError, match="table uacreg has no column realm"):
        registrations(kamailios)


@pytest.mark.parametrize("version", [0, 1, 4, 7])
def test_other_versions_are_refused(kamailios, version):
    kamailios.sql(f"UPDATE version SET table_version = {version} WHERE table_name = 'uacreg'")
    with pytest.raises(StoreError, match=f"table uacreg has version {version} in table version, expected 5 or 6"):
        registrations(kamailios)
    with pytest.raises(StoreError, match=f"version {version}"):
        call(kamailios, "registration", "uacreg", "u")


def test_null_is_empty(kamailios):
    kamailios.fill(1)
    if isinstance(kamailios, SqliteFile):
        kamailios.sql("CREATE TABLE loose AS SELECT * FROM uacreg;\nDROP TABLE uacreg;\n"
                      "ALTER TABLE loose RENAME TO uacreg")
    elif isinstance(kamailios, MariaDbDatabase):
        kamailios.sql("ALTER TABLE uacreg MODIFY realm VARCHAR(64) NULL, MODIFY expires INT NULL")
    else:
        kamailios.sql("ALTER TABLE uacreg ALTER realm DROP NOT NULL, ALTER expires DROP NOT NULL")
    kamailios.sql("UPDATE uacreg SET realm = NULL, expires = NULL")
    row = registrations(kamailios)[0][0]
    assert (row[5], row[10]) == ("", 0)


def test_any_text_comes_as_it_is(database):
    texts = ["a'b", 'a"b', "a\\b", "a%sb", "né", "日本", "a\tb", "{}[],", "\U0001f600"]
    call(database, "create_tables")
    if isinstance(database, MariaDbDatabase):
        database.sql("ALTER TABLE uacreg CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    rows = [(f"u{index}", text) for index, text in enumerate(texts)]
    call(database, "import_registrations", "uacreg", ["l_uuid", "auth_password"], rows)
    assert sorted((row[0], row[7]) for row in registrations(database)[0]) == rows


def test_one_account(database):
    call(database, "create_tables")
    database.fill(3)
    assert call(database, "registration", "uacreg", "uuid-2") == account(2)
    assert call(database, "registration", "uacreg", "uuid-9") is None
    assert call(database, "registration", "uacreg", "' OR 1=1 --") is None


def test_mysql_finds_an_account_by_another_case_and_tells_its_real_name(mariadb):
    database = MariaDbDatabase(mariadb)
    run_scripts(database)
    database.fill(1)
    assert call(database, "registration", "uacreg", "UUID-1") == account(1)


def test_no_table(database):
    call(database, "create_tables")
    for name, arguments in (("registration", ("nothing", "u")), ("subscriber", ("nothing", "u")),
                            ("count", ("nothing",)), ("addresses", ("nothing",))):
        with pytest.raises(StoreError, match="nothing.*db init") as caught:
            call(database, name, *arguments)
        assert not caught.value.away
    with pytest.raises(StoreError, match="cannot be the name"):
        registrations(database, "x; DROP TABLE uacreg")
    assert call(database, "version_of", "nothing") is None


# === Subscribers and addresses ===

def test_subscriber(kamailios):
    kamailios.sql("INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES "
                  "('alice', 'a.example', 'x', 'h', 'b'), ('alice', 'b.example', 'y', '', '')")
    found = call(kamailios, "subscriber", "subscriber", "alice", "a.example")
    assert found == {"id": "1", "username": "alice", "domain": "a.example", "password": "x", "ha1": "h", "ha1b": "b"}
    assert call(kamailios, "subscriber", "subscriber", "alice", "b.example")["password"] == "y"
    assert call(kamailios, "subscriber", "subscriber", "alice")["username"] == "alice"
    assert call(kamailios, "subscriber", "subscriber", "bob") is None
    assert call(kamailios, "subscriber", "subscriber", "alice", "c.example") is None


def test_subscriber_of_a_table_with_other_columns(database):
    call(database, "create_tables")
    database.sql("CREATE TABLE people (login VARCHAR(20), realm VARCHAR(20), ha1 VARCHAR(64), extension INT)")
    database.sql("INSERT INTO people VALUES ('alice', 'r', NULL, 7)")
    found = call(database, "subscriber", "people", "alice", "r", user_column="login", domain_column="realm")
    assert found == {"password": "", "ha1": "", "ha1b": "", "login": "alice", "realm": "r", "extension": "7"}


def test_addresses(kamailios):
    kamailios.sql("INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES (1, '192.0.2.0', 24, 5060, NULL), "
                  "(2, '2001:db8::', 32, 0, 'six')")
    assert sorted(call(kamailios, "addresses")) == [(1, "192.0.2.0", 24, 5060, ""), (2, "2001:db8::", 32, 0, "six")]


# === State ===

def test_states_are_written_and_replaced(database):
    call(database, "create_tables")
    rows = [state(f"uuid-{number}", cseq=number) for number in range(1, 1201)]
    call(database, "save_states", rows)
    assert states(database) == sorted(rows)
    call(database, "save_states", [state("uuid-7", cseq=99, challenge='Digest realm="a", nonce="%s\\"'), state("new")])
    after = {row[0]: row for row in states(database)}
    assert len(after) == 1201 and after["uuid-7"][4] == 99 and after["uuid-7"][11] == 'Digest realm="a", nonce="%s\\"'
    call(database, "delete_states", ["uuid-7", "nobody"])
    assert call(database, "count", "uacfast_regstate") == 1200


def test_states_tell_uuids_apart_by_case(database):
    call(database, "create_tables")
    call(database, "save_states", [state("m1"), state("M1")])
    assert [row[0] for row in states(database)] == ["M1", "m1"]


def test_what_no_column_takes_does_not_lose_the_others(database):
    call(database, "create_tables")
    call(database, "save_states", [list(state("a", challenge="x" * 1025, target="y" * 255)), state("b" * 256),
                                   state("c", call_id="a\0b"), state("d", service_route="\udcff"), state("")])
    rows = {row[0]: row for row in states(database)}
    assert sorted(rows) == ["a", "c", "d"]
    assert (rows["a"][11], rows["a"][14]) == ("", "y" * 255)
    assert (rows["c"][2], rows["d"][13]) == ("", "")


def test_states_of_many_tasks_at_once(database):
    async def work(store):
        await asyncio.gather(*(store.save_states([state(f"{task}-{number}") for number in range(50)])
                               for task in range(10)))
        return await store.count("uacfast_regstate")
    call(database, "create_tables")
    assert with_store(database, work) == 500


def test_no_state_table_is_a_sentence(kamailios):
    for name, argument in (("save_states", [state("a")]), ("delete_states", ["a"])):
        with pytest.raises(StoreError, match="uacfast_regstate"):
            call(kamailios, name, argument)
    with pytest.raises(StoreError, match="uacfast_regstate"):
        states(kamailios)


# === Size ===

def resident() -> int:
    """Octets of this process in memory."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def test_many_rows_need_little_memory_and_leave_the_loop_its_turn(database):
    """As Python objects these rows take more than 200 MB."""
    call(database, "create_tables")
    database.fill(MANY)
    longest = 0.0

    async def watch():
        # In CPU time of the loop's thread: other programs on this machine do not count.
        nonlocal longest
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest = max(longest, now - last)
            last = now

    async def work(store):
        count, most = 0, 0
        async for rows in store.registrations():        # what opens a connection for the first time comes before
            assert rows
            break
        before = resident()
        watching = asyncio.create_task(watch())
        async for rows in store.registrations():
            count += len(rows)
            most = max(most, resident())
        watching.cancel()
        print(f"memory: {(most - before) >> 10} KiB more, longest turn: {longest * 1000:.1f} ms")
        return count, most - before

    count, growth = with_store(database, work)
    assert count == MANY
    assert growth < 24 * 2**20
    assert longest < 0.05


def test_a_stream_does_not_hold_up_other_calls(database):
    async def work(store):
        async for rows in store.registrations(chunk=10):
            await asyncio.gather(*(store.registration("uacreg", rows[0][0]) for _ in range(8)))
            await store.save_states([state(row[0]) for row in rows])
        return await store.count("uacfast_regstate")
    call(database, "create_tables")
    database.fill(95)
    assert with_store(database, work) == 95
