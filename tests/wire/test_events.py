"""[[event]]: final replies to requests of our own as log lines and at a real webhook."""

import contextlib
import http.server
import json
import threading
import urllib.request

import pytest

from kit.configuration import Configuration
from kit.ports import free_port
from kit.programs import Uacfast, wait_until

pytestmark = pytest.mark.own


class Webhook:
    """A web server that notes what is posted to it: (path, headers, event). `status` is what it answers."""

    def __init__(self):
        self.events = []
        self.status = 204
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                octets = self.rfile.read(int(self.headers["Content-Length"]))
                outer.events.append((self.path, dict(self.headers), json.loads(octets)))
                outer.gate.wait(20)
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def one(self):
        """The only event that came."""
        wait_until(lambda: self.events, 10, "an event at the webhook")
        event, = self.events
        self.events = []
        return event

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def webhook():
    one = Webhook()
    yield one
    one.close()


class Edge:
    """A running program with [[event]] tables; requests go by RPC."""

    def __init__(self, directory, events, **server):
        self.http = free_port()
        self.program = Uacfast(directory, Configuration(
            listen=(f"udp:127.0.0.1:{free_port()}",), server=server,
            extra=f'[control]\nhttp = "127.0.0.1:{self.http}"\n{events}'))
        self.program.start()

    def begin(self, **parameters):
        """Send a request, do not wait for its outcome."""
        return threading.Thread(target=self.send, kwargs=parameters, daemon=True).start()

    def send(self, **parameters):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "uac.req_send",
                           "params": {"method": "OPTIONS", "evroute": 1} | parameters}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/rpc", body, timeout=30) as answer:
            self.outcome = json.load(answer)["result"]
            return self.outcome

    def logged(self, text):
        wait_until(lambda: text in self.program.stderr, 10, f"{text!r} in the log")


@pytest.fixture
def edge(tmp_path):
    with contextlib.ExitStack() as stack:
        def start(events, **server):
            one = Edge(tmp_path, events, **server)
            stack.callback(one.program.stop)
            return one
        yield start


def table(webhook=None, **values):
    if webhook is not None:
        values["webhook"] = webhook if isinstance(webhook, str) else f"http://{webhook.place}/hook?key=k1"
    return "[[event]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


@pytest.mark.parametrize("workers", [1, 2])
def test_reply(edge, webhook, callee, workers):
    one = edge(table(webhook, log="E1 $uac_req(method) $uac_req(evcode) $rs $rr $hdr(X-A)", log_level="warning")
               + table(log="E2 $uac_req(evparam)"), workers=workers)
    one.begin(ruri=f"sip:svc@{callee.sent_by}", evparam="p1", callid="c1", auser="u", apasswd="geheim")
    callee.reply(callee.receive_request("OPTIONS"), 480, "Not There", headers=("X-A: \xe4",))
    path, headers, event = webhook.one()
    assert path == "/hook?key=k1" and headers["Content-Type"] == "application/json"
    wanted = {"event": "uac:reply", "method": "OPTIONS", "ruri": f"sip:svc@{callee.sent_by}", "evcode": 480,
              "evtype": 1, "evparam": "p1", "callid": "c1", "auser": "u"}
    assert wanted.items() <= event.items() and event["worker"] in range(workers)
    assert event["reply"].startswith("SIP/2.0 480 Not There\r\n") and "apasswd" not in event
    one.logged("warning event: E1 OPTIONS 480 480 Not There")
    one.logged("info event: E2 p1")
    assert "geheim" not in one.program.stderr


def test_challenge_and_its_answer_are_two_events(edge, webhook, callee):
    one = edge(table(webhook))
    one.begin(ruri=f"sip:{callee.sent_by}", auser="u", apasswd="p")
    callee.reply(callee.receive_request("OPTIONS"), 401, "Who", headers=(
        'WWW-Authenticate: Digest realm="r", nonce="n"',))
    assert webhook.one()[2]["evcode"] == 401
    callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
    assert webhook.one()[2]["evcode"] == 200
    wait_until(lambda: getattr(one, "outcome", {}).get("codes") == [401, 200], 5, "the outcome")


def test_no_reply(edge, webhook, callee):
    one = edge(table(webhook, log="ended $uac_req(evcode) $uac_req(evtype)"))
    assert one.send(ruri=f"sip:{callee.sent_by}", fr_timeout=300)["codes"] == [408]
    event = webhook.one()[2]
    assert (event["evcode"], event["evtype"], event["reply"]) == (408, 2, None)
    one.logged("event: ended 408 2")


def test_nothing_is_told_of_what_asks_for_no_event(edge, webhook, callee):
    one = edge(table(webhook, log="told"))
    one.begin(ruri=f"sip:{callee.sent_by}", evroute=0)
    callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
    wait_until(lambda: hasattr(one, "outcome"), 5, "the outcome")
    assert webhook.events == [] and "told" not in one.program.stderr


@pytest.mark.parametrize("status", [302, 500])
def test_webhook_that_refuses(edge, webhook, callee, status):
    webhook.status = status
    one = edge(table(f"http://user:geheim@{webhook.place}/token"))
    one.begin(ruri=f"sip:{callee.sent_by}")
    callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
    assert webhook.one()[0] == "/token"
    one.logged(f"a webhook refused an event webhook=http://{webhook.place} status={status}")
    assert "geheim" not in one.program.stderr and "token" not in one.program.stderr and webhook.events == []


def test_webhook_that_is_not_there_keeps_nobody_waiting(edge, callee):
    port = free_port()
    one = edge(table(f"http://user:geheim@127.0.0.1:{port}/token", log="ended $uac_req(evcode)"))
    one.begin(ruri=f"sip:{callee.sent_by}")
    callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
    one.logged(f"a webhook could not be told of an event webhook=http://127.0.0.1:{port} reason=")
    one.logged("event: ended 200")
    wait_until(lambda: hasattr(one, "outcome"), 5, "the outcome")
    assert "geheim" not in one.program.stderr and "token" not in one.program.stderr


def test_slow_webhook_holds_up_neither_requests_nor_the_end(edge, webhook, callee):
    webhook.gate.clear()
    one = edge(table(webhook))
    for _ in range(3):
        one.begin(ruri=f"sip:{callee.sent_by}")
        callee.reply(callee.receive_request("OPTIONS"), 200, "OK")
        wait_until(lambda: one.__dict__.pop("outcome", None), 5, "the outcome")
    wait_until(lambda: len(webhook.events) == 3, 5, "the events")
