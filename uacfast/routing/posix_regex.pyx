"""Extended regular expressions of POSIX, by the C library: what Kamailio's functions take, leftmost and longest.

They match octets: `.` is any octet, whatever the locale of the process.
"""
cdef extern from "<locale.h>" nogil:
    ctypedef void *locale_t
    int LC_ALL_MASK
    locale_t newlocale(int mask, const char *name, locale_t base)
    locale_t uselocale(locale_t locale)


cdef extern from "<regex.h>" nogil:
    int REG_EXTENDED, REG_ICASE, REG_NEWLINE, REG_STARTEND, REG_NOTBOL
    int regcomp(regex_t *compiled, const char *source, int flags)
    int regexec(const regex_t *compiled, const char *text, size_t count, regmatch_t *matches, int flags)
    size_t regerror(int code, const regex_t *compiled, char *text, size_t size)
    void regfree(regex_t *compiled)


# The library keeps with an expression how many octets a character has, as the locale says while it is compiled.
cdef locale_t octets_locale = newlocale(LC_ALL_MASK, b"C", NULL)


cdef class PosixRegex:

    def __init__(self, str source not None, bint ignore_case=False, bint newline=False):
        """ValueError, a sentence, when `source` is no expression. `newline`: ^ and $ match at every line too."""
        cdef bytes octets = source.encode("utf-8", "surrogateescape")
        cdef char problem[160]
        cdef locale_t before
        cdef int code
        if self.is_compiled:
            raise TypeError("A PosixRegex is compiled once.")
        if b"\0" in octets:
            raise ValueError(f"{source!r} holds a zero octet, which no regular expression can.")
        before = uselocale(octets_locale)
        code = regcomp(&self.compiled, octets, REG_EXTENDED | (REG_ICASE if ignore_case else 0)
                       | (REG_NEWLINE if newline else 0))
        uselocale(before)
        if code != 0:
            regerror(code, NULL, problem, sizeof(problem))
            raise ValueError(f"{source!r} is no regular expression: {problem.decode('ascii', 'replace')}.")
        self.is_compiled = True
        self.source = source

    def __dealloc__(self):
        if self.is_compiled:
            regfree(&self.compiled)

    cdef bint search(self, sip_text text, size_t start, regmatch_t *groups) noexcept:
        """The first match at `start` or behind it; fills groups[REGEX_GROUPS], -1 where a group took no part."""
        if not self.is_compiled:
            return False
        groups[0].rm_so = <int>start
        groups[0].rm_eo = <int>text.length
        return regexec(&self.compiled, text.at, REGEX_GROUPS, groups,
                       REG_STARTEND | (REG_NOTBOL if start else 0)) == 0

    cdef bint matches(self, sip_text text) noexcept:
        """Whether it is found anywhere in the text."""
        cdef regmatch_t groups[REGEX_GROUPS]
        return self.search(text, 0, groups)

    def found_in(self, bytes text not None):
        """matches() for callers in Python."""
        cdef sip_text view
        view.at = text
        view.length = <unsigned int>len(text)
        return bool(self.matches(view))

    def __repr__(self):
        return f"PosixRegex({self.source!r})"
