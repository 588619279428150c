"""The transaction state tables, row by row against RFC 3261 §17 as changed by RFC 6026."""
import pytest

from uacfast.testing.states import EVENTS, MACHINES, STATES, step

# (state, event): (actions, next state). Source: the figures, and the text of the section named at each table.
RFC_ROWS = {
    # RFC 3261 §17.2.1 figure 7; RFC 6026 §7.1 and §8.7 (Accepted)
    "server INVITE": {
        ("proceeding", "request"): ({"resend"}, "proceeding"),
        ("proceeding", "send 1xx"): ({"send"}, "proceeding"),
        ("proceeding", "send 2xx"): ({"send", "linger long"}, "accepted"),                       # starts timer L
        ("proceeding", "send final"): ({"send", "start retransmit", "start timeout"}, "completed"),   # timers G and H
        ("proceeding", "transport error"): ({"report error"}, "proceeding"),
        ("accepted", "request"): (set(), "accepted"),                                           # absorbed
        ("accepted", "send 2xx"): ({"send"}, "accepted"),
        ("accepted", "ack"): ({"pass up"}, "accepted"),
        ("accepted", "linger"): ({"destroy"}, "terminated"),
        ("accepted", "transport error"): ({"report error"}, "accepted"),
        ("completed", "request"): ({"resend"}, "completed"),
        # RFC 3261 §16.7 steps 5 and 9: a 2xx of another branch, after the refusal was sent
        ("completed", "send 2xx"): ({"send"}, "completed"),
        ("confirmed", "send 2xx"): ({"send"}, "confirmed"),
        ("terminated", "send 2xx"): ({"send"}, "terminated"),
        ("completed", "retransmit"): ({"resend", "back off"}, "completed"),
        ("completed", "ack"): ({"stop retransmit", "linger short"}, "confirmed"),               # timer I
        ("completed", "timeout"): ({"report timeout", "destroy"}, "terminated"),
        ("completed", "transport error"): ({"report error"}, "completed"),
        ("confirmed", "request"): (set(), "confirmed"),
        ("confirmed", "ack"): (set(), "confirmed"),
        ("confirmed", "linger"): ({"destroy"}, "terminated"),
    },
    # RFC 3261 §17.2.2 figure 8
    "server non-INVITE": {
        ("trying", "request"): (set(), "trying"),
        ("trying", "send 1xx"): ({"send"}, "proceeding"),
        ("trying", "send final"): ({"send", "linger long"}, "completed"),                       # timer J
        ("proceeding", "request"): ({"resend"}, "proceeding"),
        ("proceeding", "send 1xx"): ({"send"}, "proceeding"),
        ("proceeding", "send final"): ({"send", "linger long"}, "completed"),
        ("proceeding", "transport error"): ({"report error"}, "proceeding"),
        ("completed", "request"): ({"resend"}, "completed"),
        ("completed", "linger"): ({"destroy"}, "terminated"),
        ("completed", "transport error"): ({"report error"}, "completed"),
    },
    # RFC 3261 §17.1.1 figure 5; RFC 6026 §7.2; "abandoned" is what §16.8 adds: timed out, being cancelled
    "client INVITE": {
        ("calling", "retransmit"): ({"resend", "back off"}, "calling"),                         # timer A
        ("calling", "timeout"): ({"report timeout", "stop retransmit", "linger long"}, "abandoned"),   # timer B
        ("calling", "transport error"): ({"report error", "stop retransmit"}, "terminated"),
        ("calling", "1xx"): ({"pass up", "stop retransmit", "renew timeout"}, "proceeding"),
        ("calling", "2xx"): ({"pass up", "stop retransmit", "linger long"}, "accepted"),        # timer M
        ("calling", "final"): ({"send ack", "pass up", "stop retransmit", "linger long"}, "completed"),   # timer D
        ("proceeding", "1xx"): ({"pass up", "renew timeout"}, "proceeding"),
        ("proceeding", "2xx"): ({"pass up", "linger long"}, "accepted"),
        ("proceeding", "final"): ({"send ack", "pass up", "linger long"}, "completed"),
        ("proceeding", "timeout"): ({"report timeout", "linger long"}, "abandoned"),            # timer C
        ("abandoned", "1xx"): (set(), "abandoned"),
        ("abandoned", "2xx"): ({"pass up", "linger long"}, "accepted"),
        ("abandoned", "final"): ({"send ack", "linger long"}, "completed"),
        ("abandoned", "linger"): ({"destroy"}, "terminated"),
        ("accepted", "2xx"): ({"pass up"}, "accepted"),
        ("accepted", "final"): (set(), "accepted"),
        ("accepted", "linger"): ({"destroy"}, "terminated"),
        ("completed", "final"): ({"send ack"}, "completed"),
        ("completed", "linger"): ({"destroy"}, "terminated"),
        ("completed", "transport error"): (set(), "completed"),
    },
    # RFC 3261 §17.1.2 figure 6
    "client non-INVITE": {
        ("trying", "retransmit"): ({"resend", "back off"}, "trying"),                           # timer E
        ("trying", "timeout"): ({"report timeout", "stop retransmit"}, "terminated"),           # timer F
        ("trying", "transport error"): ({"report error", "stop retransmit"}, "terminated"),
        ("trying", "1xx"): ({"pass up"}, "proceeding"),
        ("trying", "final"): ({"pass up", "stop retransmit", "linger short"}, "completed"),     # timer K
        ("proceeding", "retransmit"): ({"resend", "back off"}, "proceeding"),
        ("proceeding", "timeout"): ({"report timeout", "stop retransmit"}, "terminated"),
        ("proceeding", "transport error"): ({"report error", "stop retransmit"}, "terminated"),
        ("proceeding", "1xx"): ({"pass up"}, "proceeding"),
        ("proceeding", "final"): ({"pass up", "stop retransmit", "linger short"}, "completed"),
        ("completed", "final"): (set(), "completed"),
        ("completed", "linger"): ({"destroy"}, "terminated"),
    },
}
STATES_OF = {
    "server INVITE": {"proceeding", "accepted", "completed", "confirmed", "terminated"},
    "server non-INVITE": {"trying", "proceeding", "completed", "terminated"},
    "client INVITE": {"calling", "proceeding", "accepted", "completed", "abandoned", "terminated"},
    "client non-INVITE": {"trying", "proceeding", "completed", "terminated"},
}
TIME = {"timeout", "linger"}
USER = {"send 2xx", "send final"}


