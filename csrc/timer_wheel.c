/* A level holds the timers that are less than its turn of ticks away, in slots of one turn of the level below. When the
 * clock enters a slot of a higher level its timers are placed again, lower: all at once, so the lowest level is long enough
 * for what every transaction starts. A bitmap of the slots in use makes a jump of the clock cost as much as the timers it
 * meets, not the ticks it passes. */
#include "timer_wheel.h"

#include <stddef.h>
#include <string.h>

#define HORIZON ((uint64_t)1 << shift_of(TIMER_WHEEL_LEVELS))   /* ticks */
_Static_assert(TIMER_WHEEL_LOW_BITS >= 6 && TIMER_WHEEL_HIGH_BITS >= 6, "a level begins at a word of the bitmap");

/* A slot of this level lasts 2^shift ticks. */
static inline int shift_of(int level)
{
    return level == 0 ? 0 : TIMER_WHEEL_LOW_BITS + TIMER_WHEEL_HIGH_BITS * (level - 1);
}

static inline size_t slots_of(int level)
{
    return (size_t)1 << (level == 0 ? TIMER_WHEEL_LOW_BITS : TIMER_WHEEL_HIGH_BITS);
}

/* The first slot of this level among all. */
static inline size_t first_of(int level)
{
    return level == 0 ? 0
                      : ((size_t)1 << TIMER_WHEEL_LOW_BITS) + (size_t)(level - 1) * ((size_t)1 << TIMER_WHEEL_HIGH_BITS);
}

/* The slot of this level that this tick is in, among all. */
static inline size_t slot_at(int level, uint64_t tick)
{
    return first_of(level) + (tick >> shift_of(level) & (slots_of(level) - 1));
}

static uint64_t tick_of(const timer_wheel *wheel, uint64_t due)
{
    return due / wheel->resolution + (due % wheel->resolution != 0);   /* rounded up: never early */
}

static void unlink_timer(timer_wheel *wheel, timer_entry *timer)
{
    *timer->link = timer->next;
    if (timer->next) {
        timer->next->link = timer->link;
    } else if (wheel->expired_end == &timer->next) {
        wheel->expired_end = timer->link;
    } else if (timer->link >= wheel->slots && timer->link < wheel->slots + TIMER_WHEEL_SLOTS) {
        size_t slot = (size_t)(timer->link - wheel->slots);   /* it was the only one there */
        wheel->used[slot / 64] &= ~((uint64_t)1 << slot % 64);
    }
    timer->link = NULL;
}

static void place(timer_wheel *wheel, timer_entry *timer)
{
    uint64_t tick = tick_of(wheel, timer->due);
    if (tick < wheel->tick)
        tick = wheel->tick;   /* the current slot is emptied by the next advance */
    if (tick - wheel->tick >= HORIZON)
        tick = wheel->tick + HORIZON - 1;   /* as far as it goes; placed again from there by its real due time */
    int level = 0;
    while (tick - wheel->tick >= (uint64_t)1 << shift_of(level + 1))
        level++;
    size_t slot = slot_at(level, tick);
    timer_entry **head = &wheel->slots[slot];
    timer->next = *head;
    timer->link = head;
    if (*head)
        (*head)->link = &timer->next;
    *head = timer;
    wheel->used[slot / 64] |= (uint64_t)1 << slot % 64;
}

static timer_entry *take_slot(timer_wheel *wheel, size_t slot)
{
    timer_entry *timers = wheel->slots[slot];
    wheel->slots[slot] = NULL;
    wheel->used[slot / 64] &= ~((uint64_t)1 << slot % 64);
    return timers;
}

/* The first slot in use from `slot` to before `end`, a multiple of 64; `end`: none. */
static size_t next_used(const timer_wheel *wheel, size_t slot, size_t end)
{
    if (slot >= end)
        return end;
    size_t word = slot / 64;
    uint64_t bits = wheel->used[word] & ~(uint64_t)0 << slot % 64;
    while (bits == 0) {
        if (++word == end / 64)
            return end;
        bits = wheel->used[word];
    }
    return word * 64 + (size_t)__builtin_ctzll(bits);
}

