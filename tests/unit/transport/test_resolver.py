"""The resolver against a real name server on a loopback port; time is a number that the tests move."""

import asyncio
import contextlib
import random
from collections import Counter

import pytest
import uvloop

from kit.dns_stub import NOTIMP, REFUSED, SERVFAIL, DnsStub, encoded_record
from uacfast.transport import dns_cache
from uacfast.transport.resolv_conf import SearchList, read_search_list
from uacfast.transport.resolver import SERVICES_MAX, ResolutionError, Resolver, Target, weighted_order


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Bench:
    """A resolver with its name server and clock."""

    def __init__(self, stub, **options):
        self.stub = stub
        self.clock = Clock()
        usual = {"timeout": 5.0, "tries": 1, "families": {4}, "chance": random.Random(1)}
        usual |= {"hosts_file": None, "search_file": None}
        self.resolver = Resolver([stub.address], clock=self.clock, **usual | options)
        self.resolve = self.resolver.resolve
        self.cached = self.resolver.cached

    async def refusal(self, *request):
        with pytest.raises(ResolutionError) as caught:
            await self.resolve(*request)
        assert str(caught.value).endswith(".")
        return caught.value


def with_bench(**options):
    """Runs the coroutine with a Bench, on a loop of its own."""

    def decorate(test):
        def run():
            async def body():
                async with DnsStub() as stub:
                    bench = Bench(stub, **options)
                    try:
                        await asyncio.wait_for(test(bench), 20)
                    finally:
                        await bench.resolver.close()

            # On the loop that the program runs on.
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(body())

        run.__name__ = test.__name__
        run.__doc__ = test.__doc__
        return run

    return decorate


def udp(address, port=5060):
    return Target(address, port, "udp")


@with_bench(families={4, 6})
async def test_numeric_hosts_ask_nobody(bench):
    assert bench.cached("192.0.2.1") == [udp("192.0.2.1")]
    assert bench.cached("192.0.2.1", 5080) == [udp("192.0.2.1", 5080)]
    assert bench.cached("[2001:DB8::1]") == [udp("2001:db8::1")]
    assert bench.cached("2001:db8::1", 5080, "sip", "udp") == [udp("2001:db8::1", 5080)]
    assert bench.cached("::ffff:192.0.2.1") == [udp("192.0.2.1")]
    assert bench.cached("192.0.2.1", 0, "sips") == [Target("192.0.2.1", 5061, "tls")]
    assert bench.cached("192.0.2.1", 0, "sip", "tcp") == [Target("192.0.2.1", 5060, "tcp")]
    assert await bench.resolve("192.0.2.1") == [udp("192.0.2.1")]
    assert bench.stub.questions == []


@with_bench(families={4, 6})
async def test_localhost_asks_nobody(bench):
    assert set(bench.cached("localhost")) == {udp("127.0.0.1"), udp("::1")}
    assert set(bench.cached("Edge.LocalHost.", 5080)) == {udp("127.0.0.1", 5080), udp("::1", 5080)}
    assert bench.stub.questions == []


