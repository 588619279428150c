"""Own options: backoff, rates, windows, circuit breaker, credentials in advance."""

import pytest

from kit.accounts import CHALLENGE, Accounts, header, row


def rows(number, **columns):
    return [row(f"u{n}", **columns) for n in range(number)]


def fail_until(accounts, times, status=503, *headers):
    """Let attempts fail; the seconds between them."""
    waits = []
    for _ in range(times):
        accounts.answer(accounts.one(), status, *headers)
        waits.append(accounts.seconds_to_next())
    return waits


def test_backoff_doubles_to_its_cap_within_a_quarter():
    accounts = Accounts(retry_interval=10, retry_max=100)
    accounts.load(row())
    for wait, most in zip(fail_until(accounts, 7), (10, 20, 40, 80, 100, 100, 100), strict=True):
        assert 0.75 * most <= wait <= most + 0.2


def test_backoff_ends_with_success():
    accounts = Accounts(retry_interval=10, retry_max=1000)
    accounts.load(row())
    fail_until(accounts, 4)
    accounts.accept(accounts.one())
    accounts.seconds_to_next()
    assert fail_until(accounts, 1)[0] <= 10.2


@pytest.mark.parametrize(
    "status,long", [(401, True), (403, True), (404, True), (603, True), (500, False), (480, False)]
)
def test_refusals_for_good_wait_longer(status, long):
    accounts = Accounts(retry_interval=10, retry_refused=600)
    accounts.load(row(realm="mine"))
    assert fail_until(accounts, 1, status, f"WWW-Authenticate: {CHALLENGE}")[0] == pytest.approx(
        600 if long else 10, abs=0.2
    )


def test_retry_after_is_honoured_when_asked_to():
    accounts = Accounts(retry_interval=10, retry_after=True)
    accounts.load(row())
    assert fail_until(accounts, 2, 503, "Retry-After: 120 (maintenance);duration=60")[0] == pytest.approx(120, abs=0.2)


def test_disabled_records_come_back_when_asked_to():
    accounts = Accounts(enable_after=600)
    accounts.load(row())
    accounts.answer(accounts.one(), 403)
    assert accounts.state() == "disabled"
    assert accounts.seconds_to_next() == pytest.approx(601, abs=0.3)


def test_max_rate_limits_attempts_per_second():
    accounts = Accounts(max_rate=50)
    accounts.load(*rows(400, auth_proxy="sip:a"), row("z", auth_proxy="sip:b"))
    accounts.take()
    counts = []
    for _ in range(3):
        began = len(counts)
        for _ in range(100):
            accounts.advance(10)
            for tag, octets, _, _ in accounts.take():
                counts.append(tag)
                accounts.accept((tag, octets))
        assert 45 <= len(counts) - began <= 56


def test_registrar_rate_does_not_slow_the_others():
    accounts = Accounts(registrar_rate=10)
    accounts.load(*rows(100, auth_proxy="sip:slow"), *[row(f"v{n}", auth_proxy=f"sip:v{n}") for n in range(30)])
    accounts.advance(990)
    sent = [destination for _, _, destination, _ in accounts.take()]
    assert 8 <= sent.count("sip:slow") <= 12 and len(set(sent)) == 31


def test_window_keeps_a_silent_registrar_from_being_flooded():
    accounts = Accounts(retry_interval=30)
    accounts.load(*rows(5000, auth_proxy="sip:dead"), *[row(f"v{n}", auth_proxy="sip:alive") for n in range(10)])
    accounts.advance(5000)
    sent = accounts.take()
    assert sum(destination == "sip:dead" for _, _, destination, _ in sent) == 64
    assert sum(destination == "sip:alive" for _, _, destination, _ in sent) == 10
    for tag, _, _, _ in sent:
        accounts.respond(tag, 408)
    accounts.advance(100)
    assert len(accounts.take()) <= 32


