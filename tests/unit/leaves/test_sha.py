import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.testing.leaves import sha256_pieces, sha512_256_pieces

HASHES = {"sha256": sha256_pieces, "sha512_256": sha512_256_pieces}
# FIPS 180-4's examples: one block, two blocks, the empty text.
KNOWN = [
    ("sha256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("sha256", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ("sha256", b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("sha512_256", b"abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
    ("sha512_256", b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
     b"mnopqrstnopqrstu", "3928e184fb8690f840da3988121d31be65cb9d3ef83ee6146feac861e19b563a"),
    # RFC 7616 §3.9.2, the userhash as its erratum 4897 corrects it.
    ("sha512_256", "Jäsøn Doe:api@example.org".encode(),
     "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"),
    ("sha512_256", b"", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"),
]


@pytest.mark.parametrize(("name", "text", "digest"), KNOWN)
def test_known_answers(name, text, digest):
    assert HASHES[name]([text]).hex() == digest


@pytest.mark.parametrize("name", HASHES)
def test_a_million_octets(name):
    assert HASHES[name]([b"a" * 1000] * 1000) == hashlib.new(name, b"a" * 1_000_000).digest()


@pytest.mark.parametrize("name", HASHES)
def test_every_length_round_the_block(name):
    for length in range(400):
        text = (bytes(range(256)) * 2)[:length]
        assert HASHES[name]([text]) == hashlib.new(name, text).digest()


@pytest.mark.parametrize("name", HASHES)
@given(pieces=st.lists(st.binary(max_size=300), max_size=8))
def test_pieces_digest_like_the_whole(name, pieces):
    assert HASHES[name](pieces) == hashlib.new(name, b"".join(pieces)).digest()
