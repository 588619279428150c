"""KSR.auth, KSR.auth_db: challenges, credentials, nonces."""

import re
import time

import pytest

from kit.digest import expected_response
from uacfast.proxy.server_digest import DigestServer, UserSecret
from uacfast.routing.ksr.auth import AuthModule
from uacfast.routing.ksr.auth_db import AuthDbModule
from uacfast.routing.ksr.siputils import SiputilsModule

from .conftest import no, reply, request, yes

REALM = "example.com"


@pytest.fixture
def auth(runtime):
    return AuthModule(runtime)


@pytest.fixture
def auth_db(runtime):

    async def subscribers(table, username, domain):
        if table == "broken":
            raise OSError("the database is away")
        return {"alice": {"password": "wonder", "ha1": "", "ha1b": ""}}.get(username)

    runtime.features.subscribers = subscribers
    runtime.features.calculate_ha1 = True
    return AuthDbModule(runtime)


def nonce_of(runtime, auth, flags=0):
    runtime.take(request("REGISTER"))
    assert yes(auth.auth_challenge(REALM, flags))
    return re.search(rb'nonce="([^"]+)"', runtime.replies[-1][2])[1].decode()


def credentials(nonce, method="INVITE", *, password="wonder", body=b"", **changes):
    """The value of an Authorization header."""
    fields = {"username": "alice", "realm": REALM, "nonce": nonce, "uri": "sip:example.com"} | changes
    fields["response"] = expected_response(fields, method, password=password, body=body)
    return "Digest " + ", ".join(
        f"{name}={value}" if name in ("nc", "qop", "algorithm") else f'{name}="{value}"'
        for name, value in fields.items()
    )


def answered(runtime, nonce, method="INVITE", header="Proxy-Authorization", **changes):
    more = {name: changes.pop(name) for name in ("from_", "to", "uri", "body") if name in changes}
    more.setdefault("uri", "sip:alice@example.com")
    line = f"{header}: {credentials(nonce, method, body=more.get('body', '').encode(), **changes)}"
    runtime.take(request(method, more.pop("uri"), line, **more))


# --- challenges ------------------------------------------------------------------------------------------------------


def test_challenge_of_a_register(runtime, auth):
    runtime.take(request("REGISTER"))
    assert yes(auth.auth_challenge("127.0.0.1", 0))
    status, reason, lines, _ = runtime.replies[0]
    assert (status, reason) == (401, "Unauthorized")
    assert re.fullmatch(rb'WWW-Authenticate: Digest realm="127\.0\.0\.1", nonce="[-_0-9A-Za-z]{28}"\r\n', lines)


def test_challenge_of_others(runtime, auth):
    runtime.take(request())
    assert yes(auth.auth_challenge(REALM, 1 | 16))
    status, reason, lines, _ = runtime.replies[0]
    assert (status, reason) == (407, "Proxy Authentication Required")
    assert lines.startswith(b'Proxy-Authenticate: Digest realm="example.com", nonce="')
    assert lines.endswith(b'", qop="auth", stale=true\r\n')


def test_challenge_forms(runtime, auth):
    runtime.take(request())
    assert yes(auth.www_challenge(REALM, 2)) and yes(auth.proxy_challenge(REALM, 3))
    assert runtime.replies[0][0] == 401 and b'qop="auth-int"' in runtime.replies[0][2]
    assert runtime.replies[1][0] == 407 and b'qop="auth,auth-int"' in runtime.replies[1][2]
    runtime.features.digest = DigestServer(b"s", algorithms=("SHA-256", "MD5"))
    assert yes(auth.auth_challenge(REALM, 0))
    lines = runtime.replies[2][2].decode().splitlines()
    assert [line.rpartition(", ")[2] for line in lines] == ["algorithm=SHA-256", "algorithm=MD5"]


def test_no_challenge(runtime, auth):
    for octets in (request("ACK"), request("CANCEL"), reply()):
        runtime.take(octets)
        assert no(auth.auth_challenge(REALM, 0))
    runtime.take(request())
    assert no(auth.auth_challenge("", 0)) and runtime.replies == []
    assert no(auth.auth_challenge('a"b', 0)) and [found[0] for found in runtime.replies] == [500]
    assert no(auth.auth_challenge("a\r\nb", 4)) and len(runtime.replies) == 1
    runtime.result = -1
    assert no(auth.auth_challenge(REALM, 0))


