"""What a route asks for before it relays: credentials, a REGISTER carried out, a registered user found.

When a database has to be asked, the request is put aside and comes in again once the answer is known; its answer is
kept
for a few seconds, so that this time it goes through. Retransmissions meanwhile wait for the same answer.
"""
import asyncio
import logging
import time

from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.edit_list cimport edit_list_insert
from uacfast.leaves.sip_scan cimport SIP_METHOD_REGISTER
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.hooks cimport VERDICT_LATER, VERDICT_REPLY
from uacfast.proxy.nat_test cimport NAT_CONTACT_PRIVATE, NAT_VIA_DIFFERS, NAT_VIA_PORT_DIFFERS, nat_uac_test
from uacfast.proxy.registrar cimport Registrar, source_uri
from uacfast.proxy.server_digest cimport (
    AUTH_BY_METHOD, AUTH_OK, AUTH_STALE_NONCE, AuthResult, CHALLENGE_QOP_AUTH, CHALLENGE_QOP_AUTH_INT, CHALLENGE_STALE,
    UserSecret, user_may_speak,
)
from uacfast.sip.digest cimport DigestFields
from uacfast.sip.message cimport bytes_of, no_text, text_of

cdef enum:
    KNOWN_MAX = 10_000           # answers of the database that are kept
    WAITING_MAX = 4_096          # requests that wait for one

KNOWN_SECONDS = 5
cdef object WAITING = object()
logger = logging.getLogger("uacfast.routing")


cdef inline sip_text text_in(bytes octets) noexcept:
    return text_of(<const char *>octets, <uint32_t>len(octets))


cdef class Subscribers:
    """Users of the database, for routes, which cannot wait. `reinject`: takes a request in again."""

    def __init__(self, EdgeFeatures features not None, reinject, clock=time.monotonic):
        self.features = features
        self.reinject = reinject
        self.clock = clock
        self.known = {}
        self.waiting = {}
        self.tasks = set()

    cdef object find(self, SipMessage request, str table, str username, str realm):
        """The UserSecret, None (nobody of that name) or the Exception that came in its place; WAITING: not known yet,
        the
        request comes in again."""
        cdef tuple key = (table, username, realm)
        found = self.known.get(key)
        if found is not None:
            if found[0] > self.clock():
                return found[1]
            del self.known[key]
        if self.waiting_count >= WAITING_MAX:
            return RuntimeError("too many requests are waiting for the database")
        source = (<const char *>&request.source)[:sizeof(udp_address)]
        aside = (request.index.data[:request.index.size], source, request.socket)
        self.waiting_count += 1
        if key in self.waiting:
            self.waiting[key].append(aside)
        else:
            self.waiting[key] = [aside]
            task = asyncio.ensure_future(self.ask(key))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return WAITING

    async def ask(self, key):
        """Ask the database, and take in what waits for the answer."""
        table, username, realm = key
        try:
            answer = await self.features.find_user(table, username, realm, username.partition("@")[2] or realm)
        except Exception as error:
            logger.error("callers cannot be authenticated: %s", error)
            answer = error
        if len(self.known) >= KNOWN_MAX:
            del self.known[next(iter(self.known))]
        self.known[key] = (self.clock() + KNOWN_SECONDS, answer)
        aside = self.waiting.pop(key)
        self.waiting_count -= len(aside)
        for octets, source, socket in aside:
            self.reinject(octets, source, socket)

    def close(self):
        """End what is waiting."""
        for task in list(self.tasks):
            task.cancel()


