"""What scripts keep: $avp per transaction, $var, $vn and $vz per worker, $shv for all."""
from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.variable cimport Index, PseudoVariable, TextTemplate, str_value


cdef object as_stored(object value, bint octets):
    """What a store holds, an int or a str, as variables show it."""
    return str_value(value, octets) if isinstance(value, str) else value


def avp_name(str text not None):
    """The key of an AVP: "s:name" and "name" are a text, "i:5" is a number. ValueError when it is none."""
    if text.startswith("i:"):
        if not text[2:].isascii() or not text[2:].isdigit():
            raise ValueError(f"$avp({text}): a number is expected after i:.")
        return int(text[2:])
    name = text.removeprefix("s:")
    if not name:
        raise ValueError("The name of an AVP is missing.")
    return name


cdef class AvpVariable(PseudoVariable):
    """$avp(name)[index]: a stack. Writing puts on top, [*] replaces all; taking away takes the top, or the one named."""
    cdef TextTemplate name
    cdef object fixed
    cdef Index index

    def __init__(self, TextTemplate name, Index index):
        self.name = name
        self.index = index
        if name.constant is not None:
            self.fixed = avp_name(name.constant)

    cdef object key(self, MessageContext context):
        if self.fixed is not None:
            return self.fixed
        try:
            return avp_name(self.name.evaluate(context))
        except ValueError:
            return ""            # no AVP has that name

    cdef object value(self, MessageContext context, bint octets):
        cdef list values = context.state.avps.get(self.key(context))
        cdef Py_ssize_t wanted
        if not values:
            return None
        if self.index.all:
            return str_value(", ".join([str(value) for value in values]), octets)
        wanted = self.index.of(context)
        return as_stored(values[wanted], octets) if 0 <= wanted < len(values) else None

    def count(self, MessageContext context not None):
        """How many values it has, for $cnt(...)."""
        return len(context.state.avps.get(self.key(context), ()))

    cdef bint set(self, MessageContext context, object value) except -1:
        cdef object key = self.key(context)
        cdef list values = context.state.avps.get(key)
        cdef Py_ssize_t wanted
        if key == "" or value is not None and not isinstance(value, (int, str)):
            report("%s does not take %r.", self.source, value)
            return False
        if value is None:
            if values:
                wanted = self.index.of(context)
                if self.index.all:
                    values.clear()
                elif 0 <= wanted < len(values):
                    values.pop(wanted)
                if not values:
                    del context.state.avps[key]
            return True
        if values is None or self.index.all:
            context.state.avps[key] = [value]
        else:
            values.insert(0, value)
        return True


cdef class ScriptVariable(PseudoVariable):
    """$var, $vz: 0 when unset; $vn: null when unset. They outlive the message."""
    cdef TextTemplate name
    cdef bint nullable

    def __init__(self, TextTemplate name, bint nullable):
        if name.constant == "":
            raise ValueError("The name of the variable is missing.")
        self.name = name
        self.nullable = nullable

    cdef object key(self, MessageContext context):
        cdef str name = self.name.evaluate(context)
        return ("vn", name) if self.nullable else name

    cdef object value(self, MessageContext context, bint octets):
        if context.runtime is None:
            return None
        value = context.runtime.variables.get(self.key(context))
        if value is None and not self.nullable:
            return 0
        return as_stored(value, octets)

    cdef bint set(self, MessageContext context, object value) except -1:
        if context.runtime is None or value is not None and not isinstance(value, (int, str)):
            report("%s does not take %r.", self.source, value)
            return False
        if value is None:
            context.runtime.variables.pop(self.key(context), None)
        else:
            context.runtime.variables[self.key(context)] = value
        return True


cdef class SharedVariable(PseudoVariable):
    """$shv(name): 0 until it is set; taking its value away leaves an empty text."""
    cdef TextTemplate name

    def __init__(self, TextTemplate name):
        if name.constant == "":
            raise ValueError("The name of the variable is missing.")
        self.name = name

    cdef object value(self, MessageContext context, bint octets):
        if context.runtime is None:
            return None
        return as_stored(context.runtime.shared.get(self.name.evaluate(context), 0), octets)

    cdef bint set(self, MessageContext context, object value) except -1:
        if context.runtime is None or value is not None and not isinstance(value, (int, str)):
            report("%s does not take %r.", self.source, value)
            return False
        context.runtime.shared[self.name.evaluate(context)] = "" if value is None else value
        return True


cdef class CountVariable(PseudoVariable):
    """$cnt($avp(x)), $cnt($xavp(x)): how many values there are."""
    cdef PseudoVariable counted

    def __init__(self, TextTemplate argument):
        if (len(argument.pieces) != 1 or not isinstance(argument.pieces[0], PseudoVariable)
                or not hasattr(argument.pieces[0], "count")):
            raise ValueError(f"$cnt(...) takes an AVP or XAVP, not {argument.source!r}.")
        self.counted = argument.pieces[0]

    cdef object value(self, MessageContext context, bint octets):
        return self.counted.count(context)


PLAIN = {}
WITH_ARGUMENT = {
    "avp": lambda argument, index: AvpVariable(argument, index),
    "var": lambda argument, index: ScriptVariable(argument, False),
    "vz": lambda argument, index: ScriptVariable(argument, False),
    "vn": lambda argument, index: ScriptVariable(argument, True),
    "shv": lambda argument, index: SharedVariable(argument),
    "cnt": lambda argument, index: CountVariable(argument),
}
