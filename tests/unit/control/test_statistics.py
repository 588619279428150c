"""Statistics under Kamailio's names, and the commands that show them; core commands without workers."""
import asyncio
import json
import re
from pathlib import Path

import pytest

from uacfast.control.progress import Progress
from uacfast.control.registrations import Registrations
from uacfast.control.statistics import Statistics
from uacfast.control.worker_commands import WORKER_COMMANDS
from uacfast.fault import Fault

COUNTERS = {
    "requests": 10, "responses": 7, "request_method:INVITE": 4, "request_method:OTHER": 2, "response_status:200": 3,
    "response_status:180": 2, "response_status:404": 2, "response_class:2:INVITE": 3, "response_class:1:INVITE": 2,
    "relayed_requests": 5, "relayed_acks": 1, "relayed_responses": 4, "created_transactions": 9, "local_requests": 2,
    "transactions": 6, "active_transactions": 1, "final_class:2": 3, "stateless_replies": 3, "stateless_status:200": 2,
    "stateless_status:483": 1, "dropped_stray_ack": 1, "uac.regtotal": 3, "uac.regactive": 2, "uac.regdisabled": 1,
    "active_dialogs": 2,
}
# rpc-wire §7.1; of the core group those that have a meaning here.
NAMES = {
    "core": ["rcv_requests", *(f"rcv_requests_{name}" for name in (
        "invite", "cancel", "ack", "bye", "info", "register", "subscribe", "notify", "message", "options", "prack",
        "update", "refer", "publish")),
        "rcv_replies", *(f"rcv_replies_{number}xx" for number in range(1, 7)), "rcv_replies_401", "rcv_replies_404",
        "rcv_replies_407", "rcv_replies_480", "rcv_replies_486", "rcv_replies_2xx_invite", "rcv_replies_1xx_reg",
        "fwd_requests", "fwd_replies", "drop_requests", "drop_replies", "err_requests", "unsupported_methods",
        "bad_msg_hdr"],
    "sl": ["sent_replies", "sent_err_replies", "received_ACKs", "failures", "1xx_replies", "6xx_replies", "xxx_replies",
           *(f"{code}_replies" for code in (200, 202, 300, 301, 302, 400, 401, 403, 404, 407, 408, 483, 500))],
    "tmx": ["UAS_transactions", "UAC_transactions", *(f"{number}xx_transactions" for number in range(2, 7)),
            "inuse_transactions", "active_transactions", "rpl_received", "rpl_generated", "rpl_sent", "rpl_relayed",
            "rpl_absorbed"],
    "dialog": ["active_dialogs", "early_dialogs", "expired_dialogs", "failed_dialogs", "processed_dialogs"],
    "uac": ["regtotal", "regactive", "regdisabled"],
    "shmem": ["total_size", "used_size", "real_used_size", "max_used_size", "free_size"],
}


@pytest.fixture
def run(serve):
    """run(command, *arguments): its result, with these counters in the workers."""
    def go(*calls, counters=(COUNTERS,), commands=()):
        async def scenario(server, _listeners):
            results = []
            for name, *arguments in calls:
                try:
                    results.append(await server.dispatcher.run(name, arguments))
                except Fault as fault:
                    results.append((fault.code, fault.message))
            return results[0] if len(calls) == 1 else results

        def prepare(server):
            server.counters = [dict(one) for one in counters]
            server.commands = {"commands": lambda: list(server.commands), **dict(commands)}
        return serve("", scenario, prepare)
    return go


def test_every_name_that_monitoring_depends_on(run):
    groups = run(("stats.fetch", "all"))
    assert [f"{group}.{name}" for group, names in NAMES.items() for name in names
            if f"{group}.{name}" not in groups] == []
    assert list(groups) == sorted(groups)


@pytest.mark.parametrize("name,value", [
    ("core.rcv_requests", 10), ("core.rcv_requests_invite", 4), ("core.rcv_replies", 7), ("core.rcv_replies_2xx", 3),
    ("core.rcv_replies_18x", 2), ("core.rcv_replies_4xx", 2), ("core.rcv_replies_404", 2), ("core.fwd_requests", 6),
    ("core.rcv_replies_2xx_invite", 3), ("core.unsupported_methods", 2), ("core.drop_requests", 1),
    ("tmx.UAS_transactions", 7), ("tmx.UAC_transactions", 2), ("tmx.inuse_transactions", 6), ("tmx.rpl_received", 5),
    ("tmx.rpl_absorbed", 1), ("tmx.2xx_transactions", 3), ("sl.sent_replies", 3), ("sl.sent_err_replies", 1),
    ("sl.483_replies", 1), ("sl.2xx_replies", 2), ("uac.regactive", 2), ("dialog.active_dialogs", 2),
])
def test_values(run, name, value):
    assert run(("stats.fetchn", "all"))[name] == value
    assert run(("stats.fetch", "all"), counters=(COUNTERS, COUNTERS))[name] == str(2 * value)


