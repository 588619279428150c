"""From/To replacement and restoration (Kamailio's uac_replace_from, uac_replace_to, uac_restore_*).

With `restore_dlg` and a tracked dialog the values are the dialog's variables (stored.pyx). Else the
difference of the original and the new URI travels in a parameter of our Record-Route value, in Kamailio's format
(uac-semantics §1), so that in-dialog requests can be translated both ways without any state. Beyond Kamailio: replacing
may be repeated on one message; the new display name travels too (`<parameter>d`, the same code over "=" and the display
name; the original one never leaves), so that in-dialog requests do not show the old one; a seal detects parameters that were changed on their way (`vsc`); what does not decode to a URI leaves the
header field as it is.
"""
import hashlib

from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy

from uacfast.leaves.rr_param cimport RR_PARAM_URI_MAX, RR_PARAM_VALUE_MAX, rr_param_decode, rr_param_encode
from uacfast.leaves.sip_text cimport sip_text_equal
from uacfast.leaves.sip_uri cimport sip_parameter_find, sip_parameter_find_exact, sip_uri, sip_uri_parse
from uacfast.leaves.siphash cimport siphash_add, siphash_end, siphash_start, siphash_state
from uacfast.leaves.text_writer cimport (
    text_put, text_put_hex, text_put_string, text_put_text, text_writer_length, text_writer_start,
)
from uacfast.proxy.counters cimport COUNT_RESTORED_REQUESTS, COUNT_RESTORE_FAILED, COUNT_SEAL_BROKEN
from uacfast.proxy.route_set cimport names_tag, tag_parameter
from uacfast.sip.message cimport literal, no_text, text_of
from uacfast.sip.name_addr cimport has_line_end, write_name
from uacfast.uac.stored cimport StoredName, read_stored, store_names, stored_headers

cdef enum:
    DISPLAY_MAX = 512            # octets of a display name that is carried in Record-Route
    SEAL_LENGTH = 16             # hex digits

cdef const char *SEAL_PARAMETER = b"vsc"
cdef dict MODES = {"none": RESTORE_NONE, "manual": RESTORE_MANUAL, "auto": RESTORE_AUTO}


