import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.sip.digest import challenge, challenges, credentials, ha1, response

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "auth-vectors.json").read_text())
COMPUTED = [vector for vector in VECTORS["computed"] if not vector["algorithm"].endswith("-sess")]
SESSION = [vector for vector in VECTORS["computed"] if vector["algorithm"].endswith("-sess")]
HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def octets(text):
    return None if text is None else text.encode("latin-1")


def computed(vector, **more):
    secret = ha1(*(octets(vector[name]) for name in ("username", "realm", "password")), vector["algorithm"])
    assert secret == octets(vector["ha1_hex"])
    parts = (octets(vector[name]) for name in ("nonce", "method", "uri", "qop", "nc", "cnonce"))
    return response(secret, *parts, algorithm=vector["algorithm"], **more)


@pytest.mark.parametrize("vector", COMPUTED, ids=lambda vector: f"{vector['algorithm']} qop={vector['qop']}")
def test_computed_vectors(vector):
    assert computed(vector) == octets(vector["response"])


@pytest.mark.parametrize("vector", SESSION, ids=lambda vector: vector["algorithm"])
def test_session_vectors(vector):
    assert computed(vector) == octets(vector["response_hex_digest_variant"])
    assert computed(vector, raw_session=True) == octets(vector["response_raw_digest_variant"])


def test_both_forms_are_among_the_vectors():
    assert {(vector["algorithm"], vector["qop"]) for vector in COMPUTED} == {
        (algorithm, qop) for algorithm in ("MD5", "SHA-256") for qop in (None, "auth")}
    assert len(SESSION) == 1


def sent(vector, name):
    """A parameter of the captured header, as octets; None when it is not there. (The user name may hold quotes.)"""
    found = re.search(rf', {name}=(?:"([^"]*)"|([^", ]+))', vector["emitted_header"])
    return octets(found.group(1) if found.group(1) is not None else found.group(2)) if found else None


# RFC-consistent answers in which nothing needs to be unescaped.
OBSERVED = [vector for vector in VECTORS["observed"]
            if vector["emitted_header"] and vector.get("rfc_consistent") and "\\" not in vector["emitted_header"]]


@pytest.mark.parametrize("vector", OBSERVED, ids=lambda vector: vector["title"])
def test_observed_answers(vector):
    secret = octets(vector["secret"])
    if not vector["secret_is_ha1"]:
        secret = ha1(octets(vector["username"]), sent(vector, "realm"), secret)
    assert response(secret, sent(vector, "nonce"), octets(vector["method"]), sent(vector, "uri"),
                    *(sent(vector, name) for name in ("qop", "nc", "cnonce"))) == octets(vector["response"])


def test_enough_observed_answers():
    assert len(OBSERVED) >= 20


def test_rfc_2617_section_3_5():
    secret = ha1(b"Mufasa", b"testrealm@host.com", b"Circle Of Life")
    assert secret == b"939e7578ed9e3c518a452acee763bce9"
    assert response(secret, b"dcd98b7102dd2f0e8b11d0f600bfb0c093", b"GET", b"/dir/index.html", b"auth", b"00000001",
                    b"0a4f113b") == b"6629fae49393a05397450978507c4ef1"


