"""uac_req_send(): requests of our own, their challenges answered, their outcome told (uac-semantics §6)."""
import asyncio
import logging
import re
import secrets

from libc.stdint cimport uint16_t, uint32_t
from libc.string cimport memset

from uacfast.leaves.sip_scan cimport SIP_METHOD_ACK, sip_method_id_of
from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.sip_uri cimport SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport text_writer, text_writer_length, text_writer_start
from uacfast.sip.digest cimport Secret
from uacfast.sip.message cimport SipMessage, text_of
from uacfast.uac.auth cimport AnswerNotes, answer_challenges

from uacfast.uac.outcome import Outcome
from uacfast.uac.request_description import FLAG_HA1, RequestDescription

cdef enum:
    FIRST_CSEQ = 10
    ATTEMPTS_MAX = 4             # of one request: several realms and one stale nonce can ask in turn
    ANSWER_SIZE = 16384          # octets of the header lines that answer challenges
    CALL_ID_TRIES = 10000        # enough for any number of workers

EVENT_REPLY, EVENT_TIMEOUT = 1, 2            # $uac_req(evtype)
EVROUTE_NEVER, EVROUTE_FAILURE = 0, 2        # $uac_req(evroute); any other value: each final response
_NAME_ADDR = re.compile(r">\s*(;[^>]*)?$")
_TOKEN = re.compile(r"[\w.!%*+`'~-]+")

logger = logging.getLogger("uacfast.uac")


cdef class OwnRequest:
    """One request on its way."""
    cdef object description              # as it was when it was sent
    cdef object done                     # called with the Outcome, or None
    cdef bytes call_id, from_tag
    cdef uint32_t cseq
    cdef bytes answers                   # header lines that answer the challenges so far
    cdef tuple codes
    cdef uint16_t retried                # AnswerNotes.retried


