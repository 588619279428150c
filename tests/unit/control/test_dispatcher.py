"""The dispatcher: commands by name, their arguments and faults."""
import asyncio

import pytest

from uacfast.control.dispatcher import Dispatcher, UnknownMethod, integer_argument, text_argument
from uacfast.fault import Fault


async def later(arguments):
    await asyncio.sleep(0)
    return arguments[::-1]


def refuse(arguments):
    raise Fault(404, "Record not found")


@pytest.fixture
def dispatcher():
    made = Dispatcher()
    made.add("b.later", later, "Turns its arguments round.")
    made.add("a.now", lambda arguments: arguments, "Gives its arguments back.")
    made.add("refuse", refuse, "Refuses.")
    made.add("break", lambda arguments: arguments[0], "Breaks without an argument.")
    return made


def run(dispatcher, name, *arguments):
    return asyncio.run(dispatcher.run(name, list(arguments)))


def test_commands_run_and_are_listed(dispatcher):
    assert run(dispatcher, "a.now", 1, "two") == [1, "two"]
    assert run(dispatcher, "b.later", 1, "two") == ["two", 1]
    assert dispatcher.names == ["a.now", "b.later", "break", "refuse"]
    assert dispatcher.help_of("refuse") == "Refuses."
    assert dispatcher.help_of("nothing") is None


def test_faults(dispatcher):
    with pytest.raises(Fault) as fault:
        run(dispatcher, "refuse")
    assert (fault.value.code, fault.value.message) == (404, "Record not found")
    with pytest.raises(UnknownMethod) as fault:
        run(dispatcher, "nothing")
    assert (fault.value.code, fault.value.message) == (500, "command nothing not found")
    with pytest.raises(Fault) as fault:
        run(dispatcher, "break")
    assert (fault.value.code, fault.value.message) == (500, "command break failed; the log says why")


def test_a_name_is_given_once(dispatcher):
    with pytest.raises(ValueError, match="exists already"):
        dispatcher.add("refuse", refuse, "")


WRONG = Fault(400, "Invalid Parameters")


@pytest.mark.parametrize("value,expected", [("a", "a"), ("", ""), (12345678, "12345678"), (-5, "-5"), (1.5, "1.5"),
                                            (31.0, "31")])
def test_text(value, expected):
    assert text_argument(["x", value], 1, WRONG) == expected


@pytest.mark.parametrize("value", [None, True, [], {}])
def test_what_is_no_text(value):
    with pytest.raises(Fault, match="400 Invalid Parameters"):
        text_argument([value], 0, WRONG)
    with pytest.raises(Fault):
        text_argument([], 0, WRONG)


def test_text_strict():
    assert text_argument(["a"], 0, WRONG, convert=False) == "a"
    with pytest.raises(Fault):
        text_argument([5], 0, WRONG, convert=False)


@pytest.mark.parametrize("value,convert,expected", [(5, False, 5), (-1, False, -1), ("17", True, 17), (2.9, True, 2)])
def test_integer(value, convert, expected):
    assert integer_argument([value], 0, WRONG, convert=convert) == expected


@pytest.mark.parametrize("value,convert", [("17", False), (2.0, False), (True, False), (None, True), ("x", True),
                                           (float("inf"), True), (float("nan"), True), ([], True)])
def test_what_is_no_integer(value, convert):
    with pytest.raises(Fault):
        integer_argument([value], 0, WRONG, convert=convert)
