"""Remote registrations: records, their scheduling, their life as a state machine (uac-semantics §4)."""