@pytest.mark.parametrize("asked,lines", [
    (["uac:"], ["uac:regactive = 2", "uac:regdisabled = 1", "uac:regtotal = 3"]), (["regtotal"], ["uac:regtotal = 3"]),
    (["uac:regtotal"], ["uac:regtotal = 3"]), (["nosuch"], []), (["nosuch:"], []), (["core:regtotal"], []),
    (["regtotal", "uac:regtotal", "active_transactions"], ["uac:regtotal = 3", "tmx:active_transactions = 1"]),
])
def test_selecting(run, asked, lines):
    assert run(("stats.get_statistics", *asked)) == lines


def test_commands_of_counters(run):
    assert run(("cnt.get", "uac", "regtotal")) == 3
    assert run(("cnt.grp_get_all", "uac")) == {"regactive": 2, "regdisabled": 1, "regtotal": 3}
    assert run(("cnt.var_list", "uac")) == ["regactive", "regdisabled", "regtotal"]
    assert run(("cnt.grps_list",)) == ["core", "dialog", "shmem", "sl", "tmx", "uac"]
    assert run(("cnt.help", "tmx", "UAS_transactions")) == "transactions that a request from elsewhere began"
    assert run(("cnt.grp_get_all", "nosuch")) == {}


@pytest.mark.parametrize("call,fault", [
    (("stats.get_statistics",), (400, "Please provide which stats to retrieve")),
    (("stats.reset_statistics",), (400, "Please provide stats name")),
    (("stats.fetch", None), (400, "Please provide which stats to retrieve")),
    (("cnt.get", "uac", "x"), (400, "non-existent counter uac.x\n")), (("cnt.get",), (400, "Invalid Parameters")),
    (("system.methodHelp", "nope"), (400, "command not found")),
    (("system.methodHelp",), (400, "Method Name Expected")),
    (("system.methodSignature", "core.ps"), (500, "Not Implemented Yet")),
    (("core.prints", 5), (400, "error at parameter 0: expected string type but record doesn't match type")),
    (("core.printi", "5"), (400, "error at parameter 0: expected integer type but record doesn't match type")),
    (("cfg.get", "tm", "nosuch"), (400, "Failed to get the variable")),
    (("cfg.get", "tm"), (400, "Invalid Parameters")),
])
def test_faults(run, call, fault):
    assert run(call) == fault


def test_reset():
    counters = {"requests": 10, "active_transactions": 4}

    async def collect():
        return dict(counters)

    async def play():
        statistics = Statistics(collect)

        async def value(group, name):
            return (await statistics.read())[group][name]
        await statistics.reset(await statistics.select(["all"]))
        assert (await value("core", "rcv_requests"), await value("tmx", "active_transactions")) == (0, 4)
        counters["requests"] = 13
        assert await value("core", "rcv_requests") == 3
        await statistics.reset(await statistics.select(["rcv_requests"]))
        assert await value("core", "rcv_requests") == 0
        counters["requests"] = 2        # the worker was replaced
        assert await value("core", "rcv_requests") == 2
    asyncio.run(play())


def test_core_commands(run):
    assert run(("core.version",)).startswith("uacfast 1.2.3 (")
    assert list(run(("core.uptime",))) == ["now", "up_since", "uptime"]
    assert list(run(("core.info",))) == ["version", "id", "compiler", "compiled", "flags"]
    assert list(run(("core.shmmem",))) == ["total", "free", "used", "real_used", "max_used", "fragments"]
    assert run(("core.sockets_list",)) == [("socket", {
        "proto": "udp", "address": "127.0.0.1", "ipaddress": "127.0.0.1", "port": "5060", "mcast": "no", "mhomed": "no",
        "virtual": "no"})]
    assert run(("corex.list_sockets",))[0]["SOCKNAME"] == "-"
    assert run(("core.psx",))[0]["DSC"] == "control part and SIP worker 0"
    assert run(("cfg.list",)) == ["tm: fr_timer", "uac: restore_passwd"]
    assert run(("cfg.get", "tm", "fr_timer")) == 30000 and run(("cfg.get", "uac", "restore_passwd")) == "***"
    assert list(run(("tm.stats",))) == [
        "current", "waiting", "total", "total_local", "rpl_received", "rpl_generated", "rpl_sent", "6xx", "5xx", "4xx",
        "3xx", "2xx", "created", "freed", "delayed_free"]
    assert run(("sl.stats",))["483"] == 1


