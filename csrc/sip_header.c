#include "sip_header.h"
#include "sip_chars.h"
#include "sip_uri.h"

static const char *skip_lws(const char *at, const char *end)
{
    return sip_skip(at, end, SIP_CHAR_LWS);
}

/* `at` is the end of one value of a comma list. Empty elements are passed over. Returns 0, or -1 when something else
 * than a comma is there. */
static int find_next_value(const char *at, const char *end, const char **next)
{
    *next = NULL;
    if (at == end)
        return 0;
    if (*at != ',')
        return -1;
    while (at < end && (*at == ',' || sip_char_is(*at, SIP_CHAR_LWS)))
        at++;
    if (at < end)
        *next = at;
    return 0;
}

/* End of a parameter's value: ';' or ',' outside quotes, or the end. NULL when a quoted string stays open. */
static const char *skip_parameter_value(const char *at, const char *end)
{
    for (;;) {
        at = sip_skip(at, end, SIP_CHAR_VALUE);
        if (at == end || *at != '"')
            return at;
        at = sip_skip_quoted(at, end);
        if (!at)
            return NULL;
    }
}

typedef struct { sip_text name, value, whole; } parameter;

/* One generic-param (RFC 3261 §25.1) at *at, which is moved to the ';' or ',' behind it. A name must be a token; an
 * empty parameter (";;") is let through with an empty name. 0 or -1. */
static int parse_parameter(const char **at, const char *end, parameter *found)
{
    const char *start = skip_lws(*at, end);
    const char *name_end = sip_skip(start, end, SIP_CHAR_TOKEN);
    const char *written_end = name_end, *p = skip_lws(name_end, end);
    found->name = sip_text_between(start, name_end);
    found->value = (sip_text){NULL, 0};
    if (p < end && *p == '=' && name_end > start) {
        const char *after_equals = p + 1;
        p = skip_parameter_value(after_equals, end);
        if (!p)
            return -1;
        written_end = sip_skip_back(after_equals, p, SIP_CHAR_LWS);
        found->value = sip_text_between(skip_lws(after_equals, written_end), written_end);
    } else if (p < end && *p != ';' && *p != ',') {
        return -1;
    }
    found->whole = sip_text_between(start, written_end);
    *at = p;
    return 0;
}

static void keep_first(sip_text *kept, sip_text found)
{
    if (!kept->at)
        *kept = found;
}

static int via_parameter(sip_via *via, const parameter *found)
{
    switch (found->name.length) {
    case 5:
        if (sip_text_is(found->name, "maddr")) {
            keep_first(&via->maddr, found->value);
        } else if (sip_text_is(found->name, "rport") && !via->rport_parameter.at) {
            uint64_t port = 0;
            /* "rport=" and "rport=0" are sent by phones that mean "rport". */
            if (found->value.length > 0 && !sip_text_to_uint(found->value, 65535, &port))
                return -1;
            via->rport = (uint16_t)port;
            via->rport_parameter = found->whole;
        }
        break;
    case 6:
        if (sip_text_is(found->name, "branch"))
            keep_first(&via->branch, found->value);
        break;
    case 8:
        if (sip_text_is(found->name, "received"))
            keep_first(&via->received, found->value);
        break;
    }
    return 0;
}

/* sent-protocol: protocol-name SLASH protocol-version SLASH transport. Returns what follows, or NULL. */
static const char *parse_sent_protocol(const char *at, const char *end, sip_via *via)
{
    const char *start = at;
    at = sip_skip(at, end, SIP_CHAR_TOKEN);
    if (!sip_text_is(sip_text_between(start, at), "sip"))
        return NULL;
    at = skip_lws(at, end);
    if (at == end || *at != '/')
        return NULL;
    /* Another version is for the caller to refuse: the 505 needs this Via to travel by (RFC 4475 §3.1.2.16). */
    const char *version = at = skip_lws(at + 1, end);
    at = sip_skip(at, end, SIP_CHAR_DIGIT);
    if (at == version || at == end || *at != '.')
        return NULL;
    const char *minor = ++at;
    at = sip_skip(at, end, SIP_CHAR_DIGIT);
    if (at == minor)
        return NULL;
    via->protocol = sip_text_between(start, at);
    at = skip_lws(at, end);
    if (at == end || *at != '/')
        return NULL;
    const char *transport = at = skip_lws(at + 1, end);
    at = sip_skip(at, end, SIP_CHAR_TOKEN);
    if (at == transport || at == end || !sip_char_is(*at, SIP_CHAR_LWS))
        return NULL;
    via->transport = sip_text_between(transport, at);
    return skip_lws(at, end);
}

/* host [COLON port]. Returns what follows, or NULL. */
static const char *parse_sent_by(const char *at, const char *end, sip_via *via)
{
    const char *host_end = sip_host_end(at, end);
    if (!host_end)
        return NULL;
    via->host = sip_text_between(at, host_end);
    via->sent_by = via->host;
    const char *colon = skip_lws(host_end, end);
    if (colon < end && *colon == ':') {
        const char *port = skip_lws(colon + 1, end);
        const char *port_end = sip_skip(port, end, SIP_CHAR_DIGIT);
        if (sip_port_parse(sip_text_between(port, port_end), &via->port) < 0)
            return NULL;
        via->sent_by = sip_text_between(at, port_end);
        return skip_lws(port_end, end);
    }
    return colon;
}

