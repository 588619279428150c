"""KSR.textops: header lines, bodies and texts searched and changed (kemi-python.md §3.10).

Searching uses the routes' automata (linear in the text); substitution needs groups and uses Python's re. What is
searched is
the message as received; what is changed shows after textopsx.msg_apply_changes().
"""
import functools
import logging
import re

from uacfast.leaves.sip_scan cimport SIP_HEADER_CONTENT_TYPE, sip_first_header, sip_header
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport (
    append_lines, current_body, find_header, insert_at, is_line_value, message_of, octets_of, prepend_lines,
    remove_lines, replace_text, request_of, set_body, set_request_uri, str_of, whole_lines,
)
from uacfast.routing.ksr.comparison cimport expression
from uacfast.sip.message cimport SipMessage, bytes_of, text_of

from libc.stdint cimport uint32_t

logger = logging.getLogger("uacfast.script")


@functools.lru_cache(maxsize=256)
def substitution(text):
    """(pattern, replacement, count) of `/expression/replacement/flags`; None, with a log line, when it is broken."""
    parts = re.split(r"(?<!\\)" + re.escape(text[:1]), text[1:]) if text else []
    if len(parts) != 3 or parts[2].strip("gis"):
        logger.error("a script's substitution %r cannot be used: expected /expression/replacement/flags", text)
        return None
    flags = (re.IGNORECASE if "i" in parts[2] else 0) | (re.DOTALL if "s" in parts[2] else 0)
    expression_text, replacement = (part.replace("\\" + text[0], text[0]) for part in parts[:2])
    try:
        pattern = re.compile(expression_text.encode("utf-8", "surrogateescape"), flags | re.MULTILINE)
        # \0 is the whole match, \1 … \9 are groups, as in Kamailio.
        template = re.sub(rb"\\0", rb"\\g<0>", replacement.encode("utf-8", "surrogateescape"))
        pattern.sub(template, b"")
        re._parser.parse_template(template, pattern)
    except (re.error, OverflowError, RecursionError, IndexError) as error:
        logger.error("a script's substitution %r cannot be used: %s", text, error)
        return None
    return pattern, template, 0 if "g" in parts[2] else 1