# --- pv_auth_check ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"qop": "auth", "nc": "00000001", "cnonce": "c"},
        {"qop": "auth-int", "nc": "00000001", "cnonce": "c"},
        {"algorithm": "SHA-256"},
        {"algorithm": "SHA-512-256", "qop": "auth", "nc": "00000001", "cnonce": "c"},
        {"algorithm": "MD5-sess", "qop": "auth", "nc": "00000001", "cnonce": "c"},
        {"algorithm": "md5"},
    ],
)
def test_right_and_wrong_passwords(runtime, auth, changes):
    nonce = nonce_of(runtime, auth)
    if changes.get("algorithm") == "md5":
        changes = {}
    body = "v=0\r\n" if changes.get("qop") == "auth-int" else ""
    answered(runtime, nonce, body=body, **changes)
    assert yes(auth.pv_auth_check(REALM, "wonder", 0, 0))
    answered(runtime, nonce, body=body, **changes)
    assert auth.pv_auth_check(REALM, "other", 0, 0) == -2


def test_ha1(runtime, auth):
    import hashlib

    answered(runtime, nonce_of(runtime, auth))
    ha1 = hashlib.md5(b"alice:example.com:wonder").hexdigest()
    assert yes(auth.pv_auth_check(REALM, ha1, 1, 0)) and auth.pv_auth_check(REALM, ha1.replace(ha1[0], "x"), 1, 0) == -2
    assert auth.pv_auth_check(REALM, "short", 1, 0) == -2


def test_no_credentials(runtime, auth):
    runtime.take(request())
    assert auth.pv_auth_check(REALM, "wonder", 0, 0) == -5 and no(auth.has_credentials(REALM))
    answered(runtime, nonce_of(runtime, auth), header="Authorization")
    assert auth.pv_auth_check(REALM, "wonder", 0, 0) == -5, "an INVITE is asked by 407"
    assert yes(auth.has_credentials(REALM)) and no(auth.has_credentials("other"))
    assert yes(auth.pv_www_authenticate(REALM, "wonder", 0)) and auth.pv_proxy_authenticate(REALM, "wonder", 0) == -5
    answered(runtime, nonce_of(runtime, auth), realm="other")
    assert auth.pv_auth_check(REALM, "wonder", 0, 0) == -5


def test_ack_and_cancel_always_pass(runtime, auth, auth_db):
    for method in ("ACK", "CANCEL"):
        runtime.take(request(method))
        assert yes(auth.pv_auth_check(REALM, "x", 0, 0)) and yes(auth_db.auth_check(REALM, "subscriber", 1))
    runtime.take(reply())
    assert no(auth.pv_auth_check(REALM, "x", 0, 0)) and no(auth_db.auth_check(REALM, "subscriber", 1))


def test_nonces(runtime, auth):
    now = int(time.time())
    digest = runtime.features.digest
    for nonce, result in (
        (digest.make_nonce(b"example.com", now), 1),
        (digest.make_nonce(b"example.com", now - 299), 1),
        (digest.make_nonce(b"example.com", now - 302), -4),
        (digest.make_nonce(b"other", now), -4),
        (digest.make_nonce(b"example.com", now + 60), -4),
        (b"made-up", -4),
        (b"A" * 28, -4),
        (DigestServer(b"another").make_nonce(b"example.com", now), -4),
    ):
        answered(runtime, nonce.decode())
        assert auth.pv_auth_check(REALM, "wonder", 0, 0) == result, nonce


def test_a_nonce_is_good_for_every_worker(runtime, auth):
    nonce = DigestServer(runtime.features.digest.secret).make_nonce(b"example.com", int(time.time()))
    answered(runtime, nonce.decode())
    assert yes(auth.pv_auth_check(REALM, "wonder", 0, 0))


def test_nonce_counts(runtime, auth):
    runtime.features.digest = DigestServer(b"secret", nonce_count=True, max_counts=2)
    nonce = nonce_of(runtime, auth, 1)

    def check(nonce, nc, password="wonder"):
        answered(runtime, nonce, qop="auth", nc=nc, cnonce="c")
        return auth.pv_auth_check(REALM, password, 0, 0)

    assert check(nonce, "00000001", "other") == -2, "a wrong password does not count"
    assert [check(nonce, nc) for nc in ("00000001", "00000001", "0000000a", "00000002", "zzzzzzzz")] == [
        1,
        -6,
        1,
        -6,
        -6,
    ]
    for _ in range(3):
        assert check(runtime.features.digest.make_nonce(b"example.com", int(time.time()) - _).decode(), "00000001") in (
            1,
            -6,
        )


# --- who may speak ---------------------------------------------------------------------------------------------------

ALICE, BOB = "<sip:alice@example.com>", "<sip:bob@example.com>"


