/* Checking the credentials that a proxy or a registering client sent (RFC 2617 §3.2.2.1, MD5 with qop=auth or without). */
#define _GNU_SOURCE
#include "load.h"
#include "../../csrc/md5.h"
#include <string.h>
#include <strings.h>

typedef struct { const char *at; size_t length; } text;

static text text_of(const char *string)
{
    return (text){string, strlen(string)};
}

static text parameter(const char *value, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = value; at + length < end; at++) {
        if ((at > value && at[-1] != ' ' && at[-1] != ',') || strncasecmp(at, name, length) || at[length] != '=')
            continue;
        at += length + 1;
        int quoted = *at == '"';
        text found = {at + quoted, 0};
        while (found.at + found.length < end &&
               (quoted ? found.at[found.length] != '"' : !memchr(", ", found.at[found.length], 2)))
            found.length++;
        return found;
    }
    return (text){0};
}

static int equals(text one, const char *other)
{
    return one.at && one.length == strlen(other) && !memcmp(one.at, other, one.length);
}

static text hash(char hex[32], const text *parts, int count)
{
    md5_state state;
    uint8_t digest[16];
    md5_start(&state);
    for (int i = 0; i < count; i++) {
        if (i)
            md5_add(&state, ":", 1);
        md5_add(&state, parts[i].at, parts[i].length);
    }
    md5_end(&state, digest);
    md5_hex(digest, hex);
    return (text){hex, 32};
}

int digest_is_right(const char *value, const char *end, const char *method, const char *user, const char *realm,
                    const char *password, const char *nonce)
{
    char hex1[32], hex2[32], hex[32];
    text uri = parameter(value, end, "uri"), response = parameter(value, end, "response");
    text qop = parameter(value, end, "qop"), nc = parameter(value, end, "nc"), cnonce = parameter(value, end, "cnonce");
    if (!equals(parameter(value, end, "username"), user) || !equals(parameter(value, end, "realm"), realm) ||
        !equals(parameter(value, end, "nonce"), nonce) || !uri.at || response.length != 32 ||
        (qop.at && (!nc.at || !cnonce.at)))
        return 0;
    text ha1 = hash(hex1, (text[]){text_of(user), text_of(realm), text_of(password)}, 3);
    text ha2 = hash(hex2, (text[]){text_of(method), uri}, 2);
    if (qop.at)
        hash(hex, (text[]){ha1, text_of(nonce), nc, cnonce, qop, ha2}, 6);
    else
        hash(hex, (text[]){ha1, text_of(nonce), ha2}, 3);
    return !memcmp(response.at, hex, 32);
}
