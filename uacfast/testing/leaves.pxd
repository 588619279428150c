from uacfast.leaves.hash_table cimport hash_table
from uacfast.leaves.slab cimport slab
from uacfast.leaves.timer_wheel cimport timer_entry, timer_wheel
from uacfast.leaves.udp_batch cimport udp_receive_ring, udp_send_ring


cdef class HashTable:
    cdef hash_table table


cdef class TimerWheel:
    cdef timer_wheel wheel
    cdef timer_entry *timers
    cdef readonly Py_ssize_t capacity
    cdef timer_entry *_timer(self, Py_ssize_t index) except NULL


cdef class Slab:
    cdef slab *pool


cdef class UdpReceiver:
    cdef udp_receive_ring *ring


cdef class UdpSender:
    cdef udp_send_ring *ring
