"""The digest response: computed for each 401 or 407 of a carrier and for each REGISTER."""
import hashlib

from uacfast.testing.loops import md5_response_loop
from uacfast.uac.digest import ha1


def hexadecimal(text):
    return hashlib.md5(text).hexdigest().encode()


def test_md5_response(per_operation):
    first = ha1(b"trunk", b"trunk.example", b"s3cret")
    second = hexadecimal(b"INVITE:sip:+493012345678@edge.example")
    nonce, count, client_nonce = b"5f3c0b1d2e4a6b8c9d0e1f2a3b4c5d6e", b"00000001", b"0a1b2c3d"
    expected = hexadecimal(b":".join((first, nonce, count, client_nonce, b"auth", second)))
    arguments = (first, nonce, b"INVITE", b"sip:+493012345678@edge.example", count, client_nonce)
    assert per_operation(md5_response_loop, *arguments, guide_ns=1000) == expected
