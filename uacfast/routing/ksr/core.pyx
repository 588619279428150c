"""The functions of KSR itself: log, methods, own addresses, flags, destination (kemi-python.md §2, §3.4)."""
import logging

from libc.stdint cimport uint8_t, uint32_t

from uacfast.leaves.address cimport (
    address_host_text, address_port,
)
from uacfast.leaves.sip_scan cimport (
    SIP_METHOD_ACK, SIP_METHOD_BYE, SIP_METHOD_CANCEL, SIP_METHOD_INFO, SIP_METHOD_INVITE, SIP_METHOD_MESSAGE,
    SIP_METHOD_NOTIFY, SIP_METHOD_OPTIONS, SIP_METHOD_OTHER, SIP_METHOD_PRACK, SIP_METHOD_PUBLISH, SIP_METHOD_REFER,
    SIP_METHOD_REGISTER, SIP_METHOD_SUBSCRIBE, SIP_METHOD_UPDATE, sip_method_id_of,
)
from uacfast.leaves.sip_text cimport sip_text, sip_text_is
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.leaves.udp_batch cimport AF_INET, AF_INET6
from uacfast.routing.context cimport (
    KsrModule, MessageContext, ROUTE_REQUEST, kept, str_of,
)
from uacfast.routing.relaying cimport ScriptTransactions
from uacfast.sip.message cimport SipMessage, text_of

logger = logging.getLogger("uacfast.script")
# Kamailio's level numbers, -3 (alert) to 4 (debug), as Python's.
LEVELS = {"alert": 40, "bug": 40, "crit": 40, "critical": 40, "err": 40, "error": 40, "warn": 30, "warning": 30, "notice": 20, "info": 20,
          "dbg": 10, "debug": 10}
# KSR.is_method_in(): a letter for each method (kemi-python.md §2).
cdef dict METHOD_LETTERS = {
    "I": b"INVITE", "A": b"ACK", "B": b"BYE", "C": b"CANCEL", "M": b"MESSAGE", "R": b"REGISTER", "E": b"PRACK",
    "P": b"PUBLISH", "S": b"SUBSCRIBE", "N": b"NOTIFY", "O": b"OPTIONS", "F": b"REFER", "U": b"UPDATE", "G": b"GET",
    "T": b"POST", "V": b"PUT", "D": b"DELETE", "K": b"KDMQ",
}


def level_of(text):
    """Python's level for a name such as "L_INFO", "info" or a variable that says nothing known: error."""
    return LEVELS.get(text.strip().lower().removeprefix("l_"), 40)


