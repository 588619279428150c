"""What a command answers when it cannot do what it was asked: a code and a sentence, on every transport alike."""


class Fault(Exception):
    """Raised by commands of the RPC, of workers and of the control part.

    `code` is SIP-like (400 wrong arguments, 404 not found, 500 cannot be done), 1-65535; `message` is a sentence.
    """

    def __init__(self, code: int, message: str):
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


class Unreachable(Fault):
    """The other side of a call has gone or does not answer in time."""

    def __init__(self, message: str):
        super().__init__(503, message)
        self.args = (message,)      # how it is made again when it is copied
