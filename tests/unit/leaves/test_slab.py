import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from uacfast.testing.leaves import Slab

CSRC = Path(__file__).parents[3] / "csrc"
CHUNK = 256 * 1024
sizes = st.one_of(st.integers(0, 20_000), st.sampled_from([1, 63, 64, 65, 1024, 1025, 8191, 8192, 8193, 70_000]))


class SlabAgainstIntervals(RuleBasedStateMachine):
    """Blocks may not overlap, and keep what was written to them."""

    def __init__(self):
        super().__init__()
        self.slab = Slab()
        self.blocks = []    # (address, size, fill)

    @rule(size=sizes, count=st.integers(1, 40))
    def alloc(self, size, count):
        for _ in range(count):
            address = self.slab.alloc(size)
            assert address % 16 == 0
            fill = (len(self.blocks) * 37 + size) % 256
            self.slab.fill(address, size, fill)
            self.blocks.append((address, size, fill))

    @rule(random=st.randoms(use_true_random=False), count=st.integers(1, 60))
    def free(self, random, count):
        for _ in range(min(count, len(self.blocks))):
            address, size, fill = self.blocks.pop(random.randrange(len(self.blocks)))
            assert self.slab.is_filled(address, size, fill)
            self.slab.free(address, size)

    @rule()
    def free_everything(self):
        while self.blocks:
            address, size, fill = self.blocks.pop()
            assert self.slab.is_filled(address, size, fill)
            self.slab.free(address, size)
        assert self.slab.in_use == 0

    @invariant()
    def no_overlap(self):
        intervals = sorted((address, address + max(size, 1)) for address, size, _ in self.blocks)
        assert all(a[1] <= b[0] for a, b in zip(intervals, intervals[1:], strict=False))
        assert self.slab.in_use == sum(size for _, size, _ in self.blocks)
        assert self.slab.held >= self.slab.in_use


SlabAgainstIntervals.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSlabAgainstIntervals = SlabAgainstIntervals.TestCase


@pytest.mark.parametrize("size", [64, 1000, 1001, 6000, 8192])
def test_memory_goes_back_to_the_system(size):
    slab = Slab()
    blocks = [slab.alloc(size) for _ in range(20 * CHUNK // size)]
    assert slab.held >= 20 * size * (CHUNK // size)
    for block in blocks:
        slab.free(block, size)
    assert slab.in_use == 0
    assert slab.held == CHUNK   # the spare


def test_held_memory_is_not_much_more_than_used():
    slab = Slab()
    for _ in range(10_000):
        slab.alloc(1000)
    assert slab.held < 1.1 * 10_000 * 1024


def test_a_spare_chunk_avoids_mapping_again():
    slab = Slab()
    first = slab.alloc(4096)
    slab.free(first, 4096)
    assert slab.alloc(4096) == first


def test_above_the_largest_class():
    slab = Slab()
    block = slab.alloc(1_000_000)
    kept = slab.alloc(9000)
    slab.fill(kept, 9000, 7)
    slab.fill(block, 1_000_000, 8)
    assert slab.in_use == 1_009_000
    slab.free(block, 1_000_000)
    assert slab.in_use == 9000
    assert slab.held < 10_000
    assert slab.is_filled(kept, 9000, 7)


@given(st.lists(st.integers(0, 8192), min_size=1, max_size=30))
def test_blocks_of_a_class_begin_at_cache_lines(wanted):
    slab = Slab()
    assert all(slab.alloc(size) % 64 == 0 for size in wanted)


MISUSE = """
#include "slab.h"
#include <string.h>
int main(int count, char **arguments)
{
    slab *pool = slab_new();
    void *block = slab_alloc(pool, 100), *other = slab_alloc(pool, 100);
    (void)count;
    slab_free(pool, block, 100);
    if (!strcmp(arguments[1], "twice"))
        slab_free(pool, block, 100);
    if (!strcmp(arguments[1], "size"))
        slab_free(pool, other, 1000);
    if (!strcmp(arguments[1], "inside"))
        slab_free(pool, (char *)other + 64, 100);
    slab_free(pool, other, 100);
    slab_free_all(pool);
    return 0;
}
"""


@pytest.fixture(scope="module")
def misuse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slab")
    (folder / "misuse.c").write_text(MISUSE)
    subprocess.run(["cc", "-std=gnu11", "-DUACFAST_DEBUG", f"-I{CSRC}", folder / "misuse.c", CSRC / "slab.c",
                    "-o", folder / "misuse"], check=True)
    return folder / "misuse"


@pytest.mark.parametrize(("how", "message"), [("twice", "double free"), ("size", "wrong size"),
                                              ("inside", "misplaced free")])
def test_a_debug_build_stops_at_misuse(misuse, how, message):
    ended = subprocess.run([misuse, how], capture_output=True, text=True)
    assert ended.returncode < 0
    assert message in ended.stderr


def test_a_debug_build_accepts_proper_use(misuse):
    ended = subprocess.run([misuse, "properly"], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
