"""Rows, responses and a scripted registrar for the tests of registrations."""

import re
from itertools import count

from uacfast.testing.registrations import VirtualRegistrations

_numbers = count(1)
CHALLENGE = 'Digest realm="sip.example.org", nonce="nonce1", opaque="oo", qop="auth"'


def row(l_uuid="acc1", **columns):
    """A row of uacreg, 16 columns in their order."""
    values = {
        "l_uuid": l_uuid,
        "l_username": "alice",
        "l_domain": "local.example.com",
        "r_username": "ok",
        "r_domain": "127.0.0.1:15075",
        "realm": "",
        "auth_username": "aok",
        "auth_password": "secret",
        "auth_ha1": "",
        "auth_proxy": "sip:127.0.0.1:15075",
        "expires": 360,
        "flags": 0,
        "reg_delay": 0,
        "contact_addr": "",
        "socket": "",
        "contact_user": "",
    }
    return list((values | columns).values())


def header(octets, name):
    """The value of a header field of a request, None when it has none."""
    found = re.search(rf"^{name}: (.*?)\r$", octets.decode(), re.MULTILINE)
    return found and found[1]


def reply(request, status, *headers):
    """A response to a REGISTER of ours; `headers` are lines without CRLF."""
    lines = [line for line in request.decode().split("\r\n") if line.split(":")[0] in ("To", "From", "CSeq", "Call-ID")]
    lines = [f"SIP/2.0 {status} Reason", f"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{next(_numbers)}", *lines, *headers]
    return ("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()


class Accounts(VirtualRegistrations):
    """Registrations with a registrar whose answers the test gives one by one."""

    def load(self, *rows):
        """Load rows, all of which must be usable, and let their first attempts begin."""
        assert self.management.rows(list(rows)) == []
        self.advance(10)

    def one(self):
        """The only REGISTER that was sent: (tag, octets)."""
        ((tag, octets, _destination, _socket),) = self.take()
        return tag, octets

    def answer(self, sent, status, *headers):
        self.respond(sent[0], status, reply(sent[1], status, *headers))

    def challenge(self, sent, value=CHALLENGE, status=401):
        """Answer with a challenge; the REGISTER that follows."""
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        self.answer(sent, status, f"{name}: {value}")
        return self.one()

    def accept(self, sent, expires=360):
        """200 with the Contact that was sent."""
        self.answer(sent, 200, f"Contact: {header(sent[1], 'Contact')};expires={expires}")

    def register(self, *, expires=360, **columns):
        """Load one row and accept its registration."""
        self.load(row(**columns))
        sent = self.one()
        self.accept(sent, expires)
        return sent

    def flags(self, l_uuid="acc1"):
        return self.management.info(l_uuid)["flags"]

    def state(self, l_uuid="acc1"):
        return self.management.explain(l_uuid)["state"]

    def seconds_to_next(self, limit=100_000):
        """Let time pass until the next REGISTER is there; seconds that it took."""
        began = self.now
        while not self.sender.sent:
            assert self.now - began < limit * 1000, "no REGISTER came"
            self.jump(100)
        return (self.now - began) / 1000
