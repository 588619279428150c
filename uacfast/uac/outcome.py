"""How a request of our own ended."""
from uacfast.sip.inspect import header_id, scan


class Outcome:
    """How a request of our own ended.

    `codes`: the status of each attempt, the challenge's first when one was answered; `code`: the last one.
    `timed_out`: it is ours (408: no reply, 478: no address for the name, 503: it cannot be delivered), and there is no
    message.
    """

    def __init__(self, codes: tuple[int, ...], octets: bytes | None):
        self.codes = codes
        self.code = codes[-1]
        self.octets = octets
        self.timed_out = octets is None

    def __repr__(self) -> str:
        return f"<Outcome {' '.join(map(str, self.codes))}{' (no reply)' if self.timed_out else ''}>"

    @property
    def reason(self) -> str:
        """The reason phrase; "" without a message."""
        if self.octets is None:
            return ""
        return self.octets.partition(b"\r\n")[0].decode("utf-8", "replace").partition(" ")[2].partition(" ")[2]

    @property
    def body(self) -> bytes:
        """The message body; empty without a message."""
        return b"" if self.octets is None else self.octets.partition(b"\r\n\r\n")[2]

    def header(self, name: str) -> str | None:
        """The first value of a header field, its compact form included; None when there is none."""
        if self.octets is None:
            return None
        octets, wanted = name.encode(), header_id(name.encode())
        for line in scan(self.octets)["headers"]:
            if line["id"] == wanted if wanted else line["name"].lower() == octets.lower():
                return line["value"].decode("utf-8", "surrogateescape")
        return None