def test_hosts_file_goes_before_dns(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.9\tpbx.Example pbx # the exchange\n2001:db8::9 pbx.example\nnonsense pbx\n\n#::1 x\n")

    @with_bench(hosts_file=str(hosts), families={4, 6})
    async def body(bench):
        assert set(bench.cached("PBX.example")) == {udp("192.0.2.9"), udp("2001:db8::9")}
        assert bench.cached("pbx", 5080) == [udp("192.0.2.9", 5080)]
        hosts.write_text("192.0.2.10 pbx.example\n")
        bench.resolver.reload_hosts()
        assert bench.cached("pbx.example") == [udp("192.0.2.10")]
        assert bench.stub.questions == []

    body()


@with_bench()
async def test_service_then_address(bench):
    bench.stub.service_record("_sip._udp.carrier.example", 20, 0, 5090, "backup.carrier.example")
    bench.stub.service_record("_sip._udp.carrier.example", 10, 0, 5080, "main.carrier.example")
    bench.stub.address_record("main.carrier.example", "192.0.2.1")
    bench.stub.address_record("backup.carrier.example", "192.0.2.2")
    bench.stub.address_record("backup.carrier.example", "192.0.2.3")
    assert bench.cached("carrier.example") is None
    expected = [udp("192.0.2.1", 5080), udp("192.0.2.2", 5090), udp("192.0.2.3", 5090)]
    assert await bench.resolve("Carrier.Example.") == expected
    assert bench.cached("carrier.example") == expected
    assert bench.stub.asked("carrier.example", "A") == 0


@with_bench()
async def test_no_service_leads_to_the_address_and_default_port(bench):
    bench.stub.address_record("pbx.example", "192.0.2.1")
    assert await bench.resolve("pbx.example") == [udp("192.0.2.1")]
    assert [question[:2] for question in bench.stub.questions] == [("_sip._udp.pbx.example", "SRV"),
                                                                   ("pbx.example", "A")]


@with_bench()
async def test_explicit_port_asks_for_addresses_only(bench):
    bench.stub.service_record("_sip._udp.pbx.example", 1, 1, 5099, "other.example")
    bench.stub.address_record("pbx.example", "192.0.2.1")
    assert await bench.resolve("pbx.example", 5060) == [udp("192.0.2.1")]
    assert [question[:2] for question in bench.stub.questions] == [("pbx.example", "A")]


@with_bench()
async def test_transport_names_the_service(bench):
    bench.stub.service_record("_sip._tcp.carrier.example", 1, 1, 5070, "t.example")
    bench.stub.service_record("_sips._tcp.carrier.example", 1, 1, 5071, "t.example")
    bench.stub.address_record("t.example", "192.0.2.1")
    assert await bench.resolve("carrier.example", 0, "sip", "tcp") == [Target("192.0.2.1", 5070, "tcp")]
    assert await bench.resolve("carrier.example", 0, "sips") == [Target("192.0.2.1", 5071, "tls")]
    assert await bench.resolve("carrier.example", 0, "sips", "tcp") == [Target("192.0.2.1", 5071, "tls")]
    assert await bench.resolve("t.example", 0, "sip", "ws") == [Target("192.0.2.1", 80, "ws")]
    assert "tls or wss" in str(await bench.refusal("carrier.example", 0, "sips", "udp"))
    assert "not one of" in str(await bench.refusal("carrier.example", 0, "sip", "sctp"))
    assert "tel" in str(await bench.refusal("carrier.example", 0, "tel"))


@with_bench()
async def test_a_domain_without_the_service_says_so(bench):
    bench.stub.service_record("_sip._udp.carrier.example", 0, 0, 0, ".")
    bench.stub.address_record("carrier.example", "192.0.2.1")
    assert "no _sip._udp service" in str(await bench.refusal("carrier.example"))


@with_bench(families={4, 6})
async def test_both_families_and_only_those_with_sockets(bench):
    bench.stub.address_record("dual.example", "192.0.2.1")
    bench.stub.address_record("dual.example", "2001:db8::1")
    assert set(await bench.resolve("dual.example", 5060)) == {udp("192.0.2.1"), udp("2001:db8::1")}
    only_ipv6 = Bench(bench.stub, families={6})
    assert await only_ipv6.resolve("dual.example", 5060) == [udp("2001:db8::1")]
    assert "no IPv4 socket" in str(await only_ipv6.refusal("192.0.2.1"))
    await only_ipv6.resolver.close()


def test_weights_are_proportional():
    """10 000 draws: each first place is taken within three standard deviations of its share."""
    draws, chance = 10_000, random.Random(42)
    choices = [(10, "a"), (0, "zero"), (30, "b"), (60, "c")]
    orders = [weighted_order(choices, chance) for _ in range(draws)]
    assert all(sorted(order) == sorted(choices) for order in orders)
    total = 100.01
    first = Counter(order[0][1] for order in orders)
    for weight, name in [(10, "a"), (30, "b"), (60, "c"), (0.01, "zero")]:
        share = weight / total
        assert abs(first[name] - draws * share) <= 3 * (draws * share * (1 - share)) ** 0.5, first
    # Without putting back: when c went first, b comes second in 30 of 40.01.
    behind_c = [order[1][1] for order in orders if order[0][1] == "c"]
    share = 30 / 40.01
    assert abs(behind_c.count("b") - len(behind_c) * share) <= 3 * (len(behind_c) * share * (1 - share)) ** 0.5


def test_zero_weights_alone_are_equal():
    chance = random.Random(7)
    first = Counter(weighted_order([(0, "a"), (0, "b")], chance)[0][1] for _ in range(10_000))
    assert abs(first["a"] - 5000) <= 150


@with_bench()
async def test_every_request_draws_anew(bench):
    for weight, number in [(25, 1), (75, 2)]:
        bench.stub.service_record("_sip._udp.carrier.example", 10, weight, 5060, f"s{number}.example")
        bench.stub.address_record(f"s{number}.example", f"192.0.2.{number}")
    await bench.resolve("carrier.example")
    drawn = [bench.cached("carrier.example") for _ in range(10_000)]
    assert {len(targets) for targets in drawn} == {2}
    first = Counter(targets[0].address for targets in drawn)
    assert abs(first["192.0.2.1"] - 2500) <= 3 * (10_000 * 0.25 * 0.75) ** 0.5


@with_bench()
async def test_ttl_is_honoured_and_the_smallest_counts(bench):
    bench.stub.service_record("_sip._udp.carrier.example", 1, 1, 5060, "a.example", ttl=200)
    bench.stub.address_record("a.example", "192.0.2.1", ttl=100)
    assert await bench.resolve("carrier.example") == [udp("192.0.2.1")]
    bench.clock.now += 99
    assert bench.cached("carrier.example") == [udp("192.0.2.1")]
    bench.clock.now += 1
    assert bench.cached("carrier.example") is None
    bench.stub.clear()
    bench.stub.address_record("a.example", "192.0.2.2", ttl=100)
    assert await bench.resolve("carrier.example") == [udp("192.0.2.2")]
    assert bench.stub.asked("_sip._udp.carrier.example", "SRV") == 1
    assert bench.stub.asked("a.example", "A") == 2


@pytest.mark.parametrize(("ttl", "kept"), [(0, 1), (7 * 86400, 86400), (2**32 - 1, 1)])
def test_ttl_is_clamped(ttl, kept):
    @with_bench()
    async def body(bench):
        bench.stub.address_record("a.example", "192.0.2.1", ttl=ttl)
        await bench.resolve("a.example", 5060)
        bench.clock.now += kept - 0.5
        assert bench.cached("a.example", 5060) is not None
        bench.clock.now += 0.5
        assert bench.cached("a.example", 5060) is None

    body()


@with_bench()
async def test_absence_is_remembered_for_a_minute(bench):
    """Although the zone's SOA would allow an hour, which c-ares by itself would keep to."""
    error = await bench.refusal("new.example", 5060)
    assert not error.temporary and "no IPv4 address" in str(error)
    bench.stub.address_record("new.example", "192.0.2.1")
    bench.clock.now += 59
    await bench.refusal("new.example", 5060)
    assert bench.cached("new.example", 5060) is None
    assert bench.stub.asked("new.example", "A") == 1
    bench.clock.now += 1
    assert await bench.resolve("new.example", 5060) == [udp("192.0.2.1")]
    assert bench.stub.asked("new.example", "A") == 2


@pytest.mark.parametrize("fault", ["silent", "servfail", "refused"])
def test_stale_answers_serve_while_the_servers_fail(fault):
    @with_bench(timeout=0.5)
    async def body(bench):
        bench.stub.service_record("_sip._udp.carrier.example", 1, 1, 5060, "a.example", ttl=100)
        bench.stub.address_record("a.example", "192.0.2.1", ttl=100)
        expected = await bench.resolve("carrier.example")
        bench.stub.silent = fault == "silent"
        if fault != "silent":
            bench.stub.rcodes[None] = {"servfail": SERVFAIL, "refused": REFUSED}[fault]

        bench.clock.now += 5000
        assert bench.cached("carrier.example") is None
        assert await bench.resolve("carrier.example") == expected
        assert bench.resolver.dns.stale_answers == 2
        # The next ones do not wait for the servers at all.
        asked = len(bench.stub.questions)
        bench.clock.now += dns_cache.STALE_RETRY - 1
        assert bench.cached("carrier.example") == expected
        assert len(bench.stub.questions) == asked
        # But they are asked again, and a good answer is taken over.
        bench.clock.now += 1
        assert bench.cached("carrier.example") is None
        bench.stub.silent = False
        bench.stub.rcodes.clear()
        bench.clock.now += 100
        assert await bench.resolve("carrier.example") == expected
        assert len(bench.stub.questions) > asked

        # A day after its end even a stale answer is gone.
        bench.stub.rcodes[None] = SERVFAIL
        bench.clock.now += 100 + dns_cache.STALE_FOR
        assert (await bench.refusal("carrier.example")).temporary

    body()


@with_bench()
async def test_a_name_that_is_gone_is_not_served_stale(bench):
    bench.stub.address_record("a.example", "192.0.2.1", ttl=100)
    await bench.resolve("a.example", 5060)
    bench.stub.clear()
    bench.clock.now += 100
    assert not (await bench.refusal("a.example", 5060)).temporary


@with_bench()
async def test_failure_is_told_from_absence_and_retried_soon(bench):
    bench.stub.rcodes[None] = SERVFAIL
    assert (await bench.refusal("a.example", 5060)).temporary
    asked = len(bench.stub.questions)
    assert (await bench.refusal("a.example", 5060)).temporary
    assert len(bench.stub.questions) == asked
    bench.stub.rcodes.clear()
    bench.stub.address_record("a.example", "192.0.2.1")
    bench.clock.now += dns_cache.FAILURE_TTL
    assert await bench.resolve("a.example", 5060) == [udp("192.0.2.1")]


@with_bench()
async def test_a_failed_service_lookup_does_not_fall_back_to_the_address(bench):
    bench.stub.address_record("carrier.example", "192.0.2.80")
    bench.stub.rcodes["_sip._udp.carrier.example", "SRV"] = SERVFAIL
    assert (await bench.refusal("carrier.example")).temporary


@with_bench()
async def test_a_server_too_simple_for_services_is_no_obstacle(bench):
    bench.stub.address_record("pbx.example", "192.0.2.1")
    bench.stub.rcodes["_sip._udp.pbx.example", "SRV"] = NOTIMP
    assert await bench.resolve("pbx.example") == [udp("192.0.2.1")]


@with_bench()
async def test_equal_questions_are_asked_once(bench):
    bench.stub.address_record("pbx.example", "192.0.2.1")
    bench.stub.hold.clear()
    waiting = [asyncio.create_task(bench.resolve("pbx.example", port)) for port in [0] * 50 + list(range(5060, 5110))]
    while bench.stub.asked("pbx.example", "A") < 1 or bench.stub.asked("_sip._udp.pbx.example", "SRV") < 1:
        await asyncio.sleep(0.005)
    waiting[0].cancel()   # one who gives up takes nothing from the others
    waiting[60].cancel()
    bench.stub.hold.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) == 2
    assert {outcome[0].address for outcome in outcomes if isinstance(outcome, list)} == {"192.0.2.1"}
    assert bench.stub.asked("pbx.example", "A") == 1
    assert bench.stub.asked("_sip._udp.pbx.example", "SRV") == 1
    assert bench.resolver.dns.queries == 2


