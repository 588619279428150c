"""Tracked dialogs beside Kamailio's dialog module with restore_dlg: dlg.list at every stage, what both sides see."""
import itertools
import json
import re
import socket
import tempfile
from pathlib import Path

import pytest

from kit.call import Call
from kit.configuration import Configuration
from kit.ports import free_port
from kit.programs import Kamailio, Uacfast, wait_until

ANONYMOUS, CAROL = "sip:anon@anonymous.invalid", "sip:carol@gotham.org"
SCRIPT = """
loadmodule "dialog.so"
loadmodule "jsonrpcs.so"
modparam("dialog", "enable_stats", 1)
modparam("uac", "restore_dlg", 1)
modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", "SOCKET")
modparam("jsonrpcs", "fifo_name", "SOCKET.fifo")
request_route {
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (is_method("OPTIONS") && uri == myself) { sl_send_reply("200", "OK"); exit; }
    if (has_totag()) { loose_route(); dlg_manage(); t_relay(); exit; }
    t_check_trans();
    dlg_manage();
    record_route();
    uac_replace_from("Anon", "ANONYMOUS");
    uac_replace_to("", "CAROL");
    t_relay();
}
""".replace("ANONYMOUS", ANONYMOUS).replace("CAROL", CAROL)
ROUTE = f"""
[control]
unix = "SOCKET"
[[route]]
dialog = true
replace_from = {{ display = "Anon", uri = "{ANONYMOUS}" }}
replace_to = {{ display = "", uri = "{CAROL}" }}
"""
NUMBERS = ("h_entry", "h_id", "start_ts", "init_ts", "duration", "timeout", "dflags")
DID = re.compile(r";did=[0-9a-f]+\.[0-9a-f]+>$")


class Tracker:
    """One of the two programs and its RPC socket."""

    def __init__(self, directory, kind):
        self.folder = Path(tempfile.mkdtemp(prefix="dlg"))
        path = str(self.folder / "rpc")
        listen = (f"udp:127.0.0.1:{free_port()}",)
        if kind is Kamailio:
            self.program = Kamailio(directory, Configuration(listen=listen))
            text = self.program.file.read_text().partition("request_route")[0]
            self.program.file.write_text(text + SCRIPT.replace("SOCKET", path))
        else:
            self.program = Uacfast(directory, Configuration(listen=listen, routes=(), uac={"restore_dlg": True},
                                                            extra=ROUTE.replace("SOCKET", path)))
        self.program.start()
        self.numbers = itertools.count()

    def rpc(self, method, *arguments):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.bind(str(self.folder / f"client{next(self.numbers)}"))
            client.settimeout(5)
            client.sendto(json.dumps({"jsonrpc": "2.0", "method": method, "params": arguments, "id": 1}).encode(),
                          str(self.folder / "rpc"))
            return json.loads(client.recv(65535))

    def dialogs(self):
        """Without those that have ended, which Kamailio shows for some seconds more."""
        return [entry for entry in self.rpc("dlg.list")["result"] if entry["state"] != 5]

    def wait_for(self, state):
        wait_until(lambda: [entry["state"] for entry in self.dialogs()] == [state], what=f"the state {state}")


def normal(entry, port):
    """An entry of dlg.list without what differs from call to call, members in their order."""
    text = json.dumps([(name, type(value).__name__ if name in NUMBERS else value) for name, value in entry.items()])
    return same_contact(text.replace(str(port), "PROXY"))


def same_contact(text):
    """The 2xx to a target refresh moves the contact too (RFC 3261 §12.2.1.2); Kamailio takes it from requests alone."""
    return text.replace("sip:there@", "sip:here@")


def shown(message):
    return tuple(" ".join(message.get(name).split()) for name in ("From", "To"))


