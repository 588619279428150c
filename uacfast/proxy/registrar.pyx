"""REGISTER: what it asks for, checked and put into the location (RFC 3261 §10.3; Kamailio: registrar).

All or nothing: every Contact is read and checked before the location is touched. Authentication (step 3) is the affair
of
who calls. Times are milliseconds of the worker's clock, what messages carry are seconds.
"""
from urllib.parse import unquote_to_bytes

from uacfast.leaves.address cimport address_host_text, address_port
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse, sip_list_next
from uacfast.leaves.sip_scan cimport (
    SIP_HEADER_ALLOW, SIP_HEADER_CONTACT, SIP_HEADER_EXPIRES, SIP_HEADER_PATH, SIP_HEADER_SUPPORTED,
    SIP_HEADER_USER_AGENT, sip_first_header, sip_header, sip_method_id_of, sip_next_header,
)
from uacfast.leaves.sip_text cimport sip_text_is, sip_text_to_uint
from uacfast.leaves.sip_uri cimport (
    SIP_SCHEME_SIP, SIP_SCHEME_SIPS, sip_parameter_find, sip_uri, sip_uri_equal, sip_uri_parse,
)
from uacfast.leaves.udp_batch cimport AF_INET6, udp_address
from uacfast.sip.message cimport bytes_of, no_text, text_of

cdef enum:
    CONTACTS_IN_REQUEST = 64     # Contact values of one REGISTER, Path values likewise
    EXPIRES_NOT_GIVEN = -1


cdef inline sip_text text_in(bytes octets) noexcept:
    return text_of(<const char *>octets, <uint32_t>len(octets))


