"""KSR.uac: the functions of Kamailio's uac module (kemi-python.md §3.1, uac-semantics §5)."""
from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.context cimport (
    KsrModule, MessageContext, ROUTE_BRANCH, ROUTE_BRANCH_FAILURE, ROUTE_FAILURE, ROUTE_REQUEST, TransactionState, kept, str_of,
)
from uacfast.routing.original_names cimport keep_name
from uacfast.sip.digest cimport Secret
from uacfast.sip.message cimport NameReplacement, SipMessage, no_text, text_of
from uacfast.sip.plan cimport StoredPlan
from uacfast.tm.table cimport Branch
from uacfast.uac.authenticator cimport secret_of
from uacfast.uac.replace cimport REPLACE_FROM, REPLACE_TO, ReplacedHeader


cdef class UacModule(KsrModule):

    # --- From and To ---------------------------------------------------------------------------------------------

    cdef int replace(self, ReplacedHeader which, str display, str uri):
        """1, or -1: not possible, or that header's URI was replaced in this callback already."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = context.message
        cdef NameReplacement *new
        cdef sip_text new_display = no_text()
        cdef sip_text new_uri = no_text()
        if context.kind not in (ROUTE_REQUEST, ROUTE_BRANCH, ROUTE_FAILURE, ROUTE_BRANCH_FAILURE):
            return -1
        new = &message.new_from if which == REPLACE_FROM else &message.new_to
        # A branch or another attempt may have a name of its own: one replacement, which wins over the earlier one.
        if new.has_uri and (context.kind == ROUTE_REQUEST or context.replaced & 1 << <int>which):
            return -1
        if display is not None:
            new_display = kept(message, display)
            if new_display.at == NULL:
                return -1
        if uri:
            new_uri = kept(message, uri)
            if new_uri.at == NULL:
                return -1
        elif display is None:
            return -1
        if not self.runtime.replacer.replace(message, which, display is not None, new_display, new_uri):
            return -1
        if uri:
            context.replaced |= 1 << <int>which
            keep_name(self.runtime, which == REPLACE_FROM)
        return 1

    def uac_replace_from(self, str display not None, str uri not None):
        """An empty display removes the name, an empty URI leaves the URI as it is."""
        return self.replace(REPLACE_FROM, display, uri)

    def uac_replace_from_uri(self, str uri not None):
        return self.replace(REPLACE_FROM, None, uri)

    def uac_replace_to(self, str display not None, str uri not None):
        return self.replace(REPLACE_TO, display, uri)

    def uac_replace_to_uri(self, str uri not None):
        return self.replace(REPLACE_TO, None, uri)

    cdef int restore(self, ReplacedHeader which):
        cdef MessageContext context = self.runtime.context
        if context.kind != ROUTE_REQUEST or not self.runtime.replacer.restore(context.message, which):
            return -1
        # Upstream the parameter of From is about To.
        keep_name(self.runtime, (which == REPLACE_FROM) != context.message.upstream)
        return 1

    def uac_restore_from(self):
        """Restore by hand what loose_route() found in our Route value: 1, or -1 when nothing is stored."""
        return self.restore(REPLACE_FROM)

    def uac_restore_to(self):
        return self.restore(REPLACE_TO)

    # --- requests of our own -------------------------------------------------------------------------------------

    def uac_req_send(self):
        """Send what $uac_req(...) describes: 1, or -1 when something needed is missing or it cannot be sent."""
        requests = self.runtime.requests
        return -1 if requests is None else requests.send(self.runtime.uac_request)

    # --- registrations -------------------------------------------------------------------------------------------

    cdef int registrations(self, str name, tuple arguments) except? -2:
        """A method of the registrations; -1 when nothing is registered."""
        registrations = self.runtime.registrations
        return -1 if registrations is None else getattr(registrations, name)(*arguments)

    def uac_reg_lookup(self, str uuid not None, str variable not None):
        """Set the pseudo-variable of that name to the local URI of this record: 1, or -1."""
        return self.registrations("uac_reg_lookup", (uuid, variable))

    def uac_reg_lookup_uri(self, str uri not None, str variable not None):
        return self.registrations("uac_reg_lookup_uri", (uri, variable))

    def uac_reg_status(self, str uuid not None):
        return self.registrations("uac_reg_status", (uuid,))

    def uac_reg_request_to(self, str user not None, int mode):
        return self.registrations("uac_reg_request_to", (user, mode))

    def uac_reg_enable(self, str attribute not None, str value not None):
        return self.registrations("uac_reg_enable", (attribute, value))

    def uac_reg_disable(self, str attribute not None, str value not None):
        return self.registrations("uac_reg_disable", (attribute, value))

    def uac_reg_refresh(self, str uuid not None):
        return self.registrations("uac_reg_refresh", (uuid,))

    # --- answering challenges ------------------------------------------------------------------------------------

    def uac_auth(self):
        """Answer the challenge of the branch that failed: 1 when credentials were added for the next attempt, else -1."""
        return self.uac_auth_mode(0)

    def uac_auth_mode(self, int mode):
        """The same; bit 0 of mode: the password is an HA1. The credentials of the AVP parameters go before the list."""
        cdef MessageContext context = self.runtime.context
        cdef Branch *challenged = context.branch
        cdef StoredPlan attempt
        cdef TransactionState state = context.state
        cdef Secret secret
        cdef sip_text before
        cdef list octets
        cdef bint given
        if (context.kind not in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE) or self.runtime.authenticator is None
                or challenged == NULL or context.reply is None or challenged.final not in (401, 407)
                or state.attempts is None or challenged.step >= len(state.attempts)):
            return -1
        # The same Request-URI by the same way: credentials are for the one who asked.
        attempt = state.attempts[challenged.step]
        before = context.message.request_uri
        if not context.message.replace_request_uri(
                context.message.keep(attempt.request_uri.at, attempt.request_uri.length)):
            return -1
        octets = self.auth_texts()
        given = octets is not None and secret_of(view(octets[1]), view(octets[0]), view(octets[2]), mode & 1, &secret)
        if self.runtime.authenticator.authenticate(&secret if given else NULL, challenged, context.message, context.reply) < 0:
            context.message.replace_request_uri(before)
            return -1
        context.destination_uri = str_of(attempt.next_hop) if attempt.next_hop.at != NULL else None
        context.authenticated = True
        context.first_request_uri = NULL
        return 1

    cdef list auth_texts(self):
        """Octets of realm, user name and password from the AVP parameters, None when they are not set."""
        cdef list found = []
        if self.runtime.auth_variables is None:
            return None
        for variable in self.runtime.auth_variables:
            value = variable.read(self.runtime.context)
            found.append(b"" if value is None else str(value).encode("utf-8", "surrogateescape"))
        return found


cdef sip_text view(bytes octets) noexcept:
    return text_of(<const char *>octets, <unsigned int>len(octets))
