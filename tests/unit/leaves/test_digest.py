import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.uac.digest import ha1, response

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "auth-vectors.json").read_text())
COMPUTED = [vector for vector in VECTORS["computed"] if vector["algorithm"] == "MD5"]


def octets(text):
    return None if text is None else text.encode("latin-1")


@pytest.mark.parametrize("vector", COMPUTED, ids=lambda vector: f"qop={vector['qop']}")
def test_computed_vectors(vector):
    secret = ha1(octets(vector["username"]), octets(vector["realm"]), octets(vector["password"]))
    assert secret == octets(vector["ha1_hex"])
    assert response(secret, *(octets(vector[name]) for name in ("nonce", "method", "uri", "qop", "nc", "cnonce"))) \
        == octets(vector["response"])


def test_both_forms_are_among_the_vectors():
    assert {vector["qop"] for vector in COMPUTED} == {None, "auth"}


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


@given(*[st.binary(max_size=90)] * 8)
def test_against_the_formula(username, realm, password, nonce, method, uri, nc, cnonce):
    def md5(*parts):
        return hashlib.md5(b":".join(parts)).hexdigest().encode()

    secret = ha1(username, realm, password)
    assert secret == md5(username, realm, password)
    assert response(secret, nonce, method, uri) == md5(secret, nonce, md5(method, uri))
    assert response(secret, nonce, method, uri, b"auth", nc, cnonce) \
        == md5(secret, nonce, nc, cnonce, b"auth", md5(method, uri))


def test_what_cannot_be_answered():
    secret = ha1(b"a", b"b", b"c")
    with pytest.raises(ValueError, match="qop=auth"):
        response(secret, b"n", b"INVITE", b"sip:a", b"auth-int", b"00000001", b"c")
    with pytest.raises(ValueError, match="nc and cnonce"):
        response(secret, b"n", b"INVITE", b"sip:a", b"auth", None, b"c")
    with pytest.raises(ValueError, match="nc and cnonce"):
        response(secret, b"n", b"INVITE", b"sip:a", b"auth", b"00000001")
    with pytest.raises(ValueError, match="hexadecimal"):
        response(b"secret", b"n", b"INVITE", b"sip:a")
    with pytest.raises(TypeError):
        ha1(None, b"b", b"c")
