"""Accounts of a database kept registered by the running program, and the uac.* commands on them."""

import os
import signal
import time

import pytest

from kit.account_table import AccountTable
from kit.programs import wait_until
from kit.registrar import Registrar, field

pytestmark = pytest.mark.own


@pytest.fixture
def registrar():
    one = Registrar()
    yield one
    one.close()


@pytest.fixture
def accounts(tmp_path, registrar):
    one = AccountTable(tmp_path, registrar)
    yield one
    if one.program is not None and one.program.process is not None:
        one.program.stop()


def uuids(number):
    return [f"acc{n}" for n in range(number)]


@pytest.mark.parametrize("workers", [1, 3])
def test_all_accounts_get_online_with_two_registers_each(accounts, registrar, workers):
    accounts.add(*uuids(300))
    accounts.add("bad", l_username="")
    accounts.start(workers=workers)
    accounts.wait_for(regtotal=300, regactive=300, regdisabled=0)
    assert accounts.result("cnt.get", "uac_reg", "quarantined") == 1
    assert len(registrar.requests) == 600 and registrar.repeated == 0
    dump = accounts.result("uac.reg_dump")
    assert sorted(one["l_uuid"] for one in dump) == sorted(uuids(300)) and {one["flags"] for one in dump} == {20}
    assert {one["auth_password"] for one in dump} == {"********"}
    assert accounts.result("uac.reg_quarantine")[0]["reason"] == "l_username is empty"
    assert sum(one["records"] for one in accounts.result("uac.reg_registrars")) == 300


@pytest.mark.parametrize("workers", [1, 2])
def test_commands(accounts, registrar, workers):
    accounts.add(*uuids(20))
    accounts.start(workers=workers)
    accounts.wait_for(regactive=20)
    info = accounts.result("uac.reg_info", "r_username", "acc7")
    assert list(info) == [
        "l_uuid",
        "l_username",
        "l_domain",
        "r_username",
        "r_domain",
        "realm",
        "auth_username",
        "auth_password",
        "auth_ha1",
        "auth_proxy",
        "expires",
        "flags",
        "diff_expires",
        "timer_expires",
        "reg_init",
        "reg_delay",
        "contact_addr",
        "socket",
    ]
    assert info["realm"] is None and info["auth_ha1"] == "none" and 50 <= info["diff_expires"] <= 60
    for uuid in ("acc3", "acc4", "acc5"):
        assert accounts.result("uac.reg_disable", "l_uuid", uuid) == {}
        assert accounts.flags(uuid) == 21
    assert accounts.counts()["regdisabled"] == 3
    accounts.wait_for(regactive=17)
    before = len(registrar.requests)
    accounts.result("uac.reg_enable", "l_uuid", "acc3")
    accounts.wait_for(regactive=18, regdisabled=2)
    accounts.result("uac.reg_unregister", "l_uuid", "acc6")
    registrar.wait_for(lambda one: len(one.requests) == before + 4)
    assert [field(octets, "Expires") for octets in registrar.of("acc6")] == ["60", "60", "0", "0"]
    accounts.result("uac.reg_refresh", "acc6")
    accounts.wait_for(regactive=18)
    accounts.result("uac.reg_register", "l_uuid", "acc7")
    registrar.wait_for(lambda one: len(one.of("acc7")) == 4)
    new = [
        "new1",
        "lnew",
        "loc.example.com",
        "rnew",
        f"127.0.0.1:{registrar.port}",
        ".",
        "anew",
        "pnew",
        ".",
        registrar.uri,
        "60",
        0,
        0,
        ".",
        ".",
    ]
    assert accounts.result("uac.reg_add", *new) == {}
    assert accounts.rpc("uac.reg_add", *new)[1] == (409, "uuid already exists")
    accounts.wait_for(regtotal=21, regactive=19)
    assert accounts.rpc("uac.reg_refresh", "new1")[1] == (404, "Record not found")
    assert accounts.result("uac.reg_remove", "new1") == {}
    assert accounts.rpc("uac.reg_remove", "new1")[1] == (404, "Record not found")
    assert accounts.result("uac.reg_active", 5) == {"omode": 1, "nmode": 5}
    assert accounts.result("uac.reg_active", "0") == {"omode": 1, "nmode": 0}
    assert accounts.result("uac.reg_active", "abc") == {"omode": 0, "nmode": 0}


