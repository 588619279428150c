"""Next hops out of reach, and names that take time: RFC 3261 §16.9, RFC 3263 §4.3, engine specification T9."""

import asyncio
import errno
from types import SimpleNamespace

import pytest

from kit.memory import CALLEE, CALLEE_B, CALLEE_C, CALLER, FORK, SERIAL, MemoryProxy, request, route
from uacfast.testing.transport import refuse_send, unreachable

NAMED = 'relay = ["sip:a.example"]\n'


class SlowResolver:
    """Names are known when known() is called for them, not before."""

    def __init__(self):
        self.answers = {}
        self.waiting = {}

    def cached(self, host, port):
        return self.answers.get(host)

    async def resolve(self, host, port):
        if host not in self.answers:
            await self.waiting.setdefault(host, asyncio.get_running_loop().create_future())
        return self.answers[host]

    def known(self, host, *addresses):
        self.answers[host] = tuple(SimpleNamespace(address=address, port=port) for address, port in addresses)
        if host in self.waiting:
            self.waiting.pop(host).set_result(None)

    def fails(self, host):
        self.waiting.pop(host).set_exception(OSError("no such name"))


async def settle(proxy):
    """Let the tasks that wait for names go on."""
    for _ in range(5):
        await asyncio.sleep(0)
    proxy.collect()


