"""Finding a transaction among a million: the keys are hashed with SipHash, the order is random."""
import pytest

from uacfast.testing.loops import LookupTable, hash_lookup_loop, hash_loop


@pytest.fixture(scope="module")
def million():
    return LookupTable(1_000_000)


def test_hash_of_64_octets(per_operation, million):
    assert per_operation(hash_loop, million, n=10_000) != 0


def test_hash_and_lookup_in_a_million(per_operation, million):
    assert per_operation(hash_lookup_loop, million, guide_ns=100, n=10_000) == 10_000
