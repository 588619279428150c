/* Hierarchical timer wheel: O(1) start and stop, no allocation; timers are embedded in their owners. */
#ifndef UACFAST_TIMER_WHEEL_H
#define UACFAST_TIMER_WHEEL_H
#include <stdint.h>
#define TIMER_WHEEL_LEVELS 4
#define TIMER_WHEEL_LOW_BITS 12   /* the lowest level has 2^12 slots: at 10 ms a turn of 41 s, longer than Timer L */
#define TIMER_WHEEL_HIGH_BITS 8   /* the others 2^8 */
#define TIMER_WHEEL_SLOTS ((1 << TIMER_WHEEL_LOW_BITS) + (TIMER_WHEEL_LEVELS - 1) * (1 << TIMER_WHEEL_HIGH_BITS))
typedef struct timer_entry {
    struct timer_entry *next, **link;   /* link: what points at us; NULL when not running */
    uint64_t due;                       /* ms */
    uint32_t kind;                      /* the owner's meaning */
} timer_entry;
typedef struct {
    uint64_t now;                       /* ms, last advance */
    uint64_t tick;                      /* now / resolution */
    uint32_t resolution;                /* ms per tick */
    uint64_t running;                   /* timers running */
    timer_entry *slots[TIMER_WHEEL_SLOTS];     /* of all levels, one after the other */
    uint64_t used[TIMER_WHEEL_SLOTS / 64];     /* a bit for each slot that is not empty */
    timer_entry *expired, **expired_end;
} timer_wheel;
/* The wheel may not move in memory. A timer is zeroed before its first start. */
void timer_wheel_init(timer_wheel *wheel, uint64_t now, uint32_t resolution);
/* Starts or restarts; never fires before `due`, at most one tick late after an advance. A due in the past fires on the next advance. */
void timer_wheel_start(timer_wheel *wheel, timer_entry *timer, uint64_t due);
void timer_wheel_stop(timer_wheel *wheel, timer_entry *timer);           /* harmless when not running */
static inline int timer_is_running(const timer_entry *timer) { return timer->link != 0; }
/* Moves the clock; due timers queue up in order of tick. Then pop until NULL: a popped timer is no longer running and may
 * be started again, and callbacks may start and stop any other timer, queued ones included. */
void timer_wheel_advance(timer_wheel *wheel, uint64_t now);
timer_entry *timer_wheel_pop(timer_wheel *wheel);
/* ms until the wheel next needs an advance, at most `limit`. */
uint64_t timer_wheel_next(const timer_wheel *wheel, uint64_t limit);
#endif
