from libc.stdint cimport uint8_t, uint16_t, uint32_t
from uacfast.leaves.sip_text cimport sip_text


cdef extern from "sip_scan.h" nogil:
    # int and an anonymous enum, so that Cython takes the ids as array indices.
    ctypedef int sip_header_id

    enum:
        SIP_HEADER_OTHER
        SIP_HEADER_VIA
        SIP_HEADER_FROM
        SIP_HEADER_TO
        SIP_HEADER_CALL_ID
        SIP_HEADER_CSEQ
        SIP_HEADER_CONTACT
        SIP_HEADER_MAX_FORWARDS
        SIP_HEADER_ROUTE
        SIP_HEADER_RECORD_ROUTE
        SIP_HEADER_CONTENT_LENGTH
        SIP_HEADER_CONTENT_TYPE
        SIP_HEADER_EXPIRES
        SIP_HEADER_REQUIRE
        SIP_HEADER_PROXY_REQUIRE
        SIP_HEADER_SUPPORTED
        SIP_HEADER_UNSUPPORTED
        SIP_HEADER_ALLOW
        SIP_HEADER_AUTHORIZATION
        SIP_HEADER_PROXY_AUTHORIZATION
        SIP_HEADER_WWW_AUTHENTICATE
        SIP_HEADER_PROXY_AUTHENTICATE
        SIP_HEADER_USER_AGENT
        SIP_HEADER_SERVER
        SIP_HEADER_EVENT
        SIP_HEADER_SUBJECT
        SIP_HEADER_REFER_TO
        SIP_HEADER_REFERRED_BY
        SIP_HEADER_SESSION_EXPIRES
        SIP_HEADER_MIN_SE
        SIP_HEADER_MIN_EXPIRES
        SIP_HEADER_RETRY_AFTER
        SIP_HEADER_REASON
        SIP_HEADER_RACK
        SIP_HEADER_RSEQ
        SIP_HEADER_PATH
        SIP_HEADER_SERVICE_ROUTE
        SIP_HEADER_MAX_BREADTH
        SIP_HEADER_CONTENT_ENCODING
        SIP_HEADER_ACCEPT_CONTACT
        SIP_HEADER_REJECT_CONTACT
        SIP_HEADER_REQUEST_DISPOSITION
        SIP_HEADER_ALLOW_EVENTS
        SIP_HEADER_IDENTITY
        SIP_HEADER_P_ASSERTED_IDENTITY
        SIP_HEADER_P_PREFERRED_IDENTITY
        SIP_HEADER_PRIVACY
        SIP_HEADER_DIVERSION
        SIP_HEADER_ID_COUNT

    ctypedef int sip_method_id

    enum:
        SIP_METHOD_OTHER
        SIP_METHOD_INVITE
        SIP_METHOD_ACK
        SIP_METHOD_BYE
        SIP_METHOD_CANCEL
        SIP_METHOD_OPTIONS
        SIP_METHOD_REGISTER
        SIP_METHOD_PRACK
        SIP_METHOD_UPDATE
        SIP_METHOD_INFO
        SIP_METHOD_SUBSCRIBE
        SIP_METHOD_NOTIFY
        SIP_METHOD_REFER
        SIP_METHOD_MESSAGE
        SIP_METHOD_PUBLISH

    enum:
        SIP_HEADERS_CAPACITY

    ctypedef struct sip_header:
        sip_text line
        sip_text name
        sip_text value
        uint16_t next
        uint8_t id

    ctypedef struct sip_limits:
        uint32_t message
        uint32_t header_part
        uint32_t line
        uint32_t headers

    enum:
        SIP_FLAW_VERSION
        SIP_FLAW_HEADER_LINE
        SIP_FLAW_NO_EMPTY_LINE
        SIP_FLAW_CONTENT_LENGTH
        SIP_FLAW_BODY_SHORT
        SIP_FLAW_LIMIT
        SIP_FLAW_REQUEST_URI
        SIP_FLAW_REPEATED

    ctypedef enum sip_scan_result:
        SIP_SCAN_OK
        SIP_SCAN_KEEPALIVE
        SIP_SCAN_NOT_SIP

    ctypedef struct sip_message:
        const char *data
        uint32_t size
        uint32_t length
        uint32_t headers_start
        uint32_t headers_end
        uint32_t flaws
        uint8_t is_request
        uint8_t method
        uint16_t status
        sip_text method_text
        sip_text request_uri
        sip_text version
        sip_text reason
        sip_text body
        uint16_t header_count
        uint16_t *first   # SIP_HEADER_ID_COUNT entries
        uint16_t *last
        sip_header *headers   # SIP_HEADERS_CAPACITY entries

    sip_scan_result sip_scan(sip_message *message, const char *data, uint32_t size, const sip_limits *limits,
                             int accept_lf)
    const sip_header *sip_first_header(const sip_message *message, sip_header_id id)
    const sip_header *sip_next_header(const sip_message *message, const sip_header *header)
    int sip_find_header(const sip_message *message, sip_text name, int start)
    sip_header_id sip_header_id_of(sip_text name)
    sip_method_id sip_method_id_of(sip_text name)
