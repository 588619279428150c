/* SIP load generator: the parts that caller, callee and main loop share.
 * Caller and callee live in one process on two sockets, so that one small program on one core can saturate a proxy. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define BATCH 64                 /* datagrams per system call */
#define DATAGRAM_MAX 4096
#define T1_US 500000LL           /* RFC 3261 §17.1.1.1 */
#define BACKOFF_LEVELS 6         /* T1 << 0 .. T1 << 5 = 16 s, the last interval before Timer B */
#define T2_LEVEL 3               /* T1 << 3 = 4 s: where non-INVITE requests and answers stop doubling */

/* SCENARIO_AUTH: the callee's account that the proxy has to log in to */
#define TRUNK_USER "trunk-user"
#define TRUNK_REALM "trunk.example"
#define TRUNK_PASSWORD "trunk-password"

typedef enum { SCENARIO_BASIC, SCENARIO_AUTH, SCENARIO_CANCEL, SCENARIO_OPTIONS } scenario_id;

typedef enum {
    CALLER_NEW, CALLER_SENT, CALLER_PROCEEDING, CALLER_ANSWERED, CALLER_RELEASING, CALLER_DONE, CALLER_FAILED
} caller_state;

typedef enum {
    CALLEE_NEW, CALLEE_CHALLENGED, CALLEE_RINGING, CALLEE_ANSWERED, CALLEE_ACKNOWLEDGED, CALLEE_DONE
} callee_state;

typedef enum { RESEND_FIRST_REQUEST, RESEND_RELEASE, RESEND_ANSWER } resend_kind;

typedef struct {
    int64_t sent_at, released_at, answered_at;   /* us of the loop's clock */
    char *remote_target, *route_set;             /* caller: where in-dialog requests go (RFC 3261 §12.1.2) */
    char *answer;                                /* callee: the final reply, kept until it is acknowledged */
    struct sockaddr_in answer_to;
    uint16_t answer_length;
    uint8_t caller, callee;
    uint8_t rang, cancel_answered;
    char to_tag[44];
} call;

/* First in, first out: every entry of one queue waits equally long, so the head is always the next one due. */
typedef struct { int64_t due; uint32_t number; uint8_t kind, level; } delay_entry;
typedef struct { delay_entry *entries; size_t head, count, capacity; } delay_queue;

typedef struct {
    int fd, pending;
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in destinations[BATCH];
    char data[BATCH][DATAGRAM_MAX];
} send_batch;

typedef struct { float *values; long count; } samples;   /* us */

/* One evenly paced series of events: the n-th is due at start + n / rate. */
typedef struct { int64_t start; long done; } pacer;

typedef struct {
    scenario_id scenario;
    uint16_t caller_port, proxy_port, callee_port;
    double rate;                    /* calls per second */
    long calls;
    int64_t ring_us, hold_us, measure_from_us, give_up_us;
    const char *replaced_from;      /* the URI that the callee must see in From */
    int in_steps;                   /* all calls ring, then all are answered, then all are released; each on demand */

    char run[16];                   /* makes Call-IDs, branches and tags of this run unlike any other's */
    struct sockaddr_in proxy;
    send_batch caller_out, callee_out;
    call *all;
    delay_queue ringing, holding, resend[BACKOFF_LEVELS];
    samples post_dial, setup, release;
    int64_t started_at;

    long created, ok, failed, rang, established;
    long retransmissions, callee_retransmissions, steady_calls, steady_retransmissions;
    long hidden, shown, restored, unrestored, unexpected, authenticated;
    int last_refusal;               /* status of the last final reply that ended a call badly */
    int64_t max_lag_us;
} load;

/* load_io.c */
int64_t clock_us(void);
int open_socket(uint16_t port);
char *batch_slot(send_batch *batch);
void batch_commit(send_batch *batch, int length, const struct sockaddr_in *destination);
void batch_flush(send_batch *batch);
void delay_push(delay_queue *queue, int64_t due, uint32_t number, resend_kind kind, int level);
int delay_pop(delay_queue *queue, int64_t now, delay_entry *entry);
int64_t delay_next(const delay_queue *queue);   /* INT64_MAX when empty */

/* load_message.c: every writer returns the octets written, or 0 when DATAGRAM_MAX does not hold the message. */
enum { REPLY_RECORD_ROUTE = 1, REPLY_TO_TAG = 2, REPLY_CONTACT = 4, REPLY_BODY = 8, REPLY_CHALLENGE = 16 };
int write_first_request(const load *run, uint32_t number, char *out);
int write_next_request(const load *run, uint32_t number, const char *method, int cseq, int branch, char *out);
int write_hop_request(const load *run, uint32_t number, const char *method, char *out);
int write_reply(const load *run, uint32_t number, const char *request, int length, const char *status, int parts,
                char *out);
const char *find_header(const char *message, int length, const char *name, const char **end);
long call_number(const load *run, const char *message, int length);   /* -1: not one of ours */
int from_uri_is(const char *message, int length, const char *uri);
void original_from(uint32_t number, char out[64]);
char *route_set_of(const char *reply, int length);

/* load_digest.c: whether an Authorization value holds the digest of this secret for this nonce */
int digest_is_right(const char *value, const char *end, const char *method, const char *user, const char *realm,
                    const char *password, const char *nonce);

/* load_caller.c */
void caller_start(load *run, uint32_t number, int64_t now);
void caller_release(load *run, uint32_t number, int64_t now);
void caller_receive(load *run, const char *reply, int length, int64_t now);
void caller_resend(load *run, const delay_entry *entry, int64_t now);
void count_retransmission(load *run, long *counter, int64_t now);

/* load_callee.c */
void callee_receive(load *run, const char *request, int length, const struct sockaddr_in *source, int64_t now);
void callee_answer(load *run, uint32_t number, int64_t now);
void callee_resend(load *run, const delay_entry *entry, int64_t now);
#endif
