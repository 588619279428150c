"""What the states and events of csrc/registration_states.h are called in commands, metrics and logs, by number."""

STATES = (
    "unregistered",
    "in progress",
    "authenticating",
    "registered",
    "refreshing",
    "reauthenticating",
    "failed",
    "disabled",
)
EVENTS = (
    "due",
    "overdue",
    "expired",
    "accepted",
    "unbound",
    "challenged",
    "too brief",
    "refused",
    "given up",
    "enable",
    "disable",
    "restart",
)
