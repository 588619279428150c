"""Registrations from outside: rows in, records and counts out, commands. All data are plain (dict, list, str, int)."""
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from uacfast.fault import Fault
from uacfast.leaves.registration_states cimport REGISTRATION_STATES, REGISTRATION_UNREGISTERED
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.siphash cimport siphash, siphash_key
from uacfast.sip.message cimport bytes_of, text_of
from uacfast.uac.registration.machine cimport RegistrationCounters, Registrations
from uacfast.uac.registration.record cimport (
    AUTH_HA1, AUTH_PASSWORD, AUTH_PROXY, AUTH_USERNAME, Block, CONTACT_ADDR,
    CONTACT_USER, DIRTY, DISABLED, FOREIGN, HISTORY, INIT, L_DOMAIN, L_USERNAME, L_UUID,
    LATENCY_BUCKETS, LATENESS_BUCKETS, ONGOING, ONLINE, QUEUED, R_DOMAIN,
    R_USERNAME, REALM, SEEN, SOCKET, TEXTS, WANT_REGISTER, WANT_UNREGISTER, Record, RecordTable, Registrar, Transition,
    kamailio_hash, text_field,
)
from uacfast.uac.registration.request cimport contact_address, put_call_id, read_call_number
from uacfast.uac.registration.rows cimport PackedRow, pack_row
from uacfast.uac.registration.settings cimport RegistrationSettings
from uacfast.leaves.text_writer cimport text_put_hex, text_writer, text_writer_length, text_writer_start
from uacfast.uac.registration.names import EVENTS, STATES

cdef enum:
    STATE_TEXT_MOST = 1024       # octets, of credentials and Service-Route in the state table
    # A kept CSeq is behind what was sent before the end, by a moment or by the hours that the database was away, and a
    # registrar does not take a lower one. This is 5,000 refreshes.
    CSEQ_STEP = 10000

ATTRIBUTES = {"l_uuid": L_UUID, "l_username": L_USERNAME, "r_username": R_USERNAME, "auth_username": AUTH_USERNAME}
LATENCY_BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
LATENESS_BOUNDS = (10, 50, 100, 500, 1000, 5000, 10000, 30000, 60000)
EXAMPLES = 20                    # uuids that a dry reload names

cdef int[5] SEARCHED = [L_UUID, L_USERNAME, R_USERNAME, AUTH_USERNAME, R_DOMAIN]

cdef siphash_key fingerprint_key
memset(&fingerprint_key, 0, sizeof(fingerprint_key))


cdef str text_str(sip_text text):
    return bytes_of(text).decode("utf-8", "surrogateescape")


cdef sip_text argument(str text) except *:
    cdef Py_ssize_t length
    cdef const char *at = PyUnicode_AsUTF8AndSize(text, &length)
    return text_of(at, <uint32_t>length)


cdef str kept_text(const Block *block):
    """What the state table has room for; longer texts are not kept."""
    return block.at[:block.length].decode("utf-8", "replace") if 0 < block.length <= STATE_TEXT_MOST else ""


cdef bint has_text(sip_text text, sip_text lower) noexcept:
    """Whether `lower`, whose ASCII letters are lower case, is part of `text`."""
    cdef uint32_t i, j
    cdef char c
    if lower.length > text.length:
        return False
    for i in range(text.length - lower.length + 1):
        for j in range(lower.length):
            c = text.at[i + j]
            if c >= c'A' and c <= c'Z':
                c += 32
            if c != lower.at[j]:
                break
        else:
            return True
    return False


cdef bint record_has(const Record *record, sip_text lower) noexcept:
    cdef int i
    for i in range(5):
        if has_text(text_field(record, SEARCHED[i]), lower):
            return True
    return False


cdef str fingerprint(const Record *record, RegistrationSettings settings):
    """Tells whether a state that was kept belongs to the row and to the Contact that are there now."""
    cdef sip_text contact = contact_address(record, settings)
    cdef uint64_t row = siphash(&fingerprint_key, record.texts, record.texts_length)
    return f"{row ^ siphash(&fingerprint_key, contact.at, contact.length):016x}"


