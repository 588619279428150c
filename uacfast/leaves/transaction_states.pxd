from libc.stdint cimport uint8_t, uint16_t


cdef extern from "transaction_states.h" nogil:
    ctypedef int transaction_machine
    ctypedef int transaction_state
    ctypedef int transaction_event

    enum:
        SERVER_INVITE
        SERVER_NON_INVITE
        CLIENT_INVITE
        CLIENT_NON_INVITE

    enum:
        STATE_TRYING
        STATE_CALLING
        STATE_PROCEEDING
        STATE_ACCEPTED
        STATE_COMPLETED
        STATE_CONFIRMED
        STATE_ABANDONED
        STATE_TERMINATED

    enum:
        EVENT_REQUEST
        EVENT_ACK
        EVENT_SEND_1XX
        EVENT_SEND_2XX
        EVENT_SEND_FINAL
        EVENT_1XX
        EVENT_2XX
        EVENT_FINAL
        EVENT_RETRANSMIT
        EVENT_TIMEOUT
        EVENT_LINGER
        EVENT_TRANSPORT_ERROR

    enum:
        ACTION_SEND
        ACTION_RESEND
        ACTION_PASS_UP
        ACTION_SEND_ACK
        ACTION_STOP_RETRANSMIT
        ACTION_START_RETRANSMIT
        ACTION_BACK_OFF
        ACTION_START_TIMEOUT
        ACTION_RENEW_TIMEOUT
        ACTION_LINGER_LONG
        ACTION_LINGER_SHORT
        ACTION_REPORT_TIMEOUT
        ACTION_REPORT_ERROR
        ACTION_DESTROY

    ctypedef struct transaction_step:
        uint16_t actions
        uint8_t next
        bint defined

    transaction_step transaction_states_step(transaction_machine machine, transaction_state state,
                                             transaction_event event)
