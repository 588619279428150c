"""Where a request goes: its Request-URI ($ru ...), the outbound proxy ($du ...), the next hop, further destinations."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.context cimport ROUTE_BRANCH, MessageContext
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.uris cimport (
    URI_HOST, URI_PORT, URI_SCHEME, URI_TRANSPORT, URI_USER, URI_WHOLE, UriPart, is_uri, uri_part, with_uri_part,
)
from uacfast.routing.pv.variable cimport Index, PseudoVariable, decoded, encoded, str_value
from uacfast.sip.message cimport SipMessage, no_text, text_of

cdef enum:
    BRANCHES_MAX = 11            # beside the Request-URI itself, as Kamailio has it
    Q_MAX = 1000                 # q is kept in thousandths

cdef enum Destination:
    REQUEST_URI
    RECEIVED_URI
    DESTINATION_URI
    NEXT_HOP


cdef class DestinationVariable(PseudoVariable):
    """A part of the URI that `destination` names; null in responses."""
    cdef Destination destination
    cdef UriPart part
    cdef bint writable

    def __init__(self, Destination destination, UriPart part, bint writable=False):
        self.destination = destination
        self.part = part
        self.writable = writable

    cdef object value(self, MessageContext context, bint octets):
        cdef bytes outbound
        if context.message is None or not context.message.index.is_request:
            return None
        if self.destination == RECEIVED_URI:
            return uri_part(context.message.index.request_uri, self.part, octets)
        if self.destination == REQUEST_URI or self.destination == NEXT_HOP and context.destination_uri is None:
            return uri_part(context.message.request_uri, self.part, octets)
        if context.destination_uri is None:
            return None
        outbound = encoded(context.destination_uri)
        return uri_part(text_of(<const char *>outbound, <uint32_t>len(outbound)), self.part, octets)

    cdef bint set(self, MessageContext context, object value) except -1:
        """User and port of the Request-URI and the whole $du can be taken away; a port may be an int."""
        cdef bint removable = self.destination == DESTINATION_URI or self.part in (URI_USER, URI_PORT)
        if not self.writable:
            return PseudoVariable.set(self, context, value)
        if context.message is None or not context.message.index.is_request:
            report("%s can be set in a request alone; it stays as it is.", self.source)
            return False
        if self.destination == DESTINATION_URI and (value is None or isinstance(value, str) and not value):
            context.destination_uri = None
            return True
        if not (isinstance(value, str) or isinstance(value, int) and self.part == URI_PORT
                or value is None and removable):
            report("%s does not take %r; it stays as it is.", self.source, value)
            return False
        if self.destination == DESTINATION_URI:
            if not is_uri(encoded(value)):
                report("%s: %r is no URI; it stays as it is.", self.source, value)
                return False
            context.destination_uri = value
            return True
        return self.set_request_uri(context.message, value)

    cdef bint set_request_uri(self, SipMessage message, object value) except -1:
        cdef bytes uri = with_uri_part(message.request_uri, self.part, value)
        cdef sip_text kept
        if uri is None:
            report("%s: %r makes no URI; it stays as it is.", self.source, value)
            return False
        kept = message.keep(<const char *>uri, <uint32_t>len(uri))
        if kept.at == NULL or not message.replace_request_uri(kept):
            report("%s: there is no room for one more change of this message; it stays as it is.", self.source)
            return False
        return True


cdef str branch_text(dict branch, bint brackets):
    """As it stands in a Contact; without a q only `brackets` wants them."""
    q = branch.get("q", -1)
    if q is None or q < 0:
        return f"<{branch['uri']}>" if brackets else branch["uri"]
    return f"<{branch['uri']}>;q={q / Q_MAX:g}"


cdef class DestinationSet(PseudoVariable):
    """$br: the first of the further destinations, and setting adds one; $bR: all of them; $ds: with the Request-URI."""
    cdef str shown

    def __init__(self, str shown):
        self.shown = shown

    cdef object value(self, MessageContext context, bint octets):
        cdef bint all_of_them = self.shown == "$ds"
        cdef list texts = [branch_text(branch, all_of_them) for branch in context.state.branches]
        if all_of_them:
            if context.message is None or not context.message.index.is_request:
                return None
            # The Request-URI counts once it is another one, or this very branch's.
            if (context.kind == ROUTE_BRANCH
                    or context.message.request_uri.at != context.message.index.request_uri.at):
                texts.insert(0, f"<{uri_part(context.message.request_uri, URI_WHOLE, False)}>")
            return str_value(f"Contact: {', '.join(texts)}", octets) if texts else None
        if not texts:
            return None
        return str_value(texts[0] if self.shown == "$br" else ", ".join(texts), octets)

    cdef bint set(self, MessageContext context, object value) except -1:
        if self.shown != "$br":
            return PseudoVariable.set(self, context, value)
        if not isinstance(value, str) or not is_uri(encoded(value)):
            report("%s takes a URI, not %r.", self.source, value)
            return False
        if len(context.state.branches) == BRANCHES_MAX:
            report("%s: there are %d destinations, more are not possible.", self.source, BRANCHES_MAX + 1)
            return False
        context.state.branches.append(
            {"uri": value, "dst_uri": "", "path": "", "q": -1, "send_socket": "", "flags": 0})
        return True


BRANCH_FIELDS = ("uri", "dst_uri", "path", "q", "send_socket", "flags", "count")


cdef class BranchField(PseudoVariable):
    """$branch(field)[index]: the further destinations."""
    cdef str field
    cdef Index index

    def __init__(self, str field, Index index):
        if field not in BRANCH_FIELDS:
            raise ValueError(f"$branch({field}) does not exist; there are {', '.join(BRANCH_FIELDS)}.")
        self.field = field
        self.index = index

    cdef dict branch(self, MessageContext context):
        cdef Py_ssize_t number = self.index.of(context), count = len(context.state.branches)
        if number < 0:
            number += count
        return context.state.branches[number] if 0 <= number < count else None

    cdef object value(self, MessageContext context, bint octets):
        cdef dict branch
        if self.field == "count":
            return len(context.state.branches) or None
        branch = self.branch(context)
        if branch is None:
            return None
        value = branch.get(self.field)
        if self.field == "q":
            return None if value is None or value < 0 else value
        if self.field == "flags":
            return value or 0
        return str_value(value, octets) if value else None

    cdef bint set(self, MessageContext context, object value) except -1:
        """None takes the field's value, and with the URI the whole destination, away."""
        cdef dict branch = self.branch(context)
        if self.field == "count":
            return PseudoVariable.set(self, context, value)
        if branch is None:
            report("%s: there is no such destination.", self.source)
            return False
        if self.field == "uri" and value is None:
            context.state.branches.remove(branch)
            return True
        if self.field in ("q", "flags"):
            if value is None:
                value = -1 if self.field == "q" else 0
            elif not isinstance(value, int) or self.field == "q" and not 0 <= value <= Q_MAX:
                report("%s does not take %r.", self.source, value)
                return False
        elif value is None:
            value = ""
        elif not isinstance(value, str) or self.field in ("uri", "dst_uri") and not is_uri(encoded(value)):
            report("%s does not take %r.", self.source, value)
            return False
        branch[self.field] = value
        return True