cdef class Management:
    """The face of one worker's registrations to commands. `socket_of(text)` gives the index of a local socket
    ("udp:host:port"), or -1."""


    def __init__(self, Registrations registrations not None, socket_of=lambda text: -1):
        self.registrations = registrations
        self.table = registrations.table
        self.socket_of = socket_of
        self.report = {}

    # --- loading -------------------------------------------------------------------------------------------------

    def begin(self, bint dry=False):
        """A reload begins: what no row confirms until finish() is removed. `dry`: only tell what would change."""
        cdef uint32_t i
        for i in range(self.table.slot_high):
            if self.table.slots[i] != NULL:
                self.table.slots[i].marks &= <unsigned char>~SEEN
        self.dry = dry
        self.report = {"added": 0, "changed": 0, "unchanged": 0, "removed": 0, "quarantined": 0,
                       "added_uuids": [], "changed_uuids": [], "removed_uuids": []}

    def hold(self):
        """Begin no attempts until release(): states of before may still come."""
        self.registrations.held = True

    def release(self):
        """Rows and states are there; begin what is due."""
        self.registrations.held = False

    def rows(self, list rows not None, list owners=None):
        """Take over rows: new ones start, changed ones start anew, unchanged ones go on untouched. `owners`: the worker
        that drives each, None: it follows from l_uuid. Returns [[l_uuid, reason]] of those that cannot be used."""
        cdef Record *record
        cdef sip_text uuid
        refused = []
        for number, row in enumerate(rows):
            reason = pack_row(row, &self.packed)
            if reason is None:
                uuid = text_of(self.packed.texts + TEXTS * 2, (<unsigned short *>self.packed.texts)[0])
                record = self.table.find(uuid)
                if record == NULL:
                    if not self.dry:
                        owner = owners[number] if owners is not None else self.owner_of_uuid(uuid)
                        record = self.new_record(row, owner)
                    self.tell("added", row[0])
                elif self.is_same(record):
                    self.count("unchanged")
                else:
                    if not self.dry:
                        self.change(record, row)
                    self.tell("changed", row[0])
                if record != NULL:
                    record.marks |= SEEN
            else:
                refused.append([str(row[0]) if len(row) and row[0] is not None else "", reason])
                self.count("quarantined")
        return refused

    def finish(self, uint32_t cursor, uint32_t limit):
        """Remove what no row has confirmed, `limit` records of the table at a time; [next cursor or -1, report]."""
        cdef Record *record
        cdef uint32_t end = min(cursor + limit, self.table.slot_high)
        cdef uint32_t i
        for i in range(cursor, end):
            record = self.table.slots[i]
            if record != NULL and not record.marks & SEEN:
                self.tell("removed", text_str(text_field(record, L_UUID)))
                if not self.dry:
                    self.table.remove(record)
        if end < self.table.slot_high:
            return [end, None]
        if not self.dry:
            self.quarantined = self.report["quarantined"]
        self.dry = False
        return [-1, self.report]

    cdef void count(self, str what):
        if self.report:
            self.report[what] += 1

    cdef void tell(self, str what, str uuid):
        if self.report:
            self.report[what] += 1
            if self.dry and len(self.report[what + "_uuids"]) < EXAMPLES:
                self.report[what + "_uuids"].append(uuid)

    cdef Record *new_record(self, row, int owner) except? NULL:
        cdef Record *record = self.table.add(self.packed.texts, self.packed.length, owner != self.registrations.worker)
        if record == NULL:
            raise MemoryError
        record.owner = <unsigned char>owner
        self.take_numbers(record, row)
        self.registrations.start(record)
        return record

    cdef int take_numbers(self, Record *record, row) except -1:
        record.row_expires = self.packed.expires
        record.row_flags = <unsigned char>self.packed.flags
        record.row_delay = self.packed.delay
        socket = row[14]
        record.socket = self.socket_of(socket) if socket else -1
        return 0

    cdef bint is_same(self, const Record *record) noexcept:
        """The row says what it said, and no command has taken away what it asks for (uac.reg_unregister)."""
        return (record.texts_length == self.packed.length
                and memcmp(record.texts, self.packed.texts, self.packed.length) == 0
                and record.row_expires == self.packed.expires and record.row_flags == self.packed.flags
                and record.row_delay == self.packed.delay and (record.expires or not record.row_expires))

    cdef int change(self, Record *record, row) except -1:
        if not self.table.set_texts(record, self.packed.texts, self.packed.length):
            raise MemoryError
        self.take_numbers(record, row)
        self.registrations.restart(record)
        return 0

    def add(self, list row not None):
        """uac.reg_add: None, or why the row cannot be used. Fault 409: it is there already."""
        reason = pack_row(row, &self.packed)
        if reason is not None:
            return reason
        if self.table.find(argument(row[0])) != NULL:
            raise Fault(409, "uuid already exists")
        self.new_record(row, self.owner_of_uuid(argument(row[0])))

    def refresh(self, list row not None):
        """The row as the database has it now; its registration starts anew. None, or why it cannot be used."""
        cdef Record *record
        reason = pack_row(row, &self.packed)
        if reason is not None:
            return reason
        record = self.table.find(argument(row[0]))
        if record == NULL:
            self.new_record(row, self.owner_of_uuid(argument(row[0])))
        else:
            self.change(record, row)

    def remove(self, str uuid not None):
        """True when the record was there. No REGISTER is sent."""
        cdef Record *record = self.table.find(argument(uuid))
        if record == NULL:
            return False
        self.table.remove(record)
        return True

    # --- state kept over restarts --------------------------------------------------------------------------------

    def take_states(self, int most):
        """State rows of records that changed since, at most so many: l_uuid, fingerprint, call_id, from_tag, cseq,
        flags, granted_until, next_attempt, failures, last_status, min_expires, challenge (the credentials sent last),
        nonce_count (0: it stands in these), service_route, target, updated_at. Times are epoch seconds."""
        cdef Record *record
        cdef uint32_t taken = min(<uint32_t>most, self.table.dirty_count)
        cdef uint32_t i
        rows = []
        for i in range(self.table.dirty_count - taken, self.table.dirty_count):
            record = self.table.at(self.table.dirty[i])
            if record != NULL and record.marks & DIRTY:
                record.marks &= <unsigned char>~DIRTY
                rows.append(self.state_row(record))
        self.table.dirty_count -= taken
        return rows

    cdef list state_row(self, Record *record):
        cdef char text[48]
        cdef text_writer out
        text_writer_start(&out, text, sizeof(text))
        if record.call_number:
            put_call_id(record, &out)
        call_id = text[:text_writer_length(&out)].decode()
        return [text_str(text_field(record, L_UUID)), fingerprint(record, self.registrations.settings), call_id,
                f"{record.tag_number:016x}", record.cseq, record.flags,
                self.table.epoch_seconds(record.binding_until if record.flags & ONLINE else 0),
                self.table.epoch_seconds(record.due), record.failures, record.last_status,
                record.expires if record.expires > record.row_expires else 0,
                kept_text(&record.credentials), 0, kept_text(&record.service_route),
                text_str(text_field(record, AUTH_PROXY)), self.table.epoch_seconds(self.table.now)]

    def load_states(self, list states not None, bint may_move):
        """State rows of an earlier run, for records whose row is still the same. `may_move`: the worker that a kept
        Call-ID belongs to is to drive the record; all workers must get the same states then."""
        cdef Record *record
        for state in states:
            record = self.table.find(argument(state[0]))
            if record == NULL or state[1] != fingerprint(record, self.registrations.settings) or record.history_count:
                continue
            if may_move:
                record.owner = <unsigned char>self.owner_of_call(state[2], record.owner)
                self.move(record)
            self.restore(record, state)

    cdef int move(self, Record *record) except -1:
        cdef bint foreign = record.owner != self.registrations.worker
        if foreign != (record.marks & FOREIGN != 0):
            self.table.set_foreign(record, foreign)
            self.registrations.start(record)
        return 0

    cdef int restore(self, Record *record, list state) except -1:
        """Go on where an earlier run ended: what is registered stays so until its refresh is due."""
        cdef unsigned long long number
        cdef int64_t wall = <int64_t>self.table.now + self.table.wall_offset
        cdef int64_t left = <int64_t>state[6] * 1000 - wall
        cdef bytes block
        record.tag_number = int(state[3] or "0", 16)
        if state[10] > record.expires and record.expires:
            record.expires = state[10]
        if read_call_number(argument(state[2]), record, &number):
            record.call_number = number
            record.cseq = min(<uint32_t>state[4] + CSEQ_STEP, <uint32_t>0x7fffffff)
        if state[11]:
            block = state[11].encode()
            self.table.set_block(&record.credentials, block, <uint32_t>len(block))
        if state[13]:
            block = state[13].encode()
            self.table.set_block(&record.service_route, block, <uint32_t>len(block))
        record.last_status = <unsigned short>state[9]
        if left <= 0 or record.row_flags & DISABLED or record.expires == 0:
            return 0
        if record.marks & QUEUED:
            self.table.dequeue(record)
        record.binding_until = record.timer_expires = <uint64_t>(<int64_t>self.table.now + left - left % 10)
        record.granted = <uint32_t>(left // 1000)
        self.table.set_flags(record, record.flags | ONLINE | INIT)
        self.registrations.restored(record, max(<int64_t>state[7] * 1000 - wall, 0))
        return 0

    def mirror(self, list states not None):
        """State rows of records that other workers drive, for look-ups here."""
        cdef Record *record
        cdef int64_t wall = <int64_t>self.table.now + self.table.wall_offset
        for state in states:
            record = self.table.find(argument(state[0]))
            if record == NULL or not record.marks & FOREIGN:
                continue
            left = max(state[6] * 1000 - wall, 0)
            record.timer_expires = self.table.now + <uint64_t>left - <uint64_t>left % 10
            self.table.set_flags(record, state[5])

    def owners(self, list uuids not None):
        """The worker that drives each: the one that the record here has, else the one that follows from l_uuid."""
        cdef Record *record
        cdef sip_text text
        found = []
        for uuid in uuids:
            text = argument(uuid)
            record = self.table.find(text)
            found.append(record.owner if record != NULL else self.owner_of_uuid(text))
        return found

    cdef int owner_of_uuid(self, sip_text uuid) noexcept:
        return <int>(siphash(&fingerprint_key, uuid.at, uuid.length) % <uint64_t>self.registrations.workers)

    cdef int owner_of_call(self, str call_id, int otherwise) except -1:
        cdef sip_text text = argument(call_id)
        if text.length == 0:
            return otherwise
        return <int>(siphash(&self.registrations.call_key, text.at, text.length) % <uint64_t>self.registrations.workers)

    # --- commands on one record ----------------------------------------------------------------------------------

    def find(self, str attribute not None, str value not None):
        """[l_uuid, worker that drives it] of the first match in Kamailio's order. Fault 400, 404 as in §7.3."""
        cdef Record *record = self.match(attribute, value)
        return [text_str(text_field(record, L_UUID)), record.owner]

    cdef Record *match(self, str attribute, str value) except NULL:
        cdef Record *record
        if attribute not in ATTRIBUTES:
            raise Fault(400, "Unsupported filter attribute") if self.table.all else Fault(404, "Record not found")
        record = self.table.first_match(ATTRIBUTES[attribute], argument(value), self.hash_size)
        if record == NULL:
            raise Fault(404, "Record not found")
        return record

    @property
    def hash_size(self):
        """reg_hash_size as Kamailio takes it: from 2 to 14."""
        return min(max(<int>self.registrations.settings.hash_size, 2), 14)

    def info(self, str uuid not None):
        """The record's structure (§7.2). Fault 404."""
        return self.structure(self.match("l_uuid", uuid))

    def dump(self, uint32_t cursor, uint32_t limit):
        """[next cursor or -1, [[slot, age, structure], ...]] of records that this worker drives, in the order of the
        table in memory; Kamailio's order is by slot, then the greatest age number first."""
        cdef Record *record
        cdef uint32_t end = min(cursor + limit, self.table.slot_high)
        cdef uint32_t mask = (<uint32_t>1 << <int>self.hash_size) - 1
        cdef uint32_t i
        rows = []
        for i in range(cursor, end):
            record = self.table.slots[i]
            if record != NULL and not record.marks & FOREIGN:
                rows.append([kamailio_hash(text_field(record, L_UUID)) & mask, record.serial, self.structure(record)])
        return [end if end < self.table.slot_high else -1, rows]

    def search(self, str wanted not None, uint32_t cursor, uint32_t limit, int most):
        """[next cursor or -1, [structure, ...]]: of the next `limit` records of the table those that this worker drives
        and that have `wanted` in one of SEARCHED, at most so many. Case of ASCII letters does not count; "" is in all."""
        cdef Record *record
        cdef bytes lower = wanted.encode("utf-8", "surrogateescape").lower()
        cdef sip_text text = text_of(<const char *>lower, <uint32_t>len(lower))
        cdef uint32_t high = self.table.slot_high
        cdef uint32_t end = high if cursor > high or limit > high - cursor else cursor + limit
        cdef uint32_t i
        rows = []
        for i in range(cursor, end):
            record = self.table.slots[i]
            if record != NULL and not record.marks & FOREIGN and record_has(record, text):
                if len(rows) == most:
                    return [i, rows]
                rows.append(self.structure(record))
        return [end if end < high else -1, rows]

    cdef dict structure(self, Record *record):
        cdef int64_t now = <int64_t>self.table.epoch_seconds(self.table.now)
        cdef int64_t expires = <int64_t>self.table.epoch_seconds(record.timer_expires)
        found = {
            "l_uuid": text_str(text_field(record, L_UUID)), "l_username": text_str(text_field(record, L_USERNAME)),
            "l_domain": text_str(text_field(record, L_DOMAIN)), "r_username": text_str(text_field(record, R_USERNAME)),
            "r_domain": text_str(text_field(record, R_DOMAIN)), "realm": text_str(text_field(record, REALM)) or None,
            "auth_username": text_str(text_field(record, AUTH_USERNAME)),
            "auth_password": text_str(text_field(record, AUTH_PASSWORD)) or "none",
            "auth_ha1": text_str(text_field(record, AUTH_HA1)) or "none",
            "auth_proxy": text_str(text_field(record, AUTH_PROXY)) or "none", "expires": record.expires,
            "flags": record.flags, "diff_expires": expires - now, "timer_expires": expires, "reg_init": record.reg_init,
            "reg_delay": record.delay,
            "contact_addr": text_str(contact_address(record, self.registrations.settings)) or "none",
            "socket": text_str(text_field(record, SOCKET)) or None,
        }
        if record.texts_length and text_field(record, CONTACT_USER).length:
            found["contact_user"] = text_str(text_field(record, CONTACT_USER))
        return found

    def enable(self, str uuid not None):
        """Clear DISABLED; the next attempt comes in a second. Fault 404."""
        self.registrations.enable(self.match("l_uuid", uuid))

    def disable(self, str uuid not None):
        """Set DISABLED; nothing is sent. Fault 404."""
        self.registrations.disable(self.match("l_uuid", uuid))

    def register(self, str uuid not None):
        """Send a REGISTER now, whatever the schedule says. Fault 404."""
        self.send(uuid, WANT_REGISTER)

    def unregister(self, str uuid not None):
        """Send Expires: 0 now; the record stays silent afterwards. Fault 404."""
        self.send(uuid, WANT_UNREGISTER)

    cdef int send(self, str uuid, int wanted) except -1:
        cdef Record *record = self.match("l_uuid", uuid)
        if record.marks & FOREIGN:
            raise Fault(500, f"another worker drives the registration {uuid}")
        self.registrations.send_now(record, wanted)
        self.registrations.sender.flush()
        return 0

    def active(self, int mode):
        """reg_active: 0 stops what the schedule sends. The former value."""
        former = int(self.registrations.settings.active)
        self.registrations.settings.active = mode != 0
        return former

    # --- counts --------------------------------------------------------------------------------------------------

    def counts(self):
        """{regtotal, regactive, regdisabled} of the records that this worker drives."""
        return {"regtotal": self.table.total, "regactive": self.table.active, "regdisabled": self.table.disabled}

    def metrics(self):
        """Counts and histograms of the records that this worker drives."""
        cdef RegistrationCounters *at = &self.registrations.counters
        cdef int i
        return {
            "records": self.table.total,
            "states": {STATES[i]: self.table.by_state[i] for i in range(REGISTRATION_STATES)},
            "waiting": self.table.waiting, "in_flight": self.table.in_flight, "octets": self.table.octets_in_use,
            "counters": {
                "attempts": at.attempts, "requests": at.requests, "accepted": at.accepted, "unbound": at.unbound,
                "challenged": at.challenged, "too_brief": at.too_brief, "refused": at.refused,
                "unanswered": at.unanswered, "not_sent": at.not_sent, "stuck": at.stuck, "late": at.late},
            "responses": {f"{i}xx" if i else "none": at.by_class[i] for i in range(7)},
            "latency": {"bounds": list(LATENCY_BOUNDS), "counts": [at.latency[i] for i in range(LATENCY_BUCKETS)],
                        "sum": at.latency_sum},
            "lateness": {"bounds": list(LATENESS_BOUNDS), "counts": [at.lateness[i] for i in range(LATENESS_BUCKETS)],
                         "sum": at.lateness_sum},
        }

    def registrars(self, uint32_t most):
        """The registrars with the most records: destination, records by state, attempts, latency, breaker."""
        cdef Registrar *registrar = self.table.all_registrars
        found = []
        while registrar != NULL:
            found.append(self.registrar(registrar))
            registrar = registrar.next
        found.sort(key=lambda one: -one["records"])
        return found[:most]

    cdef dict registrar(self, Registrar *registrar):
        cdef int i
        answers = registrar.accepted + registrar.refused
        return {"destination": registrar.destination[:registrar.length].decode("utf-8", "replace"),
                "records": sum([registrar.by_state[i] for i in range(REGISTRATION_STATES)]),
                "states": {STATES[i]: registrar.by_state[i] for i in range(REGISTRATION_STATES)},
                "waiting": registrar.waiting, "in_flight": registrar.in_flight, "window": registrar.window,
                "attempts": registrar.attempts, "accepted": registrar.accepted, "refused": registrar.refused,
                "unanswered": registrar.unanswered, "latency": registrar.latency_sum // answers if answers else 0,
                "breaker": ("closed", "open", "half open")[registrar.breaker]}

    def explain(self, str uuid not None):
        """What uac.reg_explain is made of. Fault 404."""
        cdef Record *record = self.match("l_uuid", uuid)
        cdef int count = min(<int>record.history_count, <int>HISTORY)
        cdef int i
        cdef Transition *step
        transitions = []
        for i in range(count):
            step = &record.history[(record.history_count - count + i) & (HISTORY - 1)]
            transitions.append({"at": step.at, "event": EVENTS[step.event], "state": STATES[step.state],
                                "status": step.status})
        return {"l_uuid": uuid, "state": STATES[record.state], "flags": record.flags, "expires": record.expires,
                "row_expires": record.row_expires, "granted": record.granted,
                "granted_until": self.table.epoch_seconds(record.binding_until),
                "next_attempt": self.table.epoch_seconds(record.due), "queued": bool(record.marks & QUEUED),
                "failures": record.failures, "last_status": record.last_status, "cseq": record.cseq,
                "auth_proxy": text_str(text_field(record, AUTH_PROXY)), "realm": text_str(text_field(record, REALM)),
                "service_route": record.service_route.at[:record.service_route.length].decode("utf-8", "replace"),
                "active": self.registrations.settings.active, "now": self.table.epoch_seconds(self.table.now),
                "registrar": self.registrar(record.registrar), "transitions": transitions, "worker": record.owner}