@pytest.mark.parametrize(("machine", "state", "event"),
                         [(machine, *row) for machine, rows in RFC_ROWS.items() for row in rows])
def test_row(machine, state, event):
    assert step(machine, state, event) == RFC_ROWS[machine][state, event]


@pytest.mark.parametrize("machine", MACHINES)
def test_no_row_beyond_those_of_the_rfc(machine):
    defined = {(state, event) for state in STATES for event in EVENTS if step(machine, state, event) is not None}
    assert defined == set(RFC_ROWS[machine])


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_stays_within_its_states(machine):
    for (state, _), (_, following) in RFC_ROWS[machine].items():
        assert {state, following} <= STATES_OF[machine]


@pytest.mark.parametrize(("machine", "state"), [(machine, state) for machine, states in STATES_OF.items()
                                                for state in sorted(states - {"terminated"})])
def test_every_state_has_an_exit(machine, state):
    """By time, or, for a server that waits for its user, by the response that the user owes it."""
    exits = {event for event in EVENTS if (taken := step(machine, state, event)) is not None and taken[1] != state}
    assert exits & (USER if machine.startswith("server") and state in ("trying", "proceeding") else TIME)


@pytest.mark.parametrize("machine", MACHINES)
def test_terminated_is_the_end(machine):
    following = [step(machine, "terminated", event) for event in EVENTS]
    assert {found[1] for found in following if found is not None} <= {"terminated"}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_path_of_time_alone_ends(machine):
    """Nothing but timers from each state on, after the user of a server has answered: Terminated in the end."""
    for state in STATES_OF[machine]:
        seen = set()
        while state != "terminated":
            assert state not in seen, f"{machine} goes round in {state}"
            seen.add(state)
            taken = [step(machine, state, event) for event in ("timeout", "linger", "send final")]
            state = next(found[1] for found in taken if found is not None and found[1] != state)


@pytest.mark.parametrize(("machine", "state", "event"),
                         [(machine, *row) for machine, rows in RFC_ROWS.items() for row in rows])
def test_what_lives_on_has_a_timer_that_ends_it(machine, state, event):
    """A step into a state that only time ends starts that timer, unless it comes from the same state."""
    actions, following = RFC_ROWS[machine][state, event]
    if following != state and following in ("accepted", "completed", "confirmed", "abandoned"):
        assert actions & {"linger long", "linger short", "start timeout"}
