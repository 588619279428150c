#include "sip_scan.h"
#include "sip_chars.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define REPEATED_NEVER (1ull << SIP_HEADER_FROM | 1ull << SIP_HEADER_TO | 1ull << SIP_HEADER_CALL_ID \
                        | 1ull << SIP_HEADER_CSEQ | 1ull << SIP_HEADER_MAX_FORWARDS)

/* ---- names ---- */

/* A name's slot is a perfect hash of its length, first and last letter: two names in one slot are a compiler warning
 * (override-init). */
#define NAME_SLOTS 128
#define NAME_SLOT(length, first, last) \
    (((unsigned)(length) * 7 + (unsigned)(first) * 58 + (unsigned)(last) * 60) & (NAME_SLOTS - 1))
#define NAME(text, first, last, id) [NAME_SLOT(sizeof text - 1, first, last)] = {text, sizeof text - 1, id}

typedef struct { char text[23]; uint8_t length, id; } header_name;

static const header_name header_names[NAME_SLOTS] = {
    NAME("via", 'v', 'a', SIP_HEADER_VIA),
    NAME("from", 'f', 'm', SIP_HEADER_FROM),
    NAME("to", 't', 'o', SIP_HEADER_TO),
    NAME("call-id", 'c', 'd', SIP_HEADER_CALL_ID),
    NAME("cseq", 'c', 'q', SIP_HEADER_CSEQ),
    NAME("contact", 'c', 't', SIP_HEADER_CONTACT),
    NAME("max-forwards", 'm', 's', SIP_HEADER_MAX_FORWARDS),
    NAME("route", 'r', 'e', SIP_HEADER_ROUTE),
    NAME("record-route", 'r', 'e', SIP_HEADER_RECORD_ROUTE),
    NAME("content-length", 'c', 'h', SIP_HEADER_CONTENT_LENGTH),
    NAME("content-type", 'c', 'e', SIP_HEADER_CONTENT_TYPE),
    NAME("expires", 'e', 's', SIP_HEADER_EXPIRES),
    NAME("require", 'r', 'e', SIP_HEADER_REQUIRE),
    NAME("proxy-require", 'p', 'e', SIP_HEADER_PROXY_REQUIRE),
    NAME("supported", 's', 'd', SIP_HEADER_SUPPORTED),
    NAME("unsupported", 'u', 'd', SIP_HEADER_UNSUPPORTED),
    NAME("allow", 'a', 'w', SIP_HEADER_ALLOW),
    NAME("authorization", 'a', 'n', SIP_HEADER_AUTHORIZATION),
    NAME("proxy-authorization", 'p', 'n', SIP_HEADER_PROXY_AUTHORIZATION),
    NAME("www-authenticate", 'w', 'e', SIP_HEADER_WWW_AUTHENTICATE),
    NAME("proxy-authenticate", 'p', 'e', SIP_HEADER_PROXY_AUTHENTICATE),
    NAME("user-agent", 'u', 't', SIP_HEADER_USER_AGENT),
    NAME("server", 's', 'r', SIP_HEADER_SERVER),
    NAME("event", 'e', 't', SIP_HEADER_EVENT),
    NAME("subject", 's', 't', SIP_HEADER_SUBJECT),
    NAME("refer-to", 'r', 'o', SIP_HEADER_REFER_TO),
    NAME("referred-by", 'r', 'y', SIP_HEADER_REFERRED_BY),
    NAME("session-expires", 's', 's', SIP_HEADER_SESSION_EXPIRES),
    NAME("min-se", 'm', 'e', SIP_HEADER_MIN_SE),
    NAME("min-expires", 'm', 's', SIP_HEADER_MIN_EXPIRES),
    NAME("retry-after", 'r', 'r', SIP_HEADER_RETRY_AFTER),
    NAME("reason", 'r', 'n', SIP_HEADER_REASON),
    NAME("rack", 'r', 'k', SIP_HEADER_RACK),
    NAME("rseq", 'r', 'q', SIP_HEADER_RSEQ),
    NAME("path", 'p', 'h', SIP_HEADER_PATH),
    NAME("service-route", 's', 'e', SIP_HEADER_SERVICE_ROUTE),
    NAME("max-breadth", 'm', 'h', SIP_HEADER_MAX_BREADTH),
    NAME("content-encoding", 'c', 'g', SIP_HEADER_CONTENT_ENCODING),
    NAME("accept-contact", 'a', 't', SIP_HEADER_ACCEPT_CONTACT),
    NAME("reject-contact", 'r', 't', SIP_HEADER_REJECT_CONTACT),
    NAME("request-disposition", 'r', 'n', SIP_HEADER_REQUEST_DISPOSITION),
    NAME("allow-events", 'a', 's', SIP_HEADER_ALLOW_EVENTS),
    NAME("identity", 'i', 'y', SIP_HEADER_IDENTITY),
    NAME("p-asserted-identity", 'p', 'y', SIP_HEADER_P_ASSERTED_IDENTITY),
    NAME("p-preferred-identity", 'p', 'y', SIP_HEADER_P_PREFERRED_IDENTITY),
    NAME("privacy", 'p', 'y', SIP_HEADER_PRIVACY),
    NAME("diversion", 'd', 'n', SIP_HEADER_DIVERSION),
};

