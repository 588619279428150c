/* What the fuzz targets share: input copied to a block of its exact size, so that AddressSanitizer sees every octet
 * read beyond it, and checks that stop the run. */
#ifndef UACFAST_FUZZ_CHECK_H
#define UACFAST_FUZZ_CHECK_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sip_text.h"

#define CHECK(condition) do { if (!(condition)) __builtin_trap(); } while (0)

static inline char *exact_copy(const void *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    CHECK(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    return copy;
}
/* Absent, or inside [start, end]; every octet is read. */
static inline void check_text(sip_text text, const char *start, const char *end)
{
    static volatile char sink;
    if (!text.at)
        return;
    CHECK(text.at >= start && text.at <= end && text.length <= (size_t)(end - text.at));
    for (uint32_t i = 0; i < text.length; i++)
        sink = text.at[i];
    (void)sink;
}
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
#endif