@with_bench()
async def test_lookups_under_way_are_bounded(bench):
    bench.stub.hold.clear()
    waiting = [asyncio.create_task(bench.resolve(f"h{n}.example", 5060)) for n in range(dns_cache.PENDING_MAX)]
    await asyncio.sleep(0)
    error = await bench.refusal("one-more.example", 5060)
    assert error.temporary and "other lookups" in str(error)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@with_bench()
async def test_truncated_answers_are_fetched_over_tcp(bench):
    for number in range(1, 31):
        bench.stub.address_record("many.example", f"192.0.2.{number}")
    bench.stub.truncated.add(("many.example", "A"))
    targets = await bench.resolve("many.example", 5060)
    assert targets == [udp(f"192.0.2.{number}") for number in range(1, 31)]
    assert [question[2] for question in bench.stub.questions] == ["udp", "tcp"]


@pytest.mark.parametrize(
    "tamper",
    [
        lambda answer, end: answer[:end + 5],
        lambda answer, end: answer[:7] + b"\xff" + answer[8:],
        lambda answer, end: answer[:end] + b"\xc0" + bytes([end]) + answer[end:],
        lambda answer, end: b"",
        lambda answer, end: answer[:12],
        lambda answer, end: bytes([answer[0] ^ 1]) + answer[1:],
        lambda answer, end: answer[:12] + b"\x01b" + answer[14:],
    ],
    ids=["cut in a record", "more records promised", "name points at itself", "empty", "header only", "another id",
         "another question"],
)
def test_malformed_answers_are_no_answers(tamper):
    @with_bench(timeout=0.5)
    async def body(bench):
        bench.stub.address_record("a.example", "192.0.2.1")
        bench.stub.tamper = tamper
        error = await bench.refusal("a.example", 5060)
        assert error.temporary
        bench.stub.tamper = None
        bench.clock.now += dns_cache.FAILURE_TTL
        assert await bench.resolve("a.example", 5060) == [udp("192.0.2.1")]

    body()


