"""Variables that show a part of the message as it was received."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.variable cimport PseudoVariable

cdef enum MessagePart:
    PART_METHOD
    PART_STATUS
    PART_REASON
    PART_VERSION
    PART_BODY
    PART_BODY_SIZE
    PART_CONTENT_LENGTH
    PART_CONTENT_TYPE
    PART_MESSAGE
    PART_LENGTH
    PART_TYPE
    PART_NUMBER
    PART_START_LINE
    PART_HEADER_LINES
    PART_CALL_ID
    PART_CSEQ_NUMBER
    PART_CSEQ
    PART_CONTACT
    PART_USER_AGENT


cdef class PartVariable(PseudoVariable):
    cdef MessagePart part

    cdef sip_text text(self, MessageContext context) noexcept
