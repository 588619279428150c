"""Every uac.* command and error that was captured from Kamailio 5.6.3, asked of uacfast with the stock clients.

tests/data/rpc-examples holds request, HTTP status and response of each. They are asked in the order in which they make
sense, over HTTP, with kamctl and with kamcmd: same structure, same order of members, same words. Where uacfast
deliberately differs from Kamailio 5.6.3 (uac-semantics §7.3 and §10), DIFFERENT says how.
"""

import json
import re
import time
from pathlib import Path

import pytest

from kit.databases import SqliteFile
from kit.programs import wait_until
from kit.registrar import Registrar
from kit.uacreg import AccountsProgram

EXAMPLES = {path.stem: json.loads(path.read_text())
            for path in (Path(__file__).parents[1] / "data" / "rpc-examples").glob("*.json")}
EMPTY = {}
FAILED_REFRESH = {"code": 500, "message": "Failed to refresh record - check log messages"}
FAILED_ADD = {"code": 500, "message": "Failed to add record - check log messages"}
DIFFERENT = {
    # A row that cannot be used is no success.
    "reg_refresh-invalid-row": {"error": FAILED_REFRESH},
    # The rules for rows hold for uac.reg_add, too.
    "reg_add-empty-uuid": {"error": FAILED_ADD},
    # Of Kamailio 6.0.
    "reg_register-unknown-method": {"result": EMPTY},
    # A number may come as text.
    "reg_active-string": {"result": {"omode": 1, "nmode": 1}},
    "reg_active-text": {"result": {"omode": 1, "nmode": 0}},
}
# A dot unsets realm and socket, as from Kamailio 5.7 on.
UNSET = {"reg_info-after-add": ("socket",), "reg_info-after-add-dots": ("realm",), "reg_info-new1-later": ("socket",),
         "reg_info-new5-still": ("realm",), "reg_info-dot-proxy": ("socket",), "reg_info-new6-later": ("socket",)}
TIMES = ("diff_expires", "timer_expires", "reg_init")
SLACK = 12


class OverHttp:
    def __init__(self, program):
        self.ask = program.http_document

    def check(self, name, parameters, expected):
        status, found = self.ask(EXAMPLES[name]["request"]["method"], *parameters)
        assert status == expected.get("error", {"code": 200})["code"]
        assert list(found) == ["jsonrpc", "error" if "error" in expected else "result", "id"]
        compare(found, expected)


class WithKamctl:
    """`kamctl rpc`, over the FIFO. A text that looks like a number is marked as one."""

    def __init__(self, program):
        self.ask = program.kamctl_rpc

    def check(self, name, parameters, expected):
        found = self.ask(EXAMPLES[name]["request"]["method"], *map(marked, parameters))
        compare(found, expected)


class WithKamcmd:
    """`kamcmd`, over binrpc: the output is compared as text."""

    def __init__(self, program):
        self.ask = program.kamcmd

    def check(self, name, parameters, expected):
        text = self.ask(EXAMPLES[name]["request"]["method"], *map(marked, parameters))
        if "error" in expected:
            assert text == f"error: {expected['error']['code']} - {expected['error']['message']}\n"
        elif expected["result"] == EMPTY:
            assert text == ""
        else:
            result = expected["result"]
            structures = result if isinstance(result, list) else [result]
            found = [{name: value_of(value, one[name]) for name, value in re.findall(r"^\t(\w+): (.*)$", block, re.M)}
                     for block, one in zip(re.findall(r"\{\n(.*?)\}\n", text, re.S), structures, strict=True)]
            # Nothing but the structures, written as kamcmd writes what Kamailio sends.
            assert text == "".join("{\n" + "".join(f"\t{key}: {shown(value)}\n" for key, value in one.items()) + "}\n"
                                   for one in found)
            compare({"result": found if isinstance(result, list) else found[0]}, expected)


CLIENTS = {"http": OverHttp, "kamctl": WithKamctl, "kamcmd": WithKamcmd}


def marked(value):
    """An argument as kamctl and kamcmd want it: s: for a text that is empty or looks like a number."""
    if isinstance(value, int):
        return str(value)
    return f"s:{value}" if not value or value.isdigit() else value


