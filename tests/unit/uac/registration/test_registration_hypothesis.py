"""Any order of answers, losses, repetitions, commands, time: counts are true, nobody is stuck, never two at once."""

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from kit.accounts import CHALLENGE, Accounts, header, reply, row

UUIDS = [f"u{n}" for n in range(6)]
ANSWERS = {
    "accepted": lambda octets: (200, [f"Contact: {header(octets, 'Contact')};expires=120"]),
    "short": lambda octets: (200, [f"Contact: {header(octets, 'Contact')};expires=1"]),
    "zero": lambda octets: (200, [f"Contact: {header(octets, 'Contact')};expires=0"]),
    "empty": lambda octets: (200, []),
    "other": lambda octets: (200, ["Contact: <sip:x@y>"]),
    "star": lambda octets: (200, ["Contact: *"]),
    "challenge": lambda octets: (401, [f"WWW-Authenticate: {CHALLENGE}"]),
    "stale": lambda octets: (401, [f"WWW-Authenticate: {CHALLENGE.replace('nonce1', 'n2')}, stale=true"]),
    "proxy": lambda octets: (407, [f"Proxy-Authenticate: {CHALLENGE}"]),
    "basic": lambda octets: (401, ["WWW-Authenticate: Basic"]),
    "brief": lambda octets: (423, ["Min-Expires: 600"]),
    "briefer": lambda octets: (423, []),
    "moved": lambda octets: (302, ["Contact: <sip:x@y>"]),
    "forbidden": lambda octets: (403, []),
    "busy": lambda octets: (503, ["Retry-After: 40"]),
}


