# cython: boundscheck=True, wraparound=True
"""{param.…}: lists such as a=1;b=two; {line.…}: lines of a text. An empty text has neither and is null."""


cdef list elements(bytes value, bytes separator):
    """The elements between separators outside of quotes, trimmed; an empty last one does not count."""
    cdef list found = []
    cdef Py_ssize_t at = 0, begin = 0
    cdef int quote = 0
    while at < len(value):
        octet = value[at]
        if quote:
            if octet == c'\\':
                at += 1
            elif octet == quote:
                quote = 0
        elif octet == separator[0]:
            found.append(value[begin:at].strip())
            begin = at + 1
        elif octet in (c'"', c"'"):
            quote = octet
        at += 1
    last = value[begin:].strip()
    if last or not found:
        found.append(last)
    return found


cdef bytes value_of(bytes element):
    """Behind the equals sign, without quotes; empty when there is none."""
    value = element.partition(b"=")[2].strip()
    if len(value) >= 2 and value[:1] in (b'"', b"'") and value[-1:] == value[:1]:
        return value[1:-1]
    return value


cdef object nth(list values, Py_ssize_t index):
    if index < 0:
        index += len(values)
    return values[index] if 0 <= index < len(values) else b""


cdef object find(bytes value, bytes name, bytes separator):
    """The first element of that name, without regard to case; None when there is none."""
    for element in elements(value, separator):
        if name_of(element).lower() == name.lower():
            return element
    return None


cdef bytes name_of(bytes element):
    return element.partition(b"=")[0].rstrip()


def elements_of(str text not None):
    """[(name, value)] of "a=1;b=two", for scripts' records."""
    return [(name_of(element).decode("utf-8", "surrogateescape"), value_of(element).decode("utf-8", "surrogateescape"))
            for element in elements(text.encode("utf-8", "surrogateescape"), b";") if name_of(element)]


def param_value(bytes value, bytes name, bytes separator=b";"):
    if not value:
        return None
    found = find(value, name, separator)
    return value_of(found) if found is not None else b""


def param_in(bytes value, bytes name, bytes separator=b";"):
    if not value:
        return None
    return 1 if find(value, name, separator) is not None else 0


def param_name(bytes value, Py_ssize_t index, bytes separator=b";"):
    return name_of(nth(elements(value, separator), index)) if value else None


def param_value_at(bytes value, Py_ssize_t index, bytes separator=b";"):
    return value_of(nth(elements(value, separator), index)) if value else None


def param_count(bytes value, bytes separator=b";"):
    return len(elements(value, separator)) if value else None


cdef list lines(bytes value):
    cdef list found = [line[:-1] if line.endswith(b"\r") else line for line in value.split(b"\n")]
    if not found[len(found) - 1]:
        found.pop()
    return found


def line_at(bytes value, Py_ssize_t index):
    return nth(lines(value), index) if value else None


def line_count(bytes value):
    """As text, as Kamailio has it."""
    return b"%d" % len(lines(value)) if value else None


def line_starting(bytes value, bytes text):
    if not value:
        return None
    return next((line for line in lines(value) if line.startswith(text)), b"")


def line_holding(bytes value, bytes text):
    if not value:
        return None
    return next((line for line in lines(value) if text in line), b"")


OPERATIONS = {
    "param.value": ("t|o", param_value), "param.in": ("t|o", param_in), "param.name": ("i|o", param_name),
    "param.valueat": ("i|o", param_value_at), "param.count": ("|o", param_count),
    "line.at": ("i", line_at), "line.count": ("", line_count), "line.sw": ("t", line_starting),
    "line.in": ("t", line_holding),
}
