"""How many attempts begin, when, and where: windows, rates and circuit breakers.

Each registrar has a window of attempts under way that grows while it answers quickly and shrinks when it does not, so
that neither its sockets nor ours overflow, and so that a dead registrar does not hold up the others. Limits per second
(reg_max_rate, reg_registrar_rate) and the breaker (reg_breaker_failures) are off unless configured.
"""
from uacfast.leaves.timer_wheel cimport timer_wheel_start
from uacfast.uac.registration.record cimport BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN

cdef enum:
    WINDOW_LEAST = 32
    WINDOW_NEAR = 128            # what the receive buffer of a socket holds as Linux makes it (166 REGISTERs)
    WINDOW_MOST = 1024
    FAR = 5                      # ms of least latency from which most of a window is on its way, not in a buffer
    PROMPT = 300                 # ms, less than T1: no copy was sent
    IN_FLIGHT_MOST = 65536       # attempts under way at all registrars
    LATENCY_SLACK = 1            # ms more than twice the least latency: no queue has grown
    LATENCY_SLOW = 400           # ms more than four times the least latency: a copy was lost (T1 is 500 ms), or a queue
    BREAKER_DOUBLINGS = 5


cdef bint take_token(double *tokens, uint64_t *at, uint32_t rate, uint64_t now, bint only_look) noexcept:
    """A bucket that holds a tenth of a second of its rate, at least one."""
    cdef double most = rate / 10.0 if rate > 10 else 1.0
    tokens[0] = min(most, tokens[0] + rate * <double>(now - at[0]) / 1000.0)
    at[0] = now
    if tokens[0] < 1.0:
        return False
    if not only_look:
        tokens[0] -= 1.0
    return True


cdef class Pacing:

    def __init__(self, RecordTable table, RegistrationSettings settings):
        self.table = table
        self.settings = settings
        self.tokens_at = table.now

    cdef bint may_begin(self, Registrar *registrar) noexcept:
        """Whether an attempt may begin there now; if so, it counts against the rates."""
        cdef uint64_t now = self.table.now
        cdef uint32_t overall = self.settings.max_rate
        cdef uint32_t single = self.settings.registrar_rate
        if registrar.in_flight >= registrar.window or self.table.in_flight >= IN_FLIGHT_MOST:
            return False
        if registrar.breaker == BREAKER_OPEN or registrar.breaker == BREAKER_HALF_OPEN and registrar.in_flight:
            return False
        if overall and not take_token(&self.tokens, &self.tokens_at, overall, now, True):
            return False
        if single and not take_token(&registrar.tokens, &registrar.tokens_at, single, now, False):
            return False
        if overall:
            take_token(&self.tokens, &self.tokens_at, overall, now, False)
        return True

    cdef void answered(self, Registrar *registrar, uint64_t latency) noexcept:
        """A final response came after this many ms."""
        cdef uint32_t least
        if latency < registrar.least_latency:
            registrar.least_latency = <uint32_t>latency
        least = registrar.least_latency
        registrar.latency_sum += latency
        if (latency <= PROMPT and registrar.window < WINDOW_NEAR
                or least >= FAR and latency <= 2 * <uint64_t>least + LATENCY_SLACK and registrar.window < WINDOW_MOST):
            registrar.progress += 1
            # Only a window that is in use has shown that more would go through.
            if registrar.progress >= 4 and registrar.in_flight * 2 >= registrar.window:
                registrar.progress = 0
                registrar.window += 1
        elif latency > 4 * <uint64_t>least + LATENCY_SLOW:
            self.shrink(registrar)

    cdef void shrink(self, Registrar *registrar) noexcept:
        """Half the window, not more often than every 100 ms: what was sent together is lost together."""
        if self.table.now < registrar.shrunk_at + 100 and registrar.shrunk_at:
            return
        registrar.shrunk_at = self.table.now
        registrar.progress = 0
        registrar.window = max(registrar.window // 2, <uint32_t>WINDOW_LEAST)

    cdef void unanswered(self, Registrar *registrar) noexcept:
        registrar.unanswered += 1
        self.shrink(registrar)

    cdef void count_success(self, Registrar *registrar) noexcept:
        """The registrar lives: any response but a 5xx says so."""
        registrar.failures = 0
        registrar.breaker_opened = 0
        if registrar.breaker != BREAKER_CLOSED:
            registrar.breaker = BREAKER_CLOSED
            if registrar.first != NULL:
                self.table.join_ring(registrar)

    cdef void count_failure(self, Registrar *registrar) noexcept:
        """No response, or a 5xx; after reg_breaker_failures of them in a row nothing is sent for a while."""
        cdef uint64_t wait
        registrar.failures += 1
        if self.settings.breaker_failures == 0 or registrar.breaker == BREAKER_OPEN:
            return
        if registrar.breaker == BREAKER_CLOSED and registrar.failures < self.settings.breaker_failures:
            return
        wait = (<uint64_t>self.settings.breaker_interval * 1000) << min(registrar.breaker_opened,
                                                                        <uint32_t>BREAKER_DOUBLINGS)
        registrar.breaker = BREAKER_OPEN
        registrar.breaker_opened += 1
        self.table.leave_ring(registrar)
        timer_wheel_start(&self.table.wheel, &registrar.timer, self.table.now + wait)

    cdef void breaker_due(self, Registrar *registrar) noexcept:
        """One attempt may show whether the registrar lives again."""
        if registrar.breaker == BREAKER_OPEN:
            registrar.breaker = BREAKER_HALF_OPEN
            if registrar.first != NULL:
                self.table.join_ring(registrar)
