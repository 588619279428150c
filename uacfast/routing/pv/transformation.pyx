"""The {class.name,parameters} of a variable: functions over octets, applied from left to right.

What is null stays null, except for {val.…}; numbers are transformed as their text.
"""
from uacfast.routing.pv.coding import OPERATIONS as CODING
from uacfast.routing.pv.lists import OPERATIONS as LISTS
from uacfast.routing.pv.strings import OPERATIONS as STRINGS
from uacfast.routing.pv.uri_texts import OPERATIONS as URIS
from uacfast.routing.pv.substitution cimport Substitution
from uacfast.routing.pv.variable cimport decoded, encoded

# name: (kinds of the parameters, function of the octets and the parameters). Kinds: i a number, t a text, c one octet
# that others may follow, o exactly one octet; behind | the rest may be left out.
OPERATIONS = STRINGS | CODING | URIS | LISTS
cdef enum:
    RESULT_MAX = 262144          # octets


cdef object parameter(str kind, object value):
    """What a function takes for this value of a parameter; ValueError when it cannot be."""
    if kind == "i":
        number = int(value)
        if not -0x80000000 <= number <= 0x7fffffff:
            raise ValueError(f"{value} is out of range.")
        return number
    octets = encoded(value)
    if kind == "c" and not octets or kind == "o" and len(octets) != 1:
        raise ValueError("A separator of one character is expected.")
    return octets


cdef class Transformation:

    def __init__(self, str name not None, parameters):
        """`parameters`: str and PseudoVariable. ValueError, a sentence, when there is no such transformation."""
        if name not in OPERATIONS:
            raise ValueError(f"There is no transformation {{{name}}}.")
        kinds, self.function = OPERATIONS[name]
        needed, _, optional = kinds.partition("|")
        self.kinds = needed + optional
        if not len(needed) <= len(parameters) <= len(self.kinds):
            raise ValueError(f"{{{name}}} takes {len(needed)} parameters"
                             f"{f' to {len(self.kinds)}' if optional else ''}, not {len(parameters)}.")
        self.parameters = []
        for kind, each in zip(self.kinds, parameters):
            if isinstance(each, PseudoVariable):
                self.has_variables = True
                self.parameters.append(each)
                continue
            try:
                self.parameters.append(parameter(kind, each))
            except ValueError:
                raise ValueError(f"{{{name}}} cannot have the parameter {each!r}.") from None

    cdef object apply(self, MessageContext context, object value):
        """int, bytes or None, from int, bytes or None."""
        cdef list parameters
        if value is None:
            return None
        if isinstance(value, int):
            value = encoded(value)
        if not self.parameters:
            return self.function(value)
        if not self.has_variables:
            return self.function(value, *self.parameters)
        parameters = []
        for kind, each in zip(self.kinds, self.parameters):
            if isinstance(each, PseudoVariable):
                each = (<PseudoVariable>each).value(context, False)
                if each is None:
                    return None
                try:
                    each = parameter(kind, each)
                except ValueError:
                    return None
            parameters.append(each)
        return self.function(value, *parameters)


cdef class NullReplacement(Transformation):
    """{val.ne}: null becomes an empty text; {val.n0}: null becomes 0."""
    cdef object replacement

    def __init__(self, replacement):
        self.replacement = replacement

    cdef object apply(self, MessageContext context, object value):
        return self.replacement if value is None else value


cdef class Substituted(Transformation):
    """{re.subst,/expression/replacement/flags}"""
    cdef Substitution substitution

    def __init__(self, substitution):
        self.substitution = substitution

    cdef object apply(self, MessageContext context, object value):
        if value is None:
            return None
        return self.substitution.substituted(context, encoded(value) if isinstance(value, int) else value)


def transformation(str name not None, parameters, compile_text):
    """A Transformation; ValueError, a sentence, when there is no such one."""
    if name == "val.ne" and not parameters:
        return NullReplacement(b"")
    if name == "val.n0" and not parameters:
        return NullReplacement(0)
    if name == "re.subst" and len(parameters) == 1:
        return Substituted(Substitution(parameters[0], compile_text))
    return Transformation(name, parameters)


cdef class Transformed(PseudoVariable):
    """A variable with transformations; read-only."""

    def __init__(self, PseudoVariable base not None, steps):
        self.base = base
        self.steps = tuple(steps)

    cdef object value(self, MessageContext context, bint octets):
        cdef object value = self.base.value(context, True)
        cdef Transformation step
        for each in self.steps:
            step = each
            value = step.apply(context, value)
            if isinstance(value, bytes) and len(<bytes>value) > RESULT_MAX:
                return None
        return decoded(value) if isinstance(value, bytes) and not octets else value
