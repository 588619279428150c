from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from uacfast.testing.leaves import HashTable

# The table takes the high bits of hash * MULTIPLIER; the inverse gives hashes whose places we choose.
MULTIPLIER = 0x9e3779b97f4a7c15
INVERSE = pow(MULTIPLIER, -1, 1 << 64)


def hash_at(place, salt):
    """A hash whose home is the fraction `place` / 256 of the array; different salts give different hashes."""
    return ((place << 56) + salt) * INVERSE % (1 << 64)


# Homes crowd at the end of the array, so that runs wrap round, collide and stand in each other's way.
crowded = st.builds(hash_at, st.sampled_from([0, 1, 127, 128, 254, 255]), st.integers(0, 3))
hashes = st.one_of(crowded, st.integers(0, (1 << 64) - 1), st.sampled_from([0, 1, (1 << 64) - 1]))


class TableAgainstDict(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.table = HashTable()
        self.model = defaultdict(set)
        self.last = 0

    entries = Bundle("entries")

    def insert_one(self, hash):
        self.last += 1
        self.table.insert(hash, self.last)
        self.model[hash].add(self.last)
        return hash, self.last

    @rule(target=entries, hash=hashes)
    def insert(self, hash):
        return self.insert_one(hash)

    @rule(hash=hashes, count=st.integers(1, 60))
    def insert_many(self, hash, count):
        for i in range(count):
            self.insert_one((hash + i * i * 0x123456789abcdef) % (1 << 64))

    @rule(entry=consumes(entries))
    def remove(self, entry):
        hash, value = entry
        assert self.table.remove(hash, value)
        self.model[hash].remove(value)
        assert not self.table.remove(hash, value)

    @rule(hash=hashes)
    def remove_absent(self, hash):
        assert not self.table.remove(hash, self.last + 1)

    @rule(entry=entries)
    def remove_under_another_hash(self, entry):
        hash, value = entry
        assert not self.table.remove(hash ^ 1, value)

    @rule(hash=hashes)
    def find(self, hash):
        assert sorted(self.table.find(hash)) == sorted(self.model[hash])

    @invariant()
    def same_entries(self):
        assert len(self.table) == sum(map(len, self.model.values()))
        for hash, values in self.model.items():
            found = self.table.find(hash)
            assert len(found) == len(values)
            assert set(found) == values


TableAgainstDict.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTableAgainstDict = TableAgainstDict.TestCase


def test_growth_keeps_everything_at_every_step():
    table = HashTable()
    for i in range(3000):
        table.insert(i * i, i + 1)
        assert table.find((i // 2) ** 2) == [i // 2 + 1]
    assert all(table.find(i * i) == [i + 1] for i in range(3000))
    assert len(table) == 3000


@given(st.integers(1, 400), st.randoms(use_true_random=False))
def test_removal_while_it_grows(count, random):
    table = HashTable()
    kept = set()
    for i in range(1, count + 1):
        table.insert(hash_at(i % 256, i), i)
        kept.add(i)
        if random.random() < 0.4:
            gone = random.choice(sorted(kept))
            kept.remove(gone)
            assert table.remove(hash_at(gone % 256, gone), gone)
    assert all(table.find(hash_at(i % 256, i)) == ([i] if i in kept else []) for i in range(1, count + 1))


def test_many_under_one_hash():
    table = HashTable()
    for value in range(1, 1001):
        table.insert(42, value)
    assert sorted(table.find(42)) == list(range(1, 1001))
    for value in range(1, 1001, 2):
        assert table.remove(42, value)
    assert sorted(table.find(42)) == list(range(2, 1001, 2))


def test_mapped_arrays():
    # Large enough to leave malloc for mappings, several times over.
    table = HashTable()
    table.insert_range(0, 100_000, MULTIPLIER)
    assert table.find_range(0, 100_000, MULTIPLIER, 1, 100_000) == 100_000
    for i in range(0, 100_000, 3):
        assert table.remove(i * MULTIPLIER % (1 << 64), i + 1)
    assert table.find_range(0, 100_000, MULTIPLIER, 1, 100_000) == 66_666
    assert len(table) == 66_666


def test_expected_entries_need_no_growth():
    table = HashTable(10_000)
    capacity = table.capacity
    table.insert_range(0, 10_000, 1)
    assert table.capacity == capacity
