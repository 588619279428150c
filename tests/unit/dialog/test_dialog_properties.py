"""Whatever the order of messages: no dialog leaks, none dangles, the counts add up."""
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.memory import CALLEE, CALLER, MemoryProxy, reply, request, route
from uacfast.testing.dialogs import Request

CONFIG = route('dialog = true\nrelay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003"]\nfork = true\n'
               'replace_from = { uri = "sip:anon@anonymous.invalid" }\n',
               uac="restore_dlg = true", dialog="default_timeout = 100\nsend_bye = true", tm="fr_timer = 2000")
CONTACT = "Contact: <sip:alice@127.0.0.1:40001>\r\n"
CALLS = st.integers(0, 2)
TAGS = st.sampled_from(["a", "b"])
METHODS = st.sampled_from(["ACK", "BYE", "INFO", "INVITE", "UPDATE"])
STEPS = st.one_of(
    st.tuples(st.just("invite"), CALLS, st.integers(1, 3)),
    st.tuples(st.just("answer"), st.integers(0, 7), st.sampled_from([180, 183, 200, 407, 408, 481, 486, 603]), TAGS),
    st.tuples(st.just("request"), CALLS, METHODS, TAGS, st.booleans()),
    st.tuples(st.just("cancel"), CALLS),
    st.tuples(st.just("end"), CALLS),
    st.tuples(st.just("managed"), CALLS),
    st.tuples(st.just("variable"), CALLS, st.text(max_size=300)),
    st.tuples(st.just("wait"), st.sampled_from([10, 600, 3_000, 40_000, 120_000])),
)


class Chaos:
    def __init__(self):
        self.proxy = MemoryProxy(CONFIG)
        self.dialogs = self.proxy.engine.engine.dialogs
        self.arrived = []
        self.held = []
        self.cseq = 10

    def settle(self):
        for message in self.proxy.take():
            if message.is_request and message.method != "ACK":
                self.arrived.append(message)
        del self.arrived[:-8]
        self.check()

    def check(self):
        listed = self.dialogs.list()
        counts = self.dialogs.stats_active()
        states = [entry["state"] for entry in listed]
        assert [counts[name] for name in ("starting", "connecting", "answering", "ongoing", "all")] == [
            *(states.count(state) for state in (1, 2, 3, 4)), len(states)]
        assert self.proxy.counter("dialogs_in_memory") >= len(states)
        assert len({(entry["h_entry"], entry["h_id"]) for entry in listed}) == len(listed)
        for tracked in self.held:
            assert tracked.state in (1, 2, 3, 4, 5)
            tracked.as_dict()

    def invite(self, call, branch):
        self.proxy.receive(request(call_id=f"c{call}", branch=f"z9hG4bKc{call}.{branch}", cseq=branch, headers=CONTACT))

    def cancel(self, call):
        self.proxy.receive(request("CANCEL", call_id=f"c{call}", branch=f"z9hG4bKc{call}.1", cseq=1))

    def answer(self, index, status, tag):
        if self.arrived:
            message = self.arrived[index % len(self.arrived)]
            self.proxy.receive(reply(message, status, tag=tag, headers="Contact: <sip:bob@127.0.0.1:40002>\r\n"),
                               message.source)

    def request(self, call, method, tag, upstream):
        self.cseq += 1
        parties = ("<sip:alice@example.com>;tag=ft1", f"<sip:bob@example.com>;tag={tag}")
        self.proxy.receive(
            request(method, uri=f"sip:x@127.0.0.1:{40001 if upstream else 40002}", call_id=f"c{call}",
                    cseq=self.cseq, from_=parties[upstream], to=parties[not upstream],
                    source=CALLEE if upstream else CALLER, headers="Route: <sip:127.0.0.1:5060;lr;ftag=ft1>\r\n"),
            CALLEE if upstream else CALLER)

    def end(self, call):
        entry = self.dialogs.dlg_list(f"c{call}")
        if entry is not None:
            self.dialogs.end_dlg(entry["h_entry"], entry["h_id"])

    def managed(self, call):
        self.held.append(Request(request(call_id=f"c{call}")).manage(self.dialogs))

    def variable(self, call, text):
        for tag in ("a", "b", ""):
            tracked = self.dialogs.get(f"c{call}", "ft1", tag)
            if tracked is not None:
                assert tracked.variables.set("k", text) and tracked.variables["k"] == text
                self.held.append(tracked)

    def wait(self, milliseconds):
        self.proxy.advance_fast(milliseconds)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_any_order(steps):
    chaos = Chaos()
    for name, *arguments in steps:
        getattr(chaos, name)(*arguments)
        chaos.proxy.collect()
        chaos.settle()
    chaos.proxy.advance_fast(400_000)
    chaos.proxy.advance_fast(400_000)
    statistics = chaos.proxy.engine.statistics()
    assert {name: statistics[name] for name in (
        "dialogs_in_memory", "dialog_octets", "active_dialogs", "early_dialogs", "transactions", "transaction_octets")
    } == dict.fromkeys(("dialogs_in_memory", "dialog_octets", "active_dialogs", "early_dialogs", "transactions",
                        "transaction_octets"), 0)
    assert all(tracked.state == 5 for tracked in chaos.held)
    chaos.proxy.close()
