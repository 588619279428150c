#include "sip_uri.h"
#include "sip_chars.h"

/* Only URI characters, and each '%' begins an escape. A parameter value in quotes is no URI by the grammar, but peers
 * send our own parameters back so, and Kamailio takes it. */
static int valid_run(const char *at, const char *end)
{
    for (;; at++) {
        at = sip_skip(at, end, SIP_CHAR_UNESCAPED);
        if (at == end)
            return 1;
        if (*at == '"' && at[-1] == '=') {
            const char *quote = memchr(at + 1, '"', (size_t)(end - at - 1));
            if (!quote || (quote + 1 < end && quote[1] != ';') || !valid_run(at + 1, quote))
                return 0;
            at = quote;
        } else if (*at != '%' || end - at < 3 || !sip_char_is(at[1], SIP_CHAR_HEX) || !sip_char_is(at[2], SIP_CHAR_HEX)) {
            return 0;
        }
    }
}

static const char *last_at_sign(const char *start, const char *end)
{
    while (end > start)
        if (*--end == '@')
            return end;
    return NULL;
}

/* telephone-subscriber *(";" parameter), RFC 3966 §3. */
static int parse_tel(const char *at, const char *end, sip_uri *uri)
{
    const char *number_end = sip_skip(at, end, SIP_CHAR_PHONE);
    const char *digits = at < number_end && *at == '+' ? at + 1 : at;
    if (digits == number_end || memchr(digits, '+', (size_t)(number_end - digits)))
        return -1;
    uri->user = sip_text_between(at, number_end);
    if (number_end == end)
        return 0;
    if (*number_end != ';' || memchr(number_end, '?', (size_t)(end - number_end)))
        return -1;
    uri->parameters = sip_text_between(number_end + 1, end);
    return 0;
}

/* [userinfo] hostport parameters [headers], RFC 3261 §19.1.1. */
static int parse_sip(const char *at, const char *end, sip_uri *uri)
{
    const char *at_sign = last_at_sign(at, end);
    if (at_sign) {
        const char *colon = memchr(at, ':', (size_t)(at_sign - at));
        const char *user_end = colon ? colon : at_sign;
        if (user_end == at)
            return -1;
        uri->user = sip_text_between(at, user_end);
        if (colon)
            uri->password = sip_text_between(colon + 1, at_sign);
        at = at_sign + 1;
    }
    const char *host_end = sip_host_end(at, end);
    if (!host_end)
        return -1;
    uri->host = sip_text_between(at, host_end);
    uri->host_is_ipv6 = *at == '[';
    at = host_end;
    if (at < end && *at == ':') {
        const char *port_end = sip_skip(++at, end, SIP_CHAR_DIGIT);
        if (sip_port_parse(sip_text_between(at, port_end), &uri->port) < 0)
            return -1;
        at = port_end;
    }
    if (at < end && *at == ';') {
        at++;
        const char *question = memchr(at, '?', (size_t)(end - at));
        const char *parameters_end = question ? question : end;
        uri->parameters = sip_text_between(at, parameters_end);
        at = parameters_end;
    }
    if (at < end) {
        if (*at != '?')
            return -1;
        uri->headers = sip_text_between(at + 1, end);
    }
    return 0;
}

int sip_uri_parse(sip_text text, sip_uri *uri)
{
    memset(uri, 0, sizeof *uri);
    if (text.length == 0)
        return -1;
    const char *at = text.at, *end = at + text.length;
    const char *colon = sip_skip(at, end, SIP_CHAR_SCHEME);
    if (colon == end || *colon != ':' || sip_lower(*at) < 'a' || sip_lower(*at) > 'z' || !valid_run(colon + 1, end))
        return -1;
    uri->text = text;
    sip_text scheme = sip_text_between(at, colon);
    if (sip_text_is(scheme, "sip"))
        uri->scheme = SIP_SCHEME_SIP;
    else if (sip_text_is(scheme, "sips"))
        uri->scheme = SIP_SCHEME_SIPS;
    else if (sip_text_is(scheme, "tel"))
        uri->scheme = SIP_SCHEME_TEL;
    else
        return 0;
    return uri->scheme == SIP_SCHEME_TEL ? parse_tel(colon + 1, end, uri) : parse_sip(colon + 1, end, uri);
}

