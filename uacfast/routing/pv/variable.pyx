"""What every pseudo-variable is: read as int, str or None, perhaps written.

Variables read octets of the message; a str made of them holds what is no UTF-8 as surrogate escapes and encodes back to
the same octets. `value()` with `octets` gives bytes in place of str, for transformations, which count octets as
Kamailio does.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8

from uacfast.routing.pv.reports import report


cdef object text_value(sip_text text, bint octets):
    """str or bytes of a text in the message; None when it is absent."""
    if text.at == NULL:
        return None
    if octets:
        return PyBytes_FromStringAndSize(text.at, text.length)
    return PyUnicode_DecodeUTF8(text.at, text.length, b"surrogateescape")


cdef object str_value(str text, bint octets):
    return encoded(text) if octets and text is not None else text


cdef bytes encoded(object value):
    """The octets of a str or of a number's text."""
    try:
        return str(value).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return str(value).encode("utf-8", "replace")   # a surrogate of the script's own making stands for no octet


cdef str decoded(bytes octets):
    return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets), b"surrogateescape")


cdef class PseudoVariable:
    """One variable of a script, compiled; pseudo_variable() makes them."""

    cdef object value(self, MessageContext context, bint octets):
        """int, None, or the text: bytes when `octets`, else str."""
        return None

    cdef bint set(self, MessageContext context, object value) except -1:
        """Give it an int or a str, or with None take its value away; False, and logged, when it does not take that."""
        report("%s is read-only; it stays as it is.", self.source)
        return False

    def read(self, MessageContext context not None):
        """get() for callers in Python."""
        return self.value(context, False)

    def assign(self, MessageContext context not None, value):
        """set() for callers in Python."""
        return bool(self.set(context, value))

    def __repr__(self):
        return f"<PseudoVariable {self.source}>"


cdef class TextTemplate:
    """A text with variables in it, compiled; text_template() makes them."""

    def __init__(self, str source not None, pieces, str null_text="<null>"):
        self.source = source
        self.pieces = tuple(pieces)
        self.null_text = null_text
        if not self.pieces:
            self.constant = ""
        elif len(self.pieces) == 1 and isinstance(self.pieces[0], str):
            self.constant = self.pieces[0]

    cpdef str evaluate(self, MessageContext context):
        """The text for this message."""
        cdef list parts
        if self.constant is not None:
            return self.constant
        parts = []
        for piece in self.pieces:
            if isinstance(piece, PseudoVariable):
                value = (<PseudoVariable>piece).value(context, False)
                parts.append(self.null_text if value is None else str(value))
            else:
                parts.append(piece)
        return "".join(parts)

    def __repr__(self):
        return f"<TextTemplate {self.source!r}>"


cdef class Index:
    """The [...] of a variable: None, a number, "*" or a variable."""

    def __init__(self, index):
        self.given = index is not None
        self.all = index == "*" if isinstance(index, str) else False
        if isinstance(index, PseudoVariable):
            self.variable = index
        elif self.given and not self.all:
            self.number = index

    cdef Py_ssize_t of(self, MessageContext context) except? -1:
        """The number: 0 without an index, and when the variable in it holds no number."""
        if self.variable is None:
            return self.number
        value = self.variable.value(context, False)
        try:
            return int(value) if value is not None else 0
        except (ValueError, OverflowError):
            return 0
