/* Structured header values, parsed only when a stage asks (RFC 3261 §25.1). All take the header's value text. */
#ifndef UACFAST_SIP_HEADER_H
#define UACFAST_SIP_HEADER_H
#include "sip_text.h"

typedef struct {
    sip_text value;       /* this one Via value, no surrounding white space, no comma */
    sip_text protocol;    /* "SIP/x.y" as written; the version may be another than 2.0, so that a 505 finds its way */
    sip_text transport;   /* as written */
    sip_text host;        /* brackets kept for IPv6 */
    uint16_t port;        /* 0: not given */
    sip_text sent_by;     /* host[:port] as written */
    sip_text parameters;  /* after sent-by, without the first ';'; .at NULL when none */
    sip_text branch, received, maddr;
    sip_text rport_parameter;   /* "rport" or "rport=5060" as written, .at NULL when absent */
    uint16_t rport;       /* 0: no value */
    const char *next;     /* first octet of the next value on this line after the comma, or NULL */
} sip_via;

/* Parses the value that begins at value.at; others on the line follow through `next`. 0 or -1. */
int sip_via_parse(sip_text value, sip_via *via);

typedef struct {
    sip_text value;       /* this one value, no comma */
    sip_text display;     /* as written, quotes kept, no trailing white space; .at NULL when none */
    sip_text uri;         /* without angle brackets */
    sip_text name_addr;   /* start of the value to the end of the URI, plus white space and '>' when it is there */
    sip_text parameters;  /* after name_addr (leading white space and first ';' skipped); .at NULL when none */
    sip_text tag;         /* .at NULL when none */
    uint8_t brackets;
    const char *next;     /* as in sip_via */
} sip_address;

/* From, To, Contact, Route, Record-Route, Path ... values. Contact "*" gives uri "*". 0 or -1.
 * An addr-spec without brackets ends at ';' ',' '?' or white space (RFC 3261 §20). The URI itself is not parsed. */
int sip_address_parse(sip_text value, sip_address *address);

typedef struct { uint32_t number; sip_text number_text; sip_text method; } sip_cseq;
/* Number up to 2^32 - 1; folding allowed between the parts. 0 or -1. */
int sip_cseq_parse(sip_text value, sip_cseq *cseq);

/* Iterates tokens of a comma list (Require, Supported, Allow ...): *rest shrinks; returns 1 with a trimmed, non-empty
 * element, 0 at the end. Commas in quotes and in <> do not split (engine M4). */
int sip_list_next(sip_text *rest, sip_text *element);
#endif