cdef class Replacer(RouteListener):

    def __init__(self, Counters counters, *, str restore_mode="auto", str rr_from_store_param="vsf",
                 str rr_to_store_param="vst", str restore_passwd="", bint restore_display=True, restore_seal=(),
                 bint restore_dlg=False, DialogTracker dialogs=None):
        """The module's parameters by their names; `restore_seal`: keys, the first signs, all verify. `dialogs`: those
        that restore_dlg keeps the values in."""
        cdef bytes digest
        cdef const char *octets
        self.counters = counters
        self.mode = MODES[restore_mode.lower() or "auto"]
        self.from_parameter = rr_from_store_param.encode()
        self.to_parameter = rr_to_store_param.encode()
        self.from_display_parameter = self.from_parameter + b"d"
        self.to_display_parameter = self.to_parameter + b"d"
        self.password = restore_passwd.encode()
        self.restore_display = restore_display
        self.restore_dlg = restore_dlg
        self.dialogs = dialogs
        self.seal_count = 0
        if len(restore_seal) > SEAL_KEYS_MAX:
            raise ValueError(f"At most {SEAL_KEYS_MAX} keys can be given in restore_seal.")
        for key in restore_seal:
            digest = hashlib.sha256(key.encode()).digest()[:16]
            octets = digest
            memcpy(&self.seals[self.seal_count], octets, 16)
            self.seal_count += 1

    # --- replacing -----------------------------------------------------------------------------------------------

    cdef bint replace(self, SipMessage request, ReplacedHeader which, bint has_display, sip_text display,
                      sip_text uri) noexcept:
        """uac_replace_from/uac_replace_to: an empty `display` removes it, an empty `uri` leaves the URI as it is.

        May be called again on the same request: what is given wins over earlier calls. False, and nothing changed, when
        the request is in-dialog (mode auto) or the URI is too long to be restored later (uac-semantics §1.3, §1.10).
        """
        cdef sip_address *address = &request.from_ if which == REPLACE_FROM else &request.to
        cdef NameReplacement *new = &request.new_from if which == REPLACE_FROM else &request.new_to
        cdef NameReplacement *other = &request.new_to if which == REPLACE_FROM else &request.new_from
        cdef NameReplacement before = new[0]
        cdef sip_text parameters_before = request.record_route_parameters
        if has_line_end(display) or has_line_end(uri):
            return False
        if uri.length:
            if request.to.tag.at != NULL and self.mode == RESTORE_AUTO:
                return False
            if self.mode != RESTORE_NONE and (uri.length > RR_PARAM_URI_MAX or address.uri.length > RR_PARAM_URI_MAX):
                return False
            new.has_uri = True
            new.uri = uri
        if has_display:
            new.has_display = True
            new.display = display
        if new.has_uri and not other.has_uri and not before.has_uri:
            request.to_before_from = which == REPLACE_TO
        if not self.keep_values(request, which) or not write_name(request, address, new):
            new[0] = before
            request.record_route_parameters = parameters_before
            return False
        if new.has_uri and self.mode != RESTORE_NONE:
            if which == REPLACE_FROM:
                request.upstream_from = address.name_addr
            else:
                request.upstream_to = address.name_addr
        return True

    cdef bint keep_values(self, SipMessage request, ReplacedHeader which) noexcept:
        """Keep what restoring needs: in the dialog's variables (uac-semantics §1.14), else in our Record-Route value."""
        if self.restore_dlg and request.dialog and self.mode == RESTORE_AUTO and self.dialogs is not None:
            return store_names(self.dialogs, request, which == REPLACE_FROM, self.restore_display)
        return self.compose_parameters(request)

    cdef bint compose_parameters(self, SipMessage request) noexcept:
        """Write what the Record-Route value carries for the rest of the dialog."""
        cdef text_writer out
        cdef char *space
        cdef uint32_t capacity
        if self.mode == RESTORE_NONE or not (request.new_from.has_uri or request.new_to.has_uri):
            return True
        capacity = 64 + longer(request.from_.uri, request.new_from.uri) + longer(request.to.uri, request.new_to.uri)
        capacity += min(request.new_from.display.length, <uint32_t>DISPLAY_MAX)
        capacity += min(request.new_to.display.length, <uint32_t>DISPLAY_MAX)
        capacity = capacity * 4 // 3 + <uint32_t>(2 * len(self.from_parameter) + 2 * len(self.to_parameter)) + 64
        space = request.scratch_reserve(capacity)
        if space == NULL:
            return False
        text_writer_start(&out, space, capacity)
        if not (self.put_parameter(request, REPLACE_TO if request.to_before_from else REPLACE_FROM, &out)
                and self.put_parameter(request, REPLACE_FROM if request.to_before_from else REPLACE_TO, &out)):
            return False
        if self.seal_count:
            self.put_seal(request, text_of(space + 1, text_writer_length(&out) - 1), &out)      # without the first ";"
        request.record_route_parameters = text_of(space, text_writer_length(&out))
        return not out.overflow

    cdef bint put_parameter(self, SipMessage request, ReplacedHeader which, text_writer *out) noexcept:
        cdef sip_address *address = &request.from_ if which == REPLACE_FROM else &request.to
        cdef NameReplacement *new = &request.new_from if which == REPLACE_FROM else &request.new_to
        cdef char replacement[DISPLAY_MAX + 1]
        if not new.has_uri:
            return True
        if not self.put_difference(self.from_parameter if which == REPLACE_FROM else self.to_parameter,
                                   address.uri, new.uri, out):
            return False
        if (not new.has_display or not self.restore_display or new.display.length > DISPLAY_MAX
                or sip_text_equal(address.display, new.display)):
            return True
        return self.put_difference(
            self.from_display_parameter if which == REPLACE_FROM else self.to_display_parameter,
            literal(b"="), marked(replacement, new.display), out)

    cdef bint put_difference(self, bytes name, sip_text original, sip_text replacement, text_writer *out) noexcept:
        cdef char value[RR_PARAM_VALUE_MAX]
        cdef bytes password = self.password
        cdef int length = rr_param_encode(original, replacement,
                                          text_of(<const char *>password, <uint32_t>len(password)), value, sizeof(value))
        if length < 0:
            return False
        text_put(out, b";", 1)
        text_put(out, <const char *>name, len(name))
        text_put(out, b"=", 1)
        text_put(out, value, length)
        return True

    # --- sealing -------------------------------------------------------------------------------------------------

    cdef uint64_t seal_of(self, int key, SipMessage message, sip_text from_tag, sip_text parameters) noexcept:
        """Binds the stored values, in whatever order they stand, to this dialog: a Route from another one does not pass."""
        cdef siphash_state state
        cdef bytes name
        cdef sip_text value
        siphash_start(&state, &self.seals[key])
        siphash_add(&state, message.call_id.at, message.call_id.length)
        siphash_add(&state, b"\0", 1)
        siphash_add(&state, from_tag.at, from_tag.length)
        for name in (self.from_parameter, self.to_parameter, self.from_display_parameter, self.to_display_parameter):
            siphash_add(&state, b"\0", 1)
            if sip_parameter_find_exact(parameters, text_of(<const char *>name, <uint32_t>len(name)), &value):
                siphash_add(&state, b"=", 1)
                siphash_add(&state, value.at, value.length)
        return siphash_end(&state)

    cdef void put_seal(self, SipMessage request, sip_text parameters, text_writer *out) noexcept:
        cdef uint64_t seal = self.seal_of(0, request, tag_parameter(request), parameters)
        text_put(out, b";", 1)
        text_put_string(out, SEAL_PARAMETER)
        text_put(out, b"=", 1)
        text_put_hex(out, seal, SEAL_LENGTH)

    cdef bint seal_is_good(self, SipMessage message, sip_text parameters) noexcept:
        """Whether one of the keys made the seal over the stored values and the tag in ftag."""
        cdef sip_text tag, value
        cdef int key
        cdef uint64_t seal
        cdef char digits[SEAL_LENGTH]
        cdef text_writer out
        if not sip_parameter_find_exact(parameters, literal(SEAL_PARAMETER), &value) or value.length != SEAL_LENGTH:
            return False
        if not sip_parameter_find(parameters, b"ftag", &tag):
            tag = no_text()
        for key in range(self.seal_count):
            seal = self.seal_of(key, message, tag, parameters)
            text_writer_start(&out, digits, sizeof(digits))
            text_put_hex(&out, seal, SEAL_LENGTH)
            if memcmp(digits, value.at, SEAL_LENGTH) == 0:
                return True
        return False

    # --- restoring -----------------------------------------------------------------------------------------------

    cdef void loose_routed(self, SipMessage request) noexcept:
        """Restore an in-dialog request in mode auto (uac-semantics §1.5)."""
        if self.mode == RESTORE_AUTO and self.apply_both(request, request.route_parameters, request.upstream, True):
            self.counters.at[COUNT_RESTORED_REQUESTS] += 1

    cdef bint apply_both(self, SipMessage message, sip_text parameters, bint upstream, bint restore_replies) noexcept:
        """Restore what was replaced, from the dialog's variables or the Route value's parameters; whether any was."""
        cdef int stored = 0
        cdef int which
        cdef bint changed = False
        if message.dialog and self.dialogs is not None:
            stored = stored_headers(self.dialogs, message.dialog)
        for which in range(2):
            if stored >> which & 1:
                changed = self.apply_stored(message, <ReplacedHeader>which, upstream, restore_replies) or changed
            elif parameters.length:
                changed = self.apply(message, <ReplacedHeader>which, parameters, upstream, restore_replies) or changed
        return changed

    cdef bint apply_stored(self, SipMessage message, ReplacedHeader which, bint upstream, bint restore_replies) noexcept:
        """Let the header field that the direction names show what the dialog's variables say, whatever it says now."""
        cdef bint is_from = (which == REPLACE_FROM) != upstream
        cdef sip_address *address = &message.from_ if is_from else &message.to
        cdef NameReplacement *new = &message.new_from if is_from else &message.new_to
        cdef StoredName found
        cdef sip_uri uri
        if (not read_stored(self.dialogs, message, which == REPLACE_FROM, upstream == message.index.is_request, &found)
                or sip_uri_parse(found.uri, &uri) != 0 or has_line_end(found.uri) or has_line_end(found.display)):
            self.counters.at[COUNT_RESTORE_FAILED] += 1
            return False
        new.has_uri = True
        new.uri = found.uri
        new.has_display = found.has_display
        new.display = found.display
        if not write_name(message, address, new):
            new.has_uri = False
            return False
        if restore_replies:
            self.restore_reply(message, is_from)
        return True

    cdef void restore_reply(self, SipMessage message, bint is_from) noexcept:
        """Replies to this request show the header field as it came."""
        if is_from:
            message.upstream_from = message.from_.name_addr
        else:
            message.upstream_to = message.to.name_addr

    cdef void stray_response(self, SipMessage response, sip_text record_route_parameters) noexcept:
        """A response whose transaction is gone: its own Record-Route tells what From and To were (mode auto, manual)."""
        cdef sip_text tag = no_text()
        cdef bint upstream
        if self.mode == RESTORE_NONE:
            return
        upstream = (sip_parameter_find(record_route_parameters, b"ftag", &tag) and tag.length != 0
                    and response.from_.tag.at != NULL and not names_tag(tag, response.from_.tag))
        if self.dialogs is not None:
            self.dialogs.match_response(response, record_route_parameters, &upstream)
        self.apply_both(response, record_route_parameters, upstream, False)

    cdef bint restore(self, SipMessage request, ReplacedHeader which) noexcept:
        """uac_restore_from/uac_restore_to: one parameter, by hand; replies are not restored (uac-semantics §1.11)."""
        cdef NameReplacement *new
        if self.mode == RESTORE_NONE or request.route_parameters.length == 0:
            return False
        new = &request.new_from if (which == REPLACE_FROM) != request.upstream else &request.new_to
        if new.has_uri:
            return False
        return self.apply(request, which, request.route_parameters, request.upstream, False)

    cdef bint apply(self, SipMessage message, ReplacedHeader which, sip_text parameters, bint upstream,
                    bint restore_replies) noexcept:
        """Decode one parameter against the header field that its direction names, and edit that field."""
        cdef bytes name = self.from_parameter if which == REPLACE_FROM else self.to_parameter
        cdef bytes display_name = self.from_display_parameter if which == REPLACE_FROM else self.to_display_parameter
        cdef bytes password = self.password
        cdef bint is_from = (which == REPLACE_FROM) != upstream
        cdef sip_address *address = &message.from_ if is_from else &message.to
        cdef NameReplacement *new = &message.new_from if is_from else &message.new_to
        cdef sip_text value
        cdef sip_uri uri
        cdef char *space
        cdef int length
        if not sip_parameter_find_exact(parameters, text_of(<const char *>name, <uint32_t>len(name)), &value):
            return False
        if self.seal_count and not self.seal_is_good(message, parameters):
            self.counters.at[COUNT_SEAL_BROKEN] += 1
            return False
        value = unquoted(value)
        space = message.scratch_reserve(RR_PARAM_URI_MAX)
        if space == NULL:
            return False
        length = rr_param_decode(value, address.uri, text_of(<const char *>password, <uint32_t>len(password)), space,
                                 RR_PARAM_URI_MAX)
        if length <= 0 or sip_uri_parse(text_of(space, <uint32_t>length), &uri) != 0:
            self.counters.at[COUNT_RESTORE_FAILED] += 1
            return False
        new.has_uri = True
        new.uri = text_of(space, <uint32_t>length)
        if self.restore_display and sip_parameter_find_exact(
                parameters, text_of(<const char *>display_name, <uint32_t>len(display_name)), &value):
            new.has_display = True
            # The caller's side shows no name rather than the one that others were shown.
            new.display = literal(b"") if upstream == message.index.is_request else self.new_display(message, value)
        if not write_name(message, address, new):
            new.has_uri = False
            return False
        if restore_replies:
            self.restore_reply(message, is_from)
        return True

    cdef sip_text new_display(self, SipMessage message, sip_text value) noexcept:
        """The display name that the initial request got; empty when the parameter does not tell one."""
        cdef bytes password = self.password
        cdef char *space = message.scratch_reserve(DISPLAY_MAX + 1)
        cdef int length = -1
        if space != NULL:
            length = rr_param_decode(unquoted(value), literal(b"="),
                                     text_of(<const char *>password, <uint32_t>len(password)), space, DISPLAY_MAX + 1)
        if length < 1 or space[0] != c'=' or not is_display(text_of(space + 1, <uint32_t>(length - 1))):
            return literal(b"")
        return text_of(space + 1, <uint32_t>(length - 1))


