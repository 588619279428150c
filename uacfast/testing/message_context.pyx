"""A message in the hands of a script, without an engine: for tests of pseudo-variables and of functions for scripts."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc

from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_SCAN_OK, sip_limits
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.routing.context cimport (
    ROUTE_BRANCH, ROUTE_BRANCH_FAILURE, ROUTE_EVENT, ROUTE_FAILURE, ROUTE_NONE, ROUTE_REPLY, ROUTE_REQUEST, KsrModule,
    MessageContext, ScriptRuntime, TransactionState,
)
from uacfast.routing.pv.catalogue cimport pseudo_variable, text_template
from uacfast.sip.build cimport write_message
from uacfast.sip.message cimport SipMessage, bytes_of
from uacfast.tm.table cimport Branch, TransactionTable
from uacfast.transport.udp cimport UdpTransport, parse_address

KINDS = {"none": ROUTE_NONE, "request": ROUTE_REQUEST, "branch": ROUTE_BRANCH, "reply": ROUTE_REPLY,
         "failure": ROUTE_FAILURE, "branch_failure": ROUTE_BRANCH_FAILURE, "event": ROUTE_EVENT}


cdef class ScriptMessage:
    """One message and its context. Until a transaction is made with begin_transaction() there is none."""
    cdef list kept
    cdef sip_limits limits
    cdef readonly ScriptRuntime runtime
    cdef readonly MessageContext context

    def __init__(self, bytes octets=None, *, str kind="request", ScriptRuntime runtime=None,
                 TransactionState state=None, source=("192.0.2.1", 5062), sockets=(("127.0.0.1", 5060, ""),)):
        """`octets`: the message, None only for the kind "none"; `source`: where it came from; `sockets`: (host, port,
        advertised address) of ours, the message came in by the first. ValueError when the message cannot be read."""
        self.kept = []
        self.limits.message = self.limits.header_part = self.limits.line = 65535
        self.limits.headers = SIP_HEADERS_CAPACITY
        self.runtime = runtime if runtime is not None else ScriptRuntime()
        self.context = MessageContext(state, self.runtime)
        self.context.kind = KINDS[kind]
        self.context.number = 1
        self.context.transport = UdpTransport(capture=True)
        for host, port, advertised in sockets:
            self.context.transport.add_socket(-1, host, port, advertised)
        self.context.table = TransactionTable(bytes(16), 1000)
        if octets is not None:
            self.context.message = self.read(octets, source)
        self.runtime.context = self.context

    cdef SipMessage read(self, bytes octets, source):
        cdef SipMessage message = SipMessage()
        self.kept.append(octets)
        if (message.scan(PyBytes_AS_STRING(octets), <unsigned int>PyBytes_GET_SIZE(octets), &self.limits, False)
                != SIP_SCAN_OK or not message.parse_top_via() or not message.parse_addresses()):
            raise ValueError("The message cannot be read.")
        message.reset_plan()
        if not parse_address(source[0], source[1], &message.source):
            raise ValueError(f"{source[0]!r} is no numeric address.")
        return message

    def begin_transaction(self, bytes request=None, *, int branches=0, bytes sent=b"", int final=0):
        """Make the transaction of `request` (None: of this message) with branches that were sent as `sent`; the last
        one is the branch in hand except in a failure callback. `final`: the final status of all branches."""
        cdef SipMessage begun = self.context.message if request is None else self.read(request, ("192.0.2.1", 5062))
        cdef Branch *branch = NULL
        self.context.transaction = self.context.table.create(
            begun, self.context.table.key_hash_of(begun, False), &begun.source)
        for _ in range(branches):
            branch = self.context.table.add_branch(self.context.transaction)
            self.context.table.fill(&branch.sent, PyBytes_AS_STRING(sent), <unsigned int>len(sent))
            branch.final = final
        if self.context.kind != ROUTE_FAILURE and branch != NULL:
            self.context.branch = branch
            self.context.branch_index = self.context.flags_index = branch.number

    def set_reply(self, bytes octets not None):
        """The reply that a failure callback is about."""
        self.context.reply = self.read(octets, ("192.0.2.2", 5060))

    def set_reply_status(self, int status):
        """What went upstream last."""
        self.context.transaction.reply_status = status

    def set_direction(self, bint upstream):
        """As after loose routing of a request within a dialog."""
        self.context.message.loose_routed = True
        self.context.message.upstream = upstream

    def get(self, str name not None):
        """The variable of that name, now."""
        return pseudo_variable(name).value(self.context, False)

    def set(self, str name not None, value):
        """Write it; None takes its value away. Whether that was done."""
        return bool(pseudo_variable(name).set(self.context, value))

    def text(self, str template not None):
        """A text with variables in it, now."""
        return text_template(template).evaluate(self.context)

    @property
    def request_uri(self):
        """As it will be sent."""
        return bytes_of(self.context.message.request_uri)

    def write(self):
        """The message with its edits."""
        cdef size_t capacity = 4 * self.context.message.index.length + 65536
        cdef char *space = <char *>malloc(capacity)
        cdef text_writer out
        if space == NULL:
            raise MemoryError
        try:
            text_writer_start(&out, space, capacity)
            if not write_message(self.context.message, &out):
                raise OverflowError("The edited message is longer than the space for it.")
            return PyBytes_FromStringAndSize(space, text_writer_length(&out))
        finally:
            free(space)


def read_loop(str name not None, ScriptMessage message not None, int n):
    """Evaluate a compiled variable n times; its value. For benchmarks."""
    cdef int i
    value = None
    for i in range(n):
        value = pseudo_variable(name).value(message.context, False)
    return value