@with_bench()
async def test_records_that_nobody_asked_for_are_ignored(bench):
    bench.stub.address_record("a.example", "192.0.2.1")
    bench.stub.also("a.example", "A", encoded_record("evil.example", "A", 300, bytes([192, 0, 2, 66])))
    bench.stub.also("a.example", "A", encoded_record("a.example", "AAAA", 300, bytes(15) + b"\1"))
    assert await bench.resolve("a.example", 5060) == [udp("192.0.2.1")]
    assert bench.cached("evil.example", 5060) is None


@with_bench()
async def test_aliases_are_followed_and_their_ttl_counts(bench):
    bench.stub.alias("a.example", "B.example", ttl=70)
    bench.stub.also("a.example", "A", encoded_record("b.EXAMPLE", "A", 300, bytes([192, 0, 2, 1])))
    assert await bench.resolve("a.example", 5060) == [udp("192.0.2.1")]
    bench.clock.now += 69
    assert bench.cached("a.example", 5060) is not None
    bench.clock.now += 1
    assert bench.cached("a.example", 5060) is None


@with_bench()
async def test_alias_loops_and_chains_end(bench):
    bench.stub.alias("a.example", "b.example", answers="a.example")
    bench.stub.alias("b.example", "a.example", answers="a.example")
    await bench.refusal("a.example", 5060)
    for number in range(20):
        bench.stub.alias(f"c{number}.example", f"c{number + 1}.example", answers="c0.example")
    bench.stub.also("c0.example", "A", encoded_record("c20.example", "A", 300, bytes([192, 0, 2, 1])))
    await bench.refusal("c0.example", 5060)


