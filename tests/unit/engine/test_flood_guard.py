"""The flood guard on a virtual clock, and its memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.proxy.flood_guard import FloodGuard

OK, BLOCKED, NEWLY = 1, -1, -2


def guard(density=16, unit=2000, **more):
    return FloodGuard(density=density, unit=unit, key=b"k" * 16, **more)


@pytest.mark.parametrize("density,passed", [(16, 21), (8, 11), (32, 41), (64, 81)])
def test_a_new_source_gets_what_kamailio_lets_through(density, passed):
    tested = guard(density)
    results = [tested.check_text("192.0.2.1", 5) for _ in range(passed + 3)]
    assert results == [OK] * passed + [NEWLY, BLOCKED, BLOCKED]


def test_the_acceptance_flood():
    """60 requests in 3 s, 16 in 2 s are allowed: 21 pass, the others do not."""
    tested = guard()
    results = [tested.check_text("127.0.0.2", 1_000_000 + i * 50) for i in range(60)]
    assert results == [OK] * 21 + [NEWLY] + [BLOCKED] * 38


def test_below_the_density_nobody_is_blocked():
    tested = guard()
    assert {tested.check_text("192.0.2.1", 130 * i) for i in range(1000)} == {OK}


def test_a_blocked_source_is_free_after_a_quiet_unit():
    tested = guard()
    for _ in range(30):
        tested.check_text("192.0.2.1", 0)
    assert tested.check_text("192.0.2.1", 2000) == BLOCKED, "the unit before was too much"
    assert tested.check_text("192.0.2.1", 4000) == OK
    results = [tested.check_text("192.0.2.1", 4001) for _ in range(17)]
    assert results == [OK] * 15 + [NEWLY, BLOCKED], "known sources have no extra"


def test_sources_are_counted_apart():
    tested = guard(density=2)
    assert [tested.check_text(f"192.0.2.{i}", 0) for i in range(100)] == [OK] * 100


def test_prefixes_are_one_source():
    v6 = [f"2001:db8:0:1::{i:x}" for i in range(10)]
    assert [guard_result for tested in [guard(density=4)] for guard_result in (tested.check_text(a, 0) for a in v6)][
        -1
    ] == BLOCKED
    v4 = guard(density=4, ipv4_prefix=24)
    assert [v4.check_text(f"192.0.2.{i}", 0) for i in range(8)][-2:] == [NEWLY, BLOCKED]
    assert v4.check_text("192.0.3.1", 0) == OK
    odd = guard(density=1, ipv4_prefix=31)
    assert [odd.check_text(f"192.0.2.{i}", 0) for i in (2, 3, 2, 3, 1)] == [OK, OK, NEWLY, BLOCKED, OK]


def test_silence_is_forgotten():
    tested = guard(density=1, remove_latency=10_000)
    for _ in range(5):
        tested.check_text("192.0.2.1", 0)
    assert [tested.check_text("192.0.2.1", 10_000) for _ in range(3)] == [OK, OK, NEWLY], "a newcomer again"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 50)), max_size=300))
def test_memory_is_bounded(steps):
    tested = guard(density=3, capacity=64)
    now = 0
    for number, pause in steps:
        now += pause
        address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
        assert tested.check_text(address, now) in (OK, BLOCKED, NEWLY)
    assert tested.known <= tested.capacity == 64


def test_more_sources_than_places():
    tested = guard(density=1, capacity=64)
    for i in range(10_000):
        assert tested.check_text(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", i) == OK
    assert tested.known == 64 and tested.evicted > 9_000


@pytest.mark.parametrize(
    "values", [{"density": 0}, {"unit": 0}, {"ipv4_prefix": 0}, {"ipv4_prefix": 33}, {"ipv6_prefix": 129}]
)
def test_impossible_rules(values):
    with pytest.raises(ValueError):
        guard(**values)
