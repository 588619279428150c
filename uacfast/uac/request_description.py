"""$uac_req(...): the description of a request to be sent (uac-semantics §6)."""
import logging

logger = logging.getLogger("uacfast.uac")

# key: longest value in octets
TEXTS = {
    "method": 31, "ruri": 1023, "turi": 1023, "furi": 1023, "ouri": 1023, "sock": 1023, "hdrs": 2047, "body": 32767,
    "callid": 127, "auser": 127, "apasswd": 63, "evparam": 127, "ftag": 127, "ttag": 127,
}
NUMBERS = ("flags", "evroute", "evcode", "evtype", "cseqno", "fr_timeout", "fr_inv_timeout")
FLAG_HA1 = 1            # flags: apasswd is an HA1
# Texts that become part of a line: a line end in them would begin another header.
ONE_LINE = frozenset(TEXTS) - {"hdrs", "body"}


class RequestDescription:
    """One request's parts by Kamailio's names: attributes, "" and 0 where nothing is set.

    It stays as it is when the request is sent. Times are milliseconds.
    """

    __slots__ = (*TEXTS, *NUMBERS)

    def __init__(self, **values: str | int):
        """ValueError, a sentence, for a key that does not exist and a value that it cannot have."""
        self.clear()
        for key, value in values.items():
            problem = self.problem(key, value)
            if problem:
                raise ValueError(problem)
            setattr(self, key, value)

    def __repr__(self) -> str:
        return f"<RequestDescription {self.method} {self.ruri}>"

    def clear(self) -> None:
        """Everything, user name and password too (uac-semantics §10 row 12)."""
        for key in TEXTS:
            setattr(self, key, "")
        for key in NUMBERS:
            setattr(self, key, 0)

    def copy(self) -> "RequestDescription":
        """A description of the same request."""
        other = RequestDescription()
        other.assign(self)
        return other

    def assign(self, other: "RequestDescription") -> None:
        """Take over all values of another."""
        for key in self.__slots__:
            setattr(self, key, getattr(other, key))

    @staticmethod
    def problem(key: str, value: object) -> str:
        """Why the key cannot have this value, in a sentence that does not show it; "" when it can."""
        if key in NUMBERS:
            return "" if isinstance(value, int) else f"$uac_req({key}) is a number."
        if key not in TEXTS:
            return f"$uac_req({key}) does not exist; there are {', '.join((*TEXTS, *NUMBERS))} and all."
        if not isinstance(value, str):
            return f"$uac_req({key}) is a text."
        octets = len(value.encode("utf-8", "surrogateescape"))
        if octets > TEXTS[key]:
            return f"$uac_req({key}) can have {TEXTS[key]} octets, not {octets}."
        if key in ONE_LINE and ("\r" in value or "\n" in value):
            return f"$uac_req({key}) cannot have a line end."
        return ""

    def get(self, key: str) -> str | int | None:
        """A text, None when it is not set; a number, 0 when it is not set. KeyError when there is no such key."""
        if key in TEXTS:
            return getattr(self, key) or None
        if key == "all":
            return self.flags
        if key in NUMBERS:
            return getattr(self, key)
        raise KeyError(key)

    def set(self, key: str, value: str | int | None) -> bool:
        """Set, or with None clear; `all` can only be cleared. False, logged and nothing changed, when impossible."""
        if value is None:
            if key == "all":
                self.clear()
            elif key in TEXTS or key in NUMBERS:
                setattr(self, key, "" if key in TEXTS else 0)
            else:
                logger.error("%s", self.problem(key, value))
                return False
            return True
        problem = self.problem(key, value)
        if problem:
            logger.error("%s It stays as it was.", problem)
            return False
        setattr(self, key, value)
        return True
