"""The digest response: computed for each 401 or 407 of a carrier and for each REGISTER."""
import hashlib

import pytest

from uacfast.sip.digest import ha1
from uacfast.testing.loops import digest_response_loop

HASHES = {"MD5": "md5", "MD5-sess": "md5", "SHA-256": "sha256", "SHA-256-sess": "sha256", "SHA-512-256": "sha512_256",
          "SHA-512-256-sess": "sha512_256"}


@pytest.mark.parametrize("algorithm", HASHES)
def test_response(per_operation, algorithm):
    def hexadecimal(*parts):
        return hashlib.new(HASHES[algorithm], b":".join(parts)).hexdigest().encode()

    secret = ha1(b"trunk", b"trunk.example", b"s3cret", algorithm)
    nonce, count, client_nonce = b"5f3c0b1d2e4a6b8c9d0e1f2a3b4c5d6e", b"00000001", b"0a1b2c3d"
    first = hexadecimal(secret, nonce, client_nonce) if algorithm.endswith("-sess") else secret
    second = hexadecimal(b"INVITE", b"sip:+493012345678@edge.example")
    expected = hexadecimal(first, nonce, count, client_nonce, b"auth", second)
    arguments = (secret, nonce, b"INVITE", b"sip:+493012345678@edge.example", count, client_nonce, algorithm)
    guide = 1000 if algorithm == "MD5" else None
    assert per_operation(digest_response_loop, *arguments, guide_ns=guide) == expected
