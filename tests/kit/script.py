"""Scripts for tests: the text of methods becomes a file, and an engine in memory runs it."""
from __future__ import annotations

import textwrap
from itertools import count
from pathlib import Path

from kit.memory import MemoryProxy

HEAD = """
import sys
import KSR

SEEN = []


def mod_init():
    return Script()


class Script:
    def child_init(self, rank):
        self.rank = rank
        return 0

    def seen(self, *what):
        SEEN.append(what if len(what) != 1 else what[0])

"""
# What an edge does before it decides: CANCEL, copies, ACK, requests within dialogs.
BASICS = """
def basics(self):
    if KSR.is_CANCEL():
        if KSR.tm.t_check_trans() > 0:
            KSR.tm.t_relay()
        return True
    if KSR.tm.t_check_trans() == 0:
        return True
    if KSR.siputils.has_totag() > 0:
        if KSR.rr.loose_route() > 0:
            KSR.tm.t_relay()
        elif KSR.is_ACK():
            if KSR.tm.t_check_trans() > 0:
                KSR.tm.t_relay()
        else:
            KSR.sl.sl_send_reply(404, "Not here")
        return True
    return False
"""
LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'
_numbers = count(1)


def script_text(methods: str) -> str:
    """A whole script with these methods of its object, and basics()."""
    return HEAD + textwrap.indent(textwrap.dedent(BASICS), "    ") + textwrap.indent(textwrap.dedent(methods), "    ")


def write_script(directory: Path, methods: str, name: str = "") -> Path:
    """The file of such a script, under a name that no other test uses."""
    path = directory / f"{name or f'edge{next(_numbers)}'}.py"
    path.write_text(script_text(methods))
    return path


class ScriptedProxy(MemoryProxy):
    """A MemoryProxy whose script has these methods; `seen` is what it noted with self.seen()."""

    def __init__(self, directory: Path, methods: str, config: str = "", **options: object):
        self.path = write_script(directory, methods)
        listen = "" if "[[listen]]" in config else LISTEN
        super().__init__(f'[script]\nfile = "{self.path}"\nwatchdog_seconds = 0\n{config}\n{listen}', **options)

    @property
    def script(self) -> object:
        return self.engine.script.handler

    @property
    def seen(self) -> list:
        return self.script.ksr_request_route.__globals__["SEEN"]

    def rewrite(self, methods: str) -> None:
        """Have another text stand in the file."""
        self.path.write_text(script_text(methods))

    def reload(self) -> None:
        self.engine.commands["app_python.reload"]()
