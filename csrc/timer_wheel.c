/* Level n holds the timers that are less than 256^(n+1) ticks away, in slots of 256^n ticks. When the clock enters a
 * slot of a higher level its timers are placed again, lower. A bitmap of the slots in use makes a jump of the clock cost
 * as much as the timers it meets, not the ticks it passes. */
#include "timer_wheel.h"

#include <stddef.h>
#include <string.h>

#define SLOT_BITS 8
#define SLOT_MASK (TIMER_WHEEL_SLOTS - 1)
#define HORIZON ((uint64_t)1 << (SLOT_BITS * TIMER_WHEEL_LEVELS))   /* ticks */
_Static_assert(TIMER_WHEEL_SLOTS == 1 << SLOT_BITS, "one slot index is SLOT_BITS wide");

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
    } else if (timer->link >= &wheel->slots[0][0] &&
               timer->link < &wheel->slots[0][0] + TIMER_WHEEL_LEVELS * TIMER_WHEEL_SLOTS) {
        size_t slot = (size_t)(timer->link - &wheel->slots[0][0]);   /* it was the only one there */
        wheel->used[slot / TIMER_WHEEL_SLOTS][slot % TIMER_WHEEL_SLOTS / 64] &= ~((uint64_t)1 << slot % 64);
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
    while (tick - wheel->tick >= (uint64_t)1 << (SLOT_BITS * (level + 1)))
        level++;
    size_t slot = tick >> (SLOT_BITS * level) & SLOT_MASK;
    timer_entry **head = &wheel->slots[level][slot];
    timer->next = *head;
    timer->link = head;
    if (*head)
        (*head)->link = &timer->next;
    *head = timer;
    wheel->used[level][slot / 64] |= (uint64_t)1 << slot % 64;
}

static timer_entry *take_slot(timer_wheel *wheel, int level, size_t slot)
{
    timer_entry *timers = wheel->slots[level][slot];
    wheel->slots[level][slot] = NULL;
    wheel->used[level][slot / 64] &= ~((uint64_t)1 << slot % 64);
    return timers;
}

/* The first slot in use behind `slot`, or -1. */
static int next_used(const uint64_t used[TIMER_WHEEL_SLOTS / 64], size_t slot)
{
    if (++slot == TIMER_WHEEL_SLOTS)
        return -1;
    size_t word = slot / 64;
    uint64_t bits = used[word] & ~(uint64_t)0 << slot % 64;
    while (bits == 0) {
        if (++word == TIMER_WHEEL_SLOTS / 64)
            return -1;
        bits = used[word];
    }
    return (int)(word * 64) + __builtin_ctzll(bits);
}

/* The next tick at which a timer expires or has to be placed lower; UINT64_MAX: none. */
static uint64_t next_event(const timer_wheel *wheel)
{
    for (int level = 0; level < TIMER_WHEEL_LEVELS; level++) {
        const uint64_t *used = wheel->used[level];
        uint64_t position = wheel->tick >> (SLOT_BITS * level);
        int slot = next_used(used, position & SLOT_MASK);
        if (slot >= 0)
            return ((position & ~(uint64_t)SLOT_MASK) + (uint64_t)slot) << (SLOT_BITS * level);
        /* What is left on this level lies in its next turn, where higher levels may have something earlier. */
        if (used[0] | used[1] | used[2] | used[3]) {
            uint64_t turn = ((position >> SLOT_BITS) + 1) << (SLOT_BITS * (level + 1));
            return turn > wheel->tick ? turn : UINT64_MAX;
        }
    }
    return UINT64_MAX;
}
_Static_assert(TIMER_WHEEL_SLOTS == 4 * 64, "next_event tests four words");

/* Places the timers of the higher slots that begin at the current tick again. */
static void cascade(timer_wheel *wheel)
{
    int top = 0;
    while (top + 1 < TIMER_WHEEL_LEVELS && (wheel->tick & (((uint64_t)1 << (SLOT_BITS * (top + 1))) - 1)) == 0)
        top++;
    for (int level = top; level > 0; level--) {
        timer_entry *timer = take_slot(wheel, level, wheel->tick >> (SLOT_BITS * level) & SLOT_MASK);
        while (timer) {
            timer_entry *next = timer->next;
            place(wheel, timer);
            timer = next;
        }
    }
}

static void expire(timer_wheel *wheel)
{
    timer_entry *timer = take_slot(wheel, 0, wheel->tick & SLOT_MASK);
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
    size_t slot = wheel->tick & SLOT_MASK;
    if (wheel->expired || wheel->slots[0][slot])
        return 0;
    uint64_t tick = next_event(wheel);
    if (tick > UINT64_MAX / wheel->resolution)
        return limit;
    uint64_t wait = tick * wheel->resolution - wheel->now;
    return wait < limit ? wait : limit;
}
