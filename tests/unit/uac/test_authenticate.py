"""Challenged requests through the engine: who answers, which CSeq numbers travel, what happens after a refusal."""
import pytest

from kit.digest import Realm, parameters
from kit.memory import CALLEE, CALLEE_B, CALLER, RELAY, SERIAL, MemoryProxy, reply, request, route
from kit.message import Message, uri_parameters

CREDENTIAL = 'credential = { username = "trunk", password = "s3cret" }\n'
TRUNK = route(RELAY + "record_route = true\n" + CREDENTIAL)


@pytest.fixture(params=[False, True], ids=["untracked", "tracked"])
def make(request):
    """Makes proxies, without and with dialog tracking."""
    made = []

    def proxy(config=TRUNK):
        if request.param:
            config = config.replace("record_route = true\n", "record_route = true\ndialog = true\n")
        made.append(MemoryProxy(config))
        return made[-1]

    yield proxy
    for one in made:
        one.assert_empty()
        one.close()


def challenge(proxy, message, *realms, stale=False):
    """The callee answers with these realms' challenges."""
    lines = "".join(f"{line}\r\n" for realm in realms for line in realm.challenge(stale))
    proxy.answer(message, realms[0].status, headers=lines)


def resent(proxy, message, destination=CALLEE):
    """What follows a challenge: the ACK of an INVITE, and the request once more."""
    if message.method == "INVITE":
        ack, again = proxy.take(destination)
        assert (ack.method, ack.cseq, ack.branch) == ("ACK", (message.cseq[0], "ACK"), message.branch)
    else:
        again = proxy.one(destination)
    assert again.method == message.method
    return again


class Trunk:
    """A call over an authenticating trunk: the caller's and the callee's numbers side by side."""

    def __init__(self, proxy, realm=None, cseq=10, callee=CALLEE):
        self.proxy, self.realm, self.number = proxy, realm or Realm(), cseq
        self.sent = Message.parse(request(cseq=cseq, headers="Contact: <sip:alice@127.0.0.1:40001>\r\n"))
        self.first = proxy.start(self.sent.raw, callee=callee)
        challenge(proxy, self.first, self.realm)
        self.invite = resent(proxy, self.first, callee)
        assert self.realm.check(self.invite) is None

    def connect(self):
        self.proxy.answer(self.invite, 200, headers="Contact: <sip:bob@127.0.0.1:40002>\r\n")
        self.ok = self.proxy.one(CALLER)
        self.routes = "".join(f"Route: {value}\r\n" for value in reversed(self.ok.all("Record-Route")))
        return self

    def caller(self, method, number=None, headers="", **more):
        """A request of the caller, as text."""
        if number is None:
            self.number += method not in ("ACK", "CANCEL")
            number = self.number
        return request(method, uri="sip:bob@127.0.0.1:40002", call_id=self.sent.call_id, cseq=number,
                       from_=self.sent.get("From"), to=self.ok.get("To"), headers=self.routes + headers, **more)

    def callee(self, method, number=500):
        routes = "".join(f"Route: {value}\r\n" for value in self.invite.all("Record-Route"))
        return request(method, uri="sip:alice@127.0.0.1:40001", source=CALLEE, call_id=self.sent.call_id, cseq=number,
                       from_=f"{self.invite.get('To')};tag=tt1", to=self.invite.get("From"), headers=routes)

    def exchange(self, method, shift=1, **more):
        """A request of the caller, raised by `shift`, and its 200."""
        sent = Message.parse(self.caller(method, **more))
        self.proxy.receive(sent.raw)
        arrived = self.proxy.one(CALLEE)
        assert arrived.cseq == (sent.cseq[0] + shift, method)
        self.proxy.answer(arrived, 200)
        assert [m.cseq for m in self.proxy.take(CALLER) if m.status == 200] == [sent.cseq]
        return arrived


# --- one call ---

