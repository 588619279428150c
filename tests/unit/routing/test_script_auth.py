"""uac_auth() in a script: credentials from variables and from the list (uac-semantics §3)."""
import re

import pytest

from kit.memory import CALLEE, CALLER, Dialog
from kit.script import ScriptedProxy
from uacfast.sip import digest

AVPS = """
[uac]
auth_realm_avp = "$avp(arealm)"
auth_username_avp = "$avp(auser)"
auth_password_avp = "$avp(apasswd)"
credential = ["listed:other.example:secret"]
"""
CHALLENGE = 'Digest realm="carrier.example", nonce="abc123nonce"'
TRUNK = """
def ksr_request_route(self, msg):
    if self.basics():
        return 1
    KSR.rr.record_route()
    KSR.hdr.append("X-Trunk: yes\\r\\n")
    KSR.setdsturi("sip:127.0.0.1:40002")
    KSR.tm.t_on_failure("ksr_failure_trunk_auth")
    KSR.tm.t_relay()

def ksr_failure_trunk_auth(self, msg):
    if KSR.tm.t_is_canceled() > 0:
        return 1
    if KSR.tm.t_check_status("401|407") > 0:
        VARIABLES
        self.seen(KSR.uac.uac_auth_mode(MODE))
        KSR.tm.t_on_failure("ksr_failure_trunk_auth")
        self.seen(KSR.tm.t_relay())
"""


def trunk(tmp_path, username="trunk", password="s3cret", realm="", mode=0):
    lines = "; ".join(f'KSR.pv.sets("$avp({name})", "{value}")' for name, value in
                      (("arealm", realm), ("auser", username), ("apasswd", password)) if value)
    return ScriptedProxy(tmp_path, TRUNK.replace("VARIABLES", lines or "pass").replace("MODE", str(mode)), AVPS)


def challenge(proxy, invite, status=407, challenge=CHALLENGE):
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    proxy.answer(invite, status, headers=f"{name}: {challenge}\r\n")
    return [message for message in proxy.take(CALLEE) if message.method != "ACK"]


def fields(value):
    return dict(re.findall(r'(\w+)="?([^",]*)"?', value.removeprefix("Digest ")))


def expected(invite, password=b"s3cret", username=b"trunk", realm=b"carrier.example"):
    ha1 = digest.ha1(username, realm, password)
    return digest.response(ha1, b"abc123nonce", b"INVITE", invite.request_uri.encode()).decode()


@pytest.mark.parametrize("status", [401, 407])
def test_challenge_is_answered_with_a_raised_cseq(tmp_path, status):
    proxy = trunk(tmp_path)
    first = proxy.start()
    second, = challenge(proxy, first, status)
    found = fields(second.get("Proxy-Authorization" if status == 407 else "Authorization"))
    assert (found["username"], found["realm"], found["response"]) == ("trunk", "carrier.example", expected(second))
    assert (second.request_uri, second.get("X-Trunk"), second.cseq) == (first.request_uri, "yes", (2, "INVITE"))
    assert proxy.seen == [1, 1] and proxy.statuses() == []
    proxy.answer(second, 200)
    ok = proxy.one(CALLER)
    assert (ok.status, ok.cseq) == (200, (1, "INVITE"))


def test_dialog_goes_on_with_the_raised_cseq(tmp_path):
    class Answered(Dialog):
        """A call that is challenged before it is answered."""

        def __init__(self, proxy):
            answer = proxy.answer

            def after_challenge(message, status, **more):
                if status == 180:
                    self.received, = challenge(proxy, message)
                    message = self.received
                answer(self.received if status == 200 else message, status, **more)
            proxy.answer = after_challenge
            super().__init__(proxy)
            proxy.answer = answer

    proxy = trunk(tmp_path)
    dialog = Answered(proxy)
    proxy.receive(dialog.downstream("ACK"))
    assert proxy.take(CALLEE)[-1].cseq == (2, "ACK")
    proxy.receive(dialog.downstream("BYE"))
    bye = proxy.take(CALLEE)[-1]
    assert bye.cseq == (3, "BYE")
    proxy.answer(bye, 200)
    assert proxy.one(CALLER).cseq == (2, "BYE")


def test_wrong_password_is_tried_once(tmp_path):
    proxy = trunk(tmp_path, password="wrong")
    second, = challenge(proxy, proxy.start())
    assert challenge(proxy, second) == []
    assert proxy.statuses() == [407]
    assert proxy.seen == [1, 1, -1, -1]


def test_ha1(tmp_path):
    ha1 = digest.ha1(b"trunk", b"carrier.example", b"s3cret").decode()
    proxy = trunk(tmp_path, password=ha1, mode=1)
    second, = challenge(proxy, proxy.start())
    assert fields(second.get("Proxy-Authorization"))["response"] == expected(second)


@pytest.mark.parametrize(("given", "asked", "username"), [
    ({"realm": "carrier.example"}, "carrier.example", "trunk"),
    ({"realm": "another.example"}, "carrier.example", None),        # a mismatch drops to the list
    ({"realm": "another.example"}, "other.example", "listed"),
    ({"username": "", "password": ""}, "other.example", "listed"),
    ({"username": "", "password": ""}, "carrier.example", None),
])
def test_whose_credentials(tmp_path, given, asked, username):
    proxy = trunk(tmp_path, **given)
    sent = challenge(proxy, proxy.start(), challenge=CHALLENGE.replace("carrier.example", asked))
    if username is None:
        assert sent == [] and proxy.seen == [-1, -1] and proxy.statuses() == [407]
    else:
        assert fields(sent[0].get("Proxy-Authorization"))["username"] == username


def test_refused_after_authentication(tmp_path):
    """The challenge was answered: the caller hears of what came after it."""
    proxy = trunk(tmp_path)
    second, = challenge(proxy, proxy.start())
    proxy.answer(second, 486)
    assert proxy.statuses() == [486]


def test_only_in_failure_callbacks(tmp_path):
    proxy = ScriptedProxy(tmp_path, """
def ksr_request_route(self, msg):
    KSR.tm.t_on_reply("ksr_onreply")
    KSR.setdsturi("sip:127.0.0.1:40002")
    self.seen(KSR.uac.uac_auth(), KSR.tm.t_relay())

def ksr_onreply(self, msg):
    self.seen(KSR.uac.uac_auth())
""", AVPS)
    challenge(proxy, proxy.start())
    assert proxy.seen == [(-1, 1), -1] and proxy.statuses() == [407]