cdef uint32_t longer(sip_text a, sip_text b) noexcept:
    return a.length if a.length > b.length else b.length


cdef sip_text marked(char *space, sip_text display) noexcept:
    """The display name behind "=", so that an absent one is not an empty text; space holds DISPLAY_MAX + 1."""
    space[0] = c'='
    if display.length:
        memcpy(space + 1, display.at, display.length)
    return text_of(space, display.length + 1)


cdef bint is_display(sip_text text) noexcept:
    """A closed quoted string or tokens: nothing that would change how the header field is read."""
    cdef uint32_t i = 0
    if text.length == 0:
        return True
    if text.at[0] == c'"':
        i = 1
        while i < text.length and text.at[i] != c'"':
            i += 2 if text.at[i] == c'\\' else 1
        return i == text.length - 1
    for i in range(text.length):
        if text.at[i] in (c'<', c'>', c'"', c',', c';', c':', c'@', c'(', c')', c'\\'):
            return False
    return True


cdef sip_text unquoted(sip_text value) noexcept:
    """Without the single or double quotes that a peer may have put round it (uac-semantics §1.6)."""
    if value.length >= 2 and value.at[0] in (c'"', c'\'') and value.at[value.length - 1] == value.at[0]:
        return text_of(value.at + 1, value.length - 2)
    return value