cdef class RequestSender(LocalUser):
    """Sends what RequestDescriptions say; one per worker."""

    def __init__(self, Engine engine not None):
        self.engine = engine
        self.pending = {}
        self.default_socket = -1
        self.user_agent_line = b""

    def send(self, description, done=None):
        """uac_req_send(): 1 when the request is on its way, -1 (logged) when it cannot be sent.

        `done`, when given, is called once with the Outcome; never from within. An ACK is sent without state: it has no
        outcome.
        """
        cdef OwnRequest request = OwnRequest()
        problem = self.problem(description)
        if problem:
            logger.error("uac_req_send: %s", problem)
            return -1
        request.description = description.copy()
        request.done = done
        request.call_id = octets_of(description.callid) or self.new_call_id()
        request.from_tag = octets_of(description.ftag) or secrets.token_hex(8).encode()
        request.cseq = description.cseqno or FIRST_CSEQ
        request.answers = b""
        request.codes = ()
        if self.begin(request):
            return 1
        logger.error("uac_req_send: this %s cannot be written as a SIP message.", description.method)
        return -1

    async def send_request(self, **values):
        """Send a request described by $uac_req's keys and wait for its Outcome. ValueError: a sentence saying what is wrong."""
        description = RequestDescription(**values)
        outcome = asyncio.get_running_loop().create_future()
        problem = self.problem(description)
        if problem:
            raise ValueError(problem)
        if description.method == "ACK":
            raise ValueError("An ACK has no outcome; send it with uac_req_send().")
        if self.send(description, lambda result: None if outcome.done() else outcome.set_result(result)) < 0:
            raise ValueError("The request cannot be written as a SIP message.")
        return await outcome

    def problem(self, description):
        """What keeps this description from being sent, in a sentence; "" when nothing does."""
        cdef bytes ruri = octets_of(description.ruri)
        cdef sip_uri uri
        if not description.method:
            return "the method is missing: set $uac_req(method)."
        if not _TOKEN.fullmatch(description.method):
            return f"{description.method!r} is not a method."
        if not description.ruri:
            return "the request-URI is missing: set $uac_req(ruri)."
        if sip_uri_parse(view(ruri), &uri) != 0 or " " in description.ruri:
            return f"{description.ruri!r} is not a URI."
        if uri.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS) and not description.ouri:
            return f"{description.ruri!r} says no address: set $uac_req(ouri)."
        return ""

    def new_call_id(self):
        """A Call-ID that leads its responses to this worker."""
        cdef bytes call_id
        cdef int i
        for i in range(CALL_ID_TRIES):
            call_id = secrets.token_hex(16).encode()
            if self.engine.is_own_call_id(call_id):
                break
        return call_id

    cdef bint begin(self, object own):
        """Write one attempt and send it."""
        cdef OwnRequest request = own
        cdef bytes octets = self.compose(request)
        cdef bytes destination = octets_of(request.description.ouri or request.description.ruri)
        cdef bytes method = octets_of(request.description.method)
        cdef sip_text target = view(destination)
        cdef int socket = self.socket_of(request.description.sock)
        cdef bint sent
        if sip_method_id_of(view(method)) == SIP_METHOD_ACK:
            sent = self.engine.local.send_ack(octets, <uint32_t>len(octets), target, socket)
        else:
            self.last_tag += 1
            sent = self.engine.local.send(self, self.last_tag, octets, <uint32_t>len(octets), target, socket,
                                          request.description.fr_timeout, request.description.fr_inv_timeout)
            if sent:
                self.pending[self.last_tag] = request
        self.engine.flush_now()
        return sent

    def socket_of(self, text):
        """The index of the socket `proto:host:port`; of default_socket when it is empty or none of ours, -1 without one."""
        found = self.engine.socket_named(octets_of(text)) if text else -1
        return found if found >= 0 else self.default_socket

    def compose(self, OwnRequest request):
        """The octets of one attempt, without Via (uac-semantics §6.1)."""
        values = request.description
        headers = octets_of(values.hdrs)
        if len(headers) <= 2:
            headers = b""
        elif not headers.endswith(b"\r\n"):
            headers += b"\r\n"
        body = octets_of(values.body)
        to = name_addr(values.turi or values.ruri)
        if values.ttag:
            to += b";tag=" + octets_of(values.ttag)
        method = octets_of(values.method)
        forwards = b"" if b"\r\nmax-forwards:" in b"\r\n" + headers.lower() else b"Max-Forwards: 70\r\n"
        return b"".join((
            method, b" ", octets_of(values.ruri), b" SIP/2.0\r\nTo: ", to,
            b"\r\nFrom: ", name_addr(values.furi or values.ruri), b";tag=", request.from_tag,
            b"\r\nCSeq: %d %b\r\nCall-ID: %b\r\n" % (request.cseq, method, request.call_id), forwards,
            b"Content-Length: %d\r\n" % len(body), self.user_agent_line, headers, request.answers, b"\r\n", body))

    # --- what comes back -----------------------------------------------------------------------------------------

    cdef void final(self, uint64_t tag, int status, SipMessage response) noexcept:
        cdef OwnRequest request = self.pending.pop(tag, None)
        if request is None:
            return
        try:
            self.finish(request, status, response)
        except Exception:
            logger.exception("the outcome of a request of our own could not be dealt with")

    def finish(self, OwnRequest request, int status, SipMessage response):
        request.codes += (status,)
        self.tell(request, status, response)
        if response is not None and status in (401, 407) and self.answer(request, response) and self.begin(request):
            return
        if request.done is not None:
            request.done(Outcome(request.codes,
                                 None if response is None else response.index.data[:response.index.length]))

    def tell(self, OwnRequest request, int status, SipMessage response):
        """event_route[uac:reply], as evroute asks (uac-semantics §6.3)."""
        evroute = request.description.evroute
        if self.on_event is None or evroute == EVROUTE_NEVER:
            return
        if evroute == EVROUTE_FAILURE and not (self.enable_uac_fr and status >= 300):
            return
        description = request.description.copy()
        description.evcode = status
        description.evtype = EVENT_TIMEOUT if response is None else EVENT_REPLY
        self.on_event(description, response)

    def answer(self, OwnRequest request, SipMessage response):
        """Write the credentials for a second attempt; False when there is none (uac-semantics §6.2)."""
        cdef char space[ANSWER_SIZE]
        cdef text_writer out
        cdef Secret secret
        cdef AnswerNotes notes
        values = request.description
        cdef bytes username = octets_of(values.auser)
        cdef bytes password = octets_of(values.apasswd)
        cdef bytes method = octets_of(values.method)
        cdef bytes ruri = octets_of(values.ruri)
        cdef bytes body = octets_of(values.body)
        if (len(request.codes) >= ATTEMPTS_MAX or not password or values.evroute == EVROUTE_FAILURE
                or not username and values.evroute == EVROUTE_NEVER):
            return False
        memset(&secret, 0, sizeof(Secret))
        secret.username = view(username)
        if values.flags & FLAG_HA1:
            password = password.lower()
            secret.ha1_md5 = view(password)
        else:
            secret.password = view(password)
        memset(&notes, 0, sizeof(AnswerNotes))
        notes.retried = request.retried
        if request.answers:
            notes.sent = view(request.answers)
        text_writer_start(&out, space, ANSWER_SIZE)
        if answer_challenges(response, &secret, 1, view(method), view(ruri), view(body), &out, &notes) == 0 or out.overflow:
            return False
        request.retried = notes.retried
        request.answers = space[:text_writer_length(&out)]
        request.cseq += 1
        return True


cdef inline sip_text view(bytes octets) noexcept:
    return text_of(<const char *>octets, <uint32_t>len(octets))


def octets_of(text):
    """A text's octets as they were received."""
    return text.encode("utf-8", "surrogateescape")


def name_addr(text):
    """A URI in angle brackets; what has them already stays as it is."""
    return octets_of(text if _NAME_ADDR.search(text) else f"<{text}>")
