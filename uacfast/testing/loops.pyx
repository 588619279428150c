"""Loops over the C leaves for the benchmarks: what a leaf costs without the Python call around it.

Each runs its work `n` times and returns something computed from it, so that a test can see that work was done.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from uacfast.leaves.hash_table cimport hash_table_find, hash_table_free, hash_table_init, hash_table_insert
from uacfast.leaves.rr_param cimport RR_PARAM_URI_MAX, RR_PARAM_VALUE_MAX, rr_param_decode, rr_param_encode
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse, sip_cseq, sip_cseq_parse, sip_via, sip_via_parse
from uacfast.leaves.sip_scan cimport SIP_HEADER_CSEQ, SIP_HEADER_FROM, SIP_HEADER_TO, SIP_HEADER_VIA, \
    SIP_HEADERS_CAPACITY, SIP_SCAN_OK, sip_first_header, sip_header, sip_limits, sip_message, sip_scan
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.leaves.siphash cimport siphash
from uacfast.sip.digest import response

# 64 octets: about what branch and Call-ID of a transaction key have together.
cdef enum:
    KEY_WORDS = 8


cdef inline sip_text text_of(bytes data) noexcept:
    cdef sip_text text
    text.at = PyBytes_AS_STRING(data)
    text.length = <uint32_t>PyBytes_GET_SIZE(data)
    return text


cdef sip_limits wide_limits() noexcept:
    cdef sip_limits limits
    limits.message = limits.header_part = limits.line = 65535
    limits.headers = SIP_HEADERS_CAPACITY
    return limits


def scan_loop(bytes data not None, Py_ssize_t n):
    """Scans the message; header lines seen in all. ValueError when it is not a message without flaws."""
    cdef sip_limits limits = wide_limits()
    cdef const char *octets = PyBytes_AS_STRING(data)
    cdef uint32_t size = <uint32_t>PyBytes_GET_SIZE(data)
    cdef sip_message *message = <sip_message *>malloc(sizeof(sip_message))
    cdef uint64_t headers = 0
    cdef Py_ssize_t i
    if not message:
        raise MemoryError
    try:
        for i in range(n):
            if sip_scan(message, octets, size, &limits, 0) != SIP_SCAN_OK or message.flaws:
                raise ValueError("The benchmark's message has a flaw; give one that a proxy would relay.")
            headers += message.header_count
        return headers
    finally:
        free(message)


cdef bint parse_values(const sip_message *message) noexcept nogil:
    """What relaying looks at in every message: Request-URI, topmost Via, From, To, CSeq."""
    cdef sip_uri uri
    cdef sip_via via
    cdef sip_address address
    cdef sip_cseq cseq
    cdef const sip_header *vias = sip_first_header(message, SIP_HEADER_VIA)
    cdef const sip_header *origin = sip_first_header(message, SIP_HEADER_FROM)
    cdef const sip_header *target = sip_first_header(message, SIP_HEADER_TO)
    cdef const sip_header *sequence = sip_first_header(message, SIP_HEADER_CSEQ)
    if not vias or not origin or not target or not sequence:
        return False
    if message.is_request and sip_uri_parse(message.request_uri, &uri) != 0:
        return False
    if sip_via_parse(vias.value, &via) != 0 or sip_cseq_parse(sequence.value, &cseq) != 0:
        return False
    if sip_address_parse(origin.value, &address) != 0 or sip_uri_parse(address.uri, &uri) != 0:
        return False
    return sip_address_parse(target.value, &address) == 0 and sip_uri_parse(address.uri, &uri) == 0


def scan_and_parse_loop(bytes data not None, Py_ssize_t n):
    """Scans the message and parses Request-URI, topmost Via, From, To and CSeq; messages done. Errors as scan_loop()."""
    cdef sip_limits limits = wide_limits()
    cdef const char *octets = PyBytes_AS_STRING(data)
    cdef uint32_t size = <uint32_t>PyBytes_GET_SIZE(data)
    cdef sip_message *message = <sip_message *>malloc(sizeof(sip_message))
    cdef Py_ssize_t i
    if not message:
        raise MemoryError
    try:
        for i in range(n):
            if sip_scan(message, octets, size, &limits, 0) != SIP_SCAN_OK or message.flaws or not parse_values(message):
                raise ValueError("The benchmark's message has a flaw; give one that a proxy would relay.")
        return n
    finally:
        free(message)


def rr_encode_loop(bytes original not None, bytes replacement not None, bytes password not None, Py_ssize_t n):
    """Encodes the Record-Route parameter; octets written in all. ValueError when a URI is too long."""
    cdef char[RR_PARAM_VALUE_MAX] value
    cdef uint64_t octets = 0
    cdef int length
    cdef Py_ssize_t i
    for i in range(n):
        length = rr_param_encode(text_of(original), text_of(replacement), text_of(password), value, RR_PARAM_VALUE_MAX)
        if length < 0:
            raise ValueError("The benchmark's URI does not fit into a Record-Route parameter; give a shorter one.")
        octets += length
    return octets


def rr_decode_loop(bytes value not None, bytes current not None, bytes password not None, Py_ssize_t n):
    """Decodes the Record-Route parameter; octets written in all. ValueError when it does not decode."""
    cdef char[RR_PARAM_URI_MAX] uri
    cdef uint64_t octets = 0
    cdef int length
    cdef Py_ssize_t i
    for i in range(n):
        length = rr_param_decode(text_of(value), text_of(current), text_of(password), uri, RR_PARAM_URI_MAX)
        if length < 0:
            raise ValueError("The benchmark's value does not decode; give one that rr_param.encode() made.")
        octets += length
    return octets


def digest_response_loop(bytes ha1 not None, bytes nonce not None, bytes method not None, bytes uri not None,
                         bytes nc not None, bytes cnonce not None, str algorithm not None, Py_ssize_t n):
    """uacfast.sip.digest.response() with qop=auth; the last response."""
    cdef Py_ssize_t i
    digest = None
    for i in range(n):
        digest = response(ha1, nonce, method, uri, b"auth", nc, cnonce, algorithm=algorithm)
    return digest


cdef uint64_t RANDOM_FACTOR = <uint64_t>6364136223846793005ULL
cdef uint64_t RANDOM_STEP = <uint64_t>1442695040888963407ULL


cdef inline uint64_t next_random(uint64_t number) noexcept:
    """Knuth's 64-bit linear congruential generator; use the upper bits."""
    return number * RANDOM_FACTOR + RANDOM_STEP