def shown(value):
    return "<null string>" if value is None else str(value)


def value_of(text, like):
    if text == "<null string>":
        return None
    return int(text) if isinstance(like, int) else text


def compare(found, expected):
    if "error" in expected:
        assert found["error"] == expected["error"] and list(found["error"]) == ["code", "message"]
    elif isinstance(expected["result"], list):
        assert [one["l_uuid"] for one in found["result"]] == [one["l_uuid"] for one in expected["result"]]
        for one, wanted in zip(found["result"], expected["result"], strict=True):
            compare({"result": one}, {"result": wanted})
    else:
        one, wanted = found["result"], expected["result"]
        assert list(one) == list(wanted)
        assert {k: v for k, v in one.items() if k not in TIMES} == {k: v for k, v in wanted.items() if k not in TIMES}
        if "reg_init" in wanted:
            now = time.time()
            assert now - 60 < one["reg_init"] <= now
            assert bool(one["timer_expires"]) == bool(wanted["timer_expires"])
            assert abs(one["timer_expires"] - now - one["diff_expires"]) <= 2
            if wanted["timer_expires"]:
                assert abs(one["diff_expires"] - wanted["diff_expires"]) <= SLACK


class Story:
    """`told`: the examples that have been asked."""

    def __init__(self, program, registrar, client):
        self.program, self.registrar = program, registrar
        self.client = CLIENTS[client](program)
        self.told = []

    def replaced(self, value):
        """The addresses of the captures, as they are here."""
        text = json.dumps(value)
        for port, here in ((15075, self.registrar.port), (15060, self.program.port), (15061, self.program.port)):
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{here}")
        return json.loads(text)

    def tell(self, *names):
        for name in names:
            self.told.append(name)
            expected = DIFFERENT.get(name) or self.replaced(EXAMPLES[name]["response"])
            for member in UNSET.get(name, ()):
                expected["result"][member] = None
            try:
                self.client.check(name, self.replaced(EXAMPLES[name]["request"]["params"]), expected)
            except AssertionError as failure:
                raise AssertionError(f"{name}: {failure}") from failure

    def wait_for(self, uuid, flags, **members):
        def holds():
            info = self.program.info(uuid)
            return info["flags"] == flags and members.items() <= info.items() and (
                flags != 20 or info["diff_expires"] > info["expires"] - SLACK)
        wait_until(holds, 20, f"{uuid} with flags {flags}")


@pytest.fixture
def registrar():
    one = Registrar()
    yield one
    one.close()


@pytest.fixture
def program(tmp_path, registrar):
    one = AccountsProgram(tmp_path, SqliteFile(tmp_path / "accounts.db"), registrar.uri)
    yield one
    one.stop()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("client", CLIENTS)
