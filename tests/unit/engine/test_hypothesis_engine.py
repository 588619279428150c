"""The whole engine under arbitrary, broken and badly timed input: octets in, octets out, the virtual clock between.

What must hold whatever comes: no crash; in the end nothing is left in memory; nothing goes to port 0 or to a group
address; no response and no ACK is answered; From stays hidden from the callee and unchanged for the caller.
"""
import ipaddress
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kit.memory import CALLEE, CALLEE_B, CALLER, MemoryProxy, reply, request
from kit.message import Message, name_addr_of, parameters_of, uri_of

# UACFAST_EXAMPLES: how many examples each property gets; more for a long run under sanitizers.
EXAMPLES = int(os.environ.get("UACFAST_EXAMPLES", "150"))
PROFILE = settings(max_examples=EXAMPLES, deadline=None, derandomize="UACFAST_EXAMPLES" not in os.environ,
                   suppress_health_check=list(HealthCheck))

FOLDER = Path(__file__).parents[2] / "data" / "torture"
TORTURE = [path.read_bytes() for path in sorted(FOLDER.glob("*.sip"))]
ORIGINAL = "sip:alice@secret.example.com"
SHOWN = "sip:anonymous@anonymous.invalid"
SECRET = "secret.example"
CONFIG = f"""
[server]
alias = ["edge.example"]
[tm]
fr_timer = 3000
fr_inv_timer = 8000
max_inv_lifetime = 40000
[[listen]]
uri = "udp:127.0.0.1:5060"
[[listen]]
uri = "udp:127.0.0.1:5070"
[[route]]
method = ["MESSAGE"]
relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003"]
[[route]]
method = ["PUBLISH"]
reply = {{ code = 403 }}
[[route]]
ruri_user = "^fork"
record_route = true
replace_from = {{ display = "", uri = "{SHOWN}" }}
relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003"]
fork = true
[[route]]
ruri_user = "^open"
record_route = true
[[route]]
record_route = true
replace_from = {{ display = "", uri = "{SHOWN}" }}
replace_to = {{ display = "\\"$tn of $rd\\"", uri = "sip:$rU@carrier.example" }}
relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003;lr"]
"""
FORWARDING = CONFIG.replace("[tm]\n", '[tm]\nstray_replies = "forward"\n')
END = 400_000       # ms, longer than every timer of two attempts one after the other


def check_sent(proxy):
    """What holds for every datagram that leaves, whatever came in."""
    for message in proxy.sent:
        host, port = message.source
        address = ipaddress.ip_address(host)
        assert port != 0
        assert not address.is_multicast and not address.is_unspecified
        assert str(address) != "255.255.255.255"
        assert re.match(rb"SIP/2\.0 [1-6][0-9][0-9] |[^ \t]+ [^ \t].* SIP/2\.0", message.raw, re.I), message.raw[:80]
    return proxy.take()