int sip_via_parse(sip_text value, sip_via *via)
{
    const char *at = value.at, *end = at + value.length;
    memset(via, 0, sizeof *via);
    if (!at)
        return -1;
    const char *start = at = skip_lws(at, end);
    at = parse_sent_protocol(at, end, via);
    if (!at || !(at = parse_sent_by(at, end, via)))
        return -1;
    if (at < end && *at == ';') {
        const char *parameters = at + 1;
        while (at < end && *at == ';') {
            parameter found;
            at++;
            if (parse_parameter(&at, end, &found) < 0 || via_parameter(via, &found) < 0)
                return -1;
        }
        via->parameters = sip_text_between(parameters, sip_skip_back(parameters, at, SIP_CHAR_LWS));
    }
    via->value = sip_text_between(start, sip_skip_back(start, at, SIP_CHAR_LWS));
    return find_next_value(at, end, &via->next);
}

/* "<" addr-spec ">" at `at`. Returns the octet after '>', or NULL. */
static const char *parse_bracketed(const char *at, const char *end, sip_address *address)
{
    const char *close = memchr(at, '>', (size_t)(end - at));
    if (!close)
        return NULL;
    const char *uri = skip_lws(at + 1, close);
    address->uri = sip_text_between(uri, sip_skip_back(uri, close, SIP_CHAR_LWS));
    address->brackets = 1;
    if (address->uri.length == 0 || memchr(uri, '<', address->uri.length))
        return NULL;
    return close + 1;
}

/* addr-spec without brackets at `at`: "*", or text that begins with a scheme. Returns its end, or NULL. */
static const char *parse_bare(const char *at, const char *end, sip_address *address)
{
    const char *p = at;
    while (p < end && *p != ';' && *p != ',' && *p != '?' && sip_char_is(*p, SIP_CHAR_URI))
        p++;
    address->uri = sip_text_between(at, p);
    if (address->uri.length == 1 && *at == '*')
        return p;
    const char *scheme_end = sip_skip(at, p, SIP_CHAR_SCHEME);
    return scheme_end > at && scheme_end < p && *scheme_end == ':' ? p : NULL;
}

int sip_address_parse(sip_text value, sip_address *address)
{
    const char *at = value.at, *end = at + value.length;
    memset(address, 0, sizeof *address);
    if (!at)
        return -1;
    const char *start = at = skip_lws(at, end);
    /* Up to '<' it is a display name; a comma or semicolon outside quotes before it: there are no brackets. */
    while (at < end && *at != '<' && *at != ',' && *at != ';') {
        if (*at == '"') {
            at = sip_skip_quoted(at, end);
            if (!at)
                return -1;
        } else {
            at++;
        }
    }
    if (at < end && *at == '<') {
        const char *display_end = sip_skip_back(start, at, SIP_CHAR_LWS);
        if (display_end > start)
            address->display = sip_text_between(start, display_end);
        at = parse_bracketed(at, end, address);
    } else {
        at = parse_bare(start, end, address);
    }
    if (!at)
        return -1;
    address->name_addr = sip_text_between(start, at);
    at = skip_lws(at, end);
    if (at < end && *at == ';') {
        const char *parameters = at + 1;
        while (at < end && *at == ';') {
            parameter found;
            at++;
            if (parse_parameter(&at, end, &found) < 0)
                return -1;
            if (found.name.length == 3 && sip_text_is(found.name, "tag"))
                keep_first(&address->tag, found.value);
        }
        const char *parameters_end = sip_skip_back(parameters, at, SIP_CHAR_LWS);
        address->parameters = sip_text_between(skip_lws(parameters, parameters_end), parameters_end);
    }
    address->value = sip_text_between(start, sip_skip_back(start, at, SIP_CHAR_LWS));
    return find_next_value(at, end, &address->next);
}

int sip_cseq_parse(sip_text value, sip_cseq *cseq)
{
    const char *at = value.at, *end = at + value.length;
    uint64_t number;
    memset(cseq, 0, sizeof *cseq);
    if (!at)
        return -1;
    const char *start = skip_lws(at, end);
    at = sip_skip(start, end, SIP_CHAR_DIGIT);
    cseq->number_text = sip_text_between(start, at);
    if (!sip_text_to_uint(cseq->number_text, UINT32_MAX, &number))
        return -1;
    cseq->number = (uint32_t)number;
    start = skip_lws(at, end);
    if (start == at)
        return -1;
    at = sip_skip(start, end, SIP_CHAR_TOKEN);
    cseq->method = sip_text_between(start, at);
    return at > start && skip_lws(at, end) == end ? 0 : -1;
}

int sip_list_next(sip_text *rest, sip_text *element)
{
    const char *at = rest->at, *end = at ? at + rest->length : at;
    while (at < end) {
        const char *start = at;
        int in_brackets = 0;
        while (at < end && (in_brackets || *at != ',')) {
            if (*at == '"' && !in_brackets) {
                const char *quote_end = sip_skip_quoted(at, end);
                at = quote_end ? quote_end : end;
                continue;
            }
            if (*at == '<')
                in_brackets = 1;
            else if (*at == '>')
                in_brackets = 0;
            at++;
        }
        const char *element_end = at;
        if (at < end)
            at++;
        start = skip_lws(start, element_end);
        element_end = sip_skip_back(start, element_end, SIP_CHAR_LWS);
        if (element_end > start) {
            *element = sip_text_between(start, element_end);
            *rest = sip_text_between(at, end);
            return 1;
        }
    }
    if (rest->at)
        *rest = sip_text_between(end, end);
    return 0;
}
