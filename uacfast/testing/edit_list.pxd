from uacfast.leaves.edit_list cimport edit_list


cdef class EditList:
    cdef bytes data
    cdef list inserted
    cdef edit_list edits
