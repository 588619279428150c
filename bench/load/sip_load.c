/* sip_load: SIP load generator, caller and callee in one process (a pair of SIPp processes costs more CPU than the
 * proxies under test). Calls start evenly paced; one JSON object on standard output says how they went.
 * Exit status: 0 all calls right, 1 some failed, 2 usage, 3 no socket or memory. */
#define _GNU_SOURCE
#include "load.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { WATCH_CALLER, WATCH_CALLEE, WATCH_INPUT };

/* in_steps: which series is being paced, and the pauses in between that end with a line on standard input. */
typedef enum { STEP_CREATE, STEP_RINGING, STEP_ANSWER, STEP_ESTABLISHED, STEP_RELEASE } step_id;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void usage(void)
{
    fprintf(stderr,
            "usage: sip_load --caller-port P --proxy-port P --callee-port P --rate CALLS_PER_SECOND --calls N\n"
            "  [--scenario basic|auth|cancel|options]  [--ring-ms 20]  180 to 200   [--hold-ms 20]  ACK to BYE, 180 to CANCEL\n"
            "  [--measure-from-s 0]  delays and steady_* count from here   [--give-up-s 32]  RFC 3261 64 * T1\n"
            "  [--replaced-from sip:anon@edge.example]   [--steps]  ring all, answer all, release all; a line on\n"
            "  standard input starts the next step, {\"step\": ...} on standard output says that one is reached\n");
    exit(2);
}