def drain(proxy):
    """After enough time nothing is left."""
    for _ in range(4):
        proxy.advance_fast(END // 4)
        check_sent(proxy)
    statistics = proxy.engine.statistics()
    assert (statistics["transactions"], statistics["active_transactions"], statistics["transaction_octets"]) == (
        0,
        0,
        0,
    )


def feed(proxy, data, source=CALLER, socket=0):
    """One datagram in; what left is checked and returned."""
    before = len(proxy.take())
    assert before == 0
    proxy.receive(data, source, socket)
    return check_sent(proxy)


# --- arbitrary octets -----------------------------------------------------------------------------------------------

FRAGMENTS = st.sampled_from(
    [
        b"INVITE ",
        b"ACK ",
        b"CANCEL ",
        b"BYE ",
        b"OPTIONS ",
        b"sip:bob@example.com",
        b"sip:127.0.0.1",
        b" SIP/2.0",
        b"SIP/2.0 ",
        b"200 OK",
        b"180 Ringing",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"Via: SIP/2.0/UDP 127.0.0.1:40001;branch=z9hG4bKx",
        b"v: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1.",
        b"From: <sip:a@b>;tag=1",
        b"To: <sip:b@c>",
        b"t:<sip:b@c>;tag=2",
        b"Call-ID: 1",
        b"CSeq: 1 INVITE",
        b"CSeq: 4294967296 ACK",
        b"Max-Forwards: 1",
        b"Max-Forwards: 0",
        b"Content-Length: 0",
        b"l: 99",
        b"Route: <sip:127.0.0.1:5060;lr>",
        b"Route: <sip:127.0.0.1;lr;r2=on;ftag=1;vsf=AAAA>, <sip:127.0.0.1:5070;lr>",
        b"Record-Route: <sip:127.0.0.1;lr;vsf=AAAA>",
        b",",
        b";",
        b'"',
        b"<",
        b">",
        b"\\",
        b"\0",
        b" ",
        b"\t",
        b"\xff",
        b"%00",
    ]
)
NOISE = st.lists(FRAGMENTS | st.binary(max_size=12), max_size=40).map(b"".join)


@PROFILE
@given(
    st.lists(NOISE | st.binary(max_size=300), min_size=1, max_size=20),
    st.sampled_from([CALLER, CALLEE, ("::1", 9), ("0.0.0.0", 0)]),
)
def test_arbitrary_octets(datagrams, source):
    proxy = MemoryProxy(FORWARDING)
    for data in datagrams:
        feed(proxy, data, source)
    drain(proxy)
    proxy.close()


# --- valid messages, damaged ----------------------------------------------------------------------------------------

def messages_of_a_call():
    """Every kind of message of a call as it comes to the proxy, with its source."""
    proxy = MemoryProxy(FORWARDING)
    from_ = f"Alice <{ORIGINAL}>;tag=ft1"
    found = []

    def arrive(data, source=CALLER):
        found.append((data, source))
        proxy.receive(data, source)
        return proxy.take()

    invite = request(from_=from_, call_id="call", branch="z9hG4bKc1", headers="Supported: a, b\r\n", body=b"v=0\r\n")
    relayed = next(message for message in arrive(invite) if message.is_request)
    arrive(reply(relayed, 180), CALLEE)
    ok = arrive(reply(relayed, 200, headers="Contact: <sip:bob@127.0.0.1:40002>\r\n"), CALLEE)[0]
    routes = "".join(f"Route: {value}\r\n" for value in ok.all("Record-Route"))
    arrive(request("ACK", uri="sip:bob@127.0.0.1:40002", from_=from_, to=ok.get("To"), call_id="call", headers=routes))
    arrive(request("BYE", uri="sip:alice@127.0.0.1:40001", source=CALLEE, from_=f"{relayed.get('To')};tag=tt1",
                   to=relayed.get("From"), call_id="call", headers=routes))
    second = request(uri="sip:fork@example.com", from_=from_, call_id="call2", branch="z9hG4bKc2")
    sent = [message for message in arrive(second) if message.is_request]
    arrive(reply(sent[0], 180), CALLEE)
    arrive(second.replace(b"INVITE ", b"CANCEL ", 1).replace(b"1 INVITE", b"1 CANCEL"))
    arrive(reply(sent[1], 486), CALLEE_B)
    arrive(request("MESSAGE", from_=from_, body=b"hello"))
    arrive(request("OPTIONS", uri="sip:127.0.0.1:5060"))
    return found


CALL = messages_of_a_call()
POSITION = st.integers(0, 2000)
MUTATIONS = st.one_of(
    st.tuples(st.just("flip"), POSITION, st.integers(1, 255)),
    st.tuples(st.just("cut"), POSITION, st.integers(1, 60)),
    st.tuples(st.just("insert"), POSITION, FRAGMENTS | st.binary(max_size=20)),
    st.tuples(st.just("double"), POSITION, st.integers(1, 200)),
    st.tuples(st.just("end"), POSITION, st.just(0)),
    st.tuples(st.just("line"), POSITION, POSITION))


def mutate(data, mutations):
    for kind, at, argument in mutations:
        at = at % (len(data) + 1)
        if kind == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ argument]) + data[at + 1:]
        elif kind == "cut":
            data = data[:at] + data[at + argument:]
        elif kind == "insert":
            data = data[:at] + argument + data[at:]
        elif kind == "double":
            data = data[:at + argument] + data[at:]
        elif kind == "end":
            data = data[:at]
        elif kind == "line":
            lines = data.split(b"\r\n")
            first, second = at % len(lines), argument % len(lines)
            lines[first], lines[second] = lines[second], lines[first]
            data = b"\r\n".join(lines)
    return data


@PROFILE
@given(st.lists(st.tuples(st.integers(0, len(TORTURE) - 1), st.lists(MUTATIONS, max_size=4), st.integers(0, 5000)),
                min_size=1, max_size=12))
def test_damaged_torture_messages(choices):
    proxy = MemoryProxy(FORWARDING)
    for index, mutations, pause in choices:
        data = mutate(TORTURE[index], mutations)
        sent = feed(proxy, data)
        if data[:8].upper() == b"SIP/2.0 " or data[:4] == b"ACK ":
            assert all(message.is_request or message.vias != Message.read(data, CALLER, 0).vias for message in sent)
        proxy.advance_fast(pause)
        check_sent(proxy)
    drain(proxy)
    proxy.close()


