"""Registrations on a worker's engine."""
from uacfast.proxy.engine cimport Engine
from uacfast.uac.registration.machine cimport Sender


cdef class EngineSender(Sender):
    cdef Engine engine