def write_log(int level, str text):
    """One entry; the line end that Kamailio's scripts write is not part of it."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s", text.rstrip("\r\n"))


cdef bytes method_of(MessageContext context):
    """A request's method, a reply's CSeq method; empty without a message."""
    cdef SipMessage message = context.message
    cdef sip_text text
    if message is None:
        return b""
    text = message.index.method_text if message.index.is_request else message.cseq.method
    return text.at[:text.length]


cdef class CoreModule(KsrModule):

    # --- log -----------------------------------------------------------------------------------------------------

    def info(self, str text not None):
        write_log(20, text)
        return 0

    def notice(self, str text not None):
        write_log(20, text)
        return 0

    def dbg(self, str text not None):
        write_log(10, text)
        return 0

    def warn(self, str text not None):
        write_log(30, text)
        return 0

    def err(self, str text not None):
        write_log(40, text)
        return 0

    def crit(self, str text not None):
        write_log(40, text)
        return 0

    def log(self, str level not None, str text not None):
        write_log(level_of(level), text)
        return 0

    def get_debug(self):
        """Kamailio's level number of what is logged: 3 debug, 2 info, 0 warnings, -1 errors."""
        level = logger.getEffectiveLevel()
        return 3 if level <= 10 else 2 if level <= 20 else 0 if level <= 30 else -1

    # --- methods -------------------------------------------------------------------------------------------------

    cdef int method(self) noexcept:
        """The method's number; that of the CSeq in a reply."""
        cdef SipMessage message = self.runtime.context.message
        if message is None:
            return -1
        if message.index.is_request:
            return message.index.method
        return sip_method_id_of(message.cseq.method)

    def is_INVITE(self):
        return self.method() == SIP_METHOD_INVITE

    def is_ACK(self):
        return self.method() == SIP_METHOD_ACK

    def is_BYE(self):
        return self.method() == SIP_METHOD_BYE

    def is_CANCEL(self):
        return self.method() == SIP_METHOD_CANCEL

    def is_REGISTER(self):
        return self.method() == SIP_METHOD_REGISTER

    def is_OPTIONS(self):
        return self.method() == SIP_METHOD_OPTIONS

    def is_NOTIFY(self):
        return self.method() == SIP_METHOD_NOTIFY

    def is_SUBSCRIBE(self):
        return self.method() == SIP_METHOD_SUBSCRIBE

    def is_PUBLISH(self):
        return self.method() == SIP_METHOD_PUBLISH

    def is_REFER(self):
        return self.method() == SIP_METHOD_REFER

    def is_UPDATE(self):
        return self.method() == SIP_METHOD_UPDATE

    def is_PRACK(self):
        return self.method() == SIP_METHOD_PRACK

    def is_MESSAGE(self):
        return self.method() == SIP_METHOD_MESSAGE

    def is_INFO(self):
        return self.method() == SIP_METHOD_INFO

    def is_KDMQ(self):
        return method_of(self.runtime.context) == b"KDMQ"

    def is_GET(self):
        return method_of(self.runtime.context) == b"GET"

    def is_POST(self):
        return method_of(self.runtime.context) == b"POST"

    def is_PUT(self):
        return method_of(self.runtime.context) == b"PUT"

    def is_DELETE(self):
        return method_of(self.runtime.context) == b"DELETE"

    def is_method(self, str names not None):
        """Whether the method is one of these: "INVITE|ACK"."""
        return method_of(self.runtime.context) in [name.strip().encode() for name in names.split("|") if name.strip()]

    def is_method_in(self, str letters not None):
        """Whether one of the letters stands for the method."""
        method = method_of(self.runtime.context)
        for letter in letters:
            if METHOD_LETTERS.get(letter) == method:
                return True
        return False

    # --- own addresses -------------------------------------------------------------------------------------------

    cdef bint is_ours(self, sip_text text) noexcept:
        """A URI, or a bare host."""
        cdef sip_uri uri
        cdef sip_text transport
        if self.runtime.engine is None:
            return False
        if text.length > 4 and (sip_text_is(text_of(text.at, 4), b"sip:") or text.length > 5
                                and sip_text_is(text_of(text.at, 5), b"sips:")):
            if sip_uri_parse(text, &uri) != 0 or uri.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS):
                return False
            if sip_parameter_find(uri.parameters, b"transport", &transport) and not sip_text_is(transport, b"udp"):
                return False
            return self.runtime.engine.transport.is_own(uri.host, uri.port) if uri.port else self.is_own_host(uri.host)
        return self.is_own_host(text)

    cdef bint is_own_host(self, sip_text host) noexcept:
        """Without a port every own name of that host will do."""
        cdef int i
        for i in range(self.runtime.engine.transport.own_name_count):
            if self.runtime.engine.transport.is_own(host, self.runtime.engine.transport.own_names[i].port):
                return True
        return False

    def is_myself(self, str text not None):
        cdef bytes octets = text.encode("utf-8", "surrogateescape")
        return self.is_ours(text_of(<const char *>octets, <uint32_t>len(octets)))

    def is_myself_ruri(self):
        cdef SipMessage message = self.runtime.context.message
        return message is not None and message.index.is_request and self.is_ours(message.request_uri)

    def is_myself_furi(self):
        cdef SipMessage message = self.runtime.context.message
        return message is not None and self.is_ours(message.from_.uri)

    def is_myself_turi(self):
        cdef SipMessage message = self.runtime.context.message
        return message is not None and self.is_ours(message.to.uri)

    def is_myself_duri(self):
        uri = self.runtime.context.destination_uri
        return self.is_myself(uri) if uri else False

    def is_myself_nhuri(self):
        return self.is_myself_duri() if self.runtime.context.destination_uri else self.is_myself_ruri()

    def is_myself_suri(self):
        cdef MessageContext context = self.runtime.context
        cdef char host[64]
        if context.message is None:
            return False
        return self.runtime.engine.transport.is_own(text_of(host, address_host_text(&context.message.source, host)),
                                                    address_port(&context.message.source))

    def is_myself_srcip(self):
        cdef MessageContext context = self.runtime.context
        cdef char host[64]
        if context.message is None:
            return False
        return self.is_own_host(text_of(host, address_host_text(&context.message.source, host)))

    # --- where it came from, where it goes -----------------------------------------------------------------------

    def is_UDP(self):
        return self.runtime.context.message is not None

    def is_TCP(self):
        return False

    def is_TCPX(self):
        return False

    def is_TLS(self):
        return False

    def is_SCTP(self):
        return False

    def is_WS(self):
        return False

    def is_WSS(self):
        return False

    def is_WSX(self):
        return False

    def is_proto(self, str letters not None):
        """Whether one of the letters stands for the source's transport: U is UDP, the only one."""
        return self.runtime.context.message is not None and "u" in letters.lower()

    def is_IPv4(self):
        cdef MessageContext context = self.runtime.context
        return context.message is not None and context.message.source.any.sa_family == AF_INET

    def is_IPv6(self):
        cdef MessageContext context = self.runtime.context
        return context.message is not None and context.message.source.any.sa_family == AF_INET6

    def is_src_port(self, int port):
        cdef MessageContext context = self.runtime.context
        return context.message is not None and address_port(&context.message.source) == port

    def is_dst_port(self, int port):
        cdef MessageContext context = self.runtime.context
        return (context.message is not None
                and address_port(&context.transport.sockets[context.message.socket].address) == port)

    cdef str next_hop_transport(self):
        """Of $du, else of the Request-URI; empty when that cannot be read."""
        cdef SipMessage message = self.runtime.context.message
        cdef bytes octets
        cdef sip_uri uri
        cdef sip_text text, value
        if message is None or not message.index.is_request:
            return ""
        text = message.request_uri
        if self.runtime.context.destination_uri:
            octets = self.runtime.context.destination_uri.encode("utf-8", "surrogateescape")
            text = text_of(<const char *>octets, <uint32_t>len(octets))
        if sip_uri_parse(text, &uri) != 0:
            return ""
        if sip_parameter_find(uri.parameters, b"transport", &value) and value.length:
            return str_of(value).lower()
        return "tls" if uri.scheme == SIP_SCHEME_SIPS else "udp"

    cdef int next_hop_family(self):
        cdef SipMessage message = self.runtime.context.message
        cdef bytes octets
        cdef sip_uri uri
        cdef sip_text text
        if message is None or not message.index.is_request:
            return 0
        text = message.request_uri
        if self.runtime.context.destination_uri:
            octets = self.runtime.context.destination_uri.encode("utf-8", "surrogateescape")
            text = text_of(<const char *>octets, <uint32_t>len(octets))
        return 0 if sip_uri_parse(text, &uri) != 0 else 6 if uri.host_is_ipv6 else 4

    def to_UDP(self):
        return self.next_hop_transport() == "udp"

    def to_TCP(self):
        return self.next_hop_transport() == "tcp"

    def to_TLS(self):
        return self.next_hop_transport() == "tls"

    def to_SCTP(self):
        return self.next_hop_transport() == "sctp"

    def to_WS(self):
        return self.next_hop_transport() == "ws"

    def to_WSS(self):
        return self.next_hop_transport() == "wss"

    def to_WSX(self):
        return self.next_hop_transport() in ("ws", "wss")

    def to_IPv4(self):
        return self.next_hop_family() == 4

    def to_IPv6(self):
        return self.next_hop_family() == 6

    # --- flags ---------------------------------------------------------------------------------------------------

    def setflag(self, int flag):
        if not 0 <= flag <= 31:
            return False
        self.runtime.context.state.flags |= <uint32_t>1 << flag
        return True

    def resetflag(self, int flag):
        if not 0 <= flag <= 31:
            return False
        self.runtime.context.state.flags &= ~(<uint32_t>1 << flag)
        return True

    def isflagset(self, int flag):
        return 0 <= flag <= 31 and (self.runtime.context.state.flags >> flag) & 1 == 1

    def setsflag(self, int flag):
        """Flags of the message alone, not of its transaction."""
        if not 0 <= flag <= 31:
            return False
        self.runtime.context.script_flags |= <uint32_t>1 << flag
        return True

    def resetsflag(self, int flag):
        if not 0 <= flag <= 31:
            return False
        self.runtime.context.script_flags &= ~(<uint32_t>1 << flag)
        return True

    def issflagset(self, int flag):
        return 0 <= flag <= 31 and (self.runtime.context.script_flags >> flag) & 1 == 1

    cdef bint change_branch_flag(self, int flag, int branch, bint on):
        cdef list flags = self.runtime.context.state.branch_flags
        if not 0 <= flag <= 31 or not 0 <= branch <= 255:
            return False
        while len(flags) <= branch:
            flags.append(0)
        flags[branch] = flags[branch] | 1 << flag if on else flags[branch] & ~(1 << flag)
        return True

    cdef bint has_branch_flag(self, int flag, int branch):
        cdef list flags = self.runtime.context.state.branch_flags
        return 0 <= flag <= 31 and 0 <= branch < len(flags) and (flags[branch] >> flag) & 1 == 1

    def setbflag(self, int flag):
        return self.change_branch_flag(flag, self.runtime.context.flags_index, True)

    def resetbflag(self, int flag):
        return self.change_branch_flag(flag, self.runtime.context.flags_index, False)

    def isbflagset(self, int flag):
        return self.has_branch_flag(flag, self.runtime.context.flags_index)

    def setbiflag(self, int flag, int branch):
        return self.change_branch_flag(flag, branch, True)

    def resetbiflag(self, int flag, int branch):
        return self.change_branch_flag(flag, branch, False)

    def isbiflagset(self, int flag, int branch):
        return self.has_branch_flag(flag, branch)

    # --- destination ---------------------------------------------------------------------------------------------

    cdef bint set_request_uri(self, str text):
        cdef SipMessage message = self.runtime.context.message
        cdef sip_text uri
        if message is None or not message.index.is_request or has_line_end(text):
            return False
        if not text:
            # As in Kamailio: the Request-URI as it was received.
            return message.replace_request_uri(message.keep(message.index.request_uri.at, message.index.request_uri.length))
        uri = kept(message, text)
        return uri.at != NULL and message.replace_request_uri(uri)

    def seturi(self, str uri not None):
        return self.set_request_uri(uri)

    cdef bint set_uri_part(self, str user, str host):
        """Put the Request-URI together anew with another user, or another host and port."""
        cdef SipMessage message = self.runtime.context.message
        cdef sip_uri uri
        if message is None or not message.index.is_request or sip_uri_parse(message.request_uri, &uri) != 0:
            return False
        if uri.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS):
            return False
        text = "sips:" if uri.scheme == SIP_SCHEME_SIPS else "sip:"
        if user is None:
            user = str_of(uri.user)
        elif user and ("@" in user or " " in user):
            return False
        if user:
            password = f":{str_of(uri.password)}" if uri.password.at != NULL else ""
            text += f"{user}{password}@"
        text += str_of(uri.host) if host is None else host
        if uri.port and (host is None or ":" not in host.rpartition("]")[2]):
            text += f":{uri.port}"
        if uri.parameters.at != NULL:
            text += f";{str_of(uri.parameters)}"
        if uri.headers.at != NULL:
            text += f"?{str_of(uri.headers)}"
        return self.set_request_uri(text)

    def setuser(self, str user not None):
        return self.set_uri_part(user, None)

    def sethost(self, str host not None):
        return self.set_uri_part(None, host) if host else False

    def setdsturi(self, str uri not None):
        cdef MessageContext context = self.runtime.context
        if context.message is None or not context.message.index.is_request or has_line_end(uri):
            return False
        context.destination_uri = uri if uri else None
        return True

    def resetdsturi(self):
        self.runtime.context.destination_uri = None
        return True

    def isdsturiset(self):
        return bool(self.runtime.context.destination_uri)

    def force_rport(self):
        """Let replies go to the source port, whatever the Via asks for (RFC 3581)."""
        cdef MessageContext context = self.runtime.context
        if context.message is None or not context.message.index.is_request:
            return False
        context.message.force_rport = True
        context.reply_to = context.message.source
        if context.transaction != NULL:
            context.transaction.reply_to = context.reply_to
        return True

    def add_local_rport(self):
        """Our Via asks for no rport: replies come to the socket that we send from all the same."""
        return self.runtime.context.message is not None

    def set_drop(self):
        """A reply, or in a branch callback the branch, is not sent on."""
        self.runtime.context.dropped = True
        return 0

    def forward(self):
        """Send the request to $du or its Request-URI without state: 1, or -1 when it cannot be sent."""
        cdef MessageContext context = self.runtime.context
        if context.kind != ROUTE_REQUEST:
            return -1
        if (<ScriptTransactions>self.runtime).relay_stateless(context) < 0:
            return -1
        context.relayed = True
        return 1

    def forward_uri(self, str uri not None):
        """The same to another URI."""
        cdef MessageContext context = self.runtime.context
        if context.kind != ROUTE_REQUEST or not self.setdsturi(uri):
            return -1
        return self.forward()

    def set_advertised_address(self, str address not None):
        return -1

    def set_advertised_port(self, int port):
        return -1

    def set_forward_close(self):
        return True

    def set_forward_no_connect(self):
        return True

    def set_reply_close(self):
        return True

    def set_reply_no_connect(self):
        return True

    def add_tcp_alias(self, int port):
        return False

    def add_tcp_alias_via(self):
        return False

    def route(self, str name not None):
        """There are no native route blocks."""
        return -1


cdef bint has_line_end(str text):
    return "\r" in text or "\n" in text or "\0" in text
