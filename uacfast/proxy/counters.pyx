"""What happened, in C integers that are read when somebody asks."""

NAMES = (
    "requests", "responses", "retransmitted_requests", "relayed_requests", "relayed_acks", "stateless_replies",
    "local_requests", "stray_responses_forwarded", "handed_over", "restored_requests", "restore_failed", "seal_broken",
    "overload_replies", "loops", "no_route", "resolution_failed", "transport_errors", "challenges_answered", "challenges_unusable",
    "challenges_without_credential", "challenges_too_many", "credentials_refused", "credentials_foretold",
    "dropped_keepalive",
    "dropped_not_sip", "dropped_no_via", "dropped_bad_ack", "dropped_bad_response", "dropped_stray_response",
    "dropped_foreign_response", "dropped_stray_ack", "dropped_unusable_source", "dropped_no_memory",
    "dropped_truncated",
)


cdef class Counters:
    """One per worker; the hot path adds, as_dict() reads."""

    def __cinit__(self):
        assert len(NAMES) == COUNTER_COUNT

    def as_dict(self):
        """{name: count} since the worker began."""
        return {name: self.at[i] for i, name in enumerate(NAMES)}