cdef class Registrar:
    """`use_domain`: alice@a.example and alice@b.example are two, else the user name alone counts; `method_filtering`: a
    request looks only for contacts that allow its method."""

    def __init__(self, Location location not None, *, default_expires=3600, min_expires=60, max_expires=0,
                 max_contacts=10, use_domain=False, case_sensitive=True, method_filtering=False, append_branches=True):
        self.location = location
        self.default_expires = default_expires
        self.min_expires = min_expires
        self.max_expires = max_expires
        self.max_contacts = max_contacts
        self.use_domain = use_domain
        self.case_sensitive = case_sensitive
        self.method_filtering = method_filtering
        self.append_branches = append_branches
        self.reason = self.lines = b""

    cdef bytes address_of_record(self, sip_text uri):
        """The name under which bindings of this URI are kept (§10.3 step 5); None when it is no sip or sips URI."""
        cdef sip_uri parsed
        cdef bytes user, name
        if sip_uri_parse(uri, &parsed) != 0 or parsed.scheme not in (SIP_SCHEME_SIP, SIP_SCHEME_SIPS):
            return None
        user = unquote_to_bytes(bytes_of(parsed.user))
        if not self.case_sensitive:
            user = user.lower()
        name = bytes_of(parsed.host).lower()
        if not user:
            return name
        return user + b"@" + name if self.use_domain else user

    cdef SaveResult failed(self, int status, bytes reason, bytes lines) noexcept:
        self.status = status
        self.reason = reason
        self.lines = lines
        return SAVE_TOO_MANY if status == 503 else SAVE_ERROR

    cdef SaveResult save(self, SipMessage request, sip_text aor_uri, int flags, bytes received, uint32_t branch_flags,
                         int q_override, uint64_t now) except? SAVE_ERROR:
        """Carry a REGISTER out; status, reason and lines of this registrar tell the answer to send.

        `aor_uri`: To's when .at is NULL; `received`: URI of the address behind a NAT, b"": none; `q_override`:
        thousandths for all contacts, -1: their own.
        """
        cdef bytes aor = self.address_of_record(request.to.uri if aor_uri.at == NULL else aor_uri)
        cdef list contacts = []
        cdef list bindings, kept
        cdef Binding new, old, each
        cdef SaveResult result = SAVE_QUERY
        cdef int expires
        cdef bint star = False
        self.status, self.reason, self.lines = 200, b"OK", b""
        if aor is None:
            return self.failed(400, b"Bad To", b"")
        if not read_contacts(request, contacts, &star):
            return self.failed(400, b"Bad Contact", b"")
        bindings = self.location.bindings(aor, now)
        if star:
            # A wildcard stands alone, and only to remove everything (§10.2.2, §10.3 step 6).
            if contacts or header_seconds(request, SIP_HEADER_EXPIRES) != 0:
                return self.failed(400, b"Bad Contact", b"")
            for old in bindings:
                if old.call_id == bytes_of(request.call_id) and old.cseq >= request.cseq.number:
                    return self.failed(500, b"CSeq out of order", b"")
            self.location.replace(aor, [], now)
            return SAVE_DELETED
        kept = list(bindings)
        for contact in contacts:
            expires = contact[1]
            if expires == EXPIRES_NOT_GIVEN:
                expires = header_seconds(request, SIP_HEADER_EXPIRES)
            if expires == EXPIRES_NOT_GIVEN:
                expires = self.default_expires
            if 0 < expires < 3600 and <uint32_t>expires < self.min_expires:
                return self.failed(423, b"Interval Too Brief", b"Min-Expires: %d\r\n" % self.min_expires)
            if self.max_expires and <uint32_t>expires > self.max_expires:
                expires = self.max_expires
            new = self.read_binding(request, contact, now)
            if new is None:
                return self.failed(400, b"Bad Contact", b"")
            if q_override >= 0:
                new.q = q_override
            new.received = received
            new.branch_flags = branch_flags
            new.expires = now + <uint64_t>expires * 1000
            old = matching(kept, new)
            if old is not None and old.call_id == new.call_id and new.cseq <= old.cseq:
                if new.cseq == old.cseq and old in bindings:
                    continue                # the same request again
                return self.failed(500, b"CSeq out of order", b"")
            if old is not None:
                kept.remove(old)
            if expires == 0:
                if result == SAVE_QUERY:
                    result = SAVE_DELETED
                continue
            if flags & SAVE_ONE_CONTACT:
                kept = []
            if old is not None:
                new.ruid = old.ruid
            kept.append(new)
            if old is None:
                result = SAVE_INSERTED
            elif result != SAVE_INSERTED:
                result = SAVE_UPDATED
        if len(kept) > len(bindings) and (self.max_contacts and <uint32_t>len(kept) > self.max_contacts
                                          or not self.location.has_room(len(kept) - len(bindings))):
            return self.failed(503, b"Too many registered contacts", b"")
        if result != SAVE_QUERY:
            self.location.replace(aor, kept, now)
        self.lines = self.contact_lines(request, self.location.bindings(aor, now), now)
        return result

    cdef Binding read_binding(self, SipMessage request, object contact, uint64_t now):
        """A Contact value as a binding; None when its q or Path is broken."""
        cdef bytes uri = contact[0]
        cdef bytes parameters = contact[2]
        cdef sip_text value
        cdef uint64_t number = 0
        cdef int q = read_q(parameters)
        cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_USER_AGENT)
        cdef bytes instance = b""
        cdef sip_text methods = no_text()
        path = read_path(request)
        if q == -2 or path is None:
            return None
        if sip_parameter_find(text_in(parameters), b"+sip.instance", &value) and value.at != NULL:
            instance = bytes_of(value)
        if not (sip_parameter_find(text_in(parameters), b"reg-id", &value)
                and sip_text_to_uint(value, 0xffffffff, &number)):
            number = 0
        sip_parameter_find(text_in(parameters), b"methods", &methods)
        return Binding(uri, expires=0, call_id=bytes_of(request.call_id), cseq=request.cseq.number, q=q, path=path,
                       user_agent=bytes_of(header.value) if header != NULL else b"", instance=instance,
                       reg_id=<uint32_t>number if instance else 0, methods=read_methods(request, methods),
                       socket=request.socket, modified=now)

    cdef bytes contact_lines(self, SipMessage request, list bindings, uint64_t now):
        """The lines of a 200: all bindings in one Contact, and the Path that was taken (RFC 3327 §5.3)."""
        cdef Binding each
        cdef const sip_header *header
        cdef list values = []
        cdef bytes value, lines = b""
        for each in bindings:
            value = b"<%b>" % each.contact
            if each.q >= 0:
                value += b";q=" + (b"1" if each.q == 1000 else (b"0.%03d" % each.q).rstrip(b"0").rstrip(b"."))
            value += b";expires=%d" % ((each.expires - now + 999) // 1000)
            if each.received:
                value += b';received="%b"' % each.received
            if each.instance:
                value += b";+sip.instance=%b" % each.instance
            if each.reg_id:
                value += b";reg-id=%d" % each.reg_id
            values.append(value)
        if values:
            lines = b"Contact: %b\r\n" % b", ".join(values)
        if lists_option(request, b"path"):
            header = sip_first_header(&request.index, SIP_HEADER_PATH)
            while header != NULL:
                lines += bytes_of(header.line)
                header = sip_next_header(&request.index, header)
        return lines

    # --- for lookups, with the address of record as a URI ---------------------------------------------------------

    def find(self, bytes uri not None, uint64_t now):
        """The living bindings of a URI's address of record, the preferred ones first."""
        aor = self.address_of_record(text_in(uri))
        return [] if aor is None else self.location.bindings(aor, now)

    def remove(self, bytes uri not None, uint64_t now, bytes ruid=None):
        """Take all bindings of a URI's address of record out, or the one with this id; how many went."""
        cdef bytes aor = self.address_of_record(text_in(uri))
        cdef Binding each
        if aor is None:
            return 0
        bindings = self.location.bindings(aor, now)
        kept = [] if ruid is None else [each for each in bindings if each.ruid != ruid]
        if len(kept) != len(bindings):
            self.location.replace(aor, kept, now)
        return len(bindings) - len(kept)


cdef bint read_contacts(SipMessage request, list contacts, bint *star):
    """All Contact values as (URI, expires, parameters); False when one is malformed or there are too many."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_CONTACT)
    cdef sip_address address
    cdef sip_uri uri
    cdef sip_text rest, value
    cdef uint64_t seconds
    cdef int expires
    while header != NULL:
        rest = header.value
        while True:
            if sip_address_parse(rest, &address) != 0:
                return False
            if sip_text_is(address.uri, b"*"):
                if star[0]:
                    return False
                star[0] = True
            else:
                if len(contacts) == CONTACTS_IN_REQUEST or sip_uri_parse(address.uri, &uri) != 0:
                    return False
                expires = EXPIRES_NOT_GIVEN
                if address.parameters.at != NULL and sip_parameter_find(address.parameters, b"expires", &value):
                    # Whatever is no number counts as an hour (§20.10).
                    expires = 3600
                    if sip_text_to_uint(value, 0xffffffff, &seconds):
                        expires = <int>min(seconds, <uint64_t>0x7fffffff)
                contacts.append((bytes_of(address.uri), expires, bytes_of(address.parameters)))
            if address.next == NULL:
                break
            rest = text_of(address.next, <uint32_t>(header.value.at + header.value.length - address.next))
        header = sip_next_header(&request.index, header)
    return True


cdef int header_seconds(SipMessage request, int header_id) noexcept:
    """A number of seconds in a header field; an hour when it is none, EXPIRES_NOT_GIVEN when the field is absent."""
    cdef const sip_header *header = sip_first_header(&request.index, header_id)
    cdef uint64_t seconds
    if header == NULL:
        return EXPIRES_NOT_GIVEN
    if not sip_text_to_uint(header.value, 0xffffffff, &seconds):
        return 3600
    return <int>min(seconds, <uint64_t>0x7fffffff)


cdef int read_q(bytes parameters):
    """Thousandths; -1: not given, -2: not a number from 0 to 1 (RFC 3261 §25.1 qvalue)."""
    cdef sip_text value
    cdef bytes text
    if not sip_parameter_find(text_in(parameters), b"q", &value):
        return -1
    text = bytes_of(value)
    whole, point, rest = text.partition(b".")
    if whole not in (b"0", b"1", b"") or (rest and not rest.isdigit()) or len(rest) > 3 or not (whole or rest):
        return -2
    q = int(whole or b"0") * 1000 + int(rest.ljust(3, b"0") or b"0")
    return q if q <= 1000 else -2


cdef object read_path(SipMessage request):
    """The Path values in order; None when one is malformed or there are too many."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_PATH)
    cdef sip_text rest, value
    cdef sip_address address
    cdef list path = []
    while header != NULL:
        rest = header.value
        while sip_list_next(&rest, &value):
            if sip_address_parse(value, &address) != 0 or not address.brackets or len(path) == CONTACTS_IN_REQUEST:
                return None
            path.append(bytes_of(address.value))
        header = sip_next_header(&request.index, header)
    return tuple(path)


cdef uint32_t read_methods(SipMessage request, sip_text quoted) noexcept:
    """Bits of the methods that the Contact's `methods` or else Allow lists; all ones when neither is there."""
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_ALLOW)
    cdef sip_text rest, method
    cdef uint32_t bits = 0
    if quoted.at != NULL:
        if quoted.length >= 2 and quoted.at[0] == c'"':
            quoted = text_of(quoted.at + 1, quoted.length - 2)
        while sip_list_next(&quoted, &method):
            bits |= <uint32_t>1 << sip_method_id_of(method)
        return bits
    if header == NULL:
        return 0xffffffff
    while header != NULL:
        rest = header.value
        while sip_list_next(&rest, &method):
            bits |= <uint32_t>1 << sip_method_id_of(method)
        header = sip_next_header(&request.index, header)
    return bits


