/* The callee: 100, 180 and after the ring time 200; 407 first when it wants credentials; 487 when cancelled; 200 for BYE
 * and OPTIONS. */
#define _GNU_SOURCE
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_reply(load *run, uint32_t number, const char *request, int length, const struct sockaddr_in *source,
                       const char *status, int parts)
{
    char *slot = batch_slot(&run->callee_out);
    batch_commit(&run->callee_out, write_reply(run, number, request, length, status, parts, slot), source);
}

static void send_answer(load *run, const call *that)
{
    char *slot = batch_slot(&run->callee_out);
    memcpy(slot, that->answer, that->answer_length);
    batch_commit(&run->callee_out, that->answer_length, &that->answer_to);
}

/* Sends the final reply of a ringing call and repeats it until its ACK comes (RFC 3261 §13.3.1.4, §17.2.1). */
void callee_answer(load *run, uint32_t number, int64_t now)
{
    call *that = &run->all[number];
    if (that->callee != CALLEE_RINGING)
        return;
    that->callee = CALLEE_ANSWERED;
    that->answered_at = now;
    send_answer(run, that);
    delay_push(&run->resend[0], now + T1_US, number, RESEND_ANSWER, 0);
}

void callee_resend(load *run, const delay_entry *entry, int64_t now)
{
    call *that = &run->all[entry->number];
    if (that->callee != CALLEE_ANSWERED || now - that->answered_at + T1_US > run->give_up_us)
        return;
    count_retransmission(run, &run->callee_retransmissions, now);
    send_answer(run, that);
    int level = entry->level < T2_LEVEL ? entry->level + 1 : entry->level;
    delay_push(&run->resend[level], now + (T1_US << level), entry->number, RESEND_ANSWER, level);
}

/* Whether the INVITE carries the right credentials; answers it when not. */
static int is_authenticated(load *run, uint32_t number, const char *request, int length,
                            const struct sockaddr_in *source)
{
    char nonce[64];
    const char *end, *value = find_header(request, length, "Proxy-Authorization", &end);
    snprintf(nonce, sizeof nonce, "%s-%u", run->run, number);
    if (!value) {
        send_reply(run, number, request, length, source, "407 Proxy Authentication Required",
                   REPLY_TO_TAG | REPLY_CHALLENGE);
        run->all[number].callee = CALLEE_CHALLENGED;
        return 0;
    }
    if (digest_is_right(value, end, "INVITE", TRUNK_USER, TRUNK_REALM, TRUNK_PASSWORD, nonce)) {
        run->authenticated++;
        return 1;
    }
    send_reply(run, number, request, length, source, "403 Wrong credentials", REPLY_TO_TAG);
    return 0;
}

static void on_invite(load *run, uint32_t number, const char *request, int length, const struct sockaddr_in *source,
                      int64_t now)
{
    call *that = &run->all[number];
    if (that->callee > CALLEE_CHALLENGED) {
        count_retransmission(run, &run->callee_retransmissions, now);
        if (that->callee == CALLEE_RINGING)
            send_reply(run, number, request, length, source, "180 Ringing",
                       REPLY_RECORD_ROUTE | REPLY_TO_TAG | REPLY_CONTACT);
        else if (that->callee == CALLEE_ANSWERED)
            send_answer(run, that);
        return;
    }
    if (run->scenario == SCENARIO_AUTH && !is_authenticated(run, number, request, length, source))
        return;
    send_reply(run, number, request, length, source, "100 Trying", 0);
    send_reply(run, number, request, length, source, "180 Ringing", REPLY_RECORD_ROUTE | REPLY_TO_TAG | REPLY_CONTACT);
    char text[DATAGRAM_MAX];
    int written = run->scenario == SCENARIO_CANCEL
                      ? write_reply(run, number, request, length, "487 Request Terminated", REPLY_TO_TAG, text)
                      : write_reply(run, number, request, length, "200 OK",
                                    REPLY_RECORD_ROUTE | REPLY_TO_TAG | REPLY_CONTACT | REPLY_BODY, text);
    that->answer = malloc(written + 1);
    if (!that->answer) {
        fprintf(stderr, "sip_load: out of memory\n");
        exit(3);
    }
    memcpy(that->answer, text, written);
    that->answer_length = (uint16_t)written;
    that->answer_to = *source;
    that->callee = CALLEE_RINGING;
    if (run->scenario != SCENARIO_CANCEL && !run->in_steps)
        delay_push(&run->ringing, now + run->ring_us, number, RESEND_ANSWER, 0);
}

static void forget_answer(call *that)
{
    free(that->answer);
    that->answer = NULL;
}

void callee_receive(load *run, const char *request, int length, const struct sockaddr_in *source, int64_t now)
{
    long found = call_number(run, request, length);
    if (found < 0) {
        run->unexpected++;
        return;
    }
    uint32_t number = (uint32_t)found;
    call *that = &run->all[number];
    if (run->scenario != SCENARIO_OPTIONS) {
        if (from_uri_is(request, length, run->replaced_from))
            run->hidden++;
        else
            run->shown++;
    }
    if (!strncmp(request, "INVITE ", 7)) {
        on_invite(run, number, request, length, source, now);
    } else if (!strncmp(request, "ACK ", 4)) {
        if (that->callee == CALLEE_ANSWERED) {
            that->callee = CALLEE_ACKNOWLEDGED;
            run->established++;
            forget_answer(that);
        }
    } else if (!strncmp(request, "BYE ", 4)) {
        if (that->callee == CALLEE_DONE)
            count_retransmission(run, &run->callee_retransmissions, now);
        that->callee = CALLEE_DONE;
        forget_answer(that);
        send_reply(run, number, request, length, source, "200 OK", 0);
    } else if (!strncmp(request, "CANCEL ", 7)) {
        send_reply(run, number, request, length, source, "200 OK", REPLY_TO_TAG);
        callee_answer(run, number, now);
    } else if (!strncmp(request, "OPTIONS ", 8)) {
        if (that->callee == CALLEE_DONE)
            count_retransmission(run, &run->callee_retransmissions, now);
        that->callee = CALLEE_DONE;
        send_reply(run, number, request, length, source, "200 OK", REPLY_TO_TAG);
    } else {
        run->unexpected++;
    }
}
