"""A Python face of the transaction state tables, for tests only."""
from uacfast.leaves.transaction_states cimport (
    ACTION_BACK_OFF, ACTION_DESTROY, ACTION_LINGER_LONG, ACTION_LINGER_SHORT, ACTION_PASS_UP, ACTION_RENEW_TIMEOUT,
    ACTION_REPORT_ERROR, ACTION_REPORT_TIMEOUT, ACTION_RESEND, ACTION_SEND, ACTION_SEND_ACK, ACTION_START_RETRANSMIT,
    ACTION_START_TIMEOUT, ACTION_STOP_RETRANSMIT, CLIENT_INVITE, CLIENT_NON_INVITE, EVENT_1XX, EVENT_2XX, EVENT_ACK,
    EVENT_FINAL, EVENT_LINGER, EVENT_REQUEST, EVENT_RETRANSMIT, EVENT_SEND_1XX, EVENT_SEND_2XX, EVENT_SEND_FINAL,
    EVENT_TIMEOUT, EVENT_TRANSPORT_ERROR, SERVER_INVITE, SERVER_NON_INVITE, STATE_ABANDONED, STATE_ACCEPTED,
    STATE_CALLING, STATE_COMPLETED, STATE_CONFIRMED, STATE_PROCEEDING, STATE_TERMINATED, STATE_TRYING,
    transaction_states_step, transaction_step,
)

MACHINES = {"server INVITE": SERVER_INVITE, "server non-INVITE": SERVER_NON_INVITE, "client INVITE": CLIENT_INVITE,
            "client non-INVITE": CLIENT_NON_INVITE}
STATES = {"trying": STATE_TRYING, "calling": STATE_CALLING, "proceeding": STATE_PROCEEDING, "accepted": STATE_ACCEPTED,
          "completed": STATE_COMPLETED, "confirmed": STATE_CONFIRMED, "abandoned": STATE_ABANDONED,
          "terminated": STATE_TERMINATED}
EVENTS = {"request": EVENT_REQUEST, "ack": EVENT_ACK, "send 1xx": EVENT_SEND_1XX, "send 2xx": EVENT_SEND_2XX,
          "send final": EVENT_SEND_FINAL, "1xx": EVENT_1XX, "2xx": EVENT_2XX, "final": EVENT_FINAL,
          "retransmit": EVENT_RETRANSMIT, "timeout": EVENT_TIMEOUT, "linger": EVENT_LINGER,
          "transport error": EVENT_TRANSPORT_ERROR}
ACTIONS = {"send": ACTION_SEND, "resend": ACTION_RESEND, "pass up": ACTION_PASS_UP, "send ack": ACTION_SEND_ACK,
           "stop retransmit": ACTION_STOP_RETRANSMIT, "start retransmit": ACTION_START_RETRANSMIT,
           "back off": ACTION_BACK_OFF, "start timeout": ACTION_START_TIMEOUT, "renew timeout": ACTION_RENEW_TIMEOUT,
           "linger long": ACTION_LINGER_LONG, "linger short": ACTION_LINGER_SHORT,
           "report timeout": ACTION_REPORT_TIMEOUT, "report error": ACTION_REPORT_ERROR, "destroy": ACTION_DESTROY}
_STATE_NAMES = {number: name for name, number in STATES.items()}


def step(str machine not None, str state not None, str event not None):
    """(names of the actions, name of the next state), or None where the event means nothing in this state.

    KeyError when a name is not one of MACHINES, STATES, EVENTS.
    """
    cdef transaction_step found = transaction_states_step(MACHINES[machine], STATES[state], EVENTS[event])
    if not found.defined:
        if found.actions or found.next != STATES[state]:
            raise ValueError(f"{machine}, {state}, {event}: a step that is not defined must change nothing.")
        return None
    return {name for name, bit in ACTIONS.items() if found.actions & bit}, _STATE_NAMES[found.next]
