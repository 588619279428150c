"""What happens to tracked dialogs: beginning, matching, states, timeouts (engine.md §13, Kamailio's dialog module).

A dialog begins with an INVITE that is tracked and ends with a final response of 300 or more to it, with the 2xx, 481 or
408 to a BYE, or with its timeout. Messages and transactions hold a handle of it, so nothing dangles when it goes. An
ended dialog lingers for a few seconds, unseen, for what crosses the BYE.
"""
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CONTACT, SIP_HEADER_RECORD_ROUTE, SIP_METHOD_ACK, SIP_METHOD_BYE, SIP_METHOD_INVITE, SIP_METHOD_UPDATE,
    sip_first_header, sip_header,
)
from uacfast.leaves.sip_text cimport sip_text_equal
from uacfast.leaves.sip_uri cimport (
    SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_parameter_find_exact, sip_uri, sip_uri_parse,
)
from uacfast.leaves.text_writer cimport (
    text_put, text_put_text, text_writer, text_writer_length, text_writer_start,
)
from uacfast.leaves.timer_wheel cimport timer_wheel_start, timer_wheel_stop
from uacfast.proxy.dialog_table cimport (
    BYE_ON_TIMEOUT, DIALOG_ANSWERED, DIALOG_CONFIRMED, DIALOG_DELETED, DIALOG_EARLY, DIALOG_UNCONFIRMED, SIDE_CALLEE,
    SIDE_CALLER, TEXT_CALLEE_CONTACT, TEXT_CALLEE_ROUTES, TEXT_CALLER_CONTACT, TEXT_CALLER_ROUTES, TEXT_CALL_ID,
    TEXT_COUNT, TEXT_FROM_TAG, TEXT_FROM_URI, TEXT_SHOWN_FROM, TEXT_SHOWN_TO, TEXT_TO_TAG, TEXT_TO_URI,
    TIMEOUT_IS_FIXED, DialogText, handle_of, id_of, parse_did, put_did, text_at,
)
from uacfast.proxy.route_set cimport read_route_set
from uacfast.sip.message cimport no_text, text_of
from uacfast.tm.table cimport DIALOG_BEGINS, DIALOG_OTHER_LEG, DIALOG_UPSTREAM

import time as clock

cdef extern from "<time.h>" nogil:
    long time(long *now)

cdef enum:
    LINGER = 5000                # ms that an ended dialog stays for what crosses the BYE; Kamailio: 5 s
    ROUTES_SIZE = 4096           # octets of the Route values towards one side
    ROUTE_VALUES = 70
    DID_SIZE = 64

cdef const char *NOTHING = b""


