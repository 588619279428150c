"""Parameters of remote registration, as the configuration has them."""
from libc.stdint cimport uint32_t, uint64_t


cdef class RegistrationSettings:
    cdef public bint active, keep_callid, use_domain
    cdef public uint32_t timer_interval, retry_interval, hash_size        # seconds; exponent
    cdef public int random_delay                                         # seconds
    cdef public uint32_t retry_max, retry_refused, enable_after          # seconds
    cdef public bint retry_after, min_expires_at_once, preemptive, service_route, keep_states
    cdef public uint32_t refresh_spread                                  # percent of the granted time
    cdef public uint32_t max_rate, registrar_rate                        # attempts per second, 0: no limit
    cdef public uint32_t breaker_failures, breaker_interval              # 0: off; seconds
    cdef public uint32_t fr_timer                                        # ms, 0: the general one
    cdef public uint32_t overdue                                         # ms after which an attempt counts as stuck
    cdef public bytes contact_addr, user_agent_line
    cdef public int socket                                               # default_socket's index, -1: by destination