/* End of a parameter's value: ';' outside quotes, or the end, which an open quote reaches too. */
static const char *skip_value(const char *at, const char *end)
{
    const char *semicolon = memchr(at, ';', (size_t)(end - at));
    const char *stop = semicolon ? semicolon : end;
    if (!memchr(at, '"', (size_t)(stop - at)))
        return stop;
    while (at < end && *at != ';') {
        const char *quote_end = *at == '"' ? sip_skip_quoted(at, end) : at + 1;
        at = quote_end ? quote_end : end;
    }
    return at;
}

/* Cuts the next parameter off *at; returns 0 at the end. Quotes in a value hide ';'. */
static int next_parameter(const char **at, const char *end, sip_text *name, sip_text *value)
{
    const char *p = *at;
    while (p < end && (*p == ';' || sip_char_is(*p, SIP_CHAR_LWS)))
        p++;
    if (p == end)
        return 0;
    const char *start = p;
    while (p < end && *p != ';' && *p != '=')
        p++;
    *name = sip_text_between(start, sip_skip_back(start, p, SIP_CHAR_LWS));
    value->at = NULL;
    value->length = 0;
    if (p < end && *p == '=') {
        start = sip_skip(p + 1, end, SIP_CHAR_LWS);
        p = skip_value(start, end);
        *value = sip_text_between(start, sip_skip_back(start, p, SIP_CHAR_LWS));
    }
    *at = p;
    return 1;
}

int sip_parameter_find(sip_text parameters, const char *lower_name, sip_text *value)
{
    const char *at = parameters.at, *end = at ? at + parameters.length : at;
    sip_text name, found;
    while (at < end && next_parameter(&at, end, &name, &found))
        if (sip_text_is(name, lower_name)) {
            *value = found;
            return 1;
        }
    return 0;
}

int sip_parameter_find_exact(sip_text parameters, sip_text wanted, sip_text *value)
{
    const char *at = parameters.at, *end = at ? at + parameters.length : at;
    sip_text name, found;
    while (at < end && next_parameter(&at, end, &name, &found))
        if (sip_text_equal(name, wanted)) {
            *value = found;
            return 1;
        }
    return 0;
}

/* ---- comparison, RFC 3261 §19.1.4 ---- */

#define COMPARED_PARTS_MAX 64   /* parameters or headers of one URI: keeps the comparison of all pairs small */

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

/* One character of `text` at *i. An escape equals the character it stands for, unless that one is reserved: then it is
 * told apart by a bit above the octet. */
static unsigned next_character(sip_text text, uint32_t *i, int nocase)
{
    unsigned c = (uint8_t)text.at[(*i)++];
    unsigned reserved = 0;
    if (c == '%' && text.length - *i >= 2) {
        c = hex_value(text.at[*i]) << 4 | hex_value(text.at[*i + 1]);
        *i += 2;
        if (c != 0 && c < 128 && strchr(";/?:@&=+$,", (int)c))
            reserved = 256;
    }
    if (nocase && c >= 'A' && c <= 'Z')
        c += 32;
    return c | reserved;
}

static int equal_escaped(sip_text a, sip_text b, int nocase)
{
    uint32_t i = 0, j = 0;
    if (!a.at != !b.at)
        return 0;
    while (i < a.length && j < b.length)
        if (next_character(a, &i, nocase) != next_character(b, &j, nocase))
            return 0;
    return i == a.length && j == b.length;
}

typedef struct { sip_text name, value; } named_part;

/* Parameters or, with separator '&', headers of a URI; -1 when there are too many to compare. */
static int split_parts(sip_text text, char separator, named_part parts[COMPARED_PARTS_MAX])
{
    int count = 0;
    const char *at = text.at, *end = at ? at + text.length : at;
    while (at < end) {
        const char *part_end = memchr(at, separator, (size_t)(end - at));
        if (!part_end)
            part_end = end;
        if (part_end > at) {
            if (count == COMPARED_PARTS_MAX)
                return -1;
            const char *equals = memchr(at, '=', (size_t)(part_end - at));
            parts[count].name = sip_text_between(at, equals ? equals : part_end);
            parts[count].value = equals ? sip_text_between(equals + 1, part_end) : (sip_text){NULL, 0};
            count++;
        }
        at = part_end < end ? part_end + 1 : end;
    }
    return count;
}

