# cython: boundscheck=True, wraparound=True
"""Time, process, constants: variables that no message has a part in."""
import os
import time

from uacfast.routing.context cimport MessageContext
from uacfast.routing.pv.variable cimport PseudoVariable, TextTemplate, encoded, str_value

SCRIPT_VERSION = "5.6.3"         # of the API that scripts find here
CONSTANTS = {
    "IPv4": 2, "IPv6": 10, "UDP": 1, "TCP": 2, "TLS": 3, "SCTP": 4, "WS": 5, "WSS": 6,
}
TIME_FIELDS = {
    "sec": 5, "min": 4, "hour": 3, "mday": 2, "mon": 1, "year": 0, "yday": 7,
    "isdst": 8,
}


cdef class Constant(PseudoVariable):
    cdef object constant

    def __init__(self, constant):
        self.constant = constant

    cdef object value(self, MessageContext context, bint octets):
        return str_value(self.constant, octets) if isinstance(self.constant, str) else self.constant


cdef class Clock(PseudoVariable):
    """$TS and $Ts: seconds since 1970; $TF and $Tf: as text; $TV(s), $TV(u), $TV(Sn): with microseconds."""
    cdef str form

    def __init__(self, form):
        if form not in ("seconds", "text", "s", "u", "Sn"):
            raise ValueError("$TV(...) takes s, u or Sn.")
        self.form = form

    cdef object value(self, MessageContext context, bint octets):
        now = time.time_ns() // 1000
        if self.form == "text":
            return str_value(time.ctime(now // 1_000_000), octets)
        if self.form == "u":
            return now % 1_000_000
        if self.form == "Sn":
            return str_value(f"{now // 1_000_000}.{now % 1_000_000:06d}", octets)
        return now // 1_000_000


cdef class TimeField(PseudoVariable):
    """$time(field), local, and $utime(field); $timef(format) and $utimef(format)."""
    cdef bint local
    cdef str field
    cdef TextTemplate form

    def __init__(self, bint local, field, TextTemplate form=None):
        if form is None and field != "wday" and field not in TIME_FIELDS:
            raise ValueError(f"$time({field}) does not exist; there are {', '.join(TIME_FIELDS)} and wday.")
        self.local = local
        self.field = field
        self.form = form

    cdef object value(self, MessageContext context, bint octets):
        now = time.localtime() if self.local else time.gmtime()
        if self.form is not None:
            try:
                return str_value(time.strftime(self.form.evaluate(context), now), octets)
            except ValueError:
                return None      # a format with a zero octet or an impossible directive
        if self.field == "wday":
            return (now.tm_wday + 1) % 7 + 1      # 1 is Sunday
        return now[TIME_FIELDS[self.field]]


cdef class Environment(PseudoVariable):
    """$env(name), and $envn(name) as a number."""
    cdef TextTemplate name
    cdef bint number

    def __init__(self, TextTemplate name, bint number):
        self.name = name
        self.number = number

    cdef object value(self, MessageContext context, bint octets):
        value = os.environ.get(self.name.evaluate(context))
        if value is None:
            return None
        return leading_number(value) if self.number else str_value(value, octets)


cdef class Definition(PseudoVariable):
    """$def(name), and $defn(name) as a number: what the configuration defines."""
    cdef TextTemplate name
    cdef bint number

    def __init__(self, TextTemplate name, bint number):
        self.name = name
        self.number = number

    cdef object value(self, MessageContext context, bint octets):
        if context.runtime is None:
            return None
        value = context.runtime.definitions.get(self.name.evaluate(context))
        if value is None:
            return None
        return leading_number(str(value)) if self.number else str_value(str(value), octets)


def leading_number(str text not None):
    """The number that a text begins with, 0 when it begins with none; at most 32 bits, as Kamailio's ints."""
    cdef Py_ssize_t at = 1 if text[:1] in ("+", "-") else 0
    cdef Py_ssize_t end = at
    while end < len(text) and c'0' <= text[end] <= c'9':
        end += 1
    if end == at:
        return 0
    # int() refuses thousands of digits; more than 20 are out of range anyway.
    number = int(text[at:min(end, at + 20)])
    if text[:1] == "-":
        number = -number
    return max(-0x80000000, min(0x7fffffff, number))


cdef class Process(PseudoVariable):
    """$pp: the process id."""

    cdef object value(self, MessageContext context, bint octets):
        return os.getpid()


cdef class Text(PseudoVariable):
    """$_s(text): a text with variables in it, as one variable."""
    cdef TextTemplate text

    def __init__(self, TextTemplate text):
        self.text = text

    cdef object value(self, MessageContext context, bint octets):
        return str_value(self.text.evaluate(context), octets)


cdef class RpcReply(PseudoVariable):
    """$jsonrpl(code|text|body): what the last KSR.jsonrpcs.exec() returned."""
    cdef str part

    def __init__(self, part):
        if part not in ("code", "text", "body"):
            raise ValueError("$jsonrpl(...) takes code, text or body.")
        self.part = part

    cdef object value(self, MessageContext context, bint octets):
        if context.runtime is None or context.runtime.rpc_reply is None:
            return 0 if self.part == "code" else None
        value = context.runtime.rpc_reply.get(self.part)
        return str_value(value, octets) if isinstance(value, str) else value


def constant(argument):
    if argument.constant not in CONSTANTS:
        raise ValueError(f"$K({argument.source}) does not exist; there are {', '.join(CONSTANTS)}.")
    return Constant(CONSTANTS[argument.constant])


def version(argument):
    texts = {"num": SCRIPT_VERSION, "full": f"kamailio {SCRIPT_VERSION} (uacfast)"}
    if argument.constant not in texts:
        raise ValueError("$version(...) takes num or full.")
    return Constant(texts[argument.constant])


PLAIN = {
    "TS": lambda index: Clock("seconds"), "Ts": lambda index: Clock("seconds"),
    "TF": lambda index: Clock("text"), "Tf": lambda index: Clock("text"),
    "pp": lambda index: Process(),
    "null": lambda index: Constant(None), "hu": lambda index: Constant(None),
    "rc": lambda index: Constant(0), "retcode": lambda index: Constant(0),
    "$": lambda index: Constant("$"),
}
WITH_ARGUMENT = {
    "TV": lambda argument, index: Clock(argument.constant),
    "time": lambda argument, index: TimeField(True, argument.constant),
    "utime": lambda argument, index: TimeField(False, argument.constant),
    "timef": lambda argument, index: TimeField(True, None, argument),
    "utimef": lambda argument, index: TimeField(False, None, argument),
    "env": lambda argument, index: Environment(argument, False),
    "envn": lambda argument, index: Environment(argument, True),
    "def": lambda argument, index: Definition(argument, False),
    "defn": lambda argument, index: Definition(argument, True),
    "K": lambda argument, index: constant(argument),
    "version": lambda argument, index: version(argument),
    "jsonrpl": lambda argument, index: RpcReply(argument.constant),
    "_s": lambda argument, index: Text(argument),
}
