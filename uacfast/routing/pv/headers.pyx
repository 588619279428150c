"""Variables over header fields: any by name, and those whose values have parts."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse, sip_list_next, sip_via, sip_via_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_ACCEPT_CONTACT, SIP_HEADER_ALLOW, SIP_HEADER_ALLOW_EVENTS, SIP_HEADER_AUTHORIZATION, SIP_HEADER_CONTACT,
    SIP_HEADER_DIVERSION, SIP_HEADER_EXPIRES, SIP_HEADER_OTHER, SIP_HEADER_P_ASSERTED_IDENTITY,
    SIP_HEADER_P_PREFERRED_IDENTITY, SIP_HEADER_PATH, SIP_HEADER_PROXY_AUTHORIZATION, SIP_HEADER_PROXY_REQUIRE,
    SIP_HEADER_RECORD_ROUTE, SIP_HEADER_REFER_TO, SIP_HEADER_REQUIRE, SIP_HEADER_ROUTE, SIP_HEADER_SERVICE_ROUTE,
    SIP_HEADER_SUPPORTED, SIP_HEADER_UNSUPPORTED, SIP_HEADER_VIA, sip_find_header, sip_first_header, sip_header,
    sip_header_id_of, sip_message, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text, sip_text_to_uint
from uacfast.leaves.sip_uri cimport sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.variable cimport Index, PseudoVariable, TextTemplate, encoded, text_value
from uacfast.sip.digest cimport DigestFields, parse_credentials
from uacfast.sip.message cimport SipMessage, literal, no_text, text_of

# Fields whose lines may hold several values, by a grammar with commas (RFC 3261 §7.3.1).
cdef set LISTS = {
    SIP_HEADER_VIA, SIP_HEADER_CONTACT, SIP_HEADER_ROUTE, SIP_HEADER_RECORD_ROUTE, SIP_HEADER_PATH,
    SIP_HEADER_SERVICE_ROUTE, SIP_HEADER_SUPPORTED, SIP_HEADER_UNSUPPORTED, SIP_HEADER_REQUIRE,
    SIP_HEADER_PROXY_REQUIRE,
    SIP_HEADER_ALLOW, SIP_HEADER_ALLOW_EVENTS, SIP_HEADER_ACCEPT_CONTACT, SIP_HEADER_P_ASSERTED_IDENTITY,
    SIP_HEADER_P_PREFERRED_IDENTITY, SIP_HEADER_DIVERSION,
}


cdef sip_text first_value(const sip_message *index, sip_text name) noexcept:
    """Value of the first field of that name, compact forms alike; .at NULL when there is none."""
    cdef int id = sip_header_id_of(name)
    cdef const sip_header *header
    cdef int found
    if id != SIP_HEADER_OTHER:
        header = sip_first_header(index, id)
        return header.value if header != NULL else no_text()
    found = sip_find_header(index, name, 0)
    return index.headers[found].value if found >= 0 else no_text()


cdef int nth_header(const sip_message *index, sip_text name, int id, Py_ssize_t wanted) noexcept:
    """Number of the line that holds the wanted one of these fields, -1: it is not there."""
    cdef const sip_header *header
    cdef int found
    if id != SIP_HEADER_OTHER:
        header = sip_first_header(index, id)
        while header != NULL and wanted > 0:
            header = sip_next_header(index, header)
            wanted -= 1
        return <int>(header - index.headers) if header != NULL else -1
    found = sip_find_header(index, name, 0)
    while found >= 0 and wanted > 0:
        found = sip_find_header(index, name, found + 1)
        wanted -= 1
    return found


cdef Py_ssize_t count_headers(const sip_message *index, sip_text name, int id) noexcept:
    cdef Py_ssize_t count = 0
    cdef int found
    cdef const sip_header *header
    if id != SIP_HEADER_OTHER:
        header = sip_first_header(index, id)
        while header != NULL:
            count += 1
            header = sip_next_header(index, header)
        return count
    found = sip_find_header(index, name, 0)
    while found >= 0:
        count += 1
        found = sip_find_header(index, name, found + 1)
    return count


cdef class HeaderVariable(PseudoVariable):
    """$hdr(name)[index] and $hdrc(name)."""
    cdef TextTemplate name
    cdef bytes fixed
    cdef int fixed_id
    cdef Index index
    cdef bint count

    def __init__(self, TextTemplate name, Index index, bint count):
        self.name = name
        self.index = index
        self.count = count
        if name.constant is not None:
            self.fixed = encoded(name.constant)
            self.fixed_id = sip_header_id_of(text_of(<const char *>self.fixed, <uint32_t>len(self.fixed)))
            if not self.fixed:
                raise ValueError("The name of a header field is missing.")

    cdef object value(self, MessageContext context, bint octets):
        cdef bytes name = self.fixed
        cdef int id = self.fixed_id, found
        cdef sip_text text
        cdef Py_ssize_t wanted
        cdef const sip_message *message
        if context.message is None:
            return None
        message = &context.message.index
        if name is None:
            name = encoded(self.name.evaluate(context))
            id = sip_header_id_of(text_of(<const char *>name, <uint32_t>len(name)))
        text = text_of(<const char *>name, <uint32_t>len(name))
        if self.count:
            return count_headers(message, text, id)
        if self.index.all:
            return joined([text_value(message.headers[number].value, True)
                           for number in range(message.header_count) if is_named(message, number, text, id)], octets)
        wanted = self.index.of(context)
        if wanted < 0:
            wanted += count_headers(message, text, id)
            if wanted < 0:
                return None
        found = nth_header(message, text, id, wanted)
        return text_value(message.headers[found].value, octets) if found >= 0 else None


cdef bint is_named(const sip_message *index, int number, sip_text name, int id) noexcept:
    if id != SIP_HEADER_OTHER:
        return index.headers[number].id == id
    return sip_find_header(index, name, number) == number


cdef object joined(list values, bint octets):
    cdef bytes text
    if not values:
        return None
    text = b",".join(values)
    return text if octets else text_value(text_of(<const char *>text, <uint32_t>len(text)), False)


cdef class HeaderElement(PseudoVariable):
    """$hfl(name)[index] and $hflc(name): the values of all fields of that name, those of a line split at its commas."""
    cdef TextTemplate name
    cdef Index index
    cdef bint count

    def __init__(self, TextTemplate name, Index index, bint count):
        self.name = name
        self.index = index
        self.count = count

    cdef object value(self, MessageContext context, bint octets):
        cdef bytes name
        cdef int id, number
        cdef sip_text text, rest, element
        cdef list values = []
        cdef Py_ssize_t wanted
        if context.message is None:
            return None
        name = encoded(self.name.evaluate(context))
        text = text_of(<const char *>name, <uint32_t>len(name))
        id = sip_header_id_of(text)
        for number in range(context.message.index.header_count):
            if not is_named(&context.message.index, number, text, id):
                continue
            rest = context.message.index.headers[number].value
            if id not in LISTS:
                values.append(text_value(rest, True))
                continue
            while sip_list_next(&rest, &element):
                values.append(text_value(element, True))
        if self.count:
            return len(values)
        if self.index.all:
            return joined(values, octets)
        wanted = self.index.of(context)
        if wanted < 0:
            wanted += len(values)
        return joined([values[wanted]], octets) if 0 <= wanted < len(values) else None


cdef class IdentityVariable(PseudoVariable):
    """The URI, or a parameter, of the first value of a field that holds a name-addr: $ai, $di, $re, $rt, $dip, $dir."""
    cdef bytes name, parameter

    def __init__(self, bytes name, bytes parameter=None):
        self.name = name
        self.parameter = parameter

    cdef object value(self, MessageContext context, bint octets):
        cdef sip_text text, found = no_text()
        cdef sip_address address
        if context.message is None:
            return None
        text = first_value(&context.message.index, literal(<const char *>self.name))
        if text.at == NULL or sip_address_parse(text, &address) != 0:
            return None
        if self.parameter is None:
            return text_value(address.uri, octets)
        if (address.parameters.at == NULL
                or not sip_parameter_find(address.parameters, <const char *>self.parameter, &found)):
            return None
        return text_value(found, octets)


cdef enum CredentialPart:
    CREDENTIAL_USER
    CREDENTIAL_USERNAME
    CREDENTIAL_DOMAIN
    CREDENTIAL_REALM
    CREDENTIAL_ALGORITHM
    CREDENTIAL_URI


cdef class CredentialVariable(PseudoVariable):
    """A part of the Authorization or Proxy-Authorization field."""
    cdef CredentialPart part

    def __init__(self, CredentialPart part):
        self.part = part

    cdef object value(self, MessageContext context, bint octets):
        cdef const sip_header *header
        cdef DigestFields fields
        cdef uint32_t at = 0
        if context.message is None:
            return None
        header = sip_first_header(&context.message.index, SIP_HEADER_PROXY_AUTHORIZATION)
        if header == NULL:
            header = sip_first_header(&context.message.index, SIP_HEADER_AUTHORIZATION)
        if header == NULL or not parse_credentials(header.value, &fields):
            return None
        if self.part == CREDENTIAL_REALM:
            return text_value(fields.realm, octets)
        if self.part == CREDENTIAL_URI:
            return text_value(fields.uri, octets)
        if self.part == CREDENTIAL_ALGORITHM:
            return text_value(fields.algorithm_text if fields.algorithm_text.at != NULL else literal(b""), octets)
        if self.part == CREDENTIAL_USERNAME or fields.username.at == NULL:
            return text_value(fields.username, octets)
        while at < fields.username.length and fields.username.at[at] != c'@':
            at += 1
        if self.part == CREDENTIAL_USER:
            return text_value(text_of(fields.username.at, at), octets)
        if at == fields.username.length:
            return text_value(literal(b""), octets)
        return text_value(text_of(fields.username.at + at + 1, fields.username.length - at - 1), octets)


cdef class ExpiresVariable(PseudoVariable):
    """$expires(min) and $expires(max) over the Contacts; one without the parameter counts as the Expires field says."""
    cdef bint greatest

    def __init__(self, bint greatest):
        self.greatest = greatest

    cdef object value(self, MessageContext context, bint octets):
        cdef const sip_header *header
        cdef sip_address address
        cdef sip_text rest, found
        cdef uint64_t general, each, result = 0
        cdef bint has_general, any = False
        if context.message is None:
            return None
        header = sip_first_header(&context.message.index, SIP_HEADER_EXPIRES)
        has_general = header != NULL and sip_text_to_uint(header.value, 0xffffffff, &general)
        header = sip_first_header(&context.message.index, SIP_HEADER_CONTACT)
        while header != NULL:
            rest = header.value
            while sip_address_parse(rest, &address) == 0:
                if (address.parameters.at != NULL and sip_parameter_find(address.parameters, b"expires", &found)
                        and sip_text_to_uint(found, 0xffffffff, &each)):
                    pass
                elif has_general:
                    each = general
                else:
                    each = 0xffffffffffffffff
                if each != 0xffffffffffffffff:
                    if not any or (each > result if self.greatest else each < result):
                        result = each
                    any = True
                if address.next == NULL:
                    break
                rest = text_of(address.next, <uint32_t>(header.value.at + header.value.length - address.next))
            header = sip_next_header(&context.message.index, header)
        return result if any else None


cdef class RouteUriVariable(PseudoVariable):
    """$route_uri: the URI of the first Route value, the one that loose routing consumes."""

    cdef object value(self, MessageContext context, bint octets):
        cdef const sip_header *header
        cdef sip_address address
        if context.message is None:
            return None
        header = sip_first_header(&context.message.index, SIP_HEADER_ROUTE)
        if header == NULL or sip_address_parse(header.value, &address) != 0:
            return None
        return text_value(address.uri, octets)


VIA_PARTS = ("host", "port", "branch", "received", "rport", "transport", "params")


cdef class ViaVariable(PseudoVariable):
    """A part of the topmost Via ($via0), of the second ($via1), or of any ($sel(via[n]...), from 1)."""
    cdef int number
    cdef str part

    def __init__(self, int number, str part):
        if part not in VIA_PARTS:
            raise ValueError(f"A Via has no part {part!r}; there are {', '.join(VIA_PARTS)}.")
        self.number = number
        self.part = part

    cdef object value(self, MessageContext context, bint octets):
        cdef const sip_header *header
        cdef sip_via via
        cdef sip_text rest
        cdef int left = self.number
        if context.message is None:
            return None
        header = sip_first_header(&context.message.index, SIP_HEADER_VIA)
        if header == NULL:
            return None
        rest = header.value
        while sip_via_parse(rest, &via) == 0:
            if left == 0:
                return self.part_of(&via, octets)
            left -= 1
            if via.next != NULL:
                rest = text_of(via.next, <uint32_t>(rest.at + rest.length - via.next))
                continue
            header = sip_next_header(&context.message.index, header)
            if header == NULL:
                return None
            rest = header.value
        return None

    cdef object part_of(self, const sip_via *via, bint octets):
        if self.part == "port":
            return via.port
        if self.part == "rport":
            return via.rport if via.rport_parameter.at != NULL else None
        if self.part == "host":
            return text_value(via.host, octets)
        if self.part == "branch":
            return text_value(via.branch, octets)
        if self.part == "received":
            return text_value(via.received, octets)
        if self.part == "transport":
            return text_value(via.transport, octets)
        return text_value(via.parameters, octets)


def expires(argument):
    if argument.constant not in ("min", "max"):
        raise ValueError("$expires(...) takes min or max.")
    return ExpiresVariable(argument.constant == "max")



PLAIN = {
    "ai": lambda index: IdentityVariable(b"P-Asserted-Identity"),
    "re": lambda index: IdentityVariable(b"Remote-Party-ID"),
    "rt": lambda index: IdentityVariable(b"Refer-To"),
    "di": lambda index: IdentityVariable(b"Diversion"),
    "dip": lambda index: IdentityVariable(b"Diversion", b"privacy"),
    "dir": lambda index: IdentityVariable(b"Diversion", b"reason"),
    "au": lambda index: CredentialVariable(CREDENTIAL_USER),
    "aU": lambda index: CredentialVariable(CREDENTIAL_USERNAME),
    "ad": lambda index: CredentialVariable(CREDENTIAL_DOMAIN),
    "ar": lambda index: CredentialVariable(CREDENTIAL_REALM),
    "aa": lambda index: CredentialVariable(CREDENTIAL_ALGORITHM),
    "adu": lambda index: CredentialVariable(CREDENTIAL_URI),
    "route_uri": lambda index: RouteUriVariable(),
}
WITH_ARGUMENT = {
    "hdr": lambda argument, index: HeaderVariable(argument, index, False),
    "hdrc": lambda argument, index: HeaderVariable(argument, index, True),
    "hfl": lambda argument, index: HeaderElement(argument, index, False),
    "hflc": lambda argument, index: HeaderElement(argument, index, True),
    "expires": lambda argument, index: expires(argument),
    "via0": lambda argument, index: ViaVariable(0, argument.constant),
    "via1": lambda argument, index: ViaVariable(1, argument.constant),
}
