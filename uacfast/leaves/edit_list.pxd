from libc.stdint cimport uint32_t
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer


cdef extern from "edit_list.h" nogil:
    enum:
        EDIT_LIST_CAPACITY

    ctypedef struct edit:
        uint32_t offset
        uint32_t removed
        sip_text inserted

    ctypedef struct edit_list:
        uint32_t count
        edit *items              # EDIT_LIST_CAPACITY entries, in order

    void edit_list_clear(edit_list *edits)
    int edit_list_replace(edit_list *edits, uint32_t offset, uint32_t removed, sip_text inserted)
    int edit_list_insert(edit_list *edits, uint32_t offset, sip_text inserted)
    void edit_list_undo(edit_list *edits, uint32_t offset, uint32_t removed)
    void edit_list_write(const edit_list *edits, const char *data, uint32_t start, uint32_t end, text_writer *out)
