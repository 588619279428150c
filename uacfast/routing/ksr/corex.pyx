"""KSR.corex: further branches, sockets, what is there in a message (kemi-python.md §3.10)."""
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from uacfast.leaves.address cimport address_from_text, address_is_usable
from uacfast.leaves.sip_scan cimport SIP_HEADER_USER_AGENT, sip_first_header
from uacfast.leaves.sip_text cimport sip_text, sip_text_is
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.engine cimport Engine
from uacfast.routing.context cimport KsrModule, MessageContext, str_of
from uacfast.routing.relaying cimport ScriptTransactions
from uacfast.sip.message cimport SipMessage, bytes_of, text_of

from uacfast.transport.resolver import ResolutionError

cdef enum:
    XFLAGS = 64
    BRANCHES_MAX = 31            # beside the Request-URI, as many as Kamailio keeps


cdef class CorexModule(KsrModule):

    def append_branch(self):
        """Another destination: the Request-URI as it is now, with $du and send socket."""
        return self.append_branch_uri_q("", "")

    def append_branch_uri(self, str uri not None):
        return self.append_branch_uri_q(uri, "")

    def append_branch_uri_q(self, str uri not None, str q not None):
        """Another destination that t_relay() sends to as well; "": the Request-URI as it is now. q: from 0 to 1, "" or
        anything else: none."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = context.message
        try:
            quality = round(float(q) * 1000) if q else -1
        except (ValueError, OverflowError):
            quality = -1
        quality = quality if 0 <= quality <= 1000 else -1
        if (message is None or not message.index.is_request or len(context.state.branches) >= BRANCHES_MAX
                or "\r" in uri or "\n" in uri):
            return -1
        context.state.branches.append({
            "uri": uri if uri else str_of(message.request_uri), "dst_uri": None if uri else context.destination_uri,
            "path": None, "q": quality, "send_socket": context.send_socket, "flags": context.state.branch_flags[0]})
        return 1

    def has_ruri_user(self):
        cdef SipMessage message = self.runtime.context.message
        cdef sip_uri uri
        if message is None or not message.index.is_request or sip_uri_parse(message.request_uri, &uri) != 0:
            return -1
        return 1 if uri.user.length else -1

    def has_user_agent(self):
        cdef SipMessage message = self.runtime.context.message
        return 1 if message is not None and sip_first_header(&message.index, SIP_HEADER_USER_AGENT) != NULL else -1

    def set_send_socket(self, str name not None):
        """Send by our socket "udp:host:port"; one that is not ours changes nothing."""
        cdef MessageContext context = self.runtime.context
        if context.message is None:
            return -1
        if (<ScriptTransactions>self.runtime).socket_of(name) >= 0:
            context.send_socket = name
        return 1

    def is_socket_name(self, str name not None):
        """Sockets have no names here."""
        return -1

    # --- extended flags ------------------------------------------------------------------------------------------

    def setxflag(self, int flag):
        """Flags 0 to 63 beside those of setflag(), with the transaction like them: 1, or -1 for another number."""
        if not 0 <= flag < XFLAGS:
            return -1
        self.runtime.context.state.xflags |= <uint64_t>1 << flag
        return 1

    def resetxflag(self, int flag):
        if not 0 <= flag < XFLAGS:
            return -1
        self.runtime.context.state.xflags &= ~(<uint64_t>1 << flag)
        return 1

    def isxflagset(self, int flag):
        if not 0 <= flag < XFLAGS:
            return -1
        return 1 if self.runtime.context.state.xflags >> flag & 1 else -1

    # --- octets of the script's own ------------------------------------------------------------------------------

    def send_data(self, str uri not None, str data not None):
        """Send this text as one datagram to a SIP URI, as it is: 1, or -1 when the URI leads nowhere. Waits for the
        addresses of a name."""
        return self.send_octets(uri, "", data)

    def sendx(self, str uri not None, str socket not None, str data not None):
        """send_data() by our socket "udp:host:port"; -1 when it is none of ours."""
        if (<ScriptTransactions>self.runtime).socket_of(socket) < 0:
            return -1
        return self.send_octets(uri, socket, data)

    cdef int send_octets(self, str uri, str socket_name, str data) except? -2:
        cdef Engine engine = self.runtime.engine
        cdef bytes octets = data.encode("utf-8", "surrogateescape")
        cdef bytes text = uri.encode("utf-8", "surrogateescape")
        cdef udp_address destination
        cdef sip_uri parsed
        cdef sip_text transport
        cdef char *space
        cdef int socket
        if (not octets or sip_uri_parse(text_of(<const char *>text, <uint32_t>len(text)), &parsed) != 0
                or parsed.scheme != SIP_SCHEME_SIP
                or sip_parameter_find(parsed.parameters, b"transport", &transport) and not sip_text_is(transport, b"udp")):
            return -1
        if not address_from_text(parsed.host, <unsigned short>(parsed.port if parsed.port else 5060), &destination):
            if not self.resolve(bytes_of(parsed.host).decode("ascii", "replace"), parsed.port, &destination):
                return -1
        socket = engine.transport.socket_towards(
            &destination, (<ScriptTransactions>self.runtime).socket_of(socket_name) if socket_name else -1)
        if socket < 0 or not address_is_usable(&destination):
            return -1
        space = engine.transport.reserve(<uint32_t>len(octets))
        if space == NULL:
            return -1
        memcpy(space, <const char *>octets, len(octets))
        engine.transport.commit(<uint32_t>len(octets), socket, &destination, 0)
        return 1

    cdef bint resolve(self, str host, uint32_t port, udp_address *destination) except -1:
        """The first address of a name, which has to be waited for unless it is known."""
        resolver = self.runtime.engine.forwarder.resolver
        if resolver is None:
            return False
        targets = resolver.cached(host, port)
        if targets is None:
            try:
                targets = self.runtime.wait(resolver.resolve(host, port))
            except ResolutionError:
                return False
        for target in targets:
            octets = target.address.encode()
            if address_from_text(text_of(<const char *>octets, <uint32_t>len(octets)), target.port, destination):
                return True
        return False
