"""KSR.rr: loose routing and record-routing (kemi-python.md §2, §3.7)."""
import re

from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_RECORD_ROUTE, SIP_HEADER_ROUTE, SIP_METHOD_ACK, sip_first_header, sip_header, sip_next_header,
)
from uacfast.proxy.route_set cimport ROUTE_TAKEN, follow_route
from uacfast.routing.context cimport ROUTE_NONE, ROUTE_REPLY, ROUTE_REQUEST, kept, str_of
from uacfast.routing.ksr.tm cimport expression
from uacfast.routing.original_names cimport keep_name
from uacfast.routing.relaying cimport ScriptTransactions
from uacfast.sip.message cimport SipMessage, literal, no_text, text_of

# host[:port] or [IPv6 address][:port], then parameters; nothing that ends the header field's value.
_PRESET = re.compile(r"[^\s<>\",;\x00-\x20\x7f]+(?:;[^\s<>\",\x00-\x20\x7f]*)?")


cdef class RrModule(KsrModule):

    def loose_route(self):
        """1: the request goes along its route set, of which our own value is taken off; -1: there is none, it is not ours, or
        it is broken. Restores From and To within a dialog (uac.restore_mode auto)."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = context.message
        cdef Forwarder forwarder
        cdef const char *had_from
        cdef const char *had_to
        if context.kind != ROUTE_REQUEST or sip_first_header(&message.index, SIP_HEADER_ROUTE) == NULL:
            return -1
        forwarder = self.runtime.engine.forwarder
        message.next_hop = no_text()
        had_from, had_to = message.upstream_from.at, message.upstream_to.at
        if forwarder.take_routes(message) != ROUTE_TAKEN:
            return -1
        if message.upstream_from.at != had_from:
            keep_name(self.runtime, True)
        if message.upstream_to.at != had_to:
            keep_name(self.runtime, False)
        if message.to.tag.at == NULL and not follow_route(message, &forwarder.routes, forwarder.routes_taken):
            return -1
        context.destination_uri = str_of(message.next_hop) if message.next_hop.at != NULL else None
        if message.dialog:
            context.dialog = self.runtime.engine.dialogs.of(message)
            # A copy of a request changes nothing in the dialog.
            if message.index.method == SIP_METHOD_ACK or (<ScriptTransactions>self.runtime).matching(context) == NULL:
                self.runtime.engine.dialogs.request(message)
        return 1

    def loose_route_mode(self, int mode):
        """loose_route(); the modes tell strict routers apart, which is always done here."""
        return self.loose_route()

    def loose_route_preloaded(self):
        """loose_route() of a request that has a route set before there is a dialog; else -1."""
        cdef MessageContext context = self.runtime.context
        if context.kind != ROUTE_REQUEST or context.message.to.tag.at != NULL:
            return -1
        return self.loose_route()

    def next_hop_route(self):
        """Whether the topmost Route leads to somebody else."""
        cdef MessageContext context = self.runtime.context
        if context.kind == ROUTE_NONE or context.message is None or context.destination_uri is None:
            return -1
        return 1

    # --- what our Route value carried ----------------------------------------------------------------------------

    def check_route_param(self, str pattern not None):
        """Whether the expression is found in the parameters of the Route value that loose_route() took off."""
        cdef SipMessage message = self.runtime.context.message
        if message is None or not message.index.is_request or not message.loose_routed:
            return -1
        try:
            # Kamailio looks at the parameters with the semicolon before them.
            return 1 if expression(pattern).search(f";{str_of(message.route_parameters)}") else -1
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}.") from None

    def is_direction(self, str direction not None):
        """Whether the request travels "downstream", from caller to callee, or "upstream"."""
        cdef SipMessage message = self.runtime.context.message
        cdef bint upstream
        if message is None or not message.index.is_request:
            return -1
        upstream = message.loose_routed and message.upstream
        return 1 if upstream == (direction == "upstream") and direction in ("upstream", "downstream") else -1

    # --- Record-Route --------------------------------------------------------------------------------------------

    cdef bint add_parameters(self, MessageContext context, str parameters):
        cdef SipMessage message = context.message
        cdef sip_text text
        if "\r" in parameters or "\n" in parameters or ">" in parameters:
            return False
        text = kept(message, str_of(message.added_route_parameters) + parameters)
        if text.at == NULL:
            return False
        message.added_route_parameters = text
        return True

    def record_route(self):
        """Stay in the dialog's way: 1, or -1 when this was asked for already."""
        cdef SipMessage message = self.runtime.context.message
        if message is None or not message.index.is_request or message.record_route:
            return -1
        message.record_route = True
        return 1

    def record_route_params(self, str parameters not None):
        """record_route() with ";name=value" in it."""
        cdef MessageContext context = self.runtime.context
        if (context.message is None or not context.message.index.is_request or context.message.record_route
                or not self.add_parameters(context, parameters)):
            return -1
        context.message.record_route = True
        return 1

    def record_route_preset(self, str first not None, str second not None):
        """record_route() with these addresses, host[:port][;parameters], in place of ours; second "": the first alone. They
        must be ours in the end (server.alias), else nobody takes the Route off later: 1, or -1."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = context.message
        cdef sip_text text
        if (message is None or not message.index.is_request or message.record_route
                or not _PRESET.fullmatch(first) or second and not _PRESET.fullmatch(second)):
            return -1
        text = kept(message, f"{first} {second}" if second else first)
        if text.at == NULL:
            return -1
        message.record_route_preset = text
        message.record_route = True
        return 1

    def record_route_preset_one(self, str address not None):
        return self.record_route_preset(address, "")

    def add_rr_param(self, str parameters not None):
        """Have ";name=value" stand in the Record-Route value that will be written."""
        cdef MessageContext context = self.runtime.context
        if context.message is None or not context.message.index.is_request:
            return -1
        return 1 if self.add_parameters(context, parameters) else -1

    def remove_record_route(self):
        """Take all Record-Route header fields off."""
        cdef SipMessage message = self.runtime.context.message
        cdef const sip_header *header
        if message is None:
            return -1
        header = sip_first_header(&message.index, SIP_HEADER_RECORD_ROUTE)
        while header != NULL:
            message.replace(header.line, literal(b""))
            header = sip_next_header(&message.index, header)
        return 1