def test_the_caller_never_sees_the_challenge(make):
    proxy = make()
    call = Trunk(proxy)
    assert call.invite.headers[-1][0] == "Proxy-Authorization"
    assert proxy.statuses() == []
    assert (call.first.cseq[0], call.invite.cseq[0]) == (10, 11)
    assert call.invite.branch == call.first.branch[:-1] + "1"
    proxy.answer(call.invite, 180)
    ringing = proxy.one(CALLER)
    assert (ringing.status, ringing.cseq) == (180, (10, "INVITE"))
    call.connect()
    assert (call.ok.status, call.ok.cseq) == (200, (10, "INVITE"))
    proxy.receive(call.caller("ACK", 10))
    assert proxy.one(CALLEE).cseq == (11, "ACK")
    assert proxy.counter("challenges_answered") == 1


def test_octets_but_for_cseq_route_and_credentials_are_the_same(make):
    proxy = make()
    call = Trunk(proxy)
    changed = ("CSeq", "Record-Route", "Via", "Proxy-Authorization")
    def plain(message):
        return [(name, value) for name, value in message.headers if name not in changed]
    assert plain(call.first) == plain(call.invite)
    assert uri_parameters(call.invite.get("Record-Route").strip("<>"))["cseq"] == "1"
    assert "cseq" not in uri_parameters(call.first.get("Record-Route").strip("<>"))


def test_ladder_of_re_invite_and_bye_from_the_caller(make):
    proxy = make()
    call = Trunk(proxy).connect()
    proxy.receive(call.caller("ACK", 10))
    proxy.take(CALLEE)
    call.exchange("INVITE")
    proxy.receive(call.caller("ACK", 11))
    assert proxy.one(CALLEE).cseq == (12, "ACK")
    call.exchange("UPDATE")
    call.exchange("INFO")
    call.exchange("BYE")


def test_ladder_of_requests_from_the_callee(make):
    proxy = make()
    call = Trunk(proxy).connect()
    for method in ("INVITE", "UPDATE", "BYE"):
        proxy.receive(call.callee(method), CALLEE)
        taken = proxy.take(CALLER)
        arrived = next(m for m in taken if m.is_request)
        assert arrived.cseq == (500, method)
        proxy.receive(reply(arrived, 200), CALLER)
        assert [m.cseq for m in proxy.take(CALLEE) if m.status == 200] == [(500, method)]


def test_a_200_repeated_shows_the_callers_number(make):
    proxy = make()
    call = Trunk(proxy).connect()
    proxy.answer(call.invite, 200)
    assert proxy.one(CALLER).cseq == (10, "INVITE")


def test_a_200_after_a_restart_shows_the_callers_number(make):
    call = Trunk(make())
    call.proxy.answer(call.invite, 486)
    other = MemoryProxy(TRUNK, key=b"l" * 16)
    other.receive(reply(call.invite, 200), CALLEE)
    assert other.one(CALLER).cseq == (10, "INVITE")
    other.close()


def test_numbers_that_get_longer(make):
    proxy = make()
    call = Trunk(proxy, cseq=9).connect()
    assert (call.first.cseq[0], call.invite.cseq[0], call.ok.cseq[0]) == (9, 10, 9)
    call.exchange("BYE")


def test_prack_names_the_number_that_the_invite_left_with(make):
    proxy = make()
    call = Trunk(proxy)
    proxy.answer(call.invite, 183, headers="RSeq: 7\r\nContact: <sip:bob@127.0.0.1:40002>\r\n")
    call.ok = proxy.one(CALLER)
    call.routes = "".join(f"Route: {value}\r\n" for value in reversed(call.ok.all("Record-Route")))
    prack = call.exchange("PRACK", headers="RAck: 7 10 INVITE\r\n")
    assert prack.get("RAck") == "7 11 INVITE"
    call.exchange("UPDATE")
    proxy.answer(call.invite, 200)
    assert proxy.one(CALLER).cseq == (10, "INVITE")


