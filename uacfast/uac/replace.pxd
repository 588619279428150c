"""From/To replacement and restoration (Kamailio's uac_replace_from, uac_replace_to, uac_restore_*)."""
from libc.stdint cimport uint64_t

from uacfast.leaves.sip_header cimport sip_address
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash_key
from uacfast.leaves.text_writer cimport text_writer
from uacfast.proxy.counters cimport Counters
from uacfast.proxy.dialog_states cimport DialogTracker
from uacfast.proxy.hooks cimport RouteListener
from uacfast.sip.message cimport NameReplacement, SipMessage

cdef enum RestoreMode:
    RESTORE_NONE
    RESTORE_MANUAL
    RESTORE_AUTO

cdef enum ReplacedHeader:
    REPLACE_FROM
    REPLACE_TO

cdef enum:
    SEAL_KEYS_MAX = 8


cdef class Replacer(RouteListener):
    cdef RestoreMode mode
    cdef bytes from_parameter, to_parameter, from_display_parameter, to_display_parameter, password
    cdef bint restore_display, restore_dlg
    cdef DialogTracker dialogs       # None: the values are never kept in a dialog
    cdef int seal_count
    cdef siphash_key seals[SEAL_KEYS_MAX]
    cdef Counters counters

    cdef bint replace(self, SipMessage request, ReplacedHeader which, bint has_display, sip_text display,
                      sip_text uri) noexcept
    cdef bint restore(self, SipMessage request, ReplacedHeader which) noexcept
    cdef bint compose_parameters(self, SipMessage request) noexcept
    cdef bint put_parameter(self, SipMessage request, ReplacedHeader which, text_writer *out) noexcept
    cdef bint put_difference(self, bytes name, sip_text original, sip_text replacement, text_writer *out) noexcept
    cdef void put_seal(self, SipMessage request, sip_text parameters, text_writer *out) noexcept
    cdef bint seal_is_good(self, SipMessage message, sip_text parameters) noexcept
    cdef uint64_t seal_of(self, int key, SipMessage message, sip_text from_tag, sip_text parameters) noexcept
    cdef bint apply(self, SipMessage message, ReplacedHeader which, sip_text parameters, bint upstream,
                    bint restore_replies) noexcept
    cdef bint keep_values(self, SipMessage request, ReplacedHeader which) noexcept
    cdef bint apply_both(self, SipMessage message, sip_text parameters, bint upstream, bint restore_replies) noexcept
    cdef bint apply_stored(self, SipMessage message, ReplacedHeader which, bint upstream, bint restore_replies) noexcept
    cdef void restore_reply(self, SipMessage message, bint is_from) noexcept
    cdef sip_text new_display(self, SipMessage message, sip_text value) noexcept
