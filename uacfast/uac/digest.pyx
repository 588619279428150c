"""The client's side of HTTP digest with MD5 (RFC 2617 §3.2.2, RFC 7616 §3.4): HA1 and the response."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from uacfast.leaves.md5 cimport md5_add, md5_end, md5_hex, md5_start, md5_state

cdef enum:
    DIGEST = 16
    HEX = 32


cdef inline void add(md5_state *md5, bytes text) noexcept:
    md5_add(md5, PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text))


cdef inline void add_after_colon(md5_state *md5, bytes text) noexcept:
    md5_add(md5, b":", 1)
    add(md5, text)


cdef inline void end_hex(md5_state *md5, char *hex) noexcept:
    cdef uint8_t[DIGEST] digest
    md5_end(md5, digest)
    md5_hex(digest, hex)


def ha1(bytes username not None, bytes realm not None, bytes password not None):
    """MD5(username:realm:password) as 32 lower-case hexadecimal digits (RFC 2617 §3.2.2.2, algorithm MD5).

    Octets as they are inside the quotes of the header, escapes removed.
    """
    cdef md5_state md5
    cdef char[HEX] hex
    md5_start(&md5)
    add(&md5, username)
    add_after_colon(&md5, realm)
    add_after_colon(&md5, password)
    end_hex(&md5, hex)
    return PyBytes_FromStringAndSize(hex, HEX)


def response(bytes ha1 not None, bytes nonce not None, bytes method not None, bytes uri not None,
             bytes qop=None, bytes nc=None, bytes cnonce=None):
    """The `response` of an Authorization header as 32 hexadecimal digits (RFC 2617 §3.2.2.1).

    `ha1` is what ha1() returns. Without `qop` this is the form of RFC 2069; with qop=b"auth", `nc` is the eight digits
    of the header and `cnonce` its text. ValueError when these do not fit together. qop=auth-int is not computed.
    """
    cdef md5_state md5
    cdef char[HEX] ha2
    cdef char[HEX] hex
    if PyBytes_GET_SIZE(ha1) != HEX:
        raise ValueError(f"HA1 has {len(ha1)} octets; give the {HEX} hexadecimal digits of MD5(user:realm:password).")
    if qop is not None:
        if qop != b"auth":
            raise ValueError("Only qop=auth can be answered; choose it from the challenge, or answer without qop.")
        if nc is None or cnonce is None:
            raise ValueError("qop=auth needs a nonce count and a client nonce; give nc and cnonce.")
    md5_start(&md5)
    add(&md5, method)
    add_after_colon(&md5, uri)
    end_hex(&md5, ha2)

    md5_start(&md5)
    add(&md5, ha1)
    add_after_colon(&md5, nonce)
    if qop is not None:
        add_after_colon(&md5, nc)
        add_after_colon(&md5, cnonce)
        add_after_colon(&md5, qop)
    md5_add(&md5, b":", 1)
    md5_add(&md5, ha2, HEX)
    end_hex(&md5, hex)
    return PyBytes_FromStringAndSize(hex, HEX)