@pytest.mark.parametrize(
    "method,parameters,fault",
    [
        ("info", [], (400, "Invalid Parameters")),
        ("info", ["l_uuid"], (400, "Invalid Parameters")),
        ("info", ["l_uuid", ""], (400, "Invalid Parameter Values")),
        ("info", ["xx", "y"], (400, "Unsupported filter attribute")),
        ("info", ["l_uuid", 12345], (404, "Record not found")),
        ("enable", ["xx", "acc1"], (400, "Unsupported filter attribute")),
        ("disable", ["l_uuid", "nope"], (404, "Record not found")),
        ("unregister", ["l_uuid"], (400, "Invalid Parameters")),
        ("refresh", [], (400, "Invalid Parameters")),
        ("refresh", ["nope"], (404, "Record not found")),
        ("refresh", ["bad"], (500, "Failed to refresh record - check log messages")),
        ("active", [], (500, "Missing parameter")),
        ("remove", [], (400, "Invalid Parameters")),
        ("add", [], (400, "Invalid Parameters")),
        ("add", ["a"] * 14, (400, "Invalid Parameters")),
        (
            "add",
            ["a"] * 7 + [".", "."] + ["a", 60, 0, 0, ".", "."],
            (500, "Failed to add record - invalid password or ha1"),
        ),
        (
            "add",
            ["a"] * 7 + ["p", "abc"] + ["a", 60, 0, 0, ".", "."],
            (500, "Failed to add record - invalid password or ha1"),
        ),
        (
            "add",
            [""] + ["a"] * 6 + ["p", "."] + ["a", 60, 0, 0, ".", "."],
            (500, "Failed to add record - check log messages"),
        ),
        ("explain", ["nope"], (404, "Record not found")),
    ],
)
def test_faults(faulty, method, parameters, fault):
    assert faulty.rpc(f"uac.reg_{method}", *parameters)[1] == fault


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    registrar = Registrar()
    accounts = AccountTable(tmp_path_factory.mktemp("faults"), registrar)
    accounts.add("acc1")
    accounts.add("bad", l_domain="")
    accounts.start()
    yield accounts
    accounts.program.stop()
    registrar.close()


def test_reload_leaves_unchanged_rows_untouched(accounts, registrar):
    accounts.add(*uuids(10))
    accounts.start(reload_delta=2)
    accounts.wait_for(regactive=10)
    sent = len(registrar.requests)
    accounts.add("acc1", expires=90)
    accounts.add("more")
    with accounts.database() as database:
        database.execute("DELETE FROM uacreg WHERE l_uuid = 'acc2'")
    dry = accounts.result("uac.reg_reload", "dry")
    assert (dry["added_uuids"], dry["changed_uuids"], dry["removed_uuids"], dry["unchanged"]) == (
        "more",
        "acc1",
        "acc2",
        8,
    )
    assert accounts.result("uac.reg_reload") == {}
    assert accounts.rpc("uac.reg_reload")[1] == (500, "Failed to shift records - check log messages")
    accounts.wait_for(regtotal=10, regactive=10)
    registrar.wait_for(lambda one: len(one.requests) == sent + 4)
    assert {field(octets, "To").split("@")[0] for octets in registrar.requests[sent:]} == {"<sip:acc1", "<sip:more"}


def test_restart_registers_only_what_is_due(accounts, registrar):
    accounts.add(*uuids(200), expires=600)
    accounts.start(reg_keep_callid=True)
    accounts.wait_for(regactive=200)
    wait_until(lambda: kept(accounts) == 200, 10, "200 states in the database")
    accounts.program.kill()  # SIGKILL: nothing more is written
    sent = len(registrar.requests)
    accounts.add("later", expires=600)
    accounts.start(reg_keep_callid=True)
    accounts.wait_for(regactive=201)
    time.sleep(0.3)
    assert len(registrar.requests) == sent + 2
    accounts.result("uac.reg_register", "l_uuid", "acc5")
    registrar.wait_for(lambda one: len(one.of("acc5")) == 4)
    calls = [field(octets, "Call-ID") for octets in registrar.of("acc5")]
    numbers = [int(field(octets, "CSeq").split()[0]) for octets in registrar.of("acc5")]
    assert len(set(calls)) == 1 and numbers == sorted(set(numbers))


