"""Timers and switches of the transaction layer."""
from libc.stdint cimport uint32_t, uint64_t


cdef class TransactionSettings:
    cdef public uint32_t faked_reply_prio, retr_timer1, retr_timer2, fr_timer, fr_inv_timer, max_inv_lifetime, max_noninv_lifetime
    cdef public uint32_t wt_timer
    cdef public bint relay_100, noninv_timeout_408, disable_6xx_block, failover_503
    cdef public bytes server_line

    cdef uint64_t sixty_four_t1(self) noexcept
