# cython: boundscheck=True, wraparound=True
"""/expression/replacement/flags, as sed has it: {re.subst,…}, and the same for other users of such expressions.

The replacement may hold \\0 to \\9 for the match and its groups, and variables. Flags: g all matches, i without regard
to case, s lets ^ and $ match at the text's ends alone.
"""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.posix_regex cimport REGEX_GROUPS, regmatch_t
from uacfast.routing.pv.variable cimport TextTemplate, encoded
from uacfast.sip.message cimport text_of

cdef enum:
    GROWTH_MAX = 262144          # octets that a result may have
    EXPRESSION_MAX = 1024        # characters

cdef dict ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t"}


cdef class Substitution:

    def __init__(self, str source not None, compile_text):
        """`compile_text`: makes a TextTemplate of a text. ValueError, a sentence, when `source` is none."""
        cdef str delimiter = source[:1]
        cdef list parts = split(source[1:], delimiter) if delimiter else []
        if len(parts) != 3 or not parts[0] or len(source) > EXPRESSION_MAX:
            raise ValueError(f"{source!r} is no substitution; write it as /expression/replacement/flags.")
        expression, replacement, flags = parts
        if set(flags) - set("gis"):
            raise ValueError(f"{source!r}: there are the flags g, i and s, not {flags!r}.")
        self.source = source
        # The delimiter needs a backslash in the source, but not in the expression.
        self.expression = PosixRegex(expression.replace("\\" + delimiter, delimiter), "i" in flags, "s" not in flags)
        self.everywhere = "g" in flags
        self.pieces = []
        literal = ""
        at = 0
        while at < len(replacement):
            if replacement[at] == "\\" and at + 1 < len(replacement):
                at += 1
                if replacement[at].isascii() and replacement[at].isdigit():
                    self.add(literal, compile_text)
                    literal = ""
                    self.pieces.append(int(replacement[at]))
                elif replacement[at] in ESCAPES:
                    self.add(literal, compile_text)
                    literal = ""
                    self.pieces.append(ESCAPES[replacement[at]])
                else:
                    literal += replacement[at]
            else:
                literal += replacement[at]
            at += 1
        self.add(literal, compile_text)

    def add(self, str text, compile_text):
        cdef TextTemplate template
        if text:
            template = compile_text(text)
            self.pieces.append(encoded(template.constant) if template.constant is not None else template)

    cdef object substituted(self, MessageContext context, bytes value):
        """The octets with their matches replaced; None of an empty text and when the result is too long."""
        cdef regmatch_t groups[REGEX_GROUPS]
        cdef sip_text text = text_of(<const char *>value, <uint32_t>len(value))
        cdef size_t at = 0, written = 0
        cdef list out = []
        cdef Py_ssize_t grown = 0
        if not value:
            return None
        while at <= text.length and self.expression.search(text, at, groups):
            new = self.replacement(context, value, groups)
            out.append(value[written:groups[0].rm_so])
            out.append(new)
            grown += len(new)
            if grown > GROWTH_MAX:
                return None
            written = groups[0].rm_eo
            # An empty match moves on by one octet.
            at = written if groups[0].rm_eo > groups[0].rm_so else written + 1
            if not self.everywhere:
                break
        if not out:
            return value
        out.append(value[written:])
        return b"".join(out)

    cdef bytes replacement(self, MessageContext context, bytes value, const void *matched):
        cdef const regmatch_t *groups = <const regmatch_t *>matched
        cdef list out = []
        cdef int number
        for piece in self.pieces:
            if isinstance(piece, int):
                number = piece
                if groups[number].rm_so >= 0:
                    out.append(value[groups[number].rm_so:groups[number].rm_eo])
            elif isinstance(piece, TextTemplate):
                out.append(encoded((<TextTemplate>piece).evaluate(context)))
            else:
                out.append(piece)
        return b"".join(out)

    def apply(self, MessageContext context not None, str text not None):
        """substituted() for callers in Python: str, or None."""
        result = self.substituted(context, encoded(text))
        return None if result is None else (<bytes>result).decode("utf-8", "surrogateescape")


cdef list split(str text, str delimiter):
    """At the delimiters that have no backslash before them; what stands behind the second is flags."""
    cdef list parts = []
    cdef Py_ssize_t at = 0, begin = 0
    while at < len(text) and len(parts) < 2:
        if text[at] == "\\":
            at += 1
        elif text[at] == delimiter:
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    parts.append(text[begin:])
    return parts
