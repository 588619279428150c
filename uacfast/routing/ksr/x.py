"""KSR.x: leaving a callback (kemi-python.md §1.3)."""
from typing import NoReturn

from uacfast.routing.script_exit import ScriptDrop, ScriptExit


class XModule:

    def __init__(self, runtime: object) -> None:
        pass

    def exit(self) -> NoReturn:
        """End the callback."""
        raise ScriptExit

    def drop(self) -> NoReturn:
        """End the callback, and do not send on what it is about."""
        raise ScriptDrop
