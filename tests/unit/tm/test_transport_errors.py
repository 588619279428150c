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