def kept(accounts):
    with accounts.database() as database:
        return database.execute("SELECT COUNT(*) FROM uacfast_regstate WHERE granted_until > 0").fetchone()[0]


def test_dead_worker_is_replaced_and_its_accounts_go_on(accounts, registrar):
    accounts.add(*uuids(90), expires=600)
    accounts.start(workers=3)
    accounts.wait_for(regactive=90)
    wait_until(lambda: kept(accounts) == 90, 10, "90 states in the database")
    pids = [int(line["PID"]) for line in accounts.result("core.psx") if "worker" in line["DSC"]]
    sent = len(registrar.requests)
    os.kill(pids[1], signal.SIGKILL)
    wait_until(lambda: pids[1] not in [int(line["PID"]) for line in accounts.result("core.psx")], 10, "a new worker")
    accounts.wait_for(regtotal=90, regactive=90)
    assert len(registrar.requests) == sent
    assert len(accounts.result("uac.reg_dump")) == 90
    for uuid in uuids(90)[::10]:
        accounts.result("uac.reg_register", "l_uuid", uuid)
        registrar.wait_for(lambda one, uuid=uuid: len(one.of(uuid)) == 4)


def test_answers_of_every_class(accounts, registrar):
    registrar.script = {
        "brief": [(423, ["Min-Expires: 90"])],
        "moved": [(302, ["Contact: <sip:x@127.0.0.1>"])],
        "forbidden": [(403, [])],
        "stale": [
            (401, ['WWW-Authenticate: Digest realm="r", nonce="a"']),
            (401, ['WWW-Authenticate: Digest realm="r", nonce="b", stale=true']),
        ],
        "two": [
            (
                401,
                [
                    'WWW-Authenticate: Digest realm="r", nonce="a", algorithm=SHA-256',
                    'WWW-Authenticate: Digest realm="r", nonce="a"',
                ],
            )
        ],
        "busy": [(503, ["Retry-After: 1"])],
        "silent": [None] * 9,
        "lost": [None],
    }
    accounts.add("brief", "forbidden", "stale", "two", "busy", "moved", "silent", "lost")
    accounts.add("nowhere", auth_proxy="sip:nowhere.invalid")
    accounts.start(reg_retry_interval=1, reg_retry_refused=300, reg_retry_max=2, extra="[tm]\nfr_timer = 3000\n")
    for uuid in ("brief", "stale", "two", "busy", "moved", "lost"):
        wait_until(lambda uuid=uuid: accounts.flags(uuid) == 20, 15, f"{uuid} online")
    assert accounts.result("uac.reg_info", "l_uuid", "brief")["expires"] == 90
    assert registrar.of("two")[1].decode().count("algorithm=SHA-256") == 1
    wait_until(lambda: "408" in accounts.result("uac.reg_explain", "silent")["summary"], 15, "a timeout")
    assert "403, the registrar forbids" in accounts.result("uac.reg_explain", "forbidden")["summary"]
    assert "478" in accounts.result("uac.reg_explain", "nowhere")["summary"]
    assert len(registrar.of("forbidden")) == 1


def test_program_starts_without_a_usable_table_and_loads_when_it_is_there(accounts, registrar):
    accounts.add(*uuids(5))
    with accounts.database() as database:
        database.execute("UPDATE version SET table_version = 3")
    accounts.start()
    assert accounts.counts()["regtotal"] == 0
    with accounts.database() as database:
        database.execute("UPDATE version SET table_version = 5 WHERE table_name = 'uacreg'")
    accounts.wait_for(regtotal=5, regactive=5)


