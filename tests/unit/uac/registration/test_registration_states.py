"""The state table of registrations: every state has an exit by message and one by time, and loses nothing."""

import pytest

from uacfast.testing.registrations import counts, is_ongoing, step
from uacfast.uac.registration.names import EVENTS, STATES

DUE, OVERDUE, EXPIRED, ACCEPTED, UNBOUND, CHALLENGED, TOO_BRIEF, REFUSED, GIVEN_UP, ENABLE, DISABLE, RESTART = range(12)
BY_TIME = (DUE, OVERDUE, EXPIRED)
BY_MESSAGE = (ACCEPTED, UNBOUND, CHALLENGED, TOO_BRIEF, REFUSED, GIVEN_UP, ENABLE, DISABLE, RESTART)


def test_every_number_has_a_name():
    assert counts() == (len(STATES), len(EVENTS))


@pytest.mark.parametrize("state", range(len(STATES)), ids=STATES)
def test_every_state_has_an_exit_by_message_and_one_by_time(state):
    for events in (BY_TIME, BY_MESSAGE):
        assert any((found := step(state, event)) and found[1] != state for event in events)


@pytest.mark.parametrize("state", range(len(STATES)), ids=STATES)
def test_only_what_is_under_way_can_be_answered(state):
    for event in (ACCEPTED, UNBOUND, CHALLENGED, TOO_BRIEF, REFUSED, GIVEN_UP, OVERDUE):
        assert (step(state, event) is not None) == is_ongoing(state)
    assert (step(state, DUE) is not None) == (not is_ongoing(state))


@pytest.mark.parametrize("state", range(len(STATES)), ids=STATES)
def test_an_attempt_begins_only_by_an_action_send(state):
    for event in range(len(EVENTS)):
        found = step(state, event)
        if found and is_ongoing(found[1]) and not is_ongoing(state):
            assert "send" in found[0]


@pytest.mark.parametrize(
    "before,after",
    [("refreshing", "in progress"), ("reauthenticating", "authenticating"), ("registered", "unregistered")],
)
def test_a_binding_that_ends_changes_the_name_of_the_state_only(before, after):
    assert step(STATES.index(before), EXPIRED) == (set(), STATES.index(after))


@pytest.mark.parametrize("state", ["refreshing", "reauthenticating"])
@pytest.mark.parametrize(
    "event,actions",
    [
        (REFUSED, {"go offline", "retry"}),
        (GIVEN_UP, {"go offline", "bar"}),
        (OVERDUE, {"go offline", "count stuck", "retry"}),
    ],
)
def test_a_failed_refresh_ends_the_registration(state, event, actions):
    assert step(STATES.index(state), event)[0] == actions
