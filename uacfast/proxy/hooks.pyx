"""What the proxy core asks of the rooms above it: policy, restoring of in-dialog requests, users of own requests."""


cdef class RequestPolicy:
    """Decides what becomes of an initial request."""

    cdef object decide(self, SipMessage request, Decision *decision):
        """Fill `decision`; returns the context that prepare() and the others get back later, or None."""
        decision.verdict = VERDICT_NONE
        return None

    cdef bint prepare(self, object context, SipMessage request):
        """Put the edits of this context into a request, also into a second scan of it before another attempt.

        False when they cannot be done.
        """
        return True

    cdef bint target(self, object context, int step, SipMessage request):
        """Set request.next_hop for the step-th target (from 0); False when there are no more."""
        return step == 0

    cdef int target_count(self, object context) noexcept:
        """How many targets there are at most, for a fork to share Max-Breadth among them."""
        return 1

    cdef bint goes_on_after(self, object context, int status):
        """Whether the next target is to be tried after this final status."""
        return False

    cdef int secrets(self, object context, const Secret **found) noexcept:
        """What may answer the challenges of this context's targets; 0: only what may answer anybody's, -1: nothing does
        by itself, since policy answers challenges when it sees fit."""
        return 0


cdef class ScriptHost(RequestPolicy):
    """Runs a script on every message. It does to a request what the engine would do by itself: nothing is done but what
    the script asks for. As a RequestPolicy it only prepares further attempts of what the script has relayed."""

    cdef void request(self, SipMessage request, const udp_address *reply_to) noexcept:
        """A request with readable mandatory header fields: a new one, a copy of one, an ACK, a CANCEL."""

    cdef bint reply(self, SipMessage response, Branch *branch) noexcept:
        """A response, before anything is done with it; `branch` is NULL when it belongs to none of the living. True when
        it goes on its way, False when it is dropped or will be taken in later (Engine.take_response())."""
        return True

    cdef bint hears_failure(self, Transaction *transaction) noexcept:
        """Whether failure() is wanted for this transaction, even after a 6xx or a CANCEL."""
        return False

    cdef bint failure(self, Transaction *transaction, Branch *chosen, SipMessage response) noexcept:
        """All branches failed; `response` is the chosen one's, None when that is ours. True when the script has begun
        another attempt or has answered, or will later."""
        return False

    cdef void branch_failed(self, Transaction *transaction, Branch *branch, SipMessage response) noexcept:
        """One branch has a negative final response, which is None when it is ours; others may still be waiting."""

    cdef void branch_replaced(self, Transaction *transaction, const Branch *failed, const Branch *branch) noexcept:
        """`branch` goes to the next address of what `failed` was for: whatever was said of that one concerns this one."""


cdef class RouteListener:
    """Hears of requests and responses that carry a Record-Route value of ours."""

    cdef void loose_routed(self, SipMessage request) noexcept:
        """request.route_parameters and request.upstream are set."""

    cdef void stray_response(self, SipMessage response, sip_text record_route_parameters) noexcept:
        """A response without transaction is about to be forwarded."""


cdef class LocalUser:
    """Begins requests of our own and hears of their responses. Nothing is called from within LocalRequests.send()."""

    cdef void final(self, uint64_t tag, int status, SipMessage response) noexcept:
        """The final response of the request that was sent with this tag.

        `response` is None when the status is ours: 408 (timeout), 478 (no address), 503 (it cannot be delivered).
        """

    cdef void provisional(self, uint64_t tag, int status, SipMessage response) noexcept:
        """A 1xx came."""


cdef class ChallengeAnswerer:
    """Gives requests the credentials that a next hop asks for."""

    cdef bint answer(self, const Secret *secrets, int count, const Branch *challenged, SipMessage request,
                     SipMessage response) noexcept:
        """Put the answers to `response`, a 401 or 407 to `challenged`, into `request`, the same request once more, and
        raise its CSeq; False when there are none. `secrets`: what policy gave."""
        return False

    cdef void foretell(self, const Secret *secrets, int count, const udp_address *destination,
                       SipMessage request) noexcept:
        """Put credentials into a request whose next hop took such before."""
