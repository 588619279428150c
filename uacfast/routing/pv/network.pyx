"""Where the message came from and came in, and the socket that it is to leave by."""
from libc.stdint cimport uint32_t

from uacfast.leaves.address cimport address_from_text, address_host_text, address_port, same_host
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.leaves.udp_batch cimport AF_INET6, udp_address
from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.variable cimport PseudoVariable, encoded, str_value, text_value
from uacfast.sip.message cimport text_of
from uacfast.transport.udp cimport LocalSocket, UdpTransport

cdef enum AddressForm:
    FORM_HOST
    FORM_PORT
    FORM_URI
    FORM_URI_TRANSPORT           # with ;transport=
    FORM_SOCKET                  # udp:host:port
    FORM_PROTOCOL

cdef enum Endpoint:
    END_SOURCE
    END_RECEIVED
    END_ADVERTISED


cdef str protocol_of(MessageContext context):
    """The transport that the message came by."""
    return "udp"                 # the engine has no other one


cdef object shown(str host, int port, str protocol, AddressForm form, bint octets):
    if form == FORM_PORT:
        return port
    if form == FORM_HOST:
        return str_value(host, octets)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    if form == FORM_URI:
        return str_value(f"sip:{host}:{port}", octets)
    if form == FORM_URI_TRANSPORT:
        return str_value(f"sip:{host}:{port};transport={protocol}", octets)
    return str_value(f"{protocol}:{host}:{port}", octets)


cdef object shown_address(const udp_address *address, str protocol, AddressForm form, bint octets):
    cdef char host[64]
    cdef uint32_t length
    if form == FORM_PORT:
        return address_port(address)
    length = address_host_text(address, host)
    if form == FORM_HOST:
        return text_value(text_of(host, length), octets)
    return shown(host[:length].decode(), address_port(address), protocol, form, octets)


cdef class AddressVariable(PseudoVariable):
    """The address of one end of the way that the message took to us."""
    cdef Endpoint endpoint
    cdef AddressForm form

    def __init__(self, Endpoint endpoint, AddressForm form):
        self.endpoint = endpoint
        self.form = form

    cdef object value(self, MessageContext context, bint octets):
        cdef LocalSocket *local
        if context.message is None:
            return None
        if self.form == FORM_PROTOCOL:
            return str_value(protocol_of(context), octets)
        if self.endpoint == END_SOURCE:
            return shown_address(&context.message.source, protocol_of(context), self.form, octets)
        if context.transport is None or not 0 <= context.message.socket < context.transport.socket_count:
            return None
        local = &context.transport.sockets[context.message.socket]
        if self.endpoint == END_RECEIVED:
            return shown_address(&local.address, protocol_of(context), self.form, octets)
        host, port = split_sent_by(local.sent_by[:local.sent_by_length].decode())
        return shown(host, port, protocol_of(context), self.form, octets)


cdef class OutgoingVariable(PseudoVariable):
    """$snd(...), $sndto(...), $sndfrom(...): the datagram that is about to leave, in ksr_onsend_route; else null."""
    cdef str part
    cdef bint of_socket

    def __init__(self, str part, bint of_socket):
        self.part = part
        self.of_socket = of_socket

    cdef object value(self, MessageContext context, bint octets):
        cdef const udp_address *address = &context.outgoing_to
        if context.outgoing is None:
            return None
        if self.of_socket:
            address = &context.transport.sockets[context.outgoing_socket].address
        if self.part == "buf":
            return text_value(text_of(<const char *>context.outgoing, <uint32_t>len(context.outgoing)), octets)
        if self.part == "len":
            return len(context.outgoing)
        if self.part == "proto":
            return 1             # $K(UDP)
        if self.part == "af":
            return 10 if address.any.sa_family == AF_INET6 else 2      # $K(IPv6), $K(IPv4)
        if self.part == "sproto":
            return str_value("udp", octets)
        return shown_address(address, "udp", FORM_PORT if self.part == "port" else FORM_HOST, octets)


cdef object outgoing(str name, argument, parts):
    if argument.constant not in parts:
        raise ValueError(f"${name}({argument.source}) does not exist; there are {', '.join(parts)}.")
    return OutgoingVariable(argument.constant, name == "sndfrom")


