"""KSR.siputils: questions about a message and its URIs (kemi-python.md §3.10)."""
import email.utils
import re
import time

from libc.stdint cimport uint32_t

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CONTACT, SIP_HEADER_RECORD_ROUTE, SIP_HEADER_TO, SIP_METHOD_OPTIONS, sip_first_header, sip_header,
)
from uacfast.leaves.address cimport address_from_text, address_host_text
from uacfast.leaves.sip_text cimport sip_text, sip_text_equal, sip_text_equal_nocase
from uacfast.leaves.sip_uri cimport (
    SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL, sip_parameter_find_exact, sip_uri, sip_uri_equal, sip_uri_parse,
)
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport (
    find_header, message_of, octets_of, request_of, set_request_uri,
)
from uacfast.sip.build cimport is_last_via
from uacfast.sip.message cimport SipMessage, bytes_of, text_of
from uacfast.transport.udp cimport UdpTransport

_NUMERIC = re.compile(r"[0-9]+")
_TEL_NUMBER = re.compile(r"\+?[0-9]+")
_ALPHANUMERIC = re.compile(r"[0-9A-Za-z]+")
_PARAMETER = re.compile(rb"[^\s;<>\"=]+(?:=[^\s;<>\"]*)?")


cdef inline sip_text text_in(bytes octets) noexcept:
    return text_of(<const char *>octets, <uint32_t>len(octets))


cdef bint parse(str uri, list keeper, sip_uri *parsed):
    """Parse a URI; `keeper` holds its octets as long as the parts are needed."""
    cdef bytes octets = octets_of(uri)
    keeper.append(octets)
    return sip_uri_parse(text_in(octets), parsed) == 0


