"""Commands on records, functions, reloads, state over restarts."""

import pytest

from kit.accounts import Accounts, header, row
from uacfast.fault import Fault
from uacfast.uac.registration.functions import RegistrationFunctions

STATE_COLUMNS = 16


@pytest.fixture
def accounts():
    return Accounts(retry_interval=30)


def functions_of(accounts, done=None):
    return RegistrationFunctions(accounts.management, lambda *what: done.append(what))


def fault(code, message):
    return pytest.raises(Fault, match=f"^{code} {message}$")


def test_disable_sends_nothing_and_counts_a_second_later(accounts):
    accounts.register()
    accounts.management.disable("acc1")
    functions = functions_of(accounts)
    assert (accounts.flags(), functions.uac_reg_status("acc1"), accounts.management.counts()["regdisabled"]) == (
        21,
        1,
        1,
    )
    assert accounts.management.info("acc1")["diff_expires"] == 1
    accounts.advance(1000)
    assert functions.uac_reg_status("acc1") == -3 and accounts.management.counts()["regactive"] == 0
    accounts.jump(10_000_000)
    assert accounts.take() == []
    accounts.management.enable("acc1")
    assert accounts.flags() == 20
    assert accounts.seconds_to_next() == pytest.approx(1, abs=0.2)


def test_disable_while_an_attempt_is_under_way_lets_it_end(accounts):
    accounts.load(row())
    sent = accounts.one()
    accounts.management.disable("acc1")
    accounts.accept(accounts.challenge(sent))
    assert (accounts.state(), accounts.flags()) == ("disabled", 21)
    assert accounts.recount() == (1, 1, 1)


def search(accounts, wanted, limit=2, most=100):
    """What a search in small steps finds."""
    found, cursor = [], 0
    while cursor >= 0 and len(found) < most:
        cursor, rows = accounts.management.search(wanted, cursor, limit, most - len(found))
        found += [one["l_uuid"] for one in rows]
    return found


def test_search(accounts):
    for number in range(7):
        accounts.management.rows([row(f"Acc{number}", l_username=f"lu{number}", r_username=f"RU{number}",
                                      auth_username=f"au{number}", r_domain=f"Carrier{number % 2}.example")])
    assert search(accounts, "") == [f"Acc{number}" for number in range(7)] == search(accounts, "ACC")
    for wanted in ("c3", "lu3", "ru3", "AU3", "acc3"):
        assert search(accounts, wanted) == ["Acc3"]
    assert search(accounts, "carrier1") == ["Acc1", "Acc3", "Acc5"]
    assert search(accounts, "carrier1", most=2) == ["Acc1", "Acc3"] == search(accounts, "carrier1", 100, 2)
    # Other columns are not searched.
    for wanted in ("local.example", "127.0.0.1", "secret", "Acc33", "ä", "x" * 2000):
        assert search(accounts, wanted) == []
    accounts.management.remove("Acc3")
    assert search(accounts, "carrier1") == ["Acc1", "Acc5"]
    assert accounts.management.search("", 2**32 - 1, 2**32 - 1, 5) == [-1, []]


def test_search_leaves_out_what_other_workers_drive():
    accounts = Accounts(workers=2)
    accounts.management.rows([row(f"acc{number}") for number in range(40)], [number % 2 for number in range(40)])
    assert search(accounts, "acc") == [f"acc{number}" for number in range(0, 40, 2)]


def test_unregister_is_for_good(accounts):
    accounts.register()
    accounts.management.unregister("acc1")
    sent = accounts.one()
    assert header(sent[1], "Expires") == "0"
    sent = accounts.challenge(sent, status=407)
    assert header(sent[1], "Expires") == "0"
    accounts.answer(sent, 200)
    assert (accounts.flags(), accounts.management.info("acc1")["expires"]) == (16, 0)
    accounts.management.enable("acc1")
    accounts.jump(10_000_000)
    assert accounts.take() == []
    accounts.management.refresh(row())
    accounts.advance(10)
    assert header(accounts.one()[1], "Expires") == "360"


def test_unregister_without_retry_interval_disables():
    accounts = Accounts()
    accounts.register()
    accounts.management.unregister("acc1")
    accounts.answer(accounts.one(), 200)
    assert accounts.flags() == 17


def test_commands_during_an_attempt_wait_for_its_end(accounts):
    accounts.load(row())
    sent = accounts.one()
    accounts.management.register("acc1")
    accounts.management.unregister("acc1")
    assert accounts.take() == []
    accounts.accept(sent)
    assert header(accounts.one()[1], "Expires") == "0"