@PROFILE
@given(st.lists(st.tuples(st.integers(0, len(CALL) - 1), st.lists(MUTATIONS, max_size=3), st.integers(0, 3000)),
                min_size=1, max_size=25))
def test_a_damaged_call(choices):
    """The messages of CALL in any order, with damage: branches and tags are those that the engine itself made."""
    proxy = MemoryProxy(FORWARDING)
    for index, mutations, pause in choices:
        data, source = CALL[index]
        feed(proxy, mutate(data, mutations), source)
        proxy.advance_fast(pause)
        check_sent(proxy)
    drain(proxy)
    proxy.close()


@PROFILE
@given(st.lists(st.tuples(st.integers(0, len(CALL) - 1), st.lists(MUTATIONS, min_size=1, max_size=2)), max_size=10),
       st.data())
def test_spliced_messages(choices, data):
    proxy = MemoryProxy(FORWARDING)
    for index, mutations in choices:
        first, source = CALL[index]
        second = data.draw(st.sampled_from(TORTURE))
        at, to = data.draw(st.integers(0, len(first))), data.draw(st.integers(0, len(second)))
        feed(proxy, mutate(first[:at] + second[to:], mutations), source)
    drain(proxy)
    proxy.close()


@pytest.mark.parametrize("index", range(len(CALL)))
def test_every_octet_damaged_once(index):
    """Each octet of each message set to NUL, a quote, a bracket, a line end; and the message cut there."""
    proxy = MemoryProxy(FORWARDING)
    data, source = CALL[index]
    for earlier, from_ in CALL[:index]:
        feed(proxy, earlier, from_)
    for at in range(len(data)):
        for octet in (b"\0", b'"', b"<", b"\r", b",", b"", None):
            feed(proxy, data[:at] + (octet + data[at + 1:] if octet is not None else b""), source)
    drain(proxy)
    proxy.close()


# --- calls with loss, duplication, reordering -----------------------------------------------------------------------

