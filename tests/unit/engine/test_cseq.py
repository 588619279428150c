"""What a dialog's CSeq numbers are raised by: the table of dialogs that were challenged within."""
import random

import pytest

from kit.memory import request
from uacfast.testing.cseq import DifferenceTable

HOURS = 3_600_000


def sent(number=1, method="INFO", call_id="c1", from_="<sip:a@x>;tag=a", to="<sip:b@x>;tag=b"):
    return request(method, call_id=call_id, cseq=number, from_=from_, to=to)


@pytest.mark.parametrize(("parameters", "difference"), [
    (b"", 0), (b"lr;cseq=1", 1), (b"lr;ftag=a;cseq=17;did=1.2", 17), (b"cseq=", 0), (b"cseq=x", 0), (b"cseq=-1", 0),
    (b"cseq=99999999999", 0),
])
def test_what_the_route_value_says(parameters, difference):
    table = DifferenceTable()
    assert table.of(sent(), 1, parameters) == difference
    assert table.of(sent(), 1, parameters, upstream=True) == 0


def test_a_difference_counts_from_its_number_on():
    table = DifferenceTable()
    table.note(sent(20), 2, b"cseq=1")
    table.note(sent(25), 3, b"cseq=1")
    assert [table.of(sent(), number, b"cseq=1") for number in (10, 19, 20, 24, 25, 99)] == [1, 1, 2, 2, 3, 3]
    assert len(table) == 1


def test_each_direction_and_dialog_has_its_own():
    table = DifferenceTable()
    table.note(sent(20), 2)
    assert table.of(sent(from_="<sip:b@x>;tag=b", to="<sip:a@x>;tag=a"), 20) == 0
    assert table.of(sent(call_id="c2"), 20) == 0
    assert table.of(sent(to="<sip:b@x>;tag=fork"), 20) == 0


@pytest.mark.parametrize("seed", range(20))
def test_against_a_plain_model(seed):
    """Numbers come mostly in order; a number's difference never falls, and newer numbers never have a smaller one."""
    chance = random.Random(seed)
    table, steps, number, difference = DifferenceTable(), [], 10, 1
    for _ in range(30):
        number += chance.randrange(1, 4)
        difference += 1
        steps = (steps + [(number, difference)])[-5:]
        table.note(sent(number), difference, b"cseq=1")
        for asked in range(number - 6, number + 4):
            known = [value for at, value in steps if at <= asked]
            if known:
                assert table.of(sent(), asked, b"cseq=1") == known[-1]


def test_an_older_number_that_is_challenged_later():
    table = DifferenceTable()
    table.note(sent(30), 5)
    table.note(sent(20), 3)
    assert [table.of(sent(), number) for number in (19, 20, 29, 30, 31)] == [0, 3, 3, 5, 5]
    table.note(sent(20), 6)
    assert [table.of(sent(), number) for number in (20, 30)] == [6, 6]


def test_it_is_forgotten_after_the_bye():
    table = DifferenceTable()
    table.note(sent(20), 2)
    table.end_dialog(sent(21, "BYE", from_="<sip:b@x>;tag=b", to="<sip:a@x>;tag=a"), 1000)
    assert table.of(sent(), 20, now=2000) == 2       # copies may still come
    table.note(sent(1, call_id="c2"), 1, now=70_000)
    assert len(table) == 1
    assert table.of(sent(), 20, now=70_000) == 0


def test_it_is_forgotten_after_a_long_silence():
    table = DifferenceTable()
    table.note(sent(20), 2)
    table.note(sent(20, call_id="busy"), 2)
    table.of(sent(call_id="busy"), 20, now=11 * HOURS)
    table.note(sent(1, call_id="c2"), 1, now=13 * HOURS)
    assert len(table) == 2
    assert table.of(sent(call_id="busy"), 20, now=13 * HOURS) == 2


def test_the_table_is_bounded():
    table = DifferenceTable()
    for number in range(65536 + 10):
        table.note(sent(1, call_id=f"call{number}"), 1)
    assert len(table) == 65536
    assert table.of(sent(call_id="call0"), 1) == 0
    assert table.of(sent(call_id="call65545"), 1) == 1
