"""From and To as a request brought them, in AVPs (restore_from_avp, restore_to_avp; uac-semantics §1.8).

What is replaced or restored is put on top of its AVP, where a script can read and change it. Each reply shows what is on
top when it comes in, before any callback: so do Kamailio's. What is no name-addr there is passed over; Kamailio takes it.
"""
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.routing.context cimport str_of
from uacfast.sip.message cimport bytes_of, no_text, text_of
from uacfast.sip.name_addr cimport has_line_end

cdef tuple ORIGINALS = ("original_from", "original_to")       # in TransactionState.notes, once an AVP says something else


cdef void keep_name(ScriptRuntime runtime, bint of_from):
    """Put From or To as it came on top of its AVP."""
    cdef MessageContext context = runtime.context
    cdef sip_text text = context.message.from_.name_addr if of_from else context.message.to.name_addr
    if runtime.restore_avps is None:
        return
    key = runtime.restore_avps[0 if of_from else 1]
    if key is not None:
        context.state.avps.setdefault(key, []).insert(0, str_of(text))


cdef void take_names(ScriptRuntime runtime, TransactionState state, Transaction *transaction, TransactionTable table):
    """Have replies show the names on top of the AVPs, where they show any that was replaced."""
    cdef bytes of_from, of_to
    if transaction.upstream_from.at == NULL and transaction.upstream_to.at == NULL:
        return
    of_from = name_to_show(runtime, state, 0, transaction.upstream_from)
    of_to = name_to_show(runtime, state, 1, transaction.upstream_to)
    if not (is_shown(of_from, transaction.upstream_from) and is_shown(of_to, transaction.upstream_to)):
        table.remember(transaction, text_or_none(of_from), text_or_none(of_to))


cdef bytes name_to_show(ScriptRuntime runtime, TransactionState state, int which, sip_text shown):
    """What replies are to show in From (0) or To (1): the AVP's text, else what the request brought."""
    cdef str place = ORIGINALS[which]
    cdef bytes original, octets
    if shown.at == NULL:
        return None
    original = state.notes.get(place)
    if original is None:
        original = bytes_of(shown)
    values = state.avps.get(runtime.restore_avps[which])
    if not values or not isinstance(values[0], str):
        return original
    try:
        octets = (<str>values[0]).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return original
    if octets == original or not is_name(text_or_none(octets)):
        return original
    state.notes[place] = original
    return octets


cdef bint is_name(sip_text text) noexcept:
    """Whether it is a display name and a URI, or a URI, and nothing more."""
    cdef sip_address address
    cdef sip_uri uri
    return (text.length != 0 and not has_line_end(text) and sip_address_parse(text, &address) == 0
            and address.name_addr.length == text.length and sip_uri_parse(address.uri, &uri) == 0)


cdef bint is_shown(bytes octets, sip_text shown):
    return octets is None or octets == bytes_of(shown)


cdef sip_text text_or_none(bytes octets) noexcept:
    """The octets, which stay their owner's; .at is NULL when there are none."""
    return no_text() if octets is None else text_of(<const char *>octets, <unsigned int>len(octets))
