"""KSR.registrar and the registrar's rules (RFC 3261 §10.3)."""

import pytest

from uacfast.routing.ksr.registrar import RegistrarModule

from .conftest import no, reply, request, yes

HERE = ("127.0.0.1", 17031)
CONTACT = "<sip:alice@127.0.0.1:17031>"


@pytest.fixture
def registrar(runtime):
    return RegistrarModule(runtime)


class Phone:
    """Sends REGISTERs of one Call-ID, with rising CSeq."""

    def __init__(self, runtime, registrar, call_id="phone@x", aor="sip:alice@127.0.0.1"):
        self.runtime, self.registrar, self.call_id, self.aor, self.cseq = runtime, registrar, call_id, aor, 0

    def register(self, contact=CONTACT, *lines, cseq=None, flags=0, source=HERE, notes=None, **headers):
        """(result of save(), status, reason, lines)"""
        self.cseq = self.cseq + 1 if cseq is None else cseq
        self.runtime.take(
            request(
                "REGISTER",
                "sip:127.0.0.1",
                *lines,
                contact=contact,
                call_id=self.call_id,
                from_=f"<{self.aor}>;tag=1",
                to=f"<{self.aor}>",
                cseq=f"{self.cseq} REGISTER",
                **headers,
            ),
            source=source,
        )
        self.runtime.context.state.notes.update(notes or {})
        self.runtime.replies.clear()
        result = self.registrar.save("location", flags)
        assert type(result) is int
        found = self.runtime.replies[0] if self.runtime.replies else (None, None, b"")
        return result, found[0], found[1], found[2].decode()


@pytest.fixture
def phone(runtime, registrar):
    return Phone(runtime, registrar)


def test_life_of_a_binding(runtime, phone):
    assert phone.register(Expires="600") == (1, 200, "OK", f"Contact: {CONTACT};expires=600\r\n")
    assert phone.register(Expires="500") == (2, 200, "OK", f"Contact: {CONTACT};expires=500\r\n")
    runtime.now = 100_000
    assert phone.register(False) == (4, 200, "OK", f"Contact: {CONTACT};expires=400\r\n")
    assert phone.register(Expires="0") == (3, 200, "OK", "")
    assert phone.register(False) == (4, 200, "OK", "")


def test_received_is_shown(runtime, phone):
    result = phone.register(Expires="600", notes={"received": b"sip:192.0.2.7:5070"})
    assert result[3] == f'Contact: {CONTACT};expires=600;received="sip:192.0.2.7:5070"\r\n'


@pytest.mark.parametrize(
    "lines,contact,granted",
    [
        ((), CONTACT, 3600),
        (("Expires: 120",), CONTACT, 120),
        (("Expires: 120",), CONTACT + ";expires=200", 200),
        (("Expires: soon",), CONTACT, 3600),
        ((), CONTACT + ";expires=soon", 3600),
        (("Expires: 99999999999",), CONTACT, 3600),
        (("Expires: 4294967295",), CONTACT, 2**31 - 1),
    ],
)
def test_which_expiry_counts(phone, lines, contact, granted):
    assert f";expires={granted}\r\n" in phone.register(contact, *lines)[3]


def test_expiry_bounds(runtime, phone, registrar):
    assert phone.register(Expires="59") == (-1, 423, "Interval Too Brief", "Min-Expires: 60\r\n")
    assert phone.register(False)[3] == ""
    runtime.features.registrar.max_expires = 1800
    assert ";expires=1800" in phone.register(Expires="3600")[3]


def test_all_or_nothing(runtime, phone):
    assert phone.register(f"{CONTACT}, <sip:b@x>;expires=10")[1] == 423
    assert phone.register(f"{CONTACT}, <sip:b@x>;q=7")[1] == 400
    assert phone.register(f"{CONTACT}, <sip:b@[x>")[1] == 400
    assert phone.register(False)[3] == ""


def test_wildcard(phone):
    phone.register(f"{CONTACT}, <sip:b@x>")
    assert phone.register("*", Expires="60")[1] == 400
    assert phone.register("*")[1] == 400
    assert phone.register(f"*, {CONTACT}", Expires="0")[1] == 400
    assert phone.register("*", "m: *", Expires="0")[1] == 400
    assert phone.register(False)[3].count("expires=") == 2
    assert phone.register("*", Expires="0") == (3, 200, "OK", "")


def test_cseq_order_within_a_call_id(runtime, registrar, phone):
    phone.register(Expires="600", cseq=5)
    assert phone.register(Expires="700", cseq=4)[:3] == (-1, 500, "CSeq out of order")
    assert phone.register(Expires="0", cseq=4)[1] == 500
    assert ";expires=600" in phone.register(Expires="700", cseq=5)[3], "the same request again changes nothing"
    assert phone.register("*", Expires="0", cseq=5)[1] == 500
    rebooted = Phone(runtime, registrar, call_id="other@x")
    assert rebooted.register(Expires="700", cseq=1)[0] == 2, "another Call-ID begins anew"


