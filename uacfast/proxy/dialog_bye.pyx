"""Ending a tracked dialog from our side: a BYE to one party or both (Kamailio's dlg_bye, dlg.end_dlg)."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport (
    text_put, text_put_string, text_put_text, text_put_uint, text_writer_length, text_writer_start,
)
from uacfast.proxy.dialog_table cimport (
    SIDE_CALLEE, SIDE_CALLER, TEXT_CALLEE_CONTACT, TEXT_CALLEE_ROUTES, TEXT_CALLER_CONTACT, TEXT_CALLER_ROUTES,
    TEXT_CALL_ID, TEXT_FROM_TAG, TEXT_FROM_URI, TEXT_SHOWN_FROM, TEXT_SHOWN_TO, TEXT_TO_TAG, TEXT_TO_URI, DialogText,
    handle_of, text_at,
)
from uacfast.sip.message cimport SipMessage, text_of

cdef enum:
    BYE_SIZE = 20480             # octets; all texts of a dialog fit


cdef class DialogByes(LocalUser):

    def __init__(self, DialogTracker dialogs, LocalRequests local):
        self.dialogs = dialogs
        self.local = local

    cdef bint send(self, Dialog *dialog, bint to_callee) noexcept:
        """A BYE to one side, as if the other had sent it; False when that side's contact is not known or not usable."""
        cdef char space[BYE_SIZE]
        cdef text_writer out
        cdef sip_text routes = text_at(dialog, TEXT_CALLEE_ROUTES if to_callee else TEXT_CALLER_ROUTES)
        cdef sip_text destination = text_at(dialog, TEXT_CALLEE_CONTACT if to_callee else TEXT_CALLER_CONTACT)
        cdef sip_address first
        if destination.length == 0:
            return False
        if routes.length and sip_address_parse(routes, &first) == 0:
            destination = first.uri
        dialog.cseq[<int>SIDE_CALLER if to_callee else <int>SIDE_CALLEE] += 1
        text_writer_start(&out, space, BYE_SIZE)
        self.write(dialog, to_callee, &out)
        return not out.overflow and self.local.send(
            self, handle_of(dialog), space, <uint32_t>text_writer_length(&out), destination,
            dialog.socket[<int>SIDE_CALLEE if to_callee else <int>SIDE_CALLER], 0, 0)

    cdef void write(self, Dialog *dialog, bint to_callee, text_writer *out) noexcept:
        cdef sip_text target = text_at(dialog, TEXT_CALLEE_CONTACT if to_callee else TEXT_CALLER_CONTACT)
        cdef sip_text routes = text_at(dialog, TEXT_CALLEE_ROUTES if to_callee else TEXT_CALLER_ROUTES)
        cdef sip_text from_uri, to_uri, unused
        cdef sip_address first
        cdef sip_uri uri
        cdef bint strict = False
        if to_callee:
            # The callee goes on seeing who it was shown.
            from_uri = text_at(dialog, TEXT_SHOWN_FROM)
            to_uri = text_at(dialog, TEXT_SHOWN_TO)
            if from_uri.length == 0:
                from_uri = text_at(dialog, TEXT_FROM_URI)
            if to_uri.length == 0:
                to_uri = text_at(dialog, TEXT_TO_URI)
        else:
            from_uri = text_at(dialog, TEXT_TO_URI)
            to_uri = text_at(dialog, TEXT_FROM_URI)
        if routes.length and sip_address_parse(routes, &first) == 0 and sip_uri_parse(first.uri, &uri) == 0:
            strict = not sip_parameter_find(uri.parameters, b"lr", &unused)
        text_put_string(out, b"BYE ")
        text_put_text(out, first.uri if strict else target)
        text_put_string(out, b" SIP/2.0\r\nMax-Forwards: 70\r\n")
        if strict:
            # RFC 3261 §12.2.1.1: the strict router's URI on top, the target last.
            text_put_string(out, b"Route: ")
            if first.next != NULL:
                text_put(out, first.next, <size_t>(routes.at + routes.length - first.next))
                text_put_string(out, b", ")
            text_put_string(out, b"<")
            text_put_text(out, target)
            text_put_string(out, b">\r\n")
        elif routes.length:
            text_put_string(out, b"Route: ")
            text_put_text(out, routes)
            text_put_string(out, b"\r\n")
        put_party(b"From: <", from_uri, text_at(dialog, TEXT_FROM_TAG if to_callee else TEXT_TO_TAG), out)
        put_party(b"To: <", to_uri, text_at(dialog, TEXT_TO_TAG if to_callee else TEXT_FROM_TAG), out)
        text_put_string(out, b"Call-ID: ")
        text_put_text(out, text_at(dialog, TEXT_CALL_ID))
        text_put_string(out, b"\r\nCSeq: ")
        if to_callee:
            text_put_uint(out, <uint64_t>(dialog.cseq[<int>SIDE_CALLER] + <uint32_t>dialog.difference))
        else:
            text_put_uint(out, dialog.cseq[<int>SIDE_CALLEE])
        text_put_string(out, b" BYE\r\nContent-Length: 0\r\n\r\n")

    cdef void final(self, uint64_t tag, int status, SipMessage response) noexcept:
        """However it was answered: the dialog is over for us."""
        cdef Dialog *dialog = self.dialogs.table.at(tag)
        if dialog != NULL:
            self.dialogs.end(dialog)


cdef void put_party(const char *start, sip_text uri, sip_text tag, text_writer *out) noexcept:
    text_put_string(out, start)
    text_put_text(out, uri)
    text_put_string(out, b">")
    if tag.length:
        text_put_string(out, b";tag=")
        text_put_text(out, tag)
    text_put_string(out, b"\r\n")
