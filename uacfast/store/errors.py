"""What a database could not do, in a sentence."""
import os


class StoreError(Exception):
    """A database call that failed; its text is a sentence without secrets.

    away: True when the database cannot be reached or the connection broke, so that a later call may succeed as it is;
    False when an operator has to change something first (a table, a permission, the URL).
    """

    def __init__(self, sentence: str, away: bool = False) -> None:
        super().__init__(sentence)
        self.away = away


def system_reason(error: OSError) -> str:
    """Why a system call failed: "Connection refused"; asyncio's own texts are made for programmers."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
