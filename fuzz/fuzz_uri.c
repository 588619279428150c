/* Any octets as a URI, as parameters, and, cut at the first LF, as two URIs to compare. */
#include "fuzz_check.h"
#include "sip_uri.h"

static void check_uri(const sip_uri *uri, const char *data, const char *end)
{
    check_text(uri->text, data, end);
    check_text(uri->user, data, end);
    check_text(uri->password, data, end);
    check_text(uri->host, data, end);
    check_text(uri->parameters, data, end);
    check_text(uri->headers, data, end);
    CHECK(uri->text.at == data && data + uri->text.length == end);
    if (uri->scheme == SIP_SCHEME_SIP || uri->scheme == SIP_SCHEME_SIPS) {
        CHECK(uri->host.length > 0);
        CHECK(uri->host_is_ipv6 == (uri->host.at[0] == '['));
        CHECK(!uri->user.at || uri->user.length > 0);
    }
}

static void check_parameters(sip_text text)
{
    sip_text value = {NULL, 0};
    if (sip_parameter_find(text, "lr", &value))
        check_text(value, text.at, text.at + text.length);
    if (sip_parameter_find(text, "transport", &value))
        check_text(value, text.at, text.at + text.length);
    if (sip_parameter_find_exact(text, (sip_text){"vsf", 3}, &value))
        check_text(value, text.at, text.at + text.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    sip_uri whole, first, second;
    char *data = exact_copy(input, size);
    sip_text text = {data, (uint32_t)size};
    if (sip_uri_parse(text, &whole) == 0)
        check_uri(&whole, data, data + size);
    check_parameters(text);
    const char *cut = size ? memchr(data, '\n', size) : NULL;
    if (cut) {
        sip_text a = {data, (uint32_t)(cut - data)}, b = {cut + 1, (uint32_t)(data + size - cut - 1)};
        if (sip_uri_parse(a, &first) == 0 && sip_uri_parse(b, &second) == 0) {
            CHECK(sip_uri_equal(&first, &second) == sip_uri_equal(&second, &first));
            if (sip_text_equal(a, b))
                CHECK(sip_uri_equal(&first, &second));
        }
    }
    free(data);
    return 0;
}
