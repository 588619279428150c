"""Answers to challenges: Kamailio's vectors, which challenge is chosen, what is tried again; hashlib checks digests."""
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.digest import parameters, verify
from uacfast.config.model import Credential, Ha1
from uacfast.uac.auth import answers

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "auth-vectors.json").read_text())["observed"]
# The credential list of the reference's run, in the order of its definition.
LIST = [Credential(username="cuser", realm="cred.example.com", password="cpass"),
        Credential(username="cuser2", realm="cred2.example.com", password="cpass2"),
        Credential(username="cuser3", realm="cred.example.com", password="later")]
SECRET = Credential(username="test", password="secret")
METHOD, URI = b"INVITE", b"sip:callee@example.net"

# Where the reference is wrong or cannot do what is asked for, and what is right.
DIFFERENT = {
    "401 qop=auth-int": "qop=auth-int is answered as such",
    "401 qop=auth-int,auth": "auth is chosen wherever it stands",
    "401 algorithm=MD5-sess": "supported", "401 algorithm=SHA-256": "supported",
    "401 SHA-256 + MD5 headers": "supported", "401 MD5 + SHA-256 headers": "the strongest is chosen",
    "401 two realms": "both are answered", "401 Basic then Digest": "the one that can be answered is",
    "user special": "quotes are escaped", "HA1 mode uppercase": "HA1 is taken in lower case",
}


def reply(status, *challenges):
    lines = [f"SIP/2.0 {status} Go Away", "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx", "From: <sip:a@b>;tag=f",
             "To: <sip:b@c>;tag=t", "Call-ID: c", "CSeq: 1 INVITE", *challenges, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def www(**fields):
    """A challenge's header line; quotes as RFC 3261 has them."""
    bare = ("algorithm", "stale")
    return "WWW-Authenticate: Digest " + ", ".join(
        f"{name}={value}" if name in bare else f'{name}="{value}"' for name, value in fields.items())


def ask(status, *challenges, secrets=(SECRET,), uri=URI, **more):
    lines, notes = answers(reply(status, *challenges), secrets, METHOD, uri, **more)
    return lines.decode("latin-1").split("\r\n")[:-1], notes


def candidates(vector):
    """What the reference would look into: the AVPs' credential where its realm fits, then the list, the last first."""
    found = []
    if vector["username"] and not vector["username"].startswith("cuser"):
        secret = vector["secret"]
        known = ({"ha1": Ha1(md5=secret)} if vector.get("secret_is_ha1") else {"password": secret})
        found = [Credential(username=vector["username"], realm=vector.get("realm_pv") or "", **known)]
    return found + LIST[::-1]


def emitted(vector):
    lines, _ = answers(reply(vector["status"], *vector["challenges"]), candidates(vector),
                       vector.get("method", "INVITE").encode(), vector.get("uri", URI.decode()).encode(),
                       kamailio_cnonce=True)
    return lines.decode("latin-1")


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["title"] not in DIFFERENT], ids=lambda v: v["title"])
def test_octets_of_the_reference(vector):
    assert emitted(vector) == (vector["emitted_header"] + "\r\n" if vector["emitted_header"] else "")


def test_every_difference_is_one():
    assert set(DIFFERENT) <= {vector["title"] for vector in VECTORS}
    for vector in VECTORS:
        if vector["title"] in DIFFERENT:
            assert emitted(vector) != (vector["emitted_header"] or "") + "\r\n"


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["title"] in DIFFERENT], ids=lambda v: v["title"])
def test_where_the_reference_differs_the_digest_is_right(vector):
    lines = emitted(vector).split("\r\n")[:-1]
    assert lines
    for line in lines:
        assert verify(line, "INVITE", password="secret" if vector["title"] != "user special" else "p:w",
                      ha1="8356a1bf1a290cc05f2c902597f73adb" if "HA1" in vector["title"] else None)


def test_user_with_quotes_and_backslashes():
    line, = ask(401, www(realm="r", nonce="n"), secrets=[Credential(username='a"b\\c', password="x")])[0]
    assert 'username="a\\"b\\\\c", realm="r"' in line
    digest = hashlib.md5(b'a"b\\c:r:x').hexdigest()
    assert verify(line, "INVITE", ha1=digest)