def test_contacts_are_compared_as_uris(phone):
    phone.register("<sip:alice@HOST.example:5060;transport=udp>")
    assert phone.register("<sip:alice@host.example:5060;transport=UDP>;expires=100")[0] == 2
    assert phone.register("<sip:Alice@host.example:5060;transport=udp>")[0] == 1
    assert phone.register(False)[3].count("expires=") == 2


def test_instances_keep_their_flow(phone):
    flow = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    assert phone.register(f"<sip:a@10.0.0.1>{flow}")[0] == 1
    result = phone.register(f"<sip:a@10.0.0.2>{flow}")
    assert result[0] == 2 and result[3] == f"Contact: <sip:a@10.0.0.2>;expires=3600{flow}\r\n"
    assert phone.register('<sip:a@10.0.0.3>;+sip.instance="<urn:uuid:1>";reg-id=2')[0] == 1


def test_contacts_are_limited(runtime, phone):
    runtime.features.registrar.max_contacts = 2
    phone.register("<sip:a@x>, <sip:b@x>")
    assert phone.register("<sip:c@x>")[:3] == (-2, 503, "Too many registered contacts")
    assert phone.register("<sip:a@x>")[0] == 2
    assert phone.register("<sip:a@x>;expires=0, <sip:c@x>")[0] == 1
    runtime.features.registrar.max_contacts = 0
    runtime.features.registrar.location.max_bindings = 2
    assert phone.register("<sip:d@x>")[0] == -2
    assert phone.register(", ".join(f"<sip:u{i}@x>" for i in range(65)))[1] == 400


def test_one_contact_alone(phone):
    phone.register("<sip:a@x>, <sip:b@x>")
    assert phone.register("<sip:c@x>", flags=4)[3] == "Contact: <sip:c@x>;expires=3600\r\n"


def test_q_orders(phone):
    result = phone.register("<sip:a@x>;q=0.1, <sip:b@x>;q=1, <sip:c@x>;q=0.25, <sip:d@x>")
    assert [part.partition(">")[0] for part in result[3].split("<sip:")[1:]] == ["b@x", "c@x", "a@x", "d@x"]
    assert "<sip:b@x>;q=1;" in result[3] and "<sip:c@x>;q=0.25;" in result[3] and "<sip:d@x>;expires" in result[3]


@pytest.mark.parametrize("q", ["1.1", "2", "x", "0.1234", "-1", ""])
def test_broken_q(phone, q):
    assert phone.register(f"<sip:a@x>;q={q}")[1] == 400


def test_to_must_be_sip(runtime, registrar):
    assert Phone(runtime, registrar, aor="tel:+49123").register()[1] == 400


def test_addresses_of_record(runtime, registrar):
    Phone(runtime, registrar, aor="sip:%61lice@A.example;x=1").register()
    assert yes(registrar.registered_uri("location", "sip:alice@b.example")), "the domain does not matter by default"
    assert no(registrar.registered_uri("location", "sip:Alice@a.example"))
    runtime.features.registrar.use_domain = True
    Phone(runtime, registrar, aor="sip:bob@A.example").register()
    assert yes(registrar.registered_uri("location", "sip:bob@a.EXAMPLE")) and no(
        registrar.registered_uri("location", "sip:bob@b")
    )
    runtime.features.registrar.case_sensitive = False
    Phone(runtime, registrar, aor="sip:Carol@a.example").register()
    assert yes(registrar.registered_uri("location", "sip:CAROL@a.example"))


def test_no_reply_and_its_lines(runtime, registrar, phone):
    result = phone.register(flags=2 | 16)
    assert result[:2] == (1, None)
    assert runtime.context.state.notes["reply_lines"] == f"Contact: {CONTACT};expires=3600\r\n".encode()
    assert yes(registrar.reg_send_reply()) and runtime.replies[0][0] == 200
    assert no(registrar.reg_send_reply())


def test_only_requests(runtime, registrar):
    runtime.take(reply())
    assert no(registrar.save("location", 0)) and registrar.lookup("location") == -3


# --- looking up ------------------------------------------------------------------------------------------------------


def call(runtime, uri="sip:alice@127.0.0.1"):
    runtime.take(request("INVITE", uri))


def test_lookup(runtime, registrar, phone):
    phone.register(
        "<sip:a@10.0.0.1>;q=0.5, <sip:b@10.0.0.2>;q=0.2, <sip:c@10.0.0.3>;q=0.9",
        notes={"received": b"sip:192.0.2.7:5070"},
    )
    call(runtime)
    assert yes(registrar.lookup("location"))
    assert runtime.request_uri == "sip:c@10.0.0.3" and runtime.context.destination_uri == "sip:192.0.2.7:5070"
    assert [(branch["uri"], branch["dst_uri"], branch["q"]) for branch in runtime.context.state.branches] == [
        ("sip:a@10.0.0.1", "sip:192.0.2.7:5070", 500),
        ("sip:b@10.0.0.2", "sip:192.0.2.7:5070", 200),
    ]
    call(runtime, "sip:nobody@127.0.0.1")
    assert no(registrar.lookup("location")) and runtime.request_uri == "sip:nobody@127.0.0.1"
    runtime.features.registrar.append_branches = False
    call(runtime)
    assert yes(registrar.lookup("location")) and runtime.context.state.branches == []