/* Compact forms, by letter. */
static const uint8_t compact_names[26] = {
    ['i' - 'a'] = SIP_HEADER_CALL_ID, ['m' - 'a'] = SIP_HEADER_CONTACT, ['e' - 'a'] = SIP_HEADER_CONTENT_ENCODING,
    ['l' - 'a'] = SIP_HEADER_CONTENT_LENGTH, ['c' - 'a'] = SIP_HEADER_CONTENT_TYPE, ['f' - 'a'] = SIP_HEADER_FROM,
    ['s' - 'a'] = SIP_HEADER_SUBJECT, ['k' - 'a'] = SIP_HEADER_SUPPORTED, ['t' - 'a'] = SIP_HEADER_TO,
    ['v' - 'a'] = SIP_HEADER_VIA, ['o' - 'a'] = SIP_HEADER_EVENT, ['r' - 'a'] = SIP_HEADER_REFER_TO,
    ['b' - 'a'] = SIP_HEADER_REFERRED_BY, ['x' - 'a'] = SIP_HEADER_SESSION_EXPIRES,
    ['a' - 'a'] = SIP_HEADER_ACCEPT_CONTACT, ['u' - 'a'] = SIP_HEADER_ALLOW_EVENTS,
    ['j' - 'a'] = SIP_HEADER_REJECT_CONTACT, ['d' - 'a'] = SIP_HEADER_REQUEST_DISPOSITION,
    ['y' - 'a'] = SIP_HEADER_IDENTITY,
};

/* Eight or four octets with letters in lower case: bit 0x20 is set where bit 0x40 is, which makes no other octet equal
 * to a letter or '-'. */
static inline uint64_t lower_8(const char *at)
{
    uint64_t octets;
    memcpy(&octets, at, sizeof octets);
    return octets | (octets & 0x4040404040404040u) >> 1;
}
static inline uint32_t lower_4(const char *at)
{
    uint32_t octets;
    memcpy(&octets, at, sizeof octets);
    return octets | (octets & 0x40404040u) >> 1;
}

/* `lower` has letters in lower case and '-' only. The last step overlaps the one before it. */
static inline int same_name(const char *name, const char *lower, uint32_t length)
{
    if (length >= 8) {
        for (uint32_t i = 0; i + 8 < length; i += 8)
            if (lower_8(name + i) != lower_8(lower + i))
                return 0;
        return lower_8(name + length - 8) == lower_8(lower + length - 8);
    }
    if (length >= 4)
        return lower_4(name) == lower_4(lower) && lower_4(name + length - 4) == lower_4(lower + length - 4);
    for (uint32_t i = 0; i < length; i++)
        if (sip_lower(name[i]) != lower[i])
            return 0;
    return 1;
}