@pytest.mark.parametrize(
    "method,flags,from_,to,uri,result",
    [
        ("INVITE", 1, ALICE, BOB, "sip:x@y", 1),
        ("INVITE", 1, BOB, BOB, "sip:x@y", -8),
        ("INVITE", 0, BOB, BOB, "sip:x@y", 1),
        ("INVITE", 1, "<sip:alice@other.com>", BOB, "sip:x@y", -8),
        ("INVITE", 3, BOB, BOB, "sip:x@y", 1),
        ("MESSAGE", 3, BOB, BOB, "sip:x@y", 1),
        ("SUBSCRIBE", 3, BOB, BOB, "sip:x@y", -8),
        ("REGISTER", 1, ALICE, ALICE, "sip:example.com", 1),
        ("REGISTER", 1, ALICE, BOB, "sip:example.com", -8),
        ("PUBLISH", 1, ALICE, ALICE, "sip:alice@example.com", 1),
        ("PUBLISH", 1, ALICE, ALICE, "sip:bob@example.com", -8),
    ],
)
def test_user_and_from(runtime, auth, auth_db, method, flags, from_, to, uri, result):
    nonce = nonce_of(runtime, auth)
    header = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
    answered(runtime, nonce, method, header, from_=from_ + ";tag=1", to=to, uri=uri)
    assert auth.pv_auth_check(REALM, "wonder", 0, flags) == result
    assert auth_db.auth_check(REALM, "subscriber", flags) == result


# --- auth_db ---------------------------------------------------------------------------------------------------------


def test_auth_check(runtime, auth, auth_db):
    nonce = nonce_of(runtime, auth)
    runtime.take(request())
    assert auth_db.auth_check(REALM, "subscriber", 1) == -5
    answered(runtime, nonce, from_=ALICE)
    assert yes(auth_db.auth_check(REALM, "subscriber", 1))
    answered(runtime, nonce, from_=ALICE, password="wrong")
    assert auth_db.auth_check(REALM, "subscriber", 1) == -2
    answered(runtime, nonce, username="nobody")
    assert auth_db.auth_check(REALM, "subscriber", 0) == -3
    answered(runtime, "made-up")
    assert auth_db.auth_check(REALM, "subscriber", 0) == -4
    answered(runtime, nonce)
    assert no(auth_db.auth_check(REALM, "broken", 0))
    assert yes(auth_db.proxy_authenticate(REALM, "subscriber")) and auth_db.www_authenticate(REALM, "subscriber") == -5


def test_rows_with_ha1(runtime, auth, auth_db):
    import hashlib

    rows = {
        "alice": {
            "password": "",
            "ha1": hashlib.md5(b"alice:example.com:wonder").hexdigest(),
            "ha1b": hashlib.md5(b"alice@example.com:example.com:wonder").hexdigest(),
        }
    }

    async def subscribers(table, username, domain):
        return rows.get(username)

    runtime.features.subscribers = subscribers
    runtime.features.calculate_ha1 = False
    nonce = nonce_of(runtime, auth)
    for username in ("alice", "alice@example.com"):
        answered(runtime, nonce, username=username, from_=ALICE)
        assert yes(auth_db.auth_check(REALM, "subscriber", 1))
    rows["alice"] = {"password": "wonder", "ha1": "", "ha1b": ""}
    assert auth_db.auth_check(REALM, "subscriber", 0) == -3, "no HA1, no user"


def test_users_without_a_database(runtime, auth):
    module = AuthDbModule(runtime)
    nonce = nonce_of(runtime, auth)
    answered(runtime, nonce)
    assert no(module.auth_check(REALM, "subscriber", 0)), "off"
    runtime.features.set_users([UserSecret("alice", "", password="wonder")])
    assert yes(module.auth_check(REALM, "subscriber", 0))
    answered(runtime, nonce, username="bob")
    assert module.auth_check(REALM, "subscriber", 0) == -3
    assert no(module.is_subscriber("sip:alice@x", "subscriber", 0))


def test_is_subscriber(auth_db):
    assert yes(auth_db.is_subscriber("sip:alice@x", "subscriber", 0)) and yes(
        auth_db.is_subscriber("sip:alice@x", "subscriber", 1)
    )
    assert no(auth_db.is_subscriber("sip:bob@x", "subscriber", 0)) and no(auth_db.is_subscriber("x", "subscriber", 0))
    assert no(auth_db.is_subscriber("sip:alice@x", "broken", 0))


# --- consuming -------------------------------------------------------------------------------------------------------


def test_accepted_credentials_are_consumed(runtime, auth, auth_db):
    nonce = nonce_of(runtime, auth)
    runtime.take(request())
    assert no(auth.consume_credentials())
    other = credentials(nonce, realm="other")
    runtime.take(
        request("INVITE", "sip:x@y", f"Proxy-Authorization: {other}", f"Proxy-Authorization: {credentials(nonce)}")
    )
    assert no(auth.consume_credentials())
    assert yes(auth_db.auth_check(REALM, "subscriber", 0)) and yes(auth.consume_credentials())
    assert runtime.written.count(b"Proxy-Authorization:") == 1 and b'realm="other"' in runtime.written
    assert yes(SiputilsModule(runtime).is_user("alice")) and no(SiputilsModule(runtime).is_user("bob"))
