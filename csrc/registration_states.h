/* The life of a remote registration as data (RFC 3261 §10.2, uac-semantics §4.5 and §4.6). Every state has an exit by
 * message and one by time; what the actions do is in uacfast/uac/registration/. */
#ifndef UACFAST_REGISTRATION_STATES_H
#define UACFAST_REGISTRATION_STATES_H
#include <stdint.h>

typedef enum {
    REGISTRATION_UNREGISTERED,        /* no binding; the next attempt has its time, unless nothing is asked for */
    REGISTRATION_IN_PROGRESS,         /* REGISTER sent */
    REGISTRATION_AUTHENTICATING,      /* REGISTER with credentials sent */
    REGISTRATION_REGISTERED,          /* the registrar holds our binding */
    REGISTRATION_REFRESHING,          /* as IN_PROGRESS, and the binding still holds */
    REGISTRATION_REAUTHENTICATING,    /* as AUTHENTICATING, and the binding still holds */
    REGISTRATION_FAILED,              /* refused or not answered; the retry has its time */
    REGISTRATION_DISABLED,            /* by a command, or after a failure without reg_retry_interval */
    REGISTRATION_STATES
} registration_state;

typedef enum {
    REGISTRATION_DUE,                 /* time: the next attempt */
    REGISTRATION_OVERDUE,             /* time: no final response ever came; must not happen, is counted */
    REGISTRATION_EXPIRED,             /* time: what the registrar granted is over */
    REGISTRATION_ACCEPTED,            /* message: 200 with our Contact */
    REGISTRATION_UNBOUND,             /* message: 200 that does not show our Contact, or says it is gone */
    REGISTRATION_CHALLENGED,          /* message: 401 or 407 that we can answer */
    REGISTRATION_TOO_BRIEF,           /* message: 423 */
    REGISTRATION_REFUSED,             /* message: any other final response, or none within the transaction's time */
    REGISTRATION_GIVEN_UP,            /* the same without reg_retry_interval */
    REGISTRATION_ENABLE,              /* command */
    REGISTRATION_DISABLE,             /* command */
    REGISTRATION_RESTART,             /* command: register now, unregister now, or the row has changed */
    REGISTRATION_EVENTS
} registration_event;

/* Actions, done in this order. */
enum {
    REGISTRATION_GO_OFFLINE = 1 << 0, /* the binding no longer counts */
    REGISTRATION_COUNT_STUCK = 1 << 1,
    REGISTRATION_GRANT = 1 << 2,      /* note for how long, schedule the refresh */
    REGISTRATION_RAISE = 1 << 3,      /* take over Min-Expires, try again */
    REGISTRATION_AGAIN = 1 << 4,      /* try again after reg_timer_interval */
    REGISTRATION_RETRY = 1 << 5,      /* try again after the time that the failure asks for */
    REGISTRATION_BAR = 1 << 6,        /* set the flag DISABLED */
    REGISTRATION_UNBAR = 1 << 7,      /* clear it, try soon */
    REGISTRATION_ANSWER = 1 << 8,     /* send again with credentials */
    REGISTRATION_SEND = 1 << 9,       /* begin an attempt, when its registrar can take it */
    REGISTRATION_LATER = 1 << 10      /* an attempt is under way: what is asked happens at its end */
};

typedef struct {
    uint16_t actions;
    uint8_t next;                     /* registration_state */
    uint8_t defined;                  /* 0: the event means nothing in this state; it stays as it is */
} registration_step;

registration_step registration_states_step(registration_state state, registration_event event);

/* Whether a transaction is under way in this state. */
static inline int registration_is_ongoing(registration_state state)
{
    return state == REGISTRATION_IN_PROGRESS || state == REGISTRATION_AUTHENTICATING ||
           state == REGISTRATION_REFRESHING || state == REGISTRATION_REAUTHENTICATING;
}
#endif
