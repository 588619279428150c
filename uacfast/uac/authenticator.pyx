"""Credentials for requests on their way: whose they are, which requests may have them, what was learned about nonces.

A route's credential answers only what this route sent out; the `credential` list answers its realms. Requests within a
dialog have no route any more, and their next hop is what the peers wrote into the route set. So a dialog that may use
credentials is marked: its Record-Route value carries `auth=<route>.<seal>`, where the seal is a keyed hash over route,
Call-ID and From tag. Without that mark no in-dialog request is given credentials, and those of a route go downstream only.
"""
import hashlib

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from uacfast.leaves.edit_list cimport edit_list_write
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_AUTHORIZATION, SIP_HEADER_PROXY_AUTHORIZATION, sip_first_header, sip_header, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_equal
from uacfast.leaves.sip_uri cimport sip_parameter_find
from uacfast.leaves.siphash cimport siphash_add, siphash_end, siphash_start, siphash_state
from uacfast.leaves.text_writer cimport (
    text_put, text_put_hex, text_put_string, text_writer, text_writer_length, text_writer_start,
)
from uacfast.leaves.address cimport address_host_text, address_port
from uacfast.proxy.counters cimport (
    COUNT_CHALLENGES_ANSWERED, COUNT_CHALLENGES_TOO_MANY, COUNT_CHALLENGES_UNUSABLE,
    COUNT_CHALLENGES_WITHOUT_CREDENTIAL, COUNT_CREDENTIALS_FORETOLD, COUNT_CREDENTIALS_REFUSED,
)
from uacfast.proxy.cseq cimport raise_cseq
from uacfast.proxy.route_set cimport tag_parameter
from uacfast.sip.digest cimport DigestFields, parse_credentials
from uacfast.sip.message cimport no_text, text_of
from uacfast.tm.table cimport FORETOLD, read_hex
from uacfast.uac.auth cimport answer_challenges, asks_for_body, next_line, repeat_credentials

cdef enum:
    LINES_MAX = 8192             # octets of credentials in one request
    BODY_MAX = 65535
    MARK_SIZE = 48
    REFUSALS_MAX = 2             # after so many in a row a destination's nonces are taken to be good for one request
    NO_REUSE = 600000            # ms until that is tried again

cdef const char *MARK = b"auth"


cdef class Credentials:
    """What a configuration has to answer challenges with; never shows it."""

    def __init__(self, credentials=(), bytes key not None=bytes(16)):
        """`credentials`: of uac.credential, as uac.auth.SecretList takes them, the last defined wins; `key`: seals the
        marks in Record-Route, the same in all workers."""
        cdef bytes digest = hashlib.sha256(b"uacfast auth" + key).digest()[:16]
        self.listed = tuple(reversed(tuple(credentials)))
        self.everybody = SecretList(self.listed)
        self.of_routes = {}
        memcpy(&self.key, <const char *>digest, 16)

    @property
    def empty(self):
        """Whether no challenge can ever be answered."""
        return self.everybody.count == 0 and not self.of_routes and not self.of_accounts

    def add_route(self, str name, int index, credential):
        """(id, SecretList) of a route with a credential of its own, which goes before those of the list."""
        cdef uint32_t id = self.route_id(name, index)
        cdef SecretList secrets = SecretList([credential, *self.listed])
        self.of_routes[id] = secrets
        return id, secrets

    cdef uint32_t route_id(self, str name, int index):
        """The same after a restart: a hash of the name, of the place when there is none. Never 0."""
        cdef bytes digest = hashlib.sha256((name or f"route[{index}]").encode()).digest()
        return int.from_bytes(digest[:4], "big") | 1