@with_bench()
async def test_service_targets_are_bounded_and_bad_ones_skipped(bench):
    bench.stub.service_record("_sip._udp.carrier.example", 0, 1, 5060, "a.invalid")
    bench.stub.service_record("_sip._udp.carrier.example", 0, 1, 5060, "-bad-.example")
    bench.stub.service_record("_sip._udp.carrier.example", 0, 1, 0, "s0.example")
    for number in range(60):
        bench.stub.service_record("_sip._udp.carrier.example", 1 + number, 1, 5060, f"s{number}.example")
        bench.stub.address_record(f"s{number}.example", f"192.0.2.{number + 1}")
    bench.stub.truncated.add(("_sip._udp.carrier.example", "SRV"))
    targets = await bench.resolve("carrier.example")
    assert targets == [udp(f"192.0.2.{number + 1}") for number in range(SERVICES_MAX - 3)]
    assert len(bench.stub.questions) == 2 + SERVICES_MAX - 3


@with_bench()
async def test_a_target_without_address_is_skipped(bench):
    bench.stub.service_record("_sip._udp.carrier.example", 1, 1, 5060, "gone.example")
    bench.stub.service_record("_sip._udp.carrier.example", 2, 1, 5060, "here.example")
    bench.stub.address_record("here.example", "192.0.2.1")
    assert await bench.resolve("carrier.example") == [udp("192.0.2.1")]


