"""KSR.htable: named tables of values with an expiry (kemi-python.md §3.10). Times in arguments are seconds."""
import logging

from uacfast.proxy.hash_tables cimport HashTable
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport features_of, now_of

logger = logging.getLogger("uacfast.script")


cdef class HtableModule(KsrModule):
    """Functions answer 1 or -1; those on a table that is not configured answer -1 or null."""

    cdef object iterators            # name -> [iterator over items, current item or None]

    cdef HashTable table(self, str name):
        cdef HashTable table = features_of(self).hash_tables.table(name)
        if table is None:
            logger.error("a script uses hash table %r, which is not configured; add [[htable]] with this name", name)
        return table

    def sht_get(self, str htname not None, str itname not None):
        """The value, int or str; None without."""
        cdef HashTable table = self.table(htname)
        return None if table is None else table.get(itname, now_of(self))

    def sht_gete(self, str htname not None, str itname not None):
        """The same, "" without."""
        value = self.sht_get(htname, itname)
        return "" if value is None else value

    def sht_getw(self, str htname not None, str itname not None):
        """The same, "<null>" without."""
        value = self.sht_get(htname, itname)
        return "<null>" if value is None else value

    cdef int write(self, str htname, str itname, object value, object seconds) except -2:
        cdef HashTable table = self.table(htname)
        if table is None or not table.set(itname, value, now_of(self)):
            return -1
        if seconds is not None:
            table.expire_in(itname, max(seconds, 0) * 1000, now_of(self))
        return 1

    def sht_sets(self, str htname not None, str itname not None, str itval not None):
        return self.write(htname, itname, itval, None)

    def sht_seti(self, str htname not None, str itname not None, int itval):
        return self.write(htname, itname, itval, None)

    def sht_setxs(self, str htname not None, str itname not None, str itval not None, int exval):
        """Write a text that lives `exval` seconds."""
        return self.write(htname, itname, itval, exval)

    def sht_setxi(self, str htname not None, str itname not None, int itval, int exval):
        """Write an integer that lives `exval` seconds."""
        return self.write(htname, itname, itval, exval)

    def sht_setex(self, str htname not None, str itname not None, int itval):
        """Let the cell live `itval` seconds from now, 0: for ever; -1: no such cell."""
        cdef HashTable table = self.table(htname)
        return 1 if table is not None and table.expire_in(itname, max(itval, 0) * 1000, now_of(self)) else -1

    def sht_rm(self, str htname not None, str itname not None):
        """1, also when there was no such cell."""
        cdef HashTable table = self.table(htname)
        if table is None:
            return -1
        table.remove(itname)
        return 1

    def sht_is_null(self, str htname not None, str itname not None):
        """1: no such cell; -1: there is one."""
        return 1 if self.sht_get(htname, itname) is None else -1

    cdef object step(self, str htname, str itname, long step):
        cdef HashTable table = self.table(htname)
        value = None if table is None else table.add(itname, step, now_of(self))
        return -1 if value is None else value

    def sht_inc(self, str htname not None, str itname not None):
        """Raise an integer; the new value, -1 when that is not possible."""
        return self.step(htname, itname, 1)

    def sht_dec(self, str htname not None, str itname not None):
        """Lower an integer; the new value, -1 when that is not possible."""
        return self.step(htname, itname, -1)

    cdef int remove_where(self, str htname, str part, str operator, str text) except -2:
        cdef HashTable table = self.table(htname)
        if table is None:
            return -1
        try:
            table.remove_where(part, operator, text)
        except ValueError as error:
            logger.error("a script's call of htable failed: %s", error)
            return -1
        return 1

    def sht_rm_name_re(self, str htname not None, str rexp not None):
        """Drop the cells whose name the expression finds."""
        return self.remove_where(htname, "name", "re", rexp)

    def sht_rm_value_re(self, str htname not None, str rexp not None):
        """Drop the cells whose value the expression finds."""
        return self.remove_where(htname, "value", "re", rexp)

    def sht_rm_name(self, str sname not None, str sop not None, str sval not None):
        """Drop the cells whose name compares so: eq, ne, re or sw."""
        return self.remove_where(sname, "name", sop, sval)

    def sht_rm_value(self, str sname not None, str sop not None, str sval not None):
        """Drop the cells whose value compares so: eq, ne, re or sw."""
        return self.remove_where(sname, "value", sop, sval)

    cdef int has_where(self, str htname, str part, str operator, str text) except -2:
        cdef HashTable table = self.table(htname)
        try:
            return 1 if table is not None and table.has_where(part, operator, text) else -1
        except ValueError as error:
            logger.error("a script's call of htable failed: %s", error)
            return -1

    def sht_match_name(self, str sname not None, str sop not None, str mval not None):
        """1: some cell's name compares so; -1: none does."""
        return self.has_where(sname, "name", sop, mval)

    def sht_has_name(self, str sname not None, str sop not None, str mval not None):
        return self.has_where(sname, "name", sop, mval)

    def sht_match_str_value(self, str sname not None, str sop not None, str mval not None):
        """1: some cell's value compares so; -1: none does."""
        return self.has_where(sname, "value", sop, mval)

    def sht_has_str_value(self, str sname not None, str sop not None, str mval not None):
        return self.has_where(sname, "value", sop, mval)

    def sht_reset(self, str hname not None):
        """Empty the table."""
        cdef HashTable table = self.table(hname)
        if table is None:
            return -1
        table.clear()
        return 1

    def sht_lock(self, str htname not None, str skey not None):
        """1: one worker runs one callback at a time, so a cell needs no lock until it waits."""
        return 1 if self.table(htname) is not None else -1

    def sht_unlock(self, str htname not None, str skey not None):
        return 1 if self.table(htname) is not None else -1

    def sht_iterator_start(self, str iname not None, str hname not None):
        """Begin to walk over the cells as they are now."""
        cdef HashTable table = self.table(hname)
        if table is None:
            return -1
        if self.iterators is None:
            self.iterators = {}
        self.iterators[iname] = [iter(table.items(now_of(self))), None, table]
        return 1

    def sht_iterator_next(self, str iname not None):
        """1: there is a current cell; -1: that was the last."""
        found = None if self.iterators is None else self.iterators.get(iname)
        if found is None:
            return -1
        found[1] = next(found[0], None)
        return 1 if found[1] is not None else -1

    def sht_iterator_end(self, str iname not None):
        return 1 if self.iterators is not None and self.iterators.pop(iname, None) is not None else -1

    def sht_iterator_rm(self, str iname not None):
        """Drop the current cell."""
        found = None if self.iterators is None else self.iterators.get(iname)
        if found is None or found[1] is None:
            return -1
        found[2].remove(found[1][0])
        return 1

    def sht_cn(self, str htname not None, str rexp not None):
        """How many cells have a name that the expression finds; -1: broken expression or no such table."""
        cdef HashTable table = self.table(htname)
        try:
            return -1 if table is None else table.count_where("name", "re", rexp)
        except ValueError as error:
            logger.error("a script's call of htable failed: %s", error)
            return -1
