"""Callbacks that can be suspended: greenlets that are used again and again.

A greenlet has its own stack, so a callback in it can be left in the middle of a function and taken up later. Making one
costs more than most callbacks do, switching to one about half a microsecond: so they are kept.
"""
from greenlet import greenlet

cdef enum:
    IDLE_MAX = 64                # greenlets that are kept; each holds a few kilobytes of stack


cdef class GreenletPool:

    def __init__(self):
        self.idle = []
        self.serving = self.serve

    def serve(self, job, argument):
        """What a pooled greenlet does: one job after the other. Jobs do not raise."""
        while True:
            job(argument)
            self.current, own = None, self.current
            if len(self.idle) >= IDLE_MAX:
                return
            self.idle.append(own)
            job, argument = own.parent.switch()

    cdef int run(self, object job, object argument) except -1:
        """Call job(argument); returns when it has ended or is suspended. Within a greenlet it is a plain call."""
        if self.current is not None:
            job(argument)
            return 0
        self.current = self.idle.pop() if self.idle else greenlet(self.serving)
        self.current.switch(job, argument)

    cdef int suspend(self) except -1:
        """Leave the running job; returns when somebody resumes it."""
        own, self.current = self.current, None
        own.parent.switch()

    cdef int resume(self, object suspended) except -1:
        """Take up a job that suspend() left; returns when it has ended or is suspended again."""
        self.current = suspended
        suspended.switch()
