"""From and To as a request brought them, in AVPs (restore_from_avp, restore_to_avp; uac-semantics §1.8)."""
from uacfast.routing.context cimport MessageContext, ScriptRuntime, TransactionState
from uacfast.tm.table cimport Transaction, TransactionTable

cdef void keep_name(ScriptRuntime runtime, bint of_from)
cdef void take_names(ScriptRuntime runtime, TransactionState state, Transaction *transaction, TransactionTable table)