cdef class LookupTable:
    """A hash table of `entries` transaction keys of 64 octets, hashed with SipHash as the engine does."""

    def __cinit__(self, uint64_t entries):
        cdef uint64_t number
        if entries < 1:
            raise ValueError("A table to look things up in has at least one entry.")
        self.entries = entries
        self.key.k0, self.key.k1 = 0x0706050403020100, 0x0f0e0d0c0b0a0908
        if hash_table_init(&self.table, entries) != 0:
            raise MemoryError
        for number in range(entries):
            if hash_table_insert(&self.table, self.hash_of(number), <void *>(number + 1)) != 0:
                raise MemoryError

    def __dealloc__(self):
        hash_table_free(&self.table)

    cdef uint64_t hash_of(self, uint64_t number) noexcept:
        cdef uint64_t[KEY_WORDS] octets
        cdef int i
        for i in range(KEY_WORDS):
            octets[i] = number + i
        return siphash(&self.key, octets, KEY_WORDS * sizeof(uint64_t))


def hash_loop(LookupTable table not None, Py_ssize_t n):
    """Hashes n keys without looking them up; their XOR. What is left of hash_lookup_loop() is the lookup."""
    cdef uint64_t number = 0, mixed = 0
    cdef Py_ssize_t i
    for i in range(n):
        number = next_random(number)
        mixed ^= table.hash_of((number >> 33) % table.entries)
    return mixed


def hash_lookup_loop(LookupTable table not None, Py_ssize_t n):
    """Hashes and looks up n keys; how many were found.

    The order is random and each key depends on the value found before it, so neither caches nor overlapping loads
    hide what one lookup takes."""
    cdef uint64_t number = 0, wanted, found = 0
    cdef size_t cursor
    cdef void *value = NULL
    cdef Py_ssize_t i
    for i in range(n):
        number = next_random(number ^ <uint64_t>value)
        wanted = (number >> 33) % table.entries
        cursor = 0
        value = hash_table_find(&table.table, table.hash_of(wanted), &cursor)
        found += value == <void *>(wanted + 1)
    return found