def test_window_grows_with_a_quick_registrar():
    accounts = Accounts()
    accounts.load(*rows(5000))
    accounts.advance(20)  # what a round trip takes
    rounds = 0
    while accounts.management.counts()["regactive"] < 5000:
        for tag, octets, _, _ in accounts.take():
            accounts.accept((tag, octets))
        accounts.advance(10)
        rounds += 1
        assert rounds < 200
    (registrar,) = accounts.management.registrars(5)
    assert registrar["window"] > 100 and registrar["states"]["registered"] == 5000 and registrar["in_flight"] == 0


def test_breaker_opens_probes_and_closes():
    accounts = Accounts(retry_interval=5, breaker_failures=5, breaker_interval=60)
    accounts.load(*rows(20))
    for tag, _, _, _ in accounts.take():
        accounts.respond(tag, 408)
    assert accounts.management.registrars(1)[0]["breaker"] == "open"
    accounts.advance(59_000)
    assert accounts.take() == []
    accounts.advance(1_500)
    probe = accounts.one()
    accounts.respond(probe[0], 408)
    accounts.advance(100_000)
    assert accounts.take() == []  # twice as long
    accounts.advance(21_000)
    probe = accounts.one()
    accounts.accept(probe)
    accounts.advance(100)
    assert accounts.management.registrars(1)[0]["breaker"] == "closed" and len(accounts.take()) >= 10


def test_credentials_in_advance_make_a_refresh_one_request():
    accounts = Accounts(preemptive=True)
    accounts.load(row())
    accounts.accept(accounts.challenge(accounts.one()))
    for count in (2, 3):
        accounts.seconds_to_next()
        sent = accounts.one()
        assert f"nc={count:08x}" in header(sent[1], "Authorization")
        accounts.accept(sent)


@pytest.mark.parametrize("value", [CHALLENGE.replace("nonce1", "nonce2"), CHALLENGE + ", stale=true", CHALLENGE])
def test_nonce_that_is_no_longer_taken_is_replaced_without_a_failure(value):
    accounts = Accounts(preemptive=True, retry_interval=10)
    accounts.load(row())
    accounts.accept(accounts.challenge(accounts.one()))
    accounts.seconds_to_next()
    accounts.accept(accounts.challenge(accounts.one(), value))
    assert accounts.state() == "registered"


def test_credentials_are_not_kept_when_they_are_not_sent_in_advance():
    accounts = Accounts()
    accounts.load(row())
    sent = accounts.one()
    before = accounts.registrations.table.octets_in_use
    accounts.accept(accounts.challenge(sent))
    assert accounts.registrations.table.octets_in_use == before


def test_service_route_is_kept_for_requests_of_the_account():
    from uacfast.uac.registration.functions import RegistrationFunctions

    accounts = Accounts(service_route=True)
    accounts.load(row())
    sent = accounts.one()
    assert header(sent[1], "Supported") == "path"
    accounts.answer(
        sent, 200, "Contact: <sip:acc1@h>", "Service-Route: <sip:a;lr>, <sip:b;lr>", "Service-Route: <sip:c;lr>"
    )
    found = RegistrationFunctions(accounts.management, None).uac_reg_request_to("acc1", 0)
    assert found[1]["route"] == "<sip:a;lr>, <sip:b;lr>, <sip:c;lr>"


@pytest.mark.parametrize("delay", [0, 20])
def test_random_delay_spreads_the_first_attempts(delay):
    accounts = Accounts(random_delay=10)
    accounts.load(*rows(60, reg_delay=delay))
    times = []
    for second in range(40):
        times += [second for _ in accounts.take()]
        accounts.advance(1000)
    assert len(times) == 60
    if delay:
        assert set(times) <= {19, 20}
    else:
        assert max(times) <= 9 and len(set(times)) > 6


def test_inactive_sends_nothing_until_activated():
    accounts = Accounts(active=False)
    accounts.load(*rows(3))
    accounts.advance(100_000)
    assert accounts.take() == [] and accounts.management.active(5) == 0 and accounts.management.active(1) == 1
    accounts.advance(10)
    assert len(accounts.take()) == 3
