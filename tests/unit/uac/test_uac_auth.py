"""uac_auth() for scripts: the vectors once more, with the AVPs' credential, and what it does to the request."""
import pytest

from kit.digest import parameters, verify
from kit.memory import MemoryProxy, reply, request, route
from kit.message import Message
from uacfast.testing.authentication import uac_auth

REQUEST = request(uri="sip:callee@example.net", cseq=10)
HA1 = b"8356a1bf1a290cc05f2c902597f73adb"        # test:sip.example.org:secret


@pytest.fixture
def authenticator():
    proxy = MemoryProxy(route(uac='credential = ["lister:listed:pass"]'))
    yield proxy.engine.authenticator
    proxy.close()


def challenged(*lines, status=401):
    return reply(Message.parse(REQUEST), status, headers="".join(f"{line}\r\n" for line in lines))


def www(realm="sip.example.org", nonce="abc123nonce", more=""):
    return f'WWW-Authenticate: Digest realm="{realm}", nonce="{nonce}"{more}'


@pytest.mark.parametrize(("user", "response"), [
    ((b"test", b"", b"secret", False), "59214375e1a436260c92dfd11c4f9565"),
    ((b"test", b"sip.example.org", b"secret", False), "59214375e1a436260c92dfd11c4f9565"),
    ((b"test", b"", HA1, True), "59214375e1a436260c92dfd11c4f9565"),
    ((b"test", b"", HA1.upper(), True), "59214375e1a436260c92dfd11c4f9565"),
    ((b"test", b"", HA1 + b"tail", True), "59214375e1a436260c92dfd11c4f9565"),
])
def test_credentials_of_a_script(authenticator, user, response):
    result, text, lines, shift = uac_auth(authenticator, REQUEST, challenged(www()), user)
    assert (result, shift) == (1, 1)
    assert lines.decode() == (
        'Authorization: Digest username="test", realm="sip.example.org", nonce="abc123nonce", '
        f'uri="sip:callee@example.net", response="{response}", algorithm=MD5\r\n')
    assert Message.parse(text).cseq == (11, "INVITE")


@pytest.mark.parametrize("user", [
    None, (b"test", b"other", b"secret", False), (b"test", b"SIP.example.org", b"secret", False),
    (b"", b"", b"secret", False), (b"test", b"", b"", False), (b"test", b"", HA1[:31], True),
])
def test_what_does_not_fit_falls_back_to_the_list(authenticator, user):
    assert uac_auth(authenticator, REQUEST, challenged(www()), user)[0] == -1
    user = user if user and user[1] else None
    result, _, lines, _ = uac_auth(authenticator, REQUEST, challenged(www("listed")), user)
    assert result == 1
    assert verify(lines.decode(), "INVITE", password="pass")


def test_ha1_mode_is_for_one_call_only(authenticator):
    assert uac_auth(authenticator, REQUEST, challenged(www()), (b"test", b"", HA1, True))[0] == 1
    lines = uac_auth(authenticator, REQUEST, challenged(www()), (b"test", b"", b"secret", False))[2]
    assert verify(lines.decode(), "INVITE", password="secret")


def test_sha_256_with_ha1(authenticator):
    user = (b"test", b"", b"d2499445c7d2da17eb2e01e9fcd781d31f40c609de478e3b5b78b6042af4c6dc", True)
    lines = uac_auth(authenticator, REQUEST, challenged(www(more=", algorithm=SHA-256"), www(nonce="m")), user)[2]
    assert parameters(lines.decode())["response"] == "058a34bab3dde4d1d1970d9438a76f53b07c7ead76de82f6c67ec0027bb85f1b"


def test_a_second_round_raises_further_and_keeps_what_was_sent(authenticator):
    user = (b"test", b"", b"secret", False)
    _, _, first, shift = uac_auth(authenticator, REQUEST, challenged(www()), user)
    proxy = challenged(www("near").replace("WWW", "Proxy"), status=407)
    result, text, lines, shift = uac_auth(authenticator, REQUEST, proxy, user, sent=first, cseq_shift=shift)
    assert (result, shift) == (1, 2)
    names = [line.split(":")[0] for line in lines.decode().split("\r\n")[:-1]]
    assert names == ["Authorization", "Proxy-Authorization"]
    assert Message.parse(text).cseq == (12, "INVITE")
    assert uac_auth(authenticator, REQUEST, proxy, user, sent=lines, cseq_shift=shift)[0] == -1
