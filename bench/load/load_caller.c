/* The caller: INVITE, ACK, BYE, CANCEL and OPTIONS, with RFC 3261 §17.1 retransmission. */
#define _GNU_SOURCE
#include "load.h"
#include <stdlib.h>
#include <string.h>

void count_retransmission(load *run, long *counter, int64_t now)
{
    ++*counter;
    if (now - run->started_at >= run->measure_from_us)
        run->steady_retransmissions++;
}

/* Delays are kept for calls that began after the warm-up. */
static void sample(load *run, samples *kept, const call *that, int64_t delay)
{
    if (that->sent_at - run->started_at >= run->measure_from_us)
        kept->values[kept->count++] = (float)delay;
}

static void finish(load *run, call *that, int ok)
{
    if (that->caller >= CALLER_DONE)
        return;
    that->caller = ok ? CALLER_DONE : CALLER_FAILED;
    if (ok)
        run->ok++;
    else
        run->failed++;
    free(that->remote_target);
    free(that->route_set);
    that->remote_target = that->route_set = NULL;
}

static void send_first(load *run, uint32_t number)
{
    char *slot = batch_slot(&run->caller_out);
    batch_commit(&run->caller_out, write_first_request(run, number, slot), &run->proxy);
}

static void send_hop(load *run, uint32_t number, const char *method)
{
    char *slot = batch_slot(&run->caller_out);
    batch_commit(&run->caller_out, write_hop_request(run, number, method, slot), &run->proxy);
}

static void send_in_dialog(load *run, uint32_t number, const char *method, int cseq, int branch)
{
    char *slot = batch_slot(&run->caller_out);
    batch_commit(&run->caller_out, write_next_request(run, number, method, cseq, branch, slot), &run->proxy);
}

static void send_release(load *run, uint32_t number)
{
    if (run->scenario == SCENARIO_CANCEL)
        send_hop(run, number, "CANCEL");
    else
        send_in_dialog(run, number, "BYE", 2, 2);
}

void caller_start(load *run, uint32_t number, int64_t now)
{
    call *that = &run->all[number];
    that->sent_at = now;
    that->caller = CALLER_SENT;
    if (now - run->started_at >= run->measure_from_us)
        run->steady_calls++;
    send_first(run, number);
    delay_push(&run->resend[0], now + T1_US, number, RESEND_FIRST_REQUEST, 0);
}

/* BYE for an answered call, CANCEL for a ringing one. */
void caller_release(load *run, uint32_t number, int64_t now)
{
    call *that = &run->all[number];
    caller_state expected = run->scenario == SCENARIO_CANCEL ? CALLER_PROCEEDING : CALLER_ANSWERED;
    if (that->caller != expected)
        return;
    that->caller = CALLER_RELEASING;
    that->released_at = now;
    send_release(run, number);
    delay_push(&run->resend[0], now + T1_US, number, RESEND_RELEASE, 0);
}

void caller_resend(load *run, const delay_entry *entry, int64_t now)
{
    call *that = &run->all[entry->number];
    int is_first = entry->kind == RESEND_FIRST_REQUEST;
    if (is_first ? that->caller != CALLER_SENT : that->caller != CALLER_RELEASING || that->cancel_answered)
        return;
    if (now - (is_first ? that->sent_at : that->released_at) + T1_US > run->give_up_us) {
        finish(run, that, 0);   /* Timer B or F */
        return;
    }
    count_retransmission(run, &run->retransmissions, now);
    if (is_first)
        send_first(run, entry->number);
    else
        send_release(run, entry->number);
    int is_invite = is_first && run->scenario != SCENARIO_OPTIONS;
    int level = entry->level < (is_invite ? BACKOFF_LEVELS - 1 : T2_LEVEL) ? entry->level + 1 : entry->level;
    delay_push(&run->resend[level], now + (T1_US << level), entry->number, entry->kind, level);
}

static void check_restored(load *run, uint32_t number, const char *reply, int length)
{
    char from[64];
    original_from(number, from);
    if (from_uri_is(reply, length, from))
        run->restored++;
    else
        run->unrestored++;
}