def history(tracker, caller, callee):
    """What RPC and wire show of one call, step by step."""
    port = tracker.program.address[1]
    call = Call(caller, callee, tracker.program.address)
    call.call_id, call.from_tag, call.to_tag = "one@call", "ft1", "tt1"
    call.caller.local = '"Alice A" <sip:alice@example.com>;tag=ft1'
    seen = []

    def look(state):
        tracker.wait_for(state)
        seen.append(normal(tracker.dialogs()[0], port))
        seen.append(tracker.rpc("dlg.stats_active")["result"])

    call.invite()
    arrived = call.arrive()
    assert DID.search(arrived.get("Record-Route"))
    seen.append(re.sub(DID, "", arrived.get("Record-Route")).replace(str(port), "PROXY"))
    seen.append(shown(arrived))
    look(1)
    call.answer(180, "Ringing")
    seen.append(shown(caller.receive_reply(180)))
    look(2)
    call.answer()
    final = caller.receive_reply(200, "INVITE")
    seen.append(shown(final))
    call.learn(final)
    look(3)
    seen.append(shown(call.acknowledge()[1]))
    look(4)
    for who in ("caller", "callee"):
        for method in ("INVITE", "INFO"):
            exchange = call.exchange(who, method)
            seen.append((who, method, shown(exchange.arrived), exchange.reply.raw_value("From").strip(),
                         exchange.sent.get("To") == exchange.reply.get("To")))
    look(4)
    entry = tracker.dialogs()[0]
    seen.append([type(part).__name__ for part in tracker.rpc("dlg.briefing")["result"][0].values()])
    seen += [tracker.rpc("dlg.end_dlg", *arguments)["error"] for arguments in ((77, 99), (7,))]
    assert "error" not in tracker.rpc("dlg.end_dlg", entry["h_entry"], entry["h_id"])
    for endpoint in (callee, caller):
        bye = endpoint.receive_request("BYE")
        seen.append((same_contact(bye.request_uri), bye.cseq))
        endpoint.reply(bye, 200, "OK")
    wait_until(lambda: tracker.dialogs() == [], what="the end of the dialog")
    return seen


def test_both_tell_the_same_story(session_directory, caller, callee):
    trackers = []
    try:
        stories = []
        for kind in (Kamailio, Uacfast):
            trackers.append(Tracker(session_directory, kind))
            caller.forget()
            callee.forget()
            stories.append(history(trackers[-1], caller, callee))
    finally:
        for tracker in trackers:
            tracker.program.stop()
    for theirs, ours in zip(*stories, strict=True):
        assert ours == theirs


@pytest.mark.parametrize("workers", [1, 2])
def test_dialogs_of_several_workers(session_directory, caller, callee, workers):
    """Each has a number of its own, and is found whichever worker has it."""
    tracker = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="dlg"))
        tracker = Tracker.__new__(Tracker)
        tracker.folder, tracker.numbers = folder, itertools.count()
        tracker.program = Uacfast(session_directory, Configuration(
            listen=(f"udp:127.0.0.1:{free_port()}",), routes=(), server={"workers": workers},
            extra=ROUTE.replace("SOCKET", str(folder / "rpc"))))
        tracker.program.start()
        calls = [Call(caller, callee, tracker.program.address) for _ in range(12)]
        for call in calls:
            call.establish()
        wait_until(lambda: tracker.rpc("dlg.stats_active")["result"]["ongoing"] == 12, what="twelve dialogs")
        entries = tracker.dialogs()
        assert {entry["call-id"] for entry in entries} == {call.call_id for call in calls}
        assert len({(entry["h_entry"], entry["h_id"]) for entry in entries}) == 12
        assert {entry["h_entry"] % workers for entry in entries} == set(range(workers))
        for entry in entries[:6]:
            assert "error" not in tracker.rpc("dlg.end_dlg", entry["h_entry"], entry["h_id"])
            for endpoint in (callee, caller):
                endpoint.reply(endpoint.receive_request("BYE"), 200, "OK")
        wait_until(lambda: tracker.rpc("dlg.stats_active")["result"]["all"] == 6, what="six dialogs less")
    finally:
        if tracker is not None:
            tracker.program.stop()
