"""What the leaves cost: `pytest tests/unit/leaves/test_speed.py --benchmark-enable`; a round is ROUNDS operations."""
import pytest

from uacfast.sip.digest import response
from uacfast.testing.leaves import HashTable, Slab, TimerWheel, siphash
from uacfast.uac.rr_param import decode, encode

ROUNDS = 100_000
ENTRIES = 1_000_000
MULTIPLIER = 0xd6e8feb86659fd93


@pytest.fixture(scope="module")
def million():
    table = HashTable()
    table.insert_range(0, ENTRIES, MULTIPLIER)
    return table


def test_lookup_among_a_million(benchmark, million):
    assert benchmark(million.find_range, 0, ROUNDS, MULTIPLIER, 654_321, ENTRIES) == ROUNDS


def test_timer_start_and_stop(benchmark):
    wheel = TimerWheel(10_000, 0, 10)
    benchmark(wheel.start_and_stop, ROUNDS, 32_000)
    assert wheel.running <= wheel.capacity


def test_slab_alloc_and_free(benchmark):
    slab = Slab()
    benchmark(slab.alloc_and_free, ROUNDS, 1000)
    assert slab.in_use == 0


def test_siphash_call(benchmark):
    assert benchmark(siphash, bytes(16), bytes(64)) == siphash(bytes(16), bytes(64))


def test_digest_response_call(benchmark):
    assert len(benchmark(response, b"8356a1bf1a290cc05f2c902597f73adb", b"abc123nonce", b"INVITE",
                         b"sip:callee@example.net", b"auth", b"00000001", b"2722117977")) == 32


def test_rr_param_calls(benchmark):
    def there_and_back():
        return decode(encode(b"sip:alice@example.com", b"sip:anonymous@anonymous.invalid", b"key"),
                      b"sip:alice@example.com", b"key")

    assert benchmark(there_and_back) == b"sip:anonymous@anonymous.invalid"
