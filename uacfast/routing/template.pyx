"""Texts with pseudo-variables, compiled once and evaluated without Python objects.

`$name`, `$(name)` and `$hdr(Header-Name)`; `$$`, and a `$` before anything but a letter, is a dollar sign. A variable that has no value (null) writes nothing.
"""
import re

from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_OTHER, SIP_HEADER_USER_AGENT, sip_find_header, sip_first_header, sip_header, sip_header_id_of,
)
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport text_put, text_put_text, text_put_uint, text_writer_length, text_writer_start
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.sip.message cimport no_text, text_of
from uacfast.leaves.address cimport address_host_text, address_port

VARIABLES = {
    "ru": REQUEST_URI, "rU": REQUEST_URI_USER, "rd": REQUEST_URI_HOST, "rp": REQUEST_URI_PORT,
    "fu": FROM_URI, "fU": FROM_USER, "fd": FROM_HOST, "fn": FROM_DISPLAY,
    "tu": TO_URI, "tU": TO_USER, "td": TO_HOST, "tn": TO_DISPLAY,
    "rm": METHOD, "ci": CALL_ID, "si": SOURCE_ADDRESS, "sp": SOURCE_PORT, "ua": USER_AGENT,
    "Ri": RECEIVED_ADDRESS, "Rp": RECEIVED_PORT,
}
_TOKEN = re.compile(r"\$(?:(\$)|(?:\(hdr\(|hdr\()([^()\s]+)\)\)?|\((\w+)\)|([A-Za-z_]\w*))|([^$]+|\$(?!\())|(\$\([^)]*\)?)")


cdef class Template:

    def __init__(self, str source):
        """ValueError, a sentence naming the variable, when the text has one that is not known."""
        self.source = source
        self.keeper = []
        literal = ""
        for dollar, header, bracketed, bare, text, stray in _TOKEN.findall(source):
            if dollar or text:
                literal += dollar or text
                continue
            if stray:
                raise ValueError(f"{stray} is not a pseudo-variable that routes know; transformations need a script.")
            if header:
                variable, argument, rest = HEADER, header, ""
            else:
                variable, argument, rest = self.lookup(bracketed or bare, bool(bracketed))
            if literal:
                self.add(LITERAL, literal)
            self.add(variable, argument)
            literal = rest
        if literal:
            self.add(LITERAL, literal)

    def lookup(self, name, exact):
        """(variable, "", what follows it): without brackets the longest known name counts, as in `$rU@host`."""
        if name in VARIABLES:
            return VARIABLES[name], "", ""
        if not exact and name[:2] in VARIABLES:
            return VARIABLES[name[:2]], "", name[2:]
        known = ", ".join(f"${known}" for known in VARIABLES)
        raise ValueError(f"${name} is not a pseudo-variable that routes know; they know {known} and $hdr(name).")

    def add(self, Variable variable, str text):
        cdef bytes octets = text.encode()
        if self.count == PIECES_MAX:
            raise ValueError(f"{self.source!r} has more than {PIECES_MAX} parts.")
        self.keeper.append(octets)
        self.pieces[self.count].variable = variable
        self.pieces[self.count].text = text_of(<const char *>octets, <uint32_t>len(octets))
        self.count += 1

    cdef sip_text evaluate(self, SipMessage request, UdpTransport transport) noexcept:
        """The text for this request, in its scratch space; .at is NULL when it does not fit."""
        cdef text_writer out, numbers
        cdef char digits[128]
        cdef char *space
        cdef char local[TEMPLATE_SIZE]
        cdef sip_text value
        cdef int i
        if self.count == 1 and self.pieces[0].variable == LITERAL:
            return self.pieces[0].text
        text_writer_start(&out, local, TEMPLATE_SIZE)
        for i in range(self.count):
            if self.pieces[i].variable == LITERAL:
                text_put_text(&out, self.pieces[i].text)
                continue
            text_writer_start(&numbers, digits, sizeof(digits))
            if read_variable(self.pieces[i].variable, self.pieces[i].text, request, transport, &numbers, &value):
                text_put_text(&out, value)
        if out.overflow:
            return no_text()
        return request.keep(local, text_writer_length(&out))


cdef bint read_variable(Variable variable, sip_text argument, SipMessage request, UdpTransport transport,
                        text_writer *numbers, sip_text *value) noexcept:
    """The variable's text; False when it is null. Numbers and addresses are written into `numbers`."""
    cdef sip_uri uri
    cdef const sip_header *header
    cdef const udp_address *address
    cdef char host[64]
    cdef int found, header_id
    value[0] = no_text()
    if variable == REQUEST_URI:
        value[0] = request.request_uri
    elif variable in (REQUEST_URI_USER, REQUEST_URI_HOST, REQUEST_URI_PORT):
        if sip_uri_parse(request.request_uri, &uri) == 0:
            uri_part(&uri, variable - REQUEST_URI_USER, numbers, value)
    elif variable == FROM_URI:
        value[0] = request.from_.uri
    elif variable in (FROM_USER, FROM_HOST):
        if sip_uri_parse(request.from_.uri, &uri) == 0:
            uri_part(&uri, variable - FROM_USER, numbers, value)
    elif variable == FROM_DISPLAY:
        value[0] = request.from_.display
    elif variable == TO_URI:
        value[0] = request.to.uri
    elif variable in (TO_USER, TO_HOST):
        if sip_uri_parse(request.to.uri, &uri) == 0:
            uri_part(&uri, variable - TO_USER, numbers, value)
    elif variable == TO_DISPLAY:
        value[0] = request.to.display
    elif variable == METHOD:
        value[0] = request.index.method_text
    elif variable == CALL_ID:
        value[0] = request.call_id
    elif variable in (SOURCE_ADDRESS, SOURCE_PORT, RECEIVED_ADDRESS, RECEIVED_PORT):
        if variable in (SOURCE_ADDRESS, SOURCE_PORT):
            address = &request.source
        else:
            address = &transport.sockets[request.socket].address
        if variable in (SOURCE_PORT, RECEIVED_PORT):
            text_put_uint(numbers, address_port(address))
        else:
            text_put(numbers, host, address_host_text(address, host))
        value[0] = text_of(numbers.start, text_writer_length(numbers))
    elif variable == USER_AGENT:
        header = sip_first_header(&request.index, SIP_HEADER_USER_AGENT)
        if header != NULL:
            value[0] = header.value
    elif variable == HEADER:
        # A known name stands for its compact letter too and the other way round (engine M2).
        header_id = sip_header_id_of(argument)
        if header_id != SIP_HEADER_OTHER:
            header = sip_first_header(&request.index, header_id)
            if header != NULL:
                value[0] = header.value
        else:
            found = sip_find_header(&request.index, argument, 0)
            if found >= 0:
                value[0] = request.index.headers[found].value
    return value[0].at != NULL


cdef void uri_part(const sip_uri *uri, int part, text_writer *numbers, sip_text *value) noexcept:
    """0: user, 1: host, 2: port."""
    if part == 0:
        value[0] = uri.user
    elif part == 1:
        value[0] = uri.host
    elif uri.port:
        text_put_uint(numbers, uri.port)
        value[0] = text_of(numbers.start, text_writer_length(numbers))
