# cython: boundscheck=True, wraparound=True
"""{s.md5}, {s.encode.…}, {s.escape.…} and their kin: digests and codings of octets. What cannot be decoded is null."""
import base64
import binascii
import hashlib
import json

cdef bytes BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
cdef enum:
    BASE58_MAX = 1024            # octets: its cost grows with the square

cdef bytes ALPHANUMERIC = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# RFC 3261 §25.1: unreserved, and what user and parameters may have beside it.
cdef frozenset USER = frozenset(ALPHANUMERIC + b"-_.!~*'()" + b"&=+$,;?/")
cdef frozenset PARAMETER = frozenset(ALPHANUMERIC + b"-_.!~*'()" + b"[]/:&+$")
cdef frozenset URL = frozenset(ALPHANUMERIC + b"-_.~")


def md5(bytes value):
    return hashlib.md5(value, usedforsecurity=False).hexdigest().encode()


def sha256(bytes value):
    return hashlib.sha256(value).hexdigest().encode()


def sha384(bytes value):
    return hashlib.sha384(value).hexdigest().encode()


def sha512(bytes value):
    return hashlib.sha512(value).hexdigest().encode()


def encode_hexadecimal(bytes value):
    return value.hex().encode()


def decode_hexadecimal(bytes value):
    try:
        return binascii.unhexlify(value)
    except binascii.Error:
        return None


def encode_base64(bytes value):
    return base64.b64encode(value)


def encode_base64_short(bytes value):
    return base64.b64encode(value).rstrip(b"=")


def encode_base64_url(bytes value):
    return base64.urlsafe_b64encode(value)


def encode_base64_url_short(bytes value):
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def decode_base64(bytes value):
    return strictly_decoded(value, None)


def decode_base64_short(bytes value):
    return strictly_decoded(padded(value), None)


def decode_base64_url(bytes value):
    return strictly_decoded(value, b"-_")


def decode_base64_url_short(bytes value):
    return strictly_decoded(padded(value), b"-_")


cdef bytes padded(bytes value):
    return value + b"=" * ((4 - len(value) % 4) % 4)


cdef object strictly_decoded(bytes value, bytes other):
    if other is not None and (b"+" in value or b"/" in value):
        return None              # the other alphabet's, which the library lets pass
    try:
        return base64.b64decode(value, altchars=other, validate=True)
    except binascii.Error:
        return None


def encode_base58(bytes value):
    if len(value) > BASE58_MAX:
        return None
    number = int.from_bytes(value, "big")
    digits = bytearray()
    while number:
        number, digit = divmod(number, 58)
        digits.append(BASE58[digit])
    digits.extend(BASE58[:1] * (len(value) - len(value.lstrip(b"\0"))))
    digits.reverse()
    return bytes(digits)


def decode_base58(bytes value):
    if len(value) > BASE58_MAX:
        return None
    number = 0
    for octet in value:
        digit = BASE58.find(octet)
        if digit < 0:
            return None
        number = number * 58 + digit
    zeros = len(value) - len(value.lstrip(BASE58[:1]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def escape_common(bytes value):
    """A backslash before quotes, backslashes and zero octets, as for a database."""
    return (value.replace(b"\\", b"\\\\").replace(b"'", b"\\'").replace(b'"', b'\\"').replace(b"\0", b"\\0"))


def unescape_common(bytes value):
    cdef bytearray out = bytearray()
    cdef Py_ssize_t at = 0
    while at < len(value):
        if value[at] == c'\\' and at + 1 < len(value) and value[at + 1] in b"'\"\\0":
            at += 1
            out.append(0 if value[at] == c'0' else value[at])
        else:
            out.append(value[at])
        at += 1
    return bytes(out)


def escape_csv(bytes value):
    return b'"' + value.replace(b'"', b'""') + b'"'


cdef object percent_encoded(bytes value, frozenset kept):
    return b"".join([b"%c" % octet if octet in kept else b"%%%02x" % octet for octet in value])


def escape_user(bytes value):
    return percent_encoded(value, USER) if is_printable(value) else None


def escape_parameter(bytes value):
    return percent_encoded(value, PARAMETER) if is_printable(value) else None


cdef bint is_printable(bytes value):
    return all([32 <= octet < 127 for octet in value])


def unescape(bytes value):
    return percent_decoded(value)


cdef object percent_decoded(bytes value):
    cdef list pieces = value.split(b"%")
    cdef bytes piece
    cdef list out = [pieces[0]]
    for piece in pieces[1:]:
        try:
            out.append(binascii.unhexlify(piece[:2]))
        except binascii.Error:
            return None
        if len(piece) < 2:
            return None
        out.append(piece[2:])
    return b"".join(out)


def url_encode(bytes value):
    return percent_encoded(value, URL)


def url_decode(bytes value):
    return percent_decoded(value.replace(b"+", b" "))


def escape_json(bytes value):
    """What stands between the quotes of a JSON string."""
    return json.dumps(value.decode("utf-8", "replace"), ensure_ascii=False)[1:-1].encode()


OPERATIONS = {
    "s.md5": ("", md5), "s.sha256": ("", sha256), "s.sha384": ("", sha384), "s.sha512": ("", sha512),
    "s.encode.hexa": ("", encode_hexadecimal), "s.decode.hexa": ("", decode_hexadecimal),
    "s.encode.base64": ("", encode_base64), "s.decode.base64": ("", decode_base64),
    "s.encode.base64t": ("", encode_base64_short), "s.decode.base64t": ("", decode_base64_short),
    "s.encode.base64url": ("", encode_base64_url), "s.decode.base64url": ("", decode_base64_url),
    "s.encode.base64urlt": ("", encode_base64_url_short), "s.decode.base64urlt": ("", decode_base64_url_short),
    "s.encode.base58": ("", encode_base58), "s.decode.base58": ("", decode_base58),
    "s.escape.common": ("", escape_common), "s.unescape.common": ("", unescape_common),
    "s.escape.csv": ("", escape_csv), "s.escape.user": ("", escape_user), "s.unescape.user": ("", unescape),
    "s.escape.param": ("", escape_parameter), "s.unescape.param": ("", unescape),
    "s.urlencode.param": ("", url_encode), "s.urldecode.param": ("", url_decode), "val.json": ("", escape_json),
}