@pytest.mark.parametrize("qop", [None, "auth", "auth-int", "auth-int,auth"])
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"])
def test_every_algorithm_and_qop(algorithm, qop):
    offer = {"qop": qop} if qop else {}
    (line,), notes = ask(401, www(realm="r r", nonce="n\\x", opaque="o", **offer, algorithm=algorithm), body=b"v=0\r\n")
    assert verify(line, "INVITE", password="secret", body=b"v=0\r\n")
    fields = parameters(line)
    assert fields.get("qop") == {None: None, "auth-int,auth": "auth"}.get(qop, qop)
    assert (fields["algorithm"], fields["opaque"], fields["nonce"]) == (algorithm, "o", "n\\x")
    assert ("cnonce" in fields) == (qop is not None or algorithm.endswith("-sess"))
    assert notes["answered"] == 1


def test_client_nonces_are_random():
    seen = {parameters(ask(401, www(realm="r", nonce="n", qop="auth"))[0][0])["cnonce"] for _ in range(20)}
    assert len(seen) == 20
    assert all(re.fullmatch("[0-9a-f]{16}", cnonce) for cnonce in seen)


# --- choosing ---

ALL = [www(realm="r", nonce=name, algorithm=name) for name in ("MD5", "SHA-256", "SHA-512-256", "MD5-sess")]


def test_strongest_algorithm():
    line, = ask(401, *ALL)[0]
    assert parameters(line)["algorithm"] == "SHA-512-256"


@pytest.mark.parametrize(("ha1", "algorithm"), [
    (Ha1(md5="0" * 32), "MD5-sess"), (Ha1(sha256="0" * 64), "SHA-256"), (Ha1(sha512_256="0" * 64), "SHA-512-256"),
    (Ha1(md5="0" * 32, sha256="1" * 64), "SHA-256"),
])
def test_an_algorithm_of_which_ha1_is_known(ha1, algorithm):
    line, = ask(401, *ALL, secrets=[Credential(username="u", ha1=ha1)])[0]
    assert parameters(line)["algorithm"] == algorithm
    assert verify(line, "INVITE", ha1=ha1.sha512_256 or ha1.sha256 or ha1.md5)


def test_sha_256_is_not_answered_with_an_md5_ha1():
    lines, notes = ask(401, ALL[1], secrets=[Credential(username="u", ha1=Ha1(md5="0" * 32))])
    assert lines == []
    assert notes["without_secret"] == 1


def test_challenges_on_one_line():
    line, = ask(401, 'WWW-Authenticate: Basic realm="r", Digest realm="r", nonce="1", algorithm=MD5, '
                     'Digest realm="r", nonce="2", algorithm=SHA-256')[0]
    assert parameters(line)["nonce"] == "2"


def test_every_realm_that_a_secret_fits():
    secrets = [Credential(username=username, realm=realm, password=password)
               for username, realm, password in (("a", "one", "1"), ("b", "three", "3"))]
    lines, notes = ask(407, *(www(realm=realm, nonce=realm).replace("WWW", "Proxy")
                              for realm in ("one", "two", "three")), secrets=secrets)
    assert [parameters(line)["realm"] for line in lines] == ["one", "three"]
    assert all(line.startswith("Proxy-Authorization: Digest ") for line in lines)
    assert verify(lines[0], "INVITE", password="1") and verify(lines[1], "INVITE", password="3")
    assert (notes["answered"], notes["without_secret"]) == (2, 1)


def test_the_first_secret_that_fits_wins():
    secrets = [Credential(username="ha1", realm="r", ha1=Ha1(md5="0" * 32)), Credential(username="any", password="x")]
    assert parameters(ask(401, www(realm="r", nonce="n"), secrets=secrets)[0][0])["username"] == "ha1"
    assert parameters(ask(401, ALL[2], secrets=secrets)[0][0])["username"] == "any"


# --- bad input ---

def test_more_than_eight_challenges():
    lines, notes = ask(401, *(www(realm=f"r{number}", nonce="n") for number in range(12)))
    assert len(lines) == 8
    assert notes["challenges"] == 12


def test_fifty_challenges():
    lines, notes = ask(401, *(www(realm=f"r{number}", nonce="n") for number in range(50)))
    assert lines == []
    assert notes["too_many"]


