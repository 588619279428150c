import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from uacfast.testing.leaves import TimerWheel

TIMERS = 12
NEVER = (1 << 64) - 1
# Spans round the borders of the levels (2^12, 2^20, 2^28, 2^36 ticks), and everything between and beyond.
spans = st.one_of(
    st.integers(0, 600),
    st.builds(lambda bits, near: max(0, (1 << bits) + near), st.sampled_from([12, 20, 28, 36]),
              st.integers(-5000, 5000)),
    st.integers(0, 48).flatmap(lambda bits: st.integers(0, 1 << bits)),
)


def drain(wheel):
    popped = []
    while (timer := wheel.pop()) is not None:
        popped.append(timer)
    return popped


class WheelAgainstList(RuleBasedStateMachine):
    """The model: a timer fires at the first advance whose tick has reached its due time, rounded up to a tick."""

    @initialize(now=st.one_of(st.integers(0, 1000), st.integers(0, 1 << 45)),
                resolution=st.sampled_from([1, 3, 10, 50]))
    def begin(self, now, resolution):
        self.now, self.resolution = now, resolution
        self.wheel = TimerWheel(TIMERS, now, resolution)
        self.waiting = {}    # timer -> tick at which it fires
        self.queued = {}     # timer -> the same, in order of expiry

    @rule(timer=st.integers(0, TIMERS - 1), span=spans)
    def start(self, timer, span):
        self.start_at(timer, self.now + span * self.resolution // 2)

    @rule(timer=st.integers(0, TIMERS - 1), early=st.integers(0, 2000))
    def start_in_the_past(self, timer, early):
        self.start_at(timer, max(0, self.now - early))

    @rule(timer=st.integers(0, TIMERS - 1))
    def start_for_ever(self, timer):
        self.start_at(timer, NEVER)

    def start_at(self, timer, due):
        self.queued.pop(timer, None)
        self.waiting[timer] = max(-(-due // self.resolution), self.now // self.resolution)
        self.wheel.start(timer, due)
        assert self.wheel.is_running(timer)

    @rule(timer=st.integers(0, TIMERS - 1))
    def stop(self, timer):
        self.waiting.pop(timer, None)
        self.queued.pop(timer, None)
        self.wheel.stop(timer)
        assert not self.wheel.is_running(timer)

    @rule(span=spans)
    def advance(self, span):
        self.advance_to(self.now + span)

    @rule()
    def advance_to_next(self):
        self.advance_to(self.now + self.wheel.next(1 << 50))

    @rule(back=st.integers(1, 5000))
    def clock_steps_back(self, back):
        self.wheel.advance(max(0, self.now - back))
        self.expire()

    def advance_to(self, now):
        self.now = now
        self.wheel.advance(now)
        self.expire()

    def expire(self):
        tick = self.now // self.resolution
        for timer in sorted((t for t in self.waiting if self.waiting[t] <= tick), key=self.waiting.get):
            self.queued[timer] = self.waiting.pop(timer)

    @rule(count=st.integers(1, TIMERS))
    def pop(self, count):
        for _ in range(count):
            timer = self.wheel.pop()
            if timer is None:
                assert not self.queued
                return
            assert self.queued[timer] == min(self.queued.values())   # any order within a tick
            del self.queued[timer]
            assert not self.wheel.is_running(timer)

    @invariant()
    def counts_agree(self):
        assert self.wheel.running == len(self.waiting) + len(self.queued)

    @invariant()
    def next_is_not_too_late(self):
        limit = 1 << 50
        wait = self.wheel.next(limit)
        if self.queued:
            assert wait == 0
        elif self.waiting:
            fires_in = max(0, min(self.waiting.values()) * self.resolution - self.now)
            assert wait <= min(fires_in, limit)
        else:
            assert wait == limit


WheelAgainstList.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestWheelAgainstList = WheelAgainstList.TestCase


@given(st.integers(0, 1 << 40), st.sampled_from([1, 10, 100]), st.lists(st.integers(0, 1 << 34), max_size=50))
def test_following_next_meets_every_timer_in_time(now, resolution, spans):
    wheel = TimerWheel(50, now, resolution)
    due = {timer: now + span for timer, span in enumerate(spans)}
    for timer, at in due.items():
        wheel.start(timer, at)
    advances = 0
    while wheel.running:
        now += wheel.next(1 << 50)
        wheel.advance(now)
        advances += 1
        for timer in drain(wheel):
            assert 0 <= now - due.pop(timer) < resolution
    assert not due
    # Each timer may be placed lower once a level, and each turn of a level costs one look.
    assert advances <= 8 * len(spans) + 1


@pytest.mark.parametrize("resolution", [1, 10])
def test_a_jump_of_years(resolution):
    # 3 * 10^11 ticks: only a wheel that skips empty slots gets to the end of this test.
    wheel = TimerWheel(1002, 1_700_000_000_000, resolution)
    year = 365 * 86_400_000
    for timer in range(1000):
        wheel.start(timer, wheel.now + timer * year // 100)
    wheel.start(1000, NEVER)
    wheel.start(1001, wheel.now + 20 * year)
    wheel.advance(wheel.now + 10 * year)
    assert drain(wheel) == list(range(1000))
    assert wheel.running == 2
    wheel.advance(wheel.now + 10 * year - 1)
    assert drain(wheel) == []
    wheel.advance(wheel.now + resolution)
    assert drain(wheel) == [1001]


def test_a_due_in_the_past_fires_on_the_next_advance_and_not_before():
    wheel = TimerWheel(1, 1005, 10)
    wheel.start(0, 900)
    assert wheel.pop() is None
    assert wheel.next(1000) == 0
    wheel.advance(1006)   # the same tick
    assert wheel.pop() == 0
    wheel.start(0, 1006)  # a callback that asks for "now" does not spin
    assert wheel.pop() is None


def test_never_early_within_a_tick():
    wheel = TimerWheel(1, 1000, 10)
    wheel.start(0, 1011)
    wheel.advance(1019)
    assert wheel.pop() is None
    wheel.advance(1020)
    assert wheel.pop() == 0


def test_callbacks_may_touch_queued_timers():
    wheel = TimerWheel(4, 0, 1)
    for timer in range(4):
        wheel.start(timer, 5 + timer)
    wheel.advance(100)
    assert wheel.pop() == 0
    wheel.stop(3)             # the last of the queue
    wheel.start(1, 200)       # queued, but wanted later
    wheel.start(0, 150)       # the one that is running now
    assert drain(wheel) == [2]
    wheel.advance(150)
    assert drain(wheel) == [0]
    wheel.advance(200)
    assert drain(wheel) == [1]
    assert wheel.running == 0


def test_stop_and_start_in_one_slot():
    wheel = TimerWheel(3, 0, 1)
    for timer in range(3):
        wheel.start(timer, 7)
    wheel.stop(1)
    wheel.stop(1)
    wheel.start(0, 7)
    wheel.advance(7)
    assert sorted(drain(wheel)) == [0, 2]
    assert wheel.next(1234) == 1234


def test_restart_far_and_near_again():
    wheel = TimerWheel(1, 0, 1)
    wheel.start(0, 1 << 40)
    wheel.start(0, 3)
    wheel.start(0, 70_000)
    wheel.advance(69_999)
    assert wheel.pop() is None
    wheel.advance(70_000)
    assert wheel.pop() == 0
    wheel.advance(1 << 41)
    assert wheel.pop() is None
