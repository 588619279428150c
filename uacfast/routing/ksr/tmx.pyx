"""KSR.tmx: more of transactions (kemi-python.md §3.6)."""
from uacfast.routing.context cimport (
    KsrModule, MessageContext, ROUTE_BRANCH, ROUTE_BRANCH_FAILURE, ROUTE_FAILURE, ROUTE_REPLY, ROUTE_REQUEST,
    ScriptRuntime,
)
from uacfast.sip.message cimport no_text
from uacfast.tm.table cimport FINAL_SENT


cdef class TmxModule(KsrModule):

    def t_precheck_trans(self):
        """Whether another worker is just handling the same request: none can be, each call has one owner."""
        return -1

    def t_is_request_route(self):
        return 1 if self.runtime.context.kind == ROUTE_REQUEST else -1

    def t_is_branch_route(self):
        return 1 if self.runtime.context.kind == ROUTE_BRANCH else -1

    def t_is_reply_route(self):
        return 1 if self.runtime.context.kind == ROUTE_REPLY else -1

    def t_is_failure_route(self):
        return 1 if self.runtime.context.kind in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE) else -1

    def t_cancel_branches(self, str which not None):
        """Reply callback: cancel "all" branches, the "others", or "this" one."""
        cdef MessageContext context = self.runtime.context
        if context.kind != ROUTE_REPLY or context.transaction == NULL:
            return -1
        branch = context.transaction.branches
        while branch != NULL:
            if branch.final == 0 and (which == "all" or (which == "this") == (branch == context.branch)):
                self.runtime.engine.client.cancel(branch, no_text())
            branch = branch.next
        return 1

    def t_flush_flags(self):
        """Flags live with the transaction at once: nothing is to be copied."""
        return 1 if self.runtime.context.transaction != NULL else -1

    def t_drop(self):
        return self.t_drop_rcode(500)

    def t_drop_rcode(self, int code):
        """Let the transaction end without an answer."""
        cdef MessageContext context = self.runtime.context
        if context.transaction == NULL or context.transaction.flags & FINAL_SENT:
            return -1
        self.runtime.engine.server.end_silently(context.transaction)
        return 1
