"""KSR.tm: transactions."""
from uacfast.routing.context cimport KsrModule
from uacfast.routing.relaying cimport ScriptTransactions
from uacfast.tm.table cimport Branch, Transaction


cdef object expression(str text)


cdef class TmModule(KsrModule):
    cdef ScriptTransactions script
    cdef Transaction *transaction(self) noexcept
    cdef Branch *failed_branch(self) noexcept
