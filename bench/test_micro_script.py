"""What a script costs: the same initial requests by the simplest script and by a route, and single KSR calls."""
import pytest

from bench.test_micro_relay import CALLER, new_invite
from uacfast.assembly import AssembledEngine
from uacfast.config import parse

SIZE = 200
LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'
ROUTE = LISTEN + '[[route]]\nrelay = ["sip:127.0.0.1:40002"]\n'
HEAD = """
import KSR

def mod_init():
    return Edge()

class Edge:
    def child_init(self, rank):
        return 0

    def ksr_request_route(self, msg):
"""
SIMPLEST = """
        KSR.setdsturi("sip:127.0.0.1:40002")
        KSR.tm.t_relay()
        return 1
"""
EDGE = """
        if KSR.maxfwd.process_maxfwd(10) < 0 or KSR.sanity.sanity_check(17895, 7) < 0:
            return 1
        if KSR.is_CANCEL() or KSR.tm.t_check_trans() == 0 or KSR.siputils.has_totag() > 0:
            return 1
        KSR.rr.record_route()
        KSR.uac.uac_replace_from("", "sip:anon@edge.example")
        KSR.tm.t_on_failure("ksr_failure")
        KSR.pv.sets("$du", "sip:127.0.0.1:40002")
        KSR.tm.t_relay()
        return 1
"""
CALLS = {
    "is_INVITE": "KSR.is_INVITE()", "isflagset": "KSR.isflagset(3)", "has_totag": "KSR.siputils.has_totag()",
    "pv_get_ru": 'KSR.pv.get("$ru")', "t_is_set": 'KSR.tm.t_is_set("failure_route")',
}


def engine_of(config):
    engine = AssembledEngine(parse(config), capture=True, now=1_000_000)
    engine.add_socket(-1, ("127.0.0.1", 5060), 0)
    return engine


def scripted(tmp_path, body):
    path = tmp_path / f"edge_{abs(hash(body))}.py"
    path.write_text(HEAD + body)
    return engine_of(f'[script]\nfile = "{path}"\nwatchdog_seconds = 0\n{LISTEN}')


def relay(benchmark, engine):
    def setup():
        engine.advance(40_000)
        engine.take_sent()
        return ([new_invite() for _ in range(SIZE)],), {}

    def feed(messages):
        for message in messages:
            engine.receive(message, CALLER)

    benchmark.extra_info["messages"] = SIZE
    benchmark.pedantic(feed, setup=setup, rounds=20)


def test_invite_by_a_route(benchmark):
    relay(benchmark, engine_of(ROUTE))


def test_invite_by_the_simplest_script(benchmark, tmp_path):
    relay(benchmark, scripted(tmp_path, SIMPLEST))


def test_invite_by_an_edge_script(benchmark, tmp_path):
    relay(benchmark, scripted(tmp_path, EDGE))


@pytest.mark.parametrize("name", CALLS)
def test_call(benchmark, tmp_path, name):
    calls = "\n".join(f"            {CALLS[name]}" for _ in range(10))
    engine = scripted(tmp_path, f"        for _ in range(100):\n{calls}\n")
    benchmark.extra_info["calls"] = 1000
    benchmark(engine.receive, new_invite(), CALLER)
