"""Named tables of values with an expiry, for scripts and $sht(...) (Kamailio: htable).

Keys are text, values text or integers. A table is bounded: when it is full nothing more is taken. Expired cells are
dropped when they are touched, and some at every write, so that what nobody asks for
again does not stay.
"""
import heapq
import re

cdef enum:
    SWEEP = 4                        # expired cells dropped by one write


cdef class Cell:
    pass


cdef class HashTable:
    """One table. `auto_expire`: seconds a cell lives, 0: for ever; `initial`: what an absent key reads as, None:
    nothing;
    `update_expire`: whether a write to a living cell begins its time anew. Times that callers give are milliseconds.
    """

    def __init__(self, str name not None, *, auto_expire=0, initial=None, bint update_expire=True, max_items=1_000_000):
        self.name = name
        self.cells = {}
        self.due = []
        self.configure(auto_expire, initial, update_expire, max_items)

    def configure(self, auto_expire, initial, update_expire, max_items):
        """Other rules for what comes; cells stay."""
        self.auto_expire = auto_expire * 1000
        self.initial = initial
        self.update_expire = update_expire
        self.max_items = max_items

    cdef Cell cell(self, str key, uint64_t now):
        cdef Cell cell = self.cells.get(key)
        if cell is not None and cell.expires and cell.expires <= now:
            del self.cells[key]
            return None
        return cell

    cpdef object get(self, str key, uint64_t now):
        """The value, `initial` or None when there is none."""
        cdef Cell cell = self.cell(key, now)
        return self.initial if cell is None else cell.value

    cpdef bint set(self, str key, object value, uint64_t now):
        """Write a text or an int; False: the table is full."""
        cdef Cell cell = self.cell(key, now)
        if not isinstance(value, (int, str)):
            raise TypeError(f"A cell of table {self.name} holds text or an integer, not {type(value).__name__}.")
        self.sweep(now, SWEEP)
        if cell is None:
            if len(self.cells) >= self.max_items:
                return False
            cell = self.cells[key] = Cell()
            if self.auto_expire:
                self.expire_at(key, cell, now + self.auto_expire)
        elif self.update_expire and self.auto_expire:
            self.expire_at(key, cell, now + self.auto_expire)
        cell.value = value
        return True

    cdef int expire_at(self, str key, Cell cell, uint64_t when) except -1:
        """Of a cell only its earliest entry stands in the heap: later times are entered when that one comes up."""
        cdef Cell each
        if cell.queued == 0 or when < cell.queued:
            heapq.heappush(self.due, (when, key))
            cell.queued = when
        cell.expires = when
        if len(self.due) > 2 * len(self.cells) + 64:
            # Entries of removed cells: they must not outgrow the table.
            self.due = [(each.expires, key) for key, each in self.cells.items() if each.expires]
            heapq.heapify(self.due)
            for each in self.cells.values():
                each.queued = each.expires
        return 0

    def sweep(self, uint64_t now, int count=1 << 30):
        """Drop up to `count` expired cells."""
        cdef Cell cell
        while count > 0 and self.due and self.due[0][0] <= now:
            when, key = heapq.heappop(self.due)
            count -= 1
            cell = self.cells.get(key)
            if cell is None or cell.queued != when:
                continue
            cell.queued = 0
            if cell.expires and cell.expires <= now:
                del self.cells[key]
            elif cell.expires:
                self.expire_at(key, cell, cell.expires)

    cpdef bint remove(self, str key):
        """Whether there was such a cell."""
        return self.cells.pop(key, None) is not None

    cpdef object expires_in(self, str key, uint64_t now):
        """Milliseconds that the cell has left, 0: for ever; None: no such cell."""
        cdef Cell cell = self.cell(key, now)
        if cell is None:
            return None
        return cell.expires - now if cell.expires else 0

    cpdef bint expire_in(self, str key, uint64_t milliseconds, uint64_t now):
        """Let the cell live that long from now, 0: for ever; False: no such cell."""
        cdef Cell cell = self.cell(key, now)
        if cell is None:
            return False
        if milliseconds:
            self.expire_at(key, cell, now + milliseconds)
        else:
            cell.expires = 0
        return True

    cpdef object add(self, str key, long step, uint64_t now):
        """Raise an integer, one that is absent from `initial` or 0; the new value, None when text stands there."""
        value = self.get(key, now)
        if value is None:
            value = 0
        if not isinstance(value, int):
            return None
        value += step
        return value if self.set(key, value, now) else None

    def remove_where(self, str part, str operator, text):
        """Drop the cells whose "name" or "value" compares so with `text`: eq, ne, re or sw (starts with); how many
        went.
        ValueError, a sentence, for another operator or a broken expression."""
        holds = comparison(operator, text)
        gone = [key for key, cell in self.cells.items()
                if holds(key if part == "name" else str((<Cell>cell).value))]
        for key in gone:
            del self.cells[key]
        return len(gone)

    def has_where(self, str part, str operator, text):
        """Whether a living cell's name or text value compares so."""
        holds = comparison(operator, text)
        return any(holds(key if part == "name" else str((<Cell>cell).value)) for key, cell in self.cells.items())

    def count_where(self, str part, str operator, text):
        """How many cells' names or text values compare so."""
        holds = comparison(operator, text)
        return sum(1 for key, cell in self.cells.items() if holds(key if part == "name" else str((<Cell>cell).value)))

    def clear(self):
        """Empty the table."""
        self.cells.clear()
        self.due.clear()

    def items(self, uint64_t now):
        """[(key, value, milliseconds left or 0)] of the living cells."""
        self.sweep(now)
        return [(key, (<Cell>cell).value, (<Cell>cell).expires - now if (<Cell>cell).expires else 0)
                for key, cell in self.cells.items() if not (<Cell>cell).expires or (<Cell>cell).expires > now]

    @property
    def entries(self):
        """Entries in the calendar of expiries, those of removed cells included."""
        return len(self.due)

    def __len__(self):
        return len(self.cells)


