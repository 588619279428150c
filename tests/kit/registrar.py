"""A registrar that challenges and accepts, or does what the test tells it to, in a thread of its own."""

import re
import socket
import threading
import time
from collections import Counter

CHALLENGE = 'Digest realm="sip.example.org", nonce="{}", qop="auth"'


def field(octets, name):
    """The value of a header field, "" when there is none."""
    found = re.search(rf"^{name}: (.*?)\r$", octets.decode(), re.MULTILINE)
    return found[1] if found else ""


class Registrar:
    """`requests`: all REGISTERs in order. `script[user]`: list of (status, header lines) for the next REGISTERs of that
    To user; None as an entry: no answer. Otherwise 401 and, with credentials, 200 with the time asked for."""

    def __init__(self, port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.requests = []
        self.branches = Counter()
        self.script = {}
        self.granted = None
        self.silent = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def uri(self):
        return f"sip:127.0.0.1:{self.port}"

    @property
    def repeated(self):
        """REGISTERs that came again."""
        return sum(self.branches.values()) - len(self.branches)

    def of(self, user):
        """The REGISTERs for this To user."""
        return [octets for octets in self.requests if field(octets, "To").startswith(f"<sip:{user}@")]

    def wait_for(self, condition, timeout=15.0, what="the registrar"):
        """Until condition(self) holds; AssertionError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition(self):
            assert time.monotonic() < deadline, f"{what}: not within {timeout} s, {len(self.requests)} REGISTERs came"
            time.sleep(0.01)

    def close(self):
        self.socket.close()
        self._thread.join(2)

    def _serve(self):
        while True:
            try:
                octets, source = self.socket.recvfrom(65535)
            except OSError:
                return
            self.branches[re.search(r"branch=([^;\r]+)", octets.decode())[1]] += 1
            self.requests.append(octets)
            answer = None if self.silent else self._answer(octets)
            if answer is not None:
                status, lines = answer
                kept = [
                    line
                    for line in octets.decode().split("\r\n")
                    if line.split(":")[0] in ("Via", "To", "From", "CSeq", "Call-ID")
                ]
                reply = "\r\n".join([f"SIP/2.0 {status} Reason", *kept, *lines, "Content-Length: 0", "", ""])
                try:
                    self.socket.sendto(reply.encode(), source)
                except OSError:
                    return

    def _answer(self, octets):
        user = re.search(r"<sip:(.*?)@", field(octets, "To"))[1]
        if self.script.get(user):
            return self.script[user].pop(0)
        if not field(octets, "Authorization"):
            return 401, ["WWW-Authenticate: " + CHALLENGE.format(f"n{len(self.requests)}")]
        expires = field(octets, "Expires") if self.granted is None else self.granted
        return 200, [f"Contact: {field(octets, 'Contact')};expires={expires}"]
