"""What each final response does to a registration (uac-semantics §4.6, field reports)."""

import pytest

from kit.accounts import CHALLENGE, Accounts, header, row

STALE = CHALLENGE.replace("nonce1", "nonce2") + ", stale=true"
OUR_CONTACT = "Contact: <sip:acc1@127.0.0.1:15060>"


@pytest.fixture
def accounts():
    return Accounts(retry_interval=30)


@pytest.fixture
def strict():
    """reg_retry_interval 0: a failure disables."""
    return Accounts()


def test_registered_account_is_online(accounts):
    accounts.register()
    assert (accounts.state(), accounts.flags()) == ("registered", 20)
    assert accounts.management.counts() == {"regtotal": 1, "regactive": 1, "regdisabled": 0}


@pytest.mark.parametrize(
    "headers,granted",
    [
        ([f"{OUR_CONTACT};expires=100", "Expires: 50"], 100),
        ([OUR_CONTACT, "Expires: 50"], 50),
        ([OUR_CONTACT], 360),  # Kamailio takes 0 here
        (["Contact: <sip:x@1.2.3.4>;expires=7, <sip:acc1@10.9.8.7:1;x=y>;q=1;expires=77"], 77),
        (["Contact: <sip:x@1.2.3.4>;expires=7", "m: <sip:acc1@h>;EXPIRES=77"], 77),
        ([f"{OUR_CONTACT};expires=99999999999", "Expires: 50"], 50),
    ],
)
def test_granted_time_is_read_from_contact_then_expires(accounts, headers, granted):
    accounts.load(row())
    accounts.answer(accounts.one(), 200, *headers)
    assert accounts.management.explain("acc1")["granted"] == granted


@pytest.mark.parametrize(
    "headers,state",
    [
        ([], "failed"),
        (["Contact: *"], "unregistered"),
        (["Contact: <sip:other@127.0.0.1:15060>"], "unregistered"),
        (["Contact: <sip:ACC1@127.0.0.1:15060>"], "unregistered"),
        (["Contact: <sip:a b>"], "failed"),
    ],
)
def test_200_without_our_contact_is_no_registration(accounts, headers, state):
    accounts.load(row())
    accounts.answer(accounts.one(), 200, *headers)
    assert accounts.state() == state and not accounts.flags() & 4
    assert accounts.seconds_to_next() <= 90


@pytest.mark.parametrize(
    "contact", ["<sip:4930@9.9.9.9;line=acc1>", "<sip:4930@127.0.0.1:15060>", "<sip:acc1@127.0.0.1>"]
)
def test_contact_user_is_matched_by_line_or_user(accounts, contact):
    accounts.load(row(contact_user="4930"))
    accounts.answer(accounts.one(), 200, f"Contact: {contact};expires=60")
    assert accounts.state() == "registered"


@pytest.mark.parametrize("status", [202, 301, 302, 400, 403, 404, 480, 500, 503, 603])
def test_any_other_response_waits_for_the_retry_interval(accounts, status):
    accounts.load(row())
    accounts.answer(accounts.one(), status, "Contact: <sip:elsewhere@127.0.0.1>", "Retry-After: 900")
    assert (accounts.state(), accounts.flags()) == ("failed", 16)
    assert accounts.seconds_to_next() == pytest.approx(30, abs=0.2)


@pytest.mark.parametrize("status", [403, 503])
def test_without_retry_interval_a_failure_disables(strict, status):
    strict.load(row())
    strict.answer(strict.one(), status)
    assert (strict.state(), strict.flags()) == ("disabled", 17)
    assert strict.management.counts() == {"regtotal": 1, "regactive": 0, "regdisabled": 1}
    strict.jump(10_000_000)
    assert strict.take() == []


@pytest.mark.parametrize("status", [408, 478, 503])
def test_no_response_counts_as_failure(accounts, status):
    accounts.load(row())
    accounts.respond(accounts.one()[0], status)
    assert accounts.state() == "failed"
    assert accounts.management.metrics()["counters"]["unanswered"] == 1


def test_what_cannot_be_sent_at_all_fails_at_once(strict):
    strict.sender.fails = True
    strict.load(row(), *[row(f"u{n}") for n in range(300)])
    strict.advance(50)
    assert strict.management.counts()["regdisabled"] == 301


def test_second_challenge_is_a_refusal(accounts):
    accounts.load(row())
    second = accounts.challenge(accounts.one())
    accounts.answer(second, 401, f"WWW-Authenticate: {CHALLENGE}")
    assert accounts.take() == [] and accounts.state() == "failed"


def test_registrar_that_always_has_another_realm_is_not_answered_for_ever(accounts):
    accounts.load(row())
    sent = accounts.one()
    for number in range(4):
        sent = accounts.challenge(sent, CHALLENGE.replace("sip.example.org", f"realm{number}"))
    accounts.answer(sent, 401, f"WWW-Authenticate: {CHALLENGE}")
    assert accounts.take() == [] and accounts.state() == "failed"