static void keep_to_tag(call *that, const char *reply, int length)
{
    const char *end, *value = find_header(reply, length, "To", &end);
    const char *tag = value ? memmem(value, end - value, ";tag=", 5) : NULL;
    if (!tag)
        return;
    size_t kept = 0;
    for (tag += 5; tag < end && *tag != ';' && kept < sizeof that->to_tag - 1; tag++)
        that->to_tag[kept++] = *tag;
    that->to_tag[kept] = 0;
}

static void invite_answered(load *run, uint32_t number, const char *reply, int length, int64_t now)
{
    call *that = &run->all[number];
    if (that->caller == CALLER_ANSWERED || that->caller == CALLER_RELEASING) {
        send_in_dialog(run, number, "ACK", 1, 1);   /* the 200 again: so is the ACK (RFC 3261 §13.2.2.4) */
        return;
    }
    if (that->caller > CALLER_RELEASING)
        return;
    sample(run, &run->setup, that, now - that->sent_at - run->ring_us);
    keep_to_tag(that, reply, length);
    const char *end, *contact = find_header(reply, length, "Contact", &end);
    const char *open = contact ? memchr(contact, '<', end - contact) : NULL;
    const char *close = open ? memchr(open, '>', end - open) : NULL;
    if (close)
        that->remote_target = strndup(open + 1, close - open - 1);
    that->route_set = route_set_of(reply, length);
    that->caller = CALLER_ANSWERED;
    send_in_dialog(run, number, "ACK", 1, 1);
    if (!run->in_steps)
        delay_push(&run->holding, now + run->hold_us, number, RESEND_RELEASE, 0);
}

static void invite_reply(load *run, uint32_t number, int status, const char *reply, int length, int64_t now)
{
    call *that = &run->all[number];
    if (status < 200) {
        if (that->caller == CALLER_SENT)
            that->caller = CALLER_PROCEEDING;
        if (status == 180 && !that->rang) {
            that->rang = 1;
            run->rang++;
            sample(run, &run->post_dial, that, now - that->sent_at);
            if (run->scenario == SCENARIO_CANCEL)
                delay_push(&run->holding, now + run->hold_us, number, RESEND_RELEASE, 0);
        }
    } else if (status < 300) {
        invite_answered(run, number, reply, length, now);
    } else {
        keep_to_tag(that, reply, length);
        send_hop(run, number, "ACK");
        int expected = run->scenario == SCENARIO_CANCEL && status == 487 && that->caller == CALLER_RELEASING;
        if (expected)
            sample(run, &run->release, that, now - that->released_at);
        else if (that->caller < CALLER_DONE)
            run->last_refusal = status;
        finish(run, that, expected);
    }
}

void caller_receive(load *run, const char *reply, int length, int64_t now)
{
    long number = call_number(run, reply, length);
    const char *end, *cseq = number < 0 ? NULL : find_header(reply, length, "CSeq", &end);
    const char *method = cseq ? memchr(cseq, ' ', end - cseq) : NULL;
    if (!method || length < 12 || strncmp(reply, "SIP/2.0 ", 8) != 0) {
        run->unexpected++;
        return;
    }
    call *that = &run->all[number];
    int status = atoi(reply + 8);
    check_restored(run, (uint32_t)number, reply, length);
    switch (method[1]) {
    case 'I':
        invite_reply(run, (uint32_t)number, status, reply, length, now);
        break;
    case 'B':
        if (status >= 200 && that->caller == CALLER_RELEASING) {
            sample(run, &run->release, that, now - that->released_at);
            if (status >= 300)
                run->last_refusal = status;
            finish(run, that, status < 300);
        }
        break;
    case 'C':
        that->cancel_answered |= status >= 200;
        break;
    case 'O':
        if (status >= 200 && that->caller < CALLER_DONE) {
            sample(run, &run->setup, that, now - that->sent_at);
            if (status >= 300)
                run->last_refusal = status;
            finish(run, that, status < 300);
        }
        break;
    default:
        run->unexpected++;
    }
}
