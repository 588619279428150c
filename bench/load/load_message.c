/* Writing and reading the generator's SIP messages. It reads only what it needs: the peers are well-formed proxies. */
#define _GNU_SOURCE
#include "load.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OFFER \
    "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" \
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
#define ANSWER \
    "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" \
    "m=audio 42000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n" \
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"

typedef struct { char *at, *end; int full; } writer;

__attribute__((format(printf, 2, 3))) static void put(writer *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out->at, out->end - out->at, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= out->end - out->at)
        out->full = 1;
    else
        out->at += length;
}

static void put_octets(writer *out, const char *octets, size_t length)
{
    if (length >= (size_t)(out->end - out->at)) {
        out->full = 1;
        return;
    }
    memcpy(out->at, octets, length);
    out->at += length;
}

static int written(const writer *out, const char *start)
{
    return out->full ? 0 : (int)(out->at - start);
}

void original_from(uint32_t number, char out[64])
{
    snprintf(out, 64, "sip:+49891234%u@pbx.customer.example", number);
}

static void put_top(const load *run, writer *out, uint32_t number, const char *method, const char *target, int branch)
{
    put(out, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%s-%u-%d;rport\r\nMax-Forwards: 70\r\n",
        method, target, run->caller_port, run->run, number, branch);
}

/* From, To, Call-ID, CSeq of the call's dialog; to_tag may be empty. */
static void put_dialog(const load *run, writer *out, uint32_t number, const char *to_tag, int cseq, const char *method)
{
    char from[64];
    original_from(number, from);
    put(out, "From: \"Alice Example\" <%s>;tag=%s-caller-%u\r\nTo: <sip:+4930%u@edge.example>%s%s\r\n", from, run->run,
        number, number, *to_tag ? ";tag=" : "", to_tag);
    put(out, "Call-ID: %u-%s@127.0.0.1\r\nCSeq: %d %s\r\n", number, run->run, cseq, method);
}

int write_first_request(const load *run, uint32_t number, char *start)
{
    writer out = {start, start + DATAGRAM_MAX, 0};
    char target[64];
    snprintf(target, sizeof target, "sip:+4930%u@edge.example", number);
    if (run->scenario == SCENARIO_OPTIONS) {
        put_top(run, &out, number, "OPTIONS", target, 0);
        put_dialog(run, &out, number, "", 1, "OPTIONS");
        put(&out, "Contact: <sip:alice@127.0.0.1:%d>\r\nUser-Agent: sip_load/1.0\r\nAccept: application/sdp\r\n"
                  "Content-Length: 0\r\n\r\n", run->caller_port);
        return written(&out, start);
    }
    put_top(run, &out, number, "INVITE", target, 0);
    put_dialog(run, &out, number, "", 1, "INVITE");
    put(&out, "Contact: <sip:alice@127.0.0.1:%d>\r\nUser-Agent: sip_load/1.0\r\n"
              "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO\r\nSupported: timer, replaces\r\n"
              "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n" OFFER,
        run->caller_port, sizeof OFFER - 1);
    return written(&out, start);
}

int write_next_request(const load *run, uint32_t number, const char *method, int cseq, int branch, char *start)
{
    const call *that = &run->all[number];
    writer out = {start, start + DATAGRAM_MAX, 0};
    put_top(run, &out, number, method, that->remote_target ? that->remote_target : "sip:no-contact.invalid", branch);
    put(&out, "%s", that->route_set ? that->route_set : "");
    put_dialog(run, &out, number, that->to_tag, cseq, method);
    put(&out, "Contact: <sip:alice@127.0.0.1:%d>\r\nUser-Agent: sip_load/1.0\r\nContent-Length: 0\r\n\r\n",
        run->caller_port);
    return written(&out, start);
}

/* CANCEL, and the ACK for a final reply that is not a 2xx: they share the INVITE's branch (RFC 3261 §9.1, §17.1.1.3). */
int write_hop_request(const load *run, uint32_t number, const char *method, char *start)
{
    writer out = {start, start + DATAGRAM_MAX, 0};
    char target[64];
    snprintf(target, sizeof target, "sip:+4930%u@edge.example", number);
    put_top(run, &out, number, method, target, 0);
    put_dialog(run, &out, number, method[0] == 'A' ? run->all[number].to_tag : "", 1, method);
    put(&out, "Content-Length: 0\r\n\r\n");
    return written(&out, start);
}

static int header_is(const char *line, const char *end, const char *name)
{
    size_t length = strlen(name);
    return (size_t)(end - line) > length && line[length] == ':' && !strncasecmp(line, name, length);
}

