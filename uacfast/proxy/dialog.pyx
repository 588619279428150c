"""The tracked dialogs of one worker, with their Python face for scripts and RPC.

`Dialogs.list()` and the others give plain data with the members of Kamailio's dlg.* commands, in their order.
"""
from collections.abc import MutableMapping

from libc.stdint cimport int64_t

from uacfast.leaves.address cimport address_host_text, address_port
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.timer_wheel cimport timer_is_running
from uacfast.leaves.udp_batch cimport AF_INET6
from uacfast.proxy.dialog_table cimport (
    BYE_ON_TIMEOUT, BYE_SENT, DIALOG_ANSWERED, DIALOG_CONFIRMED, DIALOG_DELETED, DIALOG_EARLY, DIALOG_UNCONFIRMED,
    SIDE_CALLEE, SIDE_CALLER, TEXT_CALLEE_CONTACT, TEXT_CALLEE_ROUTES, TEXT_CALLER_CONTACT, TEXT_CALLER_ROUTES,
    TEXT_CALL_ID, TEXT_FROM_TAG, TEXT_FROM_URI, TEXT_TO_TAG, TEXT_TO_URI, TIMEOUT_IS_FIXED, DialogText, handle_of,
    id_of, next_variable, text_at,
)
from uacfast.sip.message cimport bytes_of, no_text, text_of

# dlg.briefing's letters (Kamailio 5.6.3), in the order in which the members come.
BRIEFING = {"f": "from_uri", "t": "to_uri", "c": "call-id", "F": "from_tag", "T": "to_tag", "s": "state",
            "S": "start_ts"}
SIDES = {"caller": (True, False), "callee": (False, True), "all": (True, True)}
NUMBERS_MAX = 2**32 - 1


