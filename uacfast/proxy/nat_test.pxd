"""Does a request come from behind a NAT, and the address that it came from as a URI parameter (Kamailio: nathelper)."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.text_writer cimport text_writer
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.sip.message cimport SipMessage

cdef enum:                       # bits of nat_uac_test()
    NAT_CONTACT_PRIVATE = 1
    NAT_VIA_DIFFERS = 2          # host of the topmost Via is not the source
    NAT_VIA_PRIVATE = 4
    NAT_SDP_PRIVATE = 8
    NAT_VIA_PORT_DIFFERS = 16
    NAT_SOURCE_PRIVATE = 32
    NAT_WEBSOCKET = 64
    NAT_CONTACT_PORT_DIFFERS = 128
    NAT_SDP_DIFFERS = 256
    NAT_CONTACT_HOST_DIFFERS = 512


cdef bint is_private_host(sip_text host) noexcept
cdef bint is_private(const udp_address *address) noexcept
cdef bint nat_uac_test(SipMessage message, int tests) noexcept
cdef bint first_contact(SipMessage message, sip_text *uri, bint *brackets) noexcept
cdef bint next_sdp_address(sip_text *rest, sip_text *address) noexcept
cdef void put_alias(const udp_address *source, int protocol, text_writer *out) noexcept
cdef bint read_alias(sip_text value, sip_text *host, sip_text *port, int *protocol) noexcept
cdef bint find_alias(sip_text uri, sip_text *whole, sip_text *value) noexcept
