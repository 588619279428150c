"""A ScriptRuntime for tests of KSR modules: it holds one message and notes what would have been answered."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_scan cimport SIP_SCAN_OK, sip_limits
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.proxy.features cimport EdgeFeatures
from uacfast.routing.context cimport (
    MessageContext, ROUTE_NONE, ROUTE_REPLY, ROUTE_REQUEST, ScriptRuntime,
)
from uacfast.sip.build cimport write_message
from uacfast.sip.message cimport SipMessage, bytes_of
from uacfast.tm.table cimport TransactionTable
from uacfast.transport.udp cimport UdpTransport, parse_address


cdef class RecordedRuntime(ScriptRuntime):
    """`replies`: (status, reason, extra lines, stateless) of each; `now`: milliseconds of its clock."""
    cdef readonly list replies
    cdef bytes octets
    cdef UdpTransport transport
    cdef TransactionTable table
    cdef public int result           # what send_reply() returns

    def __init__(self, sockets=(("127.0.0.1", 5060),)):
        ScriptRuntime.__init__(self)
        self.replies = []
        self.result = 1
        self.transport = UdpTransport(capture=True)
        self.table = TransactionTable(bytes(16), 0)
        self.features = EdgeFeatures(self.table, b"secret")
        for host, port in sockets:
            self.transport.add_socket(-1, host, port, "")
        self.hash_tables = (<EdgeFeatures>self.features).hash_tables
        self.forget()

    def take(self, bytes octets not None, source=("127.0.0.1", 5070), int socket=0):
        """Let this be the message at hand, in a context of its own."""
        cdef sip_limits limits
        cdef MessageContext context = MessageContext()
        cdef SipMessage message = SipMessage()
        limits.message = limits.header_part = limits.line = 65535
        limits.headers = 256
        self.octets = octets
        if message.scan(octets, <uint32_t>len(octets), &limits, False) != SIP_SCAN_OK:
            raise ValueError("That is no SIP message.")
        message.reset_plan()
        message.parse_top_via()
        message.parse_addresses()
        message.socket = socket
        if not parse_address(source[0], source[1], &message.source):
            raise ValueError(f"{source[0]!r} is not a numeric address.")
        context.message = message
        context.kind = ROUTE_REQUEST if message.index.is_request else ROUTE_REPLY
        context.transport = self.transport
        context.table = self.table
        self.context = context

    def forget(self):
        """There is no message now."""
        self.context = MessageContext()
        self.context.kind = ROUTE_NONE
        self.context.table = self.table

    @property
    def now(self):
        return self.table.now

    @now.setter
    def now(self, uint64_t milliseconds):
        self.table.now = milliseconds

    @property
    def written(self):
        """The message with its edits."""
        cdef text_writer out
        cdef char[65535] space
        text_writer_start(&out, space, sizeof(space))
        write_message(self.context.message, &out)
        return space[:text_writer_length(&out)]

    @property
    def request_uri(self):
        return bytes_of(self.context.message.request_uri).decode("utf-8", "surrogateescape")

    cdef int send_reply(self, int status, str reason, bytes extra_lines, bint stateless) except? -2:
        self.replies.append((status, reason, extra_lines, stateless))
        return self.result

    cpdef object wait(self, object awaitable):
        """Run an awaitable that does not really wait."""
        try:
            awaitable.send(None)
        except StopIteration as end:
            return end.value
        raise RuntimeError("A test's awaitable must not wait.")