cdef object compiled(expression):
    try:
        return re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{expression!r} is no regular expression: {error}.") from None


cdef object comparison(str operator, str text):
    if operator == "eq":
        return lambda each: each == text
    if operator == "ne":
        return lambda each: each != text
    if operator == "sw":
        return lambda each: each.startswith(text)
    if operator == "re":
        found = compiled(text).search
        return lambda each: found(each) is not None
    raise ValueError(f"{operator!r} is no comparison of tables; use eq, ne, re or sw.")


cdef class HashTables:
    """All tables of a worker by name. An unknown name reads as empty and takes nothing."""

    def __init__(self):
        self.tables = {}

    def define(self, str name not None, *, auto_expire=0, initial=None, update_expire=True, max_items=1_000_000):
        """Make the table, or give the one that is there other rules."""
        table = self.tables.get(name)
        if table is None:
            self.tables[name] = HashTable(name, auto_expire=auto_expire, initial=initial, update_expire=update_expire,
                                          max_items=max_items)
        else:
            table.configure(auto_expire, initial, update_expire, max_items)

    def keep_only(self, names):
        """Drop the tables of other names: a reload took them out."""
        for name in set(self.tables) - set(names):
            del self.tables[name]

    cpdef HashTable table(self, str name):
        """The table, None: there is none of this name."""
        return self.tables.get(name)

    cpdef object get(self, str name, str key, uint64_t now):
        """`now`: milliseconds of the worker's clock, as everywhere here. None: no such table or cell."""
        cdef HashTable table = self.tables.get(name)
        return None if table is None else table.get(key, now)

    cpdef bint set(self, str name, str key, object value, uint64_t now):
        """Write a text or an int, None removes; False: no such table, or it is full."""
        cdef HashTable table = self.tables.get(name)
        if table is None:
            return False
        if value is None:
            table.remove(key)
            return True
        return table.set(key, value, now)

    cpdef object add(self, str name, str key, long step, uint64_t now):
        """Raise an integer by `step`; the new value, None: no such table, or text stands there."""
        cdef HashTable table = self.tables.get(name)
        return None if table is None else table.add(key, step, now)
