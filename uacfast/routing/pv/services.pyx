"""Variables that read what other rooms keep: hash tables ($sht ...), the dialog ($dlg ...), $uac_req(...)."""
from libc.stdint cimport uint64_t

import re
import time

from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.variable cimport PseudoVariable, TextTemplate, str_value
from uacfast.uac.request_description import NUMBERS, TEXTS

cdef enum TableUse:
    TABLE_CELL
    TABLE_EXPIRES                # seconds
    TABLE_INCREMENT
    TABLE_DECREMENT
    TABLE_COUNT_NAMES
    TABLE_COUNT_VALUES

# How $shtcn and $shtcv compare, longest sign first.
COMPARISONS = (("~~", "re"), ("=~", "re"), ("~%", "sw"), ("%~", "sw"), ("==", "eq"), ("eq", "eq"), ("ne", "ne"),
               ("re", "re"), ("sw", "sw"))


cdef uint64_t now_of(MessageContext context):
    """Milliseconds of the worker's clock."""
    return context.table.now if context.table is not None else <uint64_t>(time.monotonic_ns() // 1_000_000)


cdef class TableVariable(PseudoVariable):
    """$sht(table=>key) and its kin; null when there is no such table or cell."""
    cdef TextTemplate name
    cdef TableUse use

    def __init__(self, TableUse use, TextTemplate name):
        if name.constant is not None and ("=>" not in name.constant or name.constant.startswith("=>")):
            raise ValueError(f"{name.constant!r} is no cell of a table; write it as table=>key.")
        self.name = name
        self.use = use

    cdef object value(self, MessageContext context, bint octets):
        if context.runtime is None or context.runtime.hash_tables is None:
            return None
        table, _, key = self.name.evaluate(context).partition("=>")
        tables = context.runtime.hash_tables
        if self.use == TABLE_CELL:
            value = tables.get(table, key, now_of(context))
        elif self.use == TABLE_EXPIRES:
            found = tables.table(table)
            value = None if found is None else found.expires_in(key, now_of(context))
            value = None if value is None else (value + 999) // 1000
        elif self.use in (TABLE_COUNT_NAMES, TABLE_COUNT_VALUES):
            found = tables.table(table)
            value = None if found is None else self.count(found, key, now_of(context))
        else:
            # Kamailio counts in a cell that is there; an absent one stays absent.
            value = tables.get(table, key, now_of(context))
            if value is not None:
                value = tables.add(table, key, 1 if self.use == TABLE_INCREMENT else -1, now_of(context))
        return str_value(value, octets) if isinstance(value, str) else value

    cdef object count(self, table, str condition, uint64_t now):
        for sign, operator in COMPARISONS:
            if condition.startswith(sign):
                condition = condition[len(sign):]
                break
        else:
            operator = "eq"
        try:
            holds = comparison(operator, condition)
        except re.error as error:
            report("%s: %r is no regular expression: %s.", self.source, condition, error)
            return None
        number = 0 if self.use == TABLE_COUNT_NAMES else 1
        return sum(1 for item in table.items(now) if holds(str(item[number])))

    cdef bint set(self, MessageContext context, object value) except -1:
        if self.use not in (TABLE_CELL, TABLE_EXPIRES):
            return PseudoVariable.set(self, context, value)
        if context.runtime is None or context.runtime.hash_tables is None:
            report("%s: no hash table is configured.", self.source)
            return False
        table, _, key = self.name.evaluate(context).partition("=>")
        if self.use == TABLE_CELL:
            if value is not None and not isinstance(value, (int, str)):
                report("%s does not take %r.", self.source, value)
                return False
            done = context.runtime.hash_tables.set(table, key, value, now_of(context))
        else:
            found = context.runtime.hash_tables.table(table)
            done = (found is not None and isinstance(value, int) and value >= 0
                    and found.expire_in(key, value * 1000, now_of(context)))
        if not done:
            report("%s: the cell cannot be written: is table %r configured, and not full?", self.source, table)
        return bool(done)


cdef object comparison(str operator, str text):
    if operator == "re":
        found = re.compile(text).search
        return lambda each: found(each) is not None
    if operator == "sw":
        return lambda each: each.startswith(text)
    if operator == "ne":
        return lambda each: each != text
    return lambda each: each == text


cdef class DialogVariable(PseudoVariable):
    """$dlg_var(name): a variable of the tracked dialog."""
    cdef TextTemplate name

    def __init__(self, TextTemplate name):
        if name.constant == "":
            raise ValueError("The name of the dialog variable is missing.")
        self.name = name

    cdef object value(self, MessageContext context, bint octets):
        if context.dialog is None:
            return None
        return str_value(context.dialog.variables.get(self.name.evaluate(context)), octets)

    cdef bint set(self, MessageContext context, object value) except -1:
        cdef str name
        if context.dialog is None or value is not None and not isinstance(value, str):
            report("%s takes a text, in a dialog that is tracked.", self.source)
            return False
        name = self.name.evaluate(context)
        try:
            if value is not None:
                context.dialog.variables[name] = value
            elif name in context.dialog.variables:
                del context.dialog.variables[name]
        except (KeyError, ValueError) as error:
            report("%s: %s", self.source, error)
            return False
        return True


cdef class DialogField(PseudoVariable):
    """$dlg(field), $dlg_ctx(field) and $DLG_...; null without a dialog."""
    cdef str field
    cdef bint writable

    def __init__(self, field, bint writable=False):
        if not field:
            raise ValueError("$dlg(...) takes the name of a field, such as callid.")
        self.field = field
        self.writable = writable

    cdef object value(self, MessageContext context, bint octets):
        if context.dialog is None:
            return None
        try:
            value = context.dialog.field("lifetime" if self.field == "timeout" else self.field)
        except ValueError as error:
            report("%s: %s", self.source, error)
            return None
        return str_value(value, octets) if isinstance(value, str) else value

    cdef bint set(self, MessageContext context, object value) except -1:
        if not self.writable or self.field not in ("timeout", "timeout_bye"):
            return PseudoVariable.set(self, context, value)
        if context.dialog is None or not isinstance(value, int):
            report("%s takes a number, in a dialog that is tracked.", self.source)
            return False
        if self.field == "timeout":
            return bool(context.dialog.set_timeout(value))
        context.dialog.set_bye_on_timeout(value != 0)
        return True


cdef class DialogNumber(PseudoVariable):
    """$DLG_status and $DLG_lifetime."""
    cdef bint lifetime

    def __init__(self, bint lifetime):
        self.lifetime = lifetime

    cdef object value(self, MessageContext context, bint octets):
        if context.dialog is None:
            return None
        return context.dialog.lifetime if self.lifetime else context.dialog.state


cdef class StatisticVariable(PseudoVariable):
    """$stat(name): a count of this worker."""
    cdef TextTemplate name

    def __init__(self, TextTemplate name):
        self.name = name

    cdef object value(self, MessageContext context, bint octets):
        if context.runtime is None or context.runtime.statistics is None:
            return None
        return context.runtime.statistics().get(self.name.evaluate(context))


cdef class RequestField(PseudoVariable):
    """$uac_req(key): the description of a request that uac_req_send() sends."""
    cdef str key

    def __init__(self, key):
        if key != "all" and key not in TEXTS and key not in NUMBERS:
            raise ValueError(f"$uac_req({key}) does not exist; there are {', '.join((*TEXTS, *NUMBERS))} and all.")
        self.key = key

    cdef object value(self, MessageContext context, bint octets):
        if context.runtime is None or context.runtime.uac_request is None:
            return None
        value = context.runtime.uac_request.get(self.key)
        return str_value(value, octets) if isinstance(value, str) else value

    cdef bint set(self, MessageContext context, object value) except -1:
        if context.runtime is None or context.runtime.uac_request is None:
            report("%s: there is nothing that sends requests here.", self.source)
            return False
        return bool(context.runtime.uac_request.set(self.key, value))


PLAIN = {
    "DLG_count": lambda index: StatisticVariable(TextTemplate("active_dialogs", ("active_dialogs",))),
    "DLG_lifetime": lambda index: DialogNumber(True),
    "DLG_status": lambda index: DialogNumber(False),
}
WITH_ARGUMENT = {
    "sht": lambda argument, index: TableVariable(TABLE_CELL, argument),
    "shtex": lambda argument, index: TableVariable(TABLE_EXPIRES, argument),
    "shtinc": lambda argument, index: TableVariable(TABLE_INCREMENT, argument),
    "shtdec": lambda argument, index: TableVariable(TABLE_DECREMENT, argument),
    "shtcn": lambda argument, index: TableVariable(TABLE_COUNT_NAMES, argument),
    "shtcv": lambda argument, index: TableVariable(TABLE_COUNT_VALUES, argument),
    "dlg_var": lambda argument, index: DialogVariable(argument),
    "dlg": lambda argument, index: DialogField(argument.constant),
    "dlg_ctx": lambda argument, index: DialogField(argument.constant, True),
    "stat": lambda argument, index: StatisticVariable(argument),
    "uac_req": lambda argument, index: RequestField(argument.constant),
}
