"""[[event]]: what becomes of the replies to requests of our own without a script: a log line, a webhook."""
import logging

from uacfast.routing.context cimport MessageContext, ROUTE_EVENT, ScriptRuntime
from uacfast.routing.pv import text_template
from uacfast.sip.message cimport SipMessage
from uacfast.transport.udp cimport UdpTransport
from uacfast.uac.request_description import TEXTS, RequestDescription

logger = logging.getLogger("uacfast.event")

LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
SECRET = frozenset(("apasswd",))


cdef class EventSink:
    """Tells of each uac:reply what the [[event]] tables ask for."""
    cdef ScriptRuntime runtime
    cdef UdpTransport transport
    cdef list tables
    cdef object post

    def __init__(self, events, UdpTransport transport, post):
        """`events`: the [[event]] tables; `post(name, *arguments)` tells the control part. ValueError, a sentence, for a text
        with a variable that does not exist."""
        self.runtime = ScriptRuntime()
        self.runtime.uac_request = RequestDescription()
        self.transport = transport
        self.post = post
        self.tables = [(text_template(event.log) if event.log else None, LEVELS[event.log_level], event.webhook)
                       for event in events]

    def uac_reply(self, description, SipMessage response=None):
        """The final response of a request of our own; None: it timed out (uac-semantics §6.3)."""
        cdef MessageContext context = MessageContext(runtime=self.runtime)
        self.runtime.uac_request.assign(description)
        context.kind = ROUTE_EVENT
        context.message = response
        context.transport = self.transport
        for text, level, webhook in self.tables:
            if text is not None:
                logger.log(level, "%s", text.evaluate(context))
            if webhook:
                values = {key: sendable(getattr(description, key)) for key in description.__slots__ if key not in SECRET}
                self.post("webhook", webhook, {"event": "uac:reply"} | values | {
                    "reply": None if response is None else
                    response.index.data[:response.index.length].decode("utf-8", "replace")})


def sendable(value):
    """A value as JSON can carry it: octets of SIP messages that are no UTF-8 become U+FFFD."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value
