"""Requests of our own: sent, retransmitted, and their responses told to whoever began them (RFC 3261 §8.1, §17.1).

They are transactions without a server side. A 2xx to an INVITE is acknowledged here, each copy of it (§13.2.2.4), so that
whoever began it need not.
"""
import asyncio

from libc.stdlib cimport free, realloc

from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_CONTACT, SIP_HEADER_FROM, SIP_HEADER_RECORD_ROUTE, SIP_HEADER_TO, SIP_METHOD_ACK, SIP_METHOD_INVITE,
    SIP_SCAN_OK, sip_first_header, sip_header,
)
from uacfast.leaves.sip_uri cimport sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport (
    text_put, text_put_string, text_put_text, text_put_uint, text_writer, text_writer_length, text_writer_start,
)
from uacfast.proxy.counters cimport COUNT_LOCAL_REQUESTS, COUNT_RESOLUTION_FAILED, COUNT_TRANSPORT_ERRORS, DROP_NO_MEMORY
from uacfast.proxy.forward cimport HOP_FAILED, HOP_PENDING, HOP_RESOLVED, HopOutcome, max_forwards_of, take_addresses
from uacfast.proxy.route_set cimport RouteSet, read_route_set
from uacfast.sip.message cimport bytes_of, no_text, text_of
from uacfast.tm.table cimport FINAL_SENT
from uacfast.leaves.transaction_states cimport STATE_TERMINATED

cdef enum:
    ACK_SIZE = 8192              # octets of an ACK that we write ourselves, route set included
    NOT_RESOLVED = 478           # as Kamailio answers when a next hop's name cannot be resolved


