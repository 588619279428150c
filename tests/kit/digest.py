"""Digest authentication as a server checks it, with hashlib alone: shares nothing with the program under test."""

from __future__ import annotations

import hashlib
import re

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def parameters(line: str) -> dict[str, str]:
    """Parameters of an Authorization, Proxy-Authorization or challenge line; quoted values without quotes and escapes."""
    found = {}
    for name, quoted, bare in re.findall(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', line.partition(" Digest ")[2]):
        found[name.lower()] = bare or quoted
    return found


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def expected_response(
    fields: dict[str, str], method: str, *, password: str = "", ha1: str | None = None, body: bytes = b""
) -> str:
    """The response that these credentials must have (RFC 7616 section 3.4)."""
    name = fields.get("algorithm", "MD5")

    def digest(*parts: str | bytes) -> str:
        octets = b":".join(part.encode("latin-1") if isinstance(part, str) else part for part in parts)
        return hashlib.new(HASHES[name.removesuffix("-sess")], octets).hexdigest()

    first = ha1 or digest(unescaped(fields["username"]), fields["realm"], password)
    if name.endswith("-sess"):
        first = digest(first, fields["nonce"], fields["cnonce"])
    qop = fields.get("qop")
    second = [method, unescaped(fields["uri"])] + ([digest(body)] if qop == "auth-int" else [])
    middle = [fields["nc"], fields["cnonce"], qop] if qop else []
    return digest(first, fields["nonce"], *middle, digest(*second))


def verify(
    line: str,
    method: str,
    *,
    password: str = "",
    ha1: str | None = None,
    body: bytes = b"",
    uri: str | None = None,
) -> bool:
    """Whether the credentials are right, and for this Request-URI when one is given."""
    fields = parameters(line)
    if uri is not None and unescaped(fields["uri"]) != uri:
        return False
    return fields["response"] == expected_response(fields, method, password=password, ha1=ha1, body=body)
