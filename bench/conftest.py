"""Micro benchmarks: loops in C are timed by pytest-benchmark and reported per operation beside their guide values."""
import pytest

FIGURES = pytest.StashKey[list]()


def pytest_configure(config):
    config.stash[FIGURES] = []


@pytest.fixture
def per_operation(request, benchmark):
    """per_operation(loop, *arguments, guide_ns=..., n=...) times loop(*arguments, n), returns what it returned.

    The figure is the median of the rounds divided by `n`, in nanoseconds; `guide_ns` is what the design allows, None
    where it names nothing. Slower is reported, not failed: the machine decides too."""
    def run(loop, *arguments, guide_ns=None, n=1000):
        returned = benchmark(loop, *arguments, n)
        if benchmark.stats is not None:   # None: --benchmark-disable, one run to see that it works
            each = benchmark.stats.stats.median / n * 1e9
            benchmark.extra_info |= {"ns_each": round(each, 1), "guide_ns": guide_ns}
            request.config.stash[FIGURES].append((request.node.name, each, guide_ns))
        return returned

    return run


@pytest.fixture
def per_message(request, benchmark):
    """per_message(function, make_batch, size, guide_ns=...) times function(batch) on fresh batches of `size` messages
    and reports the median per message; returns what the last call returned."""
    def run(function, make_batch, size, guide_ns=None):
        returned = benchmark.pedantic(function, setup=lambda: ((make_batch(),), {}), rounds=20, warmup_rounds=2)
        if benchmark.stats is not None:
            each = benchmark.stats.stats.median / size * 1e9
            benchmark.extra_info |= {"ns_each": round(each, 1), "guide_ns": guide_ns}
            request.config.stash[FIGURES].append((request.node.name, each, guide_ns))
        return returned

    return run


def pytest_terminal_summary(terminalreporter, config):
    if not config.stash[FIGURES]:
        return
    terminalreporter.section("per operation")
    terminalreporter.line(f"| {'operation':34s} | {'ns':>9s} | {'guide, ns':>9s} |")
    terminalreporter.line(f"|{'-' * 36}|{'-' * 10}:|{'-' * 10}:|")
    for name, each, guide in config.stash[FIGURES]:
        limit = "–" if guide is None else f"{guide:,}"
        terminalreporter.line(f"| {name.removeprefix('test_'):34s} | {each:9,.1f} | {limit:>9s} |")