cdef class Authenticator(ChallengeAnswerer):

    def __init__(self, TransactionTable table, Counters counters):
        self.table = table
        self.counters = counters
        self.credentials = Credentials()
        self.raises_cseq = True

    def __dealloc__(self):
        cdef int i
        for i in range(DESTINATIONS_KNOWN):
            free(self.known[i].lines)

    def use(self, Credentials credentials not None, *, bint raise_cseq=True, bint preemptive=False,
            bint raw_session=False):
        """Let these answer from now on; `preemptive`: also before anybody asks, with a nonce that was good before."""
        cdef int i
        self.credentials = credentials
        self.raises_cseq = raise_cseq
        self.raw_session = raw_session
        self.active = not credentials.empty
        self.foretells = preemptive and self.active
        for i in range(DESTINATIONS_KNOWN):
            free(self.known[i].lines)
        memset(self.known, 0, sizeof(self.known))

    # --- answering -----------------------------------------------------------------------------------------------

    cdef bint answer(self, const Secret *secrets, int count, const Branch *challenged, SipMessage request,
                     SipMessage response) noexcept:
        secrets = self.secrets_of(request, secrets, &count)
        return count != 0 and self.put_answers(secrets, count, challenged, request, response)

    cdef int authenticate(self, const Secret *first, const Branch *challenged, SipMessage request,
                          SipMessage response) noexcept:
        """uac_auth(): put the answers to the branch's 401 or 407 into a request that is about to be sent again; 1, or -1
        when there are none (uac-semantics §3).

        `first`: goes before the credential list, with the realm that it is for (empty: any); NULL: the list alone. In HA1
        mode its ha1_... are set in place of the password.
        """
        cdef SecretList list = self.credentials.everybody
        cdef Secret *secrets
        cdef bint answered
        if first == NULL:
            return 1 if list.count and self.put_answers(list.at, list.count, challenged, request, response) else -1
        secrets = <Secret *>malloc((list.count + 1) * sizeof(Secret))
        if secrets == NULL:
            return -1
        secrets[0] = first[0]
        memcpy(secrets + 1, list.at, list.count * sizeof(Secret))
        answered = self.put_answers(secrets, list.count + 1, challenged, request, response)
        free(secrets)
        return 1 if answered else -1

    cdef bint put_answers(self, const Secret *secrets, int count, const Branch *challenged, SipMessage request,
                          SipMessage response) noexcept:
        cdef AnswerNotes notes
        cdef text_writer out, edited
        cdef char lines[LINES_MAX]
        cdef sip_text body = request.index.body
        cdef char *space = NULL
        cdef int answered
        memset(&notes, 0, sizeof(AnswerNotes))
        notes.sent = text_of(challenged.credentials.at, challenged.credentials.length)
        notes.foretold = challenged.flags & FORETOLD
        notes.retried = challenged.auth_retried
        notes.counts = NULL if self.kamailio_cnonce else &self.counts
        notes.raw_session = self.raw_session
        notes.kamailio_cnonce = self.kamailio_cnonce
        if request.edits.count and body.at != NULL and asks_for_body(response):
            space = <char *>malloc(BODY_MAX)
            if space != NULL:
                text_writer_start(&edited, space, BODY_MAX)
                edit_list_write(&request.edits, request.index.data, request.offset(body.at), request.index.length, &edited)
                body = text_of(space, text_writer_length(&edited))
        text_writer_start(&out, lines, LINES_MAX)
        answered = answer_challenges(response, secrets, count, request.index.method_text, request.request_uri, body,
                                     &out, &notes)
        free(space)
        self.count(&notes, answered)
        if self.foretells and (notes.refused or notes.foretold):
            self.unlearn(challenged, &secrets[0])
        if answered == 0:
            return False
        request.credentials = request.keep(lines, text_writer_length(&out))
        if request.credentials.at == NULL:
            return False
        request.foretold = False
        request.auth_retried = notes.retried
        remove_others(request)
        if not raise_cseq(request, challenged.cseq_shift + self.raises_cseq):
            return False
        if self.foretells:
            self.learn(&challenged.destination, &secrets[0], request)
        return True

    cdef void count(self, const AnswerNotes *notes, int answered) noexcept:
        """Each challenged request counts once: as answered, or by the reason why it was not."""
        if answered:
            self.counters.at[COUNT_CHALLENGES_ANSWERED] += 1
        elif notes.refused:
            self.counters.at[COUNT_CREDENTIALS_REFUSED] += 1
        elif notes.too_many:
            self.counters.at[COUNT_CHALLENGES_TOO_MANY] += 1
        elif notes.without_secret:
            self.counters.at[COUNT_CHALLENGES_WITHOUT_CREDENTIAL] += 1
        else:
            self.counters.at[COUNT_CHALLENGES_UNUSABLE] += 1

    # --- who may have which --------------------------------------------------------------------------------------

    cdef const Secret *secrets_of(self, SipMessage request, const Secret *given, int *count) noexcept:
        """What may answer for this request; *count is 0 when nothing may."""
        cdef SecretList list = self.credentials.everybody
        cdef object of_route
        cdef uint32_t route_id
        if count[0]:
            return given
        if request.to.tag.at != NULL and request.loose_routed:
            if not self.read_mark(request, &route_id):
                return NULL
            of_route = self.credentials.of_routes.get(route_id)
            if of_route is not None and not request.upstream:
                list = of_route
        count[0] = list.count
        return list.at

    cdef void mark_dialog(self, SipMessage request, uint32_t route_id) noexcept:
        """Have the Record-Route value of this initial request tell whose credentials the dialog may use; 0: no route's."""
        cdef text_writer out
        cdef char *space
        if (route_id == 0 and self.credentials.everybody.count == 0 or request.to.tag.at != NULL
                or request.from_.tag.length == 0):
            return
        space = request.scratch_reserve(MARK_SIZE)
        if space == NULL:
            return
        text_writer_start(&out, space, MARK_SIZE)
        text_put(&out, b";", 1)
        text_put_string(&out, MARK)
        text_put(&out, b"=", 1)
        text_put_hex(&out, route_id, 8)
        text_put(&out, b".", 1)
        text_put_hex(&out, self.seal_of(request, tag_parameter(request), route_id), 16)
        request.auth_parameter = text_of(space, text_writer_length(&out))

    cdef uint64_t seal_of(self, SipMessage message, sip_text from_tag, uint32_t route_id) noexcept:
        cdef siphash_state state
        siphash_start(&state, &self.credentials.key)
        siphash_add(&state, &route_id, sizeof(route_id))
        siphash_add(&state, message.call_id.at, message.call_id.length)
        siphash_add(&state, b"\0", 1)
        siphash_add(&state, from_tag.at, from_tag.length)
        return siphash_end(&state)

    cdef bint read_mark(self, SipMessage request, uint32_t *route_id) noexcept:
        """The route that this in-dialog request's Route value names; False when there is no mark that we made."""
        cdef sip_text text, tag
        cdef uint64_t id, seal
        if (not sip_parameter_find(request.route_parameters, MARK, &text) or text.length != 25
                or not sip_parameter_find(request.route_parameters, b"ftag", &tag)
                or read_hex(text.at, text.at + 8, 8, &id) != text.at + 8 or text.at[8] != c'.'
                or read_hex(text.at + 9, text.at + 25, 16, &seal) != text.at + 25):
            return False
        route_id[0] = <uint32_t>id
        return seal == self.seal_of(request, tag, route_id[0])

    # --- before anybody asks -------------------------------------------------------------------------------------

    cdef void foretell(self, const Secret *secrets, int count, const udp_address *destination,
                       SipMessage request) noexcept:
        cdef AnswerNotes notes
        cdef text_writer out
        cdef char lines[LINES_MAX]
        cdef KnownDestination *known
        cdef uint64_t hash
        if (sip_first_header(&request.index, SIP_HEADER_AUTHORIZATION) != NULL
                or sip_first_header(&request.index, SIP_HEADER_PROXY_AUTHORIZATION) != NULL):
            return
        secrets = self.secrets_of(request, secrets, &count)
        if count == 0:
            return
        known = self.place(destination, &secrets[0], &hash)
        if known.hash != hash or known.lines == NULL or known.until > self.table.now:
            return
        memset(&notes, 0, sizeof(AnswerNotes))
        notes.counts = &self.counts
        notes.raw_session = self.raw_session
        text_writer_start(&out, lines, LINES_MAX)
        if repeat_credentials(text_of(known.lines, known.length), secrets, count, request.index.method_text,
                              request.request_uri, request.index.body, &out, &notes) == 0:
            return
        request.credentials = request.keep(lines, text_writer_length(&out))
        if request.credentials.at != NULL:
            request.foretold = True
            known.uses += 1
            self.counters.at[COUNT_CREDENTIALS_FORETOLD] += 1

    cdef KnownDestination *place(self, const udp_address *destination, const Secret *secret, uint64_t *hash) noexcept:
        """Where this destination's credentials are kept; another one that has the same place is forgotten for it."""
        cdef siphash_state state
        cdef char host[64]
        cdef uint32_t length = address_host_text(destination, host)
        cdef int port = address_port(destination)
        siphash_start(&state, &self.credentials.key)
        siphash_add(&state, host, length)
        siphash_add(&state, &port, sizeof(port))
        siphash_add(&state, secret.username.at, secret.username.length)
        hash[0] = siphash_end(&state) | 1
        return &self.known[(hash[0] >> 1) % DESTINATIONS_KNOWN]

    cdef void learn(self, const udp_address *destination, const Secret *secret, SipMessage request) noexcept:
        cdef uint64_t hash
        cdef KnownDestination *known = self.place(destination, secret, &hash)
        cdef char *lines = <char *>malloc(request.credentials.length)
        if lines == NULL:
            return
        memcpy(lines, request.credentials.at, request.credentials.length)
        free(known.lines)
        if known.hash != hash:
            known.until = 0
            known.refusals = 0
        known.hash = hash
        known.lines = lines
        known.length = request.credentials.length
        known.uses = 0

    cdef void unlearn(self, const Branch *challenged, const Secret *secret) noexcept:
        """What was sent unasked, or was an answer, is refused: forget it; give up when nonces are good for one request."""
        cdef uint64_t hash
        cdef KnownDestination *known = self.place(&challenged.destination, secret, &hash)
        if known.hash != hash:
            return
        known.refusals = known.refusals + 1 if known.uses <= 1 else 0
        if known.refusals >= REFUSALS_MAX:
            known.until = self.table.now + NO_REUSE
            known.refusals = 0
        free(known.lines)
        known.lines = NULL


