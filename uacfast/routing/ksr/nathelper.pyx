"""KSR.nathelper: requests from behind a NAT (kemi-python.md §2, §3.10)."""
import logging
import re

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from uacfast.leaves.address cimport address_from_text, address_host_text, address_port
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport SIP_HEADER_CONTACT, sip_first_header, sip_header
from uacfast.leaves.sip_text cimport sip_text, sip_text_to_uint
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.leaves.udp_batch cimport AF_INET6, udp_address
from uacfast.proxy.nat_test cimport (
    find_alias, first_contact, is_private_host, nat_uac_test, put_alias, read_alias,
)
from uacfast.proxy.registrar cimport source_uri
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport (
    current_body, insert_at, message_of, octets_of, replace_text, request_of, set_body, set_request_uri,
)
from uacfast.routing.pv import pseudo_variable
from uacfast.routing.pv.variable cimport PseudoVariable
from uacfast.sip.message cimport SipMessage, bytes_of, text_of

# RFC 4566 §5.7 and §5.2
_CONNECTION = re.compile(rb"(?m)^c=IN IP[46] ([^\s/]+)")
_CONNECTION_LINE = re.compile(rb"(?m)^c=IN IP[46] [^\s/]+")
_ORIGIN_LINE = re.compile(rb"(?m)^(o=\S+ \S+ \S+ IN )IP[46] \S+")

logger = logging.getLogger("uacfast.script")
cdef dict PROTOCOLS = {1: b"udp", 2: b"tcp", 3: b"tls", 5: b"ws", 6: b"wss"}
cdef enum:
    PROTOCOL_UDP = 1
    SDP_DIRECTION = 1            # bits of fix_nated_sdp()
    SDP_ADDRESS = 2
    SDP_OLD_ADDRESS = 4
    SDP_ORIGIN = 8


cdef bytes source_alias(const udp_address *source):
    cdef char space[96]
    cdef text_writer out
    text_writer_start(&out, space, sizeof(space))
    put_alias(source, PROTOCOL_UDP, &out)
    return space[:text_writer_length(&out)]


cdef bytes source_host(const udp_address *source):
    """Numeric host, IPv6 in brackets."""
    cdef char host[64]
    cdef bytes text = host[:address_host_text(source, host)]
    return b"[" + text + b"]" if source.any.sa_family == AF_INET6 else text


