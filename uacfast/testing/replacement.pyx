"""A Python face of From/To replacement, for tests only: Replacer.replace() and restore() on one message, as a script would
call uac_replace_from() and the others."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc

from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_SCAN_OK, sip_limits
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.proxy.counters cimport Counters
from uacfast.sip.build cimport write_message
from uacfast.sip.message cimport SipMessage, bytes_of, no_text, text_of
from uacfast.uac.replace cimport REPLACE_FROM, REPLACE_TO, Replacer


cdef sip_text view(bytes text) noexcept:
    return text_of(PyBytes_AS_STRING(text), <unsigned int>PyBytes_GET_SIZE(text)) if text is not None else no_text()


cdef class Replacement:
    """One received message and what becomes of it."""

    def __init__(self, bytes octets not None, **parameters):
        """`parameters`: those of Replacer. ValueError when `octets` are no message with From, To, CSeq and Call-ID."""
        cdef sip_limits limits
        limits.message = limits.header_part = limits.line = 65535
        limits.headers = SIP_HEADERS_CAPACITY
        self.octets = octets
        self.kept = []
        self.counters = Counters()
        self.replacer = Replacer(self.counters, **parameters)
        self.message = SipMessage()
        if (self.message.scan(PyBytes_AS_STRING(octets), <unsigned int>PyBytes_GET_SIZE(octets), &limits, False)
                != SIP_SCAN_OK or not self.message.parse_addresses()):
            raise ValueError("The message cannot be read.")
        self.message.reset_plan()

    def replace_from(self, bytes display, bytes uri not None):
        """uac_replace_from(): display None leaves it. Whether it was done."""
        self.kept += [display, uri]
        return bool(self.replacer.replace(self.message, REPLACE_FROM, display is not None, view(display), view(uri)))

    def replace_to(self, bytes display, bytes uri not None):
        """uac_replace_to(), in the same way."""
        self.kept += [display, uri]
        return bool(self.replacer.replace(self.message, REPLACE_TO, display is not None, view(display), view(uri)))

    def loose_route(self, bytes parameters not None, bint upstream=False):
        """Our own Route value had these URI parameters: what mode auto does then."""
        self.kept.append(parameters)
        self.message.loose_routed = True
        self.message.route_parameters = view(parameters)
        self.message.upstream = upstream
        self.replacer.loose_routed(self.message)

    def restore_from(self):
        """uac_restore_from(), after loose_route() in mode manual."""
        return bool(self.replacer.restore(self.message, REPLACE_FROM))

    def restore_to(self):
        """uac_restore_to(), in the same way."""
        return bool(self.replacer.restore(self.message, REPLACE_TO))

    @property
    def parameters(self):
        """What Record-Route is to carry after ftag."""
        return bytes_of(self.message.record_route_parameters)

    @property
    def replies_show(self):
        """(From, To) name-addr that replies to this request must show; None: as they come."""
        return (bytes_of(self.message.upstream_from) if self.message.upstream_from.at != NULL else None,
                bytes_of(self.message.upstream_to) if self.message.upstream_to.at != NULL else None)

    def counts(self):
        """{name: count}"""
        return self.counters.as_dict()

    def write(self):
        """The message with its edits."""
        cdef size_t capacity = 4 * len(self.octets) + 65536
        cdef char *space = <char *>malloc(capacity)
        cdef text_writer out
        if space == NULL:
            raise MemoryError
        try:
            text_writer_start(&out, space, capacity)
            if not write_message(self.message, &out):
                raise OverflowError("The edited message is longer than the space for it.")
            return PyBytes_FromStringAndSize(space, text_writer_length(&out))
        finally:
            free(space)
