"""Where registered users are: address of record -> bindings, in memory (Kamailio: usrloc).

What is expired is not shown, and leaves memory soon after: each record stands in a calendar under the second in which
its
first binding expires, so no sweep ever walks over what is still alive. Times are milliseconds of the worker's clock.
"""
import os
from operator import attrgetter

cdef uint32_t ALL_METHODS = 0xffffffff


cdef class Binding:
    """One contact of an address of record (RFC 3261 §10)."""

    def __init__(self, bytes contact not None, *, uint64_t expires, bytes call_id=b"", uint32_t cseq=0, int q=-1,
                 bytes received=b"", tuple path=(), bytes user_agent=b"", bytes instance=b"", uint32_t reg_id=0,
                 uint32_t methods=ALL_METHODS, uint32_t branch_flags=0, int socket=0, uint64_t modified=0):
        self.contact = contact
        self.expires = expires
        self.call_id = call_id
        self.cseq = cseq
        self.q = q
        self.received = received
        self.path = path
        self.user_agent = user_agent
        self.instance = instance
        self.reg_id = reg_id
        self.methods = methods
        self.branch_flags = branch_flags
        self.socket = socket
        self.modified = modified
        self.ruid = b""

    def __repr__(self):
        return f"Binding({self.contact!r}, expires={self.expires})"


cdef class Record:
    pass


cdef object by_preference = attrgetter("q")


cdef class Location:
    """`max_bindings`: how many are kept at most; what is known goes on, new ones are refused above that."""

    def __init__(self, size_t max_bindings=1_000_000):
        self.records = {}
        self.calendar = {}
        self.max_bindings = max_bindings
        self.serial = int.from_bytes(os.urandom(4))

    cpdef list bindings(self, bytes aor, uint64_t now):
        """The living bindings, the highest q first, of equal ones the oldest."""
        cdef Record record = self.records.get(aor)
        cdef Binding each
        return [] if record is None else [each for each in record.bindings if each.expires > now]

    cpdef bint has(self, bytes aor, uint64_t now):
        cdef Record record = self.records.get(aor)
        cdef Binding each
        if record is not None:
            for each in record.bindings:
                if each.expires > now:
                    return True
        return False

    def has_room(self, size_t more):
        """Whether so many more bindings may be stored."""
        return self.count + more <= self.max_bindings

    cdef int store(self, bytes aor, list bindings, uint64_t now) except -1:
        """Let these be all bindings of the address of record."""
        cdef Record record
        cdef Binding each
        self.sweep(now)
        record = self.records.get(aor)
        if record is not None:
            self.count -= len(record.bindings)
        if not bindings:
            self.records.pop(aor, None)
            return 0
        if record is None:
            record = self.records[aor] = Record()
            record.aor = aor
        for each in bindings:
            if not each.ruid:
                self.serial += 1
                each.ruid = b"uloc-%x" % self.serial
        record.bindings = sorted(bindings, key=by_preference, reverse=True)
        self.count += len(bindings)
        self.enter(record)
        return 0

    def take(self, bytes aor not None, list bindings not None, uint64_t now):
        """store(), without telling the listener: this is what another worker knows."""
        self.store(aor, bindings, now)

    def replace(self, bytes aor not None, list bindings not None, uint64_t now):
        """store(), and tell the listener."""
        self.store(aor, bindings, now)
        if self.listener is not None:
            self.listener(aor, bindings)

    cdef enter(self, Record record):
        """Into the calendar, when it does not stand there early enough already."""
        cdef Binding each
        cdef uint64_t first = (<Binding>record.bindings[0]).expires
        for each in record.bindings:
            if each.expires < first:
                first = each.expires
        first = first // 1000 + 1
        if first <= self.swept:
            first = self.swept + 1
        if record.due == 0 or first < record.due:
            record.due = first
            self.calendar.setdefault(first, []).append(record)
            self.entries += 1
            if self.entries > 2 * len(self.records) + 1024:
                self.rebuild_calendar()

    cdef rebuild_calendar(self):
        """Entries of records that are gone must not outgrow the records."""
        cdef Record record
        self.calendar = {}
        self.entries = len(self.records)
        for record in self.records.values():
            self.calendar.setdefault(record.due, []).append(record)

    def sweep(self, uint64_t now):
        """Forget what has expired."""
        cdef uint64_t second = now // 1000
        cdef Record record
        cdef Binding each
        if second <= self.swept:
            return
        if second - self.swept > <uint64_t>len(self.calendar):
            seconds = sorted(due for due in self.calendar if due <= second)
        else:
            seconds = range(self.swept + 1, second + 1)
        self.swept = second
        for due in seconds:
            entered = self.calendar.pop(due, ())
            self.entries -= len(entered)
            for record in entered:
                if record.due != <uint64_t>due or self.records.get(record.aor) is not record:
                    continue
                living = [each for each in record.bindings if each.expires > now]
                self.count -= len(record.bindings) - len(living)
                record.bindings = living
                record.due = 0
                if living:
                    self.enter(record)
                else:
                    del self.records[record.aor]

    def addresses(self, uint64_t now):
        """{address of record: living bindings} of everybody."""
        self.sweep(now)
        return {aor: living for aor in self.records if (living := self.bindings(aor, now))}

    def __len__(self):
        return len(self.records)
