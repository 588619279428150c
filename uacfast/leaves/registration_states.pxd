from libc.stdint cimport uint8_t, uint16_t


cdef extern from "registration_states.h" nogil:
    ctypedef int registration_state
    ctypedef int registration_event

    enum:
        REGISTRATION_UNREGISTERED
        REGISTRATION_IN_PROGRESS
        REGISTRATION_AUTHENTICATING
        REGISTRATION_REGISTERED
        REGISTRATION_REFRESHING
        REGISTRATION_REAUTHENTICATING
        REGISTRATION_FAILED
        REGISTRATION_DISABLED
        REGISTRATION_STATES

    enum:
        REGISTRATION_DUE
        REGISTRATION_OVERDUE
        REGISTRATION_EXPIRED
        REGISTRATION_ACCEPTED
        REGISTRATION_UNBOUND
        REGISTRATION_CHALLENGED
        REGISTRATION_TOO_BRIEF
        REGISTRATION_REFUSED
        REGISTRATION_GIVEN_UP
        REGISTRATION_ENABLE
        REGISTRATION_DISABLE
        REGISTRATION_RESTART
        REGISTRATION_EVENTS

    enum:
        REGISTRATION_GO_OFFLINE
        REGISTRATION_COUNT_STUCK
        REGISTRATION_GRANT
        REGISTRATION_RAISE
        REGISTRATION_AGAIN
        REGISTRATION_RETRY
        REGISTRATION_BAR
        REGISTRATION_UNBAR
        REGISTRATION_ANSWER
        REGISTRATION_SEND
        REGISTRATION_LATER

    ctypedef struct registration_step:
        uint16_t actions
        uint8_t next
        bint defined

    registration_step registration_states_step(registration_state state, registration_event event)
    bint registration_is_ongoing(registration_state state)
