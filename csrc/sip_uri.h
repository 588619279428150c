/* sip, sips and tel URIs; any other scheme is opaque text (RFC 3261 §19.1, §25.1; RFC 3966). */
#ifndef UACFAST_SIP_URI_H
#define UACFAST_SIP_URI_H
#include "sip_text.h"

typedef enum { SIP_SCHEME_OTHER = 0, SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL } sip_scheme;

typedef struct {
    sip_text text;        /* the whole URI */
    uint8_t scheme;
    uint8_t host_is_ipv6; /* host was written as [..] */
    uint16_t port;        /* 0: not given */
    sip_text user;        /* tel: the number; .at NULL when there is no user part */
    sip_text password;
    sip_text host;        /* IPv6 references keep their brackets */
    sip_text parameters;  /* after the host part, without the first ';'; tel: after the number */
    sip_text headers;     /* after '?', without it */
} sip_uri;

/* Returns 0, or -1 when `text` is not a valid URI. Other schemes: scheme OTHER, only text is set, needs "token:".
 * The host ends at ':' ';' '?' ; the user is everything before the last '@' (engine M7; '>' and space are refused). */
int sip_uri_parse(sip_text text, sip_uri *uri);

/* Finds `name` in ';'-separated parameters ("a;b=c;d=\"x;y\""); value.at is NULL when it has no '='. White space
 * round '=' and ';' is skipped; quotes of a quoted value are kept. Returns 1 when found. Without case. First one
 * wins. */
int sip_parameter_find(sip_text parameters, const char *lower_name, sip_text *value);
/* The same with case, for names that the operator chose (Kamailio compares vsf/vst with case). */
int sip_parameter_find_exact(sip_text parameters, sip_text name, sip_text *value);

/* RFC 3261 §19.1.4 comparison of two parsed URIs. */
int sip_uri_equal(const sip_uri *a, const sip_uri *b);
#endif
