"""What operators see of a running program with accounts: metrics, statistics, searches, requests of our own, views."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from kit.account_table import AccountTable
from kit.programs import REPOSITORY, wait_until
from kit.registrar import Registrar

pytestmark = pytest.mark.own

ACCOUNTS = 120
EXAMPLES = Path(REPOSITORY) / "examples"


def started(directory, registrar, **options):
    accounts = AccountTable(directory, registrar)
    accounts.add(*(f"acc{number}" for number in range(ACCOUNTS)))
    accounts.add("off", flags=1)
    accounts.add("Odd", l_username="Lu", r_username="Ru", auth_username="Geheim-Name", r_domain="Other.example")
    accounts.start(**options)
    return accounts


@pytest.fixture(scope="module", params=[1, 2])
def registered(request, tmp_path_factory):
    """All that can be registered is; tests only look."""
    registrar = Registrar()
    accounts = started(tmp_path_factory.mktemp("operations"), registrar, workers=request.param)
    accounts.wait_for(regtotal=ACCOUNTS + 2, regactive=ACCOUNTS + 1, regdisabled=1)
    yield accounts
    accounts.program.stop()
    registrar.close()


@pytest.fixture
def ramping(tmp_path):
    """A few accounts a second are registered: it takes some seconds."""
    registrar = Registrar()
    accounts = started(tmp_path, registrar, reg_max_rate=10)
    yield accounts
    accounts.program.stop()
    registrar.close()


def get(accounts, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{accounts.http}{path}", timeout=20) as answer:
        return answer.read().decode()


def samples(accounts):
    found = {}
    for line in get(accounts, "/metrics").splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


def test_metrics(registered):
    found = samples(registered)
    one = f'registrar="{registered.registrar.uri}"'
    assert found['uacfast_registrations{state="registered"}'] == ACCOUNTS + 1
    assert found['uacfast_registrations{state="disabled"}'] == 1
    assert found[f'uacfast_registrar_registrations{{{one},state="registered"}}'] == ACCOUNTS + 1
    assert found[f"uacfast_registrar_latency_seconds{{{one}}}"] >= 0
    # Each was challenged once: two final responses, one attempt.
    assert found["uacfast_registration_latency_seconds_count"] == 2 * (ACCOUNTS + 1)
    assert found['uacfast_registration_latency_seconds_bucket{le="+Inf"}'] == 2 * (ACCOUNTS + 1)
    assert 0 < found["uacfast_registration_latency_seconds_sum"] < 60
    assert found["uacfast_registration_lateness_seconds_count"] == ACCOUNTS + 1
    assert found['uacfast_registration_events_total{event="accepted"}'] == ACCOUNTS + 1
    assert found['uacfast_registration_responses_total{class="4xx"}'] == ACCOUNTS + 1
    assert [found[f"uacfast_uac_{name}"] for name in ("regtotal", "regactive", "regdisabled")] == [
        ACCOUNTS + 2, ACCOUNTS + 1, 1]


@pytest.mark.parametrize("name", ["grafana-dashboard.json", "prometheus-alerts.yml"])
def test_examples_name_only_what_is_there(registered, name):
    wanted = set(re.findall(r"uacfast_[a-z0-9_]+", (EXAMPLES / name).read_text()))
    there = {re.match(r"\w+", sample)[0] for sample in samples(registered)}
    assert wanted and wanted - there == set()


def test_statistics(registered):
    counts = {"regactive": ACCOUNTS + 1, "regdisabled": 1, "regtotal": ACCOUNTS + 2}
    assert registered.result("cnt.grp_get_all", "uac") == counts
    lines = [f"uac:{name} = {value}" for name, value in counts.items()]
    assert registered.result("stats.get_statistics", "uac:") == lines
    assert registered.result("stats.fetch", "uac:") == {f"uac.{name}": str(value) for name, value in counts.items()}
    assert registered.result("stats.fetch", "regtotal") == {"uac.regtotal": str(ACCOUNTS + 2)}
    assert registered.result("cnt.get", "uac", "regactive") == ACCOUNTS + 1
    assert registered.result("cnt.help", "uac", "regactive") == "remote registrations that are registered"


@pytest.mark.parametrize("wanted", ["ODD", "lu", "ru", "heim-", "other."])
def test_search_in_each_column(registered, wanted):
    found, = registered.result("uac.reg_search", wanted)
    assert (found["l_uuid"], found["auth_password"], found["flags"]) == ("Odd", "********", 20)


def test_search_is_bounded(registered):
    everything = {f"acc{number}" for number in range(ACCOUNTS)} | {"off", "Odd"}
    assert {one["l_uuid"] for one in registered.result("uac.reg_search", "", 1000)} == everything
    assert len(registered.result("uac.reg_search", "acc")) == 100
    for most in (3, "3"):
        assert len(registered.result("uac.reg_search", "acc", most)) == 3
    assert registered.result("uac.reg_search", 77) == registered.result("uac.reg_search", "77") != []
    assert registered.result("uac.reg_search", "nobody", 5) == []
    assert registered.rpc("uac.reg_search") == (None, (400, "Invalid Parameters"))
    shown = json.loads(get(registered, "/dashboard/registrations?search=Geheim"))
    assert [one["l_uuid"] for one in shown["rows"]] == ["Odd"] and "auth_password" not in shown["rows"][0]


def named(accounts, **parameters):
    """uac.req_send with named JSON parameters."""
    body = json.dumps({"jsonrpc": "2.0", "method": "uac.req_send", "params": parameters, "id": 1}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{accounts.http}/rpc", body, timeout=40) as answer:
        return json.load(answer)["result"]


def test_request_by_name_is_authenticated(registered):
    outcome = named(registered, method="REGISTER", ruri=registered.registrar.uri, turi="<sip:own@x>", auser="u",
                    apasswd="p", hdrs="Expires: 7\r\nContact: <sip:me@x>\r\n", furi="sip:own@x")
    assert outcome == {"codes": [401, 200], "reason": "Reason", "timed_out": 0, "body": ""}
    assert len(registered.registrar.of("own")) == 2


def test_request_by_key_and_value(registered, callee):
    proxy = ("127.0.0.1", registered.port)
    arguments = ["method=OPTIONS", f"ruri=sip:a=b@{callee.sent_by}", "body=x=y", "cseqno=77", "hdrs=X-A: 1"]
    program = subprocess.Popen(
        [sys.executable, "-m", "uacfast", "rpc", "-s", f"http://127.0.0.1:{registered.http}", "--json",
         "uac.req_send", *arguments], stdout=subprocess.PIPE, env=registered.program.environment(), text=True)
    options = callee.receive_request("OPTIONS")
    assert options.source == proxy and options.request_uri == f"sip:a=b@{callee.sent_by}"
    assert (options.get("CSeq"), options.body, options.get("X-A")) == ("77 OPTIONS", b"x=y", "1")
    callee.reply(options, 486, "Busy Here")
    assert json.loads(program.communicate(timeout=20)[0])["codes"] == [486] and program.returncode == 0


def test_request_without_an_answer(registered, callee):
    outcome = named(registered, method="OPTIONS", ruri=f"sip:{callee.sent_by}", fr_timeout=300)
    assert (outcome["codes"], outcome["timed_out"]) == ([408], 1)


@pytest.mark.parametrize("arguments,message", [
    ([], "the method is missing: set $uac_req(method)."),
    (["method=OPTIONS"], "the request-URI is missing: set $uac_req(ruri)."),
    (["method=OPTIONS", "nonsense"], "Argument 2 is not key=value."),
    (["method=OPTIONS", 7], "Argument 2 is not key=value."),
    (["method=OPTIONS", "ruri=sip:a@b", "flags=geheim"], "$uac_req(flags) is a number."),
    (["method=OPTIONS", "ruri=sip:a@b", "apasswd=" + 64 * "x"], "$uac_req(apasswd) can have 63 octets, not 64."),
    (["method=ACK", "ruri=sip:a@b"], "An ACK has no outcome; send it with uac_req_send()."),
])
def test_request_that_cannot_be_sent(registered, arguments, message):
    assert registered.rpc("uac.req_send", *arguments) == (None, (400, message))


def test_request_is_documented(registered):
    assert "key=value" in registered.result("system.methodHelp", "uac.req_send")
    assert "uac.reg_search" in registered.result("system.listMethods")
    fault = registered.rpc("uac.req_send", "method=OPTIONS", "ruri=sip:a@b", "colour=red")[1]
    assert fault[0] == 400 and fault[1].startswith("$uac_req(colour) does not exist; there are method, ruri,")


def top(accounts):
    return subprocess.run(
        [sys.executable, "-m", "uacfast", "top", "--once", "-s", f"http://127.0.0.1:{accounts.http}"], timeout=30,
        check=True, capture_output=True, text=True, env=accounts.program.environment() | {"COLUMNS": "140"}).stdout


def test_progress_while_the_ramp_runs(ramping):
    wait_until(lambda: ramping.counts()["regactive"] > 5, 20, "the beginning of the ramp")
    shown = top(ramping)
    assert re.search(r"unregistered +\d+", shown) and re.search(r"registered +\d+", shown)
    assert re.search(r"all answered in about +\d+ s", shown), shown
    assert re.search(re.escape(ramping.registrar.uri) + r" +[\d.]+ ms", shown), shown
    ramping.wait_for(regactive=ACCOUNTS + 1)
    line = rf"(\d+) of {ACCOUNTS + 2} registrations have their first answer, (\d+) per second, about (\d+) s left"
    done, rate, left = map(int, re.search(line, ramping.program.stderr).groups())
    assert 8 <= rate <= 12 and abs((ACCOUNTS + 2 - done) / rate - left) < 3
    wait_until(lambda: f"registrations: {ACCOUNTS + 1} registered, 1 disabled" in ramping.program.stderr, 12, "the end")
    assert "all answered" not in top(ramping)
