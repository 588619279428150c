"""[[route]]: a decision list over initial requests; the first route whose conditions all hold decides.

Everything is compiled when the configuration is read; judging a request makes no Python object.
"""
from uacfast.leaves.sip_scan cimport (
    SIP_METHOD_INVITE, SIP_METHOD_NOTIFY, SIP_METHOD_OTHER, SIP_METHOD_REFER, SIP_METHOD_SUBSCRIBE, sip_method_id_of,
)
from uacfast.leaves.edit_list cimport edit_list_insert
from uacfast.leaves.sip_header cimport sip_address, sip_address_parse
from uacfast.leaves.sip_uri cimport sip_parameter_find, sip_uri, sip_uri_parse
from uacfast.leaves.text_writer cimport text_writer, text_writer_start
from uacfast.leaves.udp_batch cimport AF_INET
from uacfast.proxy.hooks cimport VERDICT_NONE, VERDICT_RELAY, VERDICT_REPLY
from uacfast.sip.digest cimport Secret
from uacfast.proxy.features cimport EdgeFeatures
from uacfast.proxy.location cimport Binding
from uacfast.routing.admission cimport ADMITTED, Subscribers, aim_at
from uacfast.routing.template cimport (
    FROM_HOST, FROM_USER, REQUEST_URI_HOST, REQUEST_URI_USER, TO_HOST, TO_USER, USER_AGENT, read_variable,
)
from uacfast.sip.message cimport bytes_of, no_text, text_of
from uacfast.uac.authenticator cimport Credentials
from uacfast.uac.replace cimport REPLACE_FROM, REPLACE_TO

cdef enum:
    ROUTE_NAME = 7               # octets of "Route: "

CONDITIONS = {
    "ruri_user": REQUEST_URI_USER, "ruri_domain": REQUEST_URI_HOST, "from_user": FROM_USER, "from_domain": FROM_HOST,
    "to_user": TO_USER, "to_domain": TO_HOST, "user_agent": USER_AGENT,
}


cdef class CompiledRoute:

    def __init__(self, route, EdgeFeatures features=None, Subscribers subscribers=None):
        """`route`: the Struct of one [[route]]; without `features` it is not asked who the caller is, nor where a user is.
        ValueError, a sentence, when an expression or variable is not possible."""
        cdef bytes method
        self.name = route.name
        self.methods = tuple(name.encode() for name in route.method)
        for method in self.methods:
            method_id = sip_method_id_of(text_of(<const char *>method, <uint32_t>len(method)))
            if method_id != SIP_METHOD_OTHER:
                self.method_bits |= <uint32_t>1 << method_id
        self.source = Networks(list(route.source)) if route.source else None
        self.expressions = []
        for key, variable in CONDITIONS.items():
            pattern = getattr(route, key)
            if pattern:
                self.variables[self.condition_count] = variable
                self.expressions.append(Regex(pattern))
                self.condition_count += 1
        self.new_uri = Template(route.ruri) if route.ruri else None
        self.replaces_from = route.replace_from is not None
        self.replaces_to = route.replace_to is not None
        if self.replaces_from:
            self.from_display, self.from_uri = templates_of(route.replace_from)
        if self.replaces_to:
            self.to_display, self.to_uri = templates_of(route.replace_to)
        self.record_route = route.record_route
        self.fork = route.fork
        self.dialog = route.dialog
        self.dialog_timeout = route.dialog_timeout
        self.targets = [Template(target) for target in route.relay]
        if route.reply is not None:
            self.reply_code = route.reply.code
            self.reply_reason = route.reply.reason.encode()
        self.fr_timer = route.fr_timer
        self.fr_inv_timer = route.fr_inv_timer
        self.looks_up_registrations = route.lookup == "registrations"
        if route.request_to is not None:
            self.account_user = Template(route.request_to.user)
            self.account_mode = route.request_to.mode
        if features is not None:
            if route.source_group:
                self.source_group = features.sources.group(route.source_group)
            if route.authenticate is not None or route.registrar or route.lookup == "location":
                self.admission = Admission(route, features, subscribers)

    cdef CompiledRoute with_account(self):
        """What becomes of a request on this route, for one account; its conditions are left out."""
        cdef CompiledRoute copy = CompiledRoute.__new__(CompiledRoute)
        copy.name = self.name
        copy.new_uri = self.new_uri
        copy.from_display, copy.from_uri = self.from_display, self.from_uri
        copy.to_display, copy.to_uri = self.to_display, self.to_uri
        copy.replaces_from, copy.replaces_to = self.replaces_from, self.replaces_to
        copy.record_route, copy.fork = self.record_route, self.fork
        copy.dialog, copy.dialog_timeout = self.dialog, self.dialog_timeout
        copy.targets = self.targets
        copy.fr_timer, copy.fr_inv_timer = self.fr_timer, self.fr_inv_timer
        copy.secrets, copy.route_id = self.secrets, self.route_id
        return copy

    cdef bint takes(self, SipMessage request, UdpTransport transport) noexcept:
        cdef int i
        cdef sip_text value
        cdef text_writer numbers
        cdef char digits[128]
        cdef const unsigned char *address
        if self.methods and not self.takes_method(request):
            return False
        if self.source is not None:
            if request.source.any.sa_family == AF_INET:
                address = <const unsigned char *>&request.source.v4.sin_addr
            else:
                address = <const unsigned char *>&request.source.v6.sin6_addr
            if not self.source.contains(address, request.source.any.sa_family):
                return False
        if self.source_group is not None and not self.source_group.contains(&request.source):
            return False
        for i in range(self.condition_count):
            text_writer_start(&numbers, digits, sizeof(digits))
            if not read_variable(self.variables[i], no_text(), request, transport, &numbers, &value):
                value = text_of(b"", 0)      # an absent part is an empty text to an expression
            if not (<Regex>self.expressions[i]).matches(value.at, value.length):
                return False
        return True

    cdef bint takes_method(self, SipMessage request) noexcept:
        cdef bytes method
        cdef sip_text text = request.index.method_text
        if request.index.method != SIP_METHOD_OTHER:
            return (self.method_bits >> request.index.method) & 1
        for method in self.methods:
            if len(method) == text.length and method == text.at[:text.length]:
                return True
        return False


