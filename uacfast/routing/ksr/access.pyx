"""What the modules on messages share: the message at hand, its header lines, and edits of them.

Edits are notes in the message's edit list, so what a script reads stays as it was received until
textopsx.msg_apply_changes(), as with Kamailio.
"""
import re

from uacfast.leaves.edit_list cimport edit_list_insert
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_OTHER, sip_find_header, sip_first_header, sip_header_id_of, sip_next_header,
)
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.sip.message cimport bytes_of, text_of

# One or more whole header lines, folding included.
_LINES = re.compile(rb"(?:[^\s:\x00]+[ \t]*:[^\r\n\x00]*(?:\r\n[ \t][^\r\n\x00]*)*\r\n)+")


cdef SipMessage message_of(KsrModule module):
    """The message that the running callback is about; RuntimeError in mod_init and child_init."""
    cdef SipMessage message = module.runtime.context.message
    if message is None:
        raise RuntimeError("There is no message here: mod_init and child_init cannot call this function.")
    return message


cdef SipMessage request_of(KsrModule module):
    """The message when it is a request, else None."""
    cdef SipMessage message = message_of(module)
    return message if message.index.is_request else None


cdef EdgeFeatures features_of(KsrModule module):
    return module.runtime.features


cdef uint64_t now_of(KsrModule module):
    """Milliseconds of the worker's clock."""
    return module.runtime.context.table.now


cdef bytes octets_of(str text):
    return text.encode("utf-8", "surrogateescape")


cdef str str_of(sip_text text):
    return bytes_of(text).decode("utf-8", "surrogateescape")


cdef sip_text keep(SipMessage message, bytes octets) noexcept:
    """In the message's scratch space; .at is NULL when that is full."""
    return message.keep(<const char *>octets, <uint32_t>len(octets))


cdef int find_header(SipMessage message, bytes name, int start) noexcept:
    """Index of the header line with this name from `start` on, -1: none. A compact letter stands for its name."""
    cdef sip_text wanted = text_of(<const char *>name, <uint32_t>len(name))
    cdef int id = sip_header_id_of(wanted)
    cdef int i
    if id == SIP_HEADER_OTHER:
        return sip_find_header(&message.index, wanted, start)
    for i in range(start, message.index.header_count):
        if message.index.headers[i].id == id:
            return i
    return -1


cdef bint insert_at(SipMessage message, uint32_t offset, bytes text) noexcept:
    cdef sip_text kept = keep(message, text)
    return kept.at != NULL and edit_list_insert(&message.edits, offset, kept) == 0


cdef bint append_lines(SipMessage message, bytes lines) noexcept:
    """After the last header line."""
    return insert_at(message, message.index.headers_end, lines)


cdef bint prepend_lines(SipMessage message, bytes lines) noexcept:
    """Before the first header line."""
    return insert_at(message, message.index.headers_start, lines)


cdef int remove_lines(SipMessage message, bytes name) noexcept:
    """Take out all lines of this name; how many, -1: the edits do not fit."""
    cdef int count = 0
    cdef int i = find_header(message, name, 0)
    while i >= 0:
        if not message.replace(message.index.headers[i].line, text_of(b"", 0)):
            return -1
        count += 1
        i = find_header(message, name, i + 1)
    return count


cdef bint replace_text(SipMessage message, sip_text old, bytes new) noexcept:
    """Let `new` stand where `old`, a part of the received octets, stood; an empty `old` is a place to insert at."""
    cdef sip_text kept = keep(message, new)
    if kept.at == NULL:
        return False
    if old.length == 0:
        return edit_list_insert(&message.edits, message.offset(old.at), kept) == 0
    return message.replace(old, kept)


cdef bytes whole_lines(str text):
    """A script's header lines with their last line end, which may have been forgotten; None when they are no lines: sent on
    they would break the message."""
    cdef bytes lines = octets_of(text)
    if not lines.endswith(b"\n"):
        lines += b"\r\n"
    return lines if _LINES.fullmatch(lines) else None


cdef bint is_line_value(bytes text) noexcept:
    """Whether the text may stand within a header line (engine W3)."""
    cdef int i
    for i in range(len(text)):
        if text[i] in (0, 10, 13):
            return False
    return True


cdef bint set_request_uri(SipMessage message, bytes uri) noexcept:
    """A new Request-URI; False when it is none."""
    cdef sip_text kept = keep(message, uri)
    cdef sip_uri parsed
    return kept.at != NULL and sip_uri_parse(kept, &parsed) == 0 and message.replace_request_uri(kept)