cdef class LocalRequests(TransactionUser):

    def __init__(self, Forwarder forwarder):
        self.forwarder = forwarder
        forwarder.responses.local = self
        self.request = SipMessage()

    def __dealloc__(self):
        free(self.deferred)

    cdef bint send(self, LocalUser user, uint64_t tag, const char *octets, uint32_t length, sip_text destination,
                   int socket, uint32_t fr_timer, uint32_t fr_inv_timer) noexcept:
        """Begin a transaction with this request and tell `user` about its responses.

        `octets`: the whole request without Via; `destination`: the SIP URI that decides where it goes (not written
        anywhere); `socket`: an index of the transport, -1: chosen by destination; timers in ms, 0: the general ones.
        False, and nothing sent, when the octets are no request, the method is ACK, or memory ends. `user` is never called
        from within.
        """
        cdef Transaction *transaction
        cdef Forwarder forwarder = self.forwarder
        if not self.read(octets, length, destination, socket) or self.request.index.method == SIP_METHOD_ACK:
            return False
        transaction = forwarder.table.create(self.request, 0, &self.request.source)
        if transaction == NULL:
            forwarder.counters.at[DROP_NO_MEMORY] += 1
            return False
        transaction.fr_timer = fr_timer if fr_timer else forwarder.timers.fr_timer
        transaction.fr_inv_timer = fr_inv_timer if fr_inv_timer else forwarder.timers.fr_inv_timer
        transaction.local_tag = tag
        forwarder.table.set_context(transaction, user)
        if not forwarder.table.fill(&transaction.memo, destination.at, destination.length):
            forwarder.table.destroy(transaction)
            return False
        forwarder.counters.at[COUNT_LOCAL_REQUESTS] += 1
        transaction.pending += 1         # so that a failure at once is not told before this returns
        self.begin_attempt(transaction)
        if transaction.branches != NULL and transaction.branches.final and self.defer(transaction):
            return True
        transaction.pending -= 1
        return True

    cdef bint read(self, const char *octets, uint32_t length, sip_text destination, int socket) noexcept:
        """Scan a request of our own into self.request, ready to be sent."""
        cdef SipMessage request = self.request
        if (request.scan(octets, length, &self.forwarder.responses.no_limits, False) != SIP_SCAN_OK
                or not request.index.is_request or request.index.flaws or not request.parse_addresses()):
            return False
        request.reset_plan()
        request.socket = socket
        request.next_hop = destination
        request.max_forwards = max_forwards_of(request)
        request.via.branch = no_text()
        request.via.value = no_text()
        return True

    cdef void begin_attempt(self, Transaction *transaction) noexcept:
        cdef NextHop hop
        cdef HopOutcome outcome = self.forwarder.find_next_hop(self.request, &hop)
        if outcome == HOP_PENDING:
            transaction.pending += 1
            self.start_task(self.resolved(transaction.slot, transaction.check,
                                          bytes_of(hop.host).decode("ascii", "replace"), hop.port))
        elif outcome == HOP_FAILED:
            self.forwarder.counters.at[COUNT_RESOLUTION_FAILED] += 1
            self.end_branch(transaction, NOT_RESOLVED)
        else:
            self.send_branch(transaction, &hop)

    cdef void send_branch(self, Transaction *transaction, NextHop *hop) noexcept:
        cdef Branch *branch = self.forwarder.send_to_hop(transaction, self.request, 0, hop)
        if branch == NULL:
            self.end_branch(transaction, 503)
        elif branch.alternatives.at == NULL and transaction.method != SIP_METHOD_INVITE:
            # Nothing will read it again: a branch has its own copy.
            self.forwarder.table.release(&transaction.request)

    cdef void end_branch(self, Transaction *transaction, int status) noexcept:
        """An attempt that cannot even begin counts as one that failed."""
        cdef Branch *branch = self.forwarder.table.add_branch(transaction)
        if branch != NULL:
            self.forwarder.counters.at[COUNT_TRANSPORT_ERRORS] += status == 503
            self.forwarder.client.give_up(branch, status, STATE_TERMINATED)
            return
        self.local_final(transaction, status, None)

    cdef bint defer(self, Transaction *transaction) noexcept:
        """Remember to tell at the next tick that this one has failed; False when memory ends."""
        cdef uint32_t capacity = self.deferred_capacity * 2 if self.deferred_capacity else 64
        cdef void *grown
        if self.deferred_count == self.deferred_capacity:
            grown = realloc(self.deferred, capacity * 2 * sizeof(uint64_t))
            if grown == NULL:
                return False
            self.deferred = <uint64_t *>grown
            self.deferred_capacity = capacity
        self.deferred[2 * self.deferred_count] = transaction.slot
        self.deferred[2 * self.deferred_count + 1] = transaction.check
        self.deferred_count += 1
        return True

    cdef void run_deferred(self) noexcept:
        """Tell of the requests that failed while they were being sent; their users may send again at once."""
        cdef uint32_t i
        cdef uint32_t count = self.deferred_count
        cdef Transaction *transaction
        for i in range(count):
            transaction = self.forwarder.table.at_slot(<uint32_t>self.deferred[2 * i], self.deferred[2 * i + 1])
            if transaction == NULL:
                continue
            transaction.pending -= 1
            self.forwarder.finish_failed(transaction)
            self.forwarder.server.destroy_if_done(transaction)
        # What was deferred meanwhile moves to the front.
        self.deferred_count -= count
        for i in range(2 * self.deferred_count):
            self.deferred[i] = self.deferred[2 * count + i]

    # --- what becomes of them ------------------------------------------------------------------------------------

    cdef bint next_address(self, Transaction *transaction, Branch *failed) noexcept:
        """A new branch to the next address of the same name (RFC 3263 §4.3)."""
        return (transaction.request.at != NULL and self.forwarder.may_move_on(transaction, failed)
                and self.read(transaction.request.at, transaction.request.length,
                              text_of(transaction.memo.at, transaction.memo.length), failed.socket)
                and self.forwarder.move_on(transaction, self.request, failed) != NULL)

    cdef void local_final(self, Transaction *transaction, int status, SipMessage response) noexcept:
        cdef LocalUser user
        cdef bint told = transaction.flags & FINAL_SENT != 0
        if response is not None and transaction.method == SIP_METHOD_INVITE and 200 <= status < 300:
            self.acknowledge(transaction, response)
        if told:
            return
        self.forwarder.table.finish(transaction)
        transaction.state = STATE_TERMINATED
        if transaction.method != SIP_METHOD_INVITE:
            self.forwarder.table.release(&transaction.request)
        user = <LocalUser>transaction.context
        user.final(transaction.local_tag, status, response)

    cdef void local_provisional(self, Transaction *transaction, SipMessage response) noexcept:
        if not transaction.flags & FINAL_SENT:
            (<LocalUser>transaction.context).provisional(transaction.local_tag, response.index.status, response)

    cdef void acknowledge(self, Transaction *transaction, SipMessage response) noexcept:
        """The ACK to a 2xx: to the Contact, along the Record-Route values in reverse (RFC 3261 §12.1.2, §13.2.2.4)."""
        cdef char space[ACK_SIZE]
        cdef text_writer out
        cdef const sip_header *header = sip_first_header(&response.index, SIP_HEADER_CONTACT)
        cdef sip_address contact
        cdef sip_uri first
        cdef sip_text target, unused
        cdef RouteSet *routes = &self.forwarder.routes
        cdef sip_text destination
        cdef int i
        cdef int last = 0
        if (not response.parse_addresses() or transaction.request.at == NULL
                or not self.read(transaction.request.at, transaction.request.length, no_text(), -1)
                or not read_route_set(response, SIP_HEADER_RECORD_ROUTE, self.forwarder.settings.routes, routes)):
            return
        target = self.request.index.request_uri
        if header != NULL and sip_address_parse(header.value, &contact) == 0:
            target = contact.uri
        destination = target
        text_writer_start(&out, space, ACK_SIZE)
        text_put_string(&out, b"ACK ")
        if routes.count and sip_uri_parse(routes.values[routes.count - 1].uri, &first) == 0:
            destination = routes.values[routes.count - 1].uri
            if not sip_parameter_find(first.parameters, b"lr", &unused):
                # A strict router (§12.2.1.1): its URI is the Request-URI, the target is the last Route.
                last = 1
        text_put_text(&out, destination if last else target)
        text_put_string(&out, b" SIP/2.0\r\nTo: ")
        text_put_text(&out, sip_to_value(response))
        text_put_string(&out, b"\r\nFrom: ")
        text_put_text(&out, sip_from_value(self.request))
        text_put_string(&out, b"\r\nCSeq: ")
        text_put_uint(&out, self.request.cseq.number)
        text_put_string(&out, b" ACK\r\nCall-ID: ")
        text_put_text(&out, self.request.call_id)
        for i in range(routes.count - 1 - last, -1, -1):
            text_put_string(&out, b"\r\nRoute: ")
            text_put_text(&out, routes.values[i].value)
        if last:
            text_put_string(&out, b"\r\nRoute: <")
            text_put_text(&out, target)
            text_put_string(&out, b">")
        text_put_string(&out, b"\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
        if not out.overflow:
            self.send_ack(space, <uint32_t>text_writer_length(&out), destination, transaction.branches.socket)

    cdef bint send_ack(self, const char *octets, uint32_t length, sip_text destination, int socket) noexcept:
        """Send an ACK of our own, without any state; False when it is none or cannot be sent."""
        cdef NextHop hop
        cdef HopOutcome outcome
        if not self.read(octets, length, destination, socket) or self.request.index.method != SIP_METHOD_ACK:
            return False
        outcome = self.forwarder.find_next_hop(self.request, &hop)
        if outcome == HOP_PENDING:
            self.start_task(self.send_ack_later(octets[:length], bytes_of(destination), socket,
                                                bytes_of(hop.host).decode("ascii", "replace"), hop.port))
            return True
        return outcome == HOP_RESOLVED and self.forwarder.relay_stateless(self.request, 0)

    # --- names ---------------------------------------------------------------------------------------------------

    def start_task(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.forwarder.tasks.add(task)
        task.add_done_callback(self.forwarder.tasks.discard)

    async def resolved(self, slot, check, host, port):
        """Wait for the next hop's addresses and go on with the request that asked for them."""
        try:
            targets = await self.forwarder.resolver.resolve(host, port)
        except Exception:
            targets = ()
        self.go_on(slot, check, targets)
        self.forwarder.wake()

    def go_on(self, uint32_t slot, uint64_t check, targets):
        cdef Transaction *transaction = self.forwarder.table.at_slot(slot, check)
        cdef NextHop hop
        if transaction == NULL:
            return
        transaction.pending -= 1
        hop.count = 0
        take_addresses(targets, &hop)
        if hop.count == 0 or not self.read(transaction.request.at, transaction.request.length,
                                           text_of(transaction.memo.at, transaction.memo.length), transaction.socket):
            self.forwarder.counters.at[COUNT_RESOLUTION_FAILED] += 1
            self.end_branch(transaction, NOT_RESOLVED)
        else:
            self.send_branch(transaction, &hop)
        self.forwarder.server.destroy_if_done(transaction)

    async def send_ack_later(self, octets, destination, socket, host, port):
        """The name's addresses are in the cache after this; then the ACK finds them there."""
        try:
            await self.forwarder.resolver.resolve(host, port)
        except Exception:
            self.forwarder.counters.at[COUNT_RESOLUTION_FAILED] += 1
            return
        self.send_ack_octets(octets, destination, socket)
        self.forwarder.wake()

    def send_ack_octets(self, bytes octets, bytes destination, int socket):
        """send_ack() for octets and a URI in Python objects; False when it cannot be sent."""
        return self.send_ack(octets, <uint32_t>len(octets),
                             text_of(<const char *>destination, <uint32_t>len(destination)), socket)


cdef sip_text sip_to_value(SipMessage message) noexcept:
    return sip_first_header(&message.index, SIP_HEADER_TO).value


cdef sip_text sip_from_value(SipMessage message) noexcept:
    return sip_first_header(&message.index, SIP_HEADER_FROM).value
