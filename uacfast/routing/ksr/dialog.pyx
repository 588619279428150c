"""KSR.dialog: tracked dialogs (kemi-python.md §3.8)."""
from uacfast.proxy.dialog cimport Dialogs, TrackedDialog
from uacfast.routing.context cimport MessageContext
from uacfast.tm.table cimport DIALOG_BEGINS


cdef class DialogModule(KsrModule):
    """All answer 1 or -1 where nothing else is said; -1 without a dialog."""

    cdef Dialogs dialogs(self):
        return None if self.runtime.engine is None else self.runtime.engine.dialogs

    cdef TrackedDialog current(self):
        """The dialog of the message at hand."""
        cdef MessageContext context = self.runtime.context
        cdef Dialogs dialogs = self.dialogs()
        if context.dialog is None and dialogs is not None and context.message is not None:
            if context.message.index.is_request:
                context.dialog = dialogs.of(context.message)
            if context.dialog is None and context.transaction != NULL:
                context.dialog = dialogs.of_transaction(context.transaction)
        return context.dialog

    def dlg_manage(self):
        """Track the call that an initial INVITE begins, or find the dialog of a request within one."""
        cdef MessageContext context = self.runtime.context
        cdef Dialogs dialogs = self.dialogs()
        if context.message is None or not context.message.index.is_request or dialogs is None:
            return -1
        context.dialog = dialogs.manage(context.message)
        if context.dialog is None:
            return -1
        if context.transaction != NULL and context.transaction.dialog == 0:
            context.transaction.dialog = context.message.dialog
            if context.message.to.tag.at == NULL:
                context.transaction.flags |= DIALOG_BEGINS
                dialogs.attach(context.transaction)
        return 1

    def is_known_dlg(self):
        cdef MessageContext context = self.runtime.context
        cdef Dialogs dialogs = self.dialogs()
        if dialogs is not None and context.message is not None and context.message.index.is_request:
            dialogs.match(context.message)
        return 1 if self.current() is not None else -1

    def dlg_get(self, str callid not None, str from_tag not None, str to_tag not None):
        """Work on the dialog with these from here on."""
        dialog = None if self.dialogs() is None else self.dialogs().get(callid, from_tag, to_tag)
        if dialog is None:
            return -1
        self.runtime.context.dialog = dialog
        return 1

    def dlg_bye(self, str side not None):
        """Send a BYE to "caller", "callee" or "all"."""
        dialog = self.current()
        if dialog is None or side not in ("caller", "callee", "all"):
            return -1
        return 1 if dialog.bye(side) else -1

    # --- variables -----------------------------------------------------------------------------------------------

    def var_sets(self, str name not None, str value not None):
        dialog = self.current()
        return 1 if dialog is not None and dialog.variables.set(name, value) else -1

    def var_rm(self, str name not None):
        dialog = self.current()
        return 1 if dialog is not None and dialog.variables.set(name, None) else -1

    def var_is_null(self, str name not None):
        dialog = self.current()
        return 1 if dialog is None or dialog.variables.get(name) is None else -1

    def var_get(self, str name not None):
        """The variable, None when it is not set."""
        dialog = self.current()
        return None if dialog is None else dialog.variables.get(name)

    def var_gete(self, str name not None):
        """The variable, "" when it is not set."""
        value = self.var_get(name)
        return "" if value is None else value

    def var_getw(self, str name not None):
        """The variable, "<null>" when it is not set."""
        value = self.var_get(name)
        return "<null>" if value is None else value

    # --- timeout, properties, flags ------------------------------------------------------------------------------

    def dlg_set_timeout(self, int seconds):
        dialog = self.current()
        return 1 if dialog is not None and dialog.set_timeout(seconds) else -1

    def dlg_set_timeout_id(self, int seconds, int h_entry, int h_id):
        """The same for the dialog with these numbers ($dlg(h_entry), $dlg(h_id))."""
        if self.dialogs() is None or seconds <= 0 or h_entry < 0 or h_id < 0:
            return -1
        return 1 if self.dialogs().set_timeout_of(h_entry, h_id, seconds) else -1

    cdef int change_property(self, str name, bint on) except? -2:
        dialog = self.current()
        if dialog is None:
            return -1
        if name == "timeout-noreset":
            dialog.set_timeout_fixed(on)
        elif name == "bye-on-timeout":
            dialog.set_bye_on_timeout(on)
        else:
            return -1
        return 1

    def dlg_set_property(self, str name not None):
        """timeout-noreset: requests within the dialog leave its timeout as it is; bye-on-timeout: both sides get a BYE."""
        return self.change_property(name, True)

    def dlg_reset_property(self, str name not None):
        return self.change_property(name, False)

    def dlg_setflag(self, int flag):
        dialog = self.current()
        return 1 if dialog is not None and dialog.set_flag(flag) else -1

    def dlg_resetflag(self, int flag):
        dialog = self.current()
        return 1 if dialog is not None and dialog.reset_flag(flag) else -1

    def dlg_isflagset(self, int flag):
        dialog = self.current()
        return 1 if dialog is not None and dialog.is_flag_set(flag) else -1
