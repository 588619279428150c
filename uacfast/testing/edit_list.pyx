"""A Python face of the edit list, for tests only."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc

from uacfast.leaves.edit_list cimport (
    edit_list_clear, edit_list_insert, edit_list_replace, edit_list_undo, edit_list_write,
)
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.sip.message cimport text_of


cdef class EditList:
    """Edits of one text."""

    def __cinit__(self, bytes data not None):
        self.data = data
        self.inserted = []
        edit_list_clear(&self.edits)

    def __len__(self):
        return self.edits.count

    def _check(self, size_t offset, size_t removed):
        if offset + removed > <size_t>len(self.data):
            raise IndexError("An edit lies within the text.")

    def replace(self, size_t offset, size_t removed, bytes text not None):
        """True when the edit was taken. IndexError when it does not lie within the text."""
        self._check(offset, removed)
        self.inserted.append(text)      # the list refers to it
        return edit_list_replace(&self.edits, <unsigned int>offset, <unsigned int>removed,
                                 text_of(PyBytes_AS_STRING(text), <unsigned int>PyBytes_GET_SIZE(text))) == 0

    def insert(self, size_t offset, bytes text not None):
        """True when the edit was taken. IndexError when it does not lie within the text."""
        self._check(offset, 0)
        self.inserted.append(text)
        return edit_list_insert(&self.edits, <unsigned int>offset,
                                text_of(PyBytes_AS_STRING(text), <unsigned int>PyBytes_GET_SIZE(text))) == 0

    def undo(self, size_t offset, size_t removed):
        """Takes back what stands at this very range."""
        edit_list_undo(&self.edits, <unsigned int>offset, <unsigned int>removed)

    def write(self, start=0, end=None, capacity=None):
        """Octets [start, end) edited; OverflowError when `capacity` is not enough."""
        cdef text_writer out
        cdef size_t first = start
        cdef size_t last = len(self.data) if end is None else end
        cdef size_t space = capacity if capacity is not None else len(self.data) + sum(map(len, self.inserted))
        cdef char *text = <char *>malloc(space + 1)
        if text == NULL:
            raise MemoryError
        try:
            self._check(first, last - first)
            text_writer_start(&out, text, space)
            edit_list_write(&self.edits, PyBytes_AS_STRING(self.data), <unsigned int>first, <unsigned int>last, &out)
            if out.overflow:
                raise OverflowError("The edited text is longer than the space for it.")
            return PyBytes_FromStringAndSize(text, text_writer_length(&out))
        finally:
            free(text)
