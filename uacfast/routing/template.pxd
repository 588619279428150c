"""Texts with pseudo-variables, compiled once."""
from libc.stdint cimport uint8_t, uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer
from uacfast.sip.message cimport SipMessage
from uacfast.transport.udp cimport UdpTransport

cdef enum:
    PIECES_MAX = 64
    TEMPLATE_SIZE = 4096         # octets that one evaluation may write

cdef enum Variable:
    LITERAL
    REQUEST_URI
    REQUEST_URI_USER
    REQUEST_URI_HOST
    REQUEST_URI_PORT
    FROM_URI
    FROM_USER
    FROM_HOST
    FROM_DISPLAY
    TO_URI
    TO_USER
    TO_HOST
    TO_DISPLAY
    METHOD
    CALL_ID
    SOURCE_ADDRESS
    SOURCE_PORT
    USER_AGENT
    HEADER
    RECEIVED_ADDRESS
    RECEIVED_PORT


cdef struct Piece:
    Variable variable
    sip_text text                # LITERAL: the text; HEADER: the name


cdef class Template:
    cdef Piece pieces[PIECES_MAX]
    cdef int count
    cdef readonly str source
    cdef list keeper

    cdef sip_text evaluate(self, SipMessage request, UdpTransport transport) noexcept


cdef bint read_variable(Variable variable, sip_text argument, SipMessage request, UdpTransport transport,
                        text_writer *numbers, sip_text *value) noexcept
