# cython: boundscheck=True, wraparound=True
"""{s.…}: parts of texts, counted in octets."""
from libc.stdint cimport uint32_t

import re
import time

cdef enum:
    GROWTH_MAX = 262144          # octets that a result may have

WHITE = b" \t\r\n"
NUMBER = re.compile(rb"[+-]?[0-9]{1,10}")


def length(bytes value):
    return len(value)


def integer(bytes value):
    """The number that the whole text is; null when it is none of 32 bits; an empty text is 0."""
    if not value:
        return 0
    if not NUMBER.fullmatch(value):
        return None
    number = int(value)
    return number if -0x80000000 <= number <= 0x7fffffff else None


def upper(bytes value):
    return value.upper()


def lower(bytes value):
    return value.lower()


def substring(bytes value, Py_ssize_t offset, Py_ssize_t count):
    if offset < 0:
        offset += len(value)
    if count < 0 or not 0 <= offset < len(value):
        return None
    return value[offset:offset + count] if count else value[offset:]


def select(bytes value, Py_ssize_t index, bytes separator):
    """One field; an empty text when there is none with that number."""
    fields = value.split(separator)
    if index < 0:
        index += len(fields)
    return fields[index] if 0 <= index < len(fields) else b""


def strip(bytes value, Py_ssize_t count):
    return value[count:] if count > 0 else value


def strip_tail(bytes value, Py_ssize_t count):
    return value[:max(0, len(value) - count)] if count > 0 else value


def prefixes(bytes value, Py_ssize_t count=0):
    return listed(value, count, b"")


def quoted_prefixes(bytes value, Py_ssize_t count=0):
    return listed(value, count, b"'")


cdef object listed(bytes value, Py_ssize_t count, bytes quote):
    if count <= 0 or count > len(value):
        count = len(value)
    if count * (count + 1) // 2 + 3 * count > GROWTH_MAX:
        return None
    return b",".join([quote + value[:end] + quote for end in range(1, count + 1)])


def replace(bytes value, bytes old, bytes new):
    if not old:
        return value
    if len(value) + value.count(old) * (len(new) - len(old)) > GROWTH_MAX:
        return None
    return value.replace(old, new)


def remove(bytes value, bytes gone):
    return value.replace(gone, b"") if gone else value


def trim(bytes value):
    return value.strip(WHITE)


def trim_left(bytes value):
    return value.lstrip(WHITE)


def trim_right(bytes value):
    return value.rstrip(WHITE)


def before(bytes value, bytes mark):
    return value.partition(mark[:1])[0]


def after(bytes value, bytes mark):
    return value.partition(mark[:1])[2]


def before_last(bytes value, bytes mark):
    head, found, tail = value.rpartition(mark[:1])
    return head if found else tail


def after_last(bytes value, bytes mark):
    head, found, tail = value.rpartition(mark[:1])
    return tail if found else b""


def count(bytes value, bytes mark):
    return value.count(mark[:1])


def unquote(bytes value):
    return value[1:-1] if len(value) >= 2 and value[:1] in (b'"', b"'") and value[-1:] == value[:1] else value


def unbracket(bytes value):
    return value[1:-1] if len(value) >= 2 and value[:1] == b"<" and value[-1:] == b">" else value


def numeric(bytes value):
    """The digits in it, nothing else."""
    return bytes([octet for octet in value if c'0' <= octet <= c'9'])


cdef uint32_t core_hash_of(bytes value) noexcept:
    """Kamailio's hash of texts: words of four octets, the first the highest, folded. Its octets have a sign."""
    cdef const signed char *at = <const signed char *><const char *>value
    cdef Py_ssize_t left = len(value)
    cdef uint32_t word, hash = 0
    while left >= 4:
        word = (<uint32_t>at[0] << 24) + (<uint32_t>at[1] << 16) + (<uint32_t>at[2] << 8) + <uint32_t>at[3]
        hash += word ^ (word >> 3)
        at += 4
        left -= 4
    word = 0
    while left > 0:
        word = (word << 8) + <uint32_t>at[0]
        at += 1
        left -= 1
    hash += word ^ (word >> 3)
    return (hash + (hash >> 11)) + ((hash >> 13) + (hash >> 23))


def core_hash(bytes value, Py_ssize_t slots=0):
    """As text; with slots, a power of two, a number below it. Other numbers are masks, as in Kamailio."""
    hash = core_hash_of(value)
    return b"%d" % (hash & (slots - 1) if slots > 0 else hash)


def formatted_time(bytes value, bytes form):
    """The seconds since 1970 that the text is, in strftime()'s format, local time."""
    seconds = integer(value)
    if seconds is None:
        return None
    try:
        return time.strftime(form.decode("utf-8", "surrogateescape"), time.localtime(seconds)).encode(
            "utf-8", "surrogateescape")
    except (ValueError, OverflowError, OSError):
        return None


OPERATIONS = {
    "s.len": ("", length), "s.int": ("", integer), "s.toupper": ("", upper), "s.tolower": ("", lower),
    "s.substr": ("ii", substring), "s.select": ("io", select), "s.strip": ("i", strip),
    "s.striptail": ("i", strip_tail),
    "s.prefixes": ("|i", prefixes), "s.prefixes.quoted": ("|i", quoted_prefixes), "s.replace": ("tt", replace),
    "s.rm": ("t", remove), "s.trim": ("", trim), "s.ltrim": ("", trim_left), "s.rtrim": ("", trim_right),
    "s.before": ("c", before), "s.after": ("c", after), "s.rbefore": ("c", before_last), "s.rafter": ("c", after_last),
    "s.count": ("c", count), "s.unquote": ("", unquote), "s.unbracket": ("", unbracket), "s.numeric": ("", numeric),
    "s.corehash": ("|i", core_hash), "s.ftime": ("t", formatted_time),
}