@pytest.mark.parametrize("how", ["refused", "unreachable"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_t9_the_only_target_fails_at_once(method, how):
    proxy = MemoryProxy()
    relayed = proxy.start(request(method))
    report(proxy, relayed, how)
    final = proxy.one(CALLER)
    assert (final.start_line, final.received_at) == ("SIP/2.0 500 Service Unavailable", 0)
    assert proxy.counter("transport_errors") == 1
    proxy.advance(5000)
    assert proxy.take(CALLEE) == []
    proxy.assert_empty()


def report(proxy, message, how="unreachable", quoted=1024):
    if how == "refused":
        refuse_send(proxy.engine.engine, message.raw, errno.EHOSTUNREACH)
    else:
        unreachable(proxy.engine.engine, message.raw, message.source, errno.ECONNREFUSED, quoted)
    proxy.collect()


def test_the_next_target_follows_at_once():
    proxy = MemoryProxy(route(SERIAL))
    report(proxy, proxy.start())
    second = proxy.one(CALLEE_B)
    assert second.received_at == 0
    proxy.answer(second, 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_a_fork_goes_on_with_the_other_branch():
    proxy = MemoryProxy(route(FORK))
    proxy.receive(request())
    first, second = proxy.one(CALLEE), proxy.one(CALLEE_B)
    report(proxy, first)
    assert proxy.statuses() == [100]
    proxy.answer(second, 486)
    assert proxy.statuses() == [486]
    proxy.assert_empty()


def test_both_branches_of_a_fork_fail():
    proxy = MemoryProxy(route(FORK))
    proxy.receive(request())
    for message in (proxy.one(CALLEE), proxy.one(CALLEE_B)):
        report(proxy, message)
    assert proxy.statuses() == [100, 500]
    proxy.assert_empty()


def test_an_error_after_the_response_means_nothing():
    """RFC 3261 §17.1.1.2: only Calling knows transport errors; a phone that rings has got its INVITE."""
    proxy = MemoryProxy()
    relayed = proxy.start()
    proxy.answer(relayed, 180)
    proxy.take()
    report(proxy, relayed)
    assert proxy.take() == []
    proxy.answer(relayed, 200)
    report(proxy, relayed)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_an_error_after_a_cancel_is_a_487():
    proxy = MemoryProxy()
    invite = request()
    relayed = proxy.start(invite)
    proxy.receive(invite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
    report(proxy, relayed)
    assert proxy.statuses() == [200, 487]
    proxy.assert_empty()


@pytest.mark.parametrize("quoted", [0, 8, 20, 60, 90, 110])
def test_a_short_quote_names_the_branch_or_nothing(quoted):
    """ICMP quotes as little as 8 octets behind the IP header."""
    proxy = MemoryProxy()
    relayed = proxy.start()
    report(proxy, relayed, quoted=quoted)
    assert proxy.statuses() in ([], [500])
    proxy.assert_empty()


@pytest.mark.parametrize("octets", [
    b"", b"branch=z9hG4bK", b"branch=z9hG4bK1.", b"branch=z9hG4bK1.0000000000000000.0\r\n", b"x" * 100,
    b"branch=z9hG4bKffffffffffff.0.0\r\n", b"branch=z9hG4bK0." + b"f" * 24 + b".0\r\n"])
def test_a_quote_of_something_else(octets):
    proxy = MemoryProxy()
    proxy.start()
    unreachable(proxy.engine.engine, octets, CALLEE, errno.ECONNREFUSED)
    proxy.collect()
    assert proxy.take() == []


def test_a_refused_reply_ends_nothing():
    """RFC 6026 §8.4: the server transaction goes on; the caller repeats its request or gives up."""
    proxy = MemoryProxy()
    relayed = proxy.start()
    proxy.answer(relayed, 200)
    unreachable(proxy.engine.engine, proxy.one(CALLER).raw, CALLER, errno.ECONNREFUSED)
    proxy.answer(relayed, 200)
    assert proxy.statuses() == [200]


@pytest.mark.parametrize("relay", ["sip:224.0.0.1", "sip:0.0.0.0", "sip:[ff02::1]", "sip:[::1]",
                                   "sip:127.0.0.1;transport=tcp", "sip:nowhere.example"])
def test_a_target_that_cannot_be_tried(relay):
    """Multicast, no socket of that family, no such transport, no resolver: as one that answered 503."""
    proxy = MemoryProxy(route(f'relay = ["{relay}"]\n'))
    proxy.receive(request())
    assert proxy.statuses() == [100, 500]
    proxy.assert_empty()
    proxy = MemoryProxy(route(f'relay = ["{relay}", "sip:127.0.0.1:40002"]\n'))
    proxy.receive(request())
    assert proxy.methods() == ["INVITE"]


# --- names ----------------------------------------------------------------------------------------------------------

def test_a_known_name_is_used_at_once():
    resolver = SlowResolver()
    resolver.known("a.example", CALLEE)
    proxy = MemoryProxy(route(NAMED), resolver=resolver)
    proxy.start()


def test_the_next_address_of_a_name():
    """RFC 3263 §4.3: transport error, silence and 503 lead to it, with a new branch; another refusal does not."""
    for failure, tried in (("error", True), ("silence", True), (503, True), (404, False), (500, False)):
        resolver = SlowResolver()
        resolver.known("a.example", CALLEE, CALLEE_B)
        proxy = MemoryProxy(route(NAMED, tm="fr_timer = 1000\n"), resolver=resolver)
        first = proxy.start()
        if failure == "error":
            report(proxy, first)
        elif failure == "silence":
            proxy.advance(1000)
        else:
            proxy.answer(first, failure)
        sent = proxy.take(CALLEE_B)
        assert bool(sent) == tried, failure
        if tried:
            assert sent[0].branch != first.branch
            assert proxy.statuses() == []
            proxy.answer(sent[0], 200)
        assert proxy.statuses() == [200 if tried else failure], failure
        proxy.assert_empty()


def test_an_invite_that_rang_does_not_move_to_the_next_address():
    """Engine specification §14 step 5."""
    resolver = SlowResolver()
    resolver.known("a.example", CALLEE, CALLEE_B)
    proxy = MemoryProxy(route(NAMED, tm="fr_inv_timer = 1000\n"), resolver=resolver)
    proxy.answer(proxy.start(), 180)
    proxy.advance(1000)
    assert proxy.take(CALLEE_B) == []
    assert proxy.statuses() == [180, 408]


# --- each branch has its own addresses ---

TWO_NAMES = 'relay = ["sip:a.example", "sip:b.example"]\n'
CALLEE_D = ("127.0.0.1", 40005)


def two_names():
    resolver = SlowResolver()
    resolver.known("a.example", CALLEE, CALLEE_B)
    resolver.known("b.example", CALLEE_C, CALLEE_D)
    return resolver


@pytest.mark.parametrize("failure", ["error", "silence", 503])
def test_each_branch_of_a_fork_goes_on_to_its_own_next_address(failure):
    proxy = MemoryProxy(route(TWO_NAMES + "fork = true\n", tm="fr_timer = 1000\n"), resolver=two_names())
    proxy.receive(request())
    first, other = proxy.one(CALLEE), proxy.one(CALLEE_C)
    assert proxy.statuses() == [100]
    if failure == "silence":
        proxy.answer(other, 100)
        proxy.advance(1000)
    elif failure == "error":
        report(proxy, first)
    else:
        proxy.answer(first, failure)
    second = proxy.one(CALLEE_B)
    assert proxy.take(CALLEE_D) == []
    proxy.answer(second, 404)
    assert proxy.statuses() == [], "the other branch is still waiting"
    proxy.answer(other, 486)
    assert proxy.statuses() == [404], "the first address's failure was followed up: it counts no more"
    proxy.assert_empty()


def test_both_branches_of_a_fork_go_on():
    proxy = MemoryProxy(route(TWO_NAMES + "fork = true\n"), resolver=two_names())
    proxy.receive(request())
    for message in (proxy.one(CALLEE), proxy.one(CALLEE_C)):
        report(proxy, message)
    second, other = proxy.one(CALLEE_B), proxy.one(CALLEE_D)
    proxy.take(CALLER)
    report(proxy, other)
    assert proxy.statuses() == []
    proxy.answer(second, 180)
    proxy.answer(second, 200)
    assert proxy.statuses() == [180, 200]
    proxy.assert_empty()


def test_a_fork_of_names_that_all_fail():
    proxy = MemoryProxy(route(TWO_NAMES + "fork = true\n"), resolver=two_names())
    proxy.receive(request())
    for callee in (CALLEE, CALLEE_C, CALLEE_B, CALLEE_D):
        assert proxy.statuses() in ([], [100])
        report(proxy, proxy.one(callee))
    assert proxy.statuses() == [500]
    proxy.assert_empty()


def test_no_address_is_tried_after_a_6xx_or_a_cancel():
    for end in (603, "CANCEL"):
        proxy = MemoryProxy(route(TWO_NAMES + "fork = true\n"), resolver=two_names())
        invite = request()
        proxy.receive(invite)
        first, other = proxy.one(CALLEE), proxy.one(CALLEE_C)
        if end == "CANCEL":
            proxy.receive(invite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
        else:
            proxy.answer(other, end)
        report(proxy, first)
        assert proxy.take(CALLEE_B) == []
        proxy.assert_empty()


def test_all_addresses_of_one_target_come_before_the_next_target():
    proxy = MemoryProxy(route(TWO_NAMES), resolver=two_names())
    report(proxy, proxy.start())
    proxy.answer(proxy.one(CALLEE_B), 503)
    report(proxy, proxy.one(CALLEE_C))
    proxy.answer(proxy.one(CALLEE_D), 486)
    assert proxy.statuses() == [486]
    proxy.assert_empty()


def test_an_address_of_a_family_without_socket_is_passed_over():
    resolver = SlowResolver()
    resolver.known("a.example", ("::1", 40002), CALLEE_B)
    proxy = MemoryProxy(route(NAMED), resolver=resolver)
    proxy.answer(proxy.start(callee=CALLEE_B), 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


@pytest.mark.parametrize(("provisional", "moves"), [(None, True), (100, False), (183, False)])
def test_a_503_after_a_provisional(provisional, moves):
    """An INVITE that had a provisional does not fail over to another address (engine.md §14)."""
    proxy = MemoryProxy(route(TWO_NAMES.replace(', "sip:b.example"', "")), resolver=two_names())
    first = proxy.start()
    if provisional:
        proxy.answer(first, provisional)
    proxy.take()
    proxy.answer(first, 503)
    assert bool(proxy.take(CALLEE_B)) == moves
    assert proxy.statuses() == ([] if moves else [500])
    proxy.assert_empty()


def test_addresses_of_a_ringing_call_take_no_memory():
    used = []
    for names in (CALLEE,), (CALLEE, CALLEE_B, CALLEE_C, CALLEE_D):
        resolver = SlowResolver()
        resolver.known("a.example", *names)
        proxy = MemoryProxy(route(NAMED), resolver=resolver)
        # Of one length: what is kept of a message counts.
        proxy.answer(proxy.start(request(call_id="c", branch="z9hG4bK1")), 180)
        used.append(proxy.counter("transaction_octets"))
    assert used[0] == used[1] < 6 * 1024


def test_a_challenged_branch_keeps_its_addresses():
    proxy = MemoryProxy(
        route(NAMED + 'credential = { username = "u", password = "p" }\n'), resolver=two_names()
    )
    proxy.answer(proxy.start(), 407, headers='Proxy-Authenticate: Digest realm="r", nonce="n"\r\n')
    ack, again = proxy.take(CALLEE)
    assert (ack.method, again.has("Proxy-Authorization")) == ("ACK", True)
    proxy.answer(again, 503)
    onward = proxy.one(CALLEE_B)
    assert not onward.has("Proxy-Authorization")
    assert onward.cseq == (1, "INVITE")
    proxy.answer(onward, 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


def test_failover_503_off():
    resolver = SlowResolver()
    resolver.known("a.example", CALLEE, CALLEE_B)
    proxy = MemoryProxy(route(NAMED, tm="failover_503 = false\n"), resolver=resolver)
    proxy.answer(proxy.start(), 503)
    assert (proxy.statuses(), proxy.take(CALLEE_B)) == ([500], [])


def test_addresses_of_the_second_target_are_tried_though_the_first_gave_a_better_refusal():
    resolver = SlowResolver()
    resolver.known("b.example", CALLEE_B, CALLEE_C)
    proxy = MemoryProxy(route('relay = ["sip:127.0.0.1:40002", "sip:b.example"]\n'), resolver=resolver)
    proxy.answer(proxy.start(), 486)
    report(proxy, proxy.one(CALLEE_B))
    third = proxy.one(CALLEE_C)
    proxy.answer(third, 500)
    assert proxy.statuses() == [486]
    proxy.assert_empty()


def in_loop(test):
    """Run a coroutine test; the engine makes tasks in its loop."""
    def run():
        asyncio.run(test())
    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


@in_loop
async def test_a_name_that_takes_time():
    resolver = SlowResolver()
    proxy = MemoryProxy(route(NAMED), resolver=resolver)
    invite = request()
    proxy.receive(invite)
    proxy.receive(invite)
    assert [message.start_line[:11] for message in proxy.take()] == ["SIP/2.0 100", "SIP/2.0 100"]
    await settle(proxy)
    resolver.known("a.example", CALLEE)
    await settle(proxy)
    proxy.answer(proxy.one(CALLEE), 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


@in_loop
async def test_a_name_that_does_not_exist():
    resolver = SlowResolver()
    proxy = MemoryProxy(route('relay = ["sip:a.example", "sip:127.0.0.1:40003"]\n'), resolver=resolver)
    proxy.receive(request())
    await settle(proxy)
    resolver.fails("a.example")
    await settle(proxy)
    assert proxy.counter("resolution_failed") == 1
    proxy.answer(proxy.one(CALLEE_B), 200)
    proxy.assert_empty()


@in_loop
async def test_c11_a_cancel_while_the_name_is_looked_up():
    resolver = SlowResolver()
    proxy = MemoryProxy(route(NAMED), resolver=resolver)
    invite = request()
    proxy.receive(invite)
    await settle(proxy)
    proxy.receive(invite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
    assert proxy.statuses() == [100, 200, 487]
    resolver.known("a.example", CALLEE)
    await settle(proxy)
    assert proxy.take() == []
    proxy.assert_empty()


@in_loop
async def test_c11_a_cancel_while_the_second_name_is_looked_up():
    resolver = SlowResolver()
    proxy = MemoryProxy(route('relay = ["sip:127.0.0.1:40002", "sip:a.example"]\n'), resolver=resolver)
    invite = request()
    proxy.answer(proxy.start(invite), 486)
    proxy.take()
    await settle(proxy)
    proxy.receive(invite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
    assert proxy.statuses() == [200, 487]
    resolver.known("a.example", CALLEE_B)
    await settle(proxy)
    assert proxy.take() == []
    proxy.assert_empty()


@in_loop
async def test_c11_a_cancel_of_a_fork_while_one_name_is_looked_up():
    resolver = SlowResolver()
    proxy = MemoryProxy(route('relay = ["sip:127.0.0.1:40002", "sip:a.example"]\nfork = true\n'), resolver=resolver)
    invite = request()
    first = proxy.start(invite)
    await settle(proxy)
    proxy.answer(first, 180)
    proxy.receive(invite.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
    proxy.take()
    proxy.answer(first, 487)
    assert proxy.statuses() == [487]
    resolver.known("a.example", CALLEE_B)
    await settle(proxy)
    assert proxy.take(CALLEE_B) == []
    proxy.assert_empty()


@in_loop
async def test_a_fork_waits_for_the_name_before_it_gives_up():
    resolver = SlowResolver()
    proxy = MemoryProxy(route('relay = ["sip:127.0.0.1:40002", "sip:a.example"]\nfork = true\n'), resolver=resolver)
    proxy.answer(proxy.start(), 404)
    await settle(proxy)
    assert proxy.statuses() == []
    resolver.known("a.example", CALLEE_B)
    await settle(proxy)
    proxy.answer(proxy.one(CALLEE_B), 200)
    assert proxy.statuses() == [200]
    proxy.assert_empty()


@in_loop
async def test_no_target_begins_after_a_6xx():
    resolver = SlowResolver()
    proxy = MemoryProxy(route('relay = ["sip:127.0.0.1:40002", "sip:a.example"]\nfork = true\n'), resolver=resolver)
    proxy.answer(proxy.start(), 603)
    await settle(proxy)
    resolver.known("a.example", CALLEE_B)
    await settle(proxy)
    assert (proxy.take(CALLEE_B), proxy.statuses()) == ([], [603])
    proxy.assert_empty()


@in_loop
async def test_an_ack_waits_for_a_name():
    resolver = SlowResolver()
    proxy = MemoryProxy(resolver=resolver)
    ack = request("ACK", uri="sip:bob@a.example", to="<sip:bob@b>;tag=1", headers="Route: <sip:127.0.0.1:5060;lr>\r\n")
    proxy.receive(ack)
    await settle(proxy)
    assert proxy.take() == []
    resolver.known("a.example", CALLEE)
    await settle(proxy)
    assert proxy.methods() == ["ACK"]