def test_proxy_and_registrar_may_both_ask(accounts):
    accounts.load(row())
    third = accounts.challenge(accounts.challenge(accounts.one(), status=407), CHALLENGE.replace("org", "net"))
    assert header(third[1], "Proxy-Authorization") and header(third[1], "Authorization")


def test_stale_nonce_is_answered_once_more(accounts):
    accounts.load(row())
    second = accounts.challenge(accounts.one())
    third = accounts.challenge(second, STALE)
    assert 'nonce="nonce2"' in header(third[1], "Authorization") and header(third[1], "CSeq") == "12 REGISTER"
    accounts.answer(third, 401, f"WWW-Authenticate: {STALE}")
    assert accounts.take() == [] and accounts.state() == "failed"


def test_423_is_followed_at_once_and_remembered(accounts):
    accounts.load(row(expires=60))
    accounts.answer(accounts.one(), 423, "Min-Expires: 600")
    accounts.advance(10)
    sent = accounts.one()
    assert header(sent[1], "Expires") == "600"
    accounts.accept(sent, 600)
    accounts.seconds_to_next()
    assert header(accounts.one()[1], "Expires") == "600"


def test_423_without_min_expires_doubles(accounts):
    accounts.load(row(expires=60))
    accounts.answer(accounts.one(), 423)
    accounts.advance(10)
    assert header(accounts.one()[1], "Expires") == "120"


def test_endless_423_slows_down(accounts):
    accounts.load(row(expires=60))
    for number in range(3):
        accounts.answer(accounts.one(), 423, f"Min-Expires: {61 + number}")
        accounts.advance(10)
    accounts.answer(accounts.one(), 423, "Min-Expires: 90")
    assert accounts.seconds_to_next() >= 45


def test_423_waits_for_the_next_pass_as_the_reference_does():
    accounts = Accounts(retry_interval=30, min_expires_at_once=False, timer_interval=20)
    accounts.load(row(expires=60))
    accounts.answer(accounts.one(), 423, "Min-Expires: 600")
    assert 10 <= accounts.seconds_to_next() <= 20


def test_refresh_keeps_the_account_registered(accounts):
    accounts.register()
    assert 267 <= accounts.seconds_to_next() <= 330  # T + 3 s to 30 s before the end
    assert accounts.state() == "refreshing" and accounts.management.counts()["regactive"] == 1
    accounts.accept(accounts.challenge(accounts.one()))
    assert accounts.state() == "registered"


def test_refresh_without_answer_ends_with_the_granted_time(accounts):
    accounts.register(expires=100)
    accounts.seconds_to_next()
    accounts.jump(90_000)
    assert accounts.management.counts()["regactive"] == 0 and accounts.state() == "in progress"


@pytest.mark.parametrize(
    "granted,first,last", [(3600, 3507, 3570), (120, 60, 108), (60, 30, 54), (10, 5, 7), (1, 1, 1.1)]
)
def test_refresh_comes_before_the_end_at_a_place_of_the_account(granted, first, last):
    accounts = Accounts()
    accounts.load(*[row(f"u{n}") for n in range(40)])
    places = []
    for tag, octets, _, _ in accounts.take():
        accounts.accept((tag, octets), granted)
    began = accounts.now
    while accounts.now - began < granted * 1000:
        accounts.advance(100)
        places += [(accounts.now - began) / 1000 for _ in accounts.take()]
        if len(places) == 40:
            break
    assert len(places) == 40 and first - 0.2 <= min(places) and max(places) <= last + 0.2
    assert granted < 10 or max(places) - min(places) > (last - first) / 2


def test_refresh_place_is_the_same_after_a_restart():
    waits = []
    for _ in range(2):
        accounts = Accounts(key=bytes(16))
        accounts.register()
        waits.append(accounts.seconds_to_next())
    assert waits[0] == waits[1]


def test_late_and_repeated_responses_change_nothing(accounts):
    first = accounts.register()
    before = accounts.management.info("acc1")
    accounts.answer(first, 403)
    accounts.respond(first[0], 408)
    accounts.respond(12345 << 32 | 77, 200)
    assert accounts.management.info("acc1") == before
    assert accounts.management.metrics()["counters"]["late"] == 3


def test_response_to_a_removed_record_finds_nobody(accounts):
    accounts.load(row())
    sent = accounts.one()
    assert accounts.management.remove("acc1") and not accounts.management.remove("acc1")
    accounts.accept(sent)
    assert accounts.recount() == (0, 0, 0) and accounts.registrations.table.octets_in_use == 0


def test_attempt_without_any_end_is_counted_as_stuck(accounts):
    accounts.load(row())
    accounts.one()
    accounts.jump(120_000)
    assert accounts.management.metrics()["counters"]["stuck"] == 1 and accounts.state() == "failed"
    accounts.seconds_to_next()
    assert accounts.recount() == (1, 0, 0)