NEXT_HOP_PARTS = {"u": URI_WHOLE, "U": URI_USER, "d": URI_HOST, "p": URI_PORT, "P": URI_TRANSPORT}


def next_hop(argument):
    if argument.constant not in NEXT_HOP_PARTS:
        raise ValueError(f"$nh(...) takes one of {', '.join(NEXT_HOP_PARTS)}.")
    return DestinationVariable(NEXT_HOP, NEXT_HOP_PARTS[argument.constant])


PLAIN = {
    "ru": lambda index: DestinationVariable(REQUEST_URI, URI_WHOLE, True),
    "rU": lambda index: DestinationVariable(REQUEST_URI, URI_USER, True),
    "rd": lambda index: DestinationVariable(REQUEST_URI, URI_HOST, True),
    "rp": lambda index: DestinationVariable(REQUEST_URI, URI_PORT, True),
    "rP": lambda index: DestinationVariable(REQUEST_URI, URI_TRANSPORT),
    "rz": lambda index: DestinationVariable(REQUEST_URI, URI_SCHEME),
    "ou": lambda index: DestinationVariable(RECEIVED_URI, URI_WHOLE),
    "oU": lambda index: DestinationVariable(RECEIVED_URI, URI_USER),
    "od": lambda index: DestinationVariable(RECEIVED_URI, URI_HOST),
    "op": lambda index: DestinationVariable(RECEIVED_URI, URI_PORT),
    "oP": lambda index: DestinationVariable(RECEIVED_URI, URI_TRANSPORT),
    "du": lambda index: DestinationVariable(DESTINATION_URI, URI_WHOLE, True),
    "dd": lambda index: DestinationVariable(DESTINATION_URI, URI_HOST),
    "dp": lambda index: DestinationVariable(DESTINATION_URI, URI_PORT),
    "dP": lambda index: DestinationVariable(DESTINATION_URI, URI_TRANSPORT),
    "ds": lambda index: DestinationSet("$ds"),
    "br": lambda index: DestinationSet("$br"),
    "bR": lambda index: DestinationSet("$bR"),
}
WITH_ARGUMENT = {
    "nh": lambda argument, index: next_hop(argument),
    "branch": lambda argument, index: BranchField(argument.constant, index),
}
