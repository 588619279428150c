"""What tracking a dialog costs: memory of one, and each message of a call with and without it, with many others held.

With figures 200,000 dialogs are held (design goal: the rate falls by no more than 10 %, 1.5 KB each); when it is only
checked that the benchmark runs, 2,000.
"""
import pytest

from bench.test_micro_relay import CALLEE, CALLER, CONFIGURATION, SIZE, answer, new_invite, within_dialog
from bench.test_micro_relay import Bench as PlainBench
from uacfast.assembly import AssembledEngine
from uacfast.config import parse

OCTETS_MAX = 1536
TRACKED = CONFIGURATION + "dialog = true\n"
KINDS = {"untracked": (CONFIGURATION, False), "tracked": (TRACKED, False), "tracked, others held": (TRACKED, True),
         "in the dialog, others held": (TRACKED + "[uac]\nrestore_dlg = true\n", True)}


class Bench(PlainBench):
    """The engine of the relay benchmark, with dialogs held while others come and go."""

    def __init__(self, configuration, held):
        self.engine = AssembledEngine(parse(configuration), capture=True, now=1_000_000)
        self.engine.add_socket(-1, ("127.0.0.1", 5060), 0)
        while self.engine.statistics()["active_dialogs"] < held:
            self.feed([new_invite() for _ in range(2_000)], CALLER)
            self.feed([answer(request, b"200 OK") for request in self.sent_to(CALLEE)], CALLEE)
            self.engine.advance(40_000)
            self.engine.take_sent()


@pytest.fixture(scope="module")
def held(request):
    """How many dialogs are there beside those that are measured."""
    option = request.config.getoption
    return 200_000 if option("benchmark_enable") or not option("benchmark_disable") else 2_000


@pytest.fixture(scope="module")
def benches(held):
    """An engine for each kind, made once."""
    made = {}

    def get(kind):
        if kind not in made:
            configuration, holds = KINDS[kind]
            made[kind] = Bench(configuration, held if holds else 0)
        return made[kind]

    return get


@pytest.fixture(params=KINDS)
def bench(request, benches):
    return benches(request.param)


def test_dialog_invite(bench, per_message):
    def batch():
        bench.engine.advance(40_000)
        bench.engine.take_sent()
        return [new_invite() for _ in range(SIZE)]

    per_message(lambda messages: bench.feed(messages, CALLER), batch, SIZE)
    sent = bench.sent_to(CALLEE)
    bench.feed([answer(request, b"486 Busy") for request in sent], CALLEE)
    assert len(sent) == SIZE


def test_dialog_success(bench, per_message):
    per_message(lambda messages: bench.feed(messages, CALLEE),
                lambda: [answer(request, b"200 OK") for request in bench.invited()[1]], SIZE)
    assert len(bench.sent_to(CALLER)) == SIZE


@pytest.mark.parametrize(("method", "number"), [(b"ACK", b"1"), (b"BYE", b"2")])
def test_dialog_request(bench, per_message, method, number):
    def batch():
        invites, forwarded = bench.invited()
        bench.feed([answer(request, b"200 OK") for request in forwarded], CALLEE)
        bench.engine.take_sent()
        return [within_dialog(out, invite, method, number) for invite, out in zip(invites, forwarded, strict=True)]

    per_message(lambda messages: bench.feed(messages, CALLER), batch, SIZE)
    assert len(bench.sent_to(CALLEE)) == SIZE


@pytest.mark.parametrize("kind", ["tracked, others held", "in the dialog, others held"])
def test_dialog_memory(benches, held, kind, benchmark):
    """Octets of one dialog: its own, and as taken from the system with all that finds it."""
    statistics = benchmark.pedantic(benches(kind).engine.statistics)
    dialogs = statistics["dialogs_in_memory"]
    own, taken = statistics["dialog_octets"] / dialogs, statistics["dialog_octets_held"] / dialogs
    benchmark.extra_info |= {"octets_each": round(own), "octets_taken_each": round(taken), "dialogs": dialogs}
    print(f"{dialogs} dialogs, values kept {kind}: {own:.0f} octets each, {taken:.0f} taken from the system")
    assert dialogs >= held and own < OCTETS_MAX and taken < OCTETS_MAX
