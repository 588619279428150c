from libc.stdint cimport uint32_t, uint64_t


cdef extern from "timer_wheel.h" nogil:
    ctypedef struct timer_entry:
        timer_entry *next
        timer_entry **link
        uint64_t due
        uint32_t kind

    ctypedef struct timer_wheel:
        uint64_t now
        uint64_t tick
        uint32_t resolution
        uint64_t running

    void timer_wheel_init(timer_wheel *wheel, uint64_t now, uint32_t resolution)
    void timer_wheel_start(timer_wheel *wheel, timer_entry *timer, uint64_t due)
    void timer_wheel_stop(timer_wheel *wheel, timer_entry *timer)
    bint timer_is_running(const timer_entry *timer)
    void timer_wheel_advance(timer_wheel *wheel, uint64_t now)
    timer_entry *timer_wheel_pop(timer_wheel *wheel)
    uint64_t timer_wheel_next(const timer_wheel *wheel, uint64_t limit)
