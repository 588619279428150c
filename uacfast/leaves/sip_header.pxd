from libc.stdint cimport uint8_t, uint16_t, uint32_t
from uacfast.leaves.sip_text cimport sip_text


cdef extern from "sip_header.h" nogil:
    ctypedef struct sip_via:
        sip_text value
        sip_text protocol
        sip_text transport
        sip_text host
        uint16_t port
        sip_text sent_by
        sip_text parameters
        sip_text branch
        sip_text received
        sip_text maddr
        sip_text rport_parameter
        uint16_t rport
        const char *next

    int sip_via_parse(sip_text value, sip_via *via)

    ctypedef struct sip_address:
        sip_text value
        sip_text display
        sip_text uri
        sip_text name_addr
        sip_text parameters
        sip_text tag
        uint8_t brackets
        const char *next

    int sip_address_parse(sip_text value, sip_address *address)

    ctypedef struct sip_cseq:
        uint32_t number
        sip_text number_text
        sip_text method

    int sip_cseq_parse(sip_text value, sip_cseq *cseq)
    bint sip_list_next(sip_text *rest, sip_text *element)