cdef tuple split_sent_by(str text):
    """(host without brackets, port) of host[:port]."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest[1:]) if rest else 5060
    host, _, port = text.partition(":")
    return host, int(port) if port else 5060


cdef class SendSocket(PseudoVariable):
    """$fs: the socket that the request is to leave by, "udp:host:port"; $fsn by its name: the sockets have none."""
    cdef bint by_name

    def __init__(self, bint by_name):
        self.by_name = by_name

    cdef object value(self, MessageContext context, bint octets):
        return str_value(context.send_socket, octets) if context.send_socket and not self.by_name else None

    cdef bint set(self, MessageContext context, object value) except -1:
        """An address that is none of our sockets leaves it as it is, with a warning in the log, as Kamailio does."""
        cdef str found
        if value is None:
            context.send_socket = ""
            return True
        if not isinstance(value, str):
            report("%s takes a text, not %r.", self.source, value)
            return False
        found = "" if self.by_name or context.transport is None else own_socket(context.transport, value)
        if found:
            context.send_socket = found
        else:
            report("%s: %r is no socket of ours; it stays as it is.", self.source, value)
        return True


cdef str own_socket(UdpTransport transport, str text):
    """The socket's full text for [proto:]host[:port], "" when it is none of ours."""
    cdef udp_address wanted
    cdef const LocalSocket *local
    cdef bytes host_octets
    cdef int i
    protocol, colon, rest = text.partition(":")
    if protocol.lower() in ("udp", "tcp", "tls", "ws", "wss", "sctp"):
        if protocol.lower() != "udp":
            return ""
    else:
        rest = text
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = rest.partition(":")
    if port and (not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65535):
        return ""
    host_octets = encoded(host)
    if not address_from_text(text_of(<const char *>host_octets, <uint32_t>len(host_octets)), 0, &wanted):
        return ""
    for i in range(transport.socket_count):
        local = &transport.sockets[i]
        if same_host(&local.address, &wanted) and (not port or address_port(&local.address) == int(port)):
            return shown_address(&local.address, "udp", FORM_SOCKET, False)
    return ""


cdef class ConnectionVariable(PseudoVariable):
    """$conid: null, UDP has no connections."""


PLAIN = {
    "si": lambda index: AddressVariable(END_SOURCE, FORM_HOST),
    "sp": lambda index: AddressVariable(END_SOURCE, FORM_PORT),
    "su": lambda index: AddressVariable(END_SOURCE, FORM_URI),
    "sut": lambda index: AddressVariable(END_SOURCE, FORM_URI_TRANSPORT),
    "sas": lambda index: AddressVariable(END_SOURCE, FORM_SOCKET),
    "src_ip": lambda index: AddressVariable(END_SOURCE, FORM_HOST),
    "proto": lambda index: AddressVariable(END_SOURCE, FORM_PROTOCOL),
    "pr": lambda index: AddressVariable(END_SOURCE, FORM_PROTOCOL),
    "Ri": lambda index: AddressVariable(END_RECEIVED, FORM_HOST),
    "Rp": lambda index: AddressVariable(END_RECEIVED, FORM_PORT),
    "Ru": lambda index: AddressVariable(END_RECEIVED, FORM_URI),
    "Rut": lambda index: AddressVariable(END_RECEIVED, FORM_URI_TRANSPORT),
    "Rn": lambda index: PseudoVariable(),
    "RAi": lambda index: AddressVariable(END_ADVERTISED, FORM_HOST),
    "RAp": lambda index: AddressVariable(END_ADVERTISED, FORM_PORT),
    "RAu": lambda index: AddressVariable(END_ADVERTISED, FORM_URI),
    "RAut": lambda index: AddressVariable(END_ADVERTISED, FORM_URI_TRANSPORT),
    "fs": lambda index: SendSocket(False),
    "fsn": lambda index: SendSocket(True),
    "conid": lambda index: ConnectionVariable(),
}
WITH_ARGUMENT = {
    "snd": lambda argument, index: outgoing("snd", argument, ("ip", "port", "proto", "sproto", "af", "buf", "len")),
    "sndto": lambda argument, index: outgoing("sndto", argument, ("ip", "port", "proto")),
    "sndfrom": lambda argument, index: outgoing("sndfrom", argument, ("ip", "port", "proto")),
}
