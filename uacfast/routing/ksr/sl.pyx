"""KSR.sl: replies without and with a transaction (kemi-python.md §2, §3.10)."""
from uacfast.leaves.edit_list cimport edit_list
from uacfast.routing.context cimport KsrModule, ROUTE_REPLY, ScriptRuntime
from uacfast.routing.ksr.access cimport message_of, octets_of, set_status, str_of
from uacfast.routing.relaying cimport ScriptTransactions
from uacfast.sip.message cimport SipMessage


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

    def sl_forward_reply(self, str code not None, str reason not None):
        """Send a copy of the reply at hand on by its Via, as it is now; the reply itself goes its way as well, unless it
        is dropped. The copy has `code`, of the same class, and `reason` in place of its own; "": as they are."""
        cdef SipMessage message = message_of(self)
        cdef int own_status = message.index.status
        cdef int status = own_status
        cdef edit_list edits
        cdef bint forwarded
        if self.runtime.context.kind != ROUTE_REPLY:
            return -1
        if code:
            if not (code.isascii() and code.isdigit() and len(code) == 3):
                return -1
            status = int(code)
            if status // 100 != own_status // 100:
                return -1
        edits = message.edits
        forwarded = (code == "" and reason == ""
                     or set_status(message, status, octets_of(reason or str_of(message.index.reason))))
        forwarded = forwarded and self.runtime.engine.forward_response(message)
        message.edits = edits
        message.index.status = own_status
        return 1 if forwarded else -1