def test_cancel_carries_the_number_of_its_branch(make):
    proxy = make()
    call = Trunk(proxy)
    proxy.answer(call.invite, 180)
    proxy.take(CALLER)
    via = call.sent.get("Via").partition("branch=")[2]
    proxy.receive(request("CANCEL", call_id=call.sent.call_id, cseq=10, branch=via))
    cancel = proxy.one(CALLEE)
    assert (cancel.cseq, cancel.branch) == ((11, "CANCEL"), call.invite.branch)
    assert proxy.one(CALLER).cseq == (10, "CANCEL")
    proxy.answer(cancel, 200)
    proxy.answer(call.invite, 487)
    ack = proxy.one(CALLEE)
    assert (ack.method, ack.cseq[0], ack.branch) == ("ACK", 11, call.invite.branch)
    assert proxy.one(CALLER).cseq == (10, "INVITE")


def test_a_cancelled_request_is_not_authenticated(make):
    proxy = make()
    sent = Message.parse(request(cseq=10))
    first = proxy.start(sent.raw)
    proxy.answer(first, 180)
    proxy.take()
    proxy.receive(request("CANCEL", call_id=sent.call_id, cseq=10, branch=sent.get("Via").partition("branch=")[2]))
    proxy.take()
    challenge(proxy, first, Realm())
    assert proxy.methods(CALLEE) == ["ACK"]


def test_retransmissions_keep_the_number(make):
    proxy = make()
    call = Trunk(proxy)
    proxy.advance(1600)
    copies = proxy.take(CALLEE)
    assert len(copies) == 2
    assert {copy.raw for copy in copies} == {call.invite.raw}
    proxy.answer(call.first, 407)
    assert [m.cseq for m in proxy.take(CALLEE)] == [(10, "ACK")]
    proxy.answer(call.invite, 200)
    proxy.take()


def test_cseq_may_be_kept(make):
    proxy = make(route(RELAY + "record_route = true\n" + CREDENTIAL, uac='auth_cseq = "keep"'))
    call = Trunk(proxy).connect()
    assert call.invite.cseq == (10, "INVITE")
    assert "cseq" not in uri_parameters(call.invite.get("Record-Route").strip("<>"))
    call.exchange("BYE", shift=0)


def test_without_from_tag_in_record_route_authenticated_requests_have_one(make):
    proxy = make(route(RELAY + "record_route = true\n" + CREDENTIAL, rr="append_fromtag = false",
                       uac='restore_mode = "none"'))
    call = Trunk(proxy).connect()
    assert uri_parameters(call.invite.get("Record-Route").strip("<>"))["ftag"] == "ft1"
    call.exchange("INFO")
    proxy.receive(call.callee("BYE"), CALLEE)
    assert proxy.one(CALLER).cseq == (500, "BYE")


def test_requests_outside_of_dialogs(make):
    proxy = make()
    realm = Realm(status=401)
    sent = Message.parse(request("MESSAGE", cseq=5, body=b"hello"))
    proxy.receive(sent.raw)
    first = proxy.one(CALLEE)
    challenge(proxy, first, realm)
    again = proxy.one(CALLEE)
    assert realm.check(again) is None
    assert (again.cseq, again.body) == ((6, "MESSAGE"), b"hello")
    proxy.answer(again, 200)
    assert proxy.one(CALLER).cseq == (5, "MESSAGE")


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize("qop", [None, "auth", "auth-int"])
def test_every_algorithm(make, algorithm, qop):
    realm = Realm(algorithms=(algorithm,), qop=qop, opaque="o")
    if qop is None and algorithm.endswith("-sess"):
        realm.qop = "auth,auth-int"
    Trunk(make(), realm).connect()


# --- refusals ---

def test_a_wrong_password_is_tried_once_more_and_then_told(make):
    proxy = make(TRUNK.replace("s3cret", "wrong"))
    realm = Realm()
    first = proxy.start(request(cseq=10))
    challenge(proxy, first, realm)
    second = resent(proxy, first)
    proxy.answer(second, 407, headers="".join(f"{line}\r\n" for line in realm.check(second)))
    third = resent(proxy, second)
    assert (third.cseq[0], len(third.all("Proxy-Authorization"))) == (12, 1)
    proxy.answer(third, 407, headers="".join(f"{line}\r\n" for line in realm.check(third)))
    assert proxy.methods(CALLEE) == ["ACK"]
    final = proxy.one(CALLER)
    assert (final.status, final.cseq) == (407, (10, "INVITE"))
    assert parameters(f"Proxy-Authenticate: {final.get('Proxy-Authenticate')}")["nonce"] == "carrier.example-2"
    assert len(final.all("Proxy-Authenticate")) == 1
    assert proxy.counter("credentials_refused") == 1
    assert proxy.counter("challenges_answered") == 2