static const named_part *find_part(const named_part *parts, int count, sip_text name)
{
    for (int i = 0; i < count; i++)
        if (equal_escaped(parts[i].name, name, 1))
            return &parts[i];
    return NULL;
}

/* Parameters that never match their absence (§19.1.4, transport by its list of unequal URIs). */
static int counts_when_alone(sip_text name)
{
    return sip_text_is(name, "user") || sip_text_is(name, "ttl") || sip_text_is(name, "method")
        || sip_text_is(name, "maddr") || sip_text_is(name, "transport");
}

static int parameters_equal(sip_text a, sip_text b, int all_count)
{
    named_part in_a[COMPARED_PARTS_MAX], in_b[COMPARED_PARTS_MAX];
    int count_a = split_parts(a, ';', in_a), count_b = split_parts(b, ';', in_b);
    if (count_a < 0 || count_b < 0)
        return sip_text_equal(a, b);
    for (int i = 0; i < count_a; i++) {
        /* A repeated name is an error of the sender; the first one counts, as in sip_parameter_find. */
        if (find_part(in_a, count_a, in_a[i].name) != &in_a[i])
            continue;
        const named_part *other = find_part(in_b, count_b, in_a[i].name);
        if (other ? !equal_escaped(in_a[i].value, other->value, 1) : all_count || counts_when_alone(in_a[i].name))
            return 0;
    }
    for (int i = 0; i < count_b; i++)
        if ((all_count || counts_when_alone(in_b[i].name)) && !find_part(in_a, count_a, in_b[i].name))
            return 0;
    return 1;
}

/* No header is ever ignored; their order does not matter. */
static int headers_equal(sip_text a, sip_text b)
{
    named_part in_a[COMPARED_PARTS_MAX], in_b[COMPARED_PARTS_MAX];
    int count_a = split_parts(a, '&', in_a), count_b = split_parts(b, '&', in_b);
    uint64_t used = 0;
    if (count_a < 0 || count_b < 0)
        return sip_text_equal(a, b);
    if (count_a != count_b)
        return 0;
    for (int i = 0; i < count_a; i++) {
        int j = 0;
        while (j < count_b && (used >> j & 1 || !equal_escaped(in_a[i].name, in_b[j].name, 1)
                               || !equal_escaped(in_a[i].value, in_b[j].value, 0)))
            j++;
        if (j == count_b)
            return 0;
        used |= (uint64_t)1 << j;
    }
    return 1;
}

/* IPv6 addresses are compared as addresses (RFC 5954 §4.2). */
static int hosts_equal(const sip_uri *a, const sip_uri *b)
{
    uint8_t address_a[16], address_b[16];
    if (a->host_is_ipv6 != b->host_is_ipv6)
        return 0;
    if (!a->host_is_ipv6)
        return sip_text_equal_nocase(a->host, b->host);
    return sip_ipv6_parse((sip_text){a->host.at + 1, a->host.length - 2}, address_a) == 0
        && sip_ipv6_parse((sip_text){b->host.at + 1, b->host.length - 2}, address_b) == 0
        && memcmp(address_a, address_b, 16) == 0;
}

/* Telephone numbers without their visual separators (RFC 3966 §4). */
static int numbers_equal(sip_text a, sip_text b)
{
    uint32_t i = 0, j = 0;
    for (;; i++, j++) {
        while (i < a.length && memchr("-.()", a.at[i], 4))
            i++;
        while (j < b.length && memchr("-.()", b.at[j], 4))
            j++;
        if (i == a.length || j == b.length)
            return i == a.length && j == b.length;
        if (sip_lower(a.at[i]) != sip_lower(b.at[j]))
            return 0;
    }
}

int sip_uri_equal(const sip_uri *a, const sip_uri *b)
{
    if (a->scheme != b->scheme)
        return 0;
    if (a->scheme == SIP_SCHEME_OTHER)
        return sip_text_equal(a->text, b->text);
    if (a->scheme == SIP_SCHEME_TEL)
        return numbers_equal(a->user, b->user) && parameters_equal(a->parameters, b->parameters, 1);
    return equal_escaped(a->user, b->user, 0) && equal_escaped(a->password, b->password, 0) && hosts_equal(a, b)
        && a->port == b->port && parameters_equal(a->parameters, b->parameters, 0)
        && headers_equal(a->headers, b->headers);
}
