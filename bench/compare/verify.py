"""A handful of calls with every message compared octet for octet: is each system really doing the same job?

Caller and callee are plain sockets here. Beyond what a proxy has to change (Via, Record-Route, Route, Max-Forwards, the
URI in From or To) no octet may differ."""
import re
import socket
import time

from .processes import BenchmarkError
from .systems import REPLACED_FROM, RunningSystem

ORIGINAL_FROM = "sip:+4989123456@pbx.customer.example"
BODY = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
CHANGED_BY_PROXIES = ("via", "record-route", "route", "max-forwards")


class Message:
    """Start line, header lines as received and body, without interpretation."""

    def __init__(self, octets):
        head, _, self.body = octets.decode().partition("\r\n\r\n")
        self.start, *self.lines = head.split("\r\n")

    def values(self, name):
        return [line.split(":", 1)[1].strip() for line in self.lines if line.split(":", 1)[0].strip().lower() == name]

    def others(self):
        return [line for line in self.lines if line.split(":", 1)[0].strip().lower() not in CHANGED_BY_PROXIES]

    def tag(self, name):
        return re.search(r";tag=([^;]+)", self.values(name)[0]).group(1)


def via_parts(value):
    """A Via without what the next hop adds to it (received, the value of rport), parameters in any order."""
    sent_by, *parameters = value.split(";")
    return sent_by, sorted(part for part in parameters if part.split("=")[0] not in ("received", "rport"))