def test_the_same_nonce_again_is_a_refusal_at_once(make):
    proxy = make(TRUNK.replace("s3cret", "wrong"))
    realm = Realm(fresh=False)
    first = proxy.start()
    challenge(proxy, first, realm)
    second = resent(proxy, first)
    challenge(proxy, second, realm)
    assert proxy.methods(CALLEE) == ["ACK"]
    assert proxy.statuses() == [407]


def test_a_stale_nonce_is_tried_once_more(make):
    proxy = make()
    realm = Realm(fresh=False)
    first = proxy.start()
    challenge(proxy, first, realm)
    second = resent(proxy, first)
    challenge(proxy, second, realm, stale=True)
    third = resent(proxy, second)
    assert parameters("Proxy-Authorization: " + third.get("Proxy-Authorization"))["nc"] == "00000002"
    assert realm.check(third) is None
    challenge(proxy, third, realm, stale=True)
    assert proxy.methods(CALLEE) == ["ACK"]
    assert proxy.statuses() == [407]


def test_two_challenges_of_two_hops(make):
    proxy = make()
    near, far = Realm("near", status=407), Realm("far", status=401)
    first = proxy.start(request(cseq=10))
    challenge(proxy, first, near)
    second = resent(proxy, first)
    assert near.check(second) is None
    challenge(proxy, second, far)
    third = resent(proxy, second)
    assert near.check(third) is None
    assert far.check(third) is None
    assert third.cseq == (12, "INVITE")
    proxy.answer(third, 200, headers="Contact: <sip:bob@127.0.0.1:40002>\r\n")
    assert proxy.one(CALLER).cseq == (10, "INVITE")


def test_two_realms_in_one_reply(make):
    proxy = make(route(RELAY, uac='credential = ["a:one:1", "b:two:wrong", "b:two:2"]'))
    one, two = Realm("one", {"a": "1"}), Realm("two", {"b": "2"})
    first = proxy.start()
    challenge(proxy, first, one, Realm("three"), two)
    again = resent(proxy, first)
    assert one.check(again) is None
    assert two.check(again) is None
    proxy.answer(again, 200)
    proxy.take()


@pytest.mark.parametrize(("config", "headers", "counter"), [
    (TRUNK, 'Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-1\r\n', "challenges_unusable"),
    (TRUNK, 'Proxy-Authenticate: Basic realm="r"\r\n', "challenges_unusable"),
    (TRUNK, 'WWW-Authenticate: Digest realm="r", nonce="n"\r\n', "challenges_unusable"),
    (TRUNK, "", "challenges_unusable"),
    (TRUNK, f'Proxy-Authenticate: Digest realm="r", nonce="{"n" * 8000}"\r\n', "challenges_unusable"),
    (TRUNK, 'Proxy-Authenticate: Digest realm="r", nonce="n"\r\n' * 50, "challenges_too_many"),
    (route(RELAY, uac='credential = ["a:one:1"]'), 'Proxy-Authenticate: Digest realm="r", nonce="n"\r\n',
     "challenges_without_credential"),
])
def test_what_cannot_be_answered_goes_to_the_caller_as_it_came(make, config, headers, counter):
    proxy = make(config)
    first = proxy.start()
    proxy.answer(first, 407, headers=headers)
    assert proxy.methods(CALLEE) == ["ACK"]
    final = proxy.one(CALLER)
    assert final.status == 407
    assert "".join(f"{name}:{value}\r\n" for name, value in final.headers if "Authenticate" in name) == headers
    assert proxy.counter(counter) == 1
    assert proxy.counter("challenges_answered") == 0


