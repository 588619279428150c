"""One message in the hands of a script: what pseudo-variables read and script functions change."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8

from uacfast.sip.message cimport no_text


cdef str str_of(sip_text text):
    """Text for a script: octets that are no UTF-8 come back as they were (surrogateescape)."""
    if text.at == NULL or text.length == 0:
        return ""
    return PyUnicode_DecodeUTF8(text.at, text.length, b"surrogateescape")


cdef sip_text kept(SipMessage message, str text):
    """A script's text in the message's scratch space; .at is NULL when there is no room for it."""
    cdef bytes octets = text.encode("utf-8", "surrogateescape")
    return message.keep(PyBytes_AS_STRING(octets), <uint32_t>PyBytes_GET_SIZE(octets))


cdef class TransactionState:

    def __init__(self):
        self.branch_flags = [0]
        self.avps = {}
        self.xavps = {}
        self.xavus = {}
        self.xavis = {}
        self.branches = []
        self.on_branch = self.on_reply = self.on_failure = self.on_branch_failure = ""
        self.notes = {}


cdef class MessageContext:

    def __init__(self, TransactionState state=None, ScriptRuntime runtime=None):
        self.runtime = runtime
        self.state = state if state is not None else TransactionState()
        self.send_socket = ""
        self.branch_index = -1

    cdef void remember_place(self) noexcept:
        """Note which transaction and branch this is about: neither need live while a function waits."""
        self.slot = 0
        self.branch_number = -1
        if self.transaction != NULL:
            self.slot = self.transaction.slot
            self.check = self.transaction.check
            if self.branch != NULL:
                self.branch_number = self.branch.number
        self.transaction = NULL
        self.branch = NULL

    cdef void find_place(self) noexcept:
        cdef Branch *branch
        if self.slot == 0:
            return
        self.transaction = self.table.at_slot(self.slot, self.check)
        branch = self.transaction.branches if self.transaction != NULL and self.branch_number >= 0 else NULL
        while branch != NULL and branch.number != self.branch_number:
            branch = branch.next
        self.branch = branch


cdef class ScriptRuntime(ScriptHost):

    def __init__(self):
        self.context = MessageContext(runtime=self)
        self.variables = {}
        self.shared = {}
        self.definitions = {}

    cdef int send_reply(self, int status, str reason, bytes extra_lines, bint stateless) except? -2:
        """Answer the current request: 1 when the reply is on its way, -1 when it cannot be written.

        `extra_lines`: whole header lines with CRLF. From the transaction when there is one, unless `stateless`.
        """
        return -1

    cpdef object wait(self, object awaitable):
        """The result of an awaitable. Only this message waits: the worker goes on with others meanwhile.

        After it `context.message` is another object with the same octets and edits, and `context.transaction` may have
        become NULL: take both anew. RuntimeError where nothing can wait (mod_init, child_init, import).
        """
        raise RuntimeError("This runtime cannot wait.")


cdef class KsrModule:

    def __init__(self, ScriptRuntime runtime not None):
        self.runtime = runtime
