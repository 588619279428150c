"""From and To: their parts read, and written as edits of the message ($fu, $fU, $fd, $fn, $ft, $tu ...).

What is written goes out; what is read stays the original. Several writes on one message add up, the last of each part
wins.
"""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_header cimport sip_address
from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.uris cimport URI_HOST, URI_USER, URI_WHOLE, UriPart, uri_part, with_uri_part
from uacfast.routing.pv.variable cimport PseudoVariable, encoded, str_value, text_value
from uacfast.sip.message cimport NameReplacement, SipMessage, no_text, text_of
from uacfast.sip.name_addr cimport has_line_end, write_name

cdef enum Party:
    PARTY_FROM
    PARTY_TO
    PARTY_CALLER                 # From, or To in a request that travels upstream
    PARTY_CALLEE

cdef enum NamePart:
    NAME_URI
    NAME_DISPLAY
    NAME_TAG


cdef sip_address *party_of(SipMessage message, Party party) noexcept:
    """The parsed header field, NULL when it cannot be read."""
    if message is None:
        return NULL
    if not message.index.is_request and not message.parse_addresses():
        return NULL              # of responses the engine parses these only where it needs them
    if party in (PARTY_CALLER, PARTY_CALLEE) and message.upstream and message.index.is_request:
        return &message.to if party == PARTY_CALLER else &message.from_
    return &message.from_ if party in (PARTY_FROM, PARTY_CALLER) else &message.to


cdef class PartyVariable(PseudoVariable):
    """A part of From or To that is read only: the tags."""
    cdef Party party
    cdef NamePart part

    def __init__(self, Party party, NamePart part):
        self.party = party
        self.part = part

    cdef object value(self, MessageContext context, bint octets):
        cdef sip_address *address = party_of(context.message, self.party)
        if address == NULL:
            return None
        return text_value(address.tag if self.part == NAME_TAG else address.display, octets)

    cdef bint set(self, MessageContext context, object value) except -1:
        """Writes the display name; an empty text and None remove it."""
        cdef sip_address *address
        cdef NameReplacement changed
        cdef bytes octets
        if self.part != NAME_DISPLAY:
            return PseudoVariable.set(self, context, value)
        address = party_of(context.message, self.party)
        if address == NULL or value is not None and not isinstance(value, str):
            report("%s takes a text, in a message with that header field; it stays as it is.", self.source)
            return False
        octets = b"" if value is None else encoded(value)
        changed = replacement_of(context.message, self.party)[0]
        changed.has_display = True
        changed.display = context.message.keep(<const char *>octets, <uint32_t>len(octets))
        return changed.display.at != NULL and write(self, context.message, self.party, address, &changed)


cdef class PartyUriVariable(PseudoVariable):
    """The URI of From or To, its user or its host."""
    cdef Party party
    cdef UriPart part

    def __init__(self, Party party, UriPart part):
        self.party = party
        self.part = part

    cdef object value(self, MessageContext context, bint octets):
        cdef sip_address *address = party_of(context.message, self.party)
        if address == NULL:
            return None
        return uri_part(address.uri, self.part, octets)

    cdef bint set(self, MessageContext context, object value) except -1:
        """None is possible for the user alone: it takes that part off."""
        cdef sip_address *address = party_of(context.message, self.party)
        cdef NameReplacement changed
        cdef bytes uri
        if address == NULL or not (isinstance(value, str) or value is None and self.part == URI_USER):
            report("%s takes a text, in a message with that header field; it stays as it is.", self.source)
            return False
        changed = replacement_of(context.message, self.party)[0]
        uri = with_uri_part(changed.uri if changed.has_uri else address.uri, self.part, value)
        if uri is None:
            report("%s: %r makes no URI; it stays as it is.", self.source, value)
            return False
        changed.has_uri = True
        changed.uri = context.message.keep(<const char *>uri, <uint32_t>len(uri))
        return changed.uri.at != NULL and write(self, context.message, self.party, address, &changed)


cdef NameReplacement *replacement_of(SipMessage message, Party party) noexcept:
    return &message.new_from if party == PARTY_FROM else &message.new_to


cdef bint write(PseudoVariable variable, SipMessage message, Party party, sip_address *address,
                const NameReplacement *changed) except -1:
    if has_line_end(changed.display) or not write_name(message, address, changed):
        report("%s: the header field cannot be written so; it stays as it is.", variable.source)
        return False
    replacement_of(message, party)[0] = changed[0]
    return True


cdef class DirectionVariable(PseudoVariable):
    """$rdir(id) and $rdir(name): which way a request travels in its dialog."""
    cdef bint as_number

    def __init__(self, bint as_number):
        self.as_number = as_number

    cdef object value(self, MessageContext context, bint octets):
        cdef bint upstream
        if context.message is None:
            return None
        upstream = context.message.index.is_request and context.message.loose_routed and context.message.upstream
        if self.as_number:
            return 2 if upstream else 1
        return str_value("upstream" if upstream else "downstream", octets)


cdef class AccountingUser(PseudoVariable):
    """$Au: user@host of From."""

    cdef object value(self, MessageContext context, bint octets):
        cdef sip_address *address = party_of(context.message, PARTY_FROM)
        if address == NULL:
            return None
        user = uri_part(address.uri, URI_USER, True)
        host = uri_part(address.uri, URI_HOST, True)
        if host is None:
            return None
        text = host if user is None else user + b"@" + host
        return text if octets else text.decode("utf-8", "surrogateescape")


def direction(argument):
    if argument.constant not in ("id", "name"):
        raise ValueError("$rdir(...) takes id or name.")
    return DirectionVariable(argument.constant == "id")


PLAIN = {
    "fu": lambda index: PartyUriVariable(PARTY_FROM, URI_WHOLE),
    "fU": lambda index: PartyUriVariable(PARTY_FROM, URI_USER),
    "fd": lambda index: PartyUriVariable(PARTY_FROM, URI_HOST),
    "fn": lambda index: PartyVariable(PARTY_FROM, NAME_DISPLAY),
    "ft": lambda index: PartyVariable(PARTY_FROM, NAME_TAG),
    "fti": lambda index: PartyVariable(PARTY_CALLER, NAME_TAG),
    "tu": lambda index: PartyUriVariable(PARTY_TO, URI_WHOLE),
    "tU": lambda index: PartyUriVariable(PARTY_TO, URI_USER),
    "td": lambda index: PartyUriVariable(PARTY_TO, URI_HOST),
    "tn": lambda index: PartyVariable(PARTY_TO, NAME_DISPLAY),
    "tt": lambda index: PartyVariable(PARTY_TO, NAME_TAG),
    "tti": lambda index: PartyVariable(PARTY_CALLEE, NAME_TAG),
    "Au": lambda index: AccountingUser(),
}
WITH_ARGUMENT = {"rdir": lambda argument, index: direction(argument)}