class Party:
    """One end of the call: a UDP socket that can wait for a certain message."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.port = port

    def send(self, text, port):
        self.socket.sendto(text.encode(), ("127.0.0.1", port))
        return Message(text.encode())

    def expect(self, start):
        """The next message that begins so; hop-by-hop replies and repetitions of earlier messages are passed over."""
        deadline, seen = time.monotonic() + 3, []
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                message = Message(self.socket.recv(65536))
            except TimeoutError:
                break
            if message.start.startswith(start):
                return message
            seen.append(message.start)
        raise BenchmarkError(f"waited 3 s for {start!r}, saw {seen or 'nothing'}")

    def close(self):
        self.socket.close()


class Call:
    """One call through the proxy; every step compares what arrived with what was sent."""

    def __init__(self, number, system, ports, caller, callee):
        self.system, self.ports, self.caller, self.callee = system, ports, caller, callee
        self.call_id, self.number = f"verify-{number}-{ports.proxy}@127.0.0.1", number
        self.compared, self.problems = 0, []
        self.original = f'"Alice Example" <{ORIGINAL_FROM}>;tag=caller-{number}'
        shown = REPLACED_FROM if system.replaces else ORIGINAL_FROM
        self.shown = f'"Alice Example" <{shown}>;tag=caller-{number}'
        self.target = "<sip:+49301234@edge.example>"
        self.target_tagged = f"{self.target};tag=callee-{number}"
        self.branches = 0

    # === writing ===

    def request(self, method, uri, party, near, far, cseq, routes=(), body="", branch=None):
        if branch is None:
            self.branches += 1
            branch = self.branches
        lines = [f"{method} {uri} SIP/2.0",
                 f"Via: SIP/2.0/UDP 127.0.0.1:{party.port};branch=z9hG4bK-{self.number}-{branch}-{party.port};rport",
                 "Max-Forwards: 70", *(f"Route: {route}" for route in routes), f"From: {near}", f"To: {far}",
                 f"Call-ID: {self.call_id}", f"CSeq: {cseq} {method}", f"Contact: <sip:party@127.0.0.1:{party.port}>",
                 "X-Kept:  as it \t is", "User-Agent: verify/1.0"]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])

    @staticmethod
    def reply(request, status, party, tag, body=""):
        lines = [f"SIP/2.0 {status}"]
        for line in request.lines:
            name = line.split(":", 1)[0].strip().lower()
            if name in ("via", "record-route", "from", "to", "call-id", "cseq"):
                lines.append(line + f";tag={tag}" if name == "to" and ";tag=" not in line else line)
        lines += [f"Contact: <sip:party@127.0.0.1:{party.port}>", "Server: verify/1.0"]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])

    # === comparing ===

    def same(self, what, expected, found):
        if expected != found:
            self.problems.append(f"call {self.number}, {what}: expected {expected!r}, found {found!r}")

    def compare_request(self, sent, got, near, far, record_routed=False, own_routes=0):
        what = sent.start.split()[0]
        self.compared += 1
        self.same(f"{what} start line", sent.start, got.start)
        self.same(f"{what} body", sent.body, got.body)
        if not self.system.answers:
            self.same(f"{what} headers", sent.lines, got.lines)
            return
        renamed = [f"From: {near}" if line.startswith("From:") else f"To: {far}" if line.startswith("To:") else line
                   for line in sent.others()]
        self.same(f"{what} other headers", renamed, got.others())
        self.same(f"{what} Max-Forwards", ["69"], got.values("max-forwards"))
        self.same(f"{what} Route", sent.values("route")[own_routes:], got.values("route"))
        top, *rest = got.values("via")
        if not re.fullmatch(rf"SIP/2\.0/UDP 127\.0\.0\.1:{self.ports.proxy};branch=z9hG4bK\S+", top):
            self.problems.append(f"call {self.number}, {what}: the proxy's Via is {top!r}")
        if len(rest) != 1 or via_parts(rest[0]) != via_parts(sent.values("via")[0]):
            self.problems.append(f"call {self.number}, {what}: the sender's Via became {rest!r}")
        routes = got.values("record-route")
        own_route = rf"<sip:127\.0\.0\.1:{self.ports.proxy};lr\S*>"
        if record_routed and (len(routes) != 1 or not re.fullmatch(own_route, routes[0])):
            self.problems.append(f"call {self.number}, {what}: Record-Route is {routes!r}")

    def compare_reply(self, sent, got, near, far):
        what = f"{sent.start} for {sent.values('cseq')[0]}"
        self.compared += 1
        lines = [f"From: {near}" if line.startswith("From:") else f"To: {far}" if line.startswith("To:") else line
                 for line in sent.lines]
        if self.system.answers:
            lines.remove(next(line for line in lines if line.lower().startswith("via:")))
        self.same(what, [sent.start, *lines, sent.body], [got.start, *got.lines, got.body])

    # === the steps of a call ===

    def invite(self):
        sent = self.caller.send(self.request("INVITE", "sip:+49301234@edge.example", self.caller, self.original,
                                             self.target, 1, body=BODY), self.ports.proxy)
        got = self.callee.expect("INVITE ")
        self.compare_request(sent, got, self.shown, self.target, record_routed=True)
        self.invited = got
        self.answer("180 Ringing")

    def answer(self, status, body=""):
        sent = self.callee.send(self.reply(self.invited, status, self.callee, f"callee-{self.number}", body),
                                self.ports.proxy)
        got = self.caller.expect(f"SIP/2.0 {status[:3]}")
        self.compare_reply(sent, got, self.original, self.target_tagged)
        self.routes = list(reversed(got.values("record-route")))
        self.callee_routes = self.invited.values("record-route")
        return got

    def established(self):
        self.invite()
        self.answer("200 OK", BODY)
        self.from_caller("ACK", 1)

    def from_caller(self, method, cseq, body=""):
        """An in-dialog request downstream and, but for ACK, its 200 back."""
        text = self.request(method, f"sip:party@127.0.0.1:{self.callee.port}", self.caller, self.original,
                            self.target_tagged, cseq, self.routes, body)
        sent = self.caller.send(text, self.ports.proxy)
        got = self.callee.expect(f"{method} ")
        self.compare_request(sent, got, self.shown, self.target_tagged, own_routes=len(self.routes))
        if method != "ACK":
            back = self.callee.send(self.reply(got, "200 OK", self.callee, "", body), self.ports.proxy)
            self.compare_reply(back, self.caller.expect("SIP/2.0 200"), self.original, self.target_tagged)

    def from_callee(self, method, cseq, body=""):
        """The same upstream: the callee's To is the replaced From, the caller must see its own."""
        text = self.request(method, f"sip:party@127.0.0.1:{self.caller.port}", self.callee, self.target_tagged,
                            self.shown, cseq, self.callee_routes, body)
        sent = self.callee.send(text, self.ports.proxy)
        got = self.caller.expect(f"{method} ")
        self.compare_request(sent, got, self.target_tagged, self.original, own_routes=len(self.callee_routes))
        if method != "ACK":
            back = self.caller.send(self.reply(got, "200 OK", self.caller, "", body), self.ports.proxy)
            self.compare_reply(back, self.callee.expect("SIP/2.0 200"), self.target_tagged, self.shown)

    def cancelled(self):
        """CANCEL and the ACK of a 487 are the proxy's own on each hop; the 487 goes all the way."""
        self.invite()
        uri, hop = "sip:+49301234@edge.example", 1
        self.caller.send(self.request("CANCEL", uri, self.caller, self.original, self.target, 1, branch=hop),
                         self.ports.proxy)
        cancel = self.callee.expect("CANCEL ")
        self.same("CANCEL From", [self.shown], cancel.values("from"))
        self.callee.send(self.reply(cancel, "200 OK", self.callee, f"callee-{self.number}"), self.ports.proxy)
        self.answer("487 Request Terminated")
        self.caller.send(self.request("ACK", uri, self.caller, self.original, self.target_tagged, 1, branch=hop),
                         self.ports.proxy)
        acknowledged = self.callee.expect("ACK ")
        self.same("ACK of 487 From", [self.shown], acknowledged.values("from"))
        self.compared += 2


def verify(system, start_options):
    """Four calls: the caller hangs up; the callee hangs up; both change the session first; the caller gives up."""
    record = {"system": system.name, "compared": 0, "problems": []}
    with RunningSystem(system, start_options) as running:
        caller, callee = Party(running.ports.caller), Party(running.ports.callee)
        try:
            calls = [Call(number, system, running.ports, caller, callee) for number in range(1, 5)]
            scripts = (
                lambda call: (call.established(), call.from_caller("BYE", 2)),
                lambda call: (call.established(), call.from_callee("BYE", 1)),
                lambda call: (call.established(), call.from_callee("INVITE", 1, BODY), call.from_callee("ACK", 1),
                              call.from_caller("INVITE", 2, BODY), call.from_caller("ACK", 2),
                              call.from_caller("BYE", 3)),
                lambda call: call.cancelled(),
            )
            for call, script in zip(calls, scripts, strict=True):
                try:
                    script(call)
                except BenchmarkError as error:
                    call.problems.append(f"call {call.number}: {error}")
                record["compared"] += call.compared
                record["problems"] += call.problems
        finally:
            caller.close()
            callee.close()
    return record