def test_lookup_of_what_has_expired(runtime, registrar, phone):
    phone.register(Expires="60")
    runtime.now = 59_999
    call(runtime)
    assert yes(registrar.lookup("location"))
    runtime.now = 60_000
    call(runtime)
    assert no(registrar.lookup("location"))


def test_lookup_follows_path(runtime, registrar, phone):
    result = phone.register(CONTACT, "Path: <sip:edge1;lr>, <sip:edge2;lr>", "Supported: path")
    assert result[3].endswith("Path: <sip:edge1;lr>, <sip:edge2;lr>\r\n")
    call(runtime)
    assert yes(registrar.lookup("location"))
    assert runtime.context.destination_uri == "sip:edge1;lr"
    assert b"\r\nRoute: <sip:edge1;lr>, <sip:edge2;lr>\r\n" in runtime.written
    assert phone.register(CONTACT, "Path: broken")[1] == 400


def test_lookup_by_method(runtime, registrar, phone):
    phone.register(CONTACT, "Allow: MESSAGE, OPTIONS")
    runtime.features.registrar.method_filtering = True
    call(runtime)
    assert registrar.lookup("location") == -2
    runtime.take(request("MESSAGE", "sip:alice@127.0.0.1"))
    assert yes(registrar.lookup("location"))
    phone.register(CONTACT + ';methods="INVITE"', "Allow: MESSAGE")
    call(runtime)
    assert yes(registrar.lookup("location"))


def test_branch_flags_come_back(runtime, registrar, phone):
    runtime.take(request("REGISTER", "sip:127.0.0.1", contact=CONTACT, to="<sip:alice@x>"))
    runtime.context.state.branch_flags[0] = 1 << 6
    assert yes(registrar.save("location", 0))
    call(runtime)
    assert yes(registrar.lookup("location")) and runtime.context.state.branch_flags[0] == 1 << 6


def test_other_lookups(runtime, registrar, phone):
    phone.register("<sip:a@10.0.0.1>, <sip:b@10.0.0.2>")
    call(runtime, "sip:x@y")
    assert yes(registrar.lookup_uri("location", "sip:alice@z")) and runtime.request_uri == "sip:a@10.0.0.1"
    call(runtime, "sip:x@y")
    assert yes(registrar.lookup_to_dset("location", "sip:alice@z")) and runtime.request_uri == "sip:x@y"
    assert len(runtime.context.state.branches) == 2
    call(runtime, "sip:x@y")
    assert no(registrar.lookup_branches("location"))
    runtime.context.state.branches.append({"uri": "sip:alice@z"})
    assert yes(registrar.lookup_branches("location"))
    assert [branch["uri"] for branch in runtime.context.state.branches] == ["sip:a@10.0.0.1", "sip:b@10.0.0.2"]


def test_registered(runtime, registrar, phone):
    phone.register(notes={"received": b"sip:127.0.0.1:17031"})
    call(runtime)
    assert yes(registrar.registered("location")) and no(registrar.registered_flags("location", "sip:alice@x", 1))
    runtime.take(request("INVITE", "sip:alice@x", call_id="phone@x", contact=CONTACT), source=HERE)
    assert yes(registrar.registered_flags("location", "", 7)) and yes(registrar.registered_action("location", "", 1, 0))
    runtime.take(request("INVITE", "sip:alice@x", contact="<sip:else@x>"), source=("127.0.0.1", 9))
    assert no(registrar.registered_flags("location", "", 2)) and no(registrar.registered_flags("location", "", 4))
    assert no(registrar.registered_uri("location", "tel:1"))


def test_unregister(runtime, registrar, phone):
    phone.register("<sip:a@x>, <sip:b@x>")
    ruid = runtime.features.registrar.find(b"sip:alice@x", 0)[0].ruid.decode()
    assert yes(registrar.unregister_ruid("location", "sip:alice@x", ruid)) and no(
        registrar.unregister_ruid("location", "sip:alice@x", ruid)
    )
    assert yes(registrar.unregister("location", "sip:alice@x")) and no(registrar.unregister("location", "sip:alice@x"))


def test_q_override_and_socket_header(runtime, registrar, phone):
    runtime.take(request("REGISTER", "sip:x", contact=CONTACT))
    assert (
        yes(registrar.set_q_override("0.7"))
        and no(registrar.set_q_override("1.5"))
        and no(registrar.set_q_override("x"))
    )
    assert yes(registrar.save("location", 0)) and b";q=0.7;" in runtime.replies[0][2]
    assert yes(registrar.add_sock_hdr("Sock-Info")) and b"Sock-Info: udp:127.0.0.1:5060\r\n" in runtime.written
    assert no(registrar.add_sock_hdr("a\r\nb"))


def test_save_uri(runtime, registrar, phone):
    runtime.take(request("REGISTER", "sip:x", contact=CONTACT))
    assert yes(registrar.save_uri("location", 2, "sip:carol@x")) and yes(
        registrar.registered_uri("location", "sip:carol@y")
    )