cdef bint lists_option(SipMessage request, const char *option) noexcept:
    cdef const sip_header *header = sip_first_header(&request.index, SIP_HEADER_SUPPORTED)
    cdef sip_text rest, each
    while header != NULL:
        rest = header.value
        while sip_list_next(&rest, &each):
            if sip_text_is(each, option):
                return True
        header = sip_next_header(&request.index, header)
    return False


cdef Binding matching(list bindings, Binding new):
    """The binding that this contact renews: the same instance and flow (RFC 5626 §6.3), else an equal URI (§19.1.4)."""
    cdef Binding each
    cdef sip_uri a, b
    if new.reg_id:
        for each in bindings:
            if each.reg_id == new.reg_id and each.instance == new.instance:
                return each
    if sip_uri_parse(text_in(new.contact), &a) != 0:
        return None
    for each in bindings:
        if each.contact == new.contact or sip_uri_parse(text_in(each.contact), &b) == 0 and sip_uri_equal(&a, &b):
            return each
    return None


cdef bytes address_uri(const udp_address *address):
    """`sip:IP:PORT`"""
    cdef char host[64]
    cdef bytes text = host[:address_host_text(address, host)]
    if address.any.sa_family == AF_INET6:
        text = b"[" + text + b"]"
    return b"sip:%b:%d" % (text, address_port(address))


cdef bytes source_uri(SipMessage request):
    """`sip:IP:PORT` of where a message came from."""
    return address_uri(&request.source)
