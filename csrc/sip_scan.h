/* One pass over the received octets: start line, header lines, body. Nothing is copied. */
#ifndef UACFAST_SIP_SCAN_H
#define UACFAST_SIP_SCAN_H
#include "sip_text.h"

/* Header fields that the proxy looks at; all others are SIP_HEADER_OTHER. Compact forms map to the same id. */
typedef enum {
    SIP_HEADER_OTHER = 0, SIP_HEADER_VIA, SIP_HEADER_FROM, SIP_HEADER_TO, SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ,
    SIP_HEADER_CONTACT, SIP_HEADER_MAX_FORWARDS, SIP_HEADER_ROUTE, SIP_HEADER_RECORD_ROUTE, SIP_HEADER_CONTENT_LENGTH,
    SIP_HEADER_CONTENT_TYPE, SIP_HEADER_EXPIRES, SIP_HEADER_REQUIRE, SIP_HEADER_PROXY_REQUIRE, SIP_HEADER_SUPPORTED,
    SIP_HEADER_UNSUPPORTED, SIP_HEADER_ALLOW, SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION,
    SIP_HEADER_WWW_AUTHENTICATE, SIP_HEADER_PROXY_AUTHENTICATE, SIP_HEADER_USER_AGENT, SIP_HEADER_SERVER,
    SIP_HEADER_EVENT, SIP_HEADER_SUBJECT, SIP_HEADER_REFER_TO, SIP_HEADER_REFERRED_BY, SIP_HEADER_SESSION_EXPIRES,
    SIP_HEADER_MIN_SE, SIP_HEADER_MIN_EXPIRES, SIP_HEADER_RETRY_AFTER, SIP_HEADER_REASON, SIP_HEADER_RACK,
    SIP_HEADER_RSEQ, SIP_HEADER_PATH, SIP_HEADER_SERVICE_ROUTE, SIP_HEADER_MAX_BREADTH, SIP_HEADER_CONTENT_ENCODING,
    SIP_HEADER_ACCEPT_CONTACT, SIP_HEADER_REJECT_CONTACT, SIP_HEADER_REQUEST_DISPOSITION, SIP_HEADER_ALLOW_EVENTS,
    SIP_HEADER_IDENTITY, SIP_HEADER_P_ASSERTED_IDENTITY, SIP_HEADER_P_PREFERRED_IDENTITY, SIP_HEADER_PRIVACY,
    SIP_HEADER_DIVERSION, SIP_HEADER_ID_COUNT
} sip_header_id;

typedef enum {
    SIP_METHOD_OTHER = 0, SIP_METHOD_INVITE, SIP_METHOD_ACK, SIP_METHOD_BYE, SIP_METHOD_CANCEL, SIP_METHOD_OPTIONS,
    SIP_METHOD_REGISTER, SIP_METHOD_PRACK, SIP_METHOD_UPDATE, SIP_METHOD_INFO, SIP_METHOD_SUBSCRIBE,
    SIP_METHOD_NOTIFY, SIP_METHOD_REFER, SIP_METHOD_MESSAGE, SIP_METHOD_PUBLISH
} sip_method_id;

#define SIP_HEADERS_CAPACITY 256          /* engine limit M14; sip_limits.headers may be lower */

typedef struct {
    sip_text line;    /* the whole logical line, folding and final line end included */
    sip_text name;    /* as received, without the white space before the colon */
    sip_text value;   /* without surrounding white space; may hold folding */
    uint16_t next;    /* index + 1 of the next header with the same id (only kept for id != OTHER), 0: none */
    uint8_t id;
} sip_header;

/* Upper bounds, all from [limits]. */
typedef struct {
    uint32_t message;         /* octets, whole message */
    uint32_t header_part;     /* octets, start line to the empty line */
    uint32_t line;            /* octets, one logical header line */
    uint32_t headers;         /* header lines, <= SIP_HEADERS_CAPACITY */
} sip_limits;

/* What is wrong with a message whose boundaries could still be found. Bits of sip_message.flaws. */
enum {
    SIP_FLAW_VERSION = 1 << 0,          /* start line has SIP/x.y other than 2.0 */
    SIP_FLAW_HEADER_LINE = 1 << 1,      /* a header line without a colon, with an empty or non-token name, or with a CR
                                           or LF anywhere that ends no line */
    SIP_FLAW_NO_EMPTY_LINE = 1 << 2,    /* header part not ended by an empty line */
    SIP_FLAW_CONTENT_LENGTH = 1 << 3,   /* not digits, out of range, or several that differ */
    SIP_FLAW_BODY_SHORT = 1 << 4,       /* Content-Length larger than what came (datagrams) */
    SIP_FLAW_LIMIT = 1 << 5,            /* a limit of sip_limits was passed */
    SIP_FLAW_REQUEST_URI = 1 << 6,      /* a Request-URI that is empty or holds white space, controls, <, > or "; white
                                           space in excess in the request line, or more than its three parts */
    SIP_FLAW_REPEATED = 1 << 7          /* From, To, Call-ID, CSeq, Max-Forwards more than once (equal copies of
                                           Content-Length are fine) */
};

typedef enum {
    SIP_SCAN_OK = 0,          /* flaws may be set: the caller decides what to answer */
    SIP_SCAN_KEEPALIVE,       /* only CR, LF, NUL, or nothing: drop silently (RFC 5626 §3.5) */
    SIP_SCAN_NOT_SIP          /* no request or status line: nothing usable */
} sip_scan_result;

typedef struct {
    const char *data;         /* first octet of the start line: line ends before it are skipped (§7.5) */
    uint32_t size;            /* octets from there on; all offsets count from there too */
    uint32_t length;          /* octets of the message: header part + body; the tail of a datagram is ignored */
    uint32_t headers_start;   /* offset after the start line */
    uint32_t headers_end;     /* offset of the empty line (where one more header line would be inserted) */
    uint32_t flaws;
    uint8_t is_request;
    uint8_t method;           /* sip_method_id of the request line (requests) */
    uint16_t status;          /* 100 - 699 (responses) */
    sip_text method_text, request_uri, version, reason;   /* reason may be empty, never NULL for a response */
    sip_text body;
    uint16_t header_count;
    uint16_t first[SIP_HEADER_ID_COUNT];   /* index + 1 into headers, 0: absent */
    uint16_t last[SIP_HEADER_ID_COUNT];
    sip_header headers[SIP_HEADERS_CAPACITY];
} sip_message;

/* Scans one datagram (RFC 3261 §7, §18.3; engine M1-M14). `accept_lf`: a bare LF ends a line as well.
 * Never reads outside data[0..size). The message refers to `data` and lives no longer than it.
 * A response with a code outside 100-699 or not three digits is SIP_SCAN_NOT_SIP. */
sip_scan_result sip_scan(sip_message *message, const char *data, uint32_t size, const sip_limits *limits,
                         int accept_lf);

/* The first header with this id, or NULL. */
static inline const sip_header *sip_first_header(const sip_message *message, sip_header_id id)
{
    return message->first[id] ? &message->headers[message->first[id] - 1] : NULL;
}
static inline const sip_header *sip_next_header(const sip_message *message, const sip_header *header)
{
    return header->next ? &message->headers[header->next - 1] : NULL;
}
/* The header after `from` (0: the first) whose name is `name` without case; returns index or -1. */
int sip_find_header(const sip_message *message, sip_text name, int from);

sip_header_id sip_header_id_of(sip_text name);   /* knows compact forms (engine M2) */
sip_method_id sip_method_id_of(sip_text name);   /* case-sensitive (engine M10) */
#endif