@functools.lru_cache(maxsize=256)
def plain_expression(text):
    """A compiled expression over octets; None, with a log line, when it is broken."""
    try:
        return re.compile(text.encode("utf-8", "surrogateescape"), re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        logger.error("a script's regular expression %r cannot be used: %s", text, error)
        return None


cdef bytes whole(SipMessage message):
    return message.index.data[:message.index.length]


cdef class TextopsModule(KsrModule):
    """All answer 1 for yes or done and -1 for no, where nothing else is said."""

    # --- header lines --------------------------------------------------------------------------------------------

    def remove_hf(self, str hname not None):
        """Take all headers of that name out; -1: there was none."""
        return 1 if remove_lines(message_of(self), octets_of(hname)) > 0 else -1

    cdef int remove_by(self, bint wanted, str re_text) except -2:
        cdef SipMessage message = message_of(self)
        cdef int i
        cdef int count = 0
        search = expression(re_text)
        if search is None:
            return -1
        for i in range(message.index.header_count):
            if bool(search(bytes_of(message.index.headers[i].name))) == wanted:
                if not message.replace(message.index.headers[i].line, text_of(b"", 0)):
                    return -1
                count += 1
        return 1 if count else -1

    def remove_hf_re(self, str re_text not None):
        """Take the headers out whose name the expression finds; -1: there was none."""
        return self.remove_by(True, re_text)

    def remove_hf_exp(self, str match_re not None, str skip_re not None):
        """Take the headers out whose name `match_re` finds and `skip_re` does not."""
        cdef SipMessage message = message_of(self)
        cdef bytes name
        cdef int i
        cdef int count = 0
        matches, skips = expression(match_re), expression(skip_re)
        if matches is None or skips is None:
            return -1
        for i in range(message.index.header_count):
            name = bytes_of(message.index.headers[i].name)
            if matches(name) and not skips(name):
                if not message.replace(message.index.headers[i].line, text_of(b"", 0)):
                    return -1
                count += 1
        return 1 if count else -1

    def is_present_hf(self, str hname not None):
        return 1 if find_header(message_of(self), octets_of(hname), 0) >= 0 else -1

    def is_present_hf_re(self, str ematch not None):
        """1: the expression finds some header's name."""
        cdef SipMessage message = message_of(self)
        cdef int i
        search = expression(ematch)
        if search is None:
            return -1
        for i in range(message.index.header_count):
            if search(bytes_of(message.index.headers[i].name)):
                return 1
        return -1

    cdef int add(self, str text, str beside, bint after) except -2:
        cdef SipMessage message = message_of(self)
        cdef bytes lines = whole_lines(text)
        cdef const sip_header *header
        cdef int index = -1 if beside is None else find_header(message, octets_of(beside), 0)
        if lines is None:
            logger.error("a script's header line is not added: expected `Name: value\\r\\n`, not %r", text)
            return -1
        if index < 0:
            return 1 if (append_lines(message, lines) if after else prepend_lines(message, lines)) else -1
        header = &message.index.headers[index]
        return 1 if insert_at(message, message.offset(header.line.at) + (header.line.length if after else 0),
                              lines) else -1

    def append_hf(self, str htxt not None):
        """Add whole header lines at the end."""
        return self.add(htxt, None, True)

    def append_hf_after(self, str htxt not None, str hname not None):
        return self.add(htxt, hname, True)

    def insert_hf(self, str htxt not None):
        """Add whole header lines at the start."""
        return self.add(htxt, None, False)

    def insert_hf_before(self, str htxt not None, str hname not None):
        return self.add(htxt, hname, False)

    def append_to_reply(self, str htxt not None):
        """Whole header lines for our own replies to this request."""
        cdef bytes lines = whole_lines(htxt)
        if lines is None:
            logger.error("a script's header line is not added: expected `Name: value\\r\\n`, not %r", htxt)
            return -1
        notes = self.runtime.context.state.notes
        notes["reply_lines"] = notes.get("reply_lines", b"") + lines
        return 1

    # --- searching -----------------------------------------------------------------------------------------------

    cdef int found_in(self, str pattern, bytes text) except -2:
        search = expression(pattern)
        return 1 if search is not None and search(text) else -1

    def search(self, str sre not None):
        """1: the expression is found somewhere in the message."""
        return self.found_in(sre, whole(message_of(self)))

    def search_body(self, str sre not None):
        """1: the expression is found in the body."""
        return self.found_in(sre, bytes_of(message_of(self).index.body))

    def search_hf(self, str hname not None, str sre not None, str flags not None):
        """1: the expression is found in a value of that name; flags: "a" any, "f" the first, "l" the last."""
        cdef SipMessage message = message_of(self)
        cdef bytes name = octets_of(hname)
        cdef list values = []
        cdef int i = find_header(message, name, 0)
        while i >= 0:
            values.append(bytes_of(message.index.headers[i].value))
            i = find_header(message, name, i + 1)
        if flags[:1] in ("f", "F"):
            values = values[:1]
        elif flags[:1] in ("l", "L"):
            values = [values.pop()] if values else values
        for value in values:
            if self.found_in(sre, value) > 0:
                return 1
        return -1

    # --- substituting --------------------------------------------------------------------------------------------

    cdef int replace_matches(self, object pattern, bytes template, int limit, bint verbatim) except -2:
        """In header lines and body; a match that crosses from one into the other stays."""
        cdef SipMessage message = message_of(self)
        cdef bytes octets = whole(message)
        cdef bytes text
        cdef int count = 0
        cdef uint32_t body_start = message.index.headers_end
        body_changed = False
        for found in pattern.finditer(octets):
            if limit and count == limit:
                break
            start, end = found.span()
            if end > body_start or start == end:
                body_changed = body_changed or start > body_start
                continue
            text = template if verbatim else found.expand(template)
            if not replace_text(message, text_of(message.index.data + <uint32_t>start, <uint32_t>(end - start)), text):
                return -1
            count += 1
        if body_changed and not (limit and count == limit):
            body = current_body(message)
            new, more = pattern.subn((lambda found: template) if verbatim else template, body,
                                     limit - count if limit else 0)
            if more and not set_body(message, new, None):
                return -1
            count += more
        return 1 if count else -1

    def subst(self, str subex not None):
        """`/expression/replacement/flags` over the whole message; -1: nothing matched."""
        made = substitution(subex)
        return -1 if made is None else self.replace_matches(made[0], made[1], made[2], False)

    def subst_body(self, str subex not None):
        """The same over the body."""
        cdef SipMessage message = message_of(self)
        made = substitution(subex)
        if made is None:
            return -1
        new, count = made[0].subn(made[1], current_body(message), made[2])
        return 1 if count and set_body(message, new, None) else -1

    def subst_hf(self, str hname not None, str subex not None, str flags not None):
        """The same over values of that name; flags: "a" all, "f" the first, "l" the last."""
        cdef SipMessage message = message_of(self)
        cdef bytes name = octets_of(hname)
        cdef list found = []
        cdef int i = find_header(message, name, 0)
        made = substitution(subex)
        if made is None:
            return -1
        while i >= 0:
            found.append(i)
            i = find_header(message, name, i + 1)
        if flags[:1] in ("f", "F"):
            found = found[:1]
        elif flags[:1] in ("l", "L"):
            found = [found.pop()] if found else found
        changed = -1
        for index in found:
            i = index
            new, count = made[0].subn(made[1], bytes_of(message.index.headers[i].value), made[2])
            if count:
                if not is_line_value(new) or not replace_text(message, message.index.headers[i].value, new):
                    return -1
                changed = 1
        return changed

    def subst_uri(self, str subex not None):
        """The same over the Request-URI."""
        cdef SipMessage request = request_of(self)
        made = substitution(subex)
        if request is None or made is None:
            return -1
        new, count = made[0].subn(made[1], bytes_of(request.request_uri), made[2])
        return 1 if count and set_request_uri(request, new) else -1

    def subst_user(self, str subex not None):
        """The same over the user part of the Request-URI."""
        cdef SipMessage request = request_of(self)
        cdef sip_uri uri
        made = substitution(subex)
        if request is None or made is None or sip_uri_parse(request.request_uri, &uri) != 0 or uri.user.at == NULL:
            return -1
        new, count = made[0].subn(made[1], bytes_of(uri.user), made[2])
        if not count:
            return -1
        text = bytes_of(request.request_uri)
        start = uri.user.at - request.request_uri.at
        return 1 if set_request_uri(request, text[:start] + new + text[start + uri.user.length:]) else -1

    def replace(self, str sre not None, str stxt not None):
        """Put `stxt` in place of the first match in the message; -1: nothing matched."""
        pattern = plain_expression(sre)
        return -1 if pattern is None else self.replace_matches(pattern, octets_of(stxt), 1, True)

    def replace_all(self, str sre not None, str stxt not None):
        """The same for every match."""
        pattern = plain_expression(sre)
        return -1 if pattern is None else self.replace_matches(pattern, octets_of(stxt), 0, True)

    cdef int replace_in_body(self, object pattern, bytes text, int limit) except -2:
        cdef SipMessage message = message_of(self)
        if pattern is None:
            return -1
        new, count = pattern.subn(lambda found: text, current_body(message), limit)
        return 1 if count and set_body(message, new, None) else -1

    def replace_body(self, str sre not None, str stxt not None):
        """The same for the first match in the body."""
        return self.replace_in_body(plain_expression(sre), octets_of(stxt), 1)

    def replace_body_all(self, str sre not None, str stxt not None):
        """The same for every match in the body."""
        return self.replace_in_body(plain_expression(sre), octets_of(stxt), 0)

    def replace_str(self, str match not None, str repl not None, str mode not None):
        """Put `repl` in place of `match`, taken as it is; mode: "a" all, "f" the first, with "i" without regard to
        case."""
        pattern = re.compile(re.escape(octets_of(match)), re.IGNORECASE if "i" in mode else 0)
        return self.replace_matches(pattern, octets_of(repl), 0 if "a" in mode else 1, True)

    def replace_body_str(self, str match not None, str repl not None, str mode not None):
        """The same in the body."""
        pattern = re.compile(re.escape(octets_of(match)), re.IGNORECASE if "i" in mode else 0)
        return self.replace_in_body(pattern, octets_of(repl), 0 if "a" in mode else 1)

    # --- bodies --------------------------------------------------------------------------------------------------

    def has_body(self):
        return 1 if message_of(self).index.body.length else -1

    def has_body_type(self, str ctype not None):
        """1: there is a body of this type."""
        cdef SipMessage message = message_of(self)
        cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_CONTENT_TYPE)
        if message.index.body.length == 0 or header == NULL:
            return -1
        return 1 if str_of(header.value).partition(";")[0].strip().lower() == ctype.strip().lower() else -1

    def set_body(self, str nb not None, str ct not None):
        """A new body with its type and length."""
        cdef bytes kind = octets_of(ct)
        if not nb or not kind or not is_line_value(kind):
            return -1
        return 1 if set_body(message_of(self), octets_of(nb), kind) else -1

    def is_audio_on_hold(self):
        """1: the session description holds the audio (a=sendonly, a=inactive, or c=IN IP4 0.0.0.0)."""
        cdef SipMessage message = message_of(self)
        body = bytes_of(message.index.body)
        return 1 if re.search(rb"(?m)^(?:a=(?:sendonly|inactive)\r?$|c=IN IP4 0\.0\.0\.0)", body) else -1

    # --- texts ---------------------------------------------------------------------------------------------------

    def in_list(self, str subject not None, str vlist not None, str vsep not None):
        """1: `subject` is an item of the list; blanks round items do not count."""
        if len(vsep) != 1:
            return -1
        return 1 if subject in [item.strip(" \t") for item in vlist.split(vsep)] else -1

    def in_list_prefix(self, str subject not None, str vlist not None, str vsep not None):
        """1: `subject` begins with an item of the list."""
        if len(vsep) != 1:
            return -1
        return 1 if any(item and subject.startswith(item)
                        for item in (each.strip(" \t") for each in vlist.split(vsep))) else -1

    def cmp_str(self, str s1 not None, str s2 not None):
        return 1 if s1 == s2 else -1

    def cmp_istr(self, str s1 not None, str s2 not None):
        """The same without regard to case."""
        return 1 if s1.lower() == s2.lower() else -1

    def starts_with(self, str s1 not None, str s2 not None):
        return 1 if s2 and s1.startswith(s2) else -1

    def ends_with(self, str s1 not None, str s2 not None):
        return 1 if s2 and s1.endswith(s2) else -1

    def is_privacy(self, str privacy not None):
        """1: Privacy lists this value (RFC 3323)."""
        cdef SipMessage message = message_of(self)
        cdef int i = find_header(message, b"Privacy", 0)
        if i < 0:
            return -1
        return 1 if privacy.lower() in [value.strip().lower() for value
                                        in str_of(message.index.headers[i].value).split(";")] else -1