cdef class DialogTracker(TransactionWatcher):

    def __cinit__(self):
        self.routes = <RouteSet *>malloc(sizeof(RouteSet))
        if self.routes == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.routes)

    def __init__(self, TransactionTable transactions, UdpTransport transport, TransactionSettings timers, *,
                 bytes hash_key, int worker=0, int workers=1, now=None):
        """`now`: ms of a virtual clock, which transactions.now shows; None: there is a real one."""
        self.table = DialogTable(hash_key, worker, workers)
        self.transactions = transactions
        self.transport = transport
        self.timers = timers
        self.base_time = None if now is None else (now, int(clock.time()))
        self.default_timeout = 43200
        self.set_rr_param("did")
        transactions.watcher = self

    def set_rr_param(self, str name not None):
        """The name of the Record-Route parameter that carries the dialog's number."""
        self.parameter = f";{name}=".encode()

    @property
    def active(self):
        """Dialogs that were answered and have not ended."""
        return self.counts[DIALOG_ANSWERED] + self.counts[DIALOG_CONFIRMED]

    @property
    def early(self):
        """Dialogs that ring."""
        return self.counts[DIALOG_EARLY]

    def statistics(self):
        """{name: count}; the names are those of Kamailio's dialog group."""
        return {
            "active_dialogs": self.active,
            "early_dialogs": self.early,
            "processed_dialogs": self.processed,
            "expired_dialogs": self.expired,
            "failed_dialogs": self.failed,
            "dialogs_in_memory": self.table.total,
            "dialog_octets": self.table.octets_in_use,
            "dialog_octets_held": self.table.octets_held,
        }

    cdef uint32_t wall_clock(self) noexcept:
        """Seconds since 1970."""
        if self.base_time is None:
            return <uint32_t>time(NULL)
        return <uint32_t>(self.base_time[1] + (self.transactions.now - <uint64_t>self.base_time[0]) // 1000)

    # --- beginning and matching ----------------------------------------------------------------------------------

    cdef bint begin(self, SipMessage request) noexcept:
        """Track the dialog that this initial INVITE begins; harmless when that is so already. False: it cannot be."""
        cdef Dialog *dialog
        cdef sip_text texts[TEXT_COUNT]
        cdef char routes[ROUTES_SIZE]
        if request.index.method != SIP_METHOD_INVITE or request.to.tag.at != NULL:
            return False
        if request.dialog:
            return self.put_parameter(request)
        dialog = self.table.create(request.call_id)
        if dialog == NULL:
            return False
        memset(texts, 0, sizeof(texts))
        texts[<int>TEXT_CALL_ID] = request.call_id
        texts[<int>TEXT_FROM_TAG] = request.from_.tag
        texts[<int>TEXT_FROM_URI] = request.from_.uri
        texts[<int>TEXT_TO_URI] = request.to.uri
        texts[<int>TEXT_CALLER_CONTACT] = contact_of(request)
        texts[<int>TEXT_CALLER_ROUTES] = self.caller_routes(request, routes, sizeof(routes))
        if not self.table.set_texts(dialog, texts):
            self.table.destroy(dialog)
            return False
        dialog.timer.kind = TIMER_DIALOG
        dialog.socket[<int>SIDE_CALLER] = <short>request.socket
        dialog.cseq[<int>SIDE_CALLER] = request.cseq.number
        dialog.lifetime = self.default_timeout
        dialog.init_ts = self.wall_clock()
        if self.send_bye:
            dialog.flags |= BYE_ON_TIMEOUT
        if self.timeout_noreset:
            dialog.flags |= TIMEOUT_IS_FIXED
        self.counts[dialog.state] += 1
        request.dialog = handle_of(dialog)
        # Should it never get a transaction, which would end it.
        timer_wheel_start(&self.transactions.wheel, &dialog.timer, self.transactions.now + self.timers.max_inv_lifetime)
        return self.put_parameter(request)

    cdef bint put_parameter(self, SipMessage request) noexcept:
        """Have the did of request.dialog stand in the Record-Route value."""
        cdef Dialog *dialog
        cdef text_writer out
        cdef char *space
        cdef bytes name = self.parameter
        cdef uint32_t size = <uint32_t>len(name) + DID_SIZE
        if request.dialog_parameter.at != NULL:
            return True
        dialog = self.table.at(request.dialog)
        space = request.scratch_reserve(size)
        if dialog == NULL or space == NULL:
            return False
        text_writer_start(&out, space, size)
        text_put(&out, <const char *>name, len(name))
        put_did(self.table.entry_of(dialog), id_of(dialog), &out)
        request.dialog_parameter = text_of(space, text_writer_length(&out))
        return True

    cdef void attach(self, Transaction *transaction) noexcept:
        """The INVITE that a dialog begins with has its transaction: they end together unless it is answered."""
        cdef Dialog *dialog = self.table.at(transaction.dialog)
        if dialog != NULL:
            dialog.transaction_slot = transaction.slot
            dialog.transaction_check = transaction.check

    cdef bint match(self, SipMessage request) noexcept:
        """Find the dialog of an in-dialog request, by did when our Route value has one, else by Call-ID and tags; sets
        request.dialog, upstream and other_leg. Whether there is one."""
        cdef Leg leg
        cdef Dialog *dialog
        if request.dialog:
            return True
        if self.table.total == 0 or request.to.tag.at == NULL:
            return False
        dialog = self.find(request, request.route_parameters, &leg)
        if dialog == NULL:
            return False
        request.dialog = handle_of(dialog)
        request.upstream = leg in (LEG_UPSTREAM, LEG_OTHER_UPSTREAM)
        request.other_leg = leg in (LEG_OTHER_DOWNSTREAM, LEG_OTHER_UPSTREAM)
        return True

    cdef bint match_response(self, SipMessage response, sip_text record_route_parameters, bint *upstream) noexcept:
        """The same for a response without transaction; *upstream tells whether the request was the callee's."""
        cdef Leg leg
        cdef Dialog *dialog
        if self.table.total == 0:
            return False
        dialog = self.find(response, record_route_parameters, &leg)
        if dialog == NULL:
            return False
        response.dialog = handle_of(dialog)
        upstream[0] = leg in (LEG_UPSTREAM, LEG_OTHER_UPSTREAM)
        return True

    cdef Dialog *find(self, SipMessage message, sip_text parameters, Leg *leg) noexcept:
        cdef bytes name = self.parameter
        cdef sip_text value
        cdef uint32_t h_entry, h_id
        cdef size_t cursor = 0
        cdef Dialog *dialog = NULL
        cdef Dialog *second = NULL
        cdef Leg fits
        cdef sip_text bare = text_of(<const char *>name + 1, <uint32_t>len(name) - 2)
        if (parameters.length and sip_parameter_find_exact(parameters, bare, &value)
                and parse_did(value, &h_entry, &h_id)):
            # A peer can write any number there: Call-ID and tags must agree.
            dialog = self.table.by_id(h_entry, h_id)
            if dialog != NULL and sip_text_equal(text_at(dialog, TEXT_CALL_ID), message.call_id):
                leg[0] = leg_of(dialog, message)
                if leg[0] != LEG_NONE:
                    return dialog
        while True:
            dialog = self.table.first(message.call_id, &cursor)
            if dialog == NULL:
                return second
            fits = leg_of(dialog, message)
            if fits in (LEG_DOWNSTREAM, LEG_UPSTREAM):
                leg[0] = fits
                return dialog
            if fits != LEG_NONE and second == NULL:
                leg[0] = fits
                second = dialog

    # --- what messages do to it ----------------------------------------------------------------------------------

    cdef void request(self, SipMessage request) noexcept:
        """A request within request.dialog is on its way: once for each, not for its copies."""
        cdef Dialog *dialog = self.table.at(request.dialog)
        cdef int side = <int>SIDE_CALLEE if request.upstream else <int>SIDE_CALLER
        cdef int method = request.index.method
        if dialog == NULL or dialog.state == DIALOG_DELETED or request.other_leg:
            return
        if method == SIP_METHOD_ACK:
            if dialog.state == DIALOG_ANSWERED and not request.upstream:
                self.enter(dialog, DIALOG_CONFIRMED)
            return
        if request.cseq.number > dialog.cseq[side]:
            dialog.cseq[side] = request.cseq.number
        if method in (SIP_METHOD_INVITE, SIP_METHOD_UPDATE):
            self.take_contact(dialog, request, request.upstream)
        if dialog.state >= DIALOG_ANSWERED and method != SIP_METHOD_BYE and not dialog.flags & TIMEOUT_IS_FIXED:
            self.start_timeout(dialog)

    cdef void response(self, Transaction *transaction, SipMessage response) noexcept:
        """A response goes upstream; finals of 300 and more are finished()'s."""
        cdef Dialog *dialog = self.table.at(transaction.dialog)
        cdef int status = response.index.status
        if (dialog == NULL or dialog.state == DIALOG_DELETED or status <= 100 or status >= 300
                or transaction.flags & DIALOG_OTHER_LEG):
            return
        if not transaction.flags & DIALOG_BEGINS:
            if status >= 200 and transaction.method in (SIP_METHOD_INVITE, SIP_METHOD_UPDATE):
                self.take_contact(dialog, response, not transaction.flags & DIALOG_UPSTREAM)
        elif dialog.state < DIALOG_ANSWERED and response.parse_addresses():
            # The first 2xx wins: another fork's changes nothing.
            if status >= 200:
                self.confirm(dialog, response)
            elif dialog.state == DIALOG_UNCONFIRMED and response.to.tag.at != NULL:
                self.enter(dialog, DIALOG_EARLY)

    cdef void confirm(self, Dialog *dialog, SipMessage response) noexcept:
        cdef sip_text texts[TEXT_COUNT]
        cdef char routes[ROUTES_SIZE]
        memset(texts, 0, sizeof(texts))
        texts[<int>TEXT_TO_TAG] = response.to.tag
        texts[<int>TEXT_CALLEE_CONTACT] = contact_of(response)
        texts[<int>TEXT_CALLEE_ROUTES] = self.callee_routes(response, routes, sizeof(routes))
        if not sip_text_equal(response.from_.uri, text_at(dialog, TEXT_FROM_URI)):
            texts[<int>TEXT_SHOWN_FROM] = response.from_.uri
        if not sip_text_equal(response.to.uri, text_at(dialog, TEXT_TO_URI)):
            texts[<int>TEXT_SHOWN_TO] = response.to.uri
        self.table.set_texts(dialog, texts)
        dialog.socket[<int>SIDE_CALLEE] = <short>response.socket
        dialog.start_ts = self.wall_clock()
        self.processed += 1
        self.enter(dialog, DIALOG_ANSWERED)
        self.start_timeout(dialog)

    cdef void take_contact(self, Dialog *dialog, SipMessage message, bint of_callee) noexcept:
        """Target refresh (RFC 3261 §12.2)."""
        cdef sip_text texts[TEXT_COUNT]
        cdef int which = <int>TEXT_CALLEE_CONTACT if of_callee else <int>TEXT_CALLER_CONTACT
        cdef sip_text contact = contact_of(message)
        if contact.length == 0:
            return
        if of_callee and dialog.state < DIALOG_ANSWERED:
            return      # an early callee, who may not be the one that answers
        if sip_text_equal(contact, text_at(dialog, <DialogText>which)):
            return
        memset(texts, 0, sizeof(texts))
        texts[which] = contact
        self.table.set_texts(dialog, texts)

    cdef void finished(self, Transaction *transaction) noexcept:
        cdef Dialog *dialog = self.table.at(transaction.dialog)
        cdef int status = transaction.reply_status
        if dialog == NULL or dialog.state == DIALOG_DELETED or transaction.flags & DIALOG_OTHER_LEG:
            return
        if transaction.flags & DIALOG_BEGINS:
            if not 200 <= status < 300:
                self.failed += dialog.state < DIALOG_ANSWERED
                self.end(dialog)
        elif transaction.method == SIP_METHOD_BYE and (status < 300 or status in (408, 481)):
            self.end(dialog)

    cdef void enter(self, Dialog *dialog, int state) noexcept:
        self.counts[dialog.state] -= 1
        self.counts[state] += 1
        dialog.state = <unsigned char>state

    cdef void end(self, Dialog *dialog) noexcept:
        """Nothing of it is shown any more; one that was answered stays for what is still on its way."""
        cdef bint answered = dialog.state >= DIALOG_ANSWERED
        if dialog.state == DIALOG_DELETED:
            return
        self.enter(dialog, DIALOG_DELETED)
        dialog.end_ts = self.wall_clock()
        if answered:
            timer_wheel_start(&self.transactions.wheel, &dialog.timer, self.transactions.now + LINGER)
        else:
            self.forget(dialog)

    cdef void forget(self, Dialog *dialog) noexcept:
        timer_wheel_stop(&self.transactions.wheel, &dialog.timer)
        self.counts[DIALOG_DELETED] -= 1
        self.table.destroy(dialog)

    # --- time ----------------------------------------------------------------------------------------------------

    cdef void start_timeout(self, Dialog *dialog) noexcept:
        timer_wheel_start(&self.transactions.wheel, &dialog.timer,
                          self.transactions.now + <uint64_t>dialog.lifetime * 1000)

    cdef bint set_timeout(self, Dialog *dialog, uint32_t seconds) noexcept:
        """Its lifetime from the 2xx on; one that was answered has this long from now (dlg_set_timeout)."""
        if seconds == 0 or dialog.state == DIALOG_DELETED:
            return False
        dialog.lifetime = seconds
        if dialog.state >= DIALOG_ANSWERED:
            self.start_timeout(dialog)
        return True

    cdef void timer_fired(self, Dialog *dialog) noexcept:
        if dialog.state == DIALOG_DELETED:
            self.forget(dialog)
        elif dialog.state < DIALOG_ANSWERED:
            if self.transactions.at_slot(dialog.transaction_slot, dialog.transaction_check) != NULL:
                timer_wheel_start(&self.transactions.wheel, &dialog.timer,
                                  self.transactions.now + self.timers.max_inv_lifetime)
            else:
                self.failed += 1
                self.end(dialog)
        else:
            self.expired += 1
            if dialog.flags & BYE_ON_TIMEOUT:
                self.send_byes(dialog, True, True)
            self.end(dialog)

    cdef bint send_byes(self, Dialog *dialog, bint caller, bint callee) noexcept:
        """End it from our side, towards one or both; False when a BYE could not be sent."""
        return False

    # --- CSeq ----------------------------------------------------------------------------------------------------

    cdef int32_t cseq_difference(self, uint64_t handle) noexcept:
        """How much higher the callee sees the caller's CSeq numbers in this dialog (engine D5)."""
        cdef Dialog *dialog = self.table.at(handle)
        return dialog.difference if dialog != NULL else 0

    cdef void raise_cseq(self, uint64_t handle, int32_t difference) noexcept:
        """A request with its CSeq raised by `difference` has become the dialog's: its 2xx won, or it was sent within
        the dialog. Later requests of the caller are raised by at least as much."""
        cdef Dialog *dialog = self.table.at(handle)
        if dialog != NULL and difference > dialog.difference:
            dialog.difference = difference

    # --- route sets ----------------------------------------------------------------------------------------------

    cdef sip_text caller_routes(self, SipMessage request, char *space, uint32_t size) noexcept:
        """Route values towards the caller: the Record-Route of the INVITE as it came (RFC 3261 §12.1.1)."""
        cdef text_writer out
        cdef int i
        if (sip_first_header(&request.index, SIP_HEADER_RECORD_ROUTE) == NULL
                or not read_route_set(request, SIP_HEADER_RECORD_ROUTE, ROUTE_VALUES, self.routes)):
            return text_of(NOTHING, 0)
        text_writer_start(&out, space, size)
        for i in range(self.routes.count):
            if i:
                text_put(&out, b", ", 2)
            text_put_text(&out, self.routes.values[i].value)
        return text_of(space, 0 if out.overflow else text_writer_length(&out))

    cdef sip_text callee_routes(self, SipMessage response, char *space, uint32_t size) noexcept:
        """Route values towards the callee: what stands above our own Record-Route in the 2xx, in reverse order."""
        cdef text_writer out
        cdef sip_uri uri
        cdef int i
        cdef int above = 0
        if not read_route_set(response, SIP_HEADER_RECORD_ROUTE, ROUTE_VALUES, self.routes):
            return text_of(NOTHING, 0)
        while (above < self.routes.count and not (
                sip_uri_parse(self.routes.values[above].uri, &uri) == 0
                and uri.scheme in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS) and self.transport.is_own(uri.host, uri.port))):
            above += 1
        if above == self.routes.count:
            return text_of(NOTHING, 0)      # ours is not there: nobody sends requests our way
        text_writer_start(&out, space, size)
        for i in range(above - 1, -1, -1):
            text_put_text(&out, self.routes.values[i].value)
            if i:
                text_put(&out, b", ", 2)
        return text_of(space, 0 if out.overflow else text_writer_length(&out))


cdef Leg leg_of(const Dialog *dialog, SipMessage message) noexcept:
    """By tags; the callee's is not known before the 2xx, and a fork may have answered as well."""
    cdef sip_text caller = text_at(dialog, TEXT_FROM_TAG)
    cdef sip_text callee
    if sip_text_equal(message.from_.tag, caller):
        callee = text_at(dialog, TEXT_TO_TAG)
        return (LEG_DOWNSTREAM if callee.length == 0 or sip_text_equal(message.to.tag, callee)
                else LEG_OTHER_DOWNSTREAM)
    if sip_text_equal(message.to.tag, caller):
        callee = text_at(dialog, TEXT_TO_TAG)
        return LEG_UPSTREAM if callee.length == 0 or sip_text_equal(message.from_.tag, callee) else LEG_OTHER_UPSTREAM
    return LEG_NONE


cdef sip_text contact_of(SipMessage message) noexcept:
    """The URI of the first Contact; empty when there is none."""
    cdef const sip_header *header = sip_first_header(&message.index, SIP_HEADER_CONTACT)
    cdef sip_address contact
    if header == NULL or sip_address_parse(header.value, &contact) != 0:
        return text_of(NOTHING, 0)
    return contact.uri