static void parse_options(load *run, int count, char **arguments)
{
    static const struct option names[] = {
        {"scenario", 1, 0, 's'}, {"caller-port", 1, 0, 'c'}, {"proxy-port", 1, 0, 'p'}, {"callee-port", 1, 0, 'd'},
        {"rate", 1, 0, 'r'}, {"calls", 1, 0, 'n'}, {"ring-ms", 1, 0, 'i'}, {"hold-ms", 1, 0, 'h'},
        {"measure-from-s", 1, 0, 'm'}, {"give-up-s", 1, 0, 'g'}, {"replaced-from", 1, 0, 'f'}, {"steps", 0, 0, 't'},
        {0, 0, 0, 0}};
    run->ring_us = run->hold_us = 20000;
    run->give_up_us = 64 * T1_US;
    run->replaced_from = "sip:anon@edge.example";
    for (int option; (option = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (option) {
        case 's':
            if (!strcmp(optarg, "basic"))
                run->scenario = SCENARIO_BASIC;
            else if (!strcmp(optarg, "auth"))
                run->scenario = SCENARIO_AUTH;
            else if (!strcmp(optarg, "cancel"))
                run->scenario = SCENARIO_CANCEL;
            else if (!strcmp(optarg, "options"))
                run->scenario = SCENARIO_OPTIONS;
            else
                usage();
            break;
        case 'c': run->caller_port = (uint16_t)atoi(optarg); break;
        case 'p': run->proxy_port = (uint16_t)atoi(optarg); break;
        case 'd': run->callee_port = (uint16_t)atoi(optarg); break;
        case 'r': run->rate = atof(optarg); break;
        case 'n': run->calls = atol(optarg); break;
        case 'i': run->ring_us = (int64_t)(atof(optarg) * 1e3); break;
        case 'h': run->hold_us = (int64_t)(atof(optarg) * 1e3); break;
        case 'm': run->measure_from_us = (int64_t)(atof(optarg) * 1e6); break;
        case 'g': run->give_up_us = (int64_t)(atof(optarg) * 1e6); break;
        case 'f': run->replaced_from = optarg; break;
        case 't': run->in_steps = 1; break;
        default: usage();
        }
    }
    if (!run->caller_port || !run->proxy_port || !run->callee_port || run->rate <= 0 || run->calls <= 0 ||
        run->calls > UINT32_MAX || optind != count || (run->in_steps && run->scenario != SCENARIO_BASIC))
        usage();
}

static void allocate(load *run)
{
    run->all = calloc(run->calls, sizeof *run->all);
    samples *all[] = {&run->post_dial, &run->setup, &run->release};
    for (int i = 0; i < 3; i++) {
        all[i]->values = malloc(run->calls * sizeof(float));
        if (!all[i]->values || !run->all) {
            fprintf(stderr, "sip_load: out of memory for %ld calls\n", run->calls);
            exit(3);
        }
    }
}

/* Runs the events of one paced series that are due; at most one batch, so that receiving keeps its turn. */
static void pace(load *run, pacer *series, int64_t now, void (*event)(load *, uint32_t, int64_t))
{
    double gap = 1e6 / run->rate;
    for (int burst = 0; burst < BATCH && series->done < run->calls; burst++) {
        int64_t due = series->start + (int64_t)(series->done * gap);
        if (due > now)
            return;
        if (now - due > run->max_lag_us)
            run->max_lag_us = now - due;
        event(run, (uint32_t)series->done++, now);
    }
}

static int64_t pace_next(const load *run, const pacer *series)
{
    return series->done < run->calls ? series->start + (int64_t)(series->done * (1e6 / run->rate)) : INT64_MAX;
}

static void create(load *run, uint32_t number, int64_t now)
{
    run->created++;
    caller_start(run, number, now);
}

static void run_due(load *run, int64_t now)
{
    delay_entry entry;
    while (delay_pop(&run->ringing, now, &entry))
        callee_answer(run, entry.number, now);
    while (delay_pop(&run->holding, now, &entry))
        caller_release(run, entry.number, now);
    for (int level = 0; level < BACKOFF_LEVELS; level++)
        while (delay_pop(&run->resend[level], now, &entry)) {
            if (entry.kind == RESEND_ANSWER)
                callee_resend(run, &entry, now);
            else
                caller_resend(run, &entry, now);
        }
}

static int64_t next_due(const load *run)
{
    int64_t next = delay_next(&run->ringing), other = delay_next(&run->holding);
    next = other < next ? other : next;
    for (int level = 0; level < BACKOFF_LEVELS; level++) {
        other = delay_next(&run->resend[level]);
        next = other < next ? other : next;
    }
    return next;
}

typedef struct {
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in sources[BATCH];
    char data[BATCH][DATAGRAM_MAX];
} receive_batch;

static void drain(load *run, receive_batch *in, int fd, int is_callee)
{
    for (int i = 0; i < BATCH; i++) {
        in->vectors[i] = (struct iovec){in->data[i], DATAGRAM_MAX - 1};
        in->headers[i].msg_hdr = (struct msghdr){.msg_iov = &in->vectors[i], .msg_iovlen = 1,
                                                 .msg_name = &in->sources[i], .msg_namelen = sizeof in->sources[i]};
    }
    int count = recvmmsg(fd, in->headers, BATCH, MSG_DONTWAIT, NULL);
    int64_t now = clock_us();
    for (int i = 0; i < count; i++) {
        int length = (int)in->headers[i].msg_len;
        in->data[i][length] = 0;
        if (is_callee)
            callee_receive(run, in->data[i], length, &in->sources[i], now);
        else
            caller_receive(run, in->data[i], length, now);
    }
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_delays(const char *separator, const char *name, samples *kept)
{
    if (!kept->count) {
        printf("%s\"%s\": null", separator, name);
        return;
    }
    qsort(kept->values, kept->count, sizeof *kept->values, compare_floats);
    const double shares[] = {0.5, 0.9, 0.99, 1};
    const char *labels[] = {"p50", "p90", "p99", "max"};
    printf("%s\"%s\": {\"count\": %ld", separator, name, kept->count);
    for (int i = 0; i < 4; i++)
        printf(", \"%s\": %.3f", labels[i], kept->values[(long)((kept->count - 1) * shares[i])] / 1e3);
    printf("}");
}

static void print_result(load *run, int64_t now)
{
    printf("{\"ok\": %ld, \"failed\": %ld, \"created\": %ld, \"retransmissions\": %ld, \"callee_retransmissions\": %ld, ",
           run->ok, run->failed, run->created, run->retransmissions, run->callee_retransmissions);
    printf("\"steady_calls\": %ld, \"steady_retransmissions\": %ld, ", run->steady_calls, run->steady_retransmissions);
    printf("\"hidden\": %ld, \"shown\": %ld, \"restored\": %ld, \"unrestored\": %ld, \"unexpected\": %ld, "
           "\"authenticated\": %ld, ",
           run->hidden, run->shown, run->restored, run->unrestored, run->unexpected, run->authenticated);
    printf("\"last_refusal\": %d, \"max_lag_ms\": %.3f, \"seconds\": %.3f, \"delay_ms\": {", run->last_refusal,
           run->max_lag_us / 1e3, (now - run->started_at) / 1e6);
    print_delays("", "post_dial", &run->post_dial);
    print_delays(", ", "setup", &run->setup);
    print_delays(", ", "release", &run->release);
    printf("}}\n");
}

/* Announces a step that all calls have reached (those that failed aside). */
static step_id reach_step(const load *run, step_id step)
{
    if (step == STEP_CREATE && run->created == run->calls && run->rang + run->failed >= run->calls) {
        printf("{\"step\": \"ringing\", \"calls\": %ld}\n", run->rang);
        fflush(stdout);
        return STEP_RINGING;
    }
    if (step == STEP_ANSWER && run->established + run->failed >= run->calls) {
        printf("{\"step\": \"established\", \"calls\": %ld}\n", run->established);
        fflush(stdout);
        return STEP_ESTABLISHED;
    }
    return step;
}

int main(int count, char **arguments)
{
    static load run;
    static receive_batch in;
    parse_options(&run, count, arguments);
    allocate(&run);
    prctl(PR_SET_TIMERSLACK, 1);   /* even pacing: no 50 us of slack on each wait */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    snprintf(run.run, sizeof run.run, "%08x",
             (uint32_t)(wall.tv_sec * 1000 + wall.tv_nsec / 1000000) ^ ((uint32_t)getpid() << 16));
    run.proxy = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(run.proxy_port)};
    run.proxy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    run.caller_out.fd = open_socket(run.caller_port);
    run.callee_out.fd = open_socket(run.callee_port);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event watch = {.events = EPOLLIN, .data.u32 = WATCH_CALLER};
    epoll_ctl(epoll, EPOLL_CTL_ADD, run.caller_out.fd, &watch);
    watch.data.u32 = WATCH_CALLEE;
    epoll_ctl(epoll, EPOLL_CTL_ADD, run.callee_out.fd, &watch);
    watch.data.u32 = WATCH_INPUT;
    if (run.in_steps)
        epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &watch);

    pacer creating = {0}, answering = {0}, releasing = {0};
    step_id step = STEP_CREATE;
    int64_t now = clock_us(), last_progress = now;
    long progress = 0;
    run.started_at = creating.start = now;
    while (!stopped && run.ok + run.failed < run.calls) {
        now = clock_us();
        pace(&run, &creating, now, create);
        if (step == STEP_ANSWER)
            pace(&run, &answering, now, callee_answer);
        if (step == STEP_RELEASE)
            pace(&run, &releasing, now, caller_release);
        run_due(&run, now);
        batch_flush(&run.caller_out);
        batch_flush(&run.callee_out);
        if (run.in_steps)
            step = reach_step(&run, step);

        int64_t next = next_due(&run), paced = pace_next(&run, &creating);
        next = paced < next ? paced : next;
        if (step == STEP_ANSWER || step == STEP_RELEASE) {
            paced = pace_next(&run, step == STEP_ANSWER ? &answering : &releasing);
            next = paced < next ? paced : next;
        }
        int64_t wait = next == INT64_MAX ? 100000 : next - clock_us();
        wait = wait < 0 ? 0 : wait > 100000 ? 100000 : wait;
        struct timespec timeout = {wait / 1000000, wait % 1000000 * 1000};
        struct epoll_event events[3];
        int ready = epoll_pwait2(epoll, events, 3, &timeout, NULL);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u32 == WATCH_INPUT) {
                char line[64];
                ssize_t length = read(STDIN_FILENO, line, sizeof line);
                if (length <= 0)
                    stopped = 1;   /* the one who asks for the steps is gone */
                else if (step == STEP_RINGING || step == STEP_ESTABLISHED) {
                    step++;
                    (step == STEP_ANSWER ? &answering : &releasing)->start = clock_us();
                }
            } else {
                int is_callee = events[i].data.u32 == WATCH_CALLEE;
                drain(&run, &in, is_callee ? run.callee_out.fd : run.caller_out.fd, is_callee);
            }
        }
        batch_flush(&run.caller_out);
        batch_flush(&run.callee_out);

        /* A call can wait for ever for a final reply that got lost behind a provisional one. */
        int waits_for_input = step == STEP_RINGING || step == STEP_ESTABLISHED;
        if (progress != run.ok + run.failed + run.rang + run.established || waits_for_input) {
            progress = run.ok + run.failed + run.rang + run.established;
            last_progress = now;
        }
        if (run.created == run.calls && now - last_progress > run.give_up_us + run.ring_us + run.hold_us)
            break;
    }
    run.failed = run.calls - run.ok;
    print_result(&run, clock_us());
    return run.failed ? 1 : 0;
}
