"""KSR.corex: further branches, sockets, what is there in a message (kemi-python.md §3.10)."""
from uacfast.leaves.sip_scan cimport SIP_HEADER_USER_AGENT, sip_first_header
from uacfast.leaves.sip_uri cimport sip_uri, sip_uri_parse
from uacfast.routing.context cimport KsrModule, MessageContext, str_of
from uacfast.routing.relaying cimport ScriptTransactions
from uacfast.sip.message cimport SipMessage

cdef enum:
    BRANCHES_MAX = 31            # beside the Request-URI, as many as Kamailio keeps


cdef class CorexModule(KsrModule):

    def append_branch(self):
        """Another destination: the Request-URI as it is now, with $du and send socket."""
        return self.append_branch_uri_q("", "")

    def append_branch_uri(self, str uri not None):
        return self.append_branch_uri_q(uri, "")

    def append_branch_uri_q(self, str uri not None, str q not None):
        """Another destination that t_relay() sends to as well; "": the Request-URI as it is now."""
        cdef MessageContext context = self.runtime.context
        cdef SipMessage message = context.message
        if (message is None or not message.index.is_request or len(context.state.branches) >= BRANCHES_MAX
                or "\r" in uri or "\n" in uri):
            return -1
        context.state.branches.append({
            "uri": uri if uri else str_of(message.request_uri), "dst_uri": None if uri else context.destination_uri,
            "path": None, "q": q, "send_socket": context.send_socket, "flags": context.state.branch_flags[0]})
        return 1

    def has_ruri_user(self):
        cdef SipMessage message = self.runtime.context.message
        cdef sip_uri uri
        if message is None or not message.index.is_request or sip_uri_parse(message.request_uri, &uri) != 0:
            return -1
        return 1 if uri.user.length else -1

    def has_user_agent(self):
        cdef SipMessage message = self.runtime.context.message
        return 1 if message is not None and sip_first_header(&message.index, SIP_HEADER_USER_AGENT) != NULL else -1

    def set_send_socket(self, str name not None):
        """Send by our socket "udp:host:port"; one that is not ours changes nothing."""
        cdef MessageContext context = self.runtime.context
        if context.message is None:
            return -1
        if (<ScriptTransactions>self.runtime).socket_of(name) >= 0:
            context.send_socket = name
        return 1

    def is_socket_name(self, str name not None):
        """Sockets have no names here."""
        return -1
