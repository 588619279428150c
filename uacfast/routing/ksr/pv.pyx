"""KSR.pv: pseudo-variables by name (kemi-python.md §3.2).

What a name means is routing/pv. A name that is no variable reads as null and takes nothing; both are logged.
"""
from uacfast.routing.context cimport KsrModule, MessageContext
from uacfast.routing.pv.catalogue cimport pseudo_variable
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.surroundings import leading_number
from uacfast.routing.pv.variable cimport PseudoVariable


cdef PseudoVariable known(str name):
    """None, and a line in the log, for what is no variable."""
    try:
        return pseudo_variable(name)
    except ValueError as error:
        report("%s", error)
        return None


cdef class PvModule(KsrModule):

    cdef object read(self, str name):
        cdef PseudoVariable variable = known(name)
        return None if variable is None else variable.value(self.runtime.context, False)

    cdef bint write(self, str name, object value) except -1:
        cdef PseudoVariable variable = known(name)
        return variable is not None and variable.set(self.runtime.context, value)

    def get(self, str name not None):
        """The value: int or str, None when it is null."""
        return self.read(name)

    def gete(self, str name not None):
        """The value, an empty text when it is null."""
        value = self.read(name)
        return "" if value is None else value

    def getw(self, str name not None):
        """The value, "<null>" when it is null."""
        value = self.read(name)
        return "<null>" if value is None else value

    def geti(self, str name not None):
        """The value as a number: of a text the digits that it begins with, 0 when there are none or it is null."""
        value = self.read(name)
        if isinstance(value, str):
            return leading_number(value)
        return 0 if value is None else value

    def getl(self, str name not None):
        """geti() for numbers of 64 bits."""
        return self.geti(name)

    def getvs(self, str name not None, str default not None):
        """The value, `default` when it is null."""
        value = self.read(name)
        return default if value is None else value

    def getvn(self, str name not None, default):
        """The value, the number `default` when it is null."""
        if not isinstance(default, int):
            raise TypeError(f"getvn() takes a number as default, not {type(default).__name__}.")
        value = self.read(name)
        return int(default) if value is None else value

    def sets(self, str name not None, str value not None):
        """Give it a text; False when it does not take that."""
        return bool(self.write(name, value))

    def seti(self, str name not None, value):
        """Give it a number; False when it does not take that."""
        if not isinstance(value, int):
            raise TypeError(f"seti() takes a number, not {type(value).__name__}.")
        if not -0x8000000000000000 <= value <= 0x7fffffffffffffff:
            raise OverflowError("seti() takes numbers of 64 bits.")
        return bool(self.write(name, int(value)))

    def setl(self, str name not None, value):
        """seti() by its newer name."""
        return self.seti(name, value)

    def unset(self, str name not None):
        """Take its value away; False when that is not possible."""
        return bool(self.write(name, None))

    def is_null(self, str name not None):
        """Whether it has no value; True too for what is no variable."""
        return self.read(name) is None