@pytest.mark.parametrize(
    "host",
    ["", ".", "a..example", "a b.example", "a\x00.example", "-a.example", "a-.example", "é.example",
     "a" * 64 + ".example", ".".join(["abcdefgh"] * 30),
     "192.0.2", "192.0.2.256", "[192.0.2.1]", "[::1", "fe80::1%lo", "a.example:5060",
     "x@a.example", "df7jal23ls0d.invalid", "invalid", "A.INVALID."],
)
def test_what_cannot_be_a_host_is_never_asked(host):
    @with_bench(families={4, 6})
    async def body(bench):
        assert bench.cached(host) is None
        assert not (await bench.refusal(host)).temporary
        assert bench.stub.questions == []

    body()


@with_bench(families={4, 6})
async def test_addresses_of_no_single_host_are_refused(bench):
    for number, address in enumerate(["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"]):
        assert "no address of a single host" in str(await bench.refusal(address))
        bench.stub.address_record(f"h{number}.example", address)
        await bench.refusal(f"h{number}.example", 5060)


@with_bench(size=10)
async def test_the_cache_is_bounded_and_keeps_what_is_used(bench):
    bench.stub.address_record("hot.example", "192.0.2.1")
    await bench.resolve("hot.example", 5060)
    for number in range(100):
        bench.stub.address_record(f"h{number}.example", "192.0.2.2")
        await bench.resolve(f"h{number}.example", 5060)
        assert bench.resolver.dns.get(("hot.example", "A")) is not None
        assert bench.cached("hot.example", 5060) is not None
    assert bench.stub.asked("hot.example", "A") == 1
    assert bench.cached("h0.example", 5060) is None


# --- search list -----------------------------------------------------------------------------------------------------


def search_file(directory, text):
    file = directory / "resolv.conf"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SearchList()),
        ("nameserver 192.0.2.53\n# search a.test\n; search b.test\n", SearchList()),
        ("search One.Test. two.test .\noptions rotate ndots:5 timeout:1\n", SearchList(("one.test", "two.test"), 5)),
        ("search one.test\ndomain two.test three.test\n", SearchList(("two.test",))),
        ("domain two.test\nsearch\n", SearchList()),
        ("search a b c d e f g h\n", SearchList(("a", "b", "c", "d", "e", "f"))),
        ("options ndots:99\noptions ndots:x ndots: ndots:-1\n", SearchList((), 15)),
        ("\tsearch\tone.test\r\n\udcff\0\n", SearchList(("one.test",))),
    ],
)
def test_reading_the_search_list(tmp_path, text, expected):
    file = tmp_path / "resolv.conf"
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert read_search_list(file) == expected


def test_without_a_file_there_is_no_search_list(tmp_path):
    assert read_search_list(tmp_path / "absent") == read_search_list(tmp_path) == SearchList()


def with_search(text):
    """As with_bench(), with this search list."""

    def decorate(test):
        def run(tmp_path):
            with_bench(search_file=search_file(tmp_path, text))(test)()

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


@with_search("search one.test two.test\n")
async def test_a_short_name_is_asked_for_in_the_search_domains(bench):
    bench.stub.address_record("pbx.two.test", "192.0.2.1")
    bench.stub.address_record("pbx", "192.0.2.9")
    assert await bench.resolve("pbx", 5060) == [udp("192.0.2.1")]
    assert [name for name, *_ in bench.stub.questions] == ["pbx.one.test", "pbx.two.test"]
    assert bench.cached("pbx", 5060) == [udp("192.0.2.1")]
    assert await bench.resolve("PBX.", 5060) == [udp("192.0.2.9")]


