"""Callbacks that can be suspended: greenlets that are used again and again."""


cdef class GreenletPool:
    cdef list idle
    cdef readonly object current         # the greenlet that runs; None: the loop does
    cdef object serving

    cdef int run(self, object job, object argument) except -1
    cdef int suspend(self) except -1
    cdef int resume(self, object suspended) except -1