# RFC 7616 §3.9.1.
RFC_7616 = {
    "MD5": (b"Mufasa", b"Circle of Life", b"http-auth@example.org", b"/dir/index.html",
            b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            b"8ca523f5e9506fed4657c9700eebdbec"),
    "SHA-256": (b"Mufasa", b"Circle of Life", b"http-auth@example.org", b"/dir/index.html",
                b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
}


@pytest.mark.parametrize("algorithm", RFC_7616)
def test_rfc_7616_section_3_9_1(algorithm):
    username, password, realm, uri, nonce, cnonce, expected = RFC_7616[algorithm]
    secret = ha1(username, realm, password, algorithm)
    assert response(secret, nonce, b"GET", uri, b"auth", b"00000001", cnonce, algorithm=algorithm) == expected


@pytest.mark.parametrize("session", [False, True])
@pytest.mark.parametrize("algorithm", HASHES)
@given(*[st.binary(max_size=90)] * 9)
def test_against_the_formula(algorithm, session, username, realm, password, nonce, method, uri, nc, cnonce, body):
    def digest(*parts):
        return hashlib.new(HASHES[algorithm], b":".join(parts)).hexdigest().encode()

    name = algorithm + "-sess" * session
    first = secret = ha1(username, realm, password, name)
    assert secret == digest(username, realm, password)
    if session:
        first = digest(secret, nonce, cnonce)
    assert response(secret, nonce, method, uri, None, None, cnonce, algorithm=name) \
        == digest(first, nonce, digest(method, uri))
    assert response(secret, nonce, method, uri, b"auth", nc, cnonce, algorithm=name, body=body) \
        == digest(first, nonce, nc, cnonce, b"auth", digest(method, uri))
    assert response(secret, nonce, method, uri, b"auth-int", nc, cnonce, algorithm=name, body=body) \
        == digest(first, nonce, nc, cnonce, b"auth-int", digest(method, uri, digest(body)))


def test_what_cannot_be_answered():
    secret = ha1(b"a", b"b", b"c")
    with pytest.raises(ValueError, match="qop=auth"):
        response(secret, b"n", b"INVITE", b"sip:a", b"auth-conf", b"00000001", b"c")
    with pytest.raises(ValueError, match="nc and cnonce"):
        response(secret, b"n", b"INVITE", b"sip:a", b"auth", None, b"c")
    with pytest.raises(ValueError, match="nc and cnonce"):
        response(secret, b"n", b"INVITE", b"sip:a", b"auth", b"00000001")
    with pytest.raises(ValueError, match="hexadecimal"):
        response(b"secret", b"n", b"INVITE", b"sip:a")
    with pytest.raises(ValueError, match="hexadecimal"):
        response(secret, b"n", b"INVITE", b"sip:a", algorithm="SHA-256")
    with pytest.raises(ValueError, match="give cnonce"):
        response(secret, b"n", b"INVITE", b"sip:a", algorithm="MD5-sess")
    with pytest.raises(ValueError, match="SHA-512-256"):
        ha1(b"a", b"b", b"c", "SHA-1")
    with pytest.raises(TypeError):
        ha1(None, b"b", b"c")


# --- parsing ---

def test_a_whole_challenge():
    assert challenge(b'digest\r\n Realm = "r r" , nonce="n",domain="sip:a",opaque="o",qop="auth , auth-int",'
                     b'algorithm=sha-512-256-SESS, stale=TRUE, charset=UTF-8, other="x, y"') == {
        "realm": b"r r", "nonce": b"n", "domain": b"sip:a", "opaque": b"o", "qop": b"auth , auth-int",
        "algorithm": "SHA-512-256-sess", "stale": True}


@pytest.mark.parametrize(("algorithm", "read"), [
    (b"", "MD5"), (b", algorithm=md5", "MD5"), (b', algorithm="MD5"', "MD5"), (b", algorithm=MD5-sess", "MD5-sess"),
    (b", algorithm=SHA-256", "SHA-256"), (b", algorithm=SHA-1", None), (b", algorithm=", None),
])
def test_algorithms(algorithm, read):
    assert challenge(b'Digest realm="r", nonce="n"' + algorithm)["algorithm"] == read


@pytest.mark.parametrize("value", [
    b"", b"Digest", b"Digest ", b"Basic realm=\"r\"", b'Digest realm="r"', b'Digest nonce="n"',
    b'Digest realm="", nonce="n"', b'Digest realm="r", nonce=""', b'Digest realm=r, nonce="n"',
    b'Digest realm="r", nonce=n', b'Digest realm="r", nonce="n',
    b'Digest realm="r", nonce="n", opaque=o', b'Digest realm="r", nonce="n", stale=maybe',
    b'Digest realm="r", nonce="n", qop="auth-conf"', b'Digest realm="r" nonce="n"', b'Digest realm="r", nonce="n", x',
    b'Digest realm="a\\"b", nonce="n"', b'Digest realm="a\r\n b", nonce="n"', b'Digest realm="a\0b", nonce="n"',
    b'Digestrealm="r", nonce="n"', b'Digest =, realm="r", nonce="n"',
])
def test_unusable_challenges(value):
    assert challenge(value) is None


def test_empty_opaque_and_qop_are_absent():
    found = challenge(b'Digest realm="r", nonce="n", opaque="", qop=""')
    assert "opaque" not in found
    assert found["qop"] == b""


def test_backslashes_are_kept_as_they_are():
    assert challenge(b'Digest realm="a\\\\b", nonce="\\n"')["realm"] == b"a\\\\b"


CREDENTIALS = (b'Digest username="a\\"b", realm="r", nonce="n", uri="sip:x@y;a=b,c", response="0f", qop=auth, '
               b'nc=00000001, cnonce="c", algorithm=SHA-256, opaque="o"')


def test_whole_credentials():
    assert credentials(CREDENTIALS) == {
        "username": b'a\\"b', "realm": b"r", "nonce": b"n", "uri": b"sip:x@y;a=b,c", "response": b"0f", "qop": b"auth",
        "nc": b"00000001", "cnonce": b"c", "algorithm": "SHA-256", "opaque": b"o"}


@pytest.mark.parametrize("part", [b'username="a\\"b", ', b'realm="r", ', b'nonce="n", ', b'uri="sip:x@y;a=b,c", ',
                                  b'response="0f", ', b"nc=00000001, ", b'cnonce="c", '])
def test_credentials_that_lack_something(part):
    assert part in CREDENTIALS
    assert credentials(CREDENTIALS.replace(part, b"")) is None


@pytest.mark.parametrize(("value", "apart"), [
    (b'Digest realm="a", nonce="1"', [b'Digest realm="a", nonce="1"']),
    (b'Digest realm="a,Digest realm=b", nonce="1", Digest realm="b",nonce="2"',
     [b'Digest realm="a,Digest realm=b", nonce="1"', b'Digest realm="b",nonce="2"']),
    (b'Basic realm="a" , ,Digest realm = "b", nonce = "2"', [b'Basic realm="a"', b'Digest realm = "b", nonce = "2"']),
    (b'Digest realm="a", nonce="1", qop="auth,auth-int"', [b'Digest realm="a", nonce="1", qop="auth,auth-int"']),
    (b" , ", []), (b"", []),
])
def test_challenges_on_one_line(value, apart):
    assert challenges(value) == apart


@given(st.binary(max_size=200))
def test_any_octets(octets):
    challenge(octets)
    credentials(octets)
    challenges(octets)
    challenge(b"Digest " + octets)
