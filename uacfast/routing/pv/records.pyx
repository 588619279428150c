# cython: boundscheck=True, wraparound=True
"""Lists of records: $xavp, $xavu, $xavi.

A name holds a list, the newest first, of values or of records; a record holds lists of values by field name, the newest
first. Writing a field without the number of a record begins a new record; with a number it adds to that record. $xavu
keeps one of each, $xavi takes names without regard to case.
"""
import re

from uacfast.routing.pv.reports import report
from uacfast.routing.pv.variable cimport str_value

cdef object PATH = re.compile(
    r"\s*(?P<root>[^\[\]=>\s]+)(?:\[(?P<root_index>-?\d{1,6}|\*)\])?\s*"
    r"(?:=>\s*(?P<field>[^\[\]=>\s]+)(?:\[(?P<field_index>-?\d{1,6}|\*)\])?\s*)?")


cdef class RecordPath:

    def __init__(self, str text not None, bint lower=False):
        """ValueError when `text` is no root[index]=>field[index]."""
        match = PATH.fullmatch(text.lower() if lower else text)
        if match is None:
            raise ValueError(f"{text!r} is no name of a record; write it as root=>field or root[0]=>field[0].")
        self.root = match["root"]
        self.field = match["field"]
        self.root_index = index_of(match["root_index"])
        self.field_index = index_of(match["field_index"])


cdef object index_of(str text):
    return int(text) if text is not None and text != "*" else text


cdef dict records_of(TransactionState state, RecordKind kind):
    if kind == RECORDS_XAVP:
        return state.xavps
    return state.xavus if kind == RECORDS_XAVU else state.xavis


cdef Py_ssize_t position(list values, object index) except? -1:
    """Where it is in the list, -1: it is not. [*], and no index, count as the newest."""
    cdef Py_ssize_t number = index if isinstance(index, int) else 0
    if number < 0:
        number += len(values)
    return number if 0 <= number < len(values) else -1


cdef object nth(list values, object index):
    """The value there; None when there is none."""
    cdef Py_ssize_t number = position(values, index)
    return values[number] if number >= 0 else None


cdef object read_record(TransactionState state, RecordKind kind, RecordPath path):
    """int, str or None; a record itself is a text that only tells that it is there."""
    cdef list values = records_of(state, kind).get(path.root)
    if values is None:
        return None
    record = nth(values, path.root_index)
    if path.field is None:
        return f"<<xavp:{id(record):#x}>>" if isinstance(record, dict) else record
    if not isinstance(record, dict):
        return None
    values = record.get(path.field)
    return nth(values, path.field_index) if values is not None else None


cdef bint write_record(TransactionState state, RecordKind kind, RecordPath path, object value):
    """False when there is no record, or no value, with that number."""
    cdef dict records = records_of(state, kind)
    cdef list values = records.get(path.root)
    cdef dict record
    if values is None:
        if isinstance(path.root_index, int) and path.root_index != 0:
            return False
        values = records[path.root] = []
    if path.field is None:
        if kind == RECORDS_XAVU:
            values.clear()
        elif path.root_index is not None and values:
            return replaced(values, path.root_index, value)
        values.insert(0, value)
        return True
    if kind == RECORDS_XAVU:
        if not values or not isinstance(values[0], dict):
            values[:] = [{}]
        record = values[0]
        record[path.field] = [value]
        return True
    if path.root_index is None or not values:
        values.insert(0, {path.field: [value]})
        return True
    found = nth(values, path.root_index)
    if not isinstance(found, dict):
        return False
    record = found
    values = record.setdefault(path.field, [])
    if path.field_index is not None and values:
        return replaced(values, path.field_index, value)
    values.insert(0, value)
    return True


cdef bint replaced(list values, object index, object value):
    cdef Py_ssize_t number = position(values, index)
    if number < 0:
        return False
    values[number] = value
    return True


cdef bint remove_record(TransactionState state, RecordKind kind, RecordPath path):
    """Take away the newest, or the one named; [*] takes all. Whether there was one."""
    cdef dict records = records_of(state, kind)
    cdef list values = records.get(path.root)
    cdef bint found
    if values is None:
        return False
    if path.field is None:
        found = remove_nth(values, path.root_index)
        if not values:
            del records[path.root]
        return found
    record = nth(values, path.root_index)
    if not isinstance(record, dict) or path.field not in record:
        return False
    values = (<dict>record)[path.field]
    found = remove_nth(values, path.field_index)
    if not values:
        del (<dict>record)[path.field]
    return found


cdef bint remove_nth(list values, object index):
    cdef Py_ssize_t number = position(values, index)
    if number < 0:
        return False
    if isinstance(index, str):
        values.clear()
        return True
    values.pop(number)
    return True


cdef class RecordVariable(PseudoVariable):
    cdef RecordKind kind
    cdef TextTemplate name
    cdef RecordPath fixed

    def __init__(self, RecordKind kind, TextTemplate name):
        self.kind = kind
        self.name = name
        if name.constant is not None:
            self.fixed = RecordPath(name.constant, kind == RECORDS_XAVI)

    cdef RecordPath path(self, MessageContext context):
        """None when what the variables in the name make is no name."""
        if self.fixed is not None:
            return self.fixed
        try:
            return RecordPath(self.name.evaluate(context), self.kind == RECORDS_XAVI)
        except ValueError as error:
            report("%s: %s", self.source, error)
            return None

    cdef object value(self, MessageContext context, bint octets):
        cdef RecordPath path = self.path(context)
        if path is None:
            return None
        value = read_record(context.state, self.kind, path)
        return str_value(value, octets) if isinstance(value, str) else value

    cdef bint set(self, MessageContext context, object value) except -1:
        cdef RecordPath path = self.path(context)
        if path is None:
            return False
        if value is None:
            remove_record(context.state, self.kind, path)
            return True
        if not isinstance(value, (int, str)) or not write_record(context.state, self.kind, path, value):
            report("%s does not take %r: a text or a number, and a record with that number, are needed.", self.source,
                   value)
            return False
        return True

    def count(self, MessageContext context not None):
        """How many values it has, for $cnt(...)."""
        cdef RecordPath path = self.path(context)
        cdef list values
        if path is None:
            return 0
        values = records_of(context.state, self.kind).get(path.root, [])
        if path.field is None:
            return len(values)
        record = nth(values, path.root_index)
        return len(record.get(path.field, ())) if isinstance(record, dict) else 0


PLAIN = {}
WITH_ARGUMENT = {
    "xavp": lambda argument, index: RecordVariable(RECORDS_XAVP, argument),
    "xavu": lambda argument, index: RecordVariable(RECORDS_XAVU, argument),
    "xavi": lambda argument, index: RecordVariable(RECORDS_XAVI, argument),
}