sip_header_id sip_header_id_of(sip_text name)
{
    if (name.length == 0)
        return SIP_HEADER_OTHER;
    unsigned first = (uint8_t)sip_lower(name.at[0]);
    if (name.length == 1)
        return first >= 'a' && first <= 'z' ? compact_names[first - 'a'] : SIP_HEADER_OTHER;
    unsigned last = (uint8_t)sip_lower(name.at[name.length - 1]);
    const header_name *known = &header_names[NAME_SLOT(name.length, first, last)];
    return known->length == name.length && same_name(name.at, known->text, name.length) ? known->id : SIP_HEADER_OTHER;
}

#define METHOD(text, id) if (memcmp(name.at, text, sizeof text - 1) == 0) return id

sip_method_id sip_method_id_of(sip_text name)
{
    switch (name.length) {
    case 3:
        METHOD("ACK", SIP_METHOD_ACK);
        METHOD("BYE", SIP_METHOD_BYE);
        break;
    case 4:
        METHOD("INFO", SIP_METHOD_INFO);
        break;
    case 5:
        METHOD("PRACK", SIP_METHOD_PRACK);
        METHOD("REFER", SIP_METHOD_REFER);
        break;
    case 6:
        METHOD("INVITE", SIP_METHOD_INVITE);
        METHOD("CANCEL", SIP_METHOD_CANCEL);
        METHOD("UPDATE", SIP_METHOD_UPDATE);
        METHOD("NOTIFY", SIP_METHOD_NOTIFY);
        break;
    case 7:
        METHOD("OPTIONS", SIP_METHOD_OPTIONS);
        METHOD("MESSAGE", SIP_METHOD_MESSAGE);
        METHOD("PUBLISH", SIP_METHOD_PUBLISH);
        break;
    case 8:
        METHOD("REGISTER", SIP_METHOD_REGISTER);
        break;
    case 9:
        METHOD("SUBSCRIBE", SIP_METHOD_SUBSCRIBE);
        break;
    }
    return SIP_METHOD_OTHER;
}

/* ---- lines ---- */

/* The first CR or LF, or `end`. */
static inline const char *find_break(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    while (end - at >= 16) {
        __m128i octets = _mm_loadu_si128((const __m128i *)(const void *)at);
        int breaks = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(octets, cr), _mm_cmpeq_epi8(octets, lf)));
        if (breaks)
            return at + __builtin_ctz((unsigned)breaks);
        at += 16;
    }
#endif
    while (at < end && *at != '\r' && *at != '\n')
        at++;
    return at;
}

/* Length of the line end at `at`: 2, with accept_lf perhaps 1, or 0 when there is none. */
static inline unsigned line_end_at(const char *at, const char *end, int accept_lf)
{
    if (at < end && *at == '\r')
        return end - at > 1 && at[1] == '\n' ? 2 : 0;
    return accept_lf && at < end && *at == '\n';
}

/* From inside a header line to the first octet of the next one, over folding. *text_end is where the line end, or the
 * data, begins; *broken is set for a CR or LF that ends no line: such an octet must not split a line for us and not for
 * the next hop, or the other way round. NULL when the data ends before the line does. */
static inline const char *skip_line(const char *at, const char *end, int accept_lf, const char **text_end, int *broken)
{
    for (;;) {
        at = find_break(at, end);
        *text_end = at;
        if (at == end)
            return NULL;
        unsigned length = line_end_at(at, end, accept_lf);
        if (!length) {
            *broken = 1;
            at++;
            continue;
        }
        at += length;
        if (at == end || (*at != ' ' && *at != '\t'))
            return at;
    }
}

/* ---- start line ---- */

static inline int is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* "SIP/" 1*DIGIT "." 1*DIGIT (§25.1 SIP-Version, case-insensitive). */
static int is_sip_version(sip_text text)
{
    const char *at = text.at, *end = at + text.length;
    if (text.length < 7 || !sip_text_is((sip_text){at, 4}, "sip/"))
        return 0;
    const char *dot = sip_skip(at + 4, end, SIP_CHAR_DIGIT);
    return dot > at + 4 && dot < end && *dot == '.' && dot + 1 < end && sip_skip(dot + 1, end, SIP_CHAR_DIGIT) == end;
}

