"""What the modules on messages share: the message at hand, its header lines, and edits of them.

Edits are notes in the message's edit list, so what a script reads stays as it was received until
textopsx.msg_apply_changes(), as with Kamailio.
"""
import re
import time

from uacfast.leaves.edit_list cimport edit, edit_list_insert
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CONTENT_LENGTH, SIP_HEADER_CONTENT_TYPE, SIP_HEADER_OTHER, sip_find_header, sip_first_header,
    sip_header_id_of,
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
    """Milliseconds of the worker's clock; mod_init() has no message and no table of transactions."""
    cdef MessageContext context = module.runtime.context
    return context.table.now if context.table is not None else <uint64_t>(time.monotonic_ns() // 1_000_000)


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


cdef bint set_status(SipMessage message, int code, bytes phrase) noexcept:
    """Another status line for a reply."""
    cdef const char *start = message.index.version.at + message.index.version.length + 1
    cdef sip_text old = text_of(start, <uint32_t>(message.index.reason.at + message.index.reason.length - start))
    if not is_line_value(phrase) or not replace_text(message, old, b"%d %b" % (code, phrase)):
        return False
    message.index.status = code
    return True


cdef bytes whole_lines(str text):
    """A script's header lines with their last line end, which may have been forgotten; None when they are no lines:
    sent on
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


# --- the body: its edit stands in place of the empty line and all that follows ----------------------------------------

cdef bytes new_end(SipMessage message):
    """What an earlier set_body() wrote in place of the empty line and the body; None when there was none."""
    cdef const edit *each
    cdef uint32_t i
    for i in range(message.edits.count):
        each = &message.edits.items[i]
        if each.offset == message.index.headers_end and each.removed == message.index.length - each.offset:
            return bytes_of(each.inserted)
    return None


cdef bytes current_body(SipMessage message):
    """The body with what scripts made of it: several functions may change it one after another."""
    cdef bytes end = new_end(message)
    if end is None:
        return bytes_of(message.index.body)
    return end[2:] if end.startswith(b"\r\n") else end.partition(b"\r\n\r\n")[2]


cdef bint set_body(SipMessage message, bytes body, bytes content_type):
    """A new body with its Content-Length. `content_type` None: stays as it is; b"": goes away. False: no room."""
    cdef const sip_header *length = sip_first_header(&message.index, SIP_HEADER_CONTENT_LENGTH)
    cdef const sip_header *kind = sip_first_header(&message.index, SIP_HEADER_CONTENT_TYPE)
    cdef bytes end = new_end(message)
    cdef bytes lines = b""
    if content_type is None:
        if end is not None and not end.startswith(b"\r\n"):
            lines = b"".join([line for line in end.partition(b"\r\n\r\n")[0].splitlines(True)
                              if line.startswith(b"Content-Type:")])
            lines += b"" if not lines or lines.endswith(b"\r\n") else b"\r\n"
    elif content_type == b"":
        if kind != NULL and not replace_text(message, kind.line, b""):
            return False
    elif kind != NULL:
        if not replace_text(message, kind.line, b"Content-Type: %b\r\n" % content_type):
            return False
    else:
        lines = b"Content-Type: %b\r\n" % content_type
    if length != NULL:
        if not replace_text(message, length.value, b"%d" % len(body)):
            return False
    else:
        lines += b"Content-Length: %d\r\n" % len(body)
    return replace_text(message, text_of(message.index.data + message.index.headers_end,
                                         message.index.length - message.index.headers_end), lines + b"\r\n" + body)