class BadNetwork(RuleBasedStateMachine):
    """Callers and callees that behave, a network between them and the proxy that does not."""

    @initialize()
    def start(self):
        self.proxy = MemoryProxy(CONFIG)
        self.on_the_way = []         # (octets, source) towards the proxy
        self.arrived = {CALLER: [], CALLEE: [], CALLEE_B: []}
        self.calls = {}              # Call-ID: the INVITE
        self.number = 0
        self.strays = 0

    def teardown(self):
        if hasattr(self, "proxy"):
            drain(self.proxy)
            self.proxy.close()

    def look(self):
        strays = self.proxy.counter("stray_responses_forwarded")
        stray, self.strays = strays > self.strays, strays
        # A stray response is restored from Record-Route, where the original display name does not travel.
        shown = uri_of if stray else name_addr_of
        for message in check_sent(self.proxy):
            where = message.source
            if where not in self.arrived:
                continue
            self.arrived[where].append(message)
            invite = self.calls.get(message.call_id if message.has("Call-ID") else "")
            if invite is None:
                continue
            if where == CALLER and not message.is_request:
                assert shown(message.get("From")) == shown(invite.get("From")), (
                    "the caller sees another From than its own"
                )
                assert shown(message.get("To")) == shown(invite.get("To")), "the caller sees another To than its own"
            elif where == CALLER:
                assert uri_of(message.get("To")) == uri_of(invite.get("From"))
            elif message.is_request and message.method != "MESSAGE":
                value = message.get("From")
                assert SECRET not in value and "Alice" not in value, "the callee sees the original From"

    def send(self, octets, source):
        self.on_the_way.append((octets, source))

    @rule(user=st.sampled_from(["bob", "fork", "carol"]), display=st.sampled_from(["Alice ", '"Alice, A" ', ""]))
    def invite(self, user, display):
        self.number += 1
        octets = request(uri=f"sip:{user}@example.com", call_id=f"c{self.number}", branch=f"z9hG4bKi{self.number}",
                         from_=f"{display}<{ORIGINAL}>;tag=f{self.number}")
        self.calls[f"c{self.number}"] = Message.parse(octets)
        self.send(octets, CALLER)

    @rule()
    def message(self):
        self.number += 1
        octets = request("MESSAGE", call_id=f"m{self.number}", branch=f"z9hG4bKm{self.number}")
        self.send(octets, CALLER)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), method=st.sampled_from(["CANCEL", "ACK", "again"]))
    def caller_goes_on(self, data, method):
        invite = self.calls[data.draw(st.sampled_from(sorted(self.calls)))].raw
        if method != "again":
            invite = invite.replace(b"INVITE ", method.encode() + b" ", 1).replace(b"1 INVITE", b"1 " + method.encode())
        self.send(invite, CALLER)

    @precondition(lambda self: any(message.status // 100 == 2 for message in self.arrived[CALLER]))
    @rule(data=st.data(), method=st.sampled_from(["ACK", "BYE", "INVITE", "INFO"]))
    def caller_in_dialog(self, data, method):
        answers = [
            m
            for m in self.arrived[CALLER]
            if m.status // 100 == 2 and m.has("Record-Route") and m.call_id in self.calls
        ]
        if not answers:
            return
        ok = data.draw(st.sampled_from(answers))
        invite = self.calls[ok.call_id]
        self.number += 1
        routes = "".join(f"Route: {value}\r\n" for value in reversed(ok.all("Record-Route")))
        self.send(request(method, uri="sip:bob@127.0.0.1:40002", call_id=ok.call_id, cseq=1 + self.number,
                          branch=f"z9hG4bKd{self.number}", headers=routes,
                          from_=invite.get("From"), to=f"{invite.get('To')};tag={ok.to_tag}"), CALLER)

    @precondition(lambda self: self.arrived[CALLEE] or self.arrived[CALLEE_B])
    @rule(data=st.data(), status=st.sampled_from([100, 180, 183, 200, 202, 302, 401, 404, 486, 487, 500, 503, 603]))
    def callee_answers(self, data, status):
        where = data.draw(st.sampled_from([side for side in (CALLEE, CALLEE_B) if self.arrived[side]]))
        requests = [m for m in self.arrived[where] if m.is_request and m.method != "ACK"]
        if requests:
            self.send(reply(data.draw(st.sampled_from(requests)), status, tag=f"t{where[1]}"), where)

    @precondition(lambda self: self.arrived[CALLEE])
    @rule(data=st.data(), method=st.sampled_from(["BYE", "INVITE", "UPDATE"]))
    def callee_in_dialog(self, data, method):
        invites = [m for m in self.arrived[CALLEE] if m.method == "INVITE" and m.has("Record-Route")]
        if not invites:
            return
        relayed = data.draw(st.sampled_from(invites))
        self.number += 1
        routes = "".join(f"Route: {value}\r\n" for value in relayed.all("Record-Route"))
        to = relayed.get("To")
        self.send(
            request(
                method,
                uri="sip:alice@127.0.0.1:40001",
                source=CALLEE,
                call_id=relayed.call_id,
                cseq=self.number,
                branch=f"z9hG4bKu{self.number}",
                to=relayed.get("From"),
                headers=routes,
                from_=to if "tag" in parameters_of(to) else f"{to};tag=t40002",
            ),
            CALLEE,
        )

    @precondition(lambda self: any(m.is_request for m in self.arrived[CALLER]))
    @rule(data=st.data(), status=st.sampled_from([180, 200, 481, 500]))
    def caller_answers(self, data, status):
        requests = [m for m in self.arrived[CALLER] if m.is_request and m.method != "ACK"]
        if requests:
            self.send(reply(data.draw(st.sampled_from(requests)), status), CALLER)

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), fate=st.sampled_from(["arrives", "arrives", "arrives", "lost", "twice"]))
    def network(self, data, fate):
        """Any datagram that is on its way, so that order is not kept."""
        at = data.draw(st.integers(0, len(self.on_the_way) - 1))
        octets, source = self.on_the_way.pop(at)
        for _ in range({"arrives": 1, "lost": 0, "twice": 2}[fate]):
            self.proxy.receive(octets, source)
            self.look()

    @precondition(lambda self: self.on_the_way)
    @rule()
    def all_arrive(self):
        for octets, source in self.on_the_way:
            self.proxy.receive(octets, source)
            self.look()
        self.on_the_way.clear()

    @rule(milliseconds=st.sampled_from([10, 500, 1000, 3000, 5000, 8000, 32_000, 120_000]))
    def time_passes(self, milliseconds):
        self.proxy.advance_fast(milliseconds)
        self.look()

    @invariant()
    def counts_agree(self):
        if hasattr(self, "proxy"):
            statistics = self.proxy.engine.statistics()
            assert 0 <= statistics["active_transactions"] <= statistics["transactions"] <= statistics["requests"]
            assert (statistics["transaction_octets"] == 0) == (statistics["transactions"] == 0)


TestBadNetwork = BadNetwork.TestCase
TestBadNetwork.settings = settings(PROFILE, stateful_step_count=60)