cdef class Dialogs(DialogTracker):

    def __init__(self, LocalRequests local, *arguments, **options):
        """`local` sends the BYEs of our own; the others are DialogTracker's."""
        DialogTracker.__init__(self, *arguments, **options)
        self.byes = DialogByes(self, local)

    cdef bint send_byes(self, Dialog *dialog, bint caller, bint callee) noexcept:
        cdef bint sent = True
        if dialog.state not in (DIALOG_ANSWERED, DIALOG_CONFIRMED):
            return False
        if caller:
            sent = self.byes.send(dialog, False)
        if callee:
            sent = self.byes.send(dialog, True) and sent
        dialog.flags |= BYE_SENT
        return sent

    # --- for scripts ---------------------------------------------------------------------------------------------

    cdef TrackedDialog manage(self, SipMessage message):
        """dlg_manage(): track what an initial INVITE begins, or find the dialog of a request within one; else None."""
        if message.dialog == 0 and not (self.match(message) if message.to.tag.at != NULL else self.begin(message)):
            return None
        return self.of(message)

    cdef TrackedDialog of(self, SipMessage message):
        """The dialog of a request, None when it is not tracked (is_known_dlg)."""
        return tracked(self, message.dialog) if self.table.at(message.dialog) != NULL else None

    cdef TrackedDialog of_transaction(self, const Transaction *transaction):
        """The dialog of a transaction, thus of its replies; None when it is not tracked."""
        return tracked(self, transaction.dialog) if self.table.at(transaction.dialog) != NULL else None

    def get(self, str callid not None, str from_tag not None, str to_tag not None):
        """The dialog with these (dlg_get), the tags in either order; None when there is none."""
        cdef size_t cursor = 0
        cdef bytes key = encoded(callid)
        cdef Dialog *dialog
        while True:
            dialog = self.table.first(text_of(<const char *>key, <uint32_t>len(key)), &cursor)
            if dialog == NULL:
                return None
            if dialog.state != DIALOG_DELETED and ({text(dialog, TEXT_FROM_TAG), text(dialog, TEXT_TO_TAG)}
                                                   == {from_tag, to_tag}):
                return tracked(self, handle_of(dialog))

    # --- for RPC -------------------------------------------------------------------------------------------------

    cdef list living(self):
        """Handles of the dialogs that have not ended, the oldest first."""
        cdef uint32_t slot
        cdef Dialog *dialog
        cdef list found = []
        for slot in range(1, self.table.slot_high):
            dialog = self.table.slots[slot]
            if dialog != NULL and dialog.state != DIALOG_DELETED:
                found.append(handle_of(dialog))
        found.sort()
        return found

    cdef Dialog *selected(self, uint32_t h_entry, uint32_t h_id) noexcept:
        cdef Dialog *dialog = self.table.by_id(h_entry, h_id)
        return dialog if dialog != NULL and dialog.state != DIALOG_DELETED else NULL

    def list(self):
        """dlg.list: one dict for each dialog that has not ended."""
        return [self.as_dict(self.table.at(handle)) for handle in self.living()]

    def dlg_list(self, str callid not None, str from_tag=None):
        """dlg.dlg_list: the dialog of this Call-ID (and From tag), None when there is none."""
        cdef size_t cursor = 0
        cdef bytes key = encoded(callid)
        cdef Dialog *dialog
        while True:
            dialog = self.table.first(text_of(<const char *>key, <uint32_t>len(key)), &cursor)
            if dialog == NULL:
                return None
            if dialog.state != DIALOG_DELETED and from_tag in (None, text(dialog, TEXT_FROM_TAG)):
                return self.as_dict(dialog)

    def briefing(self, str fields="ftcFT"):
        """dlg.briefing: each dialog's number and the members that `fields` names by letters (f, t, c, F, T, s, S)."""
        cdef Dialog *dialog
        found = []
        for handle in self.living():
            dialog = self.table.at(handle)
            values = {"from_uri": text(dialog, TEXT_FROM_URI), "to_uri": text(dialog, TEXT_TO_URI),
                      "call-id": text(dialog, TEXT_CALL_ID), "from_tag": text(dialog, TEXT_FROM_TAG),
                      "to_tag": text(dialog, TEXT_TO_TAG), "state": dialog.state, "start_ts": dialog.start_ts}
            found.append({"h_entry": self.table.entry_of(dialog), "h_id": id_of(dialog)}
                         | {name: values[name] for letter, name in BRIEFING.items() if letter in fields})
        return found

    def stats_active(self):
        """dlg.stats_active: how many dialogs are in which state."""
        counts = {"starting": self.counts[DIALOG_UNCONFIRMED], "connecting": self.counts[DIALOG_EARLY],
                  "answering": self.counts[DIALOG_ANSWERED], "ongoing": self.counts[DIALOG_CONFIRMED]}
        return counts | {"all": sum(counts.values())}

    def end_dlg(self, uint32_t h_entry, uint32_t h_id):
        """dlg.end_dlg: send a BYE to both sides. None when there is no such dialog, False when it was not answered yet
        or a BYE cannot be sent. The caller flushes the engine."""
        cdef Dialog *dialog = self.selected(h_entry, h_id)
        return None if dialog == NULL else bool(self.send_byes(dialog, True, True))

    def terminate_dlg(self, str callid not None, str from_tag not None, str to_tag not None):
        """dlg.terminate_dlg: the same by Call-ID and tags."""
        cdef TrackedDialog found = self.get(callid, from_tag, to_tag)
        return None if found is None else found.bye("all")

    def set_timeout_of(self, uint32_t h_entry, uint32_t h_id, uint32_t seconds):
        """dlg_set_timeout_id(): whether there is such a dialog."""
        cdef Dialog *dialog = self.selected(h_entry, h_id)
        return dialog != NULL and bool(self.set_timeout(dialog, seconds))

    cdef dict as_dict(self, const Dialog *dialog):
        cdef uint32_t at = 0
        cdef sip_text name, value
        cdef uint32_t now = self.wall_clock()
        cdef bint answered = dialog.state >= DIALOG_ANSWERED
        cdef list variables = []
        while next_variable(dialog, &at, &name, &value):
            variables.append({as_str(name): as_str(value)})
        return {
            "h_entry": self.table.entry_of(dialog),
            "h_id": id_of(dialog),
            "ref": 2 if answered else 1,
            "call-id": text(dialog, TEXT_CALL_ID),
            "from_uri": text(dialog, TEXT_FROM_URI),
            "to_uri": text(dialog, TEXT_TO_URI),
            "state": dialog.state,
            "start_ts": dialog.start_ts,
            "init_ts": dialog.init_ts,
            "end_ts": dialog.end_ts,
            "duration": now - dialog.start_ts if answered else 0,
            "timeout": now + self.remaining(dialog) if answered else 0,
            "lifetime": dialog.lifetime,
            "dflags": dialog.flags,
            "sflags": dialog.user_flags,
            "iflags": 1 if dialog.flags & BYE_ON_TIMEOUT else 0,
            "caller": {
                "tag": text(dialog, TEXT_FROM_TAG),
                "contact": text(dialog, TEXT_CALLER_CONTACT),
                "cseq": str(dialog.cseq[<int>SIDE_CALLER]),
                "route_set": text(dialog, TEXT_CALLER_ROUTES),
                "socket": self.socket_name(dialog.socket[<int>SIDE_CALLER]),
            },
            "callee": {
                "tag": text(dialog, TEXT_TO_TAG),
                "contact": text(dialog, TEXT_CALLEE_CONTACT),
                "cseq": str(dialog.cseq[<int>SIDE_CALLEE]),
                "route_set": text(dialog, TEXT_CALLEE_ROUTES),
                "socket": self.socket_name(dialog.socket[<int>SIDE_CALLEE]),
            } if answered else dict.fromkeys(("tag", "contact", "cseq", "route_set", "socket")),
            "profiles": [],
            "variables": variables,
        }

    cdef uint32_t remaining(self, const Dialog *dialog) noexcept:
        """Seconds until its timeout."""
        cdef uint64_t now = self.transactions.now
        return <uint32_t>((dialog.timer.due - now + 500) // 1000) if dialog.timer.due > now else 0

    cdef object socket_name(self, int socket):
        """udp:ADDRESS:PORT, None when it is not known."""
        cdef char host[64]
        cdef uint32_t length
        if not 0 <= socket < self.transport.socket_count:
            return None
        length = address_host_text(&self.transport.sockets[socket].address, host)
        name = host[:length].decode("ascii")
        if self.transport.sockets[socket].address.any.sa_family == AF_INET6:
            name = f"[{name}]"
        return f"udp:{name}:{address_port(&self.transport.sockets[socket].address)}"


cdef TrackedDialog tracked(Dialogs dialogs, uint64_t handle):
    cdef TrackedDialog found = TrackedDialog.__new__(TrackedDialog)
    found.dialogs = dialogs
    found.handle = handle
    found.variables = DialogVariables.__new__(DialogVariables)
    found.variables.dialogs = dialogs
    found.variables.handle = handle
    return found


cdef class TrackedDialog:
    """One dialog in the hands of a script. It may end while it is held: then its state is 5 and all else is empty."""

    cdef Dialog *record(self) noexcept:
        cdef Dialog *dialog = self.dialogs.table.at(self.handle)
        return dialog if dialog != NULL and dialog.state != DIALOG_DELETED else NULL

    @property
    def state(self):
        """1 unconfirmed, 2 early, 3 answered without ACK, 4 confirmed, 5 ended."""
        cdef Dialog *dialog = self.record()
        return DIALOG_DELETED if dialog == NULL else dialog.state

    @property
    def lifetime(self):
        """Seconds since it was answered ($DLG_lifetime), 0 before."""
        cdef Dialog *dialog = self.record()
        if dialog == NULL or dialog.state < DIALOG_ANSWERED:
            return 0
        return self.dialogs.wall_clock() - dialog.start_ts

    def as_dict(self):
        """Its members as dlg.list shows them, None when it has ended."""
        cdef Dialog *dialog = self.record()
        return None if dialog == NULL else self.dialogs.as_dict(dialog)

    def field(self, str name not None):
        """$dlg(name): int or str, None when it is empty or the dialog has ended. ValueError: no such field."""
        if name not in FIELDS:
            raise ValueError(f"$dlg({name}) is not known; expected one of {', '.join(FIELDS)}.")
        entry = self.as_dict()
        if entry is None:
            return None
        if name == "toroute":
            return 0
        part, _, member = FIELDS[name].rpartition(".")
        value = (entry[part] if part else entry)[member]
        return None if value == "" else value

    def set_timeout(self, seconds):
        """dlg_set_timeout(): seconds from the 2xx on, or from now when it was answered. Whether it was done."""
        cdef Dialog *dialog = self.record()
        return dialog != NULL and 0 < seconds <= NUMBERS_MAX and bool(self.dialogs.set_timeout(dialog, seconds))

    def set_bye_on_timeout(self, bint on):
        """Whether both sides get a BYE when it times out ($dlg_ctx(timeout_bye))."""
        self.set_bit(BYE_ON_TIMEOUT, on)

    def set_timeout_fixed(self, bint on):
        """Whether requests within the dialog leave its timeout as it is (the property timeout-noreset)."""
        self.set_bit(TIMEOUT_IS_FIXED, on)

    cdef void set_bit(self, int bit, bint on) noexcept:
        cdef Dialog *dialog = self.record()
        if dialog != NULL:
            dialog.flags = <unsigned char>(dialog.flags | bit if on else dialog.flags & ~bit)

    def bye(self, str side not None):
        """dlg_bye(): send a BYE to "caller", "callee" or "all"; the dialog ends with the answer. False when it was not
        answered yet or a BYE cannot be sent. ValueError: no such side. The caller flushes the engine."""
        cdef Dialog *dialog = self.record()
        if side not in SIDES:
            raise ValueError(f'There is no side {side!r}; expected "caller", "callee" or "all".')
        caller, callee = SIDES[side]
        return dialog != NULL and bool(self.dialogs.send_byes(dialog, caller, callee))

    def set_flag(self, int index):
        """dlg_setflag(): 0-31; False when there is no such flag."""
        return self.change_flag(index, True)

    def reset_flag(self, int index):
        """dlg_resetflag()"""
        return self.change_flag(index, False)

    def is_flag_set(self, int index):
        """dlg_isflagset()"""
        cdef Dialog *dialog = self.record()
        return dialog != NULL and 0 <= index < 32 and (dialog.user_flags >> index) & 1 == 1

    cdef bint change_flag(self, int index, bint on):
        cdef Dialog *dialog = self.record()
        if dialog == NULL or not 0 <= index < 32:
            return False
        if on:
            dialog.user_flags |= <uint32_t>1 << index
        else:
            dialog.user_flags &= ~(<uint32_t>1 << index)
        return True


# $dlg(...) and where dlg.list has it.
FIELDS = {
    "callid": "call-id", "to_uri": "to_uri", "from_uri": "from_uri", "h_id": "h_id", "h_entry": "h_entry", "ref": "ref",
    "state": "state", "from_tag": "caller.tag", "to_tag": "callee.tag", "from_rs": "caller.route_set",
    "to_rs": "callee.route_set", "from_cseq": "caller.cseq", "to_cseq": "callee.cseq",
    "from_contact": "caller.contact", "to_contact": "callee.contact", "from_bindaddr": "caller.socket",
    "to_bindaddr": "callee.socket", "lifetime": "lifetime", "start_ts": "start_ts", "init_ts": "init_ts",
    "end_ts": "end_ts", "dflags": "dflags", "sflags": "sflags", "toroute": "toroute",
}


cdef class DialogVariables:
    """A dialog's variables, str to str, as a mapping; empty, and deaf, when the dialog has ended."""

    cdef Dialog *record(self) noexcept:
        cdef Dialog *dialog = self.dialogs.table.at(self.handle)
        return dialog if dialog != NULL and dialog.state != DIALOG_DELETED else NULL

    def get(self, str name not None, default=None):
        cdef Dialog *dialog = self.record()
        cdef bytes key = encoded(name)
        cdef sip_text value
        if dialog == NULL:
            return default
        value = self.dialogs.table.variable(dialog, text_of(<const char *>key, <uint32_t>len(key)))
        return default if value.at == NULL else bytes_of(value).decode("utf-8", "surrogateescape")

    def set(self, str name not None, str value):
        """Set it, or remove it with None; whether that was done. At most 32 KB in all."""
        cdef Dialog *dialog = self.record()
        cdef bytes key = encoded(name)
        cdef bytes octets
        cdef sip_text new = no_text()
        if dialog == NULL:
            return False
        if value is not None:
            octets = encoded(value)
            new = text_of(<const char *>octets, <uint32_t>len(octets))
        return bool(self.dialogs.table.set_variable(dialog, text_of(<const char *>key, <uint32_t>len(key)), new))

    def __iter__(self):
        cdef Dialog *dialog = self.record()
        cdef uint32_t at = 0
        cdef sip_text name, value
        names = []
        while dialog != NULL and next_variable(dialog, &at, &name, &value):
            names.append(bytes_of(name).decode("utf-8", "surrogateescape"))
        return iter(names)

    def __len__(self):
        cdef Dialog *dialog = self.record()
        cdef uint32_t at = 0
        cdef sip_text name, value
        cdef int count = 0
        while dialog != NULL and next_variable(dialog, &at, &name, &value):
            count += 1
        return count

    def __contains__(self, name):
        return self.get(name) is not None

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name, str value not None):
        if not self.set(name, value):
            raise ValueError(f"The dialog variable {name!r} cannot be set: the dialog has ended, or its variables "
                             "would take more than 32 KB.")

    def __delitem__(self, name):
        if not self.set(name, None):
            raise KeyError(name)

    keys = MutableMapping.keys
    items = MutableMapping.items
    values = MutableMapping.values


cdef bytes encoded(str text):
    return text.encode("utf-8", "surrogateescape")


cdef str as_str(sip_text text):
    """For the eye, and for JSON, which takes no octets outside UTF-8."""
    return bytes_of(text).decode("utf-8", "replace")


cdef str text(const Dialog *dialog, DialogText which):
    return as_str(text_at(dialog, which))
