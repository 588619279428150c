"""What restoring needs, kept in a dialog's variables (Kamailio's restore_dlg, uac-semantics §1.14).

The variables and their content are Kamailio's: `_uac_fu`, `_uac_funew`, `_uac_fdp`, `_uac_fdpnew` for From, `_uac_to`,
`_uac_tonew`, `_uac_tdp`, `_uac_tdpnew` for To. Beyond them the dialog remembers whether a display name was given at all:
with restore_display the callee goes on seeing the caller's own when none was, which Kamailio takes away from the ACK on.
"""
from uacfast.leaves.sip_header cimport sip_address
from uacfast.proxy.dialog_table cimport Dialog, KEEPS_FROM_DISPLAY, KEEPS_TO_DISPLAY, STORES_FROM, STORES_TO
from uacfast.sip.message cimport NameReplacement, literal, text_of

cdef enum StoredValue:
    ORIGINAL_URI
    NEW_URI
    ORIGINAL_DISPLAY
    NEW_DISPLAY
    STORED_VALUES

cdef const char *FROM_NAMES[STORED_VALUES]
FROM_NAMES[:] = [b"_uac_fu", b"_uac_funew", b"_uac_fdp", b"_uac_fdpnew"]
cdef const char *TO_NAMES[STORED_VALUES]
TO_NAMES[:] = [b"_uac_to", b"_uac_tonew", b"_uac_tdp", b"_uac_tdpnew"]


cdef inline sip_text name_of(bint of_from, StoredValue which) noexcept:
    return literal(FROM_NAMES[<int>which] if of_from else TO_NAMES[<int>which])


cdef sip_text present(sip_text text) noexcept:
    return text if text.at != NULL else text_of(b"", 0)


cdef bint store_names(DialogTracker dialogs, SipMessage request, bint of_from, bint restore_display) noexcept:
    """Keep what From or To was and what it is replaced by; the original of an earlier call stays. Nothing is kept of a
    display name that is replaced alone. False when the dialog is gone or its variables take too much."""
    cdef Dialog *dialog = dialogs.table.at(request.dialog)
    cdef sip_address *address = &request.from_ if of_from else &request.to
    cdef NameReplacement *new = &request.new_from if of_from else &request.new_to
    cdef int keeps = KEEPS_FROM_DISPLAY if of_from else KEEPS_TO_DISPLAY
    cdef sip_text display = present(address.display)
    if not new.has_uri:
        return True
    if dialog == NULL:
        return False
    if dialogs.table.variable(dialog, name_of(of_from, ORIGINAL_URI)).at == NULL:
        if (not dialogs.table.set_variable(dialog, name_of(of_from, ORIGINAL_URI), address.uri)
                or not dialogs.table.set_variable(dialog, name_of(of_from, NEW_URI), new.uri)
                or not dialogs.table.set_variable(dialog, name_of(of_from, ORIGINAL_DISPLAY), display)):
            return False
    elif not dialogs.table.set_variable(dialog, name_of(of_from, NEW_URI), new.uri):
        return False
    if not dialogs.table.set_variable(dialog, name_of(of_from, NEW_DISPLAY),
                                      present(new.display) if new.has_display else text_of(b"", 0)):
        return False
    dialog.flags = <unsigned char>(dialog.flags | (STORES_FROM if of_from else STORES_TO) | keeps)
    if new.has_display or not restore_display:
        dialog.flags = <unsigned char>(dialog.flags & ~keeps)
    return True


cdef int stored_headers(DialogTracker dialogs, uint64_t handle) noexcept:
    """1: From is restored from this dialog's variables, 2: To; 0: neither."""
    cdef Dialog *dialog = dialogs.table.at(handle)
    return dialog.flags & (STORES_FROM | STORES_TO) if dialog != NULL else 0


cdef bint read_stored(DialogTracker dialogs, SipMessage message, bint of_from, bint original,
                      StoredName *found) noexcept:
    """What From or To of the first request was, or was replaced by, as texts that live as long as the message's edits.
    False when the variable is gone or there is no room."""
    cdef Dialog *dialog = dialogs.table.at(message.dialog)
    cdef sip_text uri, display
    if dialog == NULL:
        return False
    uri = dialogs.table.variable(dialog, name_of(of_from, ORIGINAL_URI if original else NEW_URI))
    display = dialogs.table.variable(dialog, name_of(of_from, ORIGINAL_DISPLAY if original else NEW_DISPLAY))
    if uri.length == 0:
        return False
    found.uri = message.keep(uri.at, uri.length)
    found.display = message.keep(display.at, display.length)
    found.has_display = original or not dialog.flags & (KEEPS_FROM_DISPLAY if of_from else KEEPS_TO_DISPLAY)
    return found.uri.at != NULL and found.display.at != NULL