@with_search("search one.test two.test\n")
async def test_a_short_name_has_services(bench):
    bench.stub.service_record("_sip._udp.pbx.one.test", 1, 0, 5080, "host.pbx.one.test")
    bench.stub.address_record("host.pbx.one.test", "192.0.2.1")
    assert await bench.resolve("pbx") == [udp("192.0.2.1", 5080)]


@with_search("search one.test two.test\n")
async def test_a_short_name_that_nobody_knows(bench):
    refusal = await bench.refusal("pbx", 5060)
    assert "'pbx' has no IPv4 address" in str(refusal)
    assert [name for name, *_ in bench.stub.questions] == ["pbx.one.test", "pbx.two.test", "pbx"]


@with_search("search one.test\n")
async def test_a_complete_name_is_asked_for_as_it_is(bench):
    """A stranger's host that does not exist costs no further questions, and is no host of our domain."""
    bench.stub.address_record("a.example.one.test", "192.0.2.1")
    await bench.refusal("a.example", 5060)
    assert [name for name, *_ in bench.stub.questions] == ["a.example"]


@with_search("search one.test\noptions ndots:3\n")
async def test_a_name_with_few_dots_is_asked_for_as_it_is_first(bench):
    """RFC 1535 §6."""
    bench.stub.address_record("sip.voip", "192.0.2.1")
    bench.stub.address_record("sip.voip.one.test", "192.0.2.2")
    bench.stub.address_record("rtp.voip.one.test", "192.0.2.3")
    assert await bench.resolve("sip.voip", 5060) == [udp("192.0.2.1")]
    assert await bench.resolve("rtp.voip", 5060) == [udp("192.0.2.3")]
    assert await bench.resolve("rtp.voip") == [udp("192.0.2.3")]
    await bench.refusal("rtp.voip.", 5060)


@with_search("search one.test two.test\n")
async def test_the_search_ends_when_the_servers_do_not_answer(bench):
    bench.stub.rcodes["pbx.one.test", "A"] = SERVFAIL
    bench.stub.address_record("pbx.two.test", "192.0.2.1")
    assert (await bench.refusal("pbx", 5060)).temporary


@with_search(f"search {'a.' * 120}test one.test\n")
async def test_a_domain_that_makes_the_name_too_long_is_passed_over(bench):
    bench.stub.address_record("long-enough.one.test", "192.0.2.1")
    assert await bench.resolve("long-enough", 5060) == [udp("192.0.2.1")]


@with_search("search one.test\n")
async def test_localhost_is_not_searched(bench):
    assert await bench.resolve("localhost", 5060) == [udp("127.0.0.1")]
    assert bench.stub.questions == []


@with_bench()
async def test_a_dead_server_is_passed_over(bench):
    async with DnsStub() as dead:
        dead_address = dead.address
    bench.stub.address_record("a.example", "192.0.2.1")
    resolver = Resolver([dead_address, bench.stub.address], timeout=0.25, tries=2, families={4}, hosts_file=None)
    assert await resolver.resolve("a.example", 5060) == [udp("192.0.2.1")]
    await resolver.close()


@with_bench()
async def test_close_ends_what_is_under_way(bench):
    bench.stub.hold.clear()
    waiting = asyncio.create_task(bench.resolve("a.example", 5060))
    while not bench.stub.questions:
        await asyncio.sleep(0.005)
    await bench.resolver.close()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert waiting.done()


@pytest.mark.parametrize(
    "text", ["", "ns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "[::1", "[::1]x", "1.2"]
)
def test_what_is_no_name_server_is_named(text):
    with pytest.raises(ValueError, match="is no name server") as caught:
        Resolver([text])
    assert repr(text) in str(caught.value)


def test_name_servers_are_given_with_and_without_port():
    Resolver(["192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:5353"])
