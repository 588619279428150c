import base64
import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.uac.rr_param import URI_MAX, decode, encode

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "rr-param-vectors.json").read_text())["vectors"]
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


# === The codec in plain Python, from its description; oracle of the properties below ===

def xor_password(text, password):
    return bytes(octet ^ password[i % len(password)] for i, octet in enumerate(text)) if password else text


def plain_encode(original, replacement, password):
    length = max(len(original), len(replacement))
    text = bytes(a ^ b for a, b in zip(original.ljust(length, b"\0"), replacement.ljust(length, b"\0"), strict=True))
    return base64.b64encode(xor_password(text, password)).replace(b"=", b"-")


def plain_decode(value, current, password):
    stripped = value.rstrip(b"-")
    if not stripped or any(chr(octet) not in ALPHABET for octet in stripped):
        return None
    bits = "".join(f"{ALPHABET.index(chr(octet)):06b}" for octet in stripped)
    length = 6 * len(value) // 8 - (len(value) - len(stripped))
    if length <= 0:
        return None
    text = xor_password(bytes(int(bits[8 * i:8 * i + 8], 2) for i in range(length)), password)
    if len(text) < len(current) or len(text) > URI_MAX:
        return None
    uri = bytes(a ^ b for a, b in zip(text, current, strict=False))
    uri = uri[:uri.index(0)] if 0 in uri else uri + text[len(current):]
    return uri if uri and all(0x20 <= octet <= 0x7e for octet in uri) else None


# === Captured values ===

def arguments(vector):
    return [vector[name].encode("latin-1") for name in ("original_uri", "replacement_uri", "password", "value")]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_captured_values(vector):
    original, replacement, password, value = arguments(vector)
    assert encode(original, replacement, password) == value
    assert encode(replacement, original, password) == value
    assert decode(value, original, password) == vector["in_dialog_downstream_uri"].encode("latin-1") == replacement
    assert decode(value, replacement, password) == vector["in_dialog_upstream_uri"].encode("latin-1") == original


def test_all_captured_values_are_here():
    assert len(VECTORS) == 35


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_stripped_padding_is_tolerated(vector):
    original, replacement, password, value = arguments(vector)
    assert decode(value.rstrip(b"-"), original, password) == replacement
    assert decode(value.rstrip(b"-"), replacement, password) == original


# === The failure catalogue: From of a dialog with password "secret" ===

VSF = b"c2VjcmV2dWhGU25jfHF+cXUpPmNgBAQYGgE-"
ALICE, ANON, PASSWORD = b"sip:alice@example.com", b"sip:anon@anonymous.invalid", b"secret"


def test_the_undisturbed_dialog():
    assert encode(ALICE, ANON, PASSWORD) == VSF
    assert decode(VSF, ALICE, PASSWORD) == ANON


@pytest.mark.parametrize("current", [b"sip:al@example.com", ANON + b".and.more.than.was.stored"],
                         ids=["shortened", "longer than the payload"])
def test_a_changed_uri_is_not_restored(current):
    assert decode(VSF, current, PASSWORD) is None


def test_a_changed_uri_of_the_same_length_gives_garbage():
    # Kamailio sends it; the check that the result is a URI lies with the caller.
    assert decode(VSF, b"sip:bobby@example.com", PASSWORD) == b"sip:bmdo\\anonymous.invalid"


@pytest.mark.parametrize("value", [
    b"", b"-", b"----", b"A", b"-" * 40, b"A" + b"-" * 39, VSF[:-1] + b"=", VSF[:24], b" " + VSF, VSF + b" ",
    VSF[:10] + b"-" + VSF[11:], VSF[:10] + b"*" + VSF[11:], VSF[:10] + b"\0" + VSF[11:], VSF[:10] + b"\xc3" + VSF[11:],
    b'"' + VSF + b'"', b"=" * 36, b"_" * 36,
])
def test_a_damaged_value_is_not_restored(value):
    assert decode(value, ALICE, PASSWORD) is None


def test_the_wrong_password_is_not_restored():
    assert decode(VSF, ALICE) is None
    assert decode(VSF, ALICE, b"Secret") is None


def test_equal_uris():
    assert decode(encode(ALICE, ALICE), ALICE) == ALICE
    assert encode(ALICE, ALICE, b"key") == base64.b64encode(b"key" * 7)


def test_octets_that_are_not_printable_are_not_restored():
    umlaut = "sip:jürgen@example.com".encode()
    value = encode(umlaut, ALICE)
    assert decode(value, umlaut) == ALICE
    assert decode(value, ALICE) is None


def test_the_longest_uri():
    longest = b"sip:" + b"u" * (URI_MAX - 4)
    value = encode(longest, ALICE, PASSWORD)
    assert len(value) == 1368
    assert decode(value, ALICE, PASSWORD) == longest
    assert decode(value, longest, PASSWORD) == ALICE
    assert decode(value, longest + b"u", PASSWORD) is None
    for original, replacement in ((longest + b"u", ALICE), (ALICE, longest + b"u")):
        with pytest.raises(ValueError, match="1025 octets"):
            encode(original, replacement)


def test_a_value_too_long_for_any_uri_is_not_restored():
    assert decode(base64.b64encode(b"u" * (URI_MAX + 1)).replace(b"=", b"-"), b"") is None
    assert decode(b"A" * 100_000, ALICE) is None
    assert decode(b"A" * 20 + b"-" * 100_000, b"") is None


uris = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7e), min_size=1, max_size=80).map(str.encode)
passwords = st.one_of(st.just(b""), st.binary(min_size=1, max_size=100))


@given(uris, uris, passwords)
def test_either_uri_gives_the_other(original, replacement, password):
    value = encode(original, replacement, password)
    assert value == plain_encode(original, replacement, password)
    assert decode(value, original, password) == replacement
    assert decode(value, replacement, password) == original


@given(st.text(ALPHABET + "-=~", max_size=60).map(str.encode), st.one_of(uris, st.binary(max_size=40)), passwords)
def test_any_value_decodes_like_the_description(value, current, password):
    assert decode(value, current, password) == plain_decode(value, current, password)


@given(uris, uris, passwords, st.data())
def test_a_cut_or_changed_value_decodes_like_the_description(original, replacement, password, data):
    value = bytearray(encode(original, replacement, password))
    del value[data.draw(st.integers(0, len(value))):]
    if value:
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.sampled_from(ALPHABET.encode() + b"-="))
    assert decode(bytes(value), original, password) == plain_decode(bytes(value), original, password)
