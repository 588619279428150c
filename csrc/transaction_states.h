/* The four transaction state machines of RFC 3261 §17 with the corrections of RFC 6026, as data.
 * transaction_states.c can be held against the RFC line by line; what the actions do is in uacfast/tm/. */
#ifndef UACFAST_TRANSACTION_STATES_H
#define UACFAST_TRANSACTION_STATES_H
#include <stdint.h>

typedef enum { SERVER_INVITE, SERVER_NON_INVITE, CLIENT_INVITE, CLIENT_NON_INVITE, TRANSACTION_MACHINES } transaction_machine;

typedef enum {
    STATE_TRYING,        /* server non-INVITE, client non-INVITE */
    STATE_CALLING,       /* client INVITE */
    STATE_PROCEEDING,
    STATE_ACCEPTED,      /* INVITE, RFC 6026 */
    STATE_COMPLETED,
    STATE_CONFIRMED,     /* server INVITE */
    STATE_ABANDONED,     /* client INVITE whose timer B or C fired: not in the RFC's figure, but its §16.8 asks for it */
    STATE_TERMINATED,
    TRANSACTION_STATES
} transaction_state;

typedef enum {
    EVENT_REQUEST,       /* server: the request came again */
    EVENT_ACK,           /* server INVITE: ACK with the INVITE's branch */
    EVENT_SEND_1XX,      /* server: the transaction user answers */
    EVENT_SEND_2XX,
    EVENT_SEND_FINAL,    /* 300-699; for non-INVITE any final */
    EVENT_1XX,           /* client: a response came */
    EVENT_2XX,
    EVENT_FINAL,         /* 300-699; for non-INVITE any final */
    EVENT_RETRANSMIT,    /* timers A, E, G */
    EVENT_TIMEOUT,       /* timers B, F, H */
    EVENT_LINGER,        /* timers D, I, J, K, L, M: the state's stay is over */
    EVENT_TRANSPORT_ERROR,
    TRANSACTION_EVENTS
} transaction_event;

/* Actions, done in this order by the caller. */
enum {
    ACTION_SEND = 1 << 0,             /* send the response given (server) and keep it for repetition */
    ACTION_RESEND = 1 << 1,           /* send the last response (server) or the request (client) again */
    ACTION_PASS_UP = 1 << 2,          /* give the message to the transaction user */
    ACTION_SEND_ACK = 1 << 3,         /* hop-by-hop ACK to a 300-699 (RFC 3261 §17.1.1.3) */
    ACTION_STOP_RETRANSMIT = 1 << 4,
    ACTION_START_RETRANSMIT = 1 << 5, /* timer G */
    ACTION_BACK_OFF = 1 << 6,         /* next retransmission later (A, E, G) */
    ACTION_START_TIMEOUT = 1 << 7,    /* timer H */
    ACTION_RENEW_TIMEOUT = 1 << 8,    /* timer C, Kamailio's fr_inv_timer */
    ACTION_LINGER_LONG = 1 << 9,      /* timers D, J, L, M: 64*T1 */
    ACTION_LINGER_SHORT = 1 << 10,    /* timers I, K: T4 */
    ACTION_REPORT_TIMEOUT = 1 << 11,
    ACTION_REPORT_ERROR = 1 << 12,
    ACTION_DESTROY = 1 << 13
};

typedef struct {
    uint16_t actions;
    uint8_t next;        /* transaction_state */
    uint8_t defined;     /* 0: the event means nothing in this state; it stays as it is */
} transaction_step;

transaction_step transaction_states_step(transaction_machine machine, transaction_state state, transaction_event event);
#endif