static int scan_status_line(sip_message *message, const char *at, const char *end)
{
    const char *version_end = memchr(at, ' ', (size_t)(end - at));
    uint64_t status;
    if (!version_end)
        return -1;
    message->version = sip_text_between(at, version_end);
    at = version_end + 1;
    if (!is_sip_version(message->version) || end - at < 3 || !sip_text_to_uint((sip_text){at, 3}, 699, &status)
        || status < 100)
        return -1;
    at += 3;
    /* The space before an empty phrase is often forgotten. */
    if (at < end && *at++ != ' ')
        return -1;
    message->status = (uint16_t)status;
    message->reason = sip_text_between(at, end);
    return 0;
}

/* Method SP Request-URI SP SIP-Version. White space in excess is left in the Request-URI, words behind the version are
 * left out; both are flagged, so that the sender can be told (RFC 4475 §3.1.2.8 - §3.1.2.10). */
static int scan_request_line(sip_message *message, const char *at, const char *end)
{
    const char *method_end = sip_skip(at, end, SIP_CHAR_TOKEN);
    if (method_end == at || method_end == end || !is_space(*method_end))
        return -1;
    message->is_request = 1;
    message->method_text = sip_text_between(at, method_end);
    message->method = sip_method_id_of(message->method_text);

    const char *line_end = end;
    for (;;) {
        while (end > method_end && is_space(end[-1]))
            end--;
        const char *version = end;
        while (version > method_end && !is_space(version[-1]))
            version--;
        if (version == method_end || version == end)
            return -1;
        message->version = sip_text_between(version, end);
        if (is_sip_version(message->version)) {
            at = version;
            break;
        }
        end = version;
    }
    if (end != line_end || *method_end != ' ' || at[-1] != ' ')
        message->flaws |= SIP_FLAW_REQUEST_URI;

    const char *uri = method_end + 1, *uri_end = at - 1;
    if (uri >= uri_end) {
        uri = uri_end = at;
        message->flaws |= SIP_FLAW_REQUEST_URI;
    }
    message->request_uri = sip_text_between(uri, uri_end);
    if (sip_skip(uri, uri_end, SIP_CHAR_URI) != uri_end)
        message->flaws |= SIP_FLAW_REQUEST_URI;
    return 0;
}

/* Returns the offset after the start line, or NULL. */
static const char *scan_start_line(sip_message *message, const char *at, const char *end, int accept_lf)
{
    const char *line_end = find_break(at, end);
    unsigned length = line_end_at(line_end, end, accept_lf);
    if (!length)
        return NULL;
    int is_response = line_end - at > 4 && sip_text_is((sip_text){at, 4}, "sip/");
    if (is_response ? scan_status_line(message, at, line_end) : scan_request_line(message, at, line_end))
        return NULL;
    if (!sip_text_is(message->version, "sip/2.0"))
        message->flaws |= SIP_FLAW_VERSION;
    return line_end + length;
}

/* ---- headers ---- */

static inline void add_header(sip_message *message, sip_header *header, sip_text name, sip_header_id id)
{
    header->name = name;
    header->id = (uint8_t)id;
    header->next = 0;
    uint16_t number = ++message->header_count;
    if (id == SIP_HEADER_OTHER)
        return;
    if (message->last[id]) {
        message->headers[message->last[id] - 1].next = number;
        if (REPEATED_NEVER >> id & 1)
            message->flaws |= SIP_FLAW_REPEATED;
    } else {
        message->first[id] = number;
    }
    message->last[id] = number;
}

/* One logical header line. Returns the next line, or NULL when the data ends inside this one. */
static inline const char *scan_header(sip_message *message, const char *at, const char *end, int accept_lf)
{
    sip_header *header = &message->headers[message->header_count];
    const char *line = at, *name_end = sip_skip(at, end, SIP_CHAR_TOKEN), *text_end;
    int broken = 0;
    at = name_end;
    while (at < end && is_space(*at))
        at++;
    if (at < end && *at == ':' && name_end > line) {
        at++;
    } else {
        broken = 1;
        at = name_end = line;
    }
    const char *value = at;
    const char *next = skip_line(at, end, accept_lf, &text_end, &broken);
    value = sip_skip(value, text_end, SIP_CHAR_LWS);
    header->value = sip_text_between(value, sip_skip_back(value, text_end, SIP_CHAR_LWS));
    header->line = sip_text_between(line, next ? next : end);
    sip_text name = sip_text_between(line, name_end);
    add_header(message, header, name, sip_header_id_of(name));
    if (broken)
        message->flaws |= SIP_FLAW_HEADER_LINE;
    return next;
}