@pytest.mark.parametrize("field", ["nonce", "realm", "opaque"])
def test_ten_kilobytes(field):
    lines, notes = ask(401, www(**({"realm": "r", "nonce": "n"} | {field: "x" * 10_000})))
    assert lines == []
    assert notes["unusable"] == 1


def test_eight_long_challenges_do_not_overflow():
    lines, notes = ask(401, *(www(realm=f"r{number}", nonce="n" * 2000, opaque="o" * 2000) for number in range(8)))
    assert lines == []
    assert notes["unusable"] == 8


@pytest.mark.parametrize("challenge", [
    www(realm="r", nonce="n", algorithm="SHA-1"), www(realm="r", nonce="n", qop="auth-conf"), www(realm="r"),
    www(nonce="n"), 'WWW-Authenticate: Digest realm="r", nonce="n', "WWW-Authenticate:", "WWW-Authenticate: Digest",
])
def test_unusable(challenge):
    assert ask(401, challenge)[0] == []
    assert len(ask(401, challenge, www(realm="r", nonce="n"))[0]) == 1


# --- again ---

def test_a_repeated_refusal_is_final():
    challenge = www(realm="r", nonce="n", qop="auth")
    first = ask(401, challenge)[0][0]
    lines, notes = ask(401, challenge, sent=first.encode() + b"\r\n")
    assert lines == []
    assert notes["refused"] == 1


@pytest.mark.parametrize("again", [www(realm="r", nonce="n", stale="true"), www(realm="r", nonce="other")])
def test_a_stale_or_changed_nonce_is_answered_once_more(again):
    first = ask(401, www(realm="r", nonce="n"))[0][0]
    (second,), notes = ask(401, again, sent=first.encode() + b"\r\n")
    assert verify(second, "INVITE", password="secret")
    third = again.replace("other", "third")
    assert ask(401, third, sent=second.encode() + b"\r\n", retried=notes["retried"])[1]["refused"] == 1


def test_a_realm_that_refuses_ends_it_for_all():
    first = ask(401, www(realm="r", nonce="n"))[0][0]
    lines, notes = ask(401, www(realm="r", nonce="n"), www(realm="new", nonce="m"), sent=first.encode() + b"\r\n")
    assert lines == []
    assert notes["refused"] == 1


def test_answers_to_401_and_then_407_stand_together():
    first = ask(401, www(realm="r", nonce="n", qop="auth", opaque="o"))[0][0]
    lines, notes = ask(407, www(realm="r", nonce="p").replace("WWW", "Proxy"), sent=first.encode() + b"\r\n")
    assert [line.split(":")[0] for line in lines] == ["Authorization", "Proxy-Authorization"]
    assert all(verify(line, "INVITE", password="secret") for line in lines)
    assert parameters(lines[0])["nc"] == "00000002"          # the nonce is used again
    assert parameters(lines[0])["cnonce"] != parameters(first)["cnonce"]
    assert notes["answered"] == 1


def test_the_request_uri_is_hashed_as_it_is_sent():
    uri = b"sip:%61lice@EXAMPLE.net;Transport=udp;x=\"?a=b"
    line, = ask(401, www(realm="r", nonce="n"), uri=uri)[0]
    assert verify(line, "INVITE", password="secret", uri=uri.decode())


PIECES = st.binary(max_size=20) | st.sampled_from([
    b"Digest ", b"Basic ", b'realm="r"', b'nonce="n"', b'qop="auth"', b"algorithm=", b"SHA-256", b"MD5", b", ", b'"',
    b"\\", b"=", b"stale=true", b"opaque=", b" ", b"\r\n "])


@given(st.lists(st.lists(PIECES, max_size=12).map(b"".join), max_size=12), st.lists(PIECES, max_size=12).map(b"".join))
def test_any_octets(challenges, sent):
    lines = [b"WWW-Authenticate: " + challenge for challenge in challenges]
    text = reply(401).replace(b"Content-Length", b"\r\n".join([*lines, b"Content-Length"]))
    written, notes = answers(text, [SECRET], METHOD, URI, sent=b"Authorization: " + sent + b"\r\n")
    assert written.count(b"\r\n") == written.count(b"\n") >= notes["answered"]
    assert (written == b"") == (notes["answered"] == 0)
