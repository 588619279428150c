import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uacfast.testing.leaves import md5_pieces

# RFC 1321 §A.5
RFC_1321 = {
    b"": b"d41d8cd98f00b204e9800998ecf8427e",
    b"a": b"0cc175b9c0f1b6a831c399e269772661",
    b"abc": b"900150983cd24fb0d6963f7d28e17f72",
    b"message digest": b"f96b697d7cb7938d525a2f31aaf161d0",
    b"abcdefghijklmnopqrstuvwxyz": b"c3fcd3d76192e4007dfb496cca67e13b",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789": b"d174ab98d277d9f5a5611c2c9f419d9f",
    b"1234567890" * 8: b"57edf4a22be3c955ac49da2e2107b67a",
}


@pytest.mark.parametrize(("text", "digest"), RFC_1321.items())
def test_rfc_1321(text, digest):
    assert md5_pieces([text]) == digest


def test_every_length_round_the_block():
    for length in range(200):
        text = bytes(range(256))[:length]
        assert md5_pieces([text]) == hashlib.md5(text).hexdigest().encode()


@given(pieces=st.lists(st.binary(max_size=150), max_size=8))
def test_pieces_digest_like_the_whole(pieces):
    assert md5_pieces(pieces) == hashlib.md5(b"".join(pieces)).hexdigest().encode()