/* Content-Length against what is there (§18.3, engine M12). */
static void find_body(sip_message *message, const char *body)
{
    uint32_t present = message->size - (uint32_t)(body - message->data);
    uint64_t length = present;
    const sip_header *header = sip_first_header(message, SIP_HEADER_CONTENT_LENGTH);
    if (header && !sip_text_to_uint(header->value, UINT32_MAX, &length)) {
        message->flaws |= SIP_FLAW_CONTENT_LENGTH;
        length = present;
    }
    while (header && (header = sip_next_header(message, header))) {
        uint64_t other;
        if (!sip_text_to_uint(header->value, UINT32_MAX, &other) || other != length)
            message->flaws |= SIP_FLAW_CONTENT_LENGTH;
    }
    if (length > present) {
        message->flaws |= SIP_FLAW_BODY_SHORT;
        length = present;
    }
    message->body = (sip_text){body, (uint32_t)length};
    message->length = (uint32_t)(body - message->data) + (uint32_t)length;
}

static int only_keepalive(const char *at, const char *end)
{
    while (at < end && (*at == '\r' || *at == '\n' || *at == 0))
        at++;
    return at == end;
}

sip_scan_result sip_scan(sip_message *message, const char *data, uint32_t size, const sip_limits *limits,
                         int accept_lf)
{
    const char *at = data, *end = data + size;
    memset(message, 0, offsetof(sip_message, headers));
    message->data = data;
    message->size = size;
    if (size == 0 || ((*at == '\r' || *at == '\n' || *at == 0) && only_keepalive(at, end)))
        return SIP_SCAN_KEEPALIVE;
    for (unsigned length; (length = line_end_at(at, end, accept_lf)) > 0;)
        at += length;
    message->data = at;
    message->size = (uint32_t)(end - at);
    if (message->size > limits->message)
        message->flaws |= SIP_FLAW_LIMIT;

    /* Nothing behind the limit of the header part is looked at, so a hostile message costs no more than that. */
    const char *head_end = message->size > limits->header_part ? at + limits->header_part : end;
    at = scan_start_line(message, at, head_end, accept_lf);
    if (!at)
        return SIP_SCAN_NOT_SIP;
    message->headers_start = (uint32_t)(at - message->data);
    if (message->headers_start > limits->line)
        message->flaws |= SIP_FLAW_LIMIT;

    uint32_t headers_max = limits->headers < SIP_HEADERS_CAPACITY ? limits->headers : SIP_HEADERS_CAPACITY;
    unsigned empty_line = 0;
    while (at && at < head_end && !(empty_line = line_end_at(at, head_end, accept_lf))) {
        if (message->header_count == headers_max) {
            message->flaws |= SIP_FLAW_LIMIT;
            break;
        }
        at = scan_header(message, at, head_end, accept_lf);
        if (message->headers[message->header_count - 1].line.length > limits->line)
            message->flaws |= SIP_FLAW_LIMIT;
    }
    if (empty_line) {
        message->headers_end = (uint32_t)(at - message->data);
        find_body(message, at + empty_line);
        return SIP_SCAN_OK;
    }
    /* Without an empty line there is no body; what was found still serves to write an answer. */
    if (!at)
        at = head_end;
    message->flaws |= at == end ? SIP_FLAW_NO_EMPTY_LINE : SIP_FLAW_LIMIT;
    message->headers_end = (uint32_t)(at - message->data);
    message->body = sip_text_between(at, at);
    message->length = message->size;
    return SIP_SCAN_OK;
}

int sip_find_header(const sip_message *message, sip_text name, int from)
{
    for (int i = from < 0 ? 0 : from; i < message->header_count; i++)
        if (sip_text_equal_nocase(message->headers[i].name, name))
            return i;
    return -1;
}