def test_without_credentials_nothing_is_counted(make):
    proxy = make(route(RELAY))
    first = proxy.start()
    challenge(proxy, first, Realm())
    assert proxy.methods(CALLEE) == ["ACK"]
    assert proxy.statuses() == [407]
    assert proxy.counter("challenges_without_credential") == 0


def test_the_callers_credentials_for_other_realms_stay(make):
    proxy = make()
    theirs = "".join(
        f'{name}: Digest username="x", realm="{realm}", nonce="n", uri="sip:x", response="0"\r\n'
        for name in ("Proxy-Authorization", "Authorization") for realm in ("carrier.example", "other"))
    first = proxy.start(request(headers=theirs))
    assert len(first.all("Proxy-Authorization")) == len(first.all("Authorization")) == 2
    realm = Realm()
    challenge(proxy, first, realm)
    again = resent(proxy, first)
    assert realm.check(again) is None
    assert [parameters("A: " + value)["realm"] for value in again.all("Proxy-Authorization")] == ["other", realm.realm]
    assert len(again.all("Authorization")) == 2
    proxy.answer(again, 200)
    proxy.take()


# --- several targets ---

def test_failover_after_authentication_begins_with_the_callers_number(make):
    proxy = make(route(SERIAL + "record_route = true\n" + CREDENTIAL))
    call = Trunk(proxy)
    proxy.answer(call.invite, 503)
    assert [m.cseq for m in proxy.take(CALLEE)] == [(11, "ACK")]
    second_first = proxy.one(CALLEE_B)
    assert second_first.cseq == (10, "INVITE")
    assert not second_first.has("Proxy-Authorization")
    other = Realm("second.example")
    challenge(proxy, second_first, other)
    call.invite = resent(proxy, second_first, CALLEE_B)
    assert call.invite.cseq == (11, "INVITE")
    assert other.check(call.invite) is None
    assert call.realm.realm not in call.invite.get("Proxy-Authorization")
    call.connect()
    assert call.ok.cseq == (10, "INVITE")
    call.exchange("BYE")


def test_failover_to_a_target_that_does_not_challenge(make):
    proxy = make(route(SERIAL + "record_route = true\n" + CREDENTIAL))
    call = Trunk(proxy)
    proxy.answer(call.invite, 503)
    proxy.take(CALLEE)
    call.invite = proxy.one(CALLEE_B)
    call.connect()
    proxy.receive(call.caller("ACK", 10))
    assert proxy.one(CALLEE).cseq == (10, "ACK")
    call.exchange("BYE", shift=0)


def test_a_timeout_after_authentication_fails_over(make):
    proxy = make(route(SERIAL + "fr_timer = 2000\n" + CREDENTIAL))
    Trunk(proxy)
    proxy.advance(2100)
    again = proxy.one(CALLEE_B)
    assert again.cseq == (10, "INVITE")
    proxy.answer(again, 200)
    assert proxy.one(CALLER).cseq == (10, "INVITE")


def test_each_parallel_branch_authenticates_alone(make):
    proxy = make(route('relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003"]\nfork = true\nrecord_route = true\n'
                       + CREDENTIAL))
    realm = Realm()
    proxy.receive(request(cseq=10))
    one, other = proxy.one(CALLEE), proxy.one(CALLEE_B)
    proxy.take()
    proxy.answer(other, 180)
    challenge(proxy, one, realm)
    again = resent(proxy, one)
    assert (again.cseq, other.cseq) == ((11, "INVITE"), (10, "INVITE"))
    proxy.answer(again, 486)
    assert proxy.statuses() == [180]
    proxy.answer(other, 200, headers="Contact: <sip:bob@127.0.0.1:40003>\r\n")
    final = proxy.one(CALLER)
    assert (final.status, final.cseq) == (200, (10, "INVITE"))