int write_reply(const load *run, uint32_t number, const char *request, int length, const char *status, int parts,
                char *start)
{
    writer out = {start, start + DATAGRAM_MAX, 0};
    const char *end = request + length, *line = memchr(request, '\n', length);
    if (!line)
        return 0;
    put(&out, "SIP/2.0 %s\r\n", status);
    for (line++; line < end;) {
        const char *line_end = memchr(line, '\n', end - line);
        if (!line_end || line_end - line < 3)
            break;
        int is_to = header_is(line, line_end, "To");
        if (is_to || header_is(line, line_end, "Via") || header_is(line, line_end, "From") ||
            header_is(line, line_end, "Call-ID") || header_is(line, line_end, "CSeq") ||
            ((parts & REPLY_RECORD_ROUTE) && header_is(line, line_end, "Record-Route"))) {
            const char *text_end = line_end[-1] == '\r' ? line_end - 1 : line_end;
            put_octets(&out, line, text_end - line);
            if (is_to && (parts & REPLY_TO_TAG) && !memmem(line, text_end - line, ";tag=", 5))
                put(&out, ";tag=%s-callee-%u", run->run, number);
            put(&out, "\r\n");
        }
        line = line_end + 1;
    }
    if (parts & REPLY_CONTACT)
        put(&out, "Contact: <sip:trunk@127.0.0.1:%d>\r\n", run->callee_port);
    if (parts & REPLY_CHALLENGE)
        put(&out, "Proxy-Authenticate: Digest realm=\"" TRUNK_REALM "\", nonce=\"%s-%u\", qop=\"auth\", algorithm=MD5\r\n",
            run->run, number);
    put(&out, "Server: sip_load/1.0\r\n");
    if (parts & REPLY_BODY)
        put(&out, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nContent-Type: application/sdp\r\n"
                  "Content-Length: %zu\r\n\r\n" ANSWER, sizeof ANSWER - 1);
    else
        put(&out, "Content-Length: 0\r\n\r\n");
    return written(&out, start);
}

const char *find_header(const char *message, int length, const char *name, const char **value_end)
{
    const char *end = message + length, *line = memchr(message, '\n', length);
    size_t name_length = strlen(name);
    if (!line)
        return NULL;
    for (line++; line < end;) {
        const char *line_end = memchr(line, '\n', end - line);
        if (!line_end || line_end - line < 3)
            return NULL;
        if (header_is(line, line_end, name)) {
            const char *value = line + name_length + 1;
            while (value < line_end && *value == ' ')
                value++;
            *value_end = line_end[-1] == '\r' ? line_end - 1 : line_end;
            return value;
        }
        line = line_end + 1;
    }
    return NULL;
}

long call_number(const load *run, const char *message, int length)
{
    const char *end, *value = find_header(message, length, "Call-ID", &end);
    if (!value)
        return -1;
    char *rest;
    long number = strtol(value, &rest, 10);   /* the receive buffer is zero-terminated */
    size_t run_length = strlen(run->run);
    if (number < 0 || number >= run->created || *rest != '-' || strncmp(rest + 1, run->run, run_length) != 0 ||
        rest[1 + run_length] != '@')
        return -1;
    return number;
}

int from_uri_is(const char *message, int length, const char *uri)
{
    const char *end, *value = find_header(message, length, "From", &end);
    const char *open = value ? memchr(value, '<', end - value) : NULL;
    const char *close = open ? memchr(open, '>', end - open) : NULL;
    size_t uri_length = strlen(uri);
    return close && (size_t)(close - open - 1) == uri_length && !memcmp(open + 1, uri, uri_length);
}

/* The caller's route set: the Record-Route values of a 2xx in reverse order (RFC 3261 §12.1.2), as Route lines.
 * Allocated; NULL when there is none. */
char *route_set_of(const char *reply, int length)
{
    enum { ROUTES_MAX = 16 };
    struct { const char *at; int length; } routes[ROUTES_MAX];
    int count = 0;
    const char *end = reply + length, *line = memchr(reply, '\n', length);
    for (line = line ? line + 1 : end; line < end;) {
        const char *line_end = memchr(line, '\n', end - line);
        if (!line_end || line_end - line < 3)
            break;
        if (header_is(line, line_end, "Record-Route")) {
            const char *value = line + strlen("Record-Route:");
            const char *value_end = line_end[-1] == '\r' ? line_end - 1 : line_end;
            while (value < value_end && count < ROUTES_MAX) {
                while (value < value_end && (*value == ' ' || *value == ','))
                    value++;
                const char *comma = memchr(value, ',', value_end - value);
                const char *route_end = comma ? comma : value_end;
                if (route_end > value) {
                    routes[count].at = value;
                    routes[count++].length = (int)(route_end - value);
                }
                value = route_end;
            }
        }
        line = line_end + 1;
    }
    if (!count)
        return NULL;
    char text[DATAGRAM_MAX];
    writer out = {text, text + sizeof text, 0};
    while (count--)
        put(&out, "Route: %.*s\r\n", routes[count].length, routes[count].at);
    return out.full ? NULL : strdup(text);
}
