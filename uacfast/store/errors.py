"""What a database could not do, in a sentence."""


class StoreError(Exception):
    """A database call that failed; its text is a sentence without secrets.

    away: True when the database cannot be reached or the connection broke, so that a later call may succeed as it is;
    False when an operator has to change something first (a table, a permission, the URL).
    """

    def __init__(self, sentence: str, away: bool = False) -> None:
        super().__init__(sentence)
        self.away = away
