/* The Record-Route parameter: any value decodes within bounds, and what was encoded decodes to either URI.
 * Input: lengths of value/original, current/replacement and capacity (2, 2 and 2 octets), then the texts; what remains
 * is the password. */
#include "rr_param.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of the exact length, so that the sanitizer sees the octet behind it. */
static sip_text take(const uint8_t **data, size_t *size, size_t wanted)
{
    sip_text text = {.length = (uint32_t)(wanted < *size ? wanted : *size)};
    char *copy = malloc(text.length ? text.length : 1);
    if (!copy)
        abort();
    if (text.length)
        memcpy(copy, *data, text.length);
    text.at = copy;
    *data += text.length;
    *size -= text.length;
    return text;
}

static int is_printable(sip_text text)
{
    for (uint32_t i = 0; i < text.length; i++)
        if (text.at[i] < 0x20 || text.at[i] > 0x7e)
            return 0;
    return 1;
}

static void check(int holds)
{
    if (!holds)
        abort();
}

/* `expected` comes out, unless it is not printable or has a NUL where `known` hides it. */
static void check_decoded(sip_text value, sip_text known, sip_text expected, sip_text password)
{
    char out[RR_PARAM_URI_MAX];
    int length = rr_param_decode(value, known, password, out, sizeof out);
    if (expected.length == 0 || !is_printable(expected))
        return;
    check(length == (int)expected.length);
    check(memcmp(out, expected.at, expected.length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 6)
        return 0;
    size_t first_length = (size_t)(data[0] << 8 | data[1]) % (2 * RR_PARAM_VALUE_MAX);
    size_t second_length = (size_t)(data[2] << 8 | data[3]) % (RR_PARAM_URI_MAX + 2);
    size_t capacity = (size_t)(data[4] << 8 | data[5]) % (RR_PARAM_VALUE_MAX + 1);
    data += 6;
    size -= 6;
    sip_text first = take(&data, &size, first_length);
    sip_text second = take(&data, &size, second_length);
    sip_text password = take(&data, &size, size);

    char *out = malloc(capacity ? capacity : 1);
    if (!out)
        abort();
    int decoded = rr_param_decode(first, second, password, out, capacity);
    check(decoded == -1 || (decoded > 0 && (size_t)decoded <= capacity));
    if (decoded > 0)
        check(is_printable((sip_text){out, (uint32_t)decoded}));

    int encoded = rr_param_encode(first, second, password, out, capacity);
    uint32_t longer = first.length > second.length ? first.length : second.length;
    if (longer > RR_PARAM_URI_MAX || 4 * ((longer + 2) / 3) > capacity) {
        check(encoded == -1);
    } else {
        check(encoded == (int)(4 * ((longer + 2) / 3)));
        sip_text value = {out, (uint32_t)encoded};
        check_decoded(value, first, second, password);
        check_decoded(value, second, first, password);
    }
    free(out);
    free((char *)first.at);
    free((char *)second.at);
    free((char *)password.at);
    return 0;
}