cdef class Admission:
    """The part of one route. `route`: its Struct."""

    def __init__(self, route, EdgeFeatures features not None, Subscribers subscribers not None):
        self.features = features
        self.subscribers = subscribers
        self.registrar = route.registrar
        self.located = route.lookup == "location"
        if route.authenticate is not None:
            self.realm = Template(route.authenticate.realm)
            self.table = route.authenticate.table
            self.check = route.authenticate.check_user
            self.challenge = {"": 0, "auth": CHALLENGE_QOP_AUTH, "auth-int": CHALLENGE_QOP_AUTH_INT}[
                route.authenticate.qop]

    cdef Admitted admit(self, SipMessage request, UdpTransport transport, Decision *decision) except ADMISSION_FAILED:
        """Whether the request goes on, is answered, or comes in again."""
        cdef Admitted outcome
        if self.realm is not None:
            outcome = self.authenticate(request, transport, decision)
            if outcome != ADMITTED:
                return outcome
        return self.save(request, decision) if self.registrar else ADMITTED

    cdef Admitted reply(self, Decision *decision, int status, bytes reason, bytes lines) except ADMISSION_FAILED:
        decision.verdict = VERDICT_REPLY
        decision.status = status
        self.reason, self.lines = reason, lines
        decision.reason = text_in(self.reason)
        decision.extra_lines = text_in(self.lines)
        return ANSWERED

    cdef Admitted authenticate(self, SipMessage request, UdpTransport transport,
                               Decision *decision) except ADMISSION_FAILED:
        cdef DigestFields credentials
        cdef AuthResult result
        cdef UserSecret user
        cdef sip_text realm = self.realm.evaluate(request, transport)
        cdef bytes realm_octets = bytes_of(realm)
        cdef bytes name
        cdef unsigned long now = <unsigned long>(time.time_ns() // 1_000_000_000)
        cdef int index
        if realm.length == 0:
            return self.reply(decision, 403, b"Forbidden", b"")
        index = self.features.digest.find_credentials(request, AUTH_BY_METHOD, realm, &credentials)
        if index < 0:
            return self.challenge_again(request, decision, realm_octets, 0, now)
        result = self.features.digest.check_nonce(&credentials, now)
        if result != AUTH_OK:
            return self.challenge_again(request, decision, realm_octets,
                                        CHALLENGE_STALE if result == AUTH_STALE_NONCE else 0, now)
        if not user_may_speak(request, &credentials, self.check):
            return self.reply(decision, 403, b"Forbidden auth ID", b"")
        name = bytes_of(credentials.username)
        user = self.features.known_user(name, realm_octets)
        if user is None and self.table:
            found = self.subscribers.find(request, self.table, name.decode("utf-8", "surrogateescape"),
                                          realm_octets.decode("utf-8", "surrogateescape"))
            if found is WAITING:
                decision.verdict = VERDICT_LATER
                return ADMITTED_LATER
            if isinstance(found, Exception):
                return self.reply(decision, 500, b"Server Internal Error", b"")
            user = found
        if user is None or self.features.digest.verify(request, &credentials, user) != AUTH_OK:
            return self.challenge_again(request, decision, realm_octets, 0, now)
        # The next hop has no use for them (RFC 3261 §22.3).
        request.replace(request.index.headers[index].line, text_of(b"", 0))
        return ADMITTED

    cdef Admitted challenge_again(self, SipMessage request, Decision *decision, bytes realm, int flags,
                                  unsigned long now) except ADMISSION_FAILED:
        cdef bint is_register = request.index.method == SIP_METHOD_REGISTER
        cdef bytes lines
        try:
            lines = self.features.digest.challenge_lines(
                b"WWW-Authenticate" if is_register else b"Proxy-Authenticate", realm, self.challenge | flags, now)
        except ValueError:
            return self.reply(decision, 403, b"Forbidden", b"")      # a realm out of From that cannot stand in quotes
        if is_register:
            return self.reply(decision, 401, b"Unauthorized", lines)
        return self.reply(decision, 407, b"Proxy Authentication Required", lines)

    cdef Admitted save(self, SipMessage request, Decision *decision) except ADMISSION_FAILED:
        """Carry a REGISTER out. Who comes from another address than the Contact's is reached at that address."""
        cdef Registrar registrar = self.features.registrar
        cdef bytes received = b""
        if request.index.method != SIP_METHOD_REGISTER:
            return self.reply(decision, 405, b"Method Not Allowed", b"Allow: REGISTER\r\n")
        if nat_uac_test(request, NAT_CONTACT_PRIVATE | NAT_VIA_DIFFERS | NAT_VIA_PORT_DIFFERS):
            received = source_uri(request)
        registrar.save(request, no_text(), 0, received, 0, -1, request_time(self))
        return self.reply(decision, registrar.status, registrar.reason, registrar.lines)

    cdef list find_bindings(self, SipMessage request):
        """Where the user of the Request-URI is, the preferred binding first; an empty list: nowhere."""
        cdef Binding each
        cdef list found = self.features.registrar.find(bytes_of(request.request_uri), request_time(self))
        if self.features.registrar.method_filtering:
            found = [each for each in found if each.methods >> request.index.method & 1]
        return found if self.features.registrar.append_branches else found[:1]


cdef uint64_t request_time(Admission admission):
    return admission.features.table.now


cdef bint aim_at(SipMessage request, Binding binding):
    """Send the request to this binding: its contact, by its Path or to the address that it registered from."""
    cdef sip_text contact = request.keep(<const char *>binding.contact, <uint32_t>len(binding.contact))
    cdef bytes hop = binding.received
    cdef bytes lines
    cdef sip_text kept
    if contact.at == NULL or not request.replace_request_uri(contact):
        return False
    if binding.path:
        lines = b"Route: %b\r\n" % b", ".join(binding.path)
        kept = request.keep(<const char *>lines, <uint32_t>len(lines))
        if kept.at == NULL or edit_list_insert(&request.edits, request.index.headers_start, kept) != 0:
            return False
        first = binding.path[0]
        hop = first[first.index(b"<") + 1:first.index(b">")]
    request.next_hop = request.keep(<const char *>hop, <uint32_t>len(hop)) if hop else no_text()
    return True
