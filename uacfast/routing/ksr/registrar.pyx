"""KSR.registrar: bindings saved and looked up (kemi-python.md §2, §3.9). There is one table, whatever its name."""
from libc.stdint cimport uint32_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.proxy.location cimport Binding
from uacfast.proxy.nat_test cimport first_contact
from uacfast.proxy.registrar cimport (
    Registrar, SAVE_NO_REPLY, SAVE_REPLY_LINES, SaveResult, address_uri, source_uri,
)
from uacfast.routing.context cimport KsrModule, MessageContext
from uacfast.routing.ksr.access cimport (
    features_of, message_of, now_of, octets_of, prepend_lines, request_of, set_request_uri,
)
from uacfast.sip.message cimport SipMessage, bytes_of, no_text, text_of
from uacfast.transport.udp cimport UdpTransport

cdef enum:
    LOOKUP_NOT_FOUND = -1
    LOOKUP_METHOD_NOT_ALLOWED = -2
    LOOKUP_ERROR = -3


cdef inline str text(bytes octets):
    return octets.decode("utf-8", "surrogateescape")


cdef class RegistrarModule(KsrModule):

    cdef Registrar registrar(self):
        return features_of(self).registrar

    # --- saving --------------------------------------------------------------------------------------------------

    cdef int save_for(self, sip_text uri, int flags) except -9:
        cdef SipMessage request = request_of(self)
        cdef Registrar registrar = self.registrar()
        cdef MessageContext context = self.runtime.context
        cdef dict notes = context.state.notes
        cdef SaveResult result
        if request is None or not request.parse_addresses():
            return -1
        result = registrar.save(request, uri, flags, notes.get("received", b""), context.state.branch_flags[0],
                                notes.get("q_override", -1), now_of(self))
        if flags & SAVE_REPLY_LINES and result > 0:
            notes["reply_lines"] = notes.get("reply_lines", b"") + registrar.lines
        if flags & SAVE_NO_REPLY:
            notes["registrar_reply"] = (registrar.status, text(registrar.reason), registrar.lines)
            return <int>result
        if self.runtime.send_reply(registrar.status, text(registrar.reason), registrar.lines, False) < 0:
            return -1
        return <int>result

    def save(self, str table not None, int flags):
        """Carry this REGISTER out and answer it. 1 inserted, 2 updated, 3 deleted, 4 only asked; -1 refused, -2 too
        many
        contacts. `flags`: 2 send no answer, 4 the new contact replaces all others, 16 keep the answer's lines for a
        reply."""
        return self.save_for(no_text(), flags)

    def save_uri(self, str table not None, int flags, str uri not None):
        """save() for the address of record of `uri` in place of To's."""
        cdef bytes octets = octets_of(uri)
        return self.save_for(text_of(<const char *>octets, <uint32_t>len(octets)), flags)

    def reg_send_reply(self):
        """Send the answer of the last save() that sent none. -1: there is none."""
        found = self.runtime.context.state.notes.pop("registrar_reply", None)
        if found is None:
            return -1
        status, reason, lines = found
        return self.runtime.send_reply(status, reason, lines, False)

    def set_q_override(self, str new_q not None):
        """A q for all contacts of the next save(). -1: no number from 0 to 1."""
        try:
            q = round(float(new_q) * 1000)
        except (ValueError, OverflowError):
            return -1
        if not 0 <= q <= 1000:
            return -1
        self.runtime.context.state.notes["q_override"] = q
        return 1

    def add_sock_hdr(self, str hdr_name not None):
        """Add a header with the socket that the request came to: `name: udp:host:port`."""
        cdef SipMessage request = request_of(self)
        cdef bytes name = octets_of(hdr_name)
        if request is None or not name.replace(b"-", b"").isalnum():
            return -1
        line = b"%b: %b\r\n" % (name, octets_of(socket_name(self.runtime.context.transport, request.socket)))
        return 1 if prepend_lines(request, line) else -1

    # --- looking up ----------------------------------------------------------------------------------------------

    cdef list allowed(self, list bindings, SipMessage request):
        """Of these bindings those that take the request's method."""
        cdef Binding each
        if not self.registrar().method_filtering:
            return bindings
        return [each for each in bindings if each.methods >> request.index.method & 1]

    cdef dict branch_of(self, Binding binding):
        """A further destination as TransactionState.branches holds it."""
        cdef UdpTransport transport = self.runtime.context.transport
        hop, path = next_hop(binding)
        return {"uri": text(binding.contact), "dst_uri": None if hop is None else text(hop), "path": text(path),
                "q": binding.q, "flags": binding.branch_flags,
                "send_socket": socket_name(transport, binding.socket) if transport.socket_count > 1 else ""}

    cdef int look_up(self, bytes uri, bint to_request_uri, bint further) except -9:
        """The bindings of `uri` become the Request-URI (`to_request_uri`) and branches."""
        cdef SipMessage request = request_of(self)
        cdef MessageContext context = self.runtime.context
        cdef Binding first
        cdef list found
        if request is None:
            return LOOKUP_ERROR
        found = self.registrar().find(uri, now_of(self))
        if not found:
            return LOOKUP_NOT_FOUND
        found = self.allowed(found, request)
        if not found:
            return LOOKUP_METHOD_NOT_ALLOWED
        if to_request_uri:
            first = found.pop(0)
            hop, path = next_hop(first)
            if not set_request_uri(request, first.contact):
                return LOOKUP_ERROR
            if path and not prepend_lines(request, b"Route: %b\r\n" % path):
                return LOOKUP_ERROR
            context.destination_uri = None if hop is None else text(hop)
            context.state.branch_flags[0] = first.branch_flags
            context.state.notes["request_uri_q"] = first.q      # for t_load_contacts()
            if context.transport.socket_count > 1:
                context.send_socket = socket_name(context.transport, first.socket)
        if further:
            context.state.branches.extend([self.branch_of(binding) for binding in found])
        return 1

    def lookup(self, str table not None):
        """Let the Request-URI's bindings be where the request goes: the best becomes the Request-URI, the others
        branches.
        1; -1: not registered; -2: no contact takes this method; -3: error."""
        cdef SipMessage request = request_of(self)
        return LOOKUP_ERROR if request is None else self.look_up(bytes_of(request.request_uri), True,
                                                                 self.registrar().append_branches)

    def lookup_uri(self, str table not None, str uri not None):
        """The same with another address of record than the Request-URI."""
        return self.look_up(octets_of(uri), True, self.registrar().append_branches)

    def lookup_to_dset(self, str table not None, str uri not None):
        """Add all bindings of `uri` (""; the Request-URI) as branches; the Request-URI stays."""
        cdef SipMessage request = request_of(self)
        if request is None:
            return LOOKUP_ERROR
        return self.look_up(octets_of(uri) if uri else bytes_of(request.request_uri), False, True)

    def lookup_branches(self, str table not None):
        """Replace each branch that is an address of record here by its bindings. -1: none was found."""
        cdef MessageContext context = self.runtime.context
        cdef list branches = context.state.branches
        cdef SipMessage request = request_of(self)
        cdef bint found = False
        if request is None:
            return -1
        if self.look_up(bytes_of(request.request_uri), True, True) > 0:
            found = True
        for branch in list(branches):
            bindings = self.registrar().find(octets_of(branch["uri"]), now_of(self))
            if bindings:
                branches.remove(branch)
                branches.extend([self.branch_of(binding) for binding in self.allowed(bindings, request)])
                found = True
        return 1 if found else -1

    # --- asking --------------------------------------------------------------------------------------------------

    def registered(self, str table not None):
        """1: the Request-URI (in a REGISTER To) is registered; -1: it is not."""
        return self.registered_uri(table, "")

    def registered_uri(self, str table not None, str uri not None):
        """1: `uri` is registered; "": the Request-URI's."""
        return self.registered_flags(table, uri, 0)

    def registered_flags(self, str table not None, str uri not None, int match_flag):
        """The same, for a binding that: 1 has this message's Call-ID, 2 its source as received, 4 its Contact."""
        cdef SipMessage message = message_of(self)
        cdef Binding each
        cdef bytes aor = octets_of(uri) if uri else bytes_of(message.request_uri)
        cdef bytes source = source_uri(message)
        cdef sip_text contact
        cdef bint brackets
        if match_flag & 4 and not first_contact(message, &contact, &brackets):
            return -1
        for each in self.registrar().find(aor, now_of(self)):
            if match_flag & 1 and each.call_id != bytes_of(message.call_id):
                continue
            if match_flag & 2 and each.received != source:
                continue
            if match_flag & 4 and each.contact != bytes_of(contact):
                continue
            return 1
        return -1

    def registered_action(self, str table not None, str uri not None, int match_flag, int match_action):
        """registered_flags(); what Kamailio writes into variables besides is not written."""
        return self.registered_flags(table, uri, match_flag)

    def unregister(self, str table not None, str uri not None):
        """Take all bindings of `uri` out. 1; -1: there was none."""
        return 1 if self.registrar().remove(octets_of(uri), now_of(self)) else -1

    def unregister_ruid(self, str table not None, str uri not None, str ruid not None):
        """Take the binding with this id out. 1; -1: there was none."""
        return 1 if self.registrar().remove(octets_of(uri), now_of(self), octets_of(ruid)) else -1


cdef str socket_name(UdpTransport transport, int socket):
    """`udp:host:port` of a socket of ours, "" when there is no such."""
    if not 0 <= socket < transport.socket_count:
        return ""
    return "udp:" + address_uri(&transport.sockets[socket].address)[4:].decode("ascii")


cdef tuple next_hop(Binding binding):
    """(URI that the request is sent to, None: the contact itself; the value of a Route header, b"": none)."""
    if binding.path:
        # The first hop of the Path (RFC 3327 §5.4); its URI stands between the brackets.
        first = binding.path[0]
        return first[first.index(b"<") + 1:first.index(b">")], b", ".join(binding.path)
    return binding.received or None, b""
