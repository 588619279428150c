#include "transaction_states.h"

#define ON(state, event, actions, next) [STATE_##state][EVENT_##event] = {(actions), STATE_##next, 1}

static const transaction_step tables[TRANSACTION_MACHINES][TRANSACTION_STATES][TRANSACTION_EVENTS] = {

    /* RFC 3261 §17.2.1, figure 7, as changed by RFC 6026 §7.1 */
    [SERVER_INVITE] = {
        ON(PROCEEDING, REQUEST,         ACTION_RESEND,                                        PROCEEDING),
        ON(PROCEEDING, SEND_1XX,        ACTION_SEND,                                          PROCEEDING),
        ON(PROCEEDING, SEND_2XX,        ACTION_SEND | ACTION_LINGER_LONG,                     ACCEPTED),
        ON(PROCEEDING, SEND_FINAL,      ACTION_SEND | ACTION_START_RETRANSMIT | ACTION_START_TIMEOUT, COMPLETED),
        ON(PROCEEDING, TRANSPORT_ERROR, ACTION_REPORT_ERROR,                                  PROCEEDING),
        ON(ACCEPTED,   REQUEST,         0,                                                    ACCEPTED),
        ON(ACCEPTED,   SEND_2XX,        ACTION_SEND,                                          ACCEPTED),
        ON(ACCEPTED,   ACK,             ACTION_PASS_UP,                                       ACCEPTED),
        ON(ACCEPTED,   LINGER,          ACTION_DESTROY,                                       TERMINATED),
        ON(ACCEPTED,   TRANSPORT_ERROR, ACTION_REPORT_ERROR,                                  ACCEPTED),
        ON(COMPLETED,  REQUEST,         ACTION_RESEND,                                        COMPLETED),
        /* RFC 3261 §16.7 steps 5 and 9: a 2xx that comes after another final response is forwarded all the same */
        ON(COMPLETED,  SEND_2XX,        ACTION_SEND,                                          COMPLETED),
        ON(CONFIRMED,  SEND_2XX,        ACTION_SEND,                                          CONFIRMED),
        ON(TERMINATED, SEND_2XX,        ACTION_SEND,                                          TERMINATED),
        ON(COMPLETED,  RETRANSMIT,      ACTION_RESEND | ACTION_BACK_OFF,                      COMPLETED),
        ON(COMPLETED,  ACK,             ACTION_STOP_RETRANSMIT | ACTION_LINGER_SHORT,         CONFIRMED),
        ON(COMPLETED,  TIMEOUT,         ACTION_REPORT_TIMEOUT | ACTION_DESTROY,               TERMINATED),
        ON(COMPLETED,  TRANSPORT_ERROR, ACTION_REPORT_ERROR,                                  COMPLETED),
        ON(CONFIRMED,  REQUEST,         0,                                                    CONFIRMED),
        ON(CONFIRMED,  ACK,             0,                                                    CONFIRMED),
        ON(CONFIRMED,  LINGER,          ACTION_DESTROY,                                       TERMINATED),
    },

    /* RFC 3261 §17.2.2, figure 8 */
    [SERVER_NON_INVITE] = {
        ON(TRYING,     REQUEST,         0,                                                    TRYING),
        ON(TRYING,     SEND_1XX,        ACTION_SEND,                                          PROCEEDING),
        ON(TRYING,     SEND_FINAL,      ACTION_SEND | ACTION_LINGER_LONG,                     COMPLETED),
        ON(PROCEEDING, REQUEST,         ACTION_RESEND,                                        PROCEEDING),
        ON(PROCEEDING, SEND_1XX,        ACTION_SEND,                                          PROCEEDING),
        ON(PROCEEDING, SEND_FINAL,      ACTION_SEND | ACTION_LINGER_LONG,                     COMPLETED),
        ON(PROCEEDING, TRANSPORT_ERROR, ACTION_REPORT_ERROR,                                  PROCEEDING),
        ON(COMPLETED,  REQUEST,         ACTION_RESEND,                                        COMPLETED),
        ON(COMPLETED,  LINGER,          ACTION_DESTROY,                                       TERMINATED),
        ON(COMPLETED,  TRANSPORT_ERROR, ACTION_REPORT_ERROR,                                  COMPLETED),
    },

    /* RFC 3261 §17.1.1, figure 5, as changed by RFC 6026 §7.2 */
    [CLIENT_INVITE] = {
        ON(CALLING,    RETRANSMIT,      ACTION_RESEND | ACTION_BACK_OFF,                      CALLING),
        ON(CALLING,    TIMEOUT,         ACTION_REPORT_TIMEOUT | ACTION_STOP_RETRANSMIT | ACTION_LINGER_LONG, ABANDONED),
        ON(CALLING,    TRANSPORT_ERROR, ACTION_REPORT_ERROR | ACTION_STOP_RETRANSMIT,         TERMINATED),
        ON(CALLING,    1XX,             ACTION_PASS_UP | ACTION_STOP_RETRANSMIT | ACTION_RENEW_TIMEOUT, PROCEEDING),
        ON(CALLING,    2XX,             ACTION_PASS_UP | ACTION_STOP_RETRANSMIT | ACTION_LINGER_LONG,   ACCEPTED),
        ON(CALLING,    FINAL,           ACTION_SEND_ACK | ACTION_PASS_UP | ACTION_STOP_RETRANSMIT | ACTION_LINGER_LONG, COMPLETED),
        ON(PROCEEDING, 1XX,             ACTION_PASS_UP | ACTION_RENEW_TIMEOUT,                PROCEEDING),
        ON(PROCEEDING, 2XX,             ACTION_PASS_UP | ACTION_LINGER_LONG,                  ACCEPTED),
        ON(PROCEEDING, FINAL,           ACTION_SEND_ACK | ACTION_PASS_UP | ACTION_LINGER_LONG, COMPLETED),
        ON(PROCEEDING, TIMEOUT,         ACTION_REPORT_TIMEOUT | ACTION_LINGER_LONG,           ABANDONED),
        /* §16.8: the branch counts as answered 408, it is cancelled, and its late answers are still dealt with */
        ON(ABANDONED,  1XX,             0,                                                    ABANDONED),
        ON(ABANDONED,  2XX,             ACTION_PASS_UP | ACTION_LINGER_LONG,                  ACCEPTED),
        ON(ABANDONED,  FINAL,           ACTION_SEND_ACK | ACTION_LINGER_LONG,                 COMPLETED),
        ON(ABANDONED,  LINGER,          ACTION_DESTROY,                                       TERMINATED),
        ON(ACCEPTED,   2XX,             ACTION_PASS_UP,                                       ACCEPTED),
        ON(ACCEPTED,   FINAL,           0,                                                    ACCEPTED),
        ON(ACCEPTED,   LINGER,          ACTION_DESTROY,                                       TERMINATED),
        ON(COMPLETED,  FINAL,           ACTION_SEND_ACK,                                      COMPLETED),
        ON(COMPLETED,  LINGER,          ACTION_DESTROY,                                       TERMINATED),
        ON(COMPLETED,  TRANSPORT_ERROR, 0,                                                    COMPLETED),
    },

    /* RFC 3261 §17.1.2, figure 6 */
    [CLIENT_NON_INVITE] = {
        ON(TRYING,     RETRANSMIT,      ACTION_RESEND | ACTION_BACK_OFF,                      TRYING),
        ON(TRYING,     TIMEOUT,         ACTION_REPORT_TIMEOUT | ACTION_STOP_RETRANSMIT,       TERMINATED),
        ON(TRYING,     TRANSPORT_ERROR, ACTION_REPORT_ERROR | ACTION_STOP_RETRANSMIT,         TERMINATED),
        ON(TRYING,     1XX,             ACTION_PASS_UP,                                       PROCEEDING),
        ON(TRYING,     FINAL,           ACTION_PASS_UP | ACTION_STOP_RETRANSMIT | ACTION_LINGER_SHORT, COMPLETED),
        ON(PROCEEDING, RETRANSMIT,      ACTION_RESEND | ACTION_BACK_OFF,                      PROCEEDING),
        ON(PROCEEDING, TIMEOUT,         ACTION_REPORT_TIMEOUT | ACTION_STOP_RETRANSMIT,       TERMINATED),
        ON(PROCEEDING, TRANSPORT_ERROR, ACTION_REPORT_ERROR | ACTION_STOP_RETRANSMIT,         TERMINATED),
        ON(PROCEEDING, 1XX,             ACTION_PASS_UP,                                       PROCEEDING),
        ON(PROCEEDING, FINAL,           ACTION_PASS_UP | ACTION_STOP_RETRANSMIT | ACTION_LINGER_SHORT, COMPLETED),
        ON(COMPLETED,  FINAL,           0,                                                    COMPLETED),
        ON(COMPLETED,  LINGER,          ACTION_DESTROY,                                       TERMINATED),
    },
};

transaction_step transaction_states_step(transaction_machine machine, transaction_state state, transaction_event event)
{
    transaction_step step = tables[machine][state][event];

    if (!step.defined)
        step.next = (uint8_t)state;
    return step;
}