cdef class SiputilsModule(KsrModule):
    """All answer 1 or -1 where nothing else is said."""

    def has_totag(self):
        """1: To has a tag."""
        cdef SipMessage message = message_of(self)
        cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_TO)
        cdef sip_address to
        return 1 if (header != NULL and sip_address_parse(header.value, &to) == 0 and to.tag.length) else -1

    def is_request(self):
        return 1 if message_of(self).index.is_request else -1

    def is_reply(self):
        return -1 if message_of(self).index.is_request else 1

    def is_sip(self):
        """1: whatever is routed here is SIP."""
        message_of(self)
        return 1

    def is_http(self):
        message_of(self)
        return -1

    def sip_parse_headers(self):
        """1: all headers are known from the start."""
        message_of(self)
        return 1

    def is_first_hop(self):
        """1: a request that has one Via; a reply whose topmost Record-Route is ours and that another host sent."""
        cdef SipMessage message = message_of(self)
        cdef const sip_header *header
        cdef sip_address route
        cdef sip_uri uri
        cdef udp_address host
        cdef char source[64]
        cdef UdpTransport transport = self.runtime.context.transport
        if message.index.is_request:
            return 1 if is_last_via(message) else -1
        header = sip_first_header(&message.index, SIP_HEADER_RECORD_ROUTE)
        if (header == NULL or sip_address_parse(header.value, &route) != 0 or sip_uri_parse(route.uri, &uri) != 0
                or not address_from_text(uri.host, 0, &host) or not transport.is_own(uri.host, uri.port)
                or transport.is_own(text_of(source, address_host_text(&message.source, source)), 0)):
            return -1
        return 1

    def is_first_hop_mode(self, int mode):
        """is_first_hop(); the mode that also accepts a foreign Record-Route is not told apart."""
        return self.is_first_hop()

    def is_uri(self, str suri not None):
        """1: the text is a sip, sips or tel URI."""
        cdef sip_uri uri
        keeper = []
        return 1 if (parse(suri, keeper, &uri)
                     and uri.scheme in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL)) else -1

    def is_user(self, str suser not None):
        """1: the user of the credentials that were accepted."""
        notes = self.runtime.context.state.notes
        return 1 if notes.get("auth_user") == octets_of(suser) else -1

    def is_numeric(self, str tval not None):
        """1: digits only."""
        return 1 if _NUMERIC.fullmatch(tval) else -1

    def is_tel_number(self, str tval not None):
        """1: digits, perhaps behind a plus."""
        return 1 if _TEL_NUMBER.fullmatch(tval) else -1

    def is_alphanum(self, str tval not None):
        """1: letters and digits of ASCII only."""
        return 1 if _ALPHANUMERIC.fullmatch(tval) else -1

    def is_alphanumex(self, str tval not None, str eset not None):
        """1: letters and digits of ASCII, and what `eset` lists."""
        return 1 if tval and all(char in eset or _ALPHANUMERIC.fullmatch(char) for char in tval) else -1

    # --- parameters of the Request-URI ---------------------------------------------------------------------------

    cdef bint parameter(self, str name, sip_text *value):
        cdef SipMessage request = request_of(self)
        cdef sip_uri uri
        cdef bytes octets = octets_of(name)
        return (request is not None and sip_uri_parse(request.request_uri, &uri) == 0 and uri.parameters.at != NULL
                and sip_parameter_find_exact(uri.parameters, text_in(octets), value))

    def uri_param(self, str sparam not None):
        """1: the Request-URI has this parameter, without a value."""
        cdef sip_text value
        return 1 if self.parameter(sparam, &value) and value.at == NULL else -1

    def uri_param_value(self, str sparam not None, str svalue not None):
        """1: the Request-URI has this parameter with this value."""
        cdef sip_text value
        cdef bytes wanted = octets_of(svalue)
        return 1 if self.parameter(sparam, &value) and value.at != NULL and bytes_of(value) == wanted else -1

    def uri_param_rm(self, str sparam not None):
        """Take a parameter out of the Request-URI. -1: it was not there."""
        cdef SipMessage request = request_of(self)
        cdef sip_uri uri
        cdef sip_text value
        if not self.parameter(sparam, &value):
            return -1
        sip_uri_parse(request.request_uri, &uri)
        before = bytes_of(text_of(uri.text.at, <uint32_t>(uri.parameters.at - uri.text.at - 1)))
        after = bytes_of(uri.text)[len(before) + 1 + uri.parameters.length:]
        name = octets_of(sparam)
        kept = [each for each in bytes_of(uri.parameters).split(b";") if each.partition(b"=")[0].strip() != name]
        return 1 if set_request_uri(request, b";".join([before, *kept]) + after) else -1

    def add_uri_param(self, str sparam not None):
        """Add `name=value` to the Request-URI; what is there already stays. -1: not a parameter."""
        cdef SipMessage request = request_of(self)
        cdef sip_uri uri
        cdef bytes octets = octets_of(sparam)
        if request is None or sip_uri_parse(request.request_uri, &uri) != 0:
            return -1
        if not octets:
            return 1
        if not _PARAMETER.fullmatch(octets):
            return -1
        whole = bytes_of(uri.text)
        end = len(whole) - (uri.headers.length + 1 if uri.headers.at != NULL else 0)
        return 1 if set_request_uri(request, whole[:end] + b";" + octets + whole[end:]) else -1

    # --- comparing -----------------------------------------------------------------------------------------------

    def cmp_uri(self, str suri1 not None, str suri2 not None):
        """1: equal by the rules of RFC 3261 §19.1.4."""
        cdef sip_uri a, b
        keeper = []
        return 1 if parse(suri1, keeper, &a) and parse(suri2, keeper, &b) and sip_uri_equal(&a, &b) else -1

    def cmp_aor(self, str suri1 not None, str suri2 not None):
        """1: the same user at the same host."""
        cdef sip_uri a, b
        keeper = []
        return 1 if (parse(suri1, keeper, &a) and parse(suri2, keeper, &b) and sip_text_equal(a.user, b.user)
                     and sip_text_equal_nocase(a.host, b.host)) else -1

    def hdr_date_check(self, int tdiff):
        """1: Date is not more than `tdiff` seconds away from now."""
        cdef SipMessage message = message_of(self)
        cdef int index = find_header(message, b"Date", 0)
        if index < 0:
            return -1
        try:
            sent = email.utils.parsedate_to_datetime(bytes_of(message.index.headers[index].value).decode("ascii"))
            return 1 if abs(time.time() - sent.timestamp()) <= tdiff else -1
        except (ValueError, TypeError, OverflowError):
            return -1

    def is_gruu(self):
        """1: the Request-URI has a gr parameter without a value, 2: with one (RFC 5627)."""
        cdef sip_text value
        if not self.parameter("gr", &value):
            return -1
        return 1 if value.at == NULL else 2

    def options_reply(self):
        """Answer an OPTIONS that is for us. -1: another method, or the Request-URI has a user."""
        cdef SipMessage request = request_of(self)
        cdef sip_uri uri
        if (request is None or request.index.method != SIP_METHOD_OPTIONS
                or sip_uri_parse(request.request_uri, &uri) != 0 or uri.user.length):
            return -1
        lines = b"Accept: */*\r\nAccept-Encoding: \r\nAccept-Language: en\r\nSupported: \r\n"
        return 1 if self.runtime.send_reply(200, "OK", lines, False) > 0 else -1
