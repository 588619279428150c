"""Editing the name-addr of From and To (RFC 3261 §20.10): display name, angle brackets, URI."""
from libc.stdint cimport uint32_t

from uacfast.leaves.text_writer cimport text_put, text_put_text, text_writer, text_writer_length, text_writer_start
from uacfast.sip.message cimport text_of


cdef bint write_name(SipMessage message, sip_address *address, const NameReplacement *new) noexcept:
    """Edit the name-addr: display name, one pair of brackets where they are needed, URI (uac-semantics §1.10)."""
    cdef sip_text uri = new.uri if new.has_uri else address.uri
    cdef const char *uri_end = address.uri.at + address.uri.length
    cdef const char *bracket = address.uri.at
    cdef bint brackets = address.brackets
    cdef text_writer out
    cdef uint32_t capacity
    cdef char *space
    if not new.has_display and (brackets or not needs_brackets(uri)):
        return message.replace(address.uri, uri)
    capacity = uri.length + new.display.length + address.name_addr.length - address.uri.length + 8
    if new.has_display:
        capacity -= address.display.length
    space = message.scratch_reserve(capacity)
    if space == NULL:
        return False
    text_writer_start(&out, space, capacity)
    while brackets and bracket > address.name_addr.at and bracket[0] != c'<':
        bracket -= 1
    if new.display.length:
        text_put_text(&out, new.display)
        if address.display.at != NULL and brackets:
            # White space between display name and bracket stays as received.
            text_put(&out, address.display.at + address.display.length,
                     <size_t>(bracket - address.display.at - address.display.length))
        else:
            text_put(&out, b" ", 1)
    if brackets or new.display.length or needs_brackets(uri):
        text_put(&out, b"<", 1)
        text_put_text(&out, uri)
        if brackets:
            text_put(&out, uri_end, <size_t>(address.name_addr.at + address.name_addr.length - uri_end))
        else:
            text_put(&out, b">", 1)
    else:
        text_put_text(&out, uri)
    return not out.overflow and message.replace(
        address.name_addr if brackets else text_of(address.name_addr.at, <uint32_t>(uri_end - address.name_addr.at)),
        text_of(space, text_writer_length(&out)))


cdef bint needs_brackets(sip_text uri) noexcept:
    cdef uint32_t i
    for i in range(uri.length):
        if uri.at[i] in (c';', c',', c'?'):
            return True
    return False


cdef bint has_line_end(sip_text text) noexcept:
    cdef uint32_t i
    for i in range(text.length):
        if text.at[i] in (c'\r', c'\n', c'\0'):
            return True
    return False
