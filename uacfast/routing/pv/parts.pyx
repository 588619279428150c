"""Variables that show a part of the message as it was received: start line, body, the fields that every message has."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_header cimport sip_cseq, sip_cseq_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CALL_ID, SIP_HEADER_CONTACT, SIP_HEADER_CONTENT_LENGTH, SIP_HEADER_CONTENT_TYPE, SIP_HEADER_CSEQ,
    SIP_HEADER_USER_AGENT, sip_first_header, sip_header, sip_header_id, sip_message,
)
from uacfast.leaves.sip_text cimport sip_text_to_uint
from uacfast.routing.pv.variable cimport text_value
from uacfast.sip.message cimport literal, no_text, text_of

cdef dict PARTS = {
    "rm": PART_METHOD, "rs": PART_STATUS, "rr": PART_REASON, "rv": PART_VERSION, "rb": PART_BODY, "bs": PART_BODY_SIZE,
    "cl": PART_CONTENT_LENGTH, "cT": PART_CONTENT_TYPE, "mb": PART_MESSAGE, "ml": PART_LENGTH, "mt": PART_TYPE,
    "mi": PART_NUMBER, "ci": PART_CALL_ID, "cs": PART_CSEQ_NUMBER, "csb": PART_CSEQ, "ct": PART_CONTACT,
    "ua": PART_USER_AGENT,
}
cdef dict PARTS_OF_MSG = {
    "len": PART_LENGTH, "body": PART_BODY, "hdrs": PART_HEADER_LINES, "fline": PART_START_LINE,
}


cdef class PartVariable(PseudoVariable):

    def __init__(self, MessagePart part):
        self.part = part

    cdef object value(self, MessageContext context, bint octets):
        cdef uint64_t number
        cdef const sip_header *header
        if context.message is None:
            return None
        if self.part == PART_STATUS:
            return None if context.message.index.is_request else context.message.index.status
        if self.part == PART_BODY_SIZE:
            return context.message.index.body.length
        if self.part == PART_CONTENT_LENGTH:
            header = sip_first_header(&context.message.index, SIP_HEADER_CONTENT_LENGTH)
            if header == NULL or not sip_text_to_uint(header.value, 0x7fffffff, &number):
                return None
            return number
        if self.part == PART_LENGTH:
            return context.message.index.length
        if self.part == PART_TYPE:
            return 1 if context.message.index.is_request else 2
        if self.part == PART_NUMBER:
            return context.number
        return text_value(self.text(context), octets)

    cdef sip_text text(self, MessageContext context) noexcept:
        cdef const sip_message *index = &context.message.index
        cdef sip_text text
        if self.part == PART_METHOD:
            return index.method_text if index.is_request else cseq_part(index, False)
        if self.part == PART_REASON:
            return no_text() if index.is_request else index.reason
        if self.part == PART_VERSION:
            return index.version
        if self.part == PART_BODY:
            return index.body if index.body.at != NULL else literal(b"")
        if self.part == PART_MESSAGE:
            return text_of(index.data, index.length)
        if self.part == PART_START_LINE:
            return trimmed(text_of(index.data, index.headers_start))
        if self.part == PART_HEADER_LINES:
            return trimmed(text_of(index.data + index.headers_start, index.headers_end - index.headers_start))
        if self.part == PART_CALL_ID:
            return header_value(index, SIP_HEADER_CALL_ID)
        if self.part == PART_CSEQ:
            return header_value(index, SIP_HEADER_CSEQ)
        if self.part == PART_CSEQ_NUMBER:
            return cseq_part(index, True)
        if self.part == PART_CONTACT:
            return header_value(index, SIP_HEADER_CONTACT)
        if self.part == PART_USER_AGENT:
            return header_value(index, SIP_HEADER_USER_AGENT)
        if self.part == PART_CONTENT_TYPE:
            text = header_value(index, SIP_HEADER_CONTENT_TYPE)
            return text if text.at == NULL else trimmed(text_of(text.at, before_parameters(text)))
        return no_text()


cdef sip_text header_value(const sip_message *index, sip_header_id id) noexcept:
    cdef const sip_header *header = sip_first_header(index, id)
    return header.value if header != NULL else no_text()


cdef sip_text cseq_part(const sip_message *index, bint number) noexcept:
    cdef const sip_header *header = sip_first_header(index, SIP_HEADER_CSEQ)
    cdef sip_cseq cseq
    if header == NULL or sip_cseq_parse(header.value, &cseq) != 0:
        return no_text()
    return cseq.number_text if number else cseq.method


cdef uint32_t before_parameters(sip_text text) noexcept:
    cdef uint32_t i
    for i in range(text.length):
        if text.at[i] == c';':
            return i
    return text.length


cdef sip_text trimmed(sip_text text) noexcept:
    """Without white space and line ends behind it."""
    while text.length and text.at[text.length - 1] in (c' ', c'\t', c'\r', c'\n'):
        text.length -= 1
    return text


def part_of_msg(argument):
    part = PARTS_OF_MSG.get(argument.constant)
    if part is None:
        raise ValueError(f"$msg({argument.source}) does not exist; there are {', '.join(PARTS_OF_MSG)}.")
    return PartVariable(part)


PLAIN = {name: lambda index, part=part: PartVariable(part) for name, part in PARTS.items()}
WITH_ARGUMENT = {"msg": lambda argument, index: part_of_msg(argument)}
