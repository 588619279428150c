/* Any octets as the value of Via, of an address header, of CSeq, and as a comma list. */
#include "fuzz_check.h"
#include "sip_header.h"

static void check_via(sip_text rest)
{
    const char *end = rest.at + rest.length;
    sip_via via;
    while (sip_via_parse(rest, &via) == 0) {
        check_text(via.value, rest.at, end);
        const char *value_end = via.value.at + via.value.length;
        check_text(via.protocol, via.value.at, value_end);
        check_text(via.transport, via.value.at, value_end);
        check_text(via.sent_by, via.value.at, value_end);
        check_text(via.host, via.sent_by.at, via.sent_by.at + via.sent_by.length);
        check_text(via.parameters, via.value.at, value_end);
        check_text(via.branch, via.value.at, value_end);
        check_text(via.received, via.value.at, value_end);
        check_text(via.maddr, via.value.at, value_end);
        check_text(via.rport_parameter, via.value.at, value_end);
        CHECK(via.host.length > 0 && via.transport.length > 0);
        CHECK(via.rport == 0 || via.rport_parameter.length > 6);
        if (!via.next)
            return;
        CHECK(via.next > rest.at && via.next < end);
        rest = (sip_text){via.next, (uint32_t)(end - via.next)};
    }
}

static void check_address(sip_text rest)
{
    const char *end = rest.at + rest.length;
    sip_address address;
    while (sip_address_parse(rest, &address) == 0) {
        check_text(address.value, rest.at, end);
        const char *value_end = address.value.at + address.value.length;
        check_text(address.name_addr, address.value.at, value_end);
        CHECK(address.name_addr.at == address.value.at);
        const char *name_addr_end = address.name_addr.at + address.name_addr.length;
        check_text(address.display, address.name_addr.at, name_addr_end);
        check_text(address.uri, address.name_addr.at, name_addr_end);
        check_text(address.parameters, name_addr_end, value_end);
        check_text(address.tag, name_addr_end, value_end);
        CHECK(address.uri.length > 0);
        CHECK(address.brackets ? name_addr_end[-1] == '>' : !address.display.at);
        if (!address.next)
            return;
        CHECK(address.next > rest.at && address.next < end);
        rest = (sip_text){address.next, (uint32_t)(end - address.next)};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *data = exact_copy(input, size);
    sip_text text = {data, (uint32_t)size}, rest = text, element;
    sip_cseq cseq;
    check_via(text);
    check_address(text);
    if (sip_cseq_parse(text, &cseq) == 0) {
        check_text(cseq.number_text, data, data + size);
        check_text(cseq.method, data, data + size);
        CHECK(cseq.method.length > 0);
    }
    while (sip_list_next(&rest, &element)) {
        check_text(element, data, data + size);
        CHECK(element.length > 0 && rest.at >= element.at + element.length);
    }
    free(data);
    return 0;
}