/* The next tick at which a timer expires or has to be placed lower; UINT64_MAX: none. */
static uint64_t next_event(const timer_wheel *wheel)
{
    for (int level = 0; level < TIMER_WHEEL_LEVELS; level++) {
        size_t first = first_of(level), end = first + slots_of(level), current = slot_at(level, wheel->tick);
        uint64_t turn = wheel->tick >> shift_of(level + 1);   /* how often the clock went round this level */
        size_t slot = next_used(wheel, current + 1, end);
        if (slot < end)
            return (turn << shift_of(level + 1)) + ((uint64_t)(slot - first) << shift_of(level));
        /* What is left on this level lies in its next turn, where higher levels may have something earlier. */
        if (next_used(wheel, first, end) < end) {
            uint64_t next_turn = (turn + 1) << shift_of(level + 1);
            return next_turn > wheel->tick ? next_turn : UINT64_MAX;
        }
    }
    return UINT64_MAX;
}

/* Places the timers of the higher slots that begin at the current tick again. */
static void cascade(timer_wheel *wheel)
{
    int top = 0;
    while (top + 1 < TIMER_WHEEL_LEVELS && (wheel->tick & (((uint64_t)1 << shift_of(top + 1)) - 1)) == 0)
        top++;
    for (int level = top; level > 0; level--) {
        timer_entry *timer = take_slot(wheel, slot_at(level, wheel->tick));
        while (timer) {
            timer_entry *next = timer->next;
            place(wheel, timer);
            timer = next;
        }
    }
}

static void expire(timer_wheel *wheel)
{
    timer_entry *timer = take_slot(wheel, slot_at(0, wheel->tick));
    if (!timer)
        return;
    timer->link = wheel->expired_end;
    *wheel->expired_end = timer;
    while (timer->next)
        timer = timer->next;
    wheel->expired_end = &timer->next;
}

void timer_wheel_init(timer_wheel *wheel, uint64_t now, uint32_t resolution)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->resolution = resolution ? resolution : 1;
    wheel->now = now;
    wheel->tick = now / wheel->resolution;
    wheel->expired_end = &wheel->expired;
}

void timer_wheel_start(timer_wheel *wheel, timer_entry *timer, uint64_t due)
{
    if (timer->link)
        unlink_timer(wheel, timer);
    else
        wheel->running++;
    timer->due = due;
    place(wheel, timer);
}

void timer_wheel_stop(timer_wheel *wheel, timer_entry *timer)
{
    if (!timer->link)
        return;
    unlink_timer(wheel, timer);
    wheel->running--;
}

void timer_wheel_advance(timer_wheel *wheel, uint64_t now)
{
    if (now > wheel->now)   /* a clock that steps back stands still here */
        wheel->now = now;
    uint64_t end = wheel->now / wheel->resolution;
    for (;;) {
        expire(wheel);
        uint64_t next = next_event(wheel);
        if (next > end)
            break;
        wheel->tick = next;
        cascade(wheel);
    }
    wheel->tick = end;
}

timer_entry *timer_wheel_pop(timer_wheel *wheel)
{
    timer_entry *timer = wheel->expired;
    if (timer) {
        unlink_timer(wheel, timer);
        wheel->running--;
    }
    return timer;
}

uint64_t timer_wheel_next(const timer_wheel *wheel, uint64_t limit)
{
    if (wheel->expired || wheel->slots[slot_at(0, wheel->tick)])
        return 0;
    uint64_t tick = next_event(wheel);
    if (tick > UINT64_MAX / wheel->resolution)
        return limit;
    uint64_t wait = tick * wheel->resolution - wheel->now;
    return wait < limit ? wait : limit;
}