class Registrations(RuleBasedStateMachine):
    sent = Bundle("sent")

    @initialize(
        retry=st.sampled_from([0, 7]),
        retry_max=st.sampled_from([0, 60]),
        keep=st.booleans(),
        preemptive=st.booleans(),
        breaker=st.sampled_from([0, 3]),
        rate=st.sampled_from([0, 5]),
        after=st.sampled_from([0, 50]),
    )
    def start(self, retry, retry_max, keep, preemptive, breaker, rate, after):
        self.accounts = Accounts(
            retry_interval=retry,
            retry_max=retry_max,
            keep_callid=keep,
            preemptive=preemptive,
            breaker_failures=breaker,
            breaker_interval=20,
            max_rate=rate,
            enable_after=after,
            timer_interval=10,
            keep_states=True,
        )
        self.open = {}  # transactions that the engine has not ended: tag -> octets
        self.began = {}  # tag -> ms
        self.numbers = {}  # Call-ID -> highest CSeq
        self.accounts.management.rows(
            [row(uuid, auth_proxy=f"sip:registrar{number % 2}") for number, uuid in enumerate(UUIDS)]
        )

    def collect(self):
        """What was sent must not overlap with what is under way for the same account; CSeq rises within a Call-ID."""
        for tag, octets, _, _ in self.accounts.take():
            contact = header(octets, "Contact")
            assert all(header(other, "Contact") != contact for other in self.open.values()), "two attempts at once"
            self.open[tag] = octets
            self.began[tag] = self.accounts.now
            call, number = header(octets, "Call-ID"), int(header(octets, "CSeq").split()[0])
            assert number > self.numbers.get(call, 0)
            self.numbers[call] = number

    @rule(target=sent, milliseconds=st.sampled_from([10, 990, 5_000, 30_000, 119_000]))
    def time_passes(self, milliseconds):
        """In small steps or at once; the transaction layer ends by 408 what was not answered for 32 s."""
        end = self.accounts.now + milliseconds
        while self.accounts.now < end:
            step = min(5_000, end - self.accounts.now)
            self.accounts.advance(step) if step < 1000 else self.accounts.jump(step)
            self.collect()
            for tag in [
                tag for tag, began in self.began.items() if tag in self.open and began + 32_000 <= self.accounts.now
            ]:
                self.end(tag, 408)
        return list(self.open.items())

    def end(self, tag, *response):
        del self.open[tag]
        self.accounts.respond(tag, *response)
        self.collect()

    @precondition(lambda self: self.open)
    @rule(data=st.data(), kind=st.sampled_from(sorted(ANSWERS)))
    def answer(self, data, kind):
        tag = data.draw(st.sampled_from(sorted(self.open)))
        status, lines = ANSWERS[kind](self.open[tag])
        self.end(tag, status, reply(self.open[tag], status, *lines))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), status=st.sampled_from([408, 478, 503]))
    def lose(self, data, status):
        self.end(data.draw(st.sampled_from(sorted(self.open))), status)

    @precondition(lambda self: self.open)
    @rule()
    def lose_all(self):
        for tag in sorted(self.open):
            self.end(tag, 408)

    @rule(old=sent, data=st.data(), kind=st.sampled_from(sorted(ANSWERS)))
    def repeat(self, old, data, kind):
        """A copy of an answer that came before, or the answer to a transaction that has ended."""
        ended = [one for one in old if one[0] not in self.open]
        if ended:
            tag, octets = data.draw(st.sampled_from(ended))
            status, lines = ANSWERS[kind](octets)
            self.accounts.respond(tag, status, reply(octets, status, *lines))
            assert self.accounts.take() == []

    @rule(uuid=st.sampled_from(UUIDS), command=st.sampled_from(["enable", "disable", "register", "unregister"]))
    def command(self, uuid, command):
        getattr(self.accounts.management, command)(uuid)
        self.collect()

    @rule(
        uuid=st.sampled_from(UUIDS),
        expires=st.sampled_from([60, 360]),
        proxy=st.sampled_from(["sip:registrar0", "sip:b"]),
    )
    def refresh(self, uuid, expires, proxy):
        self.accounts.management.refresh(row(uuid, expires=expires, auth_proxy=proxy))
        self.collect()

    @rule(active=st.booleans())
    def switch(self, active):
        self.accounts.management.active(active)

    @rule()
    def fail_to_send(self):
        self.accounts.sender.fails = not self.accounts.sender.fails

    @rule()
    def write_behind(self):
        self.accounts.management.take_states(3)

    @invariant()
    def counters_are_true(self):
        if hasattr(self, "accounts"):
            counts = self.accounts.management.counts()
            assert self.accounts.recount() == (counts["regtotal"], counts["regactive"], counts["regdisabled"])
            assert counts["regtotal"] == len(UUIDS)
            metrics = self.accounts.management.metrics()
            assert sum(metrics["states"].values()) == len(UUIDS) and metrics["in_flight"] == len(self.open)
            assert sum(sum(one["states"].values()) for one in self.accounts.management.registrars(9)) == len(UUIDS)

    def teardown(self):
        if not hasattr(self, "accounts"):
            return
        accounts = self.accounts
        accounts.sender.fails = False
        accounts.management.active(1)
        for tag in sorted(self.open):
            accounts.respond(tag, 408)
        accounts.take()
        for uuid in UUIDS:
            accounts.management.remove(uuid)
        assert accounts.recount() == (0, 0, 0) and accounts.registrations.table.octets_in_use == 0


TestRegistrations = Registrations.TestCase
TestRegistrations.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("seed", range(3))
def test_everybody_is_registered_in_the_end_whatever_is_lost(seed):
    """A registrar that loses and repeats a third of everything; all accounts get there, and stay."""
    import random

    chance = random.Random(seed)
    accounts = Accounts(retry_interval=5, timer_interval=10)
    accounts.management.rows([row(f"u{n}", expires=600) for n in range(300)])
    waiting, old = [], []
    for _ in range(1500):
        accounts.advance(100)
        for tag, octets, _, _ in accounts.take():
            waiting.append((accounts.now + chance.choice([0, 100, 3000]), tag, octets))
        for at, tag, octets in waiting[:]:
            if at > accounts.now:
                continue
            waiting.remove((at, tag, octets))
            if chance.random() < 0.3:
                accounts.respond(tag, 408)
            elif header(octets, "Authorization"):
                accounts.accept((tag, octets), 600)
            else:
                accounts.respond(tag, 401, reply(octets, 401, f"WWW-Authenticate: {CHALLENGE}"))
            old.append((tag, octets))
        if old and chance.random() < 0.5:
            tag, octets = chance.choice(old)
            if all(tag != other for _, other, _ in waiting):
                accounts.respond(tag, 403, reply(octets, 403))
    assert accounts.recount() == (300, 300, 0)
    assert accounts.management.metrics()["counters"]["stuck"] == 0