def test_register_ignores_schedule_and_flag(accounts):
    accounts.register()
    accounts.management.disable("acc1")
    accounts.management.active(0)
    accounts.management.register("acc1")
    accounts.accept(accounts.one())
    assert accounts.flags() == 21


def test_changed_row_during_an_attempt_starts_anew_at_its_end(accounts):
    accounts.load(row())
    sent = accounts.one()
    accounts.management.refresh(row(auth_proxy="sip:127.0.0.1:5999", auth_password="new"))
    assert accounts.take() == []
    accounts.answer(sent, 403)
    accounts.advance(10)
    ((_, _, destination, _),) = accounts.take()
    assert destination == "sip:127.0.0.1:5999" and accounts.recount() == (1, 0, 0)
    assert [one["destination"] for one in accounts.management.registrars(5)] == ["sip:127.0.0.1:5999"]


def test_reload_touches_only_what_has_changed(accounts):
    accounts.load(row("same"), row("changed"), row("gone"))
    for tag, octets, _, _ in accounts.take():
        accounts.accept((tag, octets))
    before = accounts.management.info("same"), accounts.management.explain("same")
    accounts.advance(2000)
    for dry in (True, False):
        accounts.management.begin(dry)
        assert accounts.management.rows(
            [row("same"), row("changed", auth_password="other"), row("new"), row("bad", l_domain="")]
        ) == [["bad", "l_domain is empty"]]
        cursor, report = accounts.management.finish(0, 2)
        while cursor >= 0:
            cursor, report = accounts.management.finish(cursor, 2)
        assert [report[name] for name in ("added", "changed", "unchanged", "removed", "quarantined")] == [1, 1, 1, 1, 1]
        assert not dry or (report["added_uuids"], report["removed_uuids"]) == (["new"], ["gone"])
    accounts.advance(10)
    assert sorted(header(octets, "Contact") for _, octets, _, _ in accounts.take()) == [
        "<sip:changed@127.0.0.1:15060>",
        "<sip:new@127.0.0.1:15060>",
    ]
    after = accounts.management.info("same"), accounts.management.explain("same")
    for old, new in zip(before, after, strict=True):
        for name in ("diff_expires", "now", "registrar"):
            old.pop(name, None), new.pop(name, None)
        assert old == new


def test_reload_brings_back_what_was_unregistered(accounts):
    accounts.register()
    accounts.management.unregister("acc1")
    accounts.answer(accounts.one(), 200, "Contact: *")
    accounts.management.begin()
    accounts.management.rows([row()])
    accounts.management.finish(0, 100)
    accounts.advance(10)
    assert header(accounts.one()[1], "Expires") == "360"


def test_faults_of_commands(accounts):
    with fault(404, "Record not found"):
        accounts.management.find("l_domain", "x")
    accounts.load(row())
    with fault(400, "Unsupported filter attribute"):
        accounts.management.find("l_domain", "x")
    with fault(404, "Record not found"):
        accounts.management.find("l_uuid", "nope")
    with fault(409, "uuid already exists"):
        accounts.management.add(row())
    assert "auth_ha1" in accounts.management.add(row("new", auth_ha1="abc"))
    assert "expires" in accounts.management.refresh(row(expires=-1))
    assert accounts.management.counts()["regtotal"] == 1


def test_find_takes_the_newest_of_a_user_and_the_order_of_slots(accounts):
    accounts.load(
        *[row(name, r_username="same", auth_username="au") for name in ("exp0", "badproxy", "dotsock", "fl1")]
    )
    find = accounts.management.find
    assert find("l_username", "alice") == ["fl1", 0]
    # Kamailio dumps these four in this order (rpc-examples/reg_dump.json).
    rows = accounts.management.dump(0, 100)[1]
    order = [found["l_uuid"] for _slot, _age, found in sorted(rows, key=lambda one: (one[0], -one[1]))]
    assert order == ["fl1", "dotsock", "badproxy", "exp0"]
    assert find("r_username", "same") == find("auth_username", "au") == ["fl1", 0]


def test_users_are_found_after_removals(accounts):
    accounts.load(row("a"), row("b"), row("c"), row("d", l_username="bob"))
    for uuid, next_uuid in (("b", "c"), ("c", "a")):
        accounts.management.remove(uuid)
        assert accounts.management.find("l_username", "alice") == [next_uuid, 0]
    accounts.management.remove("a")
    with fault(404, "Record not found"):
        accounts.management.find("l_username", "alice")


