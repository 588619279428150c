/* Any octets as a datagram, with and without bare LF, with default and with small limits. */
#include "fuzz_check.h"
#include "sip_scan.h"

static sip_message message;

static void check_chain(int id)
{
    const sip_header *header = sip_first_header(&message, (sip_header_id)id);
    uint16_t last = 0;
    for (int i = 0; i < message.header_count; i++) {
        if (message.headers[i].id != id)
            continue;
        CHECK(header == &message.headers[i]);
        header = sip_next_header(&message, header);
        last = (uint16_t)(i + 1);
    }
    CHECK(header == NULL && message.last[id] == last);
}

static void check_message(const char *data, size_t size, const sip_limits *limits)
{
    const char *end = data + size;
    CHECK(message.data >= data && message.data + message.size == end);
    CHECK(message.headers_start <= message.headers_end && message.headers_end <= message.length);
    CHECK(message.length <= message.size);
    CHECK(message.header_count <= limits->headers && message.header_count <= SIP_HEADERS_CAPACITY);
    check_text(message.version, data, end);
    check_text(message.body, data, end);
    CHECK(message.body.at + message.body.length <= message.data + message.length);
    if (message.is_request) {
        check_text(message.method_text, data, end);
        check_text(message.request_uri, data, end);
        CHECK(message.method_text.length > 0 && message.status == 0);
        CHECK(message.request_uri.length > 0 || message.flaws & SIP_FLAW_REQUEST_URI);
    } else {
        CHECK(message.reason.at != NULL && message.status >= 100 && message.status <= 699);
        check_text(message.reason, data, end);
    }
    /* Header lines follow each other without a gap, from the start line to the empty line. */
    const char *at = message.data + message.headers_start;
    for (int i = 0; i < message.header_count; i++) {
        const sip_header *header = &message.headers[i];
        CHECK(header->line.at == at);
        at += header->line.length;
        check_text(header->name, header->line.at, at);
        check_text(header->value, header->line.at, at);
        CHECK(header->value.at != NULL && header->id < SIP_HEADER_ID_COUNT);
        CHECK(header->id == sip_header_id_of(header->name));
        CHECK(sip_find_header(&message, header->name, i) == i);
    }
    CHECK(at == message.data + message.headers_end);
    for (int id = 1; id < SIP_HEADER_ID_COUNT; id++)
        check_chain(id);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const sip_limits limits[] = {{65535, 32768, 8192, 256}, {400, 300, 60, 6}};
    char *data = exact_copy(input, size);
    for (int accept_lf = 0; accept_lf < 2; accept_lf++)
        for (int i = 0; i < 2; i++)
            if (sip_scan(&message, data, (uint32_t)size, &limits[i], accept_lf) == SIP_SCAN_OK)
                check_message(data, size, &limits[i]);
    free(data);
    return 0;
}
