"""Digest authentication as a server checks it, with hashlib alone: shares nothing with the program under test."""

from __future__ import annotations

import hashlib
import re

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def parameters(line: str) -> dict[str, str]:
    """Parameters of an Authorization, Proxy-Authorization or challenge line; quoted values without their quotes."""
    found = {}
    pairs = re.findall(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', line.partition(" Digest ")[2])
    for name, quoted, bare in pairs:
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


class Realm:
    """One realm of a verifying server: challenges, and checks what comes back.

    `users`: {name: password}; `nonce_uses`: how often a nonce may be used, None: for ever. With `fresh` each challenge
    has a new nonce.
    """

    def __init__(
        self,
        realm: str = "carrier.example",
        users: dict[str, str] | None = None,
        *,
        status: int = 407,
        algorithms: tuple[str | None, ...] = ("MD5",),
        qop: str | None = "auth",
        opaque: str | None = None,
        fresh: bool = True,
        nonce_uses: int | None = None,
    ) -> None:
        self.realm, self.status, self.algorithms, self.qop, self.opaque = realm, status, algorithms, qop, opaque
        self.users = {"trunk": "s3cret"} if users is None else users
        self.fresh, self.nonce_uses = fresh, nonce_uses
        self.counts: dict[str, int] = {}
        self.cnonces: set[str] = set()
        self.verified = 0

    def _nonce(self) -> str:
        if self.fresh or not self.counts:
            self.counts[f"{self.realm}-{len(self.counts)}"] = 0
        return list(self.counts)[-1]

    def challenge(self, stale: bool = False) -> tuple[str, ...]:
        """Header lines without their ends, one for each algorithm."""
        name = "WWW-Authenticate" if self.status == 401 else "Proxy-Authenticate"
        nonce = self._nonce()
        lines = []
        for algorithm in self.algorithms:
            line = f'{name}: Digest realm="{self.realm}", nonce="{nonce}"'
            line += f', opaque="{self.opaque}"' if self.opaque else ""
            line += f', qop="{self.qop}"' if self.qop else ""
            line += f", algorithm={algorithm}" if algorithm else ""
            lines.append(line + (", stale=true" if stale else ""))
        return tuple(lines)

    def check(self, request) -> tuple[str, ...] | None:
        """None when the request's credentials for this realm are right, else the challenge lines of the answer."""
        name = "Authorization" if self.status == 401 else "Proxy-Authorization"
        for value in request.all(name):
            fields = parameters(f"{name}: {value}")
            if fields.get("realm") != self.realm:
                continue
            password = self.users.get(unescaped(fields["username"]))
            if fields["nonce"] not in self.counts:
                return self.challenge(stale=True)
            if password is None or not verify(
                f"{name}: {value}", request.method, password=password, body=request.body, uri=request.request_uri
            ):
                return self.challenge()
            if "nc" in fields:
                count = int(fields["nc"], 16)
                if count <= self.counts[fields["nonce"]] or self.nonce_uses is not None and count > self.nonce_uses:
                    return self.challenge(stale=True)
                assert fields["cnonce"] not in self.cnonces
                self.cnonces.add(fields["cnonce"])
                self.counts[fields["nonce"]] = count
            self.verified += 1
            return None
        return self.challenge()