@pytest.mark.parametrize(
    "use_domain,uri,expected",
    [
        (False, "sip:alice@other", (1, "acc1")),
        (True, "sip:alice@other", (-1, None)),
        (True, "sip:alice@local.example.com:5070;x=y", (1, "acc1")),
        (False, "sip:bob@x", (-1, None)),
        (False, "sip:local.example.com", (-1, None)),
        (False, "alice", (-2, None)),
        (False, "<sip:alice@x>", (-2, None)),
    ],
)
def test_lookup_uri(use_domain, uri, expected):
    accounts = Accounts(use_domain=use_domain)
    accounts.load(row())
    assert functions_of(accounts).uac_reg_lookup_uri(uri) == expected


def test_lookup_and_status(accounts):
    functions = functions_of(accounts)
    accounts.load(row(), row("silent", expires=0))
    assert functions.uac_reg_lookup("acc1") == (1, "sip:alice@local.example.com")
    assert functions.uac_reg_lookup("nope") == (-1, None)
    assert [functions.uac_reg_status(name) for name in ("nope", "acc1", "silent")] == [-1, -2, -99]
    accounts.answer(accounts.one(), 403)
    assert functions.uac_reg_status("acc1") == -99


@pytest.mark.parametrize(
    "user,mode,use_domain,result",
    [
        ("acc1", 0, False, 1),
        ("alice", 0, False, -1),
        ("alice", 1, False, 1),
        ("acc1", 1, False, -1),
        ("acc1", 4, False, -1),
        ("acc1", -1, False, -1),
        ("alice", 1, True, -2),
        ("sip:alice@local.example.com", 1, True, 1),
        ("sip:alice@x", 3, True, -1),
        ("acc1", 2, True, 1),
    ],
)
def test_request_to(user, mode, use_domain, result):
    accounts = Accounts(use_domain=use_domain)
    accounts.load(row(auth_ha1="A" * 32, realm="r"))
    status, found = functions_of(accounts).uac_reg_request_to(user, mode)
    assert status == result
    if result == 1:
        assert (found["ruri"], found["destination"]) == ("sip:ok@127.0.0.1:15075", "sip:127.0.0.1:15075")
        assert (found["realm"], found["username"], found["password"]) == (
            "r",
            "aok",
            "a" * 32 if mode & 2 else "secret",
        )


def test_functions_that_act(accounts):
    accounts.load(row())
    done = []
    functions = functions_of(accounts, done)
    assert [
        functions.uac_reg_enable(*pair)
        for pair in (("l_uuid", "acc1"), ("", "x"), ("l_uuid", ""), ("l_uuid", "no"), ("l_domain", "x"))
    ] == [1, -1, -1, -2, -3]
    assert [
        functions.uac_reg_send_register(*pair) for pair in (("r_username", "ok"), ("l_uuid", "no"), ("q", "x"))
    ] == [1, -1, -1]
    assert [functions.uac_reg_refresh(uuid) for uuid in ("acc1", "", "nope")] == [1, -1, -1]
    assert done == [("enable", "acc1"), ("register", "acc1"), ("refresh", "acc1")]


def test_state_survives_a_restart(accounts):
    options = {"keep_callid": True, "preemptive": True, "keep_states": True}
    first = Accounts(**options)
    first.load(row(), row("failing"), row("changed"))
    sent = {header(octets, "Contact")[5:-17]: (tag, octets) for tag, octets, _, _ in first.take()}
    first.accept(first.challenge(sent["acc1"]), 600)
    first.accept(sent["changed"], 600)
    first.answer(sent["failing"], 403)
    states = first.management.take_states(100)
    assert {state[0] for state in states} == {"acc1", "failing", "changed"}
    assert {len(state) for state in states} == {STATE_COLUMNS}
    assert first.management.take_states(100) == []
    due = first.management.explain("acc1")["next_attempt"]

    second = Accounts(now=5_000_000, wall_offset=1_700_000_000_000 + 1_000_000 - 5_000_000 + 100_000, **options)
    second.management.hold()
    second.management.rows([row(), row("failing"), row("changed", auth_password="new")])
    second.advance(100)
    second.management.load_states(states, True)
    assert second.take() == []
    second.management.release()
    second.advance(10)
    others = second.take()
    assert sorted(header(octets, "Contact") for _, octets, _, _ in others) == [
        "<sip:changed@127.0.0.1:15060>",
        "<sip:failing@127.0.0.1:15060>",
    ]
    for tag, _, _, _ in others:
        second.respond(tag, 408)
    assert second.state() == "registered" and second.management.info("acc1")["diff_expires"] in (499, 500)
    assert second.management.explain("acc1")["next_attempt"] == due
    second.seconds_to_next()
    refresh = second.one()
    assert header(refresh[1], "Call-ID") == header(sent["acc1"][1], "Call-ID")
    assert header(refresh[1], "From") == header(sent["acc1"][1], "From")
    # Far above what was kept: not all that was sent may have been written.
    assert int(header(refresh[1], "CSeq").split()[0]) > 10_000
    assert int(header(refresh[1], "Authorization").split("nc=")[1][:8], 16) > 1


