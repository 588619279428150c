"""KSR.hdr: header lines (kemi-python.md §3.3). Edits show in get() only after textopsx.msg_apply_changes()."""
import logging

from uacfast.leaves.sip_scan cimport sip_header
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport (
    append_lines, find_header, insert_at, message_of, octets_of, prepend_lines, remove_lines, str_of, whole_lines,
)
from uacfast.routing.ksr.comparison cimport compare
from uacfast.sip.message cimport SipMessage

logger = logging.getLogger("uacfast.script")


cdef class HdrModule(KsrModule):

    cdef int add(self, str text, str beside, bint after) except -2:
        """Insert lines before or after the first header of a name, at the start or end where there is none."""
        cdef SipMessage message = message_of(self)
        cdef bytes lines = whole_lines(text)
        cdef const sip_header *header
        cdef int index
        if lines is None:
            # Kamailio would send it and answers 1.
            logger.error("a script's header line is not added: expected `Name: value\\r\\n`, not %r", text)
            return 1
        index = -1 if beside is None else find_header(message, octets_of(beside), 0)
        if index < 0:
            return 1 if (append_lines(message, lines) if after else prepend_lines(message, lines)) else -1
        header = &message.index.headers[index]
        return 1 if insert_at(message, message.offset(header.line.at) + (header.line.length if after else 0),
                              lines) else -1

    def append(self, str htext not None):
        """Add whole lines, CRLF included, after the last header. 1; -1: no room."""
        return self.add(htext, None, True)

    def append_after(self, str htext not None, str hname not None):
        """The same after the first header of that name, at the end where there is none."""
        return self.add(htext, hname, True)

    def insert(self, str htext not None):
        """Add whole lines before the first header. 1; -1: no room."""
        return self.add(htext, None, False)

    def insert_before(self, str htext not None, str hname not None):
        """The same before the first header of that name, at the start where there is none."""
        return self.add(htext, hname, False)

    def remove(self, str hname not None):
        """Take all headers of that name out. 1, also when there was none; -1: no room."""
        return 1 if remove_lines(message_of(self), octets_of(hname)) >= 0 else -1

    def rmappend(self, str hrm not None, str hadd not None):
        """remove() and append()."""
        return -1 if self.remove(hrm) < 0 else self.append(hadd)

    def rminsert(self, str hrm not None, str hadd not None):
        """remove() and insert()."""
        return -1 if self.remove(hrm) < 0 else self.insert(hadd)

    def is_present(self, str hname not None):
        """1: there is such a header; -1: there is none."""
        return 1 if find_header(message_of(self), octets_of(hname), 0) >= 0 else -1

    def append_to_reply(self, str htext not None):
        """Whole lines for our own replies to this request."""
        cdef bytes lines = whole_lines(htext)
        if lines is None:
            logger.error("a script's header line is not added: expected `Name: value\\r\\n`, not %r", htext)
            return 1
        notes = self.runtime.context.state.notes
        notes["reply_lines"] = notes.get("reply_lines", b"") + lines
        return 1

    cdef object value(self, str hname, long index, object absent):
        """The value of the index-th header of that name, from the end when negative."""
        cdef SipMessage message = message_of(self)
        cdef bytes name = octets_of(hname)
        cdef list found = []
        cdef int i = find_header(message, name, 0)
        while i >= 0:
            if index == 0:
                return str_of(message.index.headers[i].value)
            found.append(i)
            i = find_header(message, name, i + 1)
        if index < 0:
            index += len(found)
        if not 0 <= index < len(found):
            return absent
        i = found[index]
        return str_of(message.index.headers[i].value)

    def get(self, str hname not None):
        """The value of the first header of that name, None without."""
        return self.value(hname, 0, None)

    def gete(self, str hname not None):
        """The same, "" without."""
        return self.value(hname, 0, "")

    def getw(self, str hname not None):
        """The same, "<null>" without."""
        return self.value(hname, 0, "<null>")

    def get_idx(self, str hname not None, int idx):
        """The value of the header number `idx` of that name, from the end when negative; None without."""
        return self.value(hname, idx, None)

    def gete_idx(self, str hname not None, int idx):
        return self.value(hname, idx, "")

    def getw_idx(self, str hname not None, int idx):
        return self.value(hname, idx, "<null>")

    def match_content(self, str hname not None, str op not None, str mval not None, str hi not None):
        """Whether a value compares so with `mval`: eq, ne, sw, in or re; `hi`: "f" the first header of that name, "l"
        the
        last, "a" any of them. A real bool."""
        cdef SipMessage message = message_of(self)
        cdef bytes name = octets_of(hname)
        cdef list values = []
        cdef int i = find_header(message, name, 0)
        while i >= 0:
            values.append(str_of(message.index.headers[i].value))
            i = find_header(message, name, i + 1)
        if hi[:1] in ("f", "F"):
            values = values[:1]
        elif hi[:1] in ("l", "L"):
            values = [values.pop()] if values else values
        for value in values:
            if compare(value, op, mval):
                return True
        return False