cdef class NathelperModule(KsrModule):

    def nat_uac_test(self, int tflags):
        """1: one of the tests selected by the bits of `tflags` is true; -1: none is."""
        cdef SipMessage message = message_of(self)
        return 1 if message.parse_top_via() and nat_uac_test(message, tflags) else -1

    def is_rfc1918(self, str address not None):
        """1: a private IPv4 or IPv6 address."""
        cdef bytes octets = octets_of(address)
        return 1 if is_private_host(text_of(<const char *>octets, <uint32_t>len(octets))) else -1

    def fix_nated_register(self):
        """Remember the source as `received` for registrar.save()."""
        cdef SipMessage request = request_of(self)
        if request is None:
            return -1
        self.runtime.context.state.notes["received"] = source_uri(request)
        return 1

    def fix_nated_contact(self):
        """Let the first Contact's host and port be the source's. -1: no usable Contact."""
        cdef SipMessage message = message_of(self)
        cdef sip_text contact
        cdef bint brackets
        cdef sip_uri uri
        cdef const char *end
        if not first_contact(message, &contact, &brackets) or sip_uri_parse(contact, &uri) != 0 or uri.host.at == NULL:
            return -1
        end = host_port_end(&uri)
        return 1 if replace_text(message, text_of(uri.host.at, <uint32_t>(end - uri.host.at)),
                                 b"%b:%d" % (source_host(&message.source), address_port(&message.source))) else -1

    def add_rcv_param(self, int uriparam):
        """Add `;received="sip:IP:PORT"` to every Contact, 1: within the URI. -1: no Contact."""
        cdef SipMessage message = message_of(self)
        cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_CONTACT)
        cdef sip_address contact
        cdef sip_text rest
        if header == NULL:
            return -1
        rest = header.value
        while True:
            if sip_address_parse(rest, &contact) != 0:
                return -1
            if uriparam and not insert_at(message, message.offset(contact.uri.at) + contact.uri.length,
                                          b";received=%b" % source_uri(message)):
                return -1
            if not uriparam and not insert_at(message, message.offset(contact.value.at) + contact.value.length,
                                              b';received="%b"' % source_uri(message)):
                return -1
            if contact.next == NULL:
                return 1
            rest = text_of(contact.next, <uint32_t>(header.value.at + header.value.length - contact.next))

    cdef int write_alias(self, bytes alias, bint trim) except -2:
        """Put the parameter into the first Contact's URI, brackets round it when it has none."""
        cdef SipMessage message = message_of(self)
        cdef sip_text contact, whole, value
        cdef bint brackets
        cdef sip_uri uri
        if not first_contact(message, &contact, &brackets) or sip_uri_parse(contact, &uri) != 0 or uri.host.at == NULL:
            return -1
        if find_alias(contact, &whole, &value):
            if not trim:
                return 1         # what a proxy before us wrote stays
            return 1 if replace_text(message, whole, alias) else -1
        if not brackets:
            return 1 if replace_text(message, contact, b"<%b%b>" % (bytes_of(contact), alias)) else -1
        # Before the headers of the URI, which are its last part.
        return 1 if insert_at(message, message.offset(contact.at) + (
            contact.length if uri.headers.at == NULL else <uint32_t>(uri.headers.at - contact.at - 1)), alias) else -1

    def set_contact_alias(self):
        """Add `;alias=IP~PORT~PROTOCOL` of the source to the Contact URI. -1: no usable Contact."""
        return self.write_alias(source_alias(&message_of(self).source), False)

    def set_contact_alias_trim(self):
        """The same in place of an alias that stands there already."""
        return self.write_alias(source_alias(&message_of(self).source), True)

    def add_contact_alias(self):
        """set_contact_alias(), when the Contact's address is not the source's. 2: it is, nothing was added."""
        cdef SipMessage message = message_of(self)
        cdef sip_text contact
        cdef bint brackets
        cdef sip_uri uri
        if not first_contact(message, &contact, &brackets) or sip_uri_parse(contact, &uri) != 0:
            return -1
        if (bytes_of(uri.host).lower() == source_host(&message.source)
                and (uri.port if uri.port else 5060) == address_port(&message.source)):
            return 2
        return self.set_contact_alias()

    def add_contact_alias_addr(self, str ip_str not None, str port_str not None, str proto_str not None):
        """set_contact_alias() with an address of the script's."""
        cdef udp_address address
        cdef bytes host = octets_of(ip_str)
        cdef bytes port = octets_of(port_str)
        cdef uint64_t number
        protocol = next((id for id, name in PROTOCOLS.items() if name == octets_of(proto_str).lower()), None)
        if (protocol is None or not sip_text_to_uint(text_of(<const char *>port, <uint32_t>len(port)), 65535, &number)
                or not address_from_text(text_of(<const char *>host, <uint32_t>len(host)), <uint16_t>number, &address)):
            return -1
        return self.write_alias(b";alias=%b~%d~%d" % (source_host(&address), number, protocol), False)

    cdef object take_alias(self):
        """The URI that the Request-URI's alias stands for, which is taken out; 2: there is none, -1: it is broken."""
        cdef SipMessage request = request_of(self)
        cdef sip_text whole, value, host, port
        cdef int protocol
        cdef bytes uri, address
        if request is None:
            return -1
        if not find_alias(request.request_uri, &whole, &value):
            return 2
        if not read_alias(value, &host, &port, &protocol):
            return -1
        address = bytes_of(host)
        if b":" in address and not address.startswith(b"["):
            address = b"[" + address + b"]"
        found = b"sip:%b:%b;transport=%b" % (address, bytes_of(port), PROTOCOLS[protocol])
        uri = bytes_of(request.request_uri)
        start = whole.at - request.request_uri.at
        return found if set_request_uri(request, uri[:start] + uri[start + whole.length:]) else -1

    def handle_ruri_alias(self):
        """Take the alias off the Request-URI and send to its address. 1; 2: no alias; -1: a broken one."""
        found = self.take_alias()
        if isinstance(found, int):
            return found
        self.runtime.context.destination_uri = found.decode("ascii")
        return 1

    def handle_ruri_alias_mode(self, int mode):
        """handle_ruri_alias(); with mode 1 the address replaces the Request-URI's host and port as well."""
        cdef SipMessage request = request_of(self)
        cdef sip_uri uri
        cdef const char *end
        found = self.take_alias()
        if isinstance(found, int):
            return found
        self.runtime.context.destination_uri = found.decode("ascii")
        if mode == 1 and sip_uri_parse(request.request_uri, &uri) == 0:
            end = host_port_end(&uri)
            whole = bytes_of(uri.text)
            changed = (whole[:uri.host.at - uri.text.at] + found[4:].partition(b";")[0]
                       + whole[end - uri.text.at:])
            return 1 if set_request_uri(request, changed) else -1
        return 1

    def set_alias_to_pv(self, str uri_avp not None):
        """Write the URI that the first Contact's alias stands for into a variable, named as "$avp(x)"."""
        cdef SipMessage message = message_of(self)
        cdef sip_text contact, whole, value, host, port
        cdef bint brackets
        cdef int protocol
        if (not first_contact(message, &contact, &brackets) or not find_alias(contact, &whole, &value)
                or not read_alias(value, &host, &port, &protocol)):
            return -1
        try:
            variable = pseudo_variable(uri_avp)
        except ValueError as error:
            logger.error("a script's call of nathelper failed: %s", error)
            return -1
        text = b"sip:%b:%b;transport=%b" % (bytes_of(host), bytes_of(port), PROTOCOLS[protocol])
        return 1 if (<PseudoVariable>variable).set(self.runtime.context, text.decode("ascii")) else -1

    # --- session descriptions ------------------------------------------------------------------------------------

    cdef int fix_sdp(self, int level, bytes address) except -2:
        """1: something was changed; -1: there is nothing to change."""
        cdef SipMessage message = message_of(self)
        cdef bytes body = current_body(message)
        cdef bytes old = body
        family = b"6" if b":" in address else b"4"
        kept = b""
        if level & SDP_OLD_ADDRESS:
            kept = b"".join(b"a=oldmediaip:%b\r\n" % found for found in _CONNECTION.findall(body))
        if level & SDP_ADDRESS:
            body = _CONNECTION_LINE.sub(b"c=IN IP%b %b" % (family, address), body)
        if level & SDP_ORIGIN:
            body = _ORIGIN_LINE.sub(lambda found: b"%bIP%b %b" % (found[1], family, address), body)
        if level & SDP_DIRECTION:
            kept += b"a=direction:active\r\n"
        body += kept
        if not old or body == old:
            return -1
        return 1 if set_body(message, body, None) else -1

    def fix_nated_sdp(self, int level):
        """Write the source address into the session description: 2 c= lines, 8 o= line, 4 keep the old one as an
        attribute, 1 add a=direction:active. -1: nothing to change."""
        return self.fix_sdp(level, source_host(&message_of(self).source).strip(b"[]"))

    def fix_nated_sdp_ip(self, int level, str ip not None):
        """The same with an address of the script's."""
        cdef udp_address address
        cdef bytes text = octets_of(ip)
        if not address_from_text(text_of(<const char *>text, <uint32_t>len(text)), 0, &address):
            return -1
        return self.fix_sdp(level, text.strip(b"[]"))


cdef const char *host_port_end(const sip_uri *uri) noexcept:
    """Where the host and port of a URI end."""
    cdef const char *end = uri.text.at + uri.text.length
    if uri.parameters.at != NULL:
        return uri.parameters.at - 1
    return uri.headers.at - 1 if uri.headers.at != NULL else end
