"""Parameters of remote registration, as the configuration has them."""


cdef class RegistrationSettings:
    """All of Kamailio's `reg_*`, and our own; a new object has the defaults of the configuration."""

    def __init__(self):
        self.active = True
        self.timer_interval = 90
        self.hash_size = 4
        self.min_expires_at_once = True
        self.overdue = 120_000
        self.contact_addr = b""
        self.user_agent_line = b""
        self.socket = -1