def test_the_captured_examples(program, registrar, client, workers):
    common = {"realm": "sip.example.org", "expires": 120}
    program.add("acc1", r_username="ok", auth_username="aok", **common)
    program.add("acc2", l_username="bob", r_username="okb", auth_username="ab", **common)
    program.add("bad1", l_username="", **common)
    program.start(workers=workers, control="show_secrets = true\n", reg_timer_interval=1, reload_delta=2)
    program.wait_for(regtotal=2, regactive=2)
    story = Story(program, registrar, client)
    tell = story.tell
    tell("reg_info-by-l_uuid", "reg_info-by-l_username", "reg_info-by-r_username", "reg_info-by-auth_username",
         "reg_info-bad-attr", "reg_info-bad-attr-notfound", "reg_info-empty-value", "reg_info-int-value",
         "reg_info-missing-params", "reg_info-missing-value", "reg_info-not-found")
    # Scheduled sending is off while a state is looked at that it would end.
    tell("reg_active-0", "reg_disable-not-found", "reg_disable-ok", "reg_info-after-disable", "reg_enable-bad-attr",
         "reg_enable-missing", "reg_enable-ok", "reg_info-after-enable", "reg_active-1")
    story.wait_for("acc1", 20)
    tell("reg_info-after-enable-3s")
    registrar.granted = 120         # what the registrar of the captures granted to Expires: 0
    tell("reg_unregister-missing", "reg_unregister-bad-attr", "reg_unregister-not-found", "reg_unregister-ok")
    story.wait_for("acc2", 20, expires=0)
    tell("reg_info-after-unregister")
    registrar.granted = None
    tell("reg_active-5", "reg_active-string", "reg_active-text")
    tell("reg_add-ok", "reg_info-after-add", "reg_add-duplicate", "reg_add-too-few", "reg_add-none",
         "reg_add-no-password", "reg_add-bad-ha1", "reg_add-dots", "reg_info-after-add-dots", "reg_add-dot-proxy",
         "reg_info-dot-proxy", "reg_add-empty-uuid", "reg_add-extra-param", "reg_add-string-expires",
         "reg_active-missing")
    assert program.info("new7")["contact_user"] == "extra" and program.info("new8")["expires"] == 60
    tell("reg_active-neg")
    for uuid in ("new1", "new5", "new7", "new8"):
        story.wait_for(uuid, 20)
    story.wait_for("new6", 17)
    tell("reg_info-new1-later", "reg_info-new6-later", "reg_remove-missing", "reg_remove-ok", "reg_remove-not-found")
    program.result("uac.reg_active", 0)
    tell("reg_refresh-missing", "reg_refresh-not-found", "reg_refresh-not-in-db-but-memory", "reg_info-new5-still",
         "reg_refresh-invalid-row", "reg_info-after-invalid-refresh", "reg_refresh-ok", "reg_info-after-refresh")
    program.result("uac.reg_active", 1)
    sent = len(registrar.of("ok"))
    tell("reg_register-unknown-method")
    registrar.wait_for(lambda one: len(one.of("ok")) >= sent + 2)
    began = time.monotonic()
    tell("reg_reload-ok")
    tell("reg_reload-too-soon")
    assert time.monotonic() - began < 2, "too slow to tell"
    wait_until(lambda: time.monotonic() - began > 2.2, 5)
    tell("reg_reload-after-interval")
    program.wait_for(regtotal=2, regactive=2)
    assert sorted(story.told) == sorted(EXAMPLES.keys() - {"reg_dump"})


@pytest.mark.parametrize("workers", [1, 2])
def test_the_captured_dump(program, registrar, workers):
    """All clients, the records in Kamailio's order."""
    captured = EXAMPLES["reg_dump"]["response"]["result"]
    story = None
    # Within a slot of the table the newest comes first.
    for one in reversed(captured):
        row = {name: one[name] for name in ("l_username", "r_username", "auth_username", "auth_password", "auth_proxy",
                                            "realm", "expires", "flags", "reg_delay")}
        program.add(one["l_uuid"], **row, socket=one["socket"] or "", r_domain=f"127.0.0.1:{registrar.port}")
    program.database.sql(f"UPDATE uacreg SET auth_proxy = '{registrar.uri}' WHERE auth_proxy LIKE 'sip:%'")
    program.start(workers=workers, control="show_secrets = true\n", reg_active=False)
    # A negative expires is no time.
    program.wait_for(regtotal=len(captured) - 1)
    wait_until(lambda: program.quarantined() == ["expneg"], 10, "the end of the load")
    for name in CLIENTS:
        story = Story(program, registrar, name)
        expected = story.replaced([one for one in captured if one["expires"] >= 0])
        for one in expected:
            # Of the flags in a row, those that say what is true at the start.
            one["flags"] &= 17
        story.client.check("reg_dump", [], {"result": expected})
    assert registrar.requests == []


@pytest.mark.parametrize("rows", [0, 1])
def test_a_dump_is_always_a_list(program, registrar, rows):
    program.add(*["acc1"][:rows] or ["bad"], **({} if rows else {"l_username": ""}))
    program.start()
    program.wait_for(regtotal=rows)
    for ask in (program.kamctl_rpc, lambda method: program.http_document(method)[1]):
        found = ask("uac.reg_dump")["result"]
        assert isinstance(found, list) and len(found) == rows
    assert program.kamcmd("uac.reg_dump").count("{\n") == rows
