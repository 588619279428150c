"""Timers and switches of the transaction layer."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.tm.table cimport Transaction


cdef class TransactionSettings:
    cdef public uint32_t faked_reply_prio, retr_timer1, retr_timer2, fr_timer, fr_inv_timer, max_inv_lifetime, max_noninv_lifetime
    cdef public uint32_t wt_timer
    cdef public bint relay_100, noninv_timeout_408, disable_6xx_block, failover_503
    cdef public bytes server_line

    cdef uint64_t sixty_four_t1(self) noexcept

    cdef inline uint32_t t1(self, const Transaction *transaction) noexcept:
        return transaction.retr_timer1 if transaction.retr_timer1 else self.retr_timer1

    cdef inline uint32_t t2(self, const Transaction *transaction) noexcept:
        return transaction.retr_timer2 if transaction.retr_timer2 else self.retr_timer2
