"""Lists of records: $xavp, $xavu, $xavi."""
from uacfast.routing.context cimport MessageContext, TransactionState
from uacfast.routing.pv.variable cimport Index, PseudoVariable, TextTemplate

cdef enum RecordKind:
    RECORDS_XAVP
    RECORDS_XAVU                 # one value for each name
    RECORDS_XAVI                 # names without case


cdef class RecordPath:           # root[index]=>field[index]
    cdef readonly str root, field                # field None: the record itself
    cdef readonly object root_index, field_index # None: not written; int; "*"


cdef dict records_of(TransactionState state, RecordKind kind)
cdef object read_record(TransactionState state, RecordKind kind, RecordPath path)
cdef bint write_record(TransactionState state, RecordKind kind, RecordPath path, object value)
cdef bint remove_record(TransactionState state, RecordKind kind, RecordPath path)
