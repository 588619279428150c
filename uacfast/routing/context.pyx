"""One message in the hands of a script: what pseudo-variables read and script functions change."""


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


cdef class ScriptRuntime:

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


cdef class KsrModule:

    def __init__(self, ScriptRuntime runtime not None):
        self.runtime = runtime