def test_every_command_has_help(run):
    names = run(("system.listMethods",))
    assert names == sorted(names)
    own = [name for name in names if not name.startswith("test.")]
    assert [name for name, text in zip(own, run(*(("system.methodHelp", name) for name in own)), strict=True)
            if not text] == []


# === Commands of the workers ===

def not_found(*_arguments):
    raise Fault(404, "Dialog not found")


def domain(aors):
    entries = [{"Info": {"AoR": aor}} for aor in aors]
    return {"Domains": [{"Domain": {"Domain": "location", "Size": 1024, "AoRs": entries,
                                    "Stats": {"Records": len(aors), "Max-Slots": len(aors)}}}]}


class Each:
    """A command whose answer is another one for each worker."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self, *_arguments):
        answer = self.answers.pop(0)
        if isinstance(answer, Fault):
            raise answer
        return answer


MISSING = Fault(404, "Dialog not found")


@pytest.mark.parametrize("name,answers,merged", [
    ("dlg.list", [[{"a": 1}], []], [{"a": 1}]), ("dlg.list", [[{"a": 1}], [{"a": 2}]], [{"a": 1}, {"a": 2}]),
    ("dlg.stats_active", [{"starting": 1, "all": 1}, {"starting": 2, "all": 2}], {"starting": 3, "all": 3}),
    ("dlg.end_dlg", [MISSING, None], None), ("dlg.end_dlg", [MISSING, MISSING], (404, "Dialog not found")),
    ("ul.lookup", [MISSING, {"AoR": "a"}], {"AoR": "a"}), ("htable.listTables", [[{"name": "a"}]] * 2, [{"name": "a"}]),
    ("ul.dump", [domain(["a", "b"]), domain(["b", "c"])], {"Domains": [{"Domain": {
        "Domain": "location", "Size": 1024, "AoRs": [{"Info": {"AoR": aor}} for aor in "abc"],
        "Stats": {"Records": 3, "Max-Slots": 2}}}]}),
    ("app_python.reload", [{"old": 1, "new": 2}, {"old": 1, "new": 2}], {"old": 1, "new": 2}),
])
def test_answers_of_workers_become_one(run, name, answers, merged):
    assert run((name, 1, 2), counters=({}, {}), commands={name: Each(*answers)}) == merged


def test_only_what_workers_have_is_offered(run):
    names = run(("system.listMethods",), commands={"dlg.list": not_found, "secret.command": not_found})
    assert [name for name in names if name in WORKER_COMMANDS or name == "secret.command"] == ["dlg.list"]
    assert run(("dlg.list",)) == (500, "command dlg.list not found")


# === Metrics ===

EXAMPLES = Path(__file__).parents[3] / "examples"


def metric_names(page):
    return {re.match(r"[a-zA-Z_0-9]+", line)[0] for line in page.splitlines() if line and not line.startswith("#")}


@pytest.fixture
def page(serve):
    """page(counters of each worker, commands): the text of /metrics."""
    def go(*counters, **commands):
        from uacfast.control.metrics import Metrics

        async def scenario(server, _listeners):
            registrations = Registrations(server)
            registrations._load_progress = Progress("rows", 9, 3)
            return (await Metrics(server, "1.2.3", [registrations.loading_metrics]).page()).decode()

        def prepare(server):
            server.counters = list(counters)
            server.commands = {name.replace("__", "."): command for name, command in commands.items()}
        return serve("", scenario, prepare)
    return go


def registrar(name, latency, **changes):
    return {"destination": name, "states": {"registered": 2}, "accepted": 3, "refused": 1, "latency": latency,
            "attempts": 5, "unanswered": 1, "breaker": "closed"} | changes


def full(page):
    own = COUNTERS | {"dropped_not_sip": 1, "cpu_us": 2_500_000, "resident_octets": 1 << 20, "loop_lag_us": 10,
                      "loop_ticks": 3, "loop_lag_worst_us": 1500, "early_dialogs": 0, "processed_dialogs": 4,
                      'uacfast_things{kind="a\\"b"}': 2, "uacfast_other_total": 5}
    histogram = {"help": "Time.", "bounds": [0.1, 1], "counts": [1, 2, 3], "sum": 9.5}
    return page(own, own, histograms=lambda: {name: dict(histogram) for name in (
        "latency_seconds", "registration_latency_seconds", "registration_lateness_seconds")}, reg__metrics=lambda: {
        "states": {"registered": 2}, "counters": {"stuck": 0, "attempts": 7}, "responses": {"2xx": 3}, "waiting": 1,
        "in_flight": 2, "octets": 100}, reg__registrars=lambda most: [registrar("sip:a.example", 200)])


@pytest.mark.parametrize("line", [
    'uacfast_requests_total{method="INVITE"} 8.0', 'uacfast_responses_total{code="404"} 4.0',
    'uacfast_transaction_responses_total{class="2xx",method="INVITE"} 6.0',
    'uacfast_dropped_total{reason="not_sip"} 2.0',
    'uacfast_final_responses_total{class="2xx"} 6.0', 'uacfast_stateless_replies_total{code="483"} 2.0',
    "uacfast_transactions 12.0", "uacfast_dialogs_active 4.0", 'uacfast_worker_cpu_seconds_total{worker="1"} 2.5',
    'uacfast_worker_loop_lag_worst_seconds{worker="0"} 0.0015', "uacfast_uac_regtotal 6.0",
    'uacfast_things{kind="a\\"b"} 4.0', "uacfast_other_total 10.0", 'uacfast_latency_seconds_bucket{le="0.1"} 2.0',
    'uacfast_latency_seconds_bucket{le="1.0"} 6.0', 'uacfast_latency_seconds_bucket{le="+Inf"} 12.0',
    "uacfast_latency_seconds_sum 19.0", 'uacfast_registrations{state="registered"} 4.0',
    'uacfast_registration_events_total{event="attempts"} 14.0', "uacfast_registrations_in_flight 4.0",
    'uacfast_registrar_registrations{registrar="sip:a.example",state="registered"} 4.0',
    'uacfast_registrar_latency_seconds{registrar="sip:a.example"} 0.2',
    'uacfast_registrar_replies_total{registrar="sip:a.example"} 8.0',
    'uacfast_registrar_breaker_open{registrar="sip:a.example"} 0.0', "uacfast_registration_rows 9.0",
    'uacfast_info{version="1.2.3"} 1.0',
])
def test_lines_of_the_page(page, line):
    assert line in full(page).splitlines()


def test_a_dead_worker_in_the_page(page):
    text = page(None, {"requests": 1, "request_method:BYE": 1})
    assert 'uacfast_worker_up{worker="0"} 0.0' in text and 'uacfast_requests_total{method="BYE"} 1.0' in text
    assert "uacfast_registrations" not in text and "uacfast_dialogs" not in text


def named_in(text):
    return set(re.findall(r"uacfast_[a-z0-9_]+", text))


def test_the_dashboard_of_grafana_names_metrics_that_exist(page):
    board = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    queries = [variable["query"] for variable in board["templating"]["list"]]
    assert named_in(" ".join(expressions + queries)) - metric_names(full(page)) == set()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_alerts_name_metrics_that_exist(page):
    text = (EXAMPLES / "prometheus-alerts.yml").read_text()
    expressions = re.findall(r"expr:(?: >-)?((?:.|\n)*?)\n        (?:for|labels):", text)
    assert len(expressions) == text.count("- alert:") and "\t" not in text
    assert named_in(" ".join(expressions)) - metric_names(full(page)) == set()


def test_the_own_views_name_metrics_that_exist(page):
    package = Path(__file__).parents[3] / "uacfast" / "control"
    script = (package / "static" / "dashboard.js").read_text()
    view = (package / "top.py").read_text()
    wanted = named_in(script) | {f"uacfast_{name}" for name in re.findall(
        r'(?:rate|total|by)\("([a-z0-9_]+)"', view)}
    wanted |= {f"uacfast_{name}_total" for name in re.findall(r'"([a-z0-9_]+)": "', view)}
    # Words of the script's own that are no metrics end in an underscore.
    assert wanted - metric_names(full(page)) == set()


def test_one_screen_of_top(page, serve, capsys):
    from kit.control import in_thread
    from uacfast import cli

    async def scenario(server, _listeners):
        host, port = server.config.control.http_address
        return await in_thread(cli.main, ["top", "--once", "--interval", "0.1", "-s", f"http://{host}:{port}"])

    def prepare(server):
        server.counters = [COUNTERS | {"dropped_not_sip": 3}]
        server.commands["reg.registrars"] = lambda most: [registrar("sip:\x1b[2Jevil", 1234)]
    assert serve('http = "127.0.0.1:PORT"', scenario, prepare) == 0
    out = capsys.readouterr().out
    assert re.search(r"calls/s +0\.0", out) and re.search(r"transactions in memory +6", out)
    assert "1,234.0 ms" in out and "dropped: not sip" in out and "\x1b[2J" not in out