def test_state_of_another_contact_is_no_state_of_ours():
    """reg_contact_addr has changed between the runs: the registrar has to hear of it."""
    first = Accounts(keep_states=True)
    first.load(row(), row("own", contact_addr="192.0.2.1:5060"))
    for tag, octets, _, _ in first.take():
        first.accept((tag, octets), 600)
    states = first.management.take_states(100)
    second = Accounts(keep_states=True, contact_addr=b"192.0.2.9:5060")
    second.management.hold()
    second.management.rows([row(), row("own", contact_addr="192.0.2.1:5060")])
    second.management.load_states(states, True)
    second.management.release()
    second.advance(10)
    assert header(second.one()[1], "Contact") == "<sip:acc1@192.0.2.9:5060>"


def test_state_of_a_binding_that_has_ended_only_keeps_the_tag():
    first = Accounts(keep_states=True)
    first.register(expires=60)
    states = first.management.take_states(100)
    second = Accounts(wall_offset=1_700_000_061_000)
    second.management.rows([row()])
    second.management.load_states(states, True)
    assert second.state() == "unregistered"
    second.advance(10)
    second.one()


def test_other_workers_know_the_state_but_send_nothing():
    driver, other = Accounts(worker=0, workers=2, keep_states=True), Accounts(worker=1, workers=2)
    for accounts in (driver, other):
        accounts.management.rows([row()], [0])
        accounts.advance(10)
    assert other.take() == [] and other.management.counts() == {"regtotal": 0, "regactive": 0, "regdisabled": 0}
    driver.accept(driver.one(), 60)
    other.management.mirror(driver.management.take_states(10))
    status = functions_of(other).uac_reg_status
    assert status("acc1") == 1 and other.management.find("l_uuid", "acc1") == ["acc1", 0]
    other.jump(61_000)
    assert status("acc1") == -99 and other.take() == []
    with fault(500, "another worker drives the registration acc1"):
        other.management.register("acc1")
    other.management.remove("acc1")
    assert other.registrations.table.octets_in_use == 0


def test_workers_agree_who_drives_a_record_also_with_calls_of_an_earlier_key():
    rows = [row(f"u{n}") for n in range(60)]
    before = Accounts(keep_states=True)
    before.load(*rows)
    for tag, octets, _, _ in before.take():
        before.accept((tag, octets))
    states = before.management.take_states(100)
    key = bytes(range(16))
    workers = [Accounts(worker=number, workers=3, key=key, keep_callid=True) for number in range(3)]
    for accounts in workers:
        accounts.management.hold()
        accounts.management.rows(rows)
        accounts.management.load_states(states, True)
        accounts.management.release()
    owners = {tuple(accounts.management.owners([one[0] for one in rows])) for accounts in workers}
    assert len(owners) == 1 and set(owners.pop()) == {0, 1, 2}
    assert (
        sum(accounts.recount()[1] for accounts in workers) == sum(accounts.recount()[0] for accounts in workers) == 60
    )
    calls = {state[2] for state in states}
    refreshed = []
    for accounts in workers:
        accounts.jump(350_000)
        accounts.advance(100)
        refreshed += [header(octets, "Call-ID") for _, octets, _, _ in accounts.take()]
    assert sorted(refreshed) == sorted(calls)  # each once, in the same call


def test_explain_tells_the_last_transitions(accounts):
    accounts.register()
    accounts.seconds_to_next()
    accounts.answer(accounts.challenge(accounts.one()), 403)
    found = accounts.management.explain("acc1")
    assert [(one["event"], one["state"], one["status"]) for one in found["transitions"]] == [
        ("due", "in progress", 0),
        ("accepted", "registered", 200),
        ("due", "refreshing", 0),
        ("challenged", "reauthenticating", 401),
        ("refused", "failed", 403),
    ]
    assert found["last_status"] == 403 and found["next_attempt"] == found["now"] + 30


def test_memory_per_record_is_small(accounts):
    accounts.management.rows([row(f"account-number-{n}", l_username=f"user{n}") for n in range(20_000)])
    idle = accounts.registrations.table.octets_held / 20_000
    assert idle < 750
    accounts.management.begin()
    accounts.management.finish(0, 100_000)
    assert accounts.registrations.table.octets_in_use == 0


def test_one_user_name_for_all_costs_no_more(accounts):
    rows = [row(f"u{n}") for n in range(50_000)]
    accounts.management.rows(rows)  # a chain per user name; quadratic work would not come back
    accounts.management.begin()
    assert accounts.management.finish(0, 100_000)[1]["removed"] == 50_000