cdef tuple templates_of(replacement):
    """(display or None when it stays, URI or None when it stays)"""
    display = replacement.display if isinstance(replacement.display, str) else None
    return (None if display is None else Template(display),
            Template(replacement.uri) if replacement.uri else None)


cdef class LocatedRoute:
    pass


cdef inline CompiledRoute route_of(object context):
    return (<LocatedRoute>context).route if isinstance(context, LocatedRoute) else <CompiledRoute>context


cdef sip_text account_next_hop(CompiledRoute route) noexcept:
    """The first Service-Route value's URI, else the account's auth_proxy."""
    cdef bytes text = route.account_routes
    cdef sip_address address
    if text is not None and sip_address_parse(
            text_of(<const char *>text + ROUTE_NAME, <uint32_t>len(text) - ROUTE_NAME - 2), &address) == 0:
        return address.uri
    text = route.account_destination
    return text_of(<const char *>text, <uint32_t>len(text))


cdef class RouteList(RequestPolicy):

    def __init__(self, routes, UdpTransport transport, Replacer replacer, DialogTracker dialogs,
                 EdgeFeatures features=None, Subscribers subscribers=None, Authenticator authenticator=None,
                 Credentials credentials=None, RegistrationFunctions registrations=None):
        """`credentials`: gets those of the routes; the authenticator will use it once the configuration is in force."""
        cdef CompiledRoute compiled
        self.registrations = registrations
        self.routes = []
        for index, route in enumerate(routes):
            compiled = CompiledRoute(route, features, subscribers)
            if credentials is not None and route.credential is not None:
                compiled.route_id, compiled.secrets = credentials.add_route(route.name, index, route.credential)
            if credentials is not None and compiled.account_user is not None:
                credentials.of_accounts = True
            self.routes.append(compiled)
        self.transport = transport
        self.replacer = replacer
        self.dialogs = dialogs
        self.authenticator = authenticator

    cdef object decide(self, SipMessage request, Decision *decision):
        cdef CompiledRoute route
        for route in self.routes:
            if route.takes(request, self.transport):
                if route.admission is not None and route.admission.admit(request, self.transport, decision) != ADMITTED:
                    return None
                if route.reply_code:
                    decision.verdict = VERDICT_REPLY
                    decision.status = route.reply_code
                    if route.reply_reason:
                        decision.reason = text_of(<const char *>route.reply_reason, <uint32_t>len(route.reply_reason))
                    return None
                if route.looks_up_registrations or route.account_user is not None:
                    route = self.account_route(route, request)
                    if route is None:
                        decision.verdict = VERDICT_REPLY
                        decision.status = 404
                        return None
                if route.admission is not None and route.admission.located:
                    return self.locate(route, request, decision)
                decision.verdict = VERDICT_RELAY
                decision.parallel = route.fork
                return route
        decision.verdict = VERDICT_NONE
        return None

    cdef CompiledRoute account_route(self, CompiledRoute route, SipMessage request):
        """The route for the account that the request is from or for; None when there is no such account.

        A call from a registrar comes to our Contact: its user is the l_uuid, or it has the l_uuid as `line`.
        """
        cdef CompiledRoute found
        cdef sip_uri uri
        cdef sip_text user
        if self.registrations is None:
            return None
        found = route.with_account()
        if route.looks_up_registrations:
            if sip_uri_parse(request.request_uri, &uri) != 0:
                return None
            user = uri.user
            if sip_parameter_find(uri.parameters, b"line", &user) and user.at == NULL:
                user = uri.user
            status, target = self.registrations.uac_reg_lookup(bytes_of(user).decode("utf-8", "surrogateescape"))
            if status < 0:
                return None
            found.account_uri = target.encode("utf-8", "surrogateescape")
        if route.account_user is not None:
            user = route.account_user.evaluate(request, self.transport)
            status, account = self.registrations.uac_reg_request_to(
                bytes_of(user).decode("utf-8", "surrogateescape"), route.account_mode)
            if status < 0:
                return None
            found.account_uri = account["ruri"].encode("utf-8", "surrogateescape")
            found.account_destination = account["destination"].encode("utf-8", "surrogateescape")
            if account["route"]:
                found.account_routes = f"Route: {account['route']}\r\n".encode("utf-8", "surrogateescape")
            found.secrets = SecretList([self.registrations.credential(account)])
        return found

    cdef bint go_to_account(self, CompiledRoute route, SipMessage request) noexcept:
        """Request-URI and Service-Route (RFC 3608) of the account; the texts live as long as the route."""
        cdef bytes text = route.account_uri
        if not request.replace_request_uri(text_of(<const char *>text, <uint32_t>len(text))):
            return False
        text = route.account_routes
        return text is None or edit_list_insert(
            &request.edits, request.offset(request.index.headers[0].line.at),
            text_of(<const char *>text, <uint32_t>len(text))) == 0

    cdef object locate(self, CompiledRoute route, SipMessage request, Decision *decision):
        """Where the user of the Request-URI is registered: all at once when they are equally preferred, else in turn."""
        cdef LocatedRoute located
        cdef list found = route.admission.find_bindings(request)
        if not found:
            decision.verdict = VERDICT_REPLY
            decision.status = 404
            return None
        located = LocatedRoute()
        located.route = route
        located.bindings = found
        located.parallel = len(found) > 1 and (<Binding>found[0]).q == (<Binding>found[len(found) - 1]).q
        decision.verdict = VERDICT_RELAY
        decision.parallel = located.parallel
        return located

    cdef bint prepare(self, object context, SipMessage request):
        cdef CompiledRoute route = route_of(context)
        cdef sip_text text
        request.fr_timer = route.fr_timer
        request.fr_inv_timer = route.fr_inv_timer
        # Only what may begin a dialog is record-routed (RFC 3261 §16.6 step 4, RFC 6665, RFC 3515).
        request.record_route = (route.record_route or route.dialog) and request.index.method in (
            SIP_METHOD_INVITE, SIP_METHOD_SUBSCRIBE, SIP_METHOD_REFER, SIP_METHOD_NOTIFY)
        if request.record_route and self.authenticator is not None:
            self.authenticator.mark_dialog(request, route.route_id)
        if route.account_uri is not None and not self.go_to_account(route, request):
            return False
        if route.new_uri is not None:
            text = route.new_uri.evaluate(request, self.transport)
            if text.length == 0 or not request.replace_request_uri(text):
                return False
        if route.dialog and self.dialogs.begin(request) and route.dialog_timeout:
            self.dialogs.set_timeout(self.dialogs.table.at(request.dialog), route.dialog_timeout)
        if request.to.tag.at != NULL:
            return True      # within a dialog that did not begin here nothing is replaced (uac-semantics §1.10)
        if route.replaces_from and not self.replace(request, REPLACE_FROM, route.from_display, route.from_uri):
            return False
        return not route.replaces_to or self.replace(request, REPLACE_TO, route.to_display, route.to_uri)

    cdef bint replace(self, SipMessage request, int which, Template display, Template uri):
        cdef sip_text new_display = no_text()
        cdef sip_text new_uri = no_text()
        if display is not None:
            new_display = display.evaluate(request, self.transport)
            if new_display.at == NULL:
                return False
        if uri is not None:
            new_uri = uri.evaluate(request, self.transport)
            if new_uri.at == NULL:
                return False
        return self.replacer.replace(request, REPLACE_FROM if which == 0 else REPLACE_TO, display is not None,
                                     new_display, new_uri)

    cdef bint target(self, object context, int step, SipMessage request):
        cdef CompiledRoute route = route_of(context)
        cdef sip_text uri
        if isinstance(context, LocatedRoute):
            return (step < len((<LocatedRoute>context).bindings)
                    and aim_at(request, (<LocatedRoute>context).bindings[step]))
        if not route.targets:
            if step == 0 and route.account_destination is not None:
                request.next_hop = account_next_hop(route)
            return step == 0
        if step >= len(route.targets):
            return False
        uri = (<Template>route.targets[step]).evaluate(request, self.transport)
        if uri.length == 0:
            return False
        request.next_hop = uri
        return True

    cdef int target_count(self, object context) noexcept:
        cdef CompiledRoute route
        if isinstance(context, LocatedRoute):
            return <int>len((<LocatedRoute>context).bindings)
        route = <CompiledRoute>context
        return <int>len(route.targets) if route.targets else 1

    cdef bint goes_on_after(self, object context, int status):
        if isinstance(context, LocatedRoute):
            return not (<LocatedRoute>context).parallel
        return not (<CompiledRoute>context).fork

    cdef int secrets(self, object context, const Secret **found) noexcept:
        cdef CompiledRoute route = route_of(context)
        if route.secrets is None:
            return 0
        found[0] = route.secrets.at
        return route.secrets.count
