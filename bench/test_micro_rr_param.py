"""The Record-Route parameter: encoded for each INVITE with a replaced From, decoded for each in-dialog request."""
from uacfast.testing.loops import rr_decode_loop, rr_encode_loop
from uacfast.uac.rr_param import encode

ORIGINAL, REPLACEMENT = b"sip:+498912345678@pbx.customer.example", b"sip:anon@edge.example"


def test_rr_param_encode(per_operation):
    expected = 1000 * len(encode(ORIGINAL, REPLACEMENT))
    assert per_operation(rr_encode_loop, ORIGINAL, REPLACEMENT, b"") == expected


def test_rr_param_encode_with_password(per_operation):
    expected = 1000 * len(encode(ORIGINAL, REPLACEMENT, b"secret"))
    assert per_operation(rr_encode_loop, ORIGINAL, REPLACEMENT, b"secret") == expected


def test_rr_param_decode(per_operation):
    value = encode(ORIGINAL, REPLACEMENT)
    assert per_operation(rr_decode_loop, value, REPLACEMENT, b"") == 1000 * len(ORIGINAL)


def test_rr_param_decode_with_password(per_operation):
    value = encode(ORIGINAL, REPLACEMENT, b"secret")
    assert per_operation(rr_decode_loop, value, REPLACEMENT, b"secret") == 1000 * len(ORIGINAL)
