"""Timers and switches of the transaction layer, by Kamailio's names (tm module), all in milliseconds."""


cdef class TransactionSettings:
    """One per worker, shared by all parts of the layer, so that a reload changes one place.

    retr_timer1: T1; retr_timer2: T2; fr_timer: no response at all; fr_inv_timer: after a provisional one;
    faked_reply_prio: 0 lets a 408 or 503 of our own rank like a received one, else it ranks below it within its class;
    wt_timer: how long finished transactions stay to absorb repetitions (timers D, J, L, M of RFC 3261 and RFC 6026).
    """

    def __init__(self):
        self.retr_timer1 = 500
        self.retr_timer2 = 4000
        self.fr_timer = 30000
        self.fr_inv_timer = 120000
        self.max_inv_lifetime = 180000
        self.max_noninv_lifetime = 32000
        self.wt_timer = 32000
        self.faked_reply_prio = 2000
        self.noninv_timeout_408 = True
        self.failover_503 = True
        self.server_line = b""

    cdef uint64_t sixty_four_t1(self) noexcept:
        return 64 * <uint64_t>self.retr_timer1
