"""What happened, in C integers that are read when somebody asks."""
from libc.stdint cimport uint64_t

cdef enum:
    COUNT_REQUESTS
    COUNT_RESPONSES
    COUNT_RETRANSMITTED_REQUESTS
    COUNT_RELAYED_REQUESTS
    COUNT_RELAYED_ACKS
    COUNT_STATELESS_REPLIES
    COUNT_LOCAL_REQUESTS
    COUNT_STRAY_RESPONSES_FORWARDED
    COUNT_HANDED_OVER
    COUNT_RESTORED_REQUESTS
    COUNT_RESTORE_FAILED
    COUNT_SEAL_BROKEN
    COUNT_OVERLOAD_REPLIES
    COUNT_LOOPS
    COUNT_NO_ROUTE
    COUNT_RESOLUTION_FAILED
    COUNT_TRANSPORT_ERRORS
    COUNT_CHALLENGES_ANSWERED
    COUNT_CHALLENGES_UNUSABLE
    COUNT_CHALLENGES_WITHOUT_CREDENTIAL
    COUNT_CHALLENGES_TOO_MANY
    COUNT_CREDENTIALS_REFUSED
    COUNT_CREDENTIALS_FORETOLD
    DROP_KEEPALIVE
    DROP_NOT_SIP
    DROP_NO_VIA
    DROP_BAD_REQUEST
    DROP_BAD_ACK
    DROP_BAD_RESPONSE
    DROP_STRAY_RESPONSE
    DROP_FOREIGN_RESPONSE
    DROP_STRAY_ACK
    DROP_UNUSABLE_SOURCE
    DROP_NO_MEMORY
    DROP_TRUNCATED
    DROP_FLOODED
    COUNTER_COUNT


cdef enum:
    METHODS = 16                 # sip_method_id is less
    STATUSES = 700               # a response's status is less


cdef class Counters:
    cdef uint64_t at[COUNTER_COUNT]
    cdef uint64_t methods[METHODS]                      # requests received, by sip_method_id
    cdef uint64_t statuses[STATUSES]                    # responses received, by status
    cdef uint64_t class_methods[7 * METHODS]            # those of transactions, by status / 100 * METHODS + sip_method_id
    cdef uint64_t stateless_statuses[STATUSES]          # replies of our own outside of transactions, by status
