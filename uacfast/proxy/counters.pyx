"""What happened, in C integers that are read when somebody asks."""

NAMES = (
    "requests", "responses", "retransmitted_requests", "relayed_requests", "relayed_acks", "stateless_replies",
    "local_requests", "stray_responses_forwarded", "handed_over", "restored_requests", "restore_failed", "seal_broken",
    "overload_replies", "loops", "no_route", "resolution_failed", "transport_errors", "challenges_answered",
    "challenges_unusable", "challenges_without_credential", "challenges_too_many", "credentials_refused",
    "credentials_foretold", "dropped_keepalive", "dropped_not_sip", "dropped_no_via", "dropped_bad_request",
    "dropped_bad_ack", "dropped_bad_response", "dropped_stray_response",
    "dropped_foreign_response", "dropped_stray_ack", "dropped_unusable_source", "dropped_no_memory",
    "dropped_truncated", "dropped_flooded",
)

# In the order of sip_method_id (csrc/sip_scan.h).
METHOD_NAMES = (
    "OTHER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY",
    "REFER", "MESSAGE", "PUBLISH",
)


cdef class Counters:
    """One per worker; the hot path adds, as_dict() reads."""

    def __cinit__(self):
        assert len(NAMES) == COUNTER_COUNT

    def as_dict(self):
        """{name: count} since the worker began; of statuses only those that occurred: `response_status:200`."""
        found = {name: self.at[i] for i, name in enumerate(NAMES)}
        found |= {f"request_method:{name}": self.methods[i] for i, name in enumerate(METHOD_NAMES)}
        for i in range(STATUSES):
            if self.statuses[i]:
                found[f"response_status:{i}"] = self.statuses[i]
            if self.stateless_statuses[i]:
                found[f"stateless_status:{i}"] = self.stateless_statuses[i]
        for i in range(7 * METHODS):
            if self.class_methods[i]:
                found[f"response_class:{i // METHODS}:{METHOD_NAMES[i % METHODS]}"] = self.class_methods[i]
        return found