cdef bint secret_of(sip_text username, sip_text realm, sip_text password, bint is_ha1, Secret *secret) noexcept:
    """What uac_auth(mode) answers with; `is_ha1`: the password is an HA1, 64 digits of SHA-256 or 32 of MD5, and what
    follows them is not looked at. False when user name or password is empty or an HA1 too short (uac-semantics §3.4, §3.5).
    """
    memset(secret, 0, sizeof(Secret))
    if username.length == 0 or password.length == 0 or is_ha1 and password.length < 32:
        return False
    secret.username = username
    secret.realm = realm
    if not is_ha1:
        secret.password = password
    elif password.length >= 64:
        secret.ha1_sha256 = text_of(password.at, 64)
    else:
        secret.ha1_md5 = text_of(password.at, 32)
    return True


cdef void remove_others(SipMessage request) noexcept:
    """Take the caller's own credentials for the realms that ours are for off; others stay (engine H8)."""
    cdef sip_text rest = request.credentials
    cdef sip_text line, value
    cdef int status
    cdef DigestFields ours, theirs
    cdef const sip_header *header
    while next_line(&rest, &line, &status, &value):
        header = sip_first_header(
            &request.index, SIP_HEADER_AUTHORIZATION if status == 401 else SIP_HEADER_PROXY_AUTHORIZATION)
        while header != NULL:
            parse_credentials(value, &ours)
            parse_credentials(header.value, &theirs)      # a realm is read from incomplete ones as well
            if theirs.realm.at != NULL and sip_text_equal(ours.realm, theirs.realm):
                request.replace(header.line, text_of(b"", 0))
            header = sip_next_header(&request.index, header)
