"""Replies without a transaction: to malformed, refused and superfluous requests (engine.md §2)."""
from uacfast.leaves.siphash cimport siphash_add, siphash_end, siphash_start, siphash_state
from uacfast.leaves.text_writer cimport text_put_hex, text_writer, text_writer_length, text_writer_start
from uacfast.proxy.counters cimport COUNT_STATELESS_REPLIES, STATUSES
from uacfast.sip.build cimport write_reply
from uacfast.sip.message cimport literal, no_text, text_of
from uacfast.leaves.address cimport address_is_usable, address_set_port
from uacfast.transport.udp cimport datagram_space


cdef bint reply_address(SipMessage request, udp_address *reply_to) noexcept:
    """Where responses to this request go (RFC 3261 §18.2.2, RFC 3581 §4): always to the host that it came from.

    maddr is not followed: it would let strangers aim our responses at others (engine Z4).
    """
    reply_to[0] = request.source
    if request.via.rport_parameter.at == NULL:
        address_set_port(reply_to, request.via.port if request.via.port else 5060)
    return address_is_usable(reply_to)


cdef class StatelessReplies:

    def __init__(self, UdpTransport transport, TransactionSettings timers, Counters counters):
        self.transport = transport
        self.timers = timers
        self.counters = counters

    cdef uint32_t tag_of(self, SipMessage request, char *tag) noexcept:
        """The To tag of our replies to this request, which its ACK brings back; `tag` holds 20 octets."""
        cdef siphash_state state
        cdef text_writer out
        siphash_start(&state, &self.key)
        siphash_add(&state, request.via.value.at, request.via.value.length)
        siphash_add(&state, request.call_id.at, request.call_id.length)
        text_writer_start(&out, tag, 20)
        text_put_hex(&out, siphash_end(&state), 16)
        return text_writer_length(&out)

    cdef void send(self, SipMessage request, int status, sip_text reason, sip_text to_tag, sip_text extra_lines,
                   const udp_address *reply_to) noexcept:
        """One response; with no `to_tag` given, the same request always gets the same one."""
        cdef char tag[20]
        cdef text_writer out
        cdef char *space
        cdef bytes line = self.timers.server_line
        cdef uint32_t capacity = datagram_space(
            request.index.headers_end + reason.length + extra_lines.length + <uint32_t>len(line) + 512)
        if to_tag.at == NULL:
            to_tag = text_of(tag, self.tag_of(request, tag))
        space = self.transport.reserve(capacity)
        if space == NULL:
            return
        text_writer_start(&out, space, capacity)
        if write_reply(request, status, reason, to_tag, extra_lines, text_of(<const char *>line, <uint32_t>len(line)), &out):
            self.transport.commit(text_writer_length(&out), request.socket, reply_to, 0)
            self.counters.at[COUNT_STATELESS_REPLIES] += 1
            self.counters.stateless_statuses[status if 0 <= status < STATUSES else 0] += 1

    cdef void refuse(self, SipMessage request, int status, const char *reason, const udp_address *reply_to) noexcept:
        self.send(request, status, literal(reason) if reason != NULL else no_text(), no_text(), no_text(), reply_to)