def test_the_best_reply_of_a_fork_holds_no_answered_challenge(make):
    proxy = make(route('relay = ["sip:127.0.0.1:40002", "sip:127.0.0.1:40003"]\nfork = true\n',
                       uac='credential = ["trunk:carrier.example:s3cret"]'))
    proxy.receive(request())
    one, other = proxy.one(CALLEE), proxy.one(CALLEE_B)
    proxy.take()
    challenge(proxy, one, Realm())
    again = resent(proxy, one)
    challenge(proxy, other, Realm("strange"))
    proxy.answer(again, 480)
    final = proxy.one(CALLER)
    assert final.status == 407
    assert ["strange" in value for value in final.all("Proxy-Authenticate")] == [True]


# --- within a dialog ---

@pytest.mark.parametrize("method", ["INVITE", "INFO", "BYE"])
def test_requests_within_the_dialog_are_answered_too(make, method):
    proxy = make()
    call = Trunk(proxy).connect()
    sent = Message.parse(call.caller(method))
    proxy.receive(sent.raw)
    proxy.take(CALLER)
    arrived = proxy.one(CALLEE)
    assert arrived.cseq == (12, method)
    challenge(proxy, arrived, call.realm)
    again = resent(proxy, arrived)
    assert call.realm.check(again) is None
    assert again.cseq == (13, method)
    proxy.answer(again, 200)
    assert proxy.one(CALLER).cseq == (11, method)
    if method == "INVITE":
        proxy.receive(call.caller("ACK", 11))
        assert proxy.one(CALLEE).cseq == (13, "ACK")
        # A copy of the first ACK goes out as it did before.
        proxy.receive(call.caller("ACK", 10))
        assert proxy.one(CALLEE).cseq == (11, "ACK")
    if method != "BYE":
        call.exchange("UPDATE", shift=2)
        call.exchange("BYE", shift=2)


def test_many_challenges_within_a_dialog(make):
    proxy = make()
    call = Trunk(proxy).connect()
    for shift in range(1, 8):
        proxy.receive(call.caller("INFO"))
        arrived = proxy.one(CALLEE)
        assert arrived.cseq[0] == call.number + shift
        challenge(proxy, arrived, call.realm)
        again = resent(proxy, arrived)
        assert again.cseq[0] == call.number + shift + 1
        proxy.answer(again, 200)
        assert proxy.one(CALLER).cseq[0] == call.number
    call.exchange("BYE", shift=8)


def test_the_first_challenge_may_come_within_the_dialog(make):
    proxy = make()
    call = Trunk.__new__(Trunk)
    call.proxy, call.realm, call.number = proxy, Realm(), 10
    call.sent = Message.parse(request(cseq=10))
    call.invite = proxy.start(call.sent.raw)
    call.connect()
    call.exchange("INFO", shift=0)
    proxy.receive(call.caller("UPDATE"))
    arrived = proxy.one(CALLEE)
    challenge(proxy, arrived, call.realm)
    again = resent(proxy, arrived)
    assert call.realm.check(again) is None
    assert again.cseq[0] == call.number + 1
    proxy.answer(again, 200)
    proxy.take()
    call.exchange("BYE", shift=1)


def test_the_credential_list_answers_within_dialogs(make):
    proxy = make(route(RELAY + "record_route = true\n", uac='credential = ["trunk:carrier.example:s3cret"]'))
    call = Trunk(proxy).connect()
    proxy.receive(call.caller("BYE"))
    challenge(proxy, arrived := proxy.one(CALLEE), call.realm)
    assert call.realm.check(resent(proxy, arrived)) is None


def test_upstream_requests_get_no_credential_of_the_route(make):
    proxy = make()
    call = Trunk(proxy).connect()
    proxy.receive(call.callee("BYE"), CALLEE)
    arrived = proxy.one(CALLER)
    challenge(proxy, arrived, Realm())
    assert proxy.statuses(CALLEE) == [407]
    assert proxy.take(CALLER) == []


