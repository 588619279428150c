"""Imports run downwards only: docs/architecture.md says which room may use which."""
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "uacfast"
# A room, and what it may import beside itself; the files of the package itself may import every room but testing.
MAY_IMPORT = {
    "leaves": set(),
    "config": {"routing", "store"},
    "sip": {"leaves"},
    "transport": {"leaves"},
    "tm": {"leaves", "sip", "transport"},
    "proxy": {"leaves", "sip", "transport", "tm"},
    "uac": {"leaves", "sip", "transport", "tm", "proxy"},
    "store": set(),
    "routing": {"leaves", "sip", "transport", "tm", "proxy", "uac"},
    "control": {"store"},
    "testing": {"assembly", "config", "leaves", "sip", "transport", "tm", "proxy", "uac", "routing"},
}
EVERYWHERE = {"fault", "log"}        # files of the package that stand below all rooms
IMPORT = re.compile(r"^\s*(?:from|c?import)\s+uacfast(?:\.([\w.]+))?(?:\s+c?import\s+\(?([\w, ]*))?", re.MULTILINE)


def imports(path):
    """The dotted names below `uacfast` that a file imports."""
    for module, names in IMPORT.findall(path.read_text(encoding="utf-8")):
        yield from [module] if module else [name.strip() for name in names.split(",") if name.strip()]


def files(folder):
    """The sources of a room, those of its inner folders too; of the package itself only what lies at the top."""
    found = folder.iterdir() if folder == PACKAGE else folder.rglob("*")
    return [path for path in found if path.suffix in (".py", ".pyx", ".pxd")]


def test_every_room_is_known():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and files(path)}
    assert rooms == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_room_imports_downwards(room):
    allowed = {room, *MAY_IMPORT[room], *EVERYWHERE}
    wrong = [f"{path.relative_to(PACKAGE)} imports uacfast.{name}" for path in files(PACKAGE / room)
             for name in imports(path)
             if not any(name == other or name.startswith(f"{other}.") for other in allowed)]
    assert wrong == []


def test_running_program_does_not_import_testing():
    assert [path.name for path in files(PACKAGE) if any(name.startswith("testing") for name in imports(path))] == []


@pytest.mark.parametrize("line,found", [
    ("from uacfast.tm.table cimport Branch", ["tm.table"]), ("import uacfast.log", ["log"]),
    ("from uacfast import log, messages", ["log", "messages"]), ("    cimport uacfast.sip.message", ["sip.message"]),
    ("# from the other side", []),
])
def test_imports_are_found(tmp_path, line, found):
    path = tmp_path / "x.pyx"
    path.write_text(line + "\n")
    assert list(imports(path)) == found
