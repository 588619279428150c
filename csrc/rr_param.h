/* The Record-Route parameter that carries the difference of two URIs (XOR, password, base64 with '-' for '='). */
#ifndef UACFAST_RR_PARAM_H
#define UACFAST_RR_PARAM_H
#include "sip_text.h"
#define RR_PARAM_URI_MAX 1024                      /* octets of the longer URI */
#define RR_PARAM_VALUE_MAX (4 * ((RR_PARAM_URI_MAX + 2) / 3))
/* Writes the value into out[capacity]; returns its length, or -1 when a URI is longer than RR_PARAM_URI_MAX
 * or out is too small. uac-semantics §1.1. */
int rr_param_encode(sip_text original, sip_text replacement, sip_text password, char *out, size_t capacity);
/* Decodes `value` against the URI now in the header, steps 2 and 4-8 of uac-semantics §1.5; returns the length of the
 * other URI written to out, or -1: not restored. Whether the result is a URI is the caller's check (step 9). */
int rr_param_decode(sip_text value, sip_text current, sip_text password, char *out, size_t capacity);
#endif