@pytest.mark.parametrize("change", [
    lambda text: text.replace("ft1", "ft2"),                        # another dialog's mark
    lambda text: text.replace(";auth=", ";x="),
    lambda text: text.replace(";auth=", ";auth=0"),
])
def test_requests_that_no_mark_covers_get_no_credentials(make, change):
    """Who writes a route set of his own is not given answers for a carrier's challenges."""
    proxy = make()
    call = Trunk(proxy).connect()
    forged = change(call.routes)
    proxy.receive(call.caller("INFO").replace(call.routes.encode(), forged.encode()))
    arrived = proxy.one(CALLEE)
    assert forged != call.routes
    challenge(proxy, arrived, call.realm)
    assert proxy.take(CALLEE) == []
    assert proxy.statuses() == [407]


def test_a_mark_is_good_for_its_call_only(make):
    proxy = make()
    call = Trunk(proxy).connect()
    proxy.receive(call.caller("INFO").replace(call.sent.call_id.encode(), b"another@call"))
    challenge(proxy, proxy.one(CALLEE), call.realm)
    assert proxy.statuses() == [407]


def test_a_bye_of_our_own_has_a_number_that_the_callee_has_not_seen():
    proxy = MemoryProxy(TRUNK.replace("record_route = true\n", "dialog = true\n"))
    call = Trunk(proxy).connect()
    proxy.receive(call.caller("ACK", 10))
    proxy.take()
    proxy.receive(call.caller("INFO"))
    challenge(proxy, arrived := proxy.one(CALLEE), call.realm)
    proxy.answer(again := resent(proxy, arrived), 200)
    proxy.take()
    dialog, = proxy.engine.engine.dialogs.list()
    proxy.engine.engine.dialogs.end_dlg(dialog["h_entry"], dialog["h_id"])
    proxy.engine.engine.flush_now()
    proxy.collect()
    to_callee, = proxy.take(CALLEE)
    to_caller, = proxy.take(CALLER)
    assert to_callee.cseq == (again.cseq[0] + 1, "BYE") == (14, "BYE")
    assert to_caller.method == "BYE"
    proxy.close()


# --- before anybody asks ---

PREEMPTIVE = route(RELAY + "record_route = true\n" + CREDENTIAL, uac="auth_preemptive = true")


def test_a_nonce_is_used_again(make):
    proxy = make(PREEMPTIVE)
    realm = Realm(fresh=False)
    call = Trunk(proxy, realm).connect()
    for count in range(2, 5):
        again = proxy.start(request(cseq=3))
        assert again.cseq == (3, "INVITE")
        assert parameters("Proxy-Authorization: " + again.get("Proxy-Authorization"))["nc"] == f"0000000{count}"
        assert realm.check(again) is None
        proxy.answer(again, 486)
        proxy.take()
    assert proxy.counter("credentials_foretold") == 3
    bye = call.exchange("BYE")
    assert realm.check(bye) is None


def test_a_nonce_that_is_good_once_costs_two_tries(make):
    proxy = make(PREEMPTIVE)
    realm = Realm(nonce_uses=1)
    Trunk(proxy, realm).connect()
    for foretold in (True, True, False):
        first = proxy.start()
        assert first.has("Proxy-Authorization") == foretold
        proxy.answer(first, 407, headers="".join(f"{line}\r\n" for line in realm.check(first)))
        again = resent(proxy, first)
        assert realm.check(again) is None
        assert len(again.all("Proxy-Authorization")) == 1
        proxy.answer(again, 486)
        proxy.take()
    assert proxy.counter("credentials_foretold") == 2


def test_what_is_foretold_goes_to_its_destination_only(make):
    config = route('ruri_user = "^bob$"\n' + RELAY + CREDENTIAL, uac="auth_preemptive = true")
    proxy = make(config + '[[route]]\nrelay = ["sip:127.0.0.1:40003"]\n')
    Trunk(proxy)
    first = proxy.start(request(uri="sip:carol@example.com"), callee=CALLEE_B)
    assert not first.has("Proxy-Authorization")
    proxy.answer(first, 486)
    proxy.take()


def test_by_default_nothing_is_foretold(make):
    proxy = make()
    Trunk(proxy, Realm(fresh=False))
    assert not proxy.start().has("Proxy-Authorization")