def test_calls_to_a_registered_contact_find_the_local_user(accounts, caller, callee):
    accounts.add("acc1", l_domain=callee.sent_by)
    accounts.start(routes=(), extra='[[route]]\nlookup = "registrations"\n')
    accounts.wait_for(regactive=1)
    proxy = ("127.0.0.1", accounts.port)
    caller.send(caller.request("INVITE", f"sip:acc1@127.0.0.1:{accounts.port}"), proxy)
    assert callee.receive_request("INVITE").request_uri == f"sip:alice@{callee.sent_by}"
    caller.send(caller.request("INVITE", f"sip:nobody@127.0.0.1:{accounts.port}"), proxy)
    caller.receive_reply(404)


def test_calls_of_an_account_go_to_its_registrar(accounts, caller, callee):
    accounts.add("acc1", r_domain="carrier.example", auth_proxy=f"sip:{callee.sent_by}", expires=0)
    accounts.start(routes=(), extra='[[route]]\nrequest_to = { user = "$fU", mode = 1 }\n')
    caller.send(
        caller.request("INVITE", "sip:bob@anywhere.example", from_="<sip:alice@local>"), ("127.0.0.1", accounts.port)
    )
    assert callee.receive_request("INVITE").request_uri == "sip:acc1@carrier.example"


def test_calls_of_an_account_are_authenticated_with_its_secret(accounts, caller, callee):
    accounts.add("acc1", r_domain="carrier.example", auth_proxy=f"sip:{callee.sent_by}", expires=0)
    accounts.start(routes=(), extra='[[route]]\nrequest_to = { user = "$fU", mode = 1 }\n')
    caller.send(
        caller.request("INVITE", "sip:bob@anywhere.example", from_="<sip:alice@local>"), ("127.0.0.1", accounts.port)
    )
    invite = callee.receive_request("INVITE")
    callee.reply(invite, 407, "Who", headers=('Proxy-Authenticate: Digest realm="carrier", nonce="n"',))
    callee.receive_request("ACK")
    answered = callee.receive_request("INVITE").get("Proxy-Authorization")
    assert answered.startswith('Digest username="au", realm="carrier", nonce="n", uri="sip:acc1@carrier.example"')


SCRIPT = """
import KSR

def mod_init():
    return Script()

class Script:
    def child_init(self, rank):
        return 0

    def ksr_request_route(self, msg):
        uac, pv = KSR.uac, KSR.pv
        found = [uac.uac_reg_status("acc1"), uac.uac_reg_status("nope"), uac.uac_reg_lookup("acc1", "$avp(uri)"),
                 uac.uac_reg_lookup_uri("sip:alice@x", "$avp(uuid)"), uac.uac_reg_lookup_uri("alice", "$avp(no)"),
                 uac.uac_reg_request_to("acc1", 0), uac.uac_reg_refresh("acc1"), uac.uac_reg_refresh("nope"),
                 uac.uac_reg_disable("l_uuid", "acc2"), uac.uac_reg_disable("l_domain", "x")]
        texts = [pv.get(name) for name in ("$avp(uri)", "$avp(uuid)", "$ru", "$du", "$avp(user)", "$avp(password)")]
        KSR.sl.sl_send_reply(200, " ".join(map(str, found + texts)))
        return 1
"""


def test_functions_in_a_script(accounts, registrar, caller, tmp_path):
    (tmp_path / "edge.py").write_text(SCRIPT)
    accounts.add("acc1", "acc2")
    accounts.start(
        routes=(),
        extra=f'[script]\nfile = "{tmp_path}/edge.py"\n',
        auth_realm_avp="$avp(realm)",
        auth_username_avp="$avp(user)",
        auth_password_avp="$avp(password)",
    )
    accounts.wait_for(regactive=2)
    caller.send(caller.request("MESSAGE", "sip:bob@127.0.0.1"), ("127.0.0.1", accounts.port))
    answer = caller.receive_reply(200)
    assert answer.reason.split() == [
        *(["1", "-1", "1", "1", "-2", "1", "1", "-1", "1", "-3"]),
        "sip:alice@local.example.com", "acc2", f"sip:acc1@127.0.0.1:{registrar.port}", registrar.uri, "au", "secret",
    ]  # fmt: skip
    accounts.wait_for(regdisabled=1)
    registrar.wait_for(lambda one: len(one.of("acc1")) == 4)        # uac_reg_refresh() read the row again
