/* registrar: answers REGISTER with 401, checks the MD5 digest of the second one, answers 200.
 * Accounts are user<i> with password pw<i>, i from 0, realm trunk.example. Ends when all are registered and nothing has come
 * for a second, at SIGTERM, or after the time given; prints one JSON object. Exit status as sip_load. */
#define _GNU_SOURCE
#include "load.h"
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define REALM "trunk.example"
#define QUIET_US 1000000

enum { SEEN_FIRST = 1, REGISTERED = 2 };

typedef struct {
    long accounts, registered, registers, challenges, repeated, wrong_digests, strangers;
    uint8_t *seen;
    int expires;
    uint32_t boot;               /* makes the nonces of this run unlike any other's */
    int64_t started_at, first_at, last_registered_at, last_at;
} registrar;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static int digest_of_account_is_right(const registrar *run, const char *value, const char *end, long account)
{
    char user[32], password[32], nonce[64];
    snprintf(user, sizeof user, "user%ld", account);
    snprintf(password, sizeof password, "pw%ld", account);
    snprintf(nonce, sizeof nonce, "%08x-%ld", run->boot, account);
    return digest_is_right(value, end, "REGISTER", user, REALM, password, nonce);
}

static long account_of(const registrar *run, const char *message, int length)
{
    const char *end, *value = find_header(message, length, "To", &end);
    const char *user = value ? memmem(value, end - value, "sip:user", 8) : NULL;
    long account = user ? strtol(user + 8, NULL, 10) : -1;
    return account < run->accounts ? account : -1;
}

/* The reply's octets, 0 when the message is no REGISTER of an account. */
static int answer(registrar *run, const char *message, int length, char *out, int64_t now)
{
    static const char *const copied[] = {"Via", "From", "To", "Call-ID", "CSeq"};
    const char *end, *value;
    long account = account_of(run, message, length);
    if (strncmp(message, "REGISTER ", 9) || account < 0) {
        run->strangers++;
        return 0;
    }
    run->last_at = now;
    if (!run->first_at)
        run->first_at = now;
    run->registers++;
    value = find_header(message, length, "Authorization", &end);
    int right = value && digest_of_account_is_right(run, value, end, account);
    run->wrong_digests += value && !right;
    int used = sprintf(out, "SIP/2.0 %s\r\n", right ? "200 OK" : "401 Unauthorized");
    for (int i = 0; i < 5; i++) {
        value = find_header(message, length, copied[i], &end);
        if (!value || end - value > 600)
            return 0;
        used += sprintf(out + used, "%s: %.*s%s\r\n", copied[i], (int)(end - value), value,
                        i == 2 ? ";tag=registrar" : "");
    }
    uint8_t bit = right ? REGISTERED : SEEN_FIRST;
    run->repeated += (run->seen[account] & bit) != 0;
    if (right && !(run->seen[account] & REGISTERED)) {
        run->registered++;
        run->last_registered_at = now;
    }
    run->seen[account] |= bit;
    if (right) {
        value = find_header(message, length, "Contact", &end);
        if (value && end - value < 600)
            used += sprintf(out + used, "Contact: %.*s;expires=%d\r\n", (int)(end - value), value, run->expires);
    } else {
        run->challenges++;
        used += sprintf(out + used, "WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"%08x-%ld\", algorithm=MD5, "
                        "qop=\"auth\"\r\n", run->boot, account);
    }
    return used + sprintf(out + used, "Content-Length: 0\r\n\r\n");
}

static void serve(registrar *run, send_batch *out)
{
    static struct mmsghdr headers[BATCH];
    static struct iovec vectors[BATCH];
    static struct sockaddr_in sources[BATCH];
    static char data[BATCH][DATAGRAM_MAX];
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){data[i], DATAGRAM_MAX - 1};
        headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1, .msg_name = &sources[i],
                                             .msg_namelen = sizeof sources[i]};
    }
    int count = recvmmsg(out->fd, headers, BATCH, MSG_DONTWAIT, NULL);
    int64_t now = clock_us();
    for (int i = 0; i < count; i++) {
        int length = (int)headers[i].msg_len;
        data[i][length] = 0;
        char *slot = batch_slot(out);
        batch_commit(out, answer(run, data[i], length, slot, now), &sources[i]);
    }
    batch_flush(out);
}

int main(int count, char **arguments)
{
    static const struct option names[] = {{"port", 1, 0, 'p'}, {"accounts", 1, 0, 'n'}, {"seconds", 1, 0, 's'},
                                          {"expires", 1, 0, 'e'}, {0, 0, 0, 0}};
    static registrar run = {.expires = 3600};
    static send_batch out;
    double seconds = 60;
    int port = 0;
    for (int option; (option = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'n': run.accounts = atol(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'e': run.expires = atoi(optarg); break;
        default: return 2;
        }
    }
    if (!port || run.accounts <= 0) {
        fprintf(stderr, "usage: registrar --port P --accounts N [--seconds 60] [--expires 3600]\n");
        return 2;
    }
    run.seen = calloc(run.accounts, 1);
    if (!run.seen)
        return 3;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    out.fd = open_socket((uint16_t)port);
    run.started_at = clock_us();
    run.boot = (uint32_t)run.started_at;
    for (int64_t now = run.started_at; !stopped && now - run.started_at < seconds * 1e6; now = clock_us()) {
        if (run.registered == run.accounts && now - run.last_at > QUIET_US)
            break;
        struct pollfd ready = {.fd = out.fd, .events = POLLIN};
        if (poll(&ready, 1, 100) > 0)
            serve(&run, &out);
    }
    printf("{\"registered\": %ld, \"registers\": %ld, \"challenges\": %ld, \"repeated\": %ld, \"wrong_digests\": %ld, "
           "\"strangers\": %ld, \"first_after_s\": %.4f, \"span_s\": %.4f}\n", run.registered, run.registers, run.challenges,
           run.repeated, run.wrong_digests, run.strangers, run.first_at ? (run.first_at - run.started_at) / 1e6 : -1,
           run.registered ? (run.last_registered_at - run.first_at) / 1e6 : 0);
    return run.registered < run.accounts;
}
