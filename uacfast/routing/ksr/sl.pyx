"""KSR.sl: replies without and with a transaction (kemi-python.md §2, §3.10)."""
from uacfast.routing.context cimport KsrModule, ROUTE_REPLY, ScriptRuntime
from uacfast.routing.relaying cimport ScriptTransactions


cdef class SlModule(KsrModule):

    def sl_send_reply(self, int code, str reason not None):
        """Without state; the ACK that it brings is absorbed."""
        return self.runtime.send_reply(code, reason, None, True)

    def send_reply(self, int code, str reason not None):
        """From the transaction when there is one, else without state."""
        if self.runtime.context.kind == ROUTE_REPLY:
            return -1
        return self.runtime.send_reply(code, reason, None, False)

    def send_reply_mode(self, int code, str reason not None, int mode):
        """send_reply(); mode 1: without state even though there is a transaction."""
        return self.runtime.send_reply(code, reason, None, mode == 1)

    def sl_reply_error(self):
        """Answer with what went wrong last inside a function; 500 when nothing did."""
        return (<ScriptTransactions>self.runtime).reply_error(self.runtime.context, "SL")

    def send_reply_error(self):
        return self.sl_reply_error()
